//! The one channel of a run: its genesis, its members, its keys, and the door for transactions.
//!
//! In: weights, groups and parameters of a plan. Out: a genesis whose bytes depend on nothing else,
//! signatures, admitted transactions. The certificates in `members.hex` (root, client, auditor,
//! admin; valid 2020 to 2050) were made once with `host_identity::Authority`, because its keys are random.
//! Deliberately not here: what the channel's state is (`bank`), who asks for what (`client`).

use crate::rule::Kind;
use crate::turns::{EpochPlan, EpochPlans, Turn};
use host_core::ingest::admit::Refused;
use host_core::ingest::{AdmitContext, AdmittedTx, Offered, admit, admit_bodies};
use host_identity::{Membership, SigningKey};
use host_types::block::{Pair, RootPair};
use host_types::epoch::EpochConfig;
use host_types::genesis::{ChannelGenesis, ChannelLimits, Policies, Policy, RuleConfig};
use host_types::statement::{Slot, Statement};
use host_types::tolerance::UnitMode;
use host_types::validators::{Unit, Validator, ValidatorSet};
use host_types::{
    BlockTime, CertificateId, ChannelName, Code, Epoch, GenesisHash, Hash32, NetworkId, NodeName,
    RawTx, Rejection, Transaction, Weight,
};
use plugin_api_harness::cluster::Group;
use plugin_api_harness::signer::Signatures;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// When every run begins, microseconds since 1970: the start of 2026.
pub const EPOCH_US: u64 = 1_767_225_600_000_000;
/// Transactions a pool may hold: few, so that its bound is met.
pub const POOL_TXS: u64 = 120;
/// Transactions of a block: few, so that bursts take several.
pub const BLOCK_TXS: u64 = 20;
/// Root, client, auditor, admin: DER in hex, one a line.
const MEMBERS: &str = include_str!("members.hex");
/// Where the client's key comes from.
const CLIENT_SEED: [u8; 32] = [50; 32];
/// Where the admin's key comes from.
const ADMIN_SEED: [u8; 32] = [52; 32];

/// The parts of a channel that no run changes, parsed once.
struct Fixed {
    root: Hash32,
    certificates: Vec<Vec<u8>>,
    membership: Arc<Membership>,
    client: CertificateId,
    key: SigningKey,
    admin: CertificateId,
    admin_key: SigningKey,
}

fn fixed() -> &'static Fixed {
    static FIXED: OnceLock<Fixed> = OnceLock::new();
    FIXED.get_or_init(make_fixed)
}

#[expect(
    clippy::expect_used,
    reason = "a file of this package that cannot be read is a broken build"
)]
fn make_fixed() -> Fixed {
    let certificates: Vec<Vec<u8>> = MEMBERS.lines().map(from_hex).collect();
    let root = Hash32::sha256(certificates.first().expect("members.hex begins with the root"));
    let genesis =
        genesis_of(Kind::Lft, set(&[1], &[], Signatures::Hash), Vec::new(), root, &certificates);
    let membership = Membership::from_genesis(&genesis).expect("members.hex holds members");
    let key = SigningKey::from_seed(CLIENT_SEED);
    let parsed =
        || certificates.iter().filter_map(|der| host_identity::Certificate::parse(der).ok());
    let id = |name: &str| {
        let named = parsed().find(|certificate| certificate.name.as_str() == name);
        named.expect("members.hex holds client and admin").id
    };
    let (client, admin) = (id("org0/alice"), id("org0/admin"));
    let admin_key = SigningKey::from_seed(ADMIN_SEED);
    Fixed { root, membership: Arc::new(membership), client, key, admin, admin_key, certificates }
}

fn from_hex(line: &str) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or(0);
    let two = |pair: &[u8]| pair.iter().fold(0, |sum, byte| sum * 16 + digit(byte));
    line.as_bytes().chunks(2).map(|pair| u8::try_from(two(pair)).unwrap_or(0)).collect()
}

