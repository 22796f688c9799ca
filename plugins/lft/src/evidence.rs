//! When two statements of one signer cannot both be honest.
//!
//! In: two bodies. Out: why they conflict. Not here: storing them (the host does), punishing.

use crate::statement::{Body, Mode};
use plugin_api::Pair;

/// The ways to cheat that two signatures prove: two values for one register of the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offence {
    /// E1: two different votes in one view; with fast commit also a vote and a Skip.
    TwoVotes,
    /// E2: Skip and Commit in one view; a flagged vote commits its parent.
    SkipAndCommit,
    /// E3: two different Commits in one view.
    TwoCommits,
    /// E4: two proposals of one kind in one view.
    TwoProposals,
    /// E5, fast commit only: a Commit and, in its view, a fallback, a support, or a vote for another
    /// pair.
    CommitAndOther,
}

/// What a statement says about the end of a view.
fn commit_of(body: &Body) -> Option<(u64, Pair)> {
    match body {
        Body::Commit { view, pair } => Some((*view, *pair)),
        Body::Vote { ballot, commit_parent: true } => Some((ballot.parent_view, ballot.parent)),
        _ => None,
    }
}

/// What only fast commit forbids.
fn conflict_fast(first: &Body, second: &Body) -> Option<Offence> {
    if let (Body::Vote { ballot, .. }, Body::Skip { view }) = (first, second)
        && ballot.view == *view
    {
        return Some(Offence::TwoVotes);
    }
    let (view, pair) = commit_of(first)?;
    let other = match second {
        Body::Vote { ballot, .. } => ballot.view == view && ballot.pair != pair,
        Body::Support { ballot } => ballot.view == view,
        Body::Fallback { view: fallen } => *fallen == view,
        _ => false,
    };
    other.then_some(Offence::CommitAndOther)
}

/// Whether two statements of one signer prove an offence.
#[must_use]
pub fn conflict(mode: Mode, first: &Body, second: &Body) -> Option<Offence> {
    let fast = || match mode {
        Mode::Core => None,
        Mode::Fast => conflict_fast(first, second).or_else(|| conflict_fast(second, first)),
    };
    conflict_core(first, second).or_else(fast)
}

fn conflict_core(first: &Body, second: &Body) -> Option<Offence> {
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
    use crate::statement::{Ballot, Body, Mode};
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
            assert_eq!(conflict(Mode::Core, &a, &b), expected, "{a:?} {b:?}");
            assert_eq!(conflict(Mode::Core, &b, &a), expected, "{b:?} {a:?}");
        }
    }

    #[test]
    fn fast_commit_knows_more_ways_to_cheat() {
        let ballot = |n| Ballot { view: 5, pair: pair(n), parent: pair(0), parent_view: 4 };
        let support = |n| Body::Support { ballot: ballot(n) };
        let (skip, fallback) = (Body::Skip { view: 5 }, Body::Fallback { view: 5 });
        let commit = |n| Body::Commit { view: 5, pair: pair(n) };
        let first = vote(5, 1, 4, 0, false);
        let both = Offence::CommitAndOther;
        for (a, b, expected) in [
            (first, skip, Some(Offence::TwoVotes)),
            (first, vote(5, 2, 4, 0, false), Some(Offence::TwoVotes)),
            (first, fallback, None),
            (first, support(2), None),
            (skip, support(2), None),
            (support(1), support(2), None),
            (first, commit(1), None),
            (first, commit(2), Some(both)),
            (skip, commit(1), Some(Offence::SkipAndCommit)),
            (fallback, commit(1), Some(both)),
            (support(2), commit(2), Some(both)),
            (fallback, vote(6, 9, 5, 1, true), Some(both)),
            (vote(5, 2, 4, 0, false), vote(6, 9, 5, 1, true), Some(both)),
            (first, vote(6, 9, 5, 1, true), None),
            (fallback, vote(6, 9, 5, 1, false), None),
            (Body::Fallback { view: 4 }, commit(1), None),
        ] {
            for (a, b) in [(a, b), (b, a)] {
                assert_eq!(conflict(Mode::Fast, &a, &b), expected, "{a:?} {b:?}");
            }
        }
    }

    /// What is evidence and what the host's guard refuses are the same thing, in both modes.
    #[test]
    fn two_statements_are_evidence_exactly_when_their_registers_clash() {
        let mut all = Vec::new();
        for view in 4..7 {
            all.extend([Body::Skip { view }, Body::Fallback { view }]);
            for n in 1..3 {
                all.push(Body::Commit { view, pair: pair(n) });
                all.push(vote(view, n, view - 1, n, false));
                all.push(vote(view, n, view - 1, 1, true));
                all.push(vote(view, n, view - 2, 2, true));
                let parent_view = view - 1;
                let ballot = Ballot { view, pair: pair(n), parent: pair(1), parent_view };
                all.push(Body::Support { ballot });
                for kind in [ProposalKind::Norm, ProposalKind::Opt] {
                    all.push(Body::Propose { view, kind, block: Hash([n; 32]) });
                }
            }
        }
        for mode in [Mode::Core, Mode::Fast] {
            let known = |body: &&Body| {
                mode == Mode::Fast || !matches!(body, Body::Support { .. } | Body::Fallback { .. })
            };
            for a in all.iter().filter(known) {
                for b in all.iter().filter(known) {
                    let slots = b.slots(mode);
                    let clash = a.slots(mode).iter().any(|slot| {
                        slots.iter().any(|other| {
                            (other.view, other.class) == (slot.view, slot.class)
                                && other.digest != slot.digest
                        })
                    });
                    assert_eq!(conflict(mode, a, b).is_some(), clash, "{mode:?} {a:?} {b:?}");
                }
            }
        }
    }
}
