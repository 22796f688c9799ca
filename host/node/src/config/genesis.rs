//! From `channels.toml` to the genesis of a channel: weights, limits and policies checked together.
//!
//! In: one entry of the file and what the network knows (its id, roots, validators). Out: the
//! genesis, what it tolerates and warnings for people, or an error at the line that causes it.
//! Deliberately not here: groups and the rules on weights (`weights.rs`), the rule (`rule.rs`), policies
//! (`policies.rs`).

use super::channels::{ChannelEntry, ChannelsFile, Metering};
use super::peer::fingerprint;
use super::render::ConfigError;
use super::units::Size;
use host_types::call_bounds::CallBounds;
use host_types::fault::Code;
use host_types::genesis::{ChannelGenesis, ChannelLimits, Policy, RuleConfig};
use host_types::hash::Hash32;
use host_types::height::BlockTime;
use host_types::ids::{ChannelName, NetworkId, NodeName};
use host_types::limits;
use host_types::tolerance::Tolerance;

/// What the network knows and the file does not.
#[derive(Clone, Debug)]
pub struct GenesisInputs {
    /// The network.
    pub network: NetworkId,
    /// When the channel is made.
    pub created: BlockTime,
    /// Organisations and roots for channels that name none.
    pub roots: Vec<(String, Hash32)>,
    /// Certificates that are members from the start, DER.
    pub certificates: Vec<Vec<u8>>,
    /// Nodes that may be validators, with their signing keys.
    pub validators: Vec<(NodeName, [u8; 32])>,
}

/// A genesis and what people should know about it.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The genesis.
    pub genesis: ChannelGenesis,
    /// What its weights tolerate.
    pub tolerance: Tolerance,
    /// One line each.
    pub warnings: Vec<String>,
}

impl ChannelsFile {
    /// Makes the genesis of one channel of this file.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line; `LC1106` for weights that make no safe
    /// channel.
    pub fn genesis(
        &self,
        channel: &ChannelName,
        inputs: &GenesisInputs,
    ) -> Result<Planned, ConfigError> {
        let Some(entry) = self.channels.get(channel) else {
            let message = format!("{} has no channel `{channel}`", self.path.display());
            return Err(ConfigError::new(Code::ConfigBadValue, message));
        };
        let of = Of { file: self, name: channel.as_str(), entry };
        let validators = of.validators(inputs)?;
        let (tolerance, mut warnings) = of.check_weights(&validators)?;
        let roots = of.roots(inputs)?;
        let policies = of.policies(&roots)?;
        for (word, policy) in [("read", &policies.read), ("query", &policies.query)] {
            if *policy != Policy::Anyone {
                warnings.push(format!(
                    "channel {channel}: `policy.{word}` is not [\"*\"]: REST answers it to signed \
                     requests only (`--identity`), and v1 to nobody"
                ));
            }
        }
        let genesis = ChannelGenesis {
            network: inputs.network,
            channel: channel.clone(),
            created: inputs.created,
            rule: of.rule()?,
            validators,
            roots,
            certificates: inputs.certificates.clone(),
            limits: of.limits()?,
            policies,
            metering_required: entry.execution.metering == Metering::Required,
            auto_activate: entry.execution.auto_activate,
            call: of.call_bounds()?,
        };
        Ok(Planned { genesis, tolerance, warnings })
    }
}

impl ChannelsFile {
    /// The organisations that a channel names and the fingerprints of their roots.
    ///
    /// # Errors
    /// The first that is no fingerprint, with its line.
    pub fn named_roots(&self, channel: &ChannelName) -> Result<Vec<(String, Hash32)>, ConfigError> {
        let Some(entry) = self.channels.get(channel) else { return Ok(Vec::new()) };
        Of { file: self, name: channel.as_str(), entry }.named_roots()
    }
}

/// One channel of the file, at work.
pub(super) struct Of<'a> {
    pub(super) file: &'a ChannelsFile,
    pub(super) name: &'a str,
    pub(super) entry: &'a ChannelEntry,
}

