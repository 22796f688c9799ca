//! Final proofs of the rule `lft` in every form, for the clients of all languages: `clients/proofs.json`.
//!
//! In: channels of four validators, of groups that count as one, with fast commit; statements signed by fixed
//! keys. Out: documents with what they are worth, judged here by the rule itself.

use crate::clients::same;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_client::block_proof::verify;
use host_client::fixture::{child, genesis, key, roots, rule};
use host_rpc::gateway::ProofView;
use host_types::block::{Header, RootPair};
use host_types::genesis::ChannelGenesis;
use host_types::proof::FinalProof;
use host_types::tolerance::UnitMode;
use host_types::validators::{Unit, Validator, ValidatorSet};
use host_types::{Encode, Epoch, NodeName, Weight};
use lft::certificate::{ChildVotes, FastVotes, FinalProof as LftProof, Signed, SignedVote};
use lft::statement::{Ballot, Body, Mode};
use serde_json::{Value, json};

fn pair(header: &Header, result: RootPair) -> plugin_api::Pair {
    plugin_api::Pair {
        block: plugin_api::Hash(*header.id().as_bytes()),
        state_root: plugin_api::Hash(*result.state.as_bytes()),
        receipts_root: plugin_api::Hash(*result.receipts.as_bytes()),
    }
}

fn other(byte: u8) -> plugin_api::Pair {
    let hash = plugin_api::Hash([byte; 32]);
    plugin_api::Pair { block: hash, state_root: hash, receipts_root: hash }
}

/// A channel with its first block, whose proof is asked for.
struct Stage {
    genesis: ChannelGenesis,
    mode: Mode,
    header: Header,
    result: RootPair,
}

impl Stage {
    fn new(genesis: ChannelGenesis, mode: Mode) -> Self {
        let header = child(&genesis.header(), roots(0x20));
        Self { genesis, mode, header, result: roots(0x40) }
    }

    fn signature(&self, signer: u8, body: &Body) -> Vec<u8> {
        let prefix = self.genesis.statement_prefix(Epoch::ZERO, self.genesis.header().id());
        let item = body.verify_item(self.mode, prefix.as_bytes(), key(signer).public(), &[]);
        key(signer).sign(&item.message).to_vec()
    }

    fn signed(&self, by: &[u8], body: &Body) -> Vec<Signed> {
        let one = |signer: &u8| Signed {
            signer: u16::from(*signer),
            signature: self.signature(*signer, body),
        };
        by.iter().map(one).collect()
    }

    fn pair(&self) -> plugin_api::Pair {
        pair(&self.header, self.result)
    }

    fn commits(&self, by: &[u8]) -> LftProof {
        let (view, pair) = (self.header.view.get(), self.pair());
        let commits = self.signed(by, &Body::Commit { view, pair });
        LftProof { view, pair, commits, children: vec![], fast: None }
    }

    /// Flagged votes for a child of some view.
    fn child(&self, view: u64, by: &[u8]) -> ChildVotes {
        let (parent, parent_view) = (self.pair(), self.header.view.get());
        let pair = other(u8::try_from(view).unwrap());
        let ballot = Ballot { view, pair, parent, parent_view };
        let votes = self.signed(by, &Body::Vote { ballot, commit_parent: true });
        ChildVotes { view, pair, votes }
    }

    fn fast(&self, by: &[u8]) -> LftProof {
        let (view, pair) = (self.header.view.get(), self.pair());
        let (parent, parent_view) = (other(9), 0);
        let ballot = Ballot { view, pair, parent, parent_view };
        let vote = |signer: &u8| {
            let body = Body::Vote { ballot, commit_parent: false };
            let signature = self.signature(*signer, &body);
            SignedVote { signer: u16::from(*signer), commit_parent: false, signature }
        };
        let fast = Some(FastVotes { parent, parent_view, votes: by.iter().map(vote).collect() });
        LftProof { view, pair, commits: vec![], children: vec![], fast }
    }

    /// The case with its verdict, which is the rule's.
    fn case(&self, name: &str, holds: bool, proof: &LftProof) -> Value {
        let set = &self.genesis.validators;
        let signers = proof.signers().into_iter().filter_map(|index| {
            let one = set.get(index)?;
            Some((one.name.clone(), one.weight.get()))
        });
        let view = ProofView {
            channel: self.genesis.channel.clone(),
            header: self.header.clone(),
            roots: self.result,
            proof: FinalProof {
                descendants: vec![],
                roots: self.result,
                rule_proof: proof.encode(),
            },
            rule: self.genesis.rule.clone(),
            validators: set.clone(),
            signers: signers.collect(),
            epochs: vec![],
        };
        let judged = verify(&view, &self.genesis, &|_| Ok(rule()));
        assert_eq!(judged.is_ok(), holds, "{name}: {judged:?}");
        let document = host_web::block_proof::document(&view).to_string();
        json!({
            "name": name,
            "holds": holds,
            "weight": judged.as_ref().map_or(0, |proven| u64::try_from(proven.weight).unwrap()),
            "quorum": judged.map_or(0, |proven| proven.quorum),
            "genesis": self.genesis.hash().to_string(),
            "genesis_bytes": STANDARD.encode(self.genesis.to_bytes()),
            "document": serde_json::from_str::<Value>(&document).unwrap(),
        })
    }
}

