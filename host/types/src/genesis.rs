//! What a network and a channel are at height 0. The channel's hash covers the network's id, its
//! members, rule, parameters, limits and policies; every transaction and statement signs it.

use crate::block::Header;
use crate::call_bounds::CallBounds;
use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use crate::hash::{Domain, Hash32};
use crate::height::{BlockTime, Epoch};
use crate::ids::{BlockId, ChannelName, GenesisHash, NetworkId};
use crate::limits;
pub use crate::policy::{Policies, Policy};
use crate::statement::StatementPrefix;
use crate::validators::ValidatorSet;

/// A network: its name, the roots its organisations trust, and when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkGenesis {
    /// For people.
    pub name: String,
    /// Organisation and SHA-256 fingerprint of its root certificate.
    pub roots: Vec<(String, Hash32)>,
    /// When it was made.
    pub created: BlockTime,
}

impl NetworkGenesis {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> NetworkId {
        let mut w = Writer::default();
        w.array(3);
        w.text(&self.name);
        encode_roots(&self.roots, &mut w);
        self.created.encode(&mut w);
        NetworkId::new(Domain::Network.hash(&[&w.into_bytes()]))
    }
}

/// Limits of a channel that its members agreed on; each at most the ceiling of `limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelLimits {
    /// One transaction, bytes.
    pub tx_bytes: u64,
    /// Transactions of a block, bytes.
    pub block_bytes: u64,
    /// Transactions of a block.
    pub block_txs: u64,
    /// Transactions waiting.
    pub pool_txs: u64,
    /// Bytes waiting.
    pub pool_bytes: u64,
    /// Share of the pool one signer may hold, percent.
    pub signer_share_percent: u64,
    /// How far ahead an expiry may lie, microseconds.
    pub expiry_us: u64,
    /// Basic blocks of a transaction.
    pub steps_per_tx: u64,
    /// Basic blocks of a block.
    pub steps_per_block: u64,
    /// Blocks whose undo records are kept; 0 keeps all.
    pub history_blocks: u64,
}

impl Default for ChannelLimits {
    fn default() -> Self {
        Self {
            tx_bytes: limits::TX_BYTES_MAX as u64,
            block_bytes: limits::BLOCK_BYTES_MAX as u64,
            block_txs: limits::BLOCK_TXS_MAX as u64,
            pool_txs: limits::POOL_TXS_MAX as u64,
            pool_bytes: limits::POOL_BYTES_MAX as u64,
            signer_share_percent: limits::SIGNER_SHARE_PERCENT as u64,
            expiry_us: limits::EXPIRY_US_MAX,
            steps_per_tx: limits::STEPS_PER_TX,
            steps_per_block: limits::STEPS_PER_BLOCK,
            history_blocks: limits::HISTORY_BLOCKS,
        }
    }
}

/// The consensus rule of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleConfig {
    /// Id of the rule (`lft`).
    pub id: String,
    /// Its version.
    pub version: u32,
    /// SHA-256 of the builds accepted; empty only under a dev CA.
    pub sha256: Vec<Hash32>,
    /// Parameters by name, sorted; durations in whole milliseconds.
    pub parameters: Vec<(String, String)>,
}

/// A channel at height 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelGenesis {
    /// The network.
    pub network: NetworkId,
    /// Its name.
    pub channel: ChannelName,
    /// When it was made; the time of block 0.
    pub created: BlockTime,
    /// The rule.
    pub rule: RuleConfig,
    /// Validators of epoch 0.
    pub validators: ValidatorSet,
    /// Organisation and fingerprint of its root certificate.
    pub roots: Vec<(String, Hash32)>,
    /// Certificates that are members from the start, DER.
    pub certificates: Vec<Vec<u8>>,
    /// Limits.
    pub limits: ChannelLimits,
    /// Policies.
    pub policies: Policies,
    /// Whether SCOREs must count their steps.
    pub metering_required: bool,
    /// Whether an artefact that is dropped in is proposed and approved at once (dev networks).
    pub auto_activate: bool,
    /// What one transaction may use beside its steps.
    pub call: CallBounds,
}

impl ChannelGenesis {
    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> GenesisHash {
        GenesisHash::new(Domain::Channel.hash(&[&self.to_bytes()]))
    }

    /// The header of block 0.
    #[must_use]
    pub fn header(&self) -> Header {
        Header::genesis(self.hash(), self.validators.hash(), self.created)
    }

    /// What statements of an epoch begin with.
    #[must_use]
    pub fn statement_prefix(&self, epoch: Epoch, root: BlockId) -> StatementPrefix {
        StatementPrefix::new(self.hash(), &self.rule.id, epoch, root)
    }
}

fn encode_roots(roots: &[(String, Hash32)], w: &mut Writer) {
    w.array(roots.len());
    for (organisation, fingerprint) in roots {
        w.array(2);
        w.text(organisation);
        fingerprint.encode(w);
    }
}

fn decode_roots(r: &mut Reader<'_>) -> Result<Vec<(String, Hash32)>, CodecError> {
    let len = r.array_up_to(limits::VALIDATORS_MAX)?;
    (0..len)
        .map(|_| {
            r.array(2)?;
            Ok((r.text(limits::TEXT_BYTES_MAX)?.to_owned(), Hash32::decode(r)?))
        })
        .collect()
}

