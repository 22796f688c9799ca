//! The tally of a view: who counts, once, and what becomes evidence.

use super::{As, Tally};
use crate::{
    certificate::{Candidate, Certificate},
    fixture::{fast_set, group, list, pair, said, said_fast, set, set_of, verify, vote},
    parameters::Parameters,
    statement::Body,
    validators::Validators,
};
use plugin_api::GroupMode;

/// The view of no importance; delegates alone look at it.
const V: u64 = 5;

fn candidate(tally: &Tally, set: &Validators) -> Option<Candidate> {
    tally.certified(set).next().map(|ballot| tally.candidate(&ballot))
}

fn add_votes(tally: &mut Tally, set: &Validators, signers: &[u16], block: u8) {
    for signer in signers {
        tally.add(V, As::Vote, &said(*signer, &vote(5, block, 4, 1, true)), set);
    }
}

#[test]
fn a_candidate_needs_the_exact_quorum_of_one_ballot() {
    for (weights, below, enough) in [
        (vec![1; 4], vec![0, 1], 2),
        (vec![1; 7], vec![0, 1, 2, 3], 4),
        (vec![3, 2, 2, 1, 3], vec![0, 1, 2], 3),
        (vec![5, 1, 1], vec![1, 2], 0),
    ] {
        let set = set(&weights);
        let mut tally = Tally::default();
        add_votes(&mut tally, &set, &below, 9);
        assert!(candidate(&tally, &set).is_none(), "{weights:?}");
        add_votes(&mut tally, &set, &[enough], 9);
        let candidate = candidate(&tally, &set).unwrap();
        assert_eq!(candidate.ballot.pair, pair(9));
        assert_eq!(candidate.votes.len(), below.len() + 1);
    }
}

#[test]
fn votes_for_two_results_or_repeated_votes_do_not_add_up() {
    let set = set(&[1; 4]);
    let mut tally = Tally::default();
    add_votes(&mut tally, &set, &[0, 0, 0, 1, 1], 9);
    add_votes(&mut tally, &set, &[2, 3, 0], 8);
    assert!(candidate(&tally, &set).is_none());
}

#[test]
fn the_second_of_two_votes_is_evidence_once_and_counts_nothing() {
    let set = set(&[1; 4]);
    let mut tally = Tally::default();
    let first = said(2, &vote(5, 9, 4, 1, false));
    let second = said(2, &vote(5, 8, 4, 1, false));
    assert!(tally.add(V, As::Vote, &first, &set).counted);
    let added = tally.add(V, As::Vote, &second, &set);
    assert!(!added.counted);
    assert_eq!(added.against, Some(first.statement));
    assert_eq!(tally.add(V, As::Vote, &second, &set).against, None);
}

#[test]
fn skip_and_a_flagged_vote_for_a_child_are_evidence() {
    let set = set(&[1; 4]);
    let mut tally = Tally::default();
    let skip = said(1, &Body::Skip { view: 4 });
    tally.add(V, As::Skip, &skip, &set);
    let child = said(1, &vote(5, 9, 4, 1, true));
    assert_eq!(tally.add(V, As::Commit(pair(1)), &child, &set).against, Some(skip.statement));
}

#[test]
fn commits_and_flagged_votes_of_several_children_make_one_proof() {
    let set = set(&[1; 7]);
    let mut tally = Tally::default();
    let add = |tally: &mut Tally, signer: u16, body: Body| {
        tally.add(V, As::Commit(pair(1)), &said(signer, &body), &set);
    };
    add(&mut tally, 0, Body::Commit { view: 4, pair: pair(1) });
    add(&mut tally, 1, vote(5, 9, 4, 1, true));
    add(&mut tally, 2, vote(5, 9, 4, 1, true));
    add(&mut tally, 3, vote(6, 8, 4, 1, true));
    assert!(tally.final_proof(4, &set).is_none());
    add(&mut tally, 3, Body::Commit { view: 4, pair: pair(1) });
    assert!(tally.final_proof(4, &set).is_none(), "nobody counts twice");
    add(&mut tally, 4, vote(7, 7, 4, 1, true));
    let proof = tally.final_proof(4, &set).unwrap();
    assert_eq!(proof.signers(), [0, 1, 2, 3, 4]);
    assert_eq!((proof.commits.len(), proof.children.len()), (1, 3));
    assert_eq!(proof.check(&set, crate::fixture::verify), Ok(()));
}