impl Of<'_> {
    pub(super) fn bad(&self, path: &[&str], note: &str) -> ConfigError {
        self.error(Code::ConfigBadValue, path, note)
    }

    pub(super) fn error(&self, code: Code, path: &[&str], note: &str) -> ConfigError {
        let path: Vec<_> = ["channel", self.name].iter().chain(path).copied().collect();
        self.file.error(code, &path, note)
    }

    fn rule(&self) -> Result<RuleConfig, ConfigError> {
        let parameters = self.entry.parameters().map_err(|name| {
            let note = "give text, a whole number, true or false, or whole milliseconds";
            self.bad(&[&self.entry.rule, &name], note)
        })?;
        let sha256 = self.entry.rule_sha256.iter().map(|hex| Hash32::from_hex(hex));
        let Some(sha256) = sha256.collect::<Option<Vec<_>>>() else {
            return Err(self.bad(&["rule_sha256"], "each is 64 hex digits"));
        };
        let (id, version) = (self.entry.rule.clone(), self.entry.rule_version());
        Ok(RuleConfig { id, version, sha256, parameters })
    }

    fn roots(&self, inputs: &GenesisInputs) -> Result<Vec<(String, Hash32)>, ConfigError> {
        if self.entry.organisations.is_empty() {
            return Ok(inputs.roots.clone());
        }
        self.named_roots()
    }

    fn named_roots(&self) -> Result<Vec<(String, Hash32)>, ConfigError> {
        let roots =
            self.entry.organisations.iter().map(|(organisation, text)| match fingerprint(text) {
                Some(root) => Ok((organisation.clone(), root)),
                None => Err(self.bad(
                    &["organisations", organisation],
                    "a fingerprint is SHA256: and 64 hex digits",
                )),
            });
        roots.collect()
    }

    fn limits(&self) -> Result<ChannelLimits, ConfigError> {
        let given = &self.entry.limits;
        let bounds = [
            ("tx_bytes", given.tx_bytes.0, limits::TX_BYTES_MAX as u64),
            ("block_bytes", given.block_bytes.0, limits::BLOCK_BYTES_MAX as u64),
            ("block_txs", given.block_txs, limits::BLOCK_TXS_MAX as u64),
            ("mempool_txs", given.mempool_txs, limits::POOL_TXS_MAX as u64),
            ("mempool_bytes", given.mempool_bytes.0, limits::POOL_BYTES_MAX as u64),
            ("signer_share", given.signer_share.0, 100),
            ("expiry", given.expiry.0, limits::EXPIRY_US_MAX),
            ("steps_per_tx", given.steps_per_tx, limits::STEPS_PER_TX),
            ("steps_per_block", given.steps_per_block, limits::STEPS_PER_BLOCK),
        ];
        if let Some((name, value, most)) =
            bounds.into_iter().find(|(_, value, most)| !(1..=*most).contains(value))
        {
            let note = format!("{value} is not from 1 to {most}");
            return Err(self.bad(&["limits", name], &note));
        }
        if given.steps_per_tx > given.steps_per_block {
            let note = "more than `steps_per_block`: no block could hold such a transaction";
            return Err(self.bad(&["limits", "steps_per_tx"], note));
        }
        Ok(ChannelLimits {
            tx_bytes: given.tx_bytes.0,
            block_bytes: given.block_bytes.0,
            block_txs: given.block_txs,
            pool_txs: given.mempool_txs,
            pool_bytes: given.mempool_bytes.0,
            signer_share_percent: given.signer_share.0,
            expiry_us: given.expiry.0,
            steps_per_tx: given.steps_per_tx,
            steps_per_block: given.steps_per_block,
            history_blocks: given.history_blocks,
        })
    }

    fn call_bounds(&self) -> Result<CallBounds, ConfigError> {
        let given = &self.entry.execution;
        let fit = |bytes: Size| u32::try_from(bytes.0).unwrap_or(u32::MAX);
        let bounds = CallBounds {
            arena_bytes: fit(given.arena),
            stack_bytes: fit(given.stack),
            output_bytes: fit(given.output),
            events: given.events,
            event_bytes: fit(given.event_bytes),
            value_bytes: fit(given.value),
            write_bytes: fit(given.write_bytes),
        };
        let outside =
            |(_, value, range): &(_, u32, std::ops::RangeInclusive<u32>)| !range.contains(value);
        if let Some((name, value, range)) = bounds.ranges().into_iter().find(outside) {
            let note = format!("{value} is not from {} to {}", range.start(), range.end());
            return Err(self.bad(&["execution", name], &note));
        }
        if bounds.value_bytes > bounds.write_bytes {
            let note = "more than `write_bytes`: no transaction could write such a value";
            return Err(self.bad(&["execution", "value"], note));
        }
        Ok(bounds)
    }
}
