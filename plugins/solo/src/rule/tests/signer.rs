//! The signer: work to final blocks, crashes, refusals.

use super::stage::{
    Node, cfg, claim, digest, signer, signer_with_a_block, statuses, validator, verify,
};
use crate::{
    Solo,
    rule::{QUIET_MS, RETRY_MS},
    statement::Status,
};
use plugin_api::{ConsensusRule, Input, LogRecord, Output, To, input::Verdict};

#[test]
fn work_becomes_a_final_block_with_one_signature() {
    let node = signer_with_a_block();
    let signatures = node.asked.iter().filter(|o| matches!(o, Output::Sign { .. })).count();
    assert_eq!(signatures, 1);
    let (header, pair, proof) = &node.finals[0];
    assert_eq!((header.height, header.view), (41, 1));
    let claim = claim(&[validator("a/0")], header, pair, proof);
    Solo::verify_final(&claim, verify).unwrap();
    assert_eq!(Solo::describe_proof(&[validator("a/0")], proof).unwrap(), vec![(0, 5)]);
}

#[test]
fn without_work_it_is_silent() {
    let mut node = signer();
    let before = node.asked.len();
    for now_ms in [1_000, 100_000] {
        node.tell(now_ms, Input::Pending { has_work: false });
        node.tell(now_ms, Input::Timer { token: 1 });
        node.tell(now_ms, Input::Timer { token: 2 });
    }
    assert_eq!(node.asked.len(), before);
}

#[test]
fn a_second_block_waits_for_the_interval_and_names_the_proof_before() {
    let mut node = signer_with_a_block();
    assert!(node.asked.contains(&Output::SetTimer { token: 1, after_ms: 10 }));
    node.tell(105, Input::Pending { has_work: true });
    assert_eq!(node.finals.len(), 1);
    node.tell(110, Input::Timer { token: 1 });
    assert_eq!(node.finals.len(), 2);
    assert_eq!((node.finals[1].0.height, node.finals[1].0.view), (42, 2));
    let named = node.asked.iter().rev().find_map(|output| match output {
        Output::Build { carried, view: 2, .. } => Some(*carried),
        _ => None,
    });
    assert_eq!(named, Some(digest(&[&node.finals[0].2])));
}

#[test]
fn an_empty_pool_ends_the_work() {
    let mut node = signer();
    let mut out = Vec::new();
    node.rule.step(1, Input::Pending { has_work: true }, &mut out).unwrap();
    assert!(matches!(out.as_slice(), [Output::Build { request: 1, allow_empty: false, .. }]));
    out.clear();
    node.rule.step(2, Input::Built { request: 1, header: None }, &mut out).unwrap();
    node.rule.step(90, Input::Timer { token: 1 }, &mut out).unwrap();
    assert!(out.is_empty());
}

#[test]
fn the_header_is_persisted_before_the_signature_is_asked_for() {
    let node = signer_with_a_block();
    let persist = node.asked.iter().position(|o| matches!(o, Output::Persist { view: 1, .. }));
    let sign = node.asked.iter().position(|o| matches!(o, Output::Sign { .. }));
    assert!(persist.unwrap() < sign.unwrap());
    let [Output::Sign { needs, .. }] = &node.asked[sign.unwrap()..=sign.unwrap()] else {
        panic!("found above")
    };
    assert_eq!(*needs, vec![node.finals[0].1.block]);
}

#[test]
fn after_a_crash_the_signed_block_becomes_final_and_is_sent_again() {
    let crashed = signer_with_a_block();
    let mut node = Node::new(cfg(Some(0)), crashed.log.clone());
    node.headers = crashed.headers.clone();
    node.tell(0, Input::Start);
    assert_eq!(node.finals, crashed.finals);
    let id = crashed.finals[0].1.block;
    assert!(
        node.asked.iter().any(|o| matches!(o, Output::SendProposal { block, .. } if *block == id))
    );
    assert!(!node.asked.iter().any(|o| matches!(o, Output::Sign { .. } | Output::Build { .. })));
    node.tell(5_000, Input::Pending { has_work: true });
    assert_eq!(node.finals.len(), 2);
}

#[test]
fn a_record_without_a_signature_is_forgotten_after_a_crash() {
    let crashed = signer_with_a_block();
    let log = crashed.log.iter().filter(|r| matches!(r, LogRecord::Rule { .. })).cloned().collect();
    let mut node = Node::new(cfg(Some(0)), log);
    node.tell(0, Input::Start);
    assert!(node.finals.is_empty());
    node.tell(1, Input::Pending { has_work: true });
    assert_eq!(node.finals.len(), 1);
}

#[test]
fn a_refused_signature_halts_the_signer() {
    let mut node = signer();
    node.is_signing = false;
    node.tell(1, Input::Pending { has_work: true });
    let sequence = node.asked.iter().find_map(|output| match output {
        Output::Sign { sequence, .. } => Some(*sequence),
        _ => None,
    });
    node.tell(2, Input::SignRefused { sequence: sequence.unwrap() });
    assert!(node.details().contains("halted: the signing guard refused"), "{}", node.details());
    let asked = node.asked.len();
    node.tell(9_000, Input::Pending { has_work: true });
    assert_eq!(node.asked.len(), asked);
}

#[test]
fn a_block_that_was_not_executed_is_built_again_later() {
    let mut node = signer();
    node.is_executing = false;
    node.tell(1, Input::Pending { has_work: true });
    let block = node.headers[0].id;
    node.tell(2, Input::Validity { block, verdict: Verdict::NoResult });
    assert!(node.asked.contains(&Output::SetTimer { token: 1, after_ms: RETRY_MS }));
    node.is_executing = true;
    node.tell(2_000, Input::Timer { token: 1 });
    assert_eq!(node.finals.len(), 1);
}

#[test]
fn the_signer_says_where_it_stands_once_when_it_became_quiet() {
    let mut node = signer_with_a_block();
    assert!(node.asked.contains(&Output::SetTimer { token: 3, after_ms: QUIET_MS }));
    node.tell(100, Input::Pending { has_work: false });
    node.tell(1_100, Input::Timer { token: 3 });
    let said = Status { height: 41, wants_answer: false };
    assert_eq!(statuses(&node).last(), Some(&(To::All, said)));
}

#[test]
fn a_new_epoch_begins_at_view_one_again() {
    let mut cfg = cfg(Some(0));
    cfg.root.view = 812;
    cfg.head = cfg.root.clone();
    let mut node = Node::new(cfg, Vec::new());
    node.tell(0, Input::Start);
    node.tell(1, Input::Pending { has_work: true });
    assert_eq!(node.finals[0].0.view, 1);
}
