//! Proofs of four validators under the rule `lft`, whole and with one byte changed.

use super::verify;
use crate::plugins::header_view;
use host_identity::SigningKey;
use host_rpc::gateway::ProofView;
use host_types::block::{Header, Pair, RootPair};
use host_types::genesis::{ChannelGenesis, ChannelLimits, Policies, Policy, RuleConfig};
use host_types::proof::FinalProof;
use host_types::validators::{Validator, ValidatorSet};
use host_types::{
    BlockTime, ChannelName, Code, Epoch, Hash32, Height, NetworkId, NodeName, View, Weight,
};
use host_web::block_proof::{document, read};
use lft::certificate::{FinalProof as LftProof, Signed};
use lft::statement::{Body, Mode};
use plugin_api_loader::LoadedRule;
use std::path::Path;

pub(crate) fn rule() -> LoadedRule {
    let module = plugin_api::export::root_module::<lft::export::ExportedPlugin>();
    LoadedRule::linked(module, [0; 32], Path::new("linked"))
}

pub(crate) fn key(index: u8) -> SigningKey {
    SigningKey::from_seed([index + 1; 32])
}

pub(crate) fn genesis() -> ChannelGenesis {
    let validator = |index: u8| Validator {
        name: NodeName::new(&format!("bank-a/peer{index}")).unwrap(),
        public_key: key(index).public(),
        weight: Weight::new(1).unwrap(),
        group: format!("bank-a/peer{index}"),
    };
    ChannelGenesis {
        network: NetworkId::new(Hash32::new([9; 32])),
        channel: ChannelName::new("demo").unwrap(),
        created: BlockTime::new(1),
        rule: RuleConfig {
            id: "lft".into(),
            version: rule().version(),
            sha256: vec![],
            parameters: vec![("delta".into(), "300".into())],
        },
        validators: ValidatorSet::new((0..4).map(validator).collect()).unwrap(),
        roots: vec![],
        certificates: vec![],
        limits: ChannelLimits::default(),
        policies: Policies {
            submit: Policy::Anyone,
            read: Policy::Anyone,
            query: Policy::Anyone,
            deploy: Policy::Quorum,
            configure: Policy::Quorum,
            v1_gateway: false,
        },
        metering_required: false,
        auto_activate: false,
    }
}

fn roots(byte: u8) -> RootPair {
    RootPair { state: Hash32::new([byte; 32]), receipts: Hash32::new([byte + 1; 32]) }
}

fn child(parent: &Header, result: RootPair) -> Header {
    let view = View::new(parent.view.get() + 1);
    let pair = Pair { block: parent.id(), roots: result };
    let (height, time) = (parent.height.next(), BlockTime::new(parent.time.get() + 1));
    Header { view, height, parent: pair, parent_view: parent.view, time, ..parent.clone() }
}

fn rule_proof(genesis: &ChannelGenesis, header: &Header, result: RootPair) -> Vec<u8> {
    let prefix = genesis.statement_prefix(Epoch::ZERO, genesis.header().id());
    let pair = plugin_api::Pair {
        block: header_view(header).id,
        state_root: plugin_api::Hash(*result.state.as_bytes()),
        receipts_root: plugin_api::Hash(*result.receipts.as_bytes()),
    };
    let view = header.view.get();
    let body = Body::Commit { view, pair };
    let commits = [0_u8, 1, 3].map(|signer| {
        let item = body.verify_item(Mode::Core, prefix.as_bytes(), key(signer).public(), &[]);
        let signature = key(signer).sign(&item.message).to_vec();
        Signed { signer: u16::from(signer), signature }
    });
    LftProof { view, pair, commits: commits.to_vec(), children: vec![], fast: None }.encode()
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