#[expect(clippy::expect_used, reason = "a plan draws sets that are sets")]
fn set(weights: &[u64], groups: &[Group], signatures: Signatures) -> ValidatorSet {
    let group_of = |index: u16| groups.iter().position(|group| group.members.contains(&index));
    let votes = |(_, weight): &(u16, &u64)| **weight > 0;
    let one = |(index, weight): (u16, &u64)| {
        let name = NodeName::new(&format!("org0/v{index}")).expect("a name");
        Validator {
            public_key: signatures.public_key(index),
            weight: Weight::new(*weight).expect("a weight"),
            group: group_of(index).map_or(format!("v{index}"), |number| format!("group{number}")),
            name,
        }
    };
    let units: BTreeMap<String, Unit> = groups
        .iter()
        .enumerate()
        .map(|(number, group)| {
            let mode = match group.unit.mode {
                plugin_api::GroupMode::Quorum => UnitMode::Quorum,
                plugin_api::GroupMode::Delegate => UnitMode::Delegate,
            };
            let weight = Weight::new(group.unit.weight).expect("a weight");
            let threshold = Weight::new(group.unit.threshold).expect("a threshold");
            (format!("group{number}"), Unit { mode, weight, threshold })
        })
        .collect();
    let set =
        ValidatorSet::new((0u16..).zip(weights).filter(votes).map(one).collect()).expect("a set");
    set.with_units(units).expect("thresholds that fit")
}

fn rule_of(kind: Kind, parameters: Vec<(String, String)>) -> RuleConfig {
    RuleConfig { id: kind.id().into(), version: 1, sha256: Vec::new(), parameters }
}

fn epoch_plan(kind: Kind, weights: &[u64], config: EpochConfig) -> EpochPlan {
    let voting = (0u16..).zip(weights).filter(|(_, weight)| **weight > 0);
    EpochPlan {
        kind,
        validators: host_rules::to_validators(&config.validators),
        members: voting.map(|(number, _)| number).collect(),
        config: Arc::new(config),
    }
}

#[expect(clippy::expect_used, reason = "a constant name is a name")]
fn genesis_of(
    kind: Kind,
    validators: ValidatorSet,
    parameters: Vec<(String, String)>,
    root: Hash32,
    certificates: &[Vec<u8>],
) -> ChannelGenesis {
    ChannelGenesis {
        network: NetworkId::default(),
        channel: ChannelName::new("sim").expect("a name"),
        created: BlockTime::new(EPOCH_US),
        rule: rule_of(kind, parameters),
        validators,
        roots: vec![("org0".into(), root)],
        certificates: certificates.to_vec(),
        limits: ChannelLimits {
            pool_txs: POOL_TXS,
            block_txs: BLOCK_TXS,
            signer_share_percent: 100,
            expiry_us: 120_000_000,
            ..ChannelLimits::default()
        },
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
        auto_activate: false,
        call: host_types::call_bounds::CallBounds::default(),
    }
}

/// The channel of a run.
#[derive(Debug)]
pub struct Channel {
    /// Its genesis.
    pub genesis: Arc<ChannelGenesis>,
    /// Hash of it.
    pub hash: GenesisHash,
    /// What each epoch runs with, and where those stand that have begun.
    pub epochs: EpochPlans,
    /// Kind of signatures of validators.
    pub signatures: Signatures,
    context: AdmitContext,
    known: BTreeMap<Vec<u8>, Result<AdmittedTx, Rejection>>,
}

impl Channel {
    /// The channel of these validators.
    #[must_use]
    pub fn new(
        kind: Kind,
        (weights, groups): (&[u64], &[Group]),
        parameters: Vec<(String, String)>,
        (turns, signatures): (&[Turn], Signatures),
    ) -> Self {
        let fixed = fixed();
        let validators = set(weights, groups, signatures);
        let genesis = genesis_of(kind, validators, parameters, fixed.root, &fixed.certificates);
        let hash = genesis.hash();
        let context = AdmitContext {
            genesis: hash,
            limits: genesis.limits,
            policies: genesis.policies.clone(),
            membership: Arc::clone(&fixed.membership),
            block_time: BlockTime::new(EPOCH_US),
            wall: BlockTime::new(EPOCH_US),
        };
        let first = EpochConfig::of_genesis(&genesis);
        let mut plans = vec![epoch_plan(kind, weights, first)];
        for (number, turn) in (1u64..).zip(turns) {
            let before = &genesis.limits;
            let config = EpochConfig {
                epoch: Epoch::new(number),
                validators: set(&turn.weights, groups, signatures),
                rule: rule_of(turn.kind, turn.parameters.clone()),
                limits: ChannelLimits { block_txs: turn.block_txs, ..*before },
                policies: None,
            };
            plans.push(epoch_plan(turn.kind, &turn.weights, config));
        }
        Self {
            hash,
            epochs: EpochPlans::new(hash, plans, genesis.header().id()),
            signatures,
            context,
            known: BTreeMap::new(),
            genesis: Arc::new(genesis),
        }
    }

