//! A channel of four validators under one root and the rule `lft`, with keys that everybody knows: what
//! proofs and receipts in tests are made of, here, in the node and in the golden vectors.
//!
//! In: nothing. Out: keys, a genesis, signed transactions, proofs, receipts. Only with the feature
//! `test-utils`; deliberately not for anything that runs.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "fixed values; a test that panics has failed"
)]

use host_identity::{Authority, Certificate, Role, SigningKey, Validity};
use host_rpc::gateway::{EpochEnd, ProofView, ReceiptView};
use host_rules::header_view;
use host_types::block::{Header, Pair, RootPair, tx_root};
use host_types::change::{Configure, ValidatorChange};
use host_types::epoch::EpochConfig;
use host_types::genesis::{ChannelGenesis, ChannelLimits, Policies, Policy, RuleConfig};
use host_types::proof::FinalProof;
use host_types::statement::StatementPrefix;
use host_types::validators::{Validator, ValidatorSet};
use host_types::{
    BlockId, BlockTime, ChannelName, Domain, Encode, Epoch, Hash32, NetworkId, NodeName, Receipt,
    ScoreName, SignedTransaction, Status, Transaction, View, Weight, merkle,
};
use lft::certificate::{FinalProof as LftProof, Signed};
use lft::statement::{Body, Mode};
use plugin_api_loader::LoadedRule;
use std::path::Path;
use std::sync::Arc;

/// The rule `lft`, linked in.
#[must_use]
pub fn rule() -> LoadedRule {
    let module = plugin_api::export::root_module::<lft::export::ExportedPlugin>();
    LoadedRule::linked(module, [0; 32], Path::new("linked"))
}

/// The signing key of a validator.
#[must_use]
pub fn key(index: u8) -> SigningKey {
    SigningKey::from_seed([index + 1; 32])
}

/// A channel without certificates.
#[must_use]
pub fn genesis() -> ChannelGenesis {
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
            audit: None,
            admin: None,
            grants: Vec::new(),
        },
        metering_required: false,
        auto_activate: false,
        call: host_types::call_bounds::CallBounds::default(),
    }
}

/// The rule's proof of a block, committed by these validators.
#[must_use]
pub fn proof_by(prefix: &StatementPrefix, header: &Header, result: RootPair, by: &[u8]) -> Vec<u8> {
    let pair = plugin_api::Pair {
        block: header_view(header).id,
        state_root: plugin_api::Hash(*result.state.as_bytes()),
        receipts_root: plugin_api::Hash(*result.receipts.as_bytes()),
    };
    let view = header.view.get();
    let body = Body::Commit { view, pair };
    let commits: Vec<_> = by
        .iter()
        .map(|signer| {
            let signer = *signer;
            let item = body.verify_item(Mode::Core, prefix.as_bytes(), key(signer).public(), &[]);
            let signature = key(signer).sign(&item.message).to_vec();
            Signed { signer: u16::from(signer), signature }
        })
        .collect();
    LftProof { view, pair, commits, children: vec![], fast: None }.encode()
}

/// Some result.
#[must_use]
pub fn roots(byte: u8) -> RootPair {
    RootPair { state: Hash32::new([byte; 32]), receipts: Hash32::new([byte + 1; 32]) }
}

/// Seed of the client's key, 32 times.
pub const CLIENT: u8 = 40;
/// Transactions of the block: the path has a promoted node.
const COUNT: u64 = 5;

/// A channel with its members.
#[derive(Debug)]
pub struct Fixture {
    /// Who certified them.
    pub authority: Authority,
    /// What the channel is made of.
    pub genesis: Arc<ChannelGenesis>,
    /// The time of its genesis.
    pub now: BlockTime,
    /// The certificate of its client.
    pub client: Certificate,
}

/// A channel of five members, with new certificates.
#[must_use]
pub fn fixture() -> Fixture {
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
        ..genesis()
    };
    Fixture { genesis: Arc::new(genesis), now, client, authority }
}

impl Fixture {
    /// A transfer in the client's name, signed by the key of a seed.
    #[must_use]
    pub fn transaction(&self, nonce: u64, signed_by: u8) -> SignedTransaction {
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
    #[must_use]
    pub fn receipt(&self, is_later: bool) -> ReceiptView {
        self.signed_by(is_later, CLIENT)
    }

    /// The same, signed by the key of a seed.
    #[must_use]
    pub fn signed_by(&self, is_later: bool, signer: u8) -> ReceiptView {
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
        let index = 3;
        ReceiptView {
            certificate: self.client.der.clone(),
            receipt: receipts[index].clone(),
            included: merkle::prove(ids.iter().map(|id| *id.as_bytes()), index).unwrap(),
            resulted: merkle::prove(receipts.iter().map(Encode::to_bytes), index).unwrap(),
            transaction: (*transactions[index]).clone(),
            genesis: Arc::clone(&self.genesis),
            proof,
        }
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
}

/// The header after another one.
#[must_use]
pub fn child(parent: &Header, result: RootPair) -> Header {
    let view = View::new(parent.view.get() + 1);
    let pair = Pair { block: parent.id(), roots: result };
    let (height, time) = (parent.height.next(), BlockTime::new(parent.time.get() + 1));
    Header { view, height, parent: pair, parent_view: parent.view, time, ..parent.clone() }
}
