//! The rule against a host of a few lines: it signs, executes and builds at once, and can be told
//! not to.

use super::Solo;
use plugin_api::{
    ConsensusRule, Hash, HeaderView, InitCfg, Input, LogRecord, Output, Pair, ProposalKind,
    Statement, Validator, VerifyItem, input::Verdict, mirror::statement_message,
};
use sha2::{Digest, Sha256};

const KEY: [u8; 32] = [7; 32];
const PREFIX: &[u8] = b"test channel";

fn digest(parts: &[&[u8]]) -> Hash {
    Hash(Sha256::digest(parts.concat()).into())
}

/// The test signature: a digest of key and message, twice.
fn sign(key: &[u8], message: &[u8]) -> Vec<u8> {
    digest(&[key, message]).0.repeat(2)
}

fn verify(items: &[VerifyItem]) -> bool {
    items.iter().all(|item| item.signature == sign(&item.public_key, &item.message))
}

fn result_of(block: Hash) -> Pair {
    Pair {
        block,
        state_root: digest(&[b"state", &block.0]),
        receipts_root: digest(&[b"receipts", &block.0]),
    }
}

fn root() -> HeaderView {
    HeaderView {
        id: Hash([1; 32]),
        epoch: 3,
        view: 0,
        kind: ProposalKind::Norm,
        height: 40,
        parent: Pair::default(),
        parent_view: 0,
        proposer: 0,
        carried: Hash::ZERO,
        is_empty: false,
    }
}

fn validator(name: &str) -> Validator {
    Validator { name: name.into(), public_key: KEY, weight: 5, group: name.into() }
}

fn cfg(me: Option<u16>) -> InitCfg {
    InitCfg {
        statement_prefix: PREFIX.to_vec(),
        epoch: 3,
        root: root(),
        root_pair: result_of(root().id),
        head: root(),
        head_pair: result_of(root().id),
        head_proof: Vec::new(),
        validators: vec![validator("a/0")],
        me,
        parameters: vec![("block_interval".into(), "10".into())],
    }
}

fn child(parent: Pair, height: u64, view: u64) -> HeaderView {
    let id = digest(&[b"block", &parent.block.0, &height.to_be_bytes()]);
    HeaderView { id, view, height, parent, parent_view: view - 1, ..root() }
}

/// A node: the rule and its host.
struct Node {
    rule: Solo,
    height: u64,
    log: Vec<LogRecord>,
    finals: Vec<(HeaderView, Pair, Vec<u8>)>,
    headers: Vec<HeaderView>,
    asked: Vec<Output>,
    is_executing: bool,
    is_signing: bool,
}

impl Node {
    fn new(cfg: InitCfg, log: Vec<LogRecord>) -> Self {
        let (rule, outputs) = Solo::init(cfg.clone(), &log, verify).unwrap();
        assert!(outputs.is_empty());
        Self {
            rule,
            height: cfg.head.height,
            log,
            finals: Vec::new(),
            headers: Vec::new(),
            asked: Vec::new(),
            is_executing: true,
            is_signing: true,
        }
    }

    fn tell(&mut self, now_ms: u64, input: Input) {
        let mut inputs = vec![input];
        while !inputs.is_empty() {
            let mut out = Vec::new();
            self.rule.step(now_ms, inputs.remove(0), &mut out).unwrap();
            for output in out {
                inputs.extend(self.obey(output));
            }
        }
    }

