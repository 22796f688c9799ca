//! The rule against a host of a few lines: it signs, executes and builds at once, and can be told
//! not to.

use crate::{Solo, statement::Status};
use plugin_api::{
    ConsensusRule, FinalClaim, Hash, HeaderView, InitCfg, Input, LogRecord, Output, Pair,
    ProposalKind, Statement, To, Validator, VerifyItem, input::Verdict, mirror::statement_message,
};
use sha2::{Digest, Sha256};

pub(super) const KEY: [u8; 32] = [7; 32];
pub(super) const PREFIX: &[u8] = b"test channel";

pub(super) fn digest(parts: &[&[u8]]) -> Hash {
    Hash(Sha256::digest(parts.concat()).into())
}

/// The test signature: a digest of key and message, twice.
pub(super) fn sign(key: &[u8], message: &[u8]) -> Vec<u8> {
    digest(&[key, message]).0.repeat(2)
}

pub(super) fn verify(items: &[VerifyItem]) -> bool {
    items.iter().all(|item| item.signature == sign(&item.public_key, &item.message))
}

pub(super) fn result_of(block: Hash) -> Pair {
    Pair {
        block,
        state_root: digest(&[b"state", &block.0]),
        receipts_root: digest(&[b"receipts", &block.0]),
    }
}

pub(super) fn root() -> HeaderView {
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
        is_sealing: false,
    }
}

pub(super) fn validator(name: &str) -> Validator {
    Validator { name: name.into(), public_key: KEY, weight: 5, group: name.into(), unit: None }
}

pub(super) fn claim(
    validators: &[Validator],
    header: &HeaderView,
    pair: &Pair,
    proof: &[u8],
) -> FinalClaim {
    FinalClaim {
        statement_prefix: PREFIX.to_vec(),
        validators: validators.to_vec(),
        header: header.clone(),
        pair: *pair,
        proof: proof.to_vec(),
        parameters: Vec::new(),
    }
}

pub(super) fn cfg(me: Option<u16>) -> InitCfg {
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
        excluded: Vec::new(),
        rejoin: None,
    }
}

pub(super) fn child(parent: Pair, height: u64, view: u64) -> HeaderView {
    let id = digest(&[b"block", &parent.block.0, &height.to_be_bytes()]);
    HeaderView { id, view, height, parent, parent_view: view - 1, ..root() }
}

/// A node: the rule and its host.
pub(super) struct Node {
    pub(super) rule: Solo,
    pub(super) height: u64,
    pub(super) log: Vec<LogRecord>,
    pub(super) finals: Vec<(HeaderView, Pair, Vec<u8>)>,
    pub(super) headers: Vec<HeaderView>,
    pub(super) asked: Vec<Output>,
    pub(super) is_executing: bool,
    pub(super) is_signing: bool,
}

impl Node {
    pub(super) fn new(cfg: InitCfg, log: Vec<LogRecord>) -> Self {
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

    pub(super) fn tell(&mut self, now_ms: u64, input: Input) {
        let mut inputs = vec![input];
        while !inputs.is_empty() {
            let mut out = Vec::new();
            self.rule.step(now_ms, inputs.remove(0), &mut out).unwrap();
            for output in out {
                inputs.extend(self.obey(output));
            }
        }
    }

    pub(super) fn obey(&mut self, output: Output) -> Option<Input> {
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

    pub(super) fn statement(&self) -> Statement {
        self.log
            .iter()
            .rev()
            .find_map(|record| match record {
                LogRecord::Own { statement } => Some(statement.clone()),
                LogRecord::Rule { .. } => None,
            })
            .unwrap()
    }

    pub(super) fn proposal(&self) -> Input {
        let header = self.headers.last().cloned().unwrap();
        Input::Proposal { header, statement: self.statement(), justification: Vec::new() }
    }

    pub(super) fn details(&self) -> String {
        format!("{:?}", self.rule.inspect().details)
    }
}

pub(super) fn signer() -> Node {
    let mut node = Node::new(cfg(Some(0)), Vec::new());
    node.tell(0, Input::Start);
    node
}

/// A signer that has made one block final.
pub(super) fn signer_with_a_block() -> Node {
    let mut node = signer();
    node.tell(100, Input::Pending { has_work: true });
    assert_eq!(node.finals.len(), 1);
    node
}

pub(super) fn follower() -> Node {
    let mut node = Node::new(cfg(None), Vec::new());
    node.tell(0, Input::Start);
    node
}

pub(super) fn statuses(node: &Node) -> Vec<(To, Status)> {
    let status = |output: &Output| match output {
        Output::Send { to, bytes } => Some((*to, Status::read(bytes).unwrap())),
        _ => None,
    };
    node.asked.iter().filter_map(status).collect()
}
