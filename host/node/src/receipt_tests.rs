//! Receipts of a channel of four validators under one root and the rule `lft`: whole, with every
//! value changed, and judged by somebody who trusts something else.

use super::*;
use crate::block_proof::tests::{key, proof_by, rule};
use host_identity::{Authority, SigningKey, Validity};
use host_rpc::gateway::EpochEnd;
use host_types::block::{RootPair, tx_root};
use host_types::change::{Configure, ValidatorChange};
use host_types::epoch::EpochConfig;
use host_types::proof::FinalProof;
use host_types::validators::{Validator, ValidatorSet};
use host_types::{
    BlockId, BlockTime, Epoch, Header, Height, Pair, ScoreName, SignedTransaction, Status,
    Transaction, View, Weight,
};
use host_web::receipt::{document, read};
use serde_json::Value;

pub(crate) const CLIENT: u8 = 40;
/// Transactions of the block: the path has a promoted node.
const COUNT: u64 = 5;

pub(crate) struct Fixture {
    pub(crate) authority: Authority,
    pub(crate) genesis: Arc<ChannelGenesis>,
    pub(crate) now: BlockTime,
    pub(crate) client: Certificate,
}

pub(crate) fn fixture() -> Fixture {
    let authority = Authority::new_dev("test").unwrap();
    let now = Validity::days_from_now(0).not_after;
    let issue = |name: &str, role, key: [u8; 32]| {
        let name = NodeName::new(name).unwrap();
        authority.issue_signing(&name, role, None, &key, Validity::default()).unwrap()
    };
    let client = SigningKey::from_seed([CLIENT; 32]).public();
    let client = issue("bank-a/alice", Role::Client, client);
    let peers =
        (0..4).map(|i| issue(&format!("bank-a/peer{i}"), Role::Validator, key(i).public()).der);
    let certificates = [authority.root().der().to_vec(), client.der.clone()];
    let genesis = ChannelGenesis {
        created: now,
        roots: vec![("bank-a".into(), authority.root().fingerprint())],
        certificates: certificates.into_iter().chain(peers).collect(),
        ..crate::block_proof::tests::genesis()
    };
    Fixture { genesis: Arc::new(genesis), now, client, authority }
}

impl Fixture {
    pub(crate) fn transaction(&self, nonce: u64, signed_by: u8) -> SignedTransaction {
        let body = Transaction {
            genesis: self.genesis.hash(),
            score: ScoreName::new("token").unwrap(),
            method: "transfer".into(),
            args: vec![0x80].into(),
            signer: self.client.id,
            nonce,
            expiry: BlockTime::new(self.now.get() + 60_000_000),
        };
        let signature = SigningKey::from_seed([signed_by; 32]).sign(&body.signing_message());
        SignedTransaction::decode(&body.into_envelope(&signature)).unwrap()
    }

    /// The receipt of the fourth of five transactions, in epoch 0 or, after a change, in epoch 1.
    fn receipt(&self, is_later: bool) -> ReceiptView {
        self.signed_by(is_later, CLIENT)
    }

    fn signed_by(&self, is_later: bool, signer: u8) -> ReceiptView {
        let transactions: Vec<_> =
            (0..COUNT).map(|nonce| Arc::new(self.transaction(nonce, signer))).collect();
        let result = |steps| Receipt::new((Status::Ok, 0), vec![7], &[], &[], steps);
        let receipts: Vec<_> = (0..COUNT).map(result).collect();
        let first = self.genesis.header();
        let (parent, set, root, epochs) = if is_later {
            let (end, set) = self.end();
            (end.header.clone(), set, end.header.id(), vec![end])
        } else {
            (first.clone(), self.genesis.validators.clone(), first.id(), vec![])
        };
        let epoch = if is_later { Epoch::new(1) } else { Epoch::ZERO };
        let ids: Vec<_> = transactions.iter().map(|tx| tx.id()).collect();
        let header = Header {
            epoch,
            validators: set.hash(),
            next_validators: None,
            tx_count: u32::try_from(COUNT).unwrap(),
            tx_root: tx_root(&ids),
            ..child(&parent, roots(0x60))
        };
        let leaves = receipts.iter().map(Encode::to_bytes);
        let result = RootPair {
            state: Hash32::new([5; 32]),
            receipts: merkle::root(Domain::ReceiptRoot, leaves),
        };
        let proof = self.proof(&header, &set, (epoch, root, result), epochs);
        let block = Block::assemble(header, transactions.into()).unwrap();
        let certificate = self.client.der.clone();
        let stored = Stored { block: &block, receipts: &receipts, index: 3, certificate };
        assemble(stored, Arc::clone(&self.genesis), proof).unwrap()
    }

