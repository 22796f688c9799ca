//! Proofs of four validators under the rule `lft`, whole and with one byte changed.

use super::verify;
use crate::fixture::{child, genesis, proof_by, roots, rule};
use host_rpc::gateway::{EpochEnd, ProofView};
use host_types::block::{Header, ProposalKind, RootPair};
use host_types::change::{Configure, ValidatorChange};
use host_types::epoch::EpochConfig;
use host_types::genesis::ChannelGenesis;
use host_types::proof::FinalProof;
use host_types::validators::{Validator, ValidatorSet};
use host_types::{BlockTime, ChannelName, Code, Epoch, Height, NodeName, View, Weight};
use host_web::block_proof::{document, read};

fn rule_proof(genesis: &ChannelGenesis, header: &Header, result: RootPair) -> Vec<u8> {
    let prefix = genesis.statement_prefix(Epoch::ZERO, genesis.header().id());
    proof_by(&prefix, header, result, &[0, 1, 3])
}

/// The proof of block 1, which is that of block 1, 2 or 3.
fn view(genesis: &ChannelGenesis, descendants: usize) -> ProofView {
    let header = child(&genesis.header(), roots(0x20));
    let mut headers = vec![header.clone()];
    let mut result = roots(0x40);
    for step in 0..descendants {
        headers.push(child(headers.last().unwrap(), result));
        result = roots(0x50 + 2 * u8::try_from(step).unwrap());
    }
    let rule_proof = rule_proof(genesis, headers.last().unwrap(), result);
    let names = ["bank-a/peer0", "bank-a/peer1", "bank-a/peer3"];
    ProofView {
        channel: genesis.channel.clone(),
        roots: roots(0x40),
        proof: FinalProof { descendants: headers.split_off(1), roots: result, rule_proof },
        header,
        rule: genesis.rule.clone(),
        validators: genesis.validators.clone(),
        signers: names.map(|name| (NodeName::new(name).unwrap(), 1)).to_vec(),
        epochs: Vec::new(),
    }
}

#[test]
fn a_proof_of_the_block_or_of_a_descendant_holds() {
    let genesis = genesis();
    for descendants in 0..3 {
        let view = view(&genesis, descendants);
        let text = document(&view).to_string();
        assert_eq!(read(text.as_bytes()).unwrap(), view);
        let proven = verify(&view, &genesis, &|_| Ok(rule())).unwrap();
        assert_eq!((proven.quorum, proven.total, proven.weight), (3, 4, 3));
    }
}

#[test]
fn a_document_with_any_byte_changed_is_refused() {
    let (genesis, rule) = (genesis(), rule());
    let text = document(&view(&genesis, 1)).to_string().into_bytes();
    for at in 0..text.len() {
        for flip in [0x01, 0x20] {
            let mut changed = text.clone();
            changed[at] ^= flip;
            let checked =
                read(&changed).and_then(|view| verify(&view, &genesis, &|_| Ok(rule.clone())));
            let shown = String::from_utf8_lossy(&changed[at.saturating_sub(30)..=at]);
            assert_eq!(checked.map_err(|r| r.code), Err(Code::ProofWrong), "{at}: …{shown}");
        }
    }
}

#[test]
fn a_proof_that_agrees_with_itself_but_not_with_the_genesis_is_refused() {
    let (ours, rule) = (genesis(), rule());
    let whole = view(&ours, 1);
    let other = ChannelGenesis { created: BlockTime::new(2), ..ours.clone() };
    let named = ChannelGenesis { channel: ChannelName::new("other").unwrap(), ..ours.clone() };
    let mut heavy = whole.clone();
    heavy.validators = ValidatorSet::new(
        ours.validators
            .all()
            .iter()
            .cloned()
            .map(|v| Validator { group: "x".into(), ..v })
            .collect(),
    )
    .unwrap();
    let mut slower = whole.clone();
    slower.rule.parameters = vec![("delta".into(), "301".into())];
    let mut result = whole.clone();
    result.roots = roots(0x60);
    let mut proved = whole.clone();
    proved.proof.roots = roots(0x60);
    let mut gap = view(&ours, 2);
    gap.proof.descendants.remove(0);
    let mut liar = whole.clone();
    liar.signers.push((NodeName::new("bank-a/peer2").unwrap(), 1));
    let mut empty = whole.clone();
    empty.proof.rule_proof.clear();
    let mut higher = whole.clone();
    higher.header.height = Height::new(7);
    let mut epoch = whole.clone();
    epoch.header.epoch = Epoch::new(1);
    let cases = [
        ("another genesis", view(&other, 1)),
        ("another channel", view(&named, 1)),
        ("other validators", heavy),
        ("other parameters", slower),
        ("another result of the block", result),
        ("another result of the descendant", proved),
        ("a header missing between", gap),
        ("a signer who did not sign", liar),
        ("no proof of the rule", empty),
        ("another height", higher),
        ("another epoch", epoch),
    ];
    for (what, view) in cases {
        // It is a document of the right form all the same: only genesis and rule tell.
        let told = read(document(&view).to_string().as_bytes()).unwrap();
        let refused = verify(&told, &ours, &|_| Ok(rule.clone())).unwrap_err();
        assert_eq!(refused.code, Code::ProofWrong, "{what}: {refused}");
    }
    verify(&whole, &ours, &|_| Ok(rule.clone())).unwrap();
}

