//! What a rule can be told. Inputs of one instance are totally ordered; the network may lose,
//! repeat and reorder what is behind them.

use crate::mirror::{HeaderView, Pair, Statement};
use minicbor::{Decode, Encode};

/// The host's verdict on a block that the rule asked to validate.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Verdict {
    /// Payload valid, executed on the parent's result, payload and write set durable before any
    /// vote for it leaves.
    #[n(0)]
    Valid {
        /// The block with this node's own result.
        #[n(0)]
        pair: Pair,
    },
    /// The block breaks a rule of the host.
    #[n(1)]
    Invalid {
        /// One line for the log.
        #[n(0)]
        reason: String,
    },
    /// No result within the execution time: do not vote for it.
    #[n(2)]
    NoResult,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Input {
    /// The node is ready; sent once, first.
    #[n(0)]
    Start,
    /// A statement of another validator; signature, signer and size are checked. Statements that
    /// are proposals come as [`Input::Proposal`].
    #[n(1)]
    Statement {
        /// The statement.
        #[n(0)]
        statement: Statement,
    },
    /// A proposal: its header, the signed statement of its proposer and the justification.
    #[n(2)]
    Proposal {
        /// What the header says.
        #[n(0)]
        header: HeaderView,
        /// The proposer's signed statement.
        #[n(1)]
        statement: Statement,
        /// The rule's own bytes: certificates.
        #[cbor(n(2), with = "minicbor::bytes")]
        justification: Vec<u8>,
    },
    /// A header that was fetched or synced without its proposal statement (answers
    /// [`crate::Output::FetchBlock`]). It carries no authority of its own.
    #[n(3)]
    Header {
        /// What the header says.
        #[n(0)]
        header: HeaderView,
    },
    /// Answer to [`crate::Output::Validate`].
    #[n(4)]
    Validity {
        /// Id of the block.
        #[n(0)]
        block: crate::Hash,
        /// What the host found.
        #[n(1)]
        verdict: Verdict,
    },
    /// Answer to [`crate::Output::Build`]: a block whose payload is durable. `None` when the host
    /// has nothing to put into it and `allow_empty` was false.
    #[n(5)]
    Built {
        /// Number of the request.
        #[n(0)]
        request: u64,
        /// The header.
        #[n(1)]
        header: Option<HeaderView>,
    },
    /// A timer fired; may be late, may come twice.
    #[n(6)]
    Timer {
        /// Token given with [`crate::Output::SetTimer`].
        #[n(0)]
        token: u64,
    },
    /// A statement of this node is signed and durable; the host sends it now.
    #[n(7)]
    OwnSigned {
        /// Number given with [`crate::Output::Sign`].
        #[n(0)]
        sequence: u64,
        /// The statement.
        #[n(1)]
        statement: Statement,
    },
    /// The signing guard refused: a slot holds another value. Nothing was signed.
    #[n(8)]
    SignRefused {
        /// Number given with [`crate::Output::Sign`].
        #[n(0)]
        sequence: u64,
    },
    /// Whether the pool holds a transaction older than the block interval.
    #[n(9)]
    Pending {
        /// True when there is work.
        #[n(0)]
        has_work: bool,
    },
    /// An unsigned helper message of the same rule on another node.
    #[n(10)]
    Peer {
        /// Index of the sender when it is a validator.
        #[n(0)]
        from: Option<u16>,
        /// Number by which the host knows the sender; use it in [`crate::To::Node`].
        #[n(1)]
        node: u64,
        /// The rule's own bytes.
        #[cbor(n(2), with = "minicbor::bytes")]
        bytes: Vec<u8>,
    },
    /// The host caught up by Final proof (already verified through the rule's `verify_final`).
    #[n(11)]
    SyncedTo {
        /// The new last final block.
        #[n(0)]
        header: HeaderView,
        /// Its result.
        #[n(1)]
        pair: Pair,
        /// Its Final proof.
        #[cbor(n(2), with = "minicbor::bytes")]
        proof: Vec<u8>,
    },
}
