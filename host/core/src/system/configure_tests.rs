//! `configure` from its proposal to the sealing block, on a map in the place of a state.

use crate::system::stage::Stage;
use crate::system::state::{ChangeStatus, View, epoch_records, next_epoch};
use crate::system::{Context, execute};
use host_types::change::{Change, Deploy, SystemCall, ValidatorChange};
use host_types::{Address, Code, Epoch, Hash32, Height, Rejection, ScoreName};

fn refused(result: Result<impl Sized, Rejection>) -> String {
    let Err(rejection) = result else { panic!("it was taken") };
    assert_eq!(rejection.code, Code::SystemRefused);
    rejection.message
}

#[test]
fn approvals_of_weight_q_make_the_next_epoch_and_the_sealing_block_begins_it() {
    let mut stage = Stage::new();
    let id = stage.propose(0, stage.weigh(0, 3)).unwrap();
    // The same validator counts once.
    stage.call(0, &SystemCall::Approve { id }).unwrap();
    stage.call(1, &SystemCall::Approve { id }).unwrap();
    assert_eq!(next_epoch(&stage.state), None, "2 of 4");
    let outcome = stage.call(2, &SystemCall::Approve { id }).unwrap();
    assert_eq!(outcome.events[0].name, "change-accepted");
    let next = next_epoch(&stage.state).unwrap();
    assert_eq!((next.epoch, next.validators.total_weight()), (Epoch::new(1), 6));
    assert_eq!(stage.status(&id), Some(ChangeStatus::Accepted));
    // Late ones are no fault.
    stage.call(3, &SystemCall::Approve { id }).unwrap();

    stage.height = 7;
    stage.seal();
    assert_eq!(epoch_records(&stage.state), [(Height::new(7), next)]);
    assert_eq!(next_epoch(&stage.state), None);
    assert_eq!(stage.status(&id), None, "it is done");
    // From now on weights of the new set count: 3 and 1 are not 5, 3 and 1 and 1 are.
    let id = stage.propose(0, stage.weigh(0, 1)).unwrap();
    stage.call(1, &SystemCall::Approve { id }).unwrap();
    assert_eq!(next_epoch(&stage.state), None);
    stage.call(2, &SystemCall::Approve { id }).unwrap();
    assert_eq!(next_epoch(&stage.state).unwrap().epoch, Epoch::new(2));
}

#[test]
fn without_a_sealing_block_nothing_ends_and_sealing_twice_changes_nothing() {
    let mut stage = Stage::new();
    stage.seal();
    assert_eq!(epoch_records(&stage.state), []);
    assert_eq!(stage.epoch().epoch, Epoch::ZERO);
}

#[test]
fn changes_accepted_in_one_epoch_add_up_and_open_ones_end_with_it() {
    let mut stage = Stage::new();
    let heavy = stage.propose(0, stage.weigh(0, 2)).unwrap();
    let gone = stage.propose(1, stage.remove(3)).unwrap();
    let open = stage.propose(2, stage.weigh(2, 9)).unwrap();
    for id in [heavy, gone] {
        for validator in 0..3 {
            stage.call(validator, &SystemCall::Approve { id }).unwrap();
        }
    }
    let next = next_epoch(&stage.state).unwrap();
    assert_eq!((next.validators.all().len(), next.validators.total_weight()), (3, 4));
    stage.seal();
    let message = refused(stage.call(0, &SystemCall::Approve { id: open }));
    assert!(message.contains("was cancelled"), "{message}");
    // Who left is no validator any more, and its old approvals count no more.
    let id = stage.propose(0, stage.weigh(1, 2)).unwrap();
    let message = refused(stage.call(3, &SystemCall::Approve { id }));
    assert_eq!(message, "only validators approve a configure here");
}

#[test]
fn the_same_difference_may_come_again_in_a_later_epoch() {
    let mut stage = Stage::new();
    for _ in 0..2 {
        let id = stage.propose(0, stage.remove(3)).unwrap();
        assert!(refused(stage.propose(1, stage.remove(3))).contains("was proposed before"));
        for validator in 1..3 {
            stage.call(validator, &SystemCall::Approve { id }).unwrap();
        }
        stage.height += 5;
        stage.seal();
        let validator = stage.validator(3);
        let back = stage.configure(vec![ValidatorChange::Set { validator, unit: None }]);
        let id = stage.propose(0, back).unwrap();
        for validator in 1..3 {
            stage.call(validator, &SystemCall::Approve { id }).unwrap();
        }
        stage.height += 5;
        stage.seal();
    }
    assert_eq!(stage.epoch().epoch, Epoch::new(4));
    assert_eq!(stage.epoch().validators, stage.fixture.genesis.validators);
}

