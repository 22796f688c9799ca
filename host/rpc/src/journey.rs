//! The way of a transaction as one node saw it: when it passed each stage, where it stands, why it
//! waits.
//!
//! Times are the node's own clock. What the chain tells (block, proposer, votes) is told of any final
//! transaction; times only of those that the node still remembers.

use host_types::{BlockId, BlockTime, Epoch, Height, NodeName, Rejection, TxId, View};

/// When a transaction passed each stage on this node; none: it did not, or that is not remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// It came, from a client or a peer.
    pub ingest: Option<BlockTime>,
    /// It was checked and put into the pool.
    pub mempool: Option<BlockTime>,
    /// A proposed block with it was whole here.
    pub proposed: Option<BlockTime>,
    /// This node decided to vote for that block.
    pub voted: Option<BlockTime>,
    /// That block was known to be final here.
    pub decided: Option<BlockTime>,
    /// That block was stored here.
    pub committed: Option<BlockTime>,
}

impl Stages {
    /// In the order that they are passed in, with the words that people read.
    #[must_use]
    pub const fn all(&self) -> [(&'static str, Option<BlockTime>); 6] {
        [
            ("ingest", self.ingest),
            ("mempool", self.mempool),
            ("proposed", self.proposed),
            ("voted", self.voted),
            ("final", self.decided),
            ("committed", self.committed),
        ]
    }
}

/// The block that a transaction stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JourneyBlock {
    /// Its height.
    pub height: Height,
    /// Its id.
    pub id: BlockId,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its view.
    pub view: View,
    /// Who proposed it.
    pub proposer: Option<NodeName>,
    /// Its time.
    pub time: BlockTime,
    /// Whether it is final; else it is the newest proposed one.
    pub is_final: bool,
}

/// Why a transaction is not final yet: the first of these that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The channel has stopped here.
    Halted,
    /// The validators that this node reaches do not decide.
    NoQuorum,
    /// This node is behind.
    Syncing,
    /// The channel runs no such SCORE yet.
    ScoreNotActive,
    /// The SCORE takes no transactions now.
    ScoreFrozen,
    /// It stands in a proposed block that is being voted on.
    Proposed,
    /// It waits for its turn in the pool.
    Pool,
}

impl Reason {
    /// The word in documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Halted => "halted",
            Self::NoQuorum => "no-quorum",
            Self::Syncing => "syncing",
            Self::ScoreNotActive => "score-not-active",
            Self::ScoreFrozen => "score-frozen",
            Self::Proposed => "proposed",
            Self::Pool => "pool",
        }
    }
}

/// Where a transaction stands in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolPlace {
    /// Transactions that came before it.
    pub ahead: u64,
    /// All that wait.
    pub waiting: u64,
    /// Of these, its signer's.
    pub of_signer: u64,
    /// So many of one signer are taken.
    pub signer_max: u64,
}

/// Why it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The reason.
    pub reason: Reason,
    /// One line with the facts.
    pub detail: String,
    /// Its place in this node's pool.
    pub place: Option<PoolPlace>,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JourneyState {
    /// Not final yet.
    Pending(Waiting),
    /// Final.
    Final,
    /// It never will be.
    Rejected(Rejection),
}

/// The way of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JourneyView {
    /// The transaction.
    pub id: TxId,
    /// How far it is.
    pub state: JourneyState,
    /// Times of this node.
    pub stages: Stages,
    /// The block it stands in.
    pub block: Option<JourneyBlock>,
    /// Who signed the block's Final proof, and with what weight.
    pub votes: Vec<(NodeName, u64)>,
    /// Weight that decided, or decides now.
    pub quorum: u64,
    /// Weight of all.
    pub total_weight: u64,
}
