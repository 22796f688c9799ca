//! What a message is, for schedules that are played to several rules.
//!
//! In: a statement of a rule. Out: whether it votes, gives up, or is something else, and of which
//! round or view; how long the rule's patience is. A proposal is known by how it travels. Helper
//! messages and transactions are never part of a schedule: they are late.

use crate::{Lft1, Lft2, lft1, lft2, said::Said};
use lft::{Lft, statement::Body};
use plugin_api::{ConsensusRule, Hash, Statement};
use simplex::{Simplex, statement::Body as SimplexBody};

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A block.
    Proposal,
    /// A vote for a block.
    Vote,
    /// A complaint, a vote for none, a Skip.
    GiveUp,
    /// A Commit.
    Commit,
    /// Anything else.
    Other,
}

/// A rule whose messages have names.
pub trait Spoken: ConsensusRule {
    /// When this has passed in a round without its end, a node has done what it does then, ms.
    const PATIENCE: u64;
    /// A leader's pause between blocks, ms.
    const INTERVAL: u64;
    /// Parameters with which a leader proposes at once, as the old ones do.
    const PARAMETERS: &'static [(&'static str, &'static str)];

    /// What a statement is, and its round or view.
    fn what(statement: &Statement) -> (What, u64);
}

fn old(statement: &Statement) -> (What, u64) {
    let Ok(said) = Said::read(statement) else { return (What::Other, 0) };
    let what = match said {
        Said::Announce { .. } => What::Proposal,
        Said::Vote { block: Hash::ZERO, .. } | Said::Complain { .. } => What::GiveUp,
        Said::Vote { .. } => What::Vote,
    };
    (what, said.round())
}

impl Spoken for Lft1 {
    const PATIENCE: u64 = lft1::PATIENCE;
    const INTERVAL: u64 = lft1::INTERVAL;
    const PARAMETERS: &'static [(&'static str, &'static str)] = &[];

    fn what(statement: &Statement) -> (What, u64) {
        old(statement)
    }
}

impl Spoken for Lft2 {
    const PATIENCE: u64 = lft2::PATIENCE;
    const INTERVAL: u64 = 0;
    const PARAMETERS: &'static [(&'static str, &'static str)] = &[];

    fn what(statement: &Statement) -> (What, u64) {
        old(statement)
    }
}

impl Spoken for Lft {
    const PATIENCE: u64 = 10_000;
    const INTERVAL: u64 = 10;
    const PARAMETERS: &'static [(&'static str, &'static str)] = &[("block_interval", "0")];

    fn what(statement: &Statement) -> (What, u64) {
        let Ok(body) = Body::decode(&statement.body) else { return (What::Other, 0) };
        let what = match body {
            Body::Propose { .. } => What::Proposal,
            Body::Vote { .. } => What::Vote,
            Body::Skip { .. } => What::GiveUp,
            Body::Commit { .. } => What::Commit,
            Body::Support { .. } | Body::Fallback { .. } | Body::Rejoined { .. } => What::Other,
        };
        (what, body.view())
    }
}

impl Spoken for Simplex {
    const PATIENCE: u64 = 10_000;
    const INTERVAL: u64 = 10;
    const PARAMETERS: &'static [(&'static str, &'static str)] = &[("block_interval", "0")];

    fn what(statement: &Statement) -> (What, u64) {
        let Ok(body) = SimplexBody::decode(&statement.body) else { return (What::Other, 0) };
        let what = match body {
            SimplexBody::Propose { .. } => What::Proposal,
            SimplexBody::Vote { .. } => What::Vote,
            SimplexBody::Skip { .. } => What::GiveUp,
            SimplexBody::Commit { .. } => What::Commit,
        };
        (what, body.view())
    }
}
