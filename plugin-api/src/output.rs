//! What a rule may ask for. Outputs of one step are carried out in order.

use crate::mirror::{Hash, Pair, ProposalKind, Slot, Statement};
use minicbor::{Decode, Encode};

/// Whom to send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum To {
    /// Every other validator, and the nodes that follow.
    #[n(0)]
    All,
    /// One validator by index.
    #[n(1)]
    Validator(#[n(0)] u16),
    /// One node by the number it was introduced with in [`crate::Input::Peer`].
    #[n(2)]
    Node(#[n(0)] u64),
}

/// What happens to a statement once it is signed and durable.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Then {
    /// Send it to everyone.
    #[n(0)]
    Broadcast,
    /// Keep it; the rule will send it itself if it wants to.
    #[n(1)]
    Keep,
    /// It is a proposal: send it with the header of `block` and the justification.
    #[n(2)]
    Propose {
        /// Id of a block this node built.
        #[n(0)]
        block: Hash,
        /// The rule's own bytes.
        #[cbor(n(1), with = "minicbor::bytes")]
        justification: Vec<u8>,
    },
}

/// One block that became final.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct FinalBlock {
    /// Block and agreed result.
    #[n(0)]
    pub pair: Pair,
    /// View the block was proposed in.
    #[n(1)]
    pub view: u64,
}

/// Why a block came to nothing although it is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Why {
    /// Its votes name so many results that none of them can be certified any more, whatever the
    /// missing votes say: every node that saw them knows it.
    #[n(0)]
    Split,
    /// This node led the view; its votes name several results, or too few came in time.
    #[n(1)]
    Doubt,
}

/// What one validator voted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ResultVote {
    /// Its index.
    #[n(0)]
    pub signer: u16,
    /// Block and result.
    #[n(1)]
    pub pair: Pair,
}