#[test]
fn what_nobody_signed_with_an_index_of_the_set_is_ignored() {
    let set = set(&[1; 4]);
    let mut tally = Tally::default();
    assert!(!tally.add(V, As::Skip, &said(4, &Body::Skip { view: 4 }), &set).counted);
    assert_eq!(tally.skip_weight(), 0);
}

fn fast_vote(n: u8) -> Body {
    vote(5, n, 4, 1, false)
}

fn support(n: u8) -> Body {
    let Body::Vote { ballot, .. } = fast_vote(n) else { unreachable!() };
    Body::Support { ballot }
}

#[test]
fn a_support_certifies_but_makes_nothing_final_fast() {
    let set = fast_set(&[1; 4], 0);
    let mut tally = Tally::default();
    for signer in [0, 1, 2] {
        tally.add(V, As::Vote, &said_fast(signer, &fast_vote(9)), &set);
    }
    tally.add(V, As::Support, &said_fast(3, &support(9)), &set);
    let candidate = candidate(&tally, &set).unwrap();
    assert_eq!((candidate.votes.len(), candidate.supports.len()), (3, 1));
    assert_eq!(Certificate::Candidate(candidate).check(&set, verify), Ok(()));
    assert!(tally.final_proof(V, &set).is_none());
    tally.add(V, As::Vote, &said_fast(3, &fast_vote(9)), &set);
    let proof = tally.final_proof(V, &set).unwrap();
    assert_eq!(proof.signers(), [0, 1, 2, 3]);
    assert_eq!(proof.check(&set, verify), Ok(()));
}

#[test]
fn who_votes_for_and_supports_one_block_counts_once() {
    let set = fast_set(&[1; 4], 0);
    for support_first in [true, false] {
        let mut tally = Tally::default();
        for signer in [0, 1] {
            let vote = |tally: &mut Tally| {
                tally.add(V, As::Vote, &said_fast(signer, &fast_vote(9)), &set);
            };
            let back = |tally: &mut Tally| {
                tally.add(V, As::Support, &said_fast(signer, &support(9)), &set);
            };
            if support_first {
                back(&mut tally);
                vote(&mut tally);
            } else {
                vote(&mut tally);
                back(&mut tally);
            }
        }
        assert!(candidate(&tally, &set).is_none(), "{support_first}");
        assert_eq!(tally.first_weights(), (2, 2));
    }
}

#[test]
fn two_blocks_of_one_view_can_both_be_certified_and_each_certificate_holds() {
    let set = fast_set(&[1; 4], 0);
    let mut tally = Tally::default();
    for (signer, n) in [(0, 9), (1, 9), (2, 8), (3, 8)] {
        tally.add(V, As::Vote, &said_fast(signer, &fast_vote(n)), &set);
    }
    for (signer, n) in [(0, 8), (1, 8), (2, 9), (3, 9)] {
        tally.add(V, As::Support, &said_fast(signer, &support(n)), &set);
    }
    let ballots: Vec<_> = tally.certified(&set).collect();
    assert_eq!(ballots.len(), 2);
    for ballot in ballots {
        let certificate = Certificate::Candidate(tally.candidate(&ballot));
        assert_eq!(certificate.check(&set, verify), Ok(()));
    }
    assert!(tally.final_proof(V, &set).is_none());
}

