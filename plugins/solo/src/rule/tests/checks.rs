//! What is refused: proofs, parameters, inputs.

use super::stage::{cfg, claim, follower, signer_with_a_block, validator, verify};
use crate::Solo;
use plugin_api::{
    ConsensusRule, Hash, HeaderView, InitCfg, Input, Pair, ProposalKind, Statement, Validator,
};

#[test]
fn more_than_one_validator_is_refused_at_once() {
    let mut cfg = cfg(Some(0));
    cfg.validators.push(validator("b/0"));
    let error = Solo::init(cfg, &[], verify).unwrap_err();
    assert_eq!(
        error.message,
        "rule `solo` takes exactly one validator, the channel has 2; leave one in it, or choose \
         rule = \"lft\""
    );
}

#[test]
fn wrong_parameters_are_refused_by_name() {
    for (name, value, says) in [
        ("block_time", "10", "solo has no parameter `block_time`; it takes `block_interval`"),
        ("block_interval", "ten", "`block_interval` is \"ten\"; give 0 to 60000 milliseconds"),
        ("block_interval", "60001", "`block_interval` is \"60001\"; give 0 to 60000 milliseconds"),
    ] {
        let parameters = vec![(name.to_owned(), value.to_owned())];
        let error = Solo::init(InitCfg { parameters, ..cfg(None) }, &[], verify).unwrap_err();
        assert_eq!(error.message, says);
    }
    let names: Vec<_> = Solo::parameters().into_iter().map(|p| p.name).collect();
    assert_eq!(names, ["block_interval"]);
}

#[test]
fn a_proof_of_anything_else_is_refused() {
    let node = signer_with_a_block();
    let (header, pair, proof) = node.finals[0].clone();
    let check = |header: &HeaderView, pair: &Pair, proof: &[u8], validators: &[Validator]| {
        let claim = claim(validators, header, pair, proof);
        Solo::verify_final(&claim, verify).unwrap_err().message
    };
    let set = [validator("a/0")];
    let other_pair = Pair { receipts_root: Hash::ZERO, ..pair };
    assert!(check(&header, &other_pair, &proof, &set).contains("another result"));
    let other_view = HeaderView { view: 2, ..header };
    assert!(check(&other_view, &pair, &proof, &set).contains("another view"));
    let other_key = [Validator { public_key: [8; 32], ..validator("a/0") }];
    assert!(check(&header, &pair, &proof, &other_key).contains("signature"));
    assert!(check(&header, &pair, &proof, &[]).contains("one validator"));
    for length in 0..proof.len() {
        assert!(check(&header, &pair, &proof[..length], &set).contains("not a Final proof"));
    }
    let longer = [proof.as_slice(), &[0]].concat();
    assert!(check(&header, &pair, &longer, &set).contains("not a Final proof"));
}

#[test]
fn malformed_inputs_are_refused_and_change_nothing() {
    let signer = signer_with_a_block();
    let mut node = follower();
    let good = signer.statement();
    let header = signer.headers[0].clone();
    let proposal = |header: HeaderView, statement: Statement| Input::Proposal {
        header,
        statement,
        justification: Vec::new(),
    };
    let mut no_slots = good.clone();
    no_slots.slots.clear();
    for input in [
        Input::Statement { statement: Statement { signer: 1, ..good.clone() } },
        Input::Statement { statement: Statement { body: vec![0x80], ..good.clone() } },
        Input::Statement { statement: no_slots },
        proposal(HeaderView { epoch: 4, ..header.clone() }, good.clone()),
        proposal(HeaderView { height: 99, ..header.clone() }, good.clone()),
        proposal(HeaderView { id: Hash([3; 32]), ..header.clone() }, good.clone()),
        proposal(HeaderView { kind: ProposalKind::Opt, ..header }, good.clone()),
        Input::Peer { from: Some(0), node: 1, bytes: vec![1] },
    ] {
        let mut out = Vec::new();
        node.rule.step(1, input.clone(), &mut out).unwrap_err();
        assert!(out.is_empty(), "{input:?}");
    }
    node.headers = signer.headers;
    node.tell(2, proposal(header, good));
    assert_eq!(node.finals.len(), 1);
}
