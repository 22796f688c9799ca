//! Statements: registers, bytes, and what does not decode.

use super::{Ballot, Body, Mode, read};
use plugin_api::{Hash, Pair, ProposalKind, Statement, mirror::class};

fn pair(n: u8) -> Pair {
    Pair { block: Hash([n; 32]), state_root: Hash([n + 1; 32]), receipts_root: Hash([n + 2; 32]) }
}

fn ballot() -> Ballot {
    Ballot { view: 7, pair: pair(10), parent: pair(20), parent_view: 5 }
}

fn all() -> Vec<Body> {
    vec![
        Body::Propose { view: 3, kind: ProposalKind::Norm, block: Hash([1; 32]) },
        Body::Propose { view: 3, kind: ProposalKind::Opt, block: Hash([1; 32]) },
        Body::Vote { ballot: ballot(), commit_parent: false },
        Body::Vote { ballot: ballot(), commit_parent: true },
        Body::Skip { view: 9 },
        Body::Commit { view: 9, pair: pair(30) },
    ]
}

fn statement(body: &Body) -> Statement {
    Statement {
        signer: 0,
        slots: body.slots(Mode::Core),
        body: body.encode(),
        signature: vec![0; 64],
    }
}

#[test]
fn every_body_reads_back_as_itself() {
    for body in all() {
        assert_eq!(read(Mode::Core, &statement(&body)), Ok(body));
    }
}

#[test]
fn each_statement_writes_the_registers_of_its_kind() {
    let classes: Vec<Vec<(u64, u8)>> = all()
        .iter()
        .map(|b| b.slots(Mode::Core).iter().map(|s| (s.view, s.class)).collect())
        .collect();
    assert_eq!(
        classes,
        [
            vec![(3, class::PROPOSE_NORM)],
            vec![(3, class::PROPOSE_OPT)],
            vec![(7, class::VOTE)],
            vec![(7, class::VOTE), (5, class::END)],
            vec![(9, class::END)],
            vec![(9, class::END)],
        ]
    );
}

#[test]
fn a_flagged_vote_writes_what_a_commit_of_the_parent_would_write() {
    let vote = Body::Vote { ballot: ballot(), commit_parent: true };
    let commit = Body::Commit { view: 5, pair: pair(20) };
    assert_eq!(vote.slots(Mode::Core)[1], commit.slots(Mode::Core)[0]);
    assert_ne!(Body::Skip { view: 5 }.slots(Mode::Core)[0], commit.slots(Mode::Core)[0]);
}

#[test]
fn a_vote_for_another_result_writes_another_value() {
    let mut other = ballot();
    other.pair.state_root = Hash([99; 32]);
    let a = Body::Vote { ballot: ballot(), commit_parent: false };
    let b = Body::Vote { ballot: other, commit_parent: false };
    assert_ne!(a.slots(Mode::Core), b.slots(Mode::Core));
}

#[test]
fn registers_that_do_not_follow_from_the_body_are_refused() {
    let mut bad = statement(&Body::Skip { view: 9 });
    bad.slots[0].view = 8;
    assert!(read(Mode::Core, &bad).is_err());
    bad.slots.clear();
    assert!(read(Mode::Core, &bad).is_err());
}

#[test]
fn bytes_in_any_other_encoding_are_refused() {
    for body in all() {
        let bytes = body.encode();
        for cut in 0..bytes.len() {
            assert!(Body::decode(&bytes[..cut]).is_err());
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(Body::decode(&longer).is_err());
        let mut format = bytes.clone();
        format[1] = 2;
        assert!(Body::decode(&format).is_err());
    }
    // [1, [2, [9]]] is a Skip of view 9; the same with a two-byte 9 is not.
    assert_eq!(Body::decode(&[0x82, 1, 0x82, 2, 0x81, 9]), Ok(Body::Skip { view: 9 }));
    assert!(Body::decode(&[0x82, 1, 0x82, 2, 0x81, 0x18, 9]).is_err());
    assert!(Body::decode(&[0x82, 1, 0x82, 2, 0x9f, 9, 0xff]).is_err());
}

#[test]
fn views_that_cannot_be_are_refused() {
    let mut upside_down = ballot();
    upside_down.parent_view = 7;
    let mut on_root = ballot();
    on_root.parent_view = 0;
    for body in [
        Body::Skip { view: 0 },
        Body::Commit { view: 0, pair: pair(1) },
        Body::Propose { view: 0, kind: ProposalKind::Norm, block: Hash([1; 32]) },
        Body::Propose { view: 0, kind: ProposalKind::Closing, block: Hash([1; 32]) },
        Body::Vote { ballot: upside_down, commit_parent: false },
        Body::Vote { ballot: on_root, commit_parent: true },
    ] {
        assert!(Body::decode(&body.encode()).is_err(), "{body:?}");
    }
    assert!(Body::decode(&Body::Vote { ballot: on_root, commit_parent: false }.encode()).is_ok());
}

#[test]
fn fast_statements_write_their_registers_and_are_refused_where_fast_commit_is_off() {
    let fast = [Body::Support { ballot: ballot() }, Body::Fallback { view: 9 }];
    let all = [all(), fast.to_vec()].concat();
    let classes: Vec<Vec<(u64, u8)>> = all
        .iter()
        .map(|b| b.slots(Mode::Fast).iter().map(|s| (s.view, s.class)).collect())
        .collect();
    assert_eq!(
        classes,
        [
            vec![(3, class::PROPOSE_NORM)],
            vec![(3, class::PROPOSE_OPT)],
            vec![(7, class::FIRST)],
            vec![(7, class::FIRST), (5, class::FIRST), (5, class::END)],
            vec![(9, class::FIRST)],
            vec![(9, class::FIRST), (9, class::END)],
            vec![(7, class::END)],
            vec![(9, class::END)],
        ]
    );
    for body in &all {
        let slots = body.slots(Mode::Fast);
        let statement = Statement { signer: 0, slots, body: body.encode(), signature: vec![0; 64] };
        assert_eq!(read(Mode::Fast, &statement), Ok(*body));
        let core = matches!(body, Body::Propose { .. });
        assert_eq!(read(Mode::Core, &statement).is_ok(), core, "{body:?}");
    }
}

#[test]
fn a_fast_commit_writes_what_a_first_vote_for_its_pair_would_and_fallbacks_are_all_the_same() {
    let ballot = ballot();
    let vote = Body::Vote { ballot, commit_parent: false }.slots(Mode::Fast);
    let commit = Body::Commit { view: ballot.view, pair: ballot.pair }.slots(Mode::Fast);
    assert_eq!(vote[0], commit[0]);
    let fallback = Body::Fallback { view: ballot.view }.slots(Mode::Fast);
    assert_eq!(Body::Support { ballot }.slots(Mode::Fast), fallback);
    assert_ne!(commit[1], fallback[0]);
}
