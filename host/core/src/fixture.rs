//! A channel of four validators with real keys and certificates, for the tests of this package.

use crate::ingest::{AdmitContext, AdmittedTx, Offered, admit};
use host_identity::{Authority, Membership, Role, SigningKey, Validity};
use host_types::genesis::{ChannelGenesis, ChannelLimits, Policies, Policy, RuleConfig};
use host_types::validators::{Validator, ValidatorSet};
use host_types::{
    BlockTime, CertificateId, ChannelName, NetworkId, NodeName, RawTx, ScoreName, Transaction,
    Weight,
};
use std::sync::Arc;

/// The clock of all tests: one moment inside every certificate's period.
pub(crate) fn now() -> BlockTime {
    static NOW: std::sync::OnceLock<BlockTime> = std::sync::OnceLock::new();
    *NOW.get_or_init(|| {
        let since = Validity::days_from_now(1).not_before.get();
        BlockTime::new(since + 2 * 3_600 * 1_000_000)
    })
}

pub(crate) struct Identity {
    pub(crate) key: SigningKey,
    pub(crate) id: CertificateId,
}

pub(crate) struct Fixture {
    pub(crate) genesis: Arc<ChannelGenesis>,
    pub(crate) membership: Arc<Membership>,
    pub(crate) validators: Vec<Identity>,
    /// One of each validator's organisation.
    pub(crate) admins: Vec<Identity>,
    pub(crate) alice: Identity,
    pub(crate) auditor: Identity,
    pub(crate) authority: Authority,
}

fn issue(authority: &Authority, name: &str, role: Role, seed: u8) -> (Identity, Vec<u8>) {
    let key = SigningKey::from_seed([seed; 32]);
    let name = NodeName::new(name).unwrap();
    let certificate = authority
        .issue_signing(&name, role, None, &key.public(), Validity::days_from_now(30))
        .unwrap();
    (Identity { key, id: certificate.id }, certificate.der)
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let authority = Authority::new_dev("test").unwrap();
        let mut certificates = vec![authority.root().der().to_vec()];
        let (mut validators, mut set) = (Vec::new(), Vec::new());
        for i in 0..4u8 {
            let name = format!("org{i}/peer{i}");
            let (identity, der) = issue(&authority, &name, Role::Validator, i + 1);
            set.push(Validator {
                name: NodeName::new(&name).unwrap(),
                public_key: identity.key.public(),
                weight: Weight::new(1).unwrap(),
                group: name,
            });
            validators.push(identity);
            certificates.push(der);
        }
        let mut admins = Vec::new();
        for i in 0..4u8 {
            let (admin, der) = issue(&authority, &format!("org{i}/admin"), Role::Admin, 60 + i);
            admins.push(admin);
            certificates.push(der);
        }
        let (alice, der) = issue(&authority, "org0/alice", Role::Client, 50);
        certificates.push(der);
        let (auditor, der) = issue(&authority, "org0/audit", Role::Auditor, 51);
        certificates.push(der);
        let root = authority.root().fingerprint();
        let genesis = Arc::new(ChannelGenesis {
            network: NetworkId::default(),
            channel: ChannelName::new("test").unwrap(),
            created: now(),
            rule: RuleConfig {
                id: "scripted".into(),
                version: 1,
                sha256: Vec::new(),
                parameters: Vec::new(),
            },
            validators: ValidatorSet::new(set).unwrap(),
            roots: (0..4).map(|i| (format!("org{i}"), root)).collect(),
            certificates,
            limits: ChannelLimits { pool_txs: 20, ..ChannelLimits::default() },
            policies: Policies {
                submit: Policy::Roles(vec!["client".into()]),
                read: Policy::Anyone,
                query: Policy::Anyone,
                deploy: Policy::Quorum,
                configure: Policy::Quorum,
                v1_gateway: false,
                audit: None,
                admin: None,
                grants: Vec::new(),
            },
            metering_required: true,
            auto_activate: true,
            call: host_types::call_bounds::CallBounds::default(),
        });
        let membership = Arc::new(Membership::from_genesis(&genesis).unwrap());
        Self { genesis, membership, validators, admins, alice, auditor, authority }
    }

    pub(crate) fn context(&self) -> AdmitContext {
        AdmitContext {
            genesis: self.genesis.hash(),
            limits: self.genesis.limits,
            policies: self.genesis.policies.clone(),
            membership: Arc::clone(&self.membership),
            block_time: now(),
            wall: now(),
        }
    }

    pub(crate) fn transaction(&self, nonce: u64) -> Transaction {
        Transaction {
            genesis: self.genesis.hash(),
            score: ScoreName::new("token").unwrap(),
            method: "transfer".into(),
            args: vec![0x80].into(),
            signer: self.alice.id,
            nonce,
            expiry: BlockTime::new(now().get() + 60_000_000),
        }
    }

    pub(crate) fn sign(transaction: Transaction, by: &Identity) -> RawTx {
        let signature = by.key.sign(&transaction.signing_message());
        transaction.into_envelope(&signature)
    }

    pub(crate) fn admitted(&self, nonce: u64) -> AdmittedTx {
        self.admitted_as(self.transaction(nonce))
    }

    pub(crate) fn admitted_for(&self, score: &str, nonce: u64) -> AdmittedTx {
        let score = ScoreName::new(score).unwrap();
        self.admitted_as(Transaction { score, ..self.transaction(nonce) })
    }

    fn admitted_as(&self, transaction: Transaction) -> AdmittedTx {
        let raw = Self::sign(transaction, &self.alice);
        admit(&[Offered::Raw(raw)], &self.context()).pop().unwrap().unwrap()
    }
}
