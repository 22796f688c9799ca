//! Puts the root of this node's trail on the chain.
//!
//! In: how far the trail of a channel goes, how far the chain knows it. Out: one `system.trail`
//! transaction every [`EVERY`] at most, and none while there is nothing new: what it costs a channel is
//! bounded by its nodes, whatever auditors read. Deliberately not here: the trail (`trail`), what the chain
//! takes (`host_core::system::trail`).

use super::node::Node;
use super::readiness::Stored;
use crate::channel::ChannelHandle;
use crate::trail::Reached;
use host_core::system::system_name;
use host_core::system::trail::trail_of;
use host_types::change::SystemCall;
use host_types::{Code, Rejection};
use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

/// So often a root may go on the chain; as long may a record be taken back by its own peer without
/// anybody finding it.
const EVERY: Duration = Duration::from_secs(5);

/// Follows one channel as long as the node runs.
pub(super) async fn follow(node: Arc<Node>, channel: ChannelHandle) {
    let mut told = None;
    loop {
        tokio::time::sleep(EVERY).await;
        // Nothing is opened before the first record of this run or one before.
        let reached = node.trail_reached(&channel).unwrap_or_default();
        let known = trail_of(&Stored(channel.reader().clone()), &node.name);
        let known = known.map_or(0, |known| known.count);
        let result = match reached.count.cmp(&known) {
            Ordering::Equal => continue,
            Ordering::Less => Err(lost(reached, known)),
            Ordering::Greater => say(&node, &channel, reached).await,
        };
        if let Err(why) = result
            && told.replace(why.code) != Some(why.code)
        {
            tracing::warn!(code = %why.code, "the root of the trail was not taken: {}", why.message);
        }
    }
}

/// Records that were on disk before their root went on the chain are not there any more.
fn lost(reached: Reached, known: u64) -> Rejection {
    let here = reached.count;
    let message = format!(
        "{here} records are here, and the chain holds the root of {known}: restore the folder `trail` of \
         the channel, or `audit verify` will miss them for ever"
    );
    Rejection::new(Code::TrailMissing, message)
}

async fn say(node: &Node, channel: &ChannelHandle, reached: Reached) -> Result<(), Rejection> {
    let call = SystemCall::Trail { count: reached.count, root: reached.root };
    let target = (system_name(), call.method().to_owned());
    let tx = node.identity.sign(channel.parts().hash, target, call.args())?;
    channel.intake().submit(tx).await
}
