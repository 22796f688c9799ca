//! Whether this node's sign log holds all that it has signed: what peers have heard of it is compared.
//!
//! In: statements of validators as they come; at the start of a channel, what peers say they heard from
//! this node. Out: own statements for the signer to look at, which stops when it does not know one: then
//! the log is an old copy, or another process uses the key. Deliberately not here: the comparison (the
//! guard), what follows from it (the signer).

use super::ChannelHandle;
use super::actor::Command;
use super::serve::check_statement;
use super::while_joined;
use host_types::Epoch;
use host_types::message::{FetchReply, FetchRequest};
use host_types::statement::Statement;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Epochs of which the newest statements are kept.
const EPOCHS_KEPT: usize = 2;
/// How often a peer is asked that does not answer, and the pause between: a minute in all, in which
/// peers that start together find each other.
const ATTEMPTS: u32 = 300;
const PAUSE: Duration = Duration::from_millis(200);
/// How long a channel waits at its start for what the others heard, before it signs: once they are
/// connected they answer at once, and without them nothing becomes final.
pub const WAIT: Duration = Duration::from_secs(1);

/// The newest statement of each validator, by epoch.
#[derive(Debug, Default)]
pub struct Heard(Mutex<BTreeMap<Epoch, BTreeMap<u16, Statement>>>);

/// The highest view that a statement is about.
pub(super) fn view(statement: &Statement) -> u64 {
    statement.slots.iter().map(|slot| slot.view.get()).max().unwrap_or_default()
}

impl Heard {
    /// Remembers a statement whose signature is checked, when it is the newest of its signer.
    pub fn note(&self, statement: &Statement) {
        let mut epochs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_epoch = epochs.entry(statement.epoch).or_default();
        let is_news =
            of_epoch.get(&statement.signer).is_none_or(|old| view(old) <= view(statement));
        if is_news {
            of_epoch.insert(statement.signer, statement.clone());
        }
        while epochs.len() > EPOCHS_KEPT {
            epochs.pop_first();
        }
    }

    /// The newest statement of a validator.
    #[must_use]
    pub fn newest(&self, epoch: Epoch, signer: u16) -> Option<Statement> {
        let epochs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        epochs.get(&epoch)?.get(&signer).cloned()
    }
}

/// Asks every other validator for this node's newest statement, each until it answers. What they show is
/// sent on as it comes; the sender is gone once all have answered.
pub fn compare(channel: &ChannelHandle, shown: &mpsc::Sender<Statement>) {
    let Some(me) = channel.me() else { return };
    let count = u16::try_from(channel.epoch().validators.all().len()).unwrap_or(u16::MAX);
    for other in (0..count).filter(|other| *other != me) {
        let asking = ask(channel.clone(), me, other, shown.clone());
        tokio::spawn(while_joined(channel.joined(), asking));
    }
}

async fn ask(channel: ChannelHandle, me: u16, other: u16, shown: mpsc::Sender<Statement>) {
    let links = &channel.parts().links;
    for _ in 0..ATTEMPTS {
        let request = FetchRequest::Newest { epoch: channel.epoch().epoch, signer: me };
        if let Some(node) = links.validator(other)
            && let Some((_, FetchReply::Newest(newest))) = links.fetch(Some(node), &request).await
        {
            let Some(statement) = newest.map(|newest| *newest) else { return };
            if is_own(&channel, me, &statement)
                && let Err(late) = shown.send(statement).await
            {
                channel.tell(Command::Shown(Box::new(late.0))).await;
            }
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn is_own(channel: &ChannelHandle, me: u16, statement: &Statement) -> bool {
    statement.signer == me && check_statement(channel, statement) == Ok(true)
}

/// Hands a statement to the signer when it is this node's and its signature is right.
pub async fn show(channel: &ChannelHandle, me: u16, statement: Statement) {
    if is_own(channel, me, &statement) {
        channel.tell(Command::Shown(Box::new(statement))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::statement::Slot;
    use host_types::{Hash32, View};

    fn statement(epoch: u64, signer: u16, view: u64) -> Statement {
        let slot = Slot { view: View::new(view), class: 1, digest: Hash32::ZERO };
        let (slots, body) = (vec![slot], vec![]);
        Statement { epoch: Epoch::new(epoch), signer, slots, body, signature: [0; 64] }
    }

    #[test]
    fn the_newest_of_each_validator_is_kept_for_two_epochs() {
        let heard = Heard::default();
        for (epoch, signer, view) in
            [(0, 1, 9), (1, 1, 5), (1, 1, 7), (1, 1, 6), (1, 2, 3), (2, 1, 1)]
        {
            heard.note(&statement(epoch, signer, view));
        }
        let newest = |epoch, signer| heard.newest(Epoch::new(epoch), signer).map(|s| view(&s));
        assert_eq!(newest(0, 1), None, "too long ago");
        assert_eq!(newest(1, 1), Some(7));
        assert_eq!(newest(1, 2), Some(3));
        assert_eq!(newest(2, 1), Some(1));
        assert_eq!(newest(2, 9), None);
    }
}