    fn proof(
        &self,
        header: &Header,
        validators: &ValidatorSet,
        (epoch, root, roots): (Epoch, BlockId, RootPair),
        epochs: Vec<EpochEnd>,
    ) -> ProofView {
        let prefix = self.genesis.statement_prefix(epoch, root);
        let rule_proof = proof_by(&prefix, header, roots, &[0, 1, 3]);
        let weights = validators.all().iter().map(|one| (one.name.clone(), one.weight.get()));
        let signers = weights.enumerate().filter(|(index, _)| *index != 2).map(|(_, one)| one);
        ProofView {
            channel: self.genesis.channel.clone(),
            header: header.clone(),
            roots,
            proof: FinalProof { descendants: vec![], roots, rule_proof },
            rule: self.genesis.rule.clone(),
            validators: validators.clone(),
            signers: signers.collect(),
            epochs,
        }
    }

    /// The end of epoch 0, in which one validator got more weight.
    fn end(&self) -> (EpochEnd, ValidatorSet) {
        let first = EpochConfig::of_genesis(&self.genesis);
        let validator =
            Validator { weight: Weight::new(2).unwrap(), ..first.validators.all()[0].clone() };
        let change = Configure {
            epoch: Epoch::ZERO,
            validators: vec![ValidatorChange::Set { validator, unit: None }],
            rule: None,
            limits: None,
            policies: None,
        };
        let next = first.changed_by(Epoch::ZERO, &change).unwrap();
        let genesis = self.genesis.header();
        let header = Header { next_validators: Some(next.hash()), ..child(&genesis, roots(0x20)) };
        let (roots, set) = (roots(0x40), next.validators.clone());
        let prefix = self.genesis.statement_prefix(Epoch::ZERO, genesis.id());
        let rule_proof = proof_by(&prefix, &header, roots, &[0, 1, 3]);
        let proof = FinalProof { descendants: vec![], roots, rule_proof };
        (EpochEnd { header, roots, proof, next }, set)
    }

    fn trust(&self) -> Trust {
        Trust::Genesis(self.genesis.hash())
    }
}

fn roots(byte: u8) -> RootPair {
    RootPair { state: Hash32::new([byte; 32]), receipts: Hash32::new([byte + 1; 32]) }
}

pub(crate) fn child(parent: &Header, result: RootPair) -> Header {
    let view = View::new(parent.view.get() + 1);
    let pair = Pair { block: parent.id(), roots: result };
    let (height, time) = (parent.height.next(), BlockTime::new(parent.time.get() + 1));
    Header { view, height, parent: pair, parent_view: parent.view, time, ..parent.clone() }
}

fn check(view: &ReceiptView, trust: &Trust) -> Result<Shown, Code> {
    verify(view, trust, &|_| Ok(rule())).map_err(|refused| refused.code)
}

#[test]
fn a_receipt_holds_in_the_first_epoch_and_after_a_change() {
    let fixture = fixture();
    for is_later in [false, true] {
        let view = fixture.receipt(is_later);
        let text = document(&view).to_string();
        let read = read(text.as_bytes()).unwrap();
        assert_eq!(read, view);
        for trust in [fixture.trust(), Trust::Roots(vec![fixture.authority.root().fingerprint()])] {
            let shown = check(&read, &trust).unwrap();
            assert_eq!((shown.signer.as_str(), shown.role), ("bank-a/alice", Role::Client));
            assert_eq!(shown.proven.weight, if is_later { 4 } else { 3 });
        }
    }
}

#[test]
fn what_is_not_trusted_is_refused() {
    let fixture = fixture();
    let view = fixture.receipt(false);
    let other = Trust::Genesis(GenesisHash::new(Hash32::new([1; 32])));
    assert_eq!(check(&view, &other), Err(Code::ReceiptUntrusted));
    assert_eq!(check(&view, &Trust::Roots(vec![])), Err(Code::ReceiptUntrusted));
    // The root is known, but a validator is not one of those that it certified.
    let mut stranger = (*fixture.genesis).clone();
    let mut all = stranger.validators.all().to_vec();
    all[2].public_key = SigningKey::from_seed([99; 32]).public();
    stranger.validators = ValidatorSet::new(all).unwrap();
    let stranger = Fixture { genesis: Arc::new(stranger), ..fixture };
    let roots = Trust::Roots(vec![stranger.authority.root().fingerprint()]);
    assert_eq!(check(&stranger.receipt(false), &roots), Err(Code::ReceiptUntrusted));
}

/// What is changed, the refusal, and how.
type Case<'a> = (&'a str, Code, &'a dyn Fn(&mut ReceiptView));

