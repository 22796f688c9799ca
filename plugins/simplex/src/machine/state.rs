//! What an instance remembers: registers, statements and certificates by view; blocks above the
//! head. Only the registers must never be lost; the host's log brings them back. Not here: rules.

use crate::{certificate::Certificate, statement::Body, tally::Tally};
use plugin_api::{Hash, HeaderView, Pair, Statement, mirror::class};
use std::collections::BTreeMap;

/// A proposal of the leader of a view.
#[derive(Clone, Debug)]
pub(super) struct Proposal {
    pub(super) block: Hash,
    pub(super) statement: Statement,
    pub(super) justification: Vec<u8>,
}

/// One view.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// What this node signed, or is signing, by class of register; `None` when the guard refused:
    /// it holds something that this instance does not know.
    pub(super) registers: BTreeMap<u8, Option<Body>>,
    pub(super) proposal: Option<Proposal>,
    pub(super) tally: Tally,
    pub(super) certified: Option<Certificate>,
    pub(super) null: Option<Certificate>,
    /// Votes, Skips and Commits of this node, to be repeated.
    pub(super) own: Vec<Statement>,
    /// A proposal of this node that the log brought back and whose header is not here yet.
    pub(super) restored: Option<Statement>,
}

impl View {
    /// Whether this node can still sign in a register.
    pub(super) fn is_open(&self, class: u8) -> bool {
        !self.registers.contains_key(&class)
    }

    pub(super) fn has_voted(&self) -> bool {
        !self.is_open(class::VOTE)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.certified.is_some() || self.null.is_some()
    }
}

/// What the host said about a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checked {
    Unasked,
    Asked,
    Valid(Pair),
    Invalid,
    NoResult,
}

/// A block above the head.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) header: HeaderView,
    pub(super) checked: Checked,
    /// When this node first saw it, ms.
    pub(super) seen_at: u64,
    /// A certificate stands on it: it must be fetched, checked and kept.
    pub(super) is_wanted: bool,
}

/// The last final block.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) header: HeaderView,
    pub(super) pair: Pair,
    /// 0 for the root of the epoch.
    pub(super) view: u64,
    pub(super) proof: Vec<u8>,
}

/// A node with a higher head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ahead {
    pub(super) node: u64,
    pub(super) height: u64,
}

/// A block this node wants to build on, and its view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Base {
    pub(super) pair: Pair,
    pub(super) view: u64,
}

/// What this node builds as leader of the current view.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Building {
    /// Number of the wish, and the parent.
    pub(super) request: Option<(u64, Base)>,
    /// Not before this time, ms: the host had nothing.
    pub(super) not_before: u64,
}
