//! What proves something and what does not.

use super::{CERTIFICATES_MAX, Certificate, decode_all, encode_all};
use crate::fixture::{committee, pair, signed, verify};
use crate::statement::Body;
use plugin_api::Hash;

fn certificate(body: Body) -> Certificate {
    Certificate { body, signed: signed(&[0, 1, 2], &body) }
}

#[test]
fn vote_skip_and_commit_certify_and_a_proposal_does_not() {
    let committee = committee(&[1; 4]);
    let check = |body| certificate(body).check(&committee, verify);
    assert_eq!(check(Body::Vote { view: 1, pair: pair(1) }), Ok(()));
    assert_eq!(check(Body::Skip { view: 1 }), Ok(()));
    assert_eq!(check(Body::Commit { view: 1, pair: pair(1) }), Ok(()));
    assert!(check(Body::Propose { view: 1, block: Hash([1; 32]) }).is_err());
    assert!(check(Body::Skip { view: 0 }).is_err());
}

#[test]
fn votes_prove_no_commit_and_no_other_result() {
    let committee = committee(&[1; 4]);
    let votes = certificate(Body::Vote { view: 1, pair: pair(1) });
    for body in [
        Body::Commit { view: 1, pair: pair(1) },
        Body::Vote { view: 1, pair: pair(2) },
        Body::Vote { view: 2, pair: pair(1) },
    ] {
        let forged = Certificate { body, ..votes.clone() };
        assert!(forged.check(&committee, verify).is_err(), "{body:?}");
    }
}

#[test]
fn a_list_is_read_as_it_was_written_up_to_its_bound() {
    let one = certificate(Body::Skip { view: 1 });
    let list = vec![one.clone(); CERTIFICATES_MAX];
    assert_eq!(decode_all(&encode_all(&list)), Ok(list.clone()));
    let longer = [list, vec![one.clone()]].concat();
    assert!(decode_all(&encode_all(&longer)).is_err());
    let bytes = one.encode();
    assert_eq!(Certificate::decode(&bytes), Ok(one));
    assert!((0..bytes.len()).all(|cut| Certificate::decode(&bytes[..cut]).is_err()));
}