#[test]
fn parts_of_other_receipts_are_refused_by_the_code_of_the_part() {
    let fixture = fixture();
    let whole = fixture.receipt(true);
    let changed = |change: &dyn Fn(&mut ReceiptView)| {
        let mut view = whole.clone();
        change(&mut view);
        check(&view, &fixture.trust()).unwrap_err()
    };
    let foreign = self::fixture().client.der;
    let peer = fixture.genesis.certificates[2].clone();
    let cases: [Case<'_>; 12] = [
        ("another place", Code::ReceiptNotIncluded, &|view| view.included.index = 2),
        ("a longer path", Code::ReceiptNotIncluded, &|view| {
            view.included.path.push(Hash32::ZERO);
        }),
        ("another transaction", Code::ReceiptNotIncluded, &|view| {
            view.transaction = fixture.transaction(77, CLIENT);
        }),
        ("another result", Code::ReceiptResult, &|view| view.receipt.steps += 1),
        ("the result of another place", Code::ReceiptResult, &|view| view.resulted.index = 2),
        ("a certificate of another root", Code::ReceiptCertificate, &|view| {
            view.certificate.clone_from(&foreign);
        }),
        ("a certificate of another member", Code::ReceiptCertificate, &|view| {
            view.certificate.clone_from(&peer);
        }),
        ("another receipts root", Code::ProofWrong, &|view| view.proof.roots = roots(0x70)),
        ("another height", Code::ProofWrong, &|view| view.proof.header.height = Height::new(9)),
        ("a liar", Code::ProofWrong, &|view| drop(view.proof.signers.pop())),
        ("no epochs", Code::ProofWrong, &|view| view.proof.epochs.clear()),
        ("another next epoch", Code::ReceiptEpochs, &|view| {
            view.proof.epochs[0].next.epoch = Epoch::new(2);
        }),
    ];
    for (what, code, change) in cases {
        assert_eq!(changed(change), code, "{what}");
    }
    let forged = fixture.signed_by(true, CLIENT + 1);
    assert_eq!(check(&forged, &fixture.trust()), Err(Code::ReceiptSignature));
}

/// The places of all values that are no object and no list.
fn leaves(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| leaves(value, format!("{at}/{key}"), found));
        }
        Value::Array(values) => {
            let each = values.iter().enumerate();
            each.for_each(|(index, value)| leaves(value, format!("{at}/{index}"), found));
        }
        _ => found.push(at),
    }
}

/// Another text or number of the same kind.
fn damaged(value: &Value, at: usize) -> Value {
    match value {
        Value::String(text) if text.is_empty() => "1".into(),
        Value::String(text) => {
            let at = at.min(text.len() - 1);
            let replaced = if text.as_bytes()[at] == b'1' { "2" } else { "1" };
            format!("{}{replaced}{}", &text[..at], &text[at + 1..]).into()
        }
        Value::Number(number) => (number.as_u64().unwrap() + 1).into(),
        other => Value::Bool(*other != Value::Bool(true)),
    }
}

/// Which code a change of this value is refused with.
fn code_of(pointer: &str) -> Code {
    let field = pointer.split('/').nth(1).unwrap();
    match field {
        "schema" => Code::ReceiptMalformed,
        "channel" | "genesis" | "genesis_hash" => Code::ReceiptUntrusted,
        "block" if pointer.starts_with("/block/epochs") => Code::ReceiptEpochs,
        "block" | "height" => Code::ProofWrong,
        "index" | "inclusion" => Code::ReceiptNotIncluded,
        "result" | "result_inclusion" => Code::ReceiptResult,
        "certificate" => Code::ReceiptCertificate,
        "hash" | "transaction" | "signature" => Code::ReceiptSignature,
        other => panic!("a field without a code: {other}"),
    }
}

#[test]
fn every_value_of_a_receipt_that_was_changed_is_refused_by_the_code_of_its_part() {
    let fixture = fixture();
    let whole: Value = serde_json::from_str(&document(&fixture.receipt(true)).to_string()).unwrap();
    let mut pointers = Vec::new();
    leaves(&whole, String::new(), &mut pointers);
    assert!(pointers.len() > 60, "{}", pointers.len());
    for pointer in pointers {
        let value = whole.pointer(&pointer).unwrap();
        let size = value.as_str().map_or(1, str::len);
        for at in [0, size / 3, size / 2, size.saturating_sub(3)] {
            let mut changed = whole.clone();
            *changed.pointer_mut(&pointer).unwrap() = damaged(value, at);
            if changed == whole {
                continue;
            }
            let refused = read(changed.to_string().as_bytes())
                .and_then(|view| verify(&view, &fixture.trust(), &|_| Ok(rule())))
                .unwrap_err();
            assert_eq!(refused.code, code_of(&pointer), "{pointer} at {at}: {refused}");
        }
    }
    for field in whole.as_object().unwrap().keys() {
        let mut changed = whole.clone();
        changed.as_object_mut().unwrap().remove(field);
        let refused = read(changed.to_string().as_bytes()).unwrap_err();
        assert_eq!(refused.code, code_of(&format!("/{field}")), "without {field}: {refused}");
    }
    let text = whole.to_string();
    let half = read(&text.as_bytes()[..text.len() / 2]).unwrap_err();
    assert_eq!(half.code, Code::ReceiptMalformed);
    let more = text.replacen('{', "{\"more\": 1, ", 1);
    assert_eq!(read(more.as_bytes()).unwrap_err().code, Code::ReceiptMalformed);
}
