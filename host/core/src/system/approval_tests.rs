//! Who may approve, and when that is enough: every form of a policy against every kind of signer.

use crate::system::activation_failed;
use crate::system::stage::{Stage, deploy};
use crate::system::state::{ChangeStatus, change_record, next_epoch};
use host_types::change::{Change, Configure, SystemCall};
use host_types::genesis::{Policies, Policy};
use host_types::{CertificateId, Code, Hash32, Height, Rejection, ScoreName};
use std::sync::Arc;

fn roles(words: &[&str]) -> Policy {
    Policy::Roles(words.iter().map(|word| (*word).to_owned()).collect())
}

fn organisations(of: u16, words: &[&str]) -> Policy {
    Policy::Organisations { of, from: words.iter().map(|word| (*word).to_owned()).collect() }
}

fn stage(policies: impl Fn(&mut Policies)) -> Stage {
    let mut stage = Stage::new();
    policies(&mut Arc::make_mut(&mut stage.fixture.genesis).policies);
    stage
}

fn admin(stage: &Stage, of: usize) -> CertificateId {
    stage.fixture.admins[of].id
}

fn propose(stage: &mut Stage, by: CertificateId, change: Change) -> Result<Hash32, Rejection> {
    let id = change.id();
    stage.call_as(by, &SystemCall::Propose { change }).map(|_| id)
}

fn approve(stage: &mut Stage, by: CertificateId, id: Hash32) -> Result<(), Rejection> {
    stage.call_as(by, &SystemCall::Approve { id }).map(drop)
}

/// What one signer's proposal comes to: refused with a code, open, or accepted.
fn outcome(policy: &Policy, who: &str) -> Result<ChangeStatus, Code> {
    let mut stage = stage(|policies| policies.deploy = policy.clone());
    let signer = match who {
        "validator" => stage.fixture.validators[0].id,
        "admin" => admin(&stage, 0),
        "admin of another" => admin(&stage, 1),
        "client" => stage.fixture.alice.id,
        "auditor" => stage.fixture.auditor.id,
        _ => CertificateId::new(Hash32::new([9; 32])),
    };
    let id = propose(&mut stage, signer, Change::Deploy(deploy("token", 1, 0)));
    id.map(|id| stage.status(&id).unwrap()).map_err(|rejection| rejection.code)
}

#[test]
fn every_form_of_a_policy_against_every_kind_of_signer() {
    use ChangeStatus::{Accepted, Open};
    let (role, auditor) = (Err(Code::RoleRefused), Err(Code::AuditorSubmits));
    let no_validator = Err(Code::SystemRefused);
    let who = ["validator", "admin", "admin of another", "client", "auditor", "stranger"];
    let unknown = Err(Code::SignerUnknown);
    let (done, open) = (Ok(Accepted), Ok(Open));
    let table = [
        (Policy::Anyone, [done, done, done, done, auditor, unknown]),
        (
            Policy::Quorum,
            [open, no_validator, no_validator, no_validator, no_validator, no_validator],
        ),
        (roles(&["admin"]), [role, done, done, role, auditor, unknown]),
        (roles(&["admin@org1", "validator"]), [done, role, done, role, auditor, unknown]),
        (roles(&["client@org0"]), [role, role, role, done, auditor, unknown]),
        (organisations(1, &["admin"]), [role, done, done, role, auditor, unknown]),
        (organisations(2, &["admin"]), [role, open, open, role, auditor, unknown]),
        (
            organisations(2, &["admin@org1", "validator@org0"]),
            [open, role, open, role, auditor, unknown],
        ),
        // Whoever wrote it: an auditor decides nothing.
        (organisations(1, &["auditor"]), [role, role, role, role, auditor, unknown]),
    ];
    for (policy, expected) in table {
        for (who, expected) in who.into_iter().zip(expected) {
            assert_eq!(outcome(&policy, who), expected, "{policy:?} {who}");
        }
    }
}

#[test]
fn two_of_three_organisations_decide_and_one_counts_once() {
    let from = ["admin@org0", "validator@org0", "admin@org1", "admin@org2"];
    let mut stage = stage(|policies| policies.deploy = organisations(2, &from));
    let (first, second) = (admin(&stage, 0), admin(&stage, 1));
    let id = propose(&mut stage, first, Change::Deploy(deploy("token", 1, 0))).unwrap();
    approve(&mut stage, first, id).unwrap();
    // Another member of the same organisation, by another role.
    let validator = stage.fixture.validators[0].id;
    approve(&mut stage, validator, id).unwrap();
    assert_eq!(stage.status(&id), Some(ChangeStatus::Open));
    let outsider = admin(&stage, 3);
    let refused = approve(&mut stage, outsider, id).unwrap_err();
    assert_eq!(refused.code, Code::RoleRefused);
    assert!(refused.message.contains("2 organisations of admin@org0"), "{}", refused.message);
    approve(&mut stage, second, id).unwrap();
    assert_eq!(stage.status(&id), Some(ChangeStatus::Accepted));
}

