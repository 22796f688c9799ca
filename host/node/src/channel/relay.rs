//! Statements of a flat group go to the others through one of its members, as bundles.
//!
//! In: own statements; those that members of the group hand over; bundles that show own ones. Out: what to
//! send, and when to look again. A statement that its author does not see in a bundle in time goes to all
//! directly, as do those of the next views. Nobody is trusted: whoever gets a statement checks its
//! signature, whichever way it came. Deliberately not here: what statements say, proposals and helper
//! messages (they go directly), checking what is handed over (`serve`). On when the channel's parameter
//! `relay` is `on` (`docs/spec/channels-toml.md`).

use super::evidence::EpochSource;
use super::links::{Lane, Links};
use super::{epochs::Own, own_words};
use bytes::Bytes;
use host_core::effect::To;
use host_types::epoch::EpochConfig;
use host_types::limits::BUNDLE_STATEMENTS_MAX;
use host_types::message::PeerMessage;
use host_types::statement::Statement;
use host_types::{Encode, Epoch};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a relay waits for statements of other members: less than a sync of a disk.
const GATHER: Duration = Duration::from_millis(1);
/// Own statements under way through a relay. More go directly.
const HANDED_MAX: usize = 256;
/// Δ0 where the channel names none: the default of rule `lft`.
const DELTA_DEFAULT_MS: u64 = 500;
/// Views of direct sending after a relay failed, for each validator.
const DIRECT_ROUNDS: u64 = 2;

/// This node in its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The epoch.
    pub epoch: Epoch,
    /// This node.
    pub me: u16,
    /// All members, this node too, in the order of the set.
    pub members: Vec<u16>,
    /// Validators of the channel.
    pub validators: u64,
    /// How long to wait for a bundle that shows an own statement.
    pub wait: Duration,
}

impl Site {
    /// None when the channel wants no relay, when this node is no validator, and when its group is not
    /// flat or has no other member.
    #[must_use]
    pub fn of(config: &EpochConfig, me: u16) -> Option<Self> {
        let parameter = |name: &str| {
            let found = config.rule.parameters.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str())
        };
        if !matches!(parameter("relay"), Some("on" | "true")) {
            return None;
        }
        let set = &config.validators;
        let own = set.get(me)?;
        if set.unit_of(own).is_some() {
            return None;
        }
        let members = (0..).zip(set.all()).filter(|(_, other)| other.group == own.group);
        let members: Vec<u16> = members.map(|(index, _)| index).collect();
        let delta = parameter("delta").and_then(|text| text.parse().ok());
        let wait = Duration::from_millis(delta.unwrap_or(DELTA_DEFAULT_MS) / 2);
        let validators = set.all().len() as u64;
        (members.len() > 1).then_some(Self { epoch: config.epoch, me, members, validators, wait })
    }
}

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// To a member, who sends it on.
    Hand(u16, Statement),
    /// To all.
    Bundle(Vec<Statement>),
    /// To all, alone.
    Direct(Statement),
}

impl Say {
    fn message(self) -> (To, PeerMessage) {
        match self {
            Self::Hand(relay, statement) => (To::Validator(relay), PeerMessage::Handed(statement)),
            Self::Bundle(statements) => (To::All, PeerMessage::Bundle(statements)),
            Self::Direct(statement) => (To::All, PeerMessage::Statement(statement)),
        }
    }
}

/// What is under way. Times are since any moment that stays the same.
#[derive(Debug, Default)]
pub struct Courier {
    /// Own statements that no bundle showed yet, by signature, and until when that may take.
    handed: BTreeMap<[u8; 64], (Statement, Site, Duration)>,
    gathered: Vec<Statement>,
    gather_until: Option<Duration>,
    /// No relay up to this view of this epoch.
    direct: Option<(Epoch, u64)>,
}

impl Courier {
    /// Sends an own statement.
    pub fn own(
        &mut self,
        now: Duration,
        statement: &Statement,
        site: &Site,
        is_connected: impl Fn(u16) -> bool,
    ) -> Vec<Say> {
        let direct = vec![Say::Direct(statement.clone())];
        let others = site.members.iter().any(|member| *member != site.me && is_connected(*member));
        // What is said again while it is under way is missing somewhere.
        let is_under_way = self.handed.contains_key(&statement.signature);
        let is_full = self.handed.len() >= HANDED_MAX;
        if !others || is_under_way || is_full || self.is_direct(statement) {
            return direct;
        }
        let mut members = site.members.iter().copied();
        match members.find(|member| *member == site.me || is_connected(*member)) {
            None => direct,
            Some(relay) if relay == site.me => self.gather(now, statement, site),
            Some(relay) => {
                let due = (statement.clone(), site.clone(), now + site.wait);
                self.handed.insert(statement.signature, due);
                vec![Say::Hand(relay, statement.clone())]
            }
        }
    }

    /// Takes a checked statement that another member hands over; false when it is not its own or it is
    /// none of this group.
    #[must_use]
    pub fn may_hand(site: &Site, from: Option<u16>, statement: &Statement) -> bool {
        from == Some(statement.signer)
            && statement.epoch == site.epoch
            && statement.signer != site.me
            && site.members.contains(&statement.signer)
    }

