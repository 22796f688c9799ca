//! The configuration of the next epoch: what a change makes of it, what it may not, its bytes.

use super::*;
use crate::change::Change;
use crate::genesis::Policy;
use crate::ids::NodeName;
use crate::tolerance::UnitMode;
use crate::validators::{Unit, Validator};
use crate::weight::Weight;

fn validator(name: &str, key: u8, weight: u64, group: &str) -> Validator {
    Validator {
        name: NodeName::new(&format!("org/{name}")).unwrap(),
        public_key: [key; 32],
        weight: Weight::new(weight).unwrap(),
        group: group.to_owned(),
    }
}

fn config() -> EpochConfig {
    let all = (0..3).map(|n| validator(&format!("n{n}"), n, 1, &format!("g{n}"))).collect();
    EpochConfig {
        epoch: Epoch::new(4),
        validators: ValidatorSet::new(all).unwrap(),
        rule: RuleConfig {
            id: "lft".into(),
            version: 3,
            sha256: vec![],
            parameters: vec![("delta".into(), "500".into())],
        },
        limits: ChannelLimits::default(),
        policies: None,
    }
}

fn change(validators: Vec<ValidatorChange>) -> Configure {
    Configure { epoch: Epoch::new(4), validators, rule: None, limits: None, policies: None }
}

fn set(validator: Validator) -> ValidatorChange {
    ValidatorChange::Set { validator, unit: None }
}

fn remove(name: &str) -> ValidatorChange {
    ValidatorChange::Remove(NodeName::new(&format!("org/{name}")).unwrap())
}

fn names(config: &EpochConfig) -> Vec<(&str, u64)> {
    config.validators.all().iter().map(|v| (v.name.as_str(), v.weight.get())).collect()
}

#[test]
fn validators_join_at_the_end_change_in_their_place_and_leave() {
    let at = Epoch::new(4);
    let differences = vec![set(validator("n3", 9, 2, "g3")), set(validator("n1", 1, 5, "g1"))];
    let next = config().changed_by(at, &change(differences)).unwrap();
    assert_eq!(next.epoch, Epoch::new(5));
    assert_eq!(names(&next), [("org/n0", 1), ("org/n1", 5), ("org/n2", 1), ("org/n3", 2)]);
    // A second change that is accepted in the same epoch is made on top of the first.
    let last = next.changed_by(at, &change(vec![remove("n0")])).unwrap();
    assert_eq!(last.epoch, Epoch::new(5));
    assert_eq!(names(&last), [("org/n1", 5), ("org/n2", 1), ("org/n3", 2)]);
    assert_ne!(last.hash(), next.hash());
}

#[test]
fn what_makes_no_epoch_is_refused_in_one_line() {
    let at = Epoch::new(4);
    let refused = |change: Configure| config().changed_by(at, &change).unwrap_err();
    assert_eq!(refused(change(vec![])), "it changes nothing");
    assert_eq!(refused(change(vec![remove("n7")])), "org/n7 is no validator");
    let all = ["n0", "n1", "n2"].map(remove).to_vec();
    assert!(refused(change(all)).contains("no validators would be left"));
    let twice = set(validator("n9", 1, 1, "g9"));
    assert!(refused(change(vec![twice])).contains("a name or key would stand there twice"));
    let heavy = set(validator("n0", 0, u64::MAX, "g0"));
    assert!(refused(change(vec![heavy])).contains("2^64 - 1"));
    let unit = Some(Unit {
        mode: UnitMode::Quorum,
        weight: Weight::new(1).unwrap(),
        threshold: Weight::new(2).unwrap(),
    });
    let lone = ValidatorChange::Set { validator: validator("n0", 0, 1, "g0"), unit };
    assert!(refused(change(vec![lone])).contains("the threshold of a group"));
    let other = Configure { epoch: Epoch::new(3), ..change(vec![remove("n0")]) };
    assert_eq!(refused(other), "it is about epoch 3, the channel is in 4");
    let limits = BlockLimits { block_txs: 0, ..BlockLimits::of(&ChannelLimits::default()) };
    let none = Configure { limits: Some(limits), ..change(vec![]) };
    assert!(refused(none).starts_with("block_txs = 0 is not between 1 and"));
}

#[test]
fn rule_and_block_limits_change_alone() {
    let rule = RuleConfig { parameters: vec![], ..config().rule };
    let limits = BlockLimits { block_txs: 7, ..BlockLimits::of(&ChannelLimits::default()) };
    let both = Configure { rule: Some(rule.clone()), limits: Some(limits), ..change(vec![]) };
    let next = config().changed_by(Epoch::new(4), &both).unwrap();
    assert_eq!((&next.rule, next.limits.block_txs), (&rule, 7));
    assert_eq!(next.limits.tx_bytes, config().limits.tx_bytes);
    assert_eq!(next.validators, config().validators);
}

fn policies() -> Policies {
    let from = vec!["admin".to_owned()];
    let counted = Policy::Organisations { of: 2, from };
    Policies {
        submit: Policy::Anyone,
        read: Policy::Anyone,
        query: Policy::Anyone,
        deploy: counted,
        configure: Policy::Quorum,
        v1_gateway: false,
        audit: None,
        admin: None,
        grants: Vec::new(),
    }
}

#[test]
fn policies_change_alone_and_stay_what_they_became() {
    let at = Epoch::new(4);
    let other = Configure { policies: Some(Box::new(policies())), ..change(vec![]) };
    let next = config().changed_by(at, &other).unwrap();
    assert_eq!(next.policies, Some(policies()));
    assert_eq!((&next.validators, &next.rule), (&config().validators, &config().rule));
    let later = next.changed_by(at, &change(vec![remove("n0")])).unwrap();
    assert_eq!(later.policies, Some(policies()), "a change that says nothing of them keeps them");
    assert_eq!(next.changed_by(at, &other).unwrap_err(), "it changes nothing");
}

#[test]
fn configuration_and_change_have_one_form() {
    for policies in [None, Some(policies())] {
        let config = EpochConfig { policies: policies.clone(), ..config() };
        assert_eq!(EpochConfig::from_bytes(&config.to_bytes()), Ok(config));
        let change =
            Change::Configure(Configure { policies: policies.map(Box::new), ..change(vec![]) });
        assert_eq!(Change::from_bytes(&change.to_bytes()), Ok(change));
    }
    let rule = Some(config().rule);
    let limits = Some(BlockLimits::of(&ChannelLimits::default()));
    let all = vec![remove("n0"), set(validator("n3", 9, 2, "g3"))];
    for (rule, limits) in [(None, None), (rule, limits)] {
        let change = Change::Configure(Configure { rule, limits, ..change(all.clone()) });
        let bytes = change.to_bytes();
        assert_eq!(Change::from_bytes(&bytes), Ok(change));
        for length in 0..bytes.len() {
            assert!(Change::from_bytes(&bytes[..length]).is_err());
        }
    }
}