#[test]
fn skips_and_fallbacks_make_a_null_together_and_nobody_counts_twice() {
    let set = fast_set(&[1; 4], 0);
    let mut tally = Tally::default();
    let fallback = Body::Fallback { view: V };
    tally.add(V, As::Vote, &said_fast(0, &fast_vote(9)), &set);
    tally.add(V, As::Fallback, &said_fast(0, &fallback), &set);
    tally.add(V, As::Skip, &said_fast(1, &Body::Skip { view: V }), &set);
    tally.add(V, As::Fallback, &said_fast(1, &fallback), &set);
    assert!(tally.null(V, &set).is_none());
    assert_eq!(tally.first_weights(), (2, 1));
    tally.add(V, As::Fallback, &said_fast(2, &fallback), &set);
    let null = tally.null(V, &set).unwrap();
    assert_eq!((null.skips.len(), null.fallbacks.len()), (1, 2));
    assert_eq!(Certificate::Null(null).check(&set, verify), Ok(()));
}

#[test]
fn a_signer_supports_a_bounded_number_of_blocks() {
    let set = fast_set(&[1; 4], 0);
    let mut tally = Tally::default();
    let counted: Vec<bool> = (10..15)
        .map(|n| tally.add(V, As::Support, &said_fast(0, &support(n)), &set).counted)
        .collect();
    assert_eq!(counted, [true, true, false, false, false]);
}

#[test]
fn a_vote_and_a_first_skip_of_one_signer_are_evidence_and_one_first_statement() {
    let set = fast_set(&[1; 4], 0);
    let mut tally = Tally::default();
    let vote = said_fast(1, &fast_vote(9));
    tally.add(V, As::Vote, &vote, &set);
    let skip = said_fast(1, &Body::Skip { view: V });
    assert_eq!(tally.add(V, As::Skip, &skip, &set).against, Some(vote.statement));
    assert_eq!(tally.first_weights(), (1, 1));
}

#[test]
fn groups_certify_and_finish_as_one_and_their_certificates_hold() {
    for mode in [GroupMode::Quorum, GroupMode::Delegate] {
        // Two alone of weight 2, three that count 2 together.
        let mut validators = list(&[2, 2, 1, 1, 1]);
        group(&mut validators, &[2, 3, 4], mode, 2, 2);
        let set = set_of(&validators, &Parameters::default());
        let mut tally = Tally::default();
        // The delegate of view 5 is member 2, validator 4. Flags are no part of a group's vote.
        for (signer, flag) in [(0u16, true), (1, true), (4, true)] {
            tally.add(V, As::Vote, &said(signer, &vote(5, 9, 4, 1, flag)), &set);
        }
        assert_eq!(candidate(&tally, &set).is_some(), mode == GroupMode::Delegate);
        tally.add(V, As::Vote, &said(2, &vote(5, 9, 4, 1, false)), &set);
        let candidate = candidate(&tally, &set).unwrap();
        assert_eq!(Certificate::Candidate(candidate).check(&set, verify), Ok(()));
        let mut parent = Tally::default();
        let flag = |tally: &mut Tally, signer: u16, body: Body| {
            tally.add(4, As::Commit(pair(1)), &said(signer, &body), &set);
        };
        for signer in [0, 1, 4] {
            flag(&mut parent, signer, vote(5, 9, 4, 1, true));
        }
        assert!(parent.final_proof(4, &set).is_none(), "a flag is that one member's");
        flag(&mut parent, 3, Body::Commit { view: 4, pair: pair(1) });
        let proof = parent.final_proof(4, &set).unwrap();
        assert_eq!(proof.check(&set, verify), Ok(()));
    }
}

#[test]
fn what_is_repeated_after_slimming_counts_once() {
    let set = set(&[1; 4]);
    let mut tally = Tally::default();
    let skip = |tally: &mut Tally, signer: u16| {
        tally.add(V, As::Skip, &said(signer, &Body::Skip { view: V }), &set);
    };
    skip(&mut tally, 0);
    skip(&mut tally, 1);
    tally.slim();
    skip(&mut tally, 0);
    skip(&mut tally, 0);
    skip(&mut tally, 1);
    assert_eq!(tally.skip_weight(), 2);
    assert!(tally.null(V, &set).is_none(), "two signers of four");
}