    /// Keeps it for the next bundle, or sends that.
    pub fn gather(&mut self, now: Duration, statement: &Statement, site: &Site) -> Vec<Say> {
        self.gathered.push(statement.clone());
        let is_whole = site
            .members
            .iter()
            .all(|member| self.gathered.iter().any(|statement| statement.signer == *member));
        if is_whole || self.gathered.len() >= BUNDLE_STATEMENTS_MAX {
            return self.bundle();
        }
        self.gather_until.get_or_insert(now + GATHER);
        Vec::new()
    }

    fn bundle(&mut self) -> Vec<Say> {
        self.gather_until = None;
        let statements = std::mem::take(&mut self.gathered);
        if statements.is_empty() { Vec::new() } else { vec![Say::Bundle(statements)] }
    }

    /// A bundle shows an own statement: all have it, or will. False when nobody waits for that.
    pub fn confirm(&mut self, statement: &Statement) -> bool {
        self.handed.remove(&statement.signature).is_some()
    }

    /// What is due.
    pub fn tick(&mut self, now: Duration) -> Vec<Say> {
        let is_due = self.gather_until.is_some_and(|until| until <= now);
        let mut say = if is_due { self.bundle() } else { Vec::new() };
        for (_, (statement, site, _)) in self.handed.extract_if(.., |_, (.., due)| *due <= now) {
            let until = own_words::view(&statement) + DIRECT_ROUNDS * site.validators;
            self.direct = self.direct.max(Some((statement.epoch, until)));
            say.push(Say::Direct(statement));
        }
        say
    }

    /// When something is due.
    #[must_use]
    pub fn next(&self) -> Option<Duration> {
        let handed = self.handed.values().map(|(.., due)| *due).min();
        [self.gather_until, handed].into_iter().flatten().min()
    }

    fn is_direct(&self, statement: &Statement) -> bool {
        let view = own_words::view(statement);
        self.direct.is_some_and(|(epoch, until)| epoch == statement.epoch && view <= until)
    }
}

/// The courier of one channel, with clock and links.
pub struct Relay {
    own: Own,
    epochs: EpochSource,
    links: Arc<dyn Links>,
    started: Instant,
    desk: Mutex<Desk>,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Relay of {}", self.own.name)
    }
}

impl Relay {
    /// That of a channel.
    #[must_use]
    pub fn new(own: Own, epochs: EpochSource, links: Arc<dyn Links>) -> Arc<Self> {
        Arc::new(Self { own, epochs, links, started: Instant::now(), desk: Mutex::default() })
    }

    fn site(&self) -> Option<Site> {
        let epochs = (self.epochs)();
        let config = &epochs.current().config;
        Site::of(config, self.own.index(&config.validators)?)
    }

    /// Sends an own statement to all; false when it has to go directly.
    pub fn take(self: &Arc<Self>, statement: &Statement) -> bool {
        let Some(site) = self.site() else { return false };
        if statement.signer != site.me || statement.epoch != site.epoch {
            return false;
        }
        let epochs = (self.epochs)();
        let set = &epochs.current().config.validators;
        let is_connected = |index| set.get(index).is_some_and(|v| self.links.is_connected(&v.name));
        self.act(|courier, now| courier.own(now, statement, &site, is_connected));
        true
    }

    /// Sends on what a member of the group hands over, its signature being checked; false when it may not.
    pub fn hand(self: &Arc<Self>, from: Option<u16>, statement: &Statement) -> bool {
        let Some(site) = self.site() else { return false };
        if !Courier::may_hand(&site, from, statement) {
            return false;
        }
        self.act(|courier, now| courier.gather(now, statement, &site));
        true
    }

    /// A bundle shows an own statement. False when nobody waits for that.
    pub fn confirm(&self, statement: &Statement) -> bool {
        lock(&self.desk).courier.confirm(statement)
    }

    /// Does something, sends what comes of it, and looks again when something is due.
    fn act(self: &Arc<Self>, work: impl FnOnce(&mut Courier, Duration) -> Vec<Say>) {
        let now = self.started.elapsed();
        let (say, wake) = {
            let mut desk = lock(&self.desk);
            let say = work(&mut desk.courier, now);
            (say, desk.schedule())
        };
        for (to, message) in say.into_iter().map(Say::message) {
            self.links.send(Lane::Consensus, to, Bytes::from(message.to_bytes()));
        }
        let Some(wake) = wake else { return };
        let relay = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(wake.saturating_sub(now)).await;
            lock(&relay.desk).woken(wake);
            relay.act(tick);
        });
    }
}

/// What is due now; it is told when a relay was silent.
fn tick(courier: &mut Courier, now: Duration) -> Vec<Say> {
    let say = courier.tick(now);
    if say.iter().any(|one| matches!(one, Say::Direct(_))) {
        tracing::info!(
            event = "relay.silent",
            "the relay of the group sent nothing on in time: no relay for some views"
        );
    }
    say
}

/// A courier, and for when somebody sleeps to look at it again.
#[derive(Debug, Default)]
struct Desk {
    courier: Courier,
    asleep: Option<Duration>,
}

impl Desk {
    /// When somebody new has to wake, because nobody wakes by then.
    fn schedule(&mut self) -> Option<Duration> {
        let next = self.courier.next()?;
        let is_news = self.asleep.is_none_or(|wakes| next < wakes);
        is_news.then(|| *self.asleep.insert(next))
    }

    fn woken(&mut self, at: Duration) {
        if self.asleep == Some(at) {
            self.asleep = None;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