/// Three validators that count as one of weight 2, and three that count for themselves.
fn grouped(mode: UnitMode) -> ChannelGenesis {
    let validator = |index: u8| Validator {
        name: NodeName::new(&format!("bank-a/peer{index}")).unwrap(),
        public_key: key(index).public(),
        weight: Weight::new(1).unwrap(),
        group: if index < 3 { "bank-a".into() } else { format!("bank-a/peer{index}") },
    };
    let weight = Weight::new(2).unwrap();
    let units = [("bank-a".to_owned(), Unit { mode, weight, threshold: weight })];
    let set = ValidatorSet::new((0..6).map(validator).collect()).unwrap();
    ChannelGenesis { validators: set.with_units(units.into()).unwrap(), ..genesis() }
}

fn flat_cases() -> Vec<Value> {
    let flat = Stage::new(genesis(), Mode::Core);
    let mixed =
        LftProof { children: vec![flat.child(3, &[1]), flat.child(4, &[3])], ..flat.commits(&[0]) };
    let votes = LftProof { children: vec![flat.child(2, &[0, 1, 2, 3])], ..flat.commits(&[]) };
    let twice = LftProof { children: vec![flat.child(3, &[0, 1])], ..flat.commits(&[0]) };
    let unsorted =
        LftProof { children: vec![flat.child(4, &[1]), flat.child(3, &[3])], ..flat.commits(&[0]) };
    let early = LftProof { children: vec![flat.child(1, &[1, 2, 3])], ..flat.commits(&[]) };
    let mut forged = flat.commits(&[0, 1, 3]);
    forged.commits[1].signature[5] ^= 1;
    let mut stranger = flat.commits(&[0, 1, 3]);
    stranger.commits[2].signer = 4;
    let later = LftProof { view: 2, ..flat.commits(&[0, 1, 3]) };
    vec![
        flat.case("commits", true, &flat.commits(&[0, 1, 3])),
        flat.case("all commits", true, &flat.commits(&[0, 1, 2, 3])),
        flat.case("a commit and flagged votes of two children", true, &mixed),
        flat.case("flagged votes alone", true, &votes),
        flat.case("too little weight", false, &flat.commits(&[0, 1])),
        flat.case("signers out of order", false, &flat.commits(&[1, 0, 3])),
        flat.case("a commit twice", false, &flat.commits(&[0, 1, 1])),
        flat.case("a signer in both lists", false, &twice),
        flat.case("children out of order", false, &unsorted),
        flat.case("a child in no later view", false, &early),
        flat.case("a forged signature", false, &forged),
        flat.case("a signer that does not exist", false, &stranger),
        flat.case("another view", false, &later),
        flat.case("first votes where fast commit is off", false, &flat.fast(&[0, 1, 2, 3])),
        flat.case("nobody", false, &flat.commits(&[])),
    ]
}

fn fast_cases() -> Vec<Value> {
    let mut fast = genesis();
    fast.rule.parameters.push(("fast".into(), "1".into()));
    let fast = Stage::new(fast, Mode::Fast);
    vec![
        fast.case("fast commit: first votes", true, &fast.fast(&[0, 1, 2])),
        fast.case("fast commit: commits", true, &fast.commits(&[1, 2, 3])),
        fast.case("fast commit: too few first votes", false, &fast.fast(&[0, 1])),
    ]
}

fn grouped_cases(mode: UnitMode, name: &str) -> Vec<Value> {
    let stage = Stage::new(grouped(mode), Mode::Core);
    let children = vec![stage.child(3, &[1, 4])];
    let mixed = LftProof { children, ..stage.commits(&[0, 3]) };
    let case = |what: &str, holds, proof: &LftProof| {
        stage.case(&format!("{name} group: {what}"), holds, proof)
    };
    vec![
        case("its threshold and two others", true, &stage.commits(&[0, 2, 3, 4])),
        case("its threshold from commits and votes", true, &mixed),
        case("one of its members and all others", false, &stage.commits(&[0, 3, 4, 5])),
        case("all of it and one other", false, &stage.commits(&[0, 1, 2, 3])),
    ]
}

#[test]
fn final_proofs_of_every_form_hold_or_not() {
    let cases = [
        flat_cases(),
        fast_cases(),
        grouped_cases(UnitMode::Quorum, "quorum"),
        grouped_cases(UnitMode::Delegate, "delegate"),
    ];
    same("proofs", &json!({"cases": cases.concat()}));
}
