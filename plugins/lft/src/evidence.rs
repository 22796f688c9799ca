//! When two statements of one signer cannot both be honest.
//!
//! In: two bodies. Out: why they conflict. Not here: storing them (the host does), punishing.

use crate::statement::Body;
use plugin_api::Pair;

/// The four ways to cheat that two signatures prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offence {
    /// E1: two different votes in one view.
    TwoVotes,
    /// E2: Skip and Commit in one view; a flagged vote commits its parent.
    SkipAndCommit,
    /// E3: two different Commits in one view.
    TwoCommits,
    /// E4: two proposals of one kind in one view.
    TwoProposals,
}

/// What a statement says about the end of a view.
fn commit_of(body: &Body) -> Option<(u64, Pair)> {
    match body {
        Body::Commit { view, pair } => Some((*view, *pair)),
        Body::Vote { ballot, commit_parent: true } => Some((ballot.parent_view, ballot.parent)),
        _ => None,
    }
}

/// Whether two statements of one signer prove an offence.
#[must_use]
pub fn conflict(first: &Body, second: &Body) -> Option<Offence> {
    if let (
        Body::Propose { view: a, kind: kind_a, block: block_a },
        Body::Propose { view: b, kind: kind_b, block: block_b },
    ) = (first, second)
    {
        let two = a == b && kind_a == kind_b && block_a != block_b;
        return two.then_some(Offence::TwoProposals);
    }
    if let (Body::Vote { ballot: a, .. }, Body::Vote { ballot: b, .. }) = (first, second)
        && a.view == b.view
        && a.pair != b.pair
    {
        return Some(Offence::TwoVotes);
    }
    match (first, second) {
        (Body::Skip { view }, other) | (other, Body::Skip { view }) => commit_of(other)
            .is_some_and(|(committed, _)| committed == *view)
            .then_some(Offence::SkipAndCommit),
        _ => match (commit_of(first), commit_of(second)) {
            (Some((a, pair_a)), Some((b, pair_b))) if a == b && pair_a != pair_b => {
                Some(Offence::TwoCommits)
            }
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Offence, conflict};
    use crate::statement::{Ballot, Body};
    use plugin_api::{Hash, Pair, ProposalKind};

    fn pair(n: u8) -> Pair {
        Pair { block: Hash([n; 32]), ..Pair::default() }
    }

    fn vote(view: u64, n: u8, parent_view: u64, parent: u8, commit_parent: bool) -> Body {
        let ballot = Ballot { view, pair: pair(n), parent: pair(parent), parent_view };
        Body::Vote { ballot, commit_parent }
    }

    #[test]
    fn each_offence_is_seen_in_both_orders_and_honest_pairs_are_not() {
        let propose = |n| Body::Propose { view: 3, kind: ProposalKind::Norm, block: Hash([n; 32]) };
        let opt = Body::Propose { view: 3, kind: ProposalKind::Opt, block: Hash([9; 32]) };
        let commit = |view, n| Body::Commit { view, pair: pair(n) };
        let skip = |view| Body::Skip { view };
        for (a, b, expected) in [
            (propose(1), propose(2), Some(Offence::TwoProposals)),
            (propose(1), propose(1), None),
            (propose(1), opt, None),
            (vote(5, 1, 4, 0, false), vote(5, 2, 4, 0, false), Some(Offence::TwoVotes)),
            (vote(5, 1, 4, 0, false), vote(5, 1, 4, 0, true), None),
            (vote(5, 1, 4, 0, true), vote(6, 2, 4, 7, true), Some(Offence::TwoCommits)),
            (vote(5, 1, 4, 0, true), vote(6, 2, 4, 0, true), None),
            (skip(4), commit(4, 1), Some(Offence::SkipAndCommit)),
            (skip(4), vote(5, 1, 4, 0, true), Some(Offence::SkipAndCommit)),
            (skip(4), vote(5, 1, 4, 0, false), None),
            (skip(5), vote(5, 1, 4, 0, true), None),
            (skip(4), commit(5, 1), None),
            (skip(4), skip(4), None),
            (commit(4, 1), commit(4, 2), Some(Offence::TwoCommits)),
            (commit(4, 1), vote(6, 9, 4, 2, true), Some(Offence::TwoCommits)),
            (commit(4, 1), commit(5, 2), None),
        ] {
            assert_eq!(conflict(&a, &b), expected, "{a:?} {b:?}");
            assert_eq!(conflict(&b, &a), expected, "{b:?} {a:?}");
        }
    }
}
