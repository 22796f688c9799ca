//! What a channel announces: the one return path of the pipeline, and what people follow.

use crate::block::Pair;
use crate::hash::Hash32;
use crate::height::{BlockTime, Height, View};
use crate::ids::ScoreName;

/// Something that happened on a channel of this node.
#[derive(Clone, Debug)]
pub enum ChainEvent {
    /// A block is final and stored here.
    BlockCommitted {
        /// Its height.
        height: Height,
        /// The block and its result.
        pair: Pair,
        /// Its view.
        view: View,
        /// Its time.
        time: BlockTime,
        /// Number of its transactions.
        tx_count: u32,
    },
    /// A version of a SCORE became active.
    ScoreActivated {
        /// Its name.
        score: ScoreName,
        /// SHA-256 of its artefact.
        sha256: Hash32,
        /// In this block.
        height: Height,
    },
    /// Two statements of one validator that cannot both be honest.
    EvidenceFound {
        /// Index of the validator.
        signer: u16,
    },
    /// The channel stopped on purpose.
    ChannelHalted {
        /// Why, one line.
        reason: String,
    },
    /// This node signs nothing any more until it is restarted.
    SigningStopped {
        /// Why, one line.
        reason: String,
    },
}
