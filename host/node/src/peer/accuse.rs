//! Puts evidence that this node keeps on the chain.
//!
//! In: what the channel's book of evidence gains. Out: `system.evidence` transactions of this node, for
//! registers that the chain does not hold yet. Nodes find the same evidence at the same time, so each
//! waits for its turn first and says nothing when another was faster: one transaction is the rule.
//! Deliberately not here: finding evidence (the rule), checking it (`host_core::system::evidence`).

use super::node::Node;
use super::readiness::Stored;
use crate::channel::ChannelHandle;
use host_core::system::evidence::{is_fresh, is_news};
use host_core::system::system_name;
use host_types::change::SystemCall;
use host_types::evidence::Register;
use host_types::statement::Statement;
use host_types::{Code, Rejection};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// One turn: in this time a transaction comes into a block, and the next node sees it there.
const TURN: Duration = Duration::from_millis(500);
/// What did not come into a block is said again after so long.
const REPEAT: Duration = Duration::from_secs(10);

/// Follows one channel as long as the node runs.
pub async fn follow(node: Arc<Node>, channel: ChannelHandle) {
    let mut news = channel.parts().evidence.watch();
    let mut due: BTreeMap<Register, Instant> = BTreeMap::new();
    let mut given_up = BTreeSet::new();
    loop {
        news.mark_unchanged();
        let mut wanted = wanted(&channel);
        wanted.retain(|register, _| !given_up.contains(register));
        due.retain(|register, _| wanted.contains_key(register));
        for (register, statements) in wanted {
            let at = due
                .entry(register)
                .or_insert_with(|| Instant::now() + TURN * turn(&channel, &register));
            if *at > Instant::now() {
                continue;
            }
            *at = Instant::now() + REPEAT;
            if let Err(rejection) = say(&node, &channel, statements).await
                && !rejection.code.is_retryable()
                // It may be renewed while the evidence still counts.
                && rejection.code != Code::CertificateExpired
            {
                tracing::info!(code = %rejection.code, ?register, "evidence was not taken: {}", rejection.message);
                given_up.insert(register);
            }
        }
        let next = due.values().min().copied();
        tokio::select! {
            changed = news.changed() => if changed.is_err() { return },
            () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
        }
    }
}

/// What the chain would take and does not hold.
fn wanted(channel: &ChannelHandle) -> BTreeMap<Register, [Statement; 2]> {
    let state = Stored(channel.reader().clone());
    let present = channel.epoch().epoch;
    let pairs = channel.parts().evidence.pairs().into_iter();
    pairs.filter(|(r, _)| is_fresh(r.epoch, present) && is_news(&state, r)).collect()
}

/// How many others go first: validators take turns, who only follows goes last.
fn turn(channel: &ChannelHandle, register: &Register) -> u32 {
    let count = u64::try_from(channel.epoch().validators.all().len()).unwrap_or(u64::MAX);
    let place = channel.me().map_or(count, |me| {
        // Not always the same one: it could be the cheat, or down.
        (u64::from(me) + register.view.get() % count) % count
    });
    u32::try_from(place).unwrap_or(u32::MAX)
}

async fn say(
    node: &Node,
    channel: &ChannelHandle,
    statements: [Statement; 2],
) -> Result<(), Rejection> {
    let call = SystemCall::Evidence { statements: Box::new(statements) };
    let target = (system_name(), call.method().to_owned());
    let tx = node.identity.sign(channel.parts().hash, target, call.args())?;
    channel.intake().submit(tx).await
}
