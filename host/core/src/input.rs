//! Everything a channel can be told.

use crate::ingest::AdmittedTx;
use crate::propose::cost::Cost;
use crate::vote::rule::NodeId;
use host_types::block::RootPair;
use host_types::epoch::EpochConfig;
use host_types::message::{BlockRange, Proposal};
use host_types::statement::Statement;
use host_types::{BlockId, Header, Height, ScoreName, TxId};
use std::sync::Arc;

/// Why a block has no result here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecuteError {
    /// The block breaks a rule of the host; nobody honest votes for it.
    Invalid(String),
    /// No result within the time, or an artefact is missing: do not vote, do not accuse.
    NoResult(String),
}

/// One thing that happened to a channel.
#[derive(Clone, Debug)]
pub enum Input {
    /// The channel is recovered and its sessions may open; sent once.
    Start,
    /// Transactions that passed ingest; `is_local` when they came from a client of this node and
    /// have to be told to the others.
    Admitted {
        /// The transactions.
        transactions: Vec<AdmittedTx>,
        /// From a client of this node.
        is_local: bool,
    },
    /// A statement whose signature, signer and size are checked.
    Statement {
        /// The statement.
        statement: Statement,
    },
    /// A proposal whose statement's signature is checked.
    Proposal {
        /// Who sent it (not necessarily its proposer).
        from: NodeId,
        /// The proposal.
        proposal: Box<Proposal>,
    },
    /// A helper message of the rule.
    Helper {
        /// Who sent it.
        from: NodeId,
        /// Its index when it is a validator.
        validator: Option<u16>,
        /// The rule's own bytes.
        bytes: Vec<u8>,
    },
    /// Header and ids that were fetched for a block; none when nobody had it.
    FetchedProposal {
        /// The block.
        block: BlockId,
        /// What was found.
        found: Option<(Box<Header>, Vec<TxId>)>,
    },
    /// Bodies that were fetched for a block passed ingest (some may still be missing).
    FetchedBodies {
        /// The block they were fetched for.
        block: BlockId,
        /// The transactions.
        transactions: Vec<AdmittedTx>,
    },
    /// Final blocks that were fetched; none when the peer had nothing newer.
    FetchedBlocks {
        /// Who sent them.
        from: NodeId,
        /// The blocks.
        range: Option<Box<BlockRange>>,
    },
    /// A node that was met, or met again after its connection was lost, has final blocks up to here. What
    /// it said meanwhile is lost, and it may have nothing more to say.
    PeerHead {
        /// Its last final height.
        height: Height,
    },
    /// A block was executed on its parent's result, payload and write set are appended (their
    /// durability is awaited by the signature that needs them).
    Executed {
        /// The block.
        block: BlockId,
        /// Its result.
        result: Result<RootPair, ExecuteError>,
    },
    /// What became of a `Repair`: the agreed result stands here, or one line why not.
    Repaired {
        /// The block.
        block: BlockId,
        /// The agreed result.
        result: Result<RootPair, String>,
    },
    /// What became of a `Compare`: places of transactions at which results part first.
    Parted {
        /// The block.
        block: BlockId,
        /// Their places in it.
        places: Vec<usize>,
    },
    /// The state after a block holds what the next epoch runs with: its children seal. Told before
    /// `Executed`.
    NextEpoch {
        /// The block.
        block: BlockId,
        /// What the next epoch runs with.
        config: Arc<EpochConfig>,
    },
    /// What the calls of a block that was executed took, each method once.
    Costs(Vec<Cost>),
    /// A SCORE gave no result within the time of a block: told before `Executed`.
    Struck {
        /// The SCORE.
        score: ScoreName,
    },
    /// A statement is signed and durable.
    Signed {
        /// Number of the request.
        sequence: u64,
        /// The statement.
        statement: Statement,
    },
    /// The guard refused, or signing has stopped.
    SignRefused {
        /// Number of the request.
        sequence: u64,
    },
    /// Blocks up to this height are stored durably.
    Committed {
        /// The height.
        height: Height,
    },
    /// A timer fired.
    Timer(Timer),
}

/// Whose timer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The rule's, with its token.
    Rule(u64),
    /// Looks again after missing bodies, headers and blocks.
    Fetch,
    /// Tells the others again about what waits here.
    Gossip,
}