#[test]
fn approvals_of_an_earlier_time_do_not_count_again() {
    let mut stage = stage(|policies| policies.deploy = organisations(2, &["admin"]));
    let (first, second) = (admin(&stage, 0), admin(&stage, 1));
    let wanted = deploy("token", 1, 0);
    let id = propose(&mut stage, first, Change::Deploy(wanted.clone())).unwrap();
    approve(&mut stage, second, id).unwrap();
    // Its `deploy` traps.
    let why = (7, "it trapped".to_owned());
    let failed = activation_failed(&wanted, Height::new(stage.height), why, &stage.state);
    stage.apply(failed.writes);
    assert_eq!(propose(&mut stage, second, Change::Deploy(wanted)), Ok(id));
    assert_eq!(stage.status(&id), Some(ChangeStatus::Open));
    approve(&mut stage, first, id).unwrap();
    assert_eq!(stage.status(&id), Some(ChangeStatus::Accepted));
}

#[test]
fn what_was_not_accepted_by_its_height_says_who_approved() {
    let mut stage = stage(|policies| policies.deploy = organisations(2, &["admin"]));
    let first = admin(&stage, 0);
    let id = propose(&mut stage, first, Change::Deploy(deploy("token", 1, 2))).unwrap();
    let outcome = stage.begin();
    assert_eq!(outcome.events[0].name, "change-cancelled");
    let record = change_record(&stage.state, &id).unwrap();
    let reason = record.closed.unwrap().reason;
    assert_eq!(reason, "it was not accepted by then: approved by org0/admin");
}

#[test]
fn freezing_has_a_policy_of_its_own() {
    let mut stage = stage(|policies| policies.admin = Some(roles(&["admin@org2"])));
    stage.activate("token");
    let freeze = || Change::Freeze { score: ScoreName::new("token").unwrap() };
    let validator = stage.fixture.validators[0].id;
    let refused = propose(&mut stage, validator, freeze()).unwrap_err();
    assert_eq!(refused.code, Code::RoleRefused);
    let operator = admin(&stage, 2);
    let call = SystemCall::Propose { change: freeze() };
    let outcome = stage.call_as(operator, &call).unwrap();
    assert_eq!(outcome.events[1].name, "score-frozen");
}

fn policies_change(stage: &Stage, change: impl Fn(&mut Policies)) -> Change {
    let epoch = stage.epoch();
    let mut policies = epoch.policies(&stage.fixture.genesis).clone();
    change(&mut policies);
    Change::Configure(Configure {
        epoch: epoch.epoch,
        validators: vec![],
        rule: None,
        limits: None,
        policies: Some(Box::new(policies)),
    })
}

#[test]
fn policies_change_with_the_epoch_and_decide_from_then_on() {
    let mut stage = Stage::new();
    let two = || organisations(2, &["admin"]);
    let change = policies_change(&stage, |policies| policies.configure = two());
    stage.accept(change).unwrap();
    assert_eq!(next_epoch(&stage.state).unwrap().policies.unwrap().configure, two());
    // Until the epoch ends the old one decides.
    let admin_0 = admin(&stage, 0);
    let early = policies_change(&stage, |policies| policies.v1_gateway = true);
    assert_eq!(propose(&mut stage, admin_0, early).unwrap_err().code, Code::SystemRefused);
    stage.seal();
    let refused = stage.propose(0, stage.weigh(0, 2)).unwrap_err();
    assert_eq!(refused.code, Code::RoleRefused);
    let heavy = stage.weigh(0, 2);
    let id = propose(&mut stage, admin_0, heavy).unwrap();
    let other = admin(&stage, 1);
    approve(&mut stage, other, id).unwrap();
    let next = next_epoch(&stage.state).unwrap();
    assert_eq!((next.validators.total_weight(), next.policies.unwrap().configure), (5, two()));
}

#[test]
fn policies_that_nobody_could_meet_or_that_change_nothing_are_refused() {
    let mut stage = Stage::new();
    let mut refused = |change: &dyn Fn(&mut Policies)| {
        let change = policies_change(&stage, change);
        stage.propose(0, change).unwrap_err().message
    };
    assert_eq!(refused(&|_| ()), "it changes nothing");
    let message = refused(&|p| p.configure = organisations(5, &["admin"]));
    assert_eq!(message, "policy configure: 5 organisations must agree, and 4 could");
    let message = refused(&|p| p.deploy = roles(&["admin@mallory"]));
    assert_eq!(message, "policy deploy: `admin@mallory`: the channel has no such organisation");
    let message = refused(&|p| p.submit = organisations(1, &["client"]));
    assert!(message.starts_with("policy submit: k of n decides changes"), "{message}");
}
