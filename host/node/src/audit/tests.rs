//! A short chain of four validators: whole, and with each kind of thing wrong in one block.

use super::*;
use host_client::fixture::{CLIENT, Fixture, child, fixture, proof_by, rule};
use host_store::{BlockResult, Kept};
use host_types::block::{RootPair, tx_root};
use host_types::proof::FinalProof;
use host_types::receipt::{Receipt, ScoreEvent, Write};
use host_types::{Block, Domain, Encode, Hash32, Header, ScoreName, Status, Writer, merkle};
use std::sync::Arc;

const FIRST: RootPair = RootPair { state: Hash32::new([1; 32]), receipts: Hash32::new([2; 32]) };

/// What is special about a block.
#[derive(Clone, Copy, Default)]
struct Special {
    signed_by: Option<u8>,
    status: Option<Status>,
    is_unproved: bool,
    few_signers: bool,
    evidence: bool,
}

struct Chain {
    fixture: Fixture,
    blocks: Vec<Kept>,
}

impl Chain {
    fn new() -> Self {
        Self { fixture: fixture(), blocks: Vec::new() }
    }

    fn tip(&self) -> (Header, RootPair) {
        let last = self.blocks.last();
        last.map_or_else(
            || (self.fixture.genesis.header(), FIRST),
            |kept| (kept.block.header().clone(), kept.result.roots),
        )
    }

    fn push(mut self, special: Special) -> Self {
        let kept = self.next(special);
        self.blocks.push(kept);
        self
    }

    /// The next block, with one transaction.
    fn next(&self, special: Special) -> Kept {
        let (parent, result) = self.tip();
        let nonce = self.blocks.len() as u64;
        let tx = self.fixture.transaction(nonce, special.signed_by.unwrap_or(CLIENT));
        let events = if special.evidence { vec![evidence()] } else { vec![] };
        let status = (special.status.unwrap_or(Status::Ok), 0);
        let receipt = Receipt::new(status, vec![], &events, &[], 1);
        let header = Header { tx_count: 1, tx_root: tx_root(&[tx.id()]), ..child(&parent, result) };
        let roots = RootPair {
            state: Hash32::new([9; 32]),
            receipts: merkle::root(Domain::ReceiptRoot, [receipt.to_bytes()]),
        };
        let prefix =
            self.fixture.genesis.statement_prefix(Epoch::ZERO, self.fixture.genesis.header().id());
        let by: &[u8] = if special.few_signers { &[0, 1] } else { &[0, 1, 3] };
        let rule_proof = proof_by(&prefix, &header, roots, by);
        let proof = FinalProof { descendants: vec![], roots, rule_proof };
        let block = Block::assemble(header.clone(), vec![Arc::new(tx)].into()).unwrap();
        let (id, height) = (block.id(), header.height);
        let result = BlockResult {
            block: id,
            height,
            roots,
            receipts: vec![receipt],
            events: vec![events],
            writes: Vec::<Write>::new(),
        };
        Kept { block, result, proof: (!special.is_unproved).then_some(proof) }
    }

    fn audit(&self) -> Findings {
        let genesis = Arc::clone(&self.fixture.genesis);
        let find = |_: &host_types::genesis::RuleConfig| Ok(rule());
        let mut walk = Walk::new(genesis, FIRST, vec![], &find).unwrap();
        for kept in &self.blocks {
            walk.block(kept).unwrap();
        }
        walk.finish()
    }

    fn codes(&self) -> Vec<(u64, Code)> {
        self.audit().list.iter().map(|one| (one.height.get(), one.what.code)).collect()
    }
}

fn evidence() -> ScoreEvent {
    let mut w = Writer::default();
    w.array(4);
    w.text("bank-a/peer1");
    [0, 7, 3].into_iter().for_each(|number| w.uint(number));
    let score = ScoreName::new("system").unwrap();
    ScoreEvent { score, name: "evidence-recorded".into(), data: w.into_bytes() }
}

fn usual() -> Special {
    Special::default()
}

#[test]
fn a_chain_without_a_fault_has_no_finding_and_tells_its_weakest_proof() {
    let covered = Special { is_unproved: true, ..usual() };
    let found = Chain::new().push(usual()).push(covered).push(usual()).audit();
    assert_eq!(found.list, []);
    assert_eq!((found.blocks, found.proofs, found.covered, found.transactions), (3, 2, 1, 3));
    let least = found.least[&Epoch::ZERO];
    assert_eq!((least.weight, least.quorum, least.total, least.height.get()), (3, 3, 4, 1));
}

#[test]
fn each_fault_is_found_at_its_block_by_its_code() {
    let with = |special: Special| Chain::new().push(usual()).push(special).push(usual()).codes();
    let wrong_key = Special { signed_by: Some(CLIENT + 1), ..usual() };
    assert_eq!(with(wrong_key), [(2, Code::SignatureWrong)]);
    let few = Special { few_signers: true, ..usual() };
    assert_eq!(with(few), [(2, Code::ProofWrong)]);
    let evidence = Special { evidence: true, ..usual() };
    assert_eq!(with(evidence), [(2, Code::EvidenceFound)]);
    let last = Chain::new().push(usual()).push(Special { is_unproved: true, ..usual() });
    assert_eq!(last.codes(), [(2, Code::ProofWrong)], "nothing above it has a proof");
}

#[test]
fn a_changed_result_or_a_missing_block_breaks_the_chain_where_it_is() {
    let whole = || Chain::new().push(usual()).push(usual()).push(usual());
    let mut receipts = whole();
    receipts.blocks[1].result.receipts[0].steps += 1;
    assert_eq!(receipts.codes(), [(2, Code::ChainBroken)]);
    let mut events = whole();
    events.blocks[1].result.events[0].push(evidence());
    assert_eq!(events.codes(), [(2, Code::ChainBroken), (2, Code::EvidenceFound)]);
    let mut roots = whole();
    roots.blocks[1].result.roots.state = Hash32::ZERO;
    assert_eq!(roots.codes(), [(2, Code::ProofWrong), (3, Code::ChainBroken)]);
    let mut gap = whole();
    gap.blocks.remove(1);
    assert_eq!(gap.codes(), [(3, Code::ChainBroken)]);
    let mut first = whole();
    first.blocks.remove(0);
    assert_eq!(first.codes(), [(2, Code::ChainBroken)]);
}

#[test]
fn a_signer_needs_its_right_at_the_time_of_the_block_unless_it_was_refused() {
    let mut chain = Chain::new();
    // Only admins may submit.
    let mut genesis = (*chain.fixture.genesis).clone();
    genesis.policies.submit = host_types::genesis::Policy::Roles(vec!["admin".into()]);
    chain.fixture.genesis = Arc::new(genesis);
    let refused = Special { status: Some(Status::Refused), ..usual() };
    let chain = chain.push(usual()).push(refused);
    assert_eq!(chain.codes(), [(1, Code::RoleRefused)]);
}

#[test]
fn findings_beyond_the_bound_are_counted() {
    let mut found = Findings::default();
    for height in 0..=FINDINGS_MAX as u64 {
        found.add(Height::new(height), Code::ChainBroken, "x");
    }
    assert_eq!((found.list.len(), found.more, found.count()), (FINDINGS_MAX, 1, 1_001));
    assert_eq!(found.list[0].what.code, Code::ChainBroken);
}
