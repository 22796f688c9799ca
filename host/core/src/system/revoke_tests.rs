//! `revoke`, on a map in the place of a state.

use super::all_revoked;
use crate::system::stage::Stage;
use crate::system::state::{ChangeStatus, change_record};
use host_identity::{Authority, Revoked, Serial, Validity};
use host_types::change::{Change, SystemCall};
use host_types::{BlockTime, Code, Hash32};

const NOW: BlockTime = BlockTime::new(1_700_000_000_000_000);

fn serial(byte: u8) -> Serial {
    Serial::new(&[byte, 7]).unwrap()
}

fn list(authority: &Authority, number: u64, bytes: &[u8]) -> Change {
    let revoked: Vec<_> =
        bytes.iter().map(|byte| Revoked { serial: serial(*byte), at: NOW }).collect();
    Change::Revoke { crl: authority.issue_crl(number, NOW, &revoked).unwrap() }
}

#[test]
fn a_list_counts_once_validators_of_weight_q_have_approved_it() {
    let mut stage = Stage::new();
    let root = stage.fixture.authority.root().fingerprint();
    let id = stage.propose(0, list(&stage.fixture.authority, 3, &[1, 2])).unwrap();
    stage.call(1, &SystemCall::Approve { id }).unwrap();
    assert!(all_revoked(&stage.state).is_empty(), "2 of 4");
    let outcome = stage.call(2, &SystemCall::Approve { id }).unwrap();
    let names: Vec<_> = outcome.events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["change-accepted", "certificates-revoked"]);
    assert_eq!(all_revoked(&stage.state), [(root, serial(1)), (root, serial(2))].into());
    assert_eq!(change_record(&stage.state, &id).unwrap().status, ChangeStatus::Done);
}

#[test]
fn an_older_list_is_refused_and_what_is_taken_back_stays_so() {
    let mut stage = Stage::new();
    stage.accept(list(&stage.fixture.authority, 3, &[1])).unwrap();
    for number in [1, 3] {
        let refused = stage.propose(0, list(&stage.fixture.authority, number, &[])).unwrap_err();
        assert_eq!(refused.code, Code::CrlRefused, "list {number}");
    }
    stage.accept(list(&stage.fixture.authority, 4, &[2])).unwrap();
    assert_eq!(all_revoked(&stage.state).len(), 2);
}

#[test]
fn of_two_lists_that_wait_the_older_one_comes_too_late() {
    let mut stage = Stage::new();
    let older = stage.propose(0, list(&stage.fixture.authority, 3, &[1])).unwrap();
    stage.accept(list(&stage.fixture.authority, 4, &[1, 2])).unwrap();
    stage.call(1, &SystemCall::Approve { id: older }).unwrap();
    let refused = stage.call(2, &SystemCall::Approve { id: older }).unwrap_err();
    assert_eq!(refused.code, Code::CrlRefused);
}

#[test]
fn the_list_of_a_root_that_is_not_the_channels_is_refused() {
    let mut stage = Stage::new();
    let stranger = Authority::new("bank-a", Validity::days_from_now(9)).unwrap();
    let refused = stage.propose(0, list(&stranger, 3, &[1])).unwrap_err();
    assert_eq!(refused.code, Code::CrlRefused);
    let refused = stage.propose(0, Change::Revoke { crl: vec![1, 2, 3] }).unwrap_err();
    assert_eq!(refused.code, Code::CrlRefused);
    assert_eq!(all_revoked(&stage.state), <std::collections::BTreeSet<(Hash32, Serial)>>::new());
}