    fn obey(&mut self, output: Output) -> Option<Input> {
        self.asked.push(output.clone());
        match output {
            Output::Build { request, view, parent, .. } => {
                let header = child(parent, self.height + 1, view);
                self.headers.push(header.clone());
                Some(Input::Built { request, header: Some(header) })
            }
            Output::Validate { block } if self.is_executing => {
                Some(Input::Validity { block, verdict: Verdict::Valid { pair: result_of(block) } })
            }
            Output::Persist { view, record } => {
                self.log.push(LogRecord::Rule { view, record });
                None
            }
            Output::Sign { sequence, slots, body, .. } if self.is_signing => {
                let signature = sign(&KEY, &statement_message(PREFIX, &slots, &body));
                let statement = Statement { signer: 0, slots, body, signature };
                self.log.push(LogRecord::Own { statement: statement.clone() });
                Some(Input::OwnSigned { sequence, statement })
            }
            Output::Final { blocks, proof } => {
                let pair = blocks[0].pair;
                let header = self.headers.iter().find(|h| h.id == pair.block).cloned().unwrap();
                self.height = header.height;
                self.finals.push((header, pair, proof));
                None
            }
            _ => None,
        }
    }

    fn statement(&self) -> Statement {
        self.log
            .iter()
            .rev()
            .find_map(|record| match record {
                LogRecord::Own { statement } => Some(statement.clone()),
                LogRecord::Rule { .. } => None,
            })
            .unwrap()
    }

    fn proposal(&self) -> Input {
        let header = self.headers.last().cloned().unwrap();
        Input::Proposal { header, statement: self.statement(), justification: Vec::new() }
    }

    fn details(&self) -> String {
        format!("{:?}", self.rule.inspect().details)
    }
}

fn signer() -> Node {
    let mut node = Node::new(cfg(Some(0)), Vec::new());
    node.tell(0, Input::Start);
    node
}

/// A signer that has made one block final.
fn signer_with_a_block() -> Node {
    let mut node = signer();
    node.tell(100, Input::Pending { has_work: true });
    assert_eq!(node.finals.len(), 1);
    node
}

fn follower() -> Node {
    let mut node = Node::new(cfg(None), Vec::new());
    node.tell(0, Input::Start);
    node
}

#[test]
fn work_becomes_a_final_block_with_one_signature() {
    let node = signer_with_a_block();
    let signatures = node.asked.iter().filter(|o| matches!(o, Output::Sign { .. })).count();
    assert_eq!(signatures, 1);
    let (header, pair, proof) = &node.finals[0];
    assert_eq!((header.height, header.view), (41, 1));
    Solo::verify_final(PREFIX, &[validator("a/0")], header, pair, proof, verify).unwrap();
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
    assert!(node.asked.contains(&Output::SetTimer { token: 1, after_ms: super::RETRY_MS }));
    node.is_executing = true;
    node.tell(2_000, Input::Timer { token: 1 });
    assert_eq!(node.finals.len(), 1);
}

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
    let validations = |node: &Node| {
        node.asked.iter().filter(|o| matches!(o, Output::Validate { .. })).count()
    };
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
    let rival = super::Commit { view: 1, pair: result_of(Hash([8; 32])) };
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
fn a_new_epoch_begins_at_view_one_again() {
    let mut cfg = cfg(Some(0));
    cfg.root.view = 812;
    cfg.head = cfg.root.clone();
    let mut node = Node::new(cfg, Vec::new());
    node.tell(0, Input::Start);
    node.tell(1, Input::Pending { has_work: true });
    assert_eq!(node.finals[0].0.view, 1);
}

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
        Solo::verify_final(PREFIX, validators, header, pair, proof, verify).unwrap_err().message
    };
    let set = [validator("a/0")];
    let other_pair = Pair { receipts_root: Hash::ZERO, ..pair };
    assert!(check(&header, &other_pair, &proof, &set).contains("another result"));
    let other_view = HeaderView { view: 2, ..header.clone() };
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
        proposal(HeaderView { kind: ProposalKind::Opt, ..header.clone() }, good.clone()),
        Input::Peer { from: Some(0), node: 1, bytes: vec![1] },
    ] {
        let mut out = Vec::new();
        node.rule.step(1, input.clone(), &mut out).unwrap_err();
        assert!(out.is_empty(), "{input:?}");
    }
    node.headers = signer.headers.clone();
    node.tell(2, proposal(header, good));
    assert_eq!(node.finals.len(), 1);
}