/// A block of epoch 1, whose set lacks the third validator and has a heavier first one, with the end
/// of epoch 0: a sealing block that a closing one made final.
fn second_epoch(genesis: &ChannelGenesis) -> ProofView {
    let first = EpochConfig::of_genesis(genesis);
    let set = genesis.validators.all();
    let heavy = Validator { weight: Weight::new(2).unwrap(), ..set[0].clone() };
    let change = Configure {
        epoch: Epoch::ZERO,
        validators: vec![
            ValidatorChange::Set { validator: heavy, unit: None },
            ValidatorChange::Remove(set[2].name.clone()),
        ],
        rule: None,
        limits: None,
        policies: None,
    };
    let next = first.changed_by(Epoch::ZERO, &change).unwrap();
    let plain = child(&genesis.header(), roots(0x30));
    let seal = Header { next_validators: Some(next.hash()), ..plain };
    let above = child(&seal, roots(0x40));
    let above = Header { next_validators: None, ..above };
    let closing = Header { kind: ProposalKind::Closing, height: seal.height, ..above };
    let end = EpochEnd {
        roots: roots(0x40),
        proof: FinalProof {
            descendants: vec![closing.clone()],
            roots: roots(0x40),
            rule_proof: rule_proof(genesis, &closing, roots(0x40)),
        },
        header: seal.clone(),
        next: next.clone(),
    };
    let block = Header {
        epoch: Epoch::new(1),
        view: View::new(1),
        parent_view: View::ZERO,
        validators: next.validators.hash(),
        next_validators: None,
        ..child(&seal, roots(0x40))
    };
    // 0 and 1 of the new set are old 0 and 1: weight 3 of 4.
    let prefix = next.statement_prefix(genesis.hash(), seal.id());
    let proof = proof_by(&prefix, &block, roots(0x50), &[0, 1]);
    ProofView {
        channel: genesis.channel.clone(),
        roots: roots(0x50),
        proof: FinalProof { descendants: vec![], roots: roots(0x50), rule_proof: proof },
        header: block,
        rule: next.rule.clone(),
        signers: [(0, 2), (1, 1)]
            .map(|(at, weight)| (next.validators.all()[at].name.clone(), weight))
            .to_vec(),
        validators: next.validators,
        epochs: vec![end],
    }
}

#[test]
fn a_block_of_a_later_epoch_is_proved_from_the_genesis_through_the_end_of_the_one_before() {
    let genesis = genesis();
    let view = second_epoch(&genesis);
    let text = document(&view).to_string();
    assert_eq!(read(text.as_bytes()).unwrap(), view);
    let proven = verify(&view, &genesis, &|_| Ok(rule())).unwrap();
    assert_eq!((proven.quorum, proven.total, proven.weight), (3, 4, 3));
}

#[test]
fn a_chain_of_epochs_with_a_link_that_does_not_hold_is_refused() {
    let (genesis, whole) = (genesis(), second_epoch(&genesis()));
    let changed = |change: &dyn Fn(&mut ProofView)| {
        let mut view = whole.clone();
        change(&mut view);
        view
    };
    let cases = [
        ("no end of the epoch before", changed(&|view| view.epochs.clear())),
        ("the end twice", changed(&|view| view.epochs.push(view.epochs[0].clone()))),
        (
            "a configuration that the sealing block does not name",
            changed(&|view| {
                view.epochs[0].next.limits.block_txs = 1;
            }),
        ),
        (
            "a sealing block that nobody made final",
            changed(&|view| view.epochs[0].proof.rule_proof.clear()),
        ),
        ("a closing block left out", changed(&|view| view.epochs[0].proof.descendants.clear())),
        (
            "the set of the epoch before",
            changed(&|view| {
                view.validators = genesis.validators.clone();
                view.header.validators = genesis.validators.hash();
            }),
        ),
        ("a block of epoch 0 named after it", changed(&|view| view.header.epoch = Epoch::ZERO)),
    ];
    for (what, view) in cases {
        let refused = verify(&view, &genesis, &|_| Ok(rule())).unwrap_err();
        assert_eq!(refused.code, Code::ProofWrong, "{what}: {refused}");
    }
}

/// What the old set signed proves nothing in the new one, and the other way round: epoch and root
/// stand in what is signed.
#[test]
fn no_proof_mixes_two_epochs() {
    let genesis = genesis();
    let whole = second_epoch(&genesis);
    let old = genesis.statement_prefix(Epoch::ZERO, genesis.header().id());
    let mut view = whole.clone();
    view.proof.rule_proof = proof_by(&old, &whole.header, roots(0x50), &[0, 1, 2]);
    let refused = verify(&view, &genesis, &|_| Ok(rule())).unwrap_err();
    assert_eq!(refused.code, Code::ProofWrong, "{refused}");
}
