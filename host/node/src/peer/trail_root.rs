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
use host_types::Rejection;
use host_types::change::SystemCall;
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
        let Some(reached) = node.trail_reached(&channel) else { continue };
        let known = trail_of(&Stored(channel.reader().clone()), &node.name);
        if reached.count <= known.map_or(0, |known| known.count) {
            continue;
        }
        if let Err(why) = say(&node, &channel, reached).await
            && told.replace(why.code) != Some(why.code)
        {
            tracing::warn!(code = %why.code, "the root of the trail was not taken: {}", why.message);
        }
    }
}

async fn say(node: &Node, channel: &ChannelHandle, reached: Reached) -> Result<(), Rejection> {
    let call = SystemCall::Trail { count: reached.count, root: reached.root };
    let target = (system_name(), call.method().to_owned());
    let tx = node.identity.sign(channel.parts().hash, target, call.args())?;
    channel.intake().submit(tx).await
}
