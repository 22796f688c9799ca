//! Counting, certificates, evidence.

use super::{Added, Said, Tally};
use crate::fixture::{committee, pair, statement, verify};
use crate::statement::Body;

fn said(signer: u16, body: Body) -> Said {
    Said { body, statement: statement(signer, &body) }
}

#[test]
fn a_quorum_of_one_thing_makes_a_certificate_that_holds() {
    let committee = committee(&[1; 4]);
    let (vote, other) =
        (Body::Vote { view: 1, pair: pair(1) }, Body::Vote { view: 1, pair: pair(2) });
    let mut tally = Tally::default();
    for (signer, body) in [(3, vote), (0, vote), (1, other)] {
        assert_eq!(tally.add(&said(signer, body)), Added::Counted);
        assert_eq!(tally.certificate(&vote, &committee), None);
    }
    assert_eq!(tally.weight(&vote, &committee), 2);
    tally.add(&said(2, vote));
    let certificate = tally.certificate(&vote, &committee).unwrap();
    assert_eq!(certificate.check(&committee, verify), Ok(()));
    assert_eq!(certificate.signed.iter().map(|s| s.signer).collect::<Vec<_>>(), [0, 2, 3]);
    assert_eq!(tally.certificate(&other, &committee), None);
}

#[test]
fn what_fills_a_register_twice_is_evidence_once_and_counts_for_nothing() {
    let committee = committee(&[1; 4]);
    let (skip, commit) = (Body::Skip { view: 1 }, Body::Commit { view: 1, pair: pair(1) });
    let mut tally = Tally::default();
    assert_eq!(tally.add(&said(0, skip)), Added::Counted);
    assert_eq!(tally.add(&said(0, skip)), Added::Known);
    assert_eq!(tally.add(&said(0, commit)), Added::Against(Box::new(statement(0, &skip))));
    assert_eq!(tally.add(&said(0, commit)), Added::Known, "it was told");
    assert_eq!(tally.weight(&commit, &committee), 0);
    assert!(tally.has(&skip, 0) && !tally.has(&commit, 0) && !tally.has(&skip, 1));
}

#[test]
fn a_vote_and_a_skip_of_one_view_are_honest() {
    let mut tally = Tally::default();
    tally.add(&said(0, Body::Vote { view: 1, pair: pair(1) }));
    assert_eq!(tally.add(&said(0, Body::Skip { view: 1 })), Added::Counted);
}

#[test]
fn proposals_certify_nothing_and_old_views_keep_skips_and_commits() {
    let committee = committee(&[1]);
    let propose = Body::Propose { view: 1, block: pair(1).block };
    let (vote, skip) = (Body::Vote { view: 1, pair: pair(1) }, Body::Skip { view: 1 });
    let mut tally = Tally::default();
    for body in [propose, vote, skip] {
        tally.add(&said(0, body));
    }
    assert_eq!(tally.certificate(&propose, &committee), None);
    tally.slim();
    assert_eq!(tally.bodies(), [skip]);
}
