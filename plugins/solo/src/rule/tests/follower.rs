//! Nodes that follow: any order, holes, lies of the signer.

use super::stage::{Node, follower, result_of, signer_with_a_block, statuses};
use crate::statement::{Commit, Status};
use plugin_api::{Hash, Input, Output, Pair, Statement, To, input::Verdict};

#[test]
fn a_follower_executes_and_finalises_what_the_signer_proposes() {
    let signer = signer_with_a_block();
    let mut node = follower();
    node.headers = signer.headers.clone();
    node.tell(1, signer.proposal());
    assert_eq!(node.finals, signer.finals);
    assert!(!node.asked.iter().any(|o| matches!(o, Output::Sign { .. } | Output::Build { .. })));
    node.tell(2, signer.proposal());
    assert_eq!(node.finals.len(), 1, "a repeated proposal changes nothing");
}

#[test]
fn blocks_that_arrive_in_the_wrong_order_become_final_in_the_right_one() {
    let mut signer = signer_with_a_block();
    let first = signer.proposal();
    signer.tell(200, Input::Timer { token: 1 });
    let second = signer.proposal();
    let mut node = follower();
    node.headers = signer.headers.clone();
    node.tell(1, second);
    assert!(node.finals.is_empty());
    node.tell(2, first);
    assert_eq!(node.finals, signer.finals);
}

#[test]
fn a_commit_without_its_header_makes_a_follower_fetch_it() {
    let signer = signer_with_a_block();
    let mut node = follower();
    node.headers = signer.headers.clone();
    node.tell(1, Input::Statement { statement: signer.statement() });
    let header = signer.headers[0].clone();
    assert!(node.asked.contains(&Output::FetchBlock { block: header.id }));
    node.tell(2, Input::Header { header });
    assert_eq!(node.finals, signer.finals);
}

#[test]
fn a_follower_with_another_result_halts() {
    let signer = signer_with_a_block();
    let mut node = follower();
    node.is_executing = false;
    node.tell(1, signer.proposal());
    let block = signer.headers[0].id;
    let pair = Pair { state_root: Hash([9; 32]), ..result_of(block) };
    node.tell(2, Input::Validity { block, verdict: Verdict::Valid { pair } });
    assert!(node.finals.is_empty());
    assert!(node.details().contains("is not the signer's"), "{}", node.details());
}

#[test]
fn an_execution_without_result_is_asked_for_again_after_a_pause() {
    let signer = signer_with_a_block();
    let mut node = follower();
    node.headers = signer.headers.clone();
    node.is_executing = false;
    node.tell(1, signer.proposal());
    let block = signer.headers[0].id;
    let validations =
        |node: &Node| node.asked.iter().filter(|o| matches!(o, Output::Validate { .. })).count();
    node.tell(2, Input::Validity { block, verdict: Verdict::NoResult });
    assert_eq!(validations(&node), 1);
    node.is_executing = true;
    node.tell(1_002, Input::Timer { token: 2 });
    assert_eq!((validations(&node), node.finals.len()), (2, 1));
}

#[test]
fn two_results_in_one_view_are_evidence() {
    let signer = signer_with_a_block();
    let mut node = follower();
    node.headers = signer.headers.clone();
    node.tell(1, signer.proposal());
    let rival = Commit { view: 1, pair: result_of(Hash([8; 32])) };
    let second =
        Statement { signer: 0, slots: rival.slots(), body: rival.body(), signature: vec![0; 64] };
    node.tell(2, Input::Statement { statement: second.clone() });
    let evidence = Output::Evidence { signer: 0, first: signer.statement(), second };
    assert!(node.asked.contains(&evidence));
}

#[test]
fn a_node_that_synced_goes_on_from_there() {
    let mut signer = signer_with_a_block();
    signer.tell(200, Input::Timer { token: 1 });
    let (header, pair, proof) = signer.finals[1].clone();
    let mut node = follower();
    node.tell(1, Input::SyncedTo { header, pair, proof });
    signer.tell(300, Input::Timer { token: 1 });
    node.headers = signer.headers.clone();
    node.tell(2, signer.proposal());
    assert_eq!(node.finals, signer.finals[2..]);
}

#[test]
fn a_node_asks_at_its_start_and_is_told_who_is_further() {
    let mut node = follower();
    let question = Status { height: 40, wants_answer: true };
    assert_eq!(statuses(&node), [(To::All, question)]);

    let mut signer = signer_with_a_block();
    signer.tell(200, Input::Peer { from: None, node: 6, bytes: question.bytes() });
    let answer = Status { height: 41, wants_answer: false };
    assert_eq!(statuses(&signer).last(), Some(&(To::Node(6), answer)));

    node.tell(1, Input::Peer { from: Some(0), node: 9, bytes: answer.bytes() });
    assert!(node.asked.contains(&Output::Behind { node: 9, height: 41 }));
    let asked = node.asked.len();
    let level = Status { height: 40, wants_answer: true };
    node.tell(2, Input::Peer { from: None, node: 8, bytes: level.bytes() });
    assert_eq!(node.asked.len(), asked, "who is level gets no answer");
}

#[test]
fn a_proposal_above_a_hole_makes_a_follower_ask() {
    let mut signer = signer_with_a_block();
    signer.tell(200, Input::Timer { token: 1 });
    let mut node = follower();
    node.tell(1, signer.proposal());
    let question = Status { height: 40, wants_answer: true };
    assert_eq!(statuses(&node).last(), Some(&(To::Validator(0), question)));
}
