//! What is looked up in a channel by something else than its name: transactions by who signed them
//! and what they called, keys of the state.
//!
//! In and out: the questions and answers of [`crate::gateway::Gateway`]. Not here: how they look.

use host_types::state_proof::StateProof;
use host_types::{
    BlockId, BlockTime, CertificateId, Hash32, Height, Receipt, ScoreName, SignedTransaction,
};

/// Where a final transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TxPosition {
    /// Height of its block.
    pub height: Height,
    /// Its index in the block.
    pub index: u32,
}

/// Which final transactions are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxFilter {
    /// Signed with this certificate only.
    pub signer: Option<CertificateId>,
    /// Calls of this SCORE only.
    pub score: Option<ScoreName>,
    /// Calls of this method only; it needs a SCORE.
    pub method: Option<String>,
    /// In this block or later ones.
    pub from: Height,
    /// In this block or earlier ones.
    pub to: Height,
    /// Before this place only: how a page goes on.
    pub before: Option<TxPosition>,
    /// So many at most.
    pub limit: u32,
}

/// A final transaction that was found.
#[derive(Clone, Debug)]
pub struct FoundTx {
    /// Where it stands.
    pub position: TxPosition,
    /// Its block.
    pub block: BlockId,
    /// Time of its block.
    pub time: BlockTime,
    /// It.
    pub transaction: SignedTransaction,
    /// How it ended.
    pub receipt: Receipt,
}

/// Some transactions, newest first.
#[derive(Clone, Debug, Default)]
pub struct TxsPage {
    /// The transactions.
    pub found: Vec<FoundTx>,
    /// Where to go on; none once everything was looked at.
    pub next: Option<TxPosition>,
}

/// Which key of a channel's state is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateQuestion {
    /// The SCORE that the key belongs to.
    pub score: ScoreName,
    /// The key, as the SCORE wrote it.
    pub key: Vec<u8>,
    /// After this block; none: after the last one.
    pub at: Option<Height>,
    /// Whether it is to be proved.
    pub is_proof_wanted: bool,
}

/// A key of the state after a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateAnswer {
    /// The value; none when the key is not there.
    pub value: Option<Vec<u8>>,
    /// The block.
    pub height: Height,
    /// Its id.
    pub block: BlockId,
    /// The root of the state after it.
    pub state_root: Hash32,
    /// That the key has this value, or none, under that root; when it was wanted.
    pub proof: Option<StateProof>,
}
