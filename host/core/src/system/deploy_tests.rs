//! `deploy` from its proposal to the height it names, on a map in the place of a state.

use crate::system::stage::{Stage, deploy};
use crate::system::state::{
    ChangeRecord, ChangeStatus, active_score, change_record, pending_changes, ready_of,
};
use crate::system::{activated, activation_failed, said};
use host_types::change::{Change, Deploy, SystemCall};
use host_types::{Code, Hash32, Height};

fn ready(stage: &mut Stage, validators: &[usize], sha256: Hash32) {
    for validator in validators {
        stage.call(*validator, &SystemCall::Ready { sha256 }).unwrap();
    }
}

fn record(stage: &Stage, id: &Hash32) -> ChangeRecord {
    change_record(&stage.state, id).unwrap()
}

fn accepted(stage: &mut Stage, deploy: &Deploy) -> Hash32 {
    stage.accept(Change::Deploy(deploy.clone())).unwrap()
}

#[test]
fn at_its_height_a_version_is_active_when_validators_of_weight_q_are_ready() {
    // Who is ready, and whether that is enough.
    let table: [(&[usize], bool); 5] =
        [(&[], false), (&[1], false), (&[0, 3], false), (&[0, 1, 3], true), (&[0, 1, 2, 3], true)];
    for (validators, is_enough) in table {
        let mut stage = Stage::new();
        let wanted = deploy("token", 7, 4);
        ready(&mut stage, &validators[..validators.len().min(1)], wanted.sha256);
        let id = accepted(&mut stage, &wanted);
        ready(&mut stage, validators, wanted.sha256);
        for _ in 2..4 {
            let outcome = stage.begin();
            assert_eq!((outcome.activate.len(), outcome.events.len()), (0, 0));
            assert_eq!(record(&stage, &id).status, ChangeStatus::Accepted);
        }
        let outcome = stage.begin();
        assert_eq!(stage.height, 4);
        if is_enough {
            assert_eq!(outcome.activate, std::slice::from_ref(&wanted), "{validators:?}");
            let done = activated(&wanted, Height::new(4), &stage.state);
            stage.apply(done.writes);
            let is = record(&stage, &id);
            assert_eq!((is.status, is.closed), (ChangeStatus::Done, None));
            let active = active_score(&stage.state, &wanted.score).unwrap();
            assert_eq!((active.sha256, active.since), (wanted.sha256, Height::new(4)));
        } else {
            assert_eq!(outcome.activate, [], "{validators:?}");
            assert_eq!(outcome.events[0].name, "change-cancelled");
            let (status, closed) = (record(&stage, &id).status, record(&stage, &id).closed);
            assert_eq!(status, ChangeStatus::Cancelled);
            let reason = closed.unwrap().reason;
            for index in 0..4 {
                let name = format!("org{index}/peer{index}");
                assert_eq!(!validators.contains(&index), reason.contains(&name), "{reason}");
            }
            assert!(reason.contains(&format!("weight {}, 3 are needed", validators.len())));
            assert_eq!(active_score(&stage.state, &wanted.score), None);
        }
        assert_eq!(stage.begin().activate, [], "it is due once");
    }
}

#[test]
fn what_came_to_nothing_may_be_proposed_again_and_old_approvals_do_not_count() {
    let mut stage = Stage::new();
    let wanted = deploy("token", 7, 0);
    let id = accepted(&mut stage, &wanted);
    let again = stage.propose(1, Change::Deploy(wanted.clone())).unwrap_err();
    assert!(again.message.contains("was proposed before"), "{again}");
    let failed = (7, "migrate: trap".to_owned());
    let outcome = activation_failed(&wanted, Height::new(1), failed, &stage.state);
    assert_eq!(outcome.events[0].name, "score-activation-failed");
    stage.apply(outcome.writes);
    let is = record(&stage, &id);
    assert_eq!(is.status, ChangeStatus::Failed);
    assert_eq!(is.closed.unwrap().reason, "migrate: trap");
    assert_eq!(active_score(&stage.state, &wanted.score), None, "what was active stays");
    let late = stage.call(3, &SystemCall::Approve { id }).unwrap_err();
    assert!(late.code == Code::SystemRefused && late.message.ends_with("failed"), "{late}");
    assert_eq!(stage.propose(3, Change::Deploy(wanted.clone())).unwrap(), id);
    let is = record(&stage, &id);
    assert_eq!((is.status, is.closed), (ChangeStatus::Open, None), "one of four approved it");
    stage.call(0, &SystemCall::Approve { id }).unwrap();
    assert_eq!(record(&stage, &id).status, ChangeStatus::Open);
    stage.call(1, &SystemCall::Approve { id }).unwrap();
    assert_eq!(record(&stage, &id).status, ChangeStatus::Accepted);
}

#[test]
fn the_older_artefact_may_come_back_with_the_very_same_change() {
    let mut stage = Stage::new();
    let old = deploy("token", 1, 0);
    for wanted in [&old, &deploy("token", 2, 0), &old] {
        accepted(&mut stage, wanted);
        let activate = match ready_of(&stage.state, &wanted.sha256).len() {
            0 => {
                ready(&mut stage, &[0, 1], wanted.sha256);
                let last = SystemCall::Ready { sha256: wanted.sha256 };
                stage.call(2, &last).unwrap().activate
            }
            // Its validators said so before: it was active right when it was accepted.
            _ => vec![wanted.clone()],
        };
        assert_eq!(activate, std::slice::from_ref(wanted));
        let outcome = activated(wanted, Height::new(stage.height), &stage.state);
        stage.apply(outcome.writes);
        stage.height += 1;
    }
    let active = active_score(&stage.state, &old.score).unwrap();
    assert_eq!(active.sha256, old.sha256);
    assert_eq!(active.history, [Hash32::new([2; 32]), Hash32::new([1; 32])]);
    let same = stage.propose(0, Change::Deploy(old)).unwrap_err();
    assert!(same.message.ends_with("is active"), "{same}");
}

#[test]
fn what_is_not_accepted_by_its_height_is_cancelled_and_takes_no_place_any_more() {
    let mut stage = Stage::new();
    let wanted = deploy("token", 7, 3);
    ready(&mut stage, &[0, 1, 2], wanted.sha256);
    let id = stage.propose(0, Change::Deploy(wanted.clone())).unwrap();
    stage.call(1, &SystemCall::Approve { id }).unwrap();
    assert_eq!(stage.begin().events, []);
    let outcome = stage.begin();
    assert_eq!((outcome.activate.len(), outcome.events.len()), (0, 1));
    let is = record(&stage, &id);
    assert_eq!(is.status, ChangeStatus::Cancelled);
    let reason = is.closed.unwrap().reason;
    assert_eq!(reason, "it was not accepted by then: approvals of weight 2, 3 decide");
    let late = stage.call(2, &SystemCall::Approve { id }).unwrap_err();
    assert!(late.message.ends_with("was cancelled"), "{late}");
    assert_eq!(pending_changes(&stage.state), []);
    assert!(stage.propose(0, Change::Deploy(wanted)).is_err(), "its height has passed");
}

#[test]
fn a_height_that_has_passed_is_refused() {
    let mut stage = Stage::new();
    stage.height = 9;
    for (height, is_taken) in [(8, false), (9, false), (10, true)] {
        let proposed = stage.propose(0, Change::Deploy(deploy("token", 7, height)));
        assert_eq!(proposed.is_ok(), is_taken, "{height}");
    }
    assert_eq!(said::of_writes(&[]), []);
}
