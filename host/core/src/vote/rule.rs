//! The consensus rule as the stages see it, in the host's own words. The node implements it over
//! the plugin interface, a simulator over the crate of the rule.

use crate::effect::To;
use host_types::block::{Pair, ProposalKind, RootPair};
use host_types::statement::{Slot, Statement};
use host_types::{BlockId, Hash32, Header, Height, View};

/// Number by which this process knows another node of the channel.
pub type NodeId = u64;

/// The host's verdict on a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Valid, with this node's own result.
    Valid(Pair),
    /// Breaks a rule of the host.
    Invalid(String),
    /// No result here.
    NoResult,
}

/// What the rule is told.
#[derive(Clone, Debug)]
pub enum RuleInput {
    /// The node is ready.
    Start,
    /// An authenticated statement.
    Statement(Statement),
    /// A proposal.
    Proposal {
        /// Its header.
        header: Header,
        /// Its proposer's statement.
        statement: Statement,
        /// The rule's own bytes.
        justification: Vec<u8>,
    },
    /// A header without authority of its own.
    Header(Header),
    /// Answer to `Validate`.
    Validity {
        /// The block.
        block: BlockId,
        /// The verdict.
        verdict: Verdict,
    },
    /// Answer to `Build`.
    Built {
        /// Number of the request.
        request: u64,
        /// The header, or none when there is nothing to propose.
        header: Option<Header>,
    },
    /// A timer fired.
    Timer(u64),
    /// A statement of this node is durable.
    OwnSigned {
        /// Number of the request.
        sequence: u64,
        /// The statement.
        statement: Statement,
    },
    /// The guard refused.
    SignRefused(u64),
    /// Whether the pool holds work. Told again whenever new work arrives.
    Pending(bool),
    /// A helper message.
    Helper {
        /// Who sent it.
        from: NodeId,
        /// Its index when it is a validator.
        validator: Option<u16>,
        /// The rule's own bytes.
        bytes: Vec<u8>,
    },
    /// The host caught up.
    SyncedTo {
        /// The last final block.
        header: Header,
        /// Its result.
        pair: Pair,
        /// The rule's proof of it.
        proof: Vec<u8>,
    },
}

/// What happens to a statement once it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// Send it to everyone.
    Broadcast,
    /// Keep it.
    Keep,
    /// Send it as a proposal.
    Propose {
        /// A block this node built.
        block: BlockId,
        /// The rule's own bytes.
        justification: Vec<u8>,
    },
}

/// What the rule asks for.
#[derive(Clone, Debug)]
pub enum RuleOutput {
    /// Sign.
    Sign {
        /// Number of the request.
        sequence: u64,
        /// Registers.
        slots: Vec<Slot>,
        /// The rule's own encoding.
        body: Vec<u8>,
        /// What then.
        then: Then,
        /// Blocks that must be durable first.
        needs: Vec<BlockId>,
    },
    /// Send a helper message.
    Send {
        /// To whom.
        to: To,
        /// The rule's own bytes.
        bytes: Vec<u8>,
    },
    /// Send a statement again.
    SendStatement {
        /// To whom.
        to: To,
        /// The statement.
        statement: Statement,
    },
    /// Send a proposal again.
    SendProposal {
        /// To whom.
        to: To,
        /// The block.
        block: BlockId,
        /// Its proposer's statement.
        statement: Statement,
        /// The rule's own bytes.
        justification: Vec<u8>,
    },
    /// Start a timer.
    SetTimer {
        /// Token.
        token: u64,
        /// Milliseconds.
        after_ms: u64,
    },
    /// Forget a timer.
    CancelTimer(u64),
    /// Log a record.
    Persist {
        /// Its view.
        view: View,
        /// The rule's own bytes.
        record: Vec<u8>,
    },
    /// Build a block.
    Build {
        /// Number of the request.
        request: u64,
        /// Its view.
        view: View,
        /// Its kind.
        kind: ProposalKind,
        /// Parent and result.
        parent: Pair,
        /// View of the parent.
        parent_view: View,
        /// A block without transactions is wanted when there are none.
        allow_empty: bool,
        /// Hash of the newest proof known.
        carried: Hash32,
    },
    /// Check and execute a block.
    Validate(BlockId),
    /// Find a header.
    FetchBlock(BlockId),
    /// A pair is certified.
    Candidate {
        /// The pair.
        pair: Pair,
        /// Its view.
        view: View,
    },
    /// Blocks are final, oldest first; the proof is of the last.
    Final {
        /// The pairs.
        pairs: Vec<Pair>,
        /// The rule's proof of the last.
        proof: Vec<u8>,
    },
    /// Evidence against a validator.
    Evidence {
        /// Its index.
        signer: u16,
        /// One statement.
        first: Statement,
        /// The other.
        second: Statement,
    },
    /// A line for the log.
    Trace {
        /// 1 error .. 4 debug.
        level: u8,
        /// The line.
        line: String,
    },
    /// A valid block came to nothing.
    Suspect {
        /// The block.
        block: BlockId,
        /// What validators signed about it, by index.
        votes: Vec<(u16, RootPair)>,
    },
    /// This node came back without its log: views up to this one are closed to it.
    Closed(View),
    /// A view was entered.
    Entered {
        /// The view.
        view: View,
        /// Index of its leader.
        leader: u16,
    },
    /// Another node has final blocks that this one lacks.
    Behind {
        /// The node.
        node: NodeId,
        /// Its last final height.
        height: Height,
    },
}

/// Why a step was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// The input was malformed; its sender may be penalised.
    #[error("the rule refused an input: {0}")]
    Rejected(String),
    /// The rule panicked; it will not be stepped again.
    #[error("the rule is poisoned: {0}; restart the peer, and report this")]
    Poisoned(String),
}

/// What an operator sees of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleStatus {
    /// Current epoch.
    pub epoch: u64,
    /// Current view.
    pub view: u64,
    /// Index of its leader.
    pub leader: u16,
    /// Weight that decides.
    pub quorum: u64,
    /// Weight of all.
    pub total: u64,
    /// Weight that may be faulty.
    pub faulty_max: u64,
    /// Views without a commit.
    pub fails: u64,
}

/// A consensus rule at work on one channel.
pub trait Rule: Send {
    /// Takes one input at a time on a monotonic clock.
    ///
    /// # Errors
    /// See [`RuleFault`].
    fn step(&mut self, tick_ms: u64, input: RuleInput) -> Result<Vec<RuleOutput>, RuleFault>;

    /// For status pages.
    fn status(&self) -> RuleStatus;

    /// Whether the rule's proof shows that a block with this result is final.
    fn verify_final(&self, header: &Header, pair: &Pair, rule_proof: &[u8]) -> bool;
}
