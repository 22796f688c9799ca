//! Registers and encodings of statements.

use super::{Body, read};
use crate::fixture::{pair, statement};
use plugin_api::{Hash, mirror::class};

fn all() -> [Body; 4] {
    [
        Body::Propose { view: 7, block: Hash([1; 32]) },
        Body::Vote { view: 7, pair: pair(1) },
        Body::Skip { view: 7 },
        Body::Commit { view: 7, pair: pair(1) },
    ]
}

#[test]
fn skip_and_commit_share_a_register_and_the_others_have_their_own() {
    let classes = all().map(|body| body.slot().class);
    assert_eq!(classes, [class::PROPOSE_NORM, class::VOTE, class::END, class::END]);
    assert_ne!(all()[2].slot().digest, all()[3].slot().digest);
    let other_result = plugin_api::Pair { state_root: Hash([9; 32]), ..pair(1) };
    for (one, two) in [
        (Body::Vote { view: 7, pair: pair(1) }, Body::Vote { view: 7, pair: other_result }),
        (Body::Commit { view: 7, pair: pair(1) }, Body::Commit { view: 7, pair: other_result }),
    ] {
        assert_ne!(one.slot(), two.slot(), "two results are two values");
    }
}

#[test]
fn a_statement_is_read_as_it_was_written_and_in_no_other_form() {
    for body in all() {
        let good = statement(1, &body);
        assert_eq!(read(&good), Ok(body));
        let mut longer = good.clone();
        longer.body.push(0);
        assert!(read(&longer).is_err());
        let mut other = good.clone();
        other.slots[0].view += 1;
        assert!(read(&other).unwrap_err().contains("registers"));
        other.slots.clear();
        assert!(read(&other).is_err());
        for cut in 0..good.body.len() {
            assert!(Body::decode(&good.body[..cut]).is_err(), "{body:?} cut at {cut}");
        }
    }
}

#[test]
fn nothing_is_signed_in_view_0() {
    assert!(Body::decode(&Body::Skip { view: 0 }.encode()).is_err());
    assert!(Body::decode(&Body::Commit { view: 0, pair: pair(1) }.encode()).is_err());
}

#[test]
fn every_field_is_under_the_signature() {
    let message = |body: &Body| body.verify_item(b"p", [0; 32], b"s").message;
    let vote = Body::Vote { view: 7, pair: pair(1) };
    for other in [Body::Vote { view: 8, pair: pair(1) }, Body::Vote { view: 7, pair: pair(2) }] {
        assert_ne!(message(&vote), message(&other));
    }
    assert_ne!(vote.verify_item(b"q", [0; 32], b"s").message, message(&vote));
}