    /// The block of height 0 with its result.
    #[must_use]
    pub fn root_pair(&self) -> Pair {
        Pair { block: self.genesis.header().id(), roots: RootPair::default() }
    }

    /// The client's certificate.
    #[must_use]
    pub fn client(&self) -> CertificateId {
        fixed().client
    }

    /// The admin's certificate.
    #[must_use]
    pub fn admin(&self) -> CertificateId {
        fixed().admin
    }

    /// Signs a transaction with the key of its signer.
    #[must_use]
    pub fn envelope(&self, transaction: &Transaction) -> RawTx {
        let fixed = fixed();
        let is_admin = transaction.signer == fixed.admin;
        let key = if is_admin { &fixed.admin_key } else { &fixed.key };
        transaction.into_envelope(&key.sign(&transaction.signing_message()))
    }

    /// The real checks of INGEST. With real keys every node makes all of them; else the dear ones
    /// (form, signer, signature) are made once a run, and every node looks at the clock for itself.
    ///
    /// # Errors
    /// Its refusal.
    pub fn admit(
        &mut self,
        raw: &RawTx,
        block_time: BlockTime,
        wall: BlockTime,
    ) -> Result<AdmittedTx, Rejection> {
        if self.signatures == Signatures::Ed25519 {
            let context = AdmitContext { block_time, wall, ..self.context.clone() };
            return only(admit(&[Offered::Raw(raw.clone())], &context));
        }
        let tx = self.admit_body(raw)?;
        let expiry = tx.transaction().transaction().expiry.get();
        let now = wall.max(block_time).get();
        if expiry < now {
            return Err(Rejection::new(Code::TxExpired, "the transaction expired".to_owned()));
        }
        if expiry - now > self.context.limits.expiry_us {
            return Err(Rejection::new(Code::ExpiryTooFar, "the expiry is too far".to_owned()));
        }
        Ok(tx)
    }

    /// The checks of a body that was fetched for a block.
    ///
    /// # Errors
    /// Its refusal.
    pub fn admit_body(&mut self, raw: &RawTx) -> Result<AdmittedTx, Rejection> {
        let is_cached = self.signatures == Signatures::Hash;
        if let Some(known) = self.known.get(&raw.0[..]).filter(|_| is_cached) {
            return known.clone();
        }
        let made = only(admit_bodies(&[Offered::Raw(raw.clone())], &self.context));
        if is_cached {
            self.known.insert(raw.0.to_vec(), made.clone());
        }
        made
    }

    /// Signs a statement of an epoch that has begun, with the key of a seat of the run.
    #[must_use]
    pub fn sign(&self, epoch: Epoch, number: u16, slots: Vec<Slot>, body: Vec<u8>) -> Statement {
        let message = self.epochs.prefix(epoch).map(|prefix| prefix.message(&slots, &body));
        let bytes = self.signatures.sign(number, &message.unwrap_or_default());
        let signature = bytes.try_into().unwrap_or([0; 64]);
        let index = self.epochs.get(epoch).and_then(|plan| plan.index_of(number));
        Statement { epoch, signer: index.unwrap_or(u16::MAX), slots, body, signature }
    }

    /// Who signed a statement, by the number of its seat; none when its epoch has not begun or nobody
    /// sits there.
    #[must_use]
    pub fn seat_of(&self, epoch: Epoch, signer: u16) -> Option<u16> {
        self.epochs.get(epoch)?.members.get(usize::from(signer)).copied()
    }

    /// Whether a statement is of an epoch that has begun and signed by whom it names.
    #[must_use]
    pub fn verifies(&self, statement: &Statement) -> bool {
        let plan = self.epochs.get(statement.epoch);
        let signer = plan.and_then(|plan| plan.validators.get(usize::from(statement.signer)));
        let (Some(signer), Some(prefix)) = (signer, self.epochs.prefix(statement.epoch)) else {
            return false;
        };
        let item = plugin_api::VerifyItem {
            public_key: signer.public_key,
            message: prefix.message(&statement.slots, &statement.body),
            signature: statement.signature.to_vec(),
        };
        (self.signatures.verifier())(&[item])
    }
}

fn only(mut answers: Vec<Result<AdmittedTx, Refused>>) -> Result<AdmittedTx, Rejection> {
    let nothing = || Rejection::new(Code::Internal, "no answer".to_owned());
    answers.pop().ok_or_else(nothing)?.map_err(|(_, rejection)| rejection)
}
