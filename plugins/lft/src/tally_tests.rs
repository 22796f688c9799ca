//! The tally of a view: who counts, once, and what becomes evidence.

use super::{As, Tally};
use crate::{
    fixture::{pair, said, set, vote},
    statement::Body,
    validators::Validators,
};

fn add_votes(tally: &mut Tally, set: &Validators, signers: &[u16], block: u8) {
    for signer in signers {
        tally.add(As::Vote, &said(*signer, &vote(5, block, 4, 1, true)), set);
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
        assert!(tally.candidate(&set).is_none(), "{weights:?}");
        add_votes(&mut tally, &set, &[enough], 9);
        let candidate = tally.candidate(&set).unwrap();
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
    assert!(tally.candidate(&set).is_none());
}

#[test]
fn the_second_of_two_votes_is_evidence_once_and_counts_nothing() {
    let set = set(&[1; 4]);
    let mut tally = Tally::default();
    let first = said(2, &vote(5, 9, 4, 1, false));
    let second = said(2, &vote(5, 8, 4, 1, false));
    assert!(tally.add(As::Vote, &first, &set).counted);
    let added = tally.add(As::Vote, &second, &set);
    assert!(!added.counted);
    assert_eq!(added.against, Some(first.statement));
    assert_eq!(tally.add(As::Vote, &second, &set).against, None);
}

#[test]
fn skip_and_a_flagged_vote_for_a_child_are_evidence() {
    let set = set(&[1; 4]);
    let mut tally = Tally::default();
    let skip = said(1, &Body::Skip { view: 4 });
    tally.add(As::Skip, &skip, &set);
    let child = said(1, &vote(5, 9, 4, 1, true));
    assert_eq!(tally.add(As::Commit(pair(1)), &child, &set).against, Some(skip.statement));
}

#[test]
fn commits_and_flagged_votes_of_several_children_make_one_proof() {
    let set = set(&[1; 7]);
    let mut tally = Tally::default();
    let add = |tally: &mut Tally, signer: u16, body: Body| {
        tally.add(As::Commit(pair(1)), &said(signer, &body), &set);
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
    assert!(!tally.add(As::Skip, &said(4, &Body::Skip { view: 4 }), &set).counted);
    assert_eq!(tally.skip_weight(), 0);
}