#[test]
fn the_sealing_block_itself_and_another_epoch_take_no_change() {
    let mut stage = Stage::new();
    let stale = stage.remove(3);
    let id = stage.propose(0, stage.weigh(0, 2)).unwrap();
    stage.is_sealing = true;
    let message = refused(stage.propose(1, stage.remove(3)));
    assert_eq!(message, "epoch 0 ends with this block; propose it in the next one");
    stage.is_sealing = false;
    for validator in 1..3 {
        stage.call(validator, &SystemCall::Approve { id }).unwrap();
    }
    stage.seal();
    assert_eq!(refused(stage.propose(0, stale)), "it is about epoch 0, the channel is in 1");
}

#[test]
fn marks_of_validators_follow_them_to_their_new_index() {
    let mut stage = Stage::new();
    // 3 approves a deploy and says ready for its artefact; then 0 leaves, and 3 becomes 2.
    let deploy = Change::Deploy(Deploy {
        score: ScoreName::new("token").unwrap(),
        version: "1.0.0".into(),
        sha256: Hash32::new([9; 32]),
        target: "x86_64-linux".into(),
        activate_at: Height::ZERO,
        args: vec![0x80],
        deployer: Address::new([1; 20]),
    });
    let deploy = stage.propose(3, deploy).unwrap();
    stage.call(3, &SystemCall::Ready { sha256: Hash32::new([9; 32]) }).unwrap();
    stage.call(0, &SystemCall::Ready { sha256: Hash32::new([9; 32]) }).unwrap();
    let id = stage.propose(1, stage.remove(0)).unwrap();
    for validator in 2..4 {
        stage.call(validator, &SystemCall::Approve { id }).unwrap();
    }
    stage.seal();
    let marks = |kind: &str| {
        let found = stage.state.scan(kind.as_bytes());
        found.iter().map(|(key, _)| key[key.len() - 1]).collect::<Vec<_>>()
    };
    assert_eq!(marks("ready/"), [2], "that of 0 is gone");
    let of_deploy = [b"approval/".as_slice(), deploy.as_bytes()].concat();
    let of_deploy = stage.state.scan(&of_deploy);
    assert_eq!(of_deploy.iter().map(|(key, _)| key[key.len() - 1]).collect::<Vec<_>>(), [2]);
}

#[test]
fn who_is_no_validator_proposes_nothing() {
    let mut stage = Stage::new();
    let change = stage.remove(3);
    let context = Context {
        genesis: &stage.fixture.genesis,
        membership: &stage.fixture.membership,
        signer: stage.fixture.alice.id,
        height: Height::new(1),
        time: crate::fixture::now(),
        epochs: &stage.epochs,
        is_sealing: false,
    };
    let call = SystemCall::Propose { change };
    let result = execute(call.method(), &call.args(), context, &stage.state);
    assert_eq!(refused(result), "only validators approve a configure here");
    stage.height = 2;
    assert!(stage.state.0.is_empty(), "nothing is written");
}

#[test]
fn a_grant_comes_and_goes_with_an_epoch_and_one_that_means_nobody_is_refused() {
    let mut stage = Stage::new();
    let (organisation, root) = stage.fixture.genesis.roots[0].clone();
    let grant = |who: &str| host_types::grant::Grant {
        name: "case".into(),
        who: host_types::grant::Grantee::parse(who).unwrap(),
        root,
        scores: Vec::new(),
        keys: Vec::new(),
        from: Height::ZERO,
        to: None,
        until: None,
    };
    let with = |stage: &Stage, grants| {
        let policies = stage.epoch().policies(&stage.fixture.genesis).clone();
        Change::Configure(host_types::change::Configure {
            epoch: stage.epoch().epoch,
            validators: Vec::new(),
            rule: None,
            limits: None,
            policies: Some(Box::new(host_types::genesis::Policies { grants, ..policies })),
        })
    };
    let message = refused(stage.propose(0, with(&stage, vec![grant("nowhere/audit0")])));
    assert_eq!(message, "grant case: the channel has no organisation nowhere with this root");
    let one = grant(&format!("{organisation}/audit0"));
    stage.accept(with(&stage, vec![one.clone()])).unwrap();
    stage.height += 1;
    stage.seal();
    assert_eq!(stage.epoch().policies(&stage.fixture.genesis).grants, [one]);
    stage.accept(with(&stage, Vec::new())).unwrap();
    stage.height += 1;
    stage.seal();
    assert!(stage.epoch().policies(&stage.fixture.genesis).grants.is_empty());
}
