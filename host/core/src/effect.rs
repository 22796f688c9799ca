//! Everything a channel may ask for. Effects of one input are carried out in order.
//!
//! What a [`Effect::Sign`] made is in the sign log and fdatasynced before the `Broadcast` that its
//! [`crate::Input::Signed`] brings; if that fails, the node signs nothing more until restart.

use crate::ingest::AdmittedTx;
use crate::input::Timer;
use crate::pipeline::Head;
use crate::vote::rule::NodeId;
use host_types::block::{Block, Pair, RootPair};
use host_types::epoch::EpochConfig;
use host_types::event::ChainEvent;
use host_types::message::{FetchRequest, PeerMessage};
use host_types::proof::FinalProof;
use host_types::statement::Slot;
use host_types::{BlockId, Rejection, TxId, View};
use std::sync::Arc;

/// Whom to send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Every other node of the channel.
    All,
    /// One validator by index.
    Validator(u16),
    /// One node by number.
    Node(NodeId),
}

/// A final block to store.
#[derive(Clone, Debug)]
pub struct FinalBlock {
    /// The block.
    pub block: Block,
    /// Block and agreed result, equal to this node's own.
    pub pair: Pair,
    /// Its proof; none when a later block's covers it.
    pub proof: Option<FinalProof>,
}

/// One wish of a channel.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Check the guard, sign, make durable (with every `Persist` before it), answer with
    /// `Signed` or `SignRefused`. Payload and write set of `needs` are durable first.
    Sign {
        /// Number of the request.
        sequence: u64,
        /// Registers to write.
        slots: Vec<Slot>,
        /// The rule's own encoding.
        body: Vec<u8>,
        /// Blocks whose payload and write set must be durable.
        needs: Vec<BlockId>,
    },
    /// Append a record of the rule to the sign log, durable with the next `Sign` at the latest.
    Persist {
        /// View it belongs to.
        view: View,
        /// The rule's own bytes.
        record: Vec<u8>,
    },
    /// Send to other nodes.
    Send {
        /// To whom.
        to: To,
        /// What.
        message: PeerMessage,
    },
    /// Append the payload of a block this node built.
    StorePayload {
        /// The block.
        block: Block,
    },
    /// Execute a block on its parent's result, append payload and write set, answer with
    /// `Executed`.
    Execute {
        /// The block; its parent was executed before.
        block: Block,
    },
    /// Drop what was kept for executing a block that can no longer become final.
    Forget {
        /// The block.
        block: BlockId,
    },
    /// Store final blocks in one atomic batch, answer with `Committed`.
    Commit {
        /// The blocks, oldest first.
        blocks: Vec<FinalBlock>,
    },
    /// Ask a node (any that is connected when none is named) and come back with a `Fetched…`.
    Fetch {
        /// Whom to ask first.
        from: Option<NodeId>,
        /// The block it is for, when it is for one.
        block: Option<BlockId>,
        /// What to ask.
        request: FetchRequest,
    },
    /// Start a timer; a second one with the same key replaces the first.
    SetTimer {
        /// Comes back in `Input::Timer`.
        timer: Timer,
        /// Milliseconds from now.
        after_ms: u64,
    },
    /// Forget a timer.
    CancelTimer {
        /// Which.
        timer: Timer,
    },
    /// Tell the other nodes about transactions of this node's clients.
    Gossip {
        /// The transactions.
        transactions: Vec<AdmittedTx>,
    },
    /// A transaction was not taken into the pool.
    Refused {
        /// Its id.
        id: TxId,
        /// Why.
        rejection: Rejection,
    },
    /// Transactions left the pool because their expiry passed.
    Expired {
        /// Their ids.
        ids: Vec<TxId>,
    },
    /// Announce something.
    Emit(ChainEvent),
    /// A node broke a rule.
    Penalise {
        /// Which.
        node: NodeId,
        /// What it did, one line.
        reason: String,
    },
    /// This node has another result of a block than the agreed one, or none: fetch what the block
    /// did from whoever has that result, check that it gives it, keep it instead of the own one
    /// (and a record of where they part), answer with `Repaired`.
    Repair {
        /// The block.
        block: Block,
        /// The agreed result.
        agreed: RootPair,
        /// The own one.
        own: Option<RootPair>,
    },
    /// Close every register of views up to this one for ever, durable before whatever is signed next.
    Close {
        /// The view.
        view: View,
    },
    /// Find out where the results of voters part, answer with `Parted`.
    Compare {
        /// The block.
        block: BlockId,
        /// What other validators signed, by index.
        votes: Vec<(u16, RootPair)>,
    },
    /// A sealing block is stored: make the next epoch's instance of the rule, tell the signer of it,
    /// and come back with `Pipeline::begin_epoch`.
    BeginEpoch {
        /// What the epoch runs with.
        config: Arc<EpochConfig>,
        /// Its root: the sealing block.
        root: Box<Head>,
    },
    /// Two statements of one validator that cannot both be honest.
    Evidence {
        /// Index of the validator.
        signer: u16,
        /// Both, encoded.
        statements: Arc<[Vec<u8>; 2]>,
    },
    /// A line for the log: 1 error, 2 warn, 3 info, 4 debug.
    Log {
        /// How grave.
        level: u8,
        /// The line.
        line: String,
    },
}