/// One wish.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Output {
    /// Check the guard, sign, append slots and signed bytes (and every `Persist` before it) to the
    /// sign log, make it durable, feed back [`crate::Input::OwnSigned`], then do `then`.
    /// Before a vote or commit for `needs` leaves, payload and write set of that block are durable.
    #[n(0)]
    Sign {
        /// Number chosen by the rule, growing.
        #[n(0)]
        sequence: u64,
        /// Registers to write.
        #[n(1)]
        slots: Vec<Slot>,
        /// The rule's own encoding.
        #[cbor(n(2), with = "minicbor::bytes")]
        body: Vec<u8>,
        /// What to do with the signed statement.
        #[n(3)]
        then: Then,
        /// Blocks whose payload and write set must be durable first.
        #[n(4)]
        needs: Vec<Hash>,
    },
    /// Send an unsigned helper message.
    #[n(1)]
    Send {
        /// To whom.
        #[n(0)]
        to: To,
        /// The rule's own bytes.
        #[cbor(n(1), with = "minicbor::bytes")]
        bytes: Vec<u8>,
    },
    /// Send again a statement that was signed before (by anyone).
    #[n(2)]
    SendStatement {
        /// To whom.
        #[n(0)]
        to: To,
        /// The statement.
        #[n(1)]
        statement: Statement,
    },
    /// Send again a proposal: the host adds the header it holds.
    #[n(3)]
    SendProposal {
        /// To whom.
        #[n(0)]
        to: To,
        /// The block.
        #[n(1)]
        block: Hash,
        /// The proposer's statement.
        #[n(2)]
        statement: Statement,
        /// The rule's own bytes.
        #[cbor(n(3), with = "minicbor::bytes")]
        justification: Vec<u8>,
    },
    /// Start a timer (a second one with the same token replaces the first).
    #[n(4)]
    SetTimer {
        /// Comes back in [`crate::Input::Timer`].
        #[n(0)]
        token: u64,
        /// Milliseconds from now.
        #[n(1)]
        after_ms: u64,
    },
    /// Forget a timer.
    #[n(5)]
    CancelTimer {
        /// Its token.
        #[n(0)]
        token: u64,
    },
    /// Append a record to the log; durable no later than the next `Sign` of the same step or a
    /// later one. Records come back in order in `init`.
    #[n(6)]
    Persist {
        /// View the record belongs to; it may be dropped once the head has passed it.
        #[n(0)]
        view: u64,
        /// The rule's own bytes.
        #[cbor(n(1), with = "minicbor::bytes")]
        record: Vec<u8>,
    },
    /// Build a block on `parent`; answered by [`crate::Input::Built`].
    #[n(7)]
    Build {
        /// Number of the request.
        #[n(0)]
        request: u64,
        /// View of the block.
        #[n(1)]
        view: u64,
        /// Kind of the proposal.
        #[n(2)]
        kind: ProposalKind,
        /// Parent and its result.
        #[n(3)]
        parent: Pair,
        /// View of the parent.
        #[n(4)]
        parent_view: u64,
        /// A block without transactions is wanted when there are none.
        #[n(5)]
        allow_empty: bool,
        /// Hash of the newest Final proof the rule knows.
        #[n(6)]
        carried: Hash,
    },
    /// Check the payload of a block and execute it on its parent's result; answered by
    /// [`crate::Input::Validity`].
    #[n(8)]
    Validate {
        /// The block.
        #[n(0)]
        block: Hash,
    },
    /// Fetch a header this node has not seen; answered by [`crate::Input::Header`].
    #[n(9)]
    FetchBlock {
        /// The block.
        #[n(0)]
        block: Hash,
    },
    /// A pair has a candidate certificate; the host may drop the results of its siblings. A rule
    /// that certifies a sibling as well says so in the same way and asks for its result again.
    #[n(10)]
    Candidate {
        /// Block and result.
        #[n(0)]
        pair: Pair,
        /// Its view.
        #[n(1)]
        view: u64,
    },
    /// Blocks became final, oldest first; the proof is of the last of them. Closing blocks stand
    /// here after the sealing block they were built for; the host keeps their headers as part of its
    /// proof, and nothing else of them. A final sealing block is the end of this instance: the host
    /// makes another one for the next epoch, with the sealing block as its root.
    #[n(11)]
    Final {
        /// The blocks, each the parent of the next.
        #[n(0)]
        blocks: Vec<FinalBlock>,
        /// The rule's own bytes; `verify_final` accepts them for the last block.
        #[cbor(n(1), with = "minicbor::bytes")]
        proof: Vec<u8>,
    },
    /// Two statements of one signer that cannot both be honest.
    #[n(12)]
    Evidence {
        /// Index of the signer.
        #[n(0)]
        signer: u16,
        /// One statement.
        #[n(1)]
        first: Statement,
        /// The other.
        #[n(2)]
        second: Statement,
    },
    /// A line for the log of the host.
    #[n(13)]
    Trace {
        /// 1 error, 2 warn, 3 info, 4 debug.
        #[n(0)]
        level: u8,
        /// The line.
        #[n(1)]
        line: String,
    },
    /// This node entered a view; for status, metrics and for tracing who leads.
    #[n(14)]
    Entered {
        /// The view.
        #[n(0)]
        view: u64,
        /// Index of its leader.
        #[n(1)]
        leader: u16,
    },
    /// That node has final blocks which this node lacks; the host fetches the range from it (or
    /// from anyone), verifies it by its Final proof and feeds [`crate::Input::SyncedTo`]. May be
    /// said again while it is still true.
    #[n(15)]
    Behind {
        /// Number of the node as in [`crate::Input::Peer`].
        #[n(0)]
        node: u64,
        /// Height of its last final block.
        #[n(1)]
        height: u64,
    },
    /// A valid block came to nothing, maybe because of one of its transactions: the host proposes
    /// fewer of them together, and may ask the voters where their results part. Since 1.2.
    #[n(16)]
    Suspect {
        /// The block.
        #[n(0)]
        block: Hash,
        /// Why.
        #[n(1)]
        why: Why,
        /// Its votes, as signed.
        #[n(2)]
        votes: Vec<ResultVote>,
    },
    /// This node came back without a trusted log ([`crate::InitCfg::rejoin`]), and now it is known what
    /// it cannot have signed: the guard closes every register of views up to this one for ever, and
    /// signs above it. Since 1.2.
    #[n(17)]
    Closed {
        /// The last closed view.
        #[n(0)]
        view: u64,
    },
}
