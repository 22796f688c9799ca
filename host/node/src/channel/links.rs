//! What a channel needs of the network, so that the actor knows no sockets.

use super::executor_task::KnowledgeWatch;
use async_trait::async_trait;
use bytes::Bytes;
use host_core::effect::To;
use host_core::vote::rule::NodeId;
use host_types::NodeName;
use host_types::message::{FetchReply, FetchRequest};
use tokio::sync::broadcast;

/// Which connection a message takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Statements, proposals, helper messages.
    Consensus,
    /// Transactions.
    Transactions,
}

/// The other nodes of one channel.
#[async_trait]
pub trait Links: Send + Sync {
    /// Sends an encoded message; never waits.
    fn send(&self, lane: Lane, to: To, message: Bytes);

    /// Asks one node, or those that are connected one after the other until one has something;
    /// none when nobody has.
    async fn fetch(
        &self,
        from: Option<NodeId>,
        request: &FetchRequest,
    ) -> Option<(NodeId, FetchReply)>;

    /// From now on whoever is a member as of the last stored block belongs to the channel.
    fn follow(&self, knowledge: KnowledgeWatch);

    /// A node broke a rule.
    fn penalise(&self, node: NodeId, reason: &str);

    /// The number of a validator of the present epoch.
    fn validator(&self, index: u16) -> Option<NodeId>;

    /// Numbers of nodes as connections to them open, also again.
    fn met(&self) -> broadcast::Receiver<NodeId>;

    /// Whether there is an open session with a node.
    fn is_connected(&self, name: &NodeName) -> bool;
}