impl Encode for RuleConfig {
    fn encode(&self, w: &mut Writer) {
        w.array(4);
        w.text(&self.id);
        w.uint(u64::from(self.version));
        w.list(&self.sha256);
        w.array(self.parameters.len());
        for (name, value) in &self.parameters {
            w.array(2);
            w.text(name);
            w.text(value);
        }
    }
}

impl Decode<'_> for RuleConfig {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(4)?;
        let id = r.text(limits::TEXT_BYTES_MAX)?.to_owned();
        let version = r.uint_as()?;
        let sha256 = r.list(limits::PARAMETERS_MAX)?;
        let len = r.array_up_to(limits::PARAMETERS_MAX)?;
        let parameters = (0..len)
            .map(|_| {
                r.array(2)?;
                let name = r.text(limits::TEXT_BYTES_MAX)?.to_owned();
                Ok((name, r.text(limits::TEXT_BYTES_MAX)?.to_owned()))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { id, version, sha256, parameters })
    }
}

impl Encode for ChannelLimits {
    fn encode(&self, w: &mut Writer) {
        w.list(&[
            self.tx_bytes,
            self.block_bytes,
            self.block_txs,
            self.pool_txs,
            self.pool_bytes,
            self.signer_share_percent,
            self.expiry_us,
            self.steps_per_tx,
            self.steps_per_block,
            self.history_blocks,
        ]);
    }
}

impl Decode<'_> for ChannelLimits {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(10)?;
        Ok(Self {
            tx_bytes: r.uint()?,
            block_bytes: r.uint()?,
            block_txs: r.uint()?,
            pool_txs: r.uint()?,
            pool_bytes: r.uint()?,
            signer_share_percent: r.uint()?,
            expiry_us: r.uint()?,
            steps_per_tx: r.uint()?,
            steps_per_block: r.uint()?,
            history_blocks: r.uint()?,
        })
    }
}

/// Of a channel whose validators count each for itself and whose calls may use what they may anywhere.
const FORMAT: u64 = 1;
/// Added for groups that count as one: who does not know them must not read it.
const WITH_UNITS: u64 = 1;
/// Added where calls may use less; the bounds then stand at the end.
const WITH_BOUNDS: u64 = 2;
/// Added for policies of k organisations, `audit` and `admin`.
const WITH_POLICIES: u64 = 4;

fn format_of(genesis: &ChannelGenesis) -> u64 {
    let with = |is_there: bool, bit: u64| if is_there { bit } else { 0 };
    FORMAT
        + with(genesis.validators.has_units(), WITH_UNITS)
        + with(genesis.call != CallBounds::default(), WITH_BOUNDS)
        + with(genesis.policies.is_new(), WITH_POLICIES)
}

const fn has_bounds(format: u64) -> bool {
    (format - FORMAT) & WITH_BOUNDS != 0
}

impl Encode for ChannelGenesis {
    fn encode(&self, w: &mut Writer) {
        let format = format_of(self);
        let has_bounds = has_bounds(format);
        w.array(if has_bounds { 13 } else { 12 });
        w.uint(format);
        self.network.encode(w);
        self.channel.encode(w);
        self.created.encode(w);
        self.rule.encode(w);
        self.validators.encode(w);
        encode_roots(&self.roots, w);
        w.array(self.certificates.len());
        for certificate in &self.certificates {
            w.bytes(certificate);
        }
        self.limits.encode(w);
        self.policies.encode(w);
        w.bool(self.metering_required);
        w.bool(self.auto_activate);
        if has_bounds {
            self.call.encode(w);
        }
    }
}

impl Decode<'_> for ChannelGenesis {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let items = r.array_up_to(13)?;
        let unknown = r.error(CodecErrorKind::UnknownFormat);
        let format = r.uint()?;
        let known = (FORMAT..=FORMAT + WITH_UNITS + WITH_BOUNDS + WITH_POLICIES).contains(&format);
        if !known || items != if has_bounds(format) { 13 } else { 12 } {
            return Err(unknown);
        }
        let genesis = Self {
            network: NetworkId::decode(r)?,
            channel: ChannelName::decode(r)?,
            created: BlockTime::decode(r)?,
            rule: RuleConfig::decode(r)?,
            validators: ValidatorSet::decode(r)?,
            roots: decode_roots(r)?,
            certificates: {
                let len = r.array_up_to(limits::GENESIS_CERTIFICATES_MAX)?;
                (0..len)
                    .map(|_| r.bytes(limits::CERTIFICATE_BYTES_MAX).map(<[u8]>::to_vec))
                    .collect::<Result<_, _>>()?
            },
            limits: ChannelLimits::decode(r)?,
            policies: Policies::decode(r)?,
            metering_required: r.bool()?,
            auto_activate: r.bool()?,
            call: if has_bounds(format) { CallBounds::decode(r)? } else { CallBounds::default() },
        };
        if format_of(&genesis) == format { Ok(genesis) } else { Err(unknown) }
    }
}
