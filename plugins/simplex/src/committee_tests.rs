//! Weights, quorums, leaders.

use super::Committee;
use crate::certificate::Signed;
use crate::fixture::{PREFIX, committee, signed, validators, verify};
use crate::statement::Body;

#[test]
fn two_certificates_always_share_more_than_may_lie() {
    for total in 1..400 {
        let committee = committee(&[total]);
        let (f, q) = (committee.faulty(), committee.quorum());
        assert!(2 * q - total > f, "N = {total}");
        assert!(total - f >= q, "N = {total}: the honest alone are enough");
        assert!(3 * f < total && 3 * (f + 1) >= total, "N = {total}");
    }
}

#[test]
fn a_set_that_cannot_agree_is_refused() {
    let refused = |weights: &[u64]| Committee::new(PREFIX, &validators(weights), 0).unwrap_err();
    assert!(refused(&[]).contains("empty"));
    assert!(refused(&[1, 0]).contains("validator 1 has weight 0"));
    assert!(refused(&[u64::MAX, 1]).contains("64 bits"));
}

#[test]
fn the_leader_rotates_and_epochs_begin_elsewhere() {
    let leaders = |epoch| {
        let committee = Committee::new(PREFIX, &validators(&[1; 4]), epoch).unwrap();
        (1..=5).map(|view| committee.leader(view)).collect::<Vec<_>>()
    };
    assert_eq!(leaders(0), [1, 2, 3, 0, 1]);
    assert_eq!(leaders(2), [3, 0, 1, 2, 3]);
    assert_eq!(committee(&[1; 4]).leader(u64::MAX), 3);
}

#[test]
fn only_a_quorum_of_known_signers_each_once_and_right_is_enough() {
    let committee = committee(&[2, 1, 1, 1]);
    let body = Body::Skip { view: 3 };
    let check = |list: &[Signed]| committee.check(&body, list, verify);
    assert_eq!(check(&signed(&[0, 1, 2], &body)), Ok(()));
    let mut wrong = signed(&[0, 1, 2], &body);
    wrong[1].signature = signed(&[2], &body)[0].signature.clone();
    let rows = [
        (signed(&[1, 2, 3], &body), "below the quorum"),
        (signed(&[0, 1, 1], &body), "counted twice"),
        (signed(&[0, 2, 1], &body), "out of order"),
        (signed(&[0, 1, 4], &body), "no validator 4"),
        (signed(&[0, 1, 2], &Body::Skip { view: 4 }), "a signature is wrong"),
        (wrong, "a signature is wrong"),
        (Vec::new(), "below the quorum"),
    ];
    for (list, why) in rows {
        let line = check(&list).unwrap_err();
        assert!(line.contains(why), "{line}, not {why}");
    }
}
