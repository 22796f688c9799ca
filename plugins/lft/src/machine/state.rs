//! What an instance remembers: registers and tallies per view, blocks above the head.
//!
//! Only the registers must never be lost; the host's sign log brings them back. Not here: any rule.

use crate::{
    certificate::{Candidate, Null},
    tally::Tally,
};
use plugin_api::{Hash, HeaderView, Pair, ProposalKind, Statement, output::Why};

/// A write-once register as this node remembers it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Register<T> {
    /// Nothing was signed.
    #[default]
    Empty,
    /// This was signed, or is being signed.
    Holds(T),
    /// Something unknown was signed; nothing more may be.
    Refused,
}

impl<T: PartialEq> Register<T> {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Empty, or holding exactly this.
    pub(crate) fn admits(&self, value: &T) -> bool {
        match self {
            Self::Empty => true,
            Self::Holds(held) => held == value,
            Self::Refused => false,
        }
    }
}

/// What this node said first in a view. In the core rule a Skip is no first statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    Vote(Pair),
    Skip,
}

/// How this node ended a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Skip,
    Commit(Pair),
    /// Fast commit: it supported another block or fell back.
    Fallback,
}

/// A proposal of the leader of a view.
#[derive(Clone, Debug)]
pub(crate) struct Proposal {
    pub(crate) block: Hash,
    pub(crate) statement: Statement,
    pub(crate) justification: Vec<u8>,
}

/// Place of a kind in arrays of two; Opt is looked at first.
pub(crate) fn place(kind: ProposalKind) -> usize {
    match kind {
        ProposalKind::Opt => 0,
        ProposalKind::Norm | ProposalKind::Closing => 1,
    }
}

/// One view.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) first: Register<First>,
    pub(crate) end: Register<End>,
    /// Fast commit: what this node supported, and whether it fell back.
    pub(crate) supported: Vec<Pair>,
    pub(crate) fell_back: bool,
    /// What this node proposed, by [`place`].
    pub(crate) proposed: [Register<Hash>; 2],
    /// What the leader proposed, by [`place`].
    pub(crate) proposals: [Option<Proposal>; 2],
    pub(crate) tally: Tally,
    /// One at most in the core rule; with fast commit there may be more.
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) null: Option<Null>,
    /// D1, D2: the host was told that a block of this view came to nothing, and why.
    pub(crate) suspected: Option<Why>,
    /// Votes, skips and commits of this node, to be repeated.
    pub(crate) own: Vec<Statement>,
    /// Proposals of this node that the log brought back and whose header is not here yet.
    pub(crate) restored: Vec<Statement>,
}

impl View {
    /// The candidate certificate of a pair.
    pub(crate) fn candidate(&self, pair: &Pair) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| candidate.ballot.pair == *pair)
    }

    /// Something was said in this view, and no Null certificate says that it came to nothing.
    pub(crate) fn is_open(&self) -> bool {
        self.null.is_none() && (!self.candidates.is_empty() || !self.tally.is_empty())
    }

    /// R2 or F2: this node gave up on the view.
    pub(crate) fn is_skipped(&self) -> bool {
        matches!(self.end, Register::Holds(End::Skip | End::Fallback))
            || self.first == Register::Holds(First::Skip)
    }
}

/// What the host said about a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    Unasked,
    Asked,
    Valid(Pair),
    Invalid,
    NoResult,
}

/// A block above the head.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) header: HeaderView,
    pub(crate) checked: Checked,
    /// When this node first saw it, ms.
    pub(crate) seen_at: u64,
    /// A certificate stands on it, so it must be fetched, checked and kept.
    pub(crate) wanted: bool,
}

/// The last final block.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) header: HeaderView,
    pub(crate) pair: Pair,
    /// View inside this epoch: 0 for its root.
    pub(crate) view: u64,
    pub(crate) proof: Vec<u8>,
}

/// A statement the host is signing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signing {
    pub(crate) body: crate::statement::Body,
}
