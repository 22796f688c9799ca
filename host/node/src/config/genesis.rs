//! From `channels.toml` to the genesis of a channel: weights, limits and policies checked together.
//!
//! In: one entry of the file and what the network knows (its id, roots, validators). Out: the
//! genesis and warnings for people, or an error at the line that causes it. The rules on weights
//! are those of `docs/spec/channels-toml.md`: nobody may decide alone, and the smallest set of
//! peers that could fork the chain must be larger than `faulty_peers_max`.

use super::channels::{ChannelEntry, ChannelsFile, Metering, PolicyValue};
use super::peer::fingerprint;
use super::render::{ConfigError, nearest};
use host_types::fault::Code;
use host_types::genesis::{ChannelGenesis, ChannelLimits, Policies, Policy, RuleConfig};
use host_types::hash::Hash32;
use host_types::height::BlockTime;
use host_types::ids::{ChannelName, NetworkId, NodeName};
use host_types::limits;
use host_types::validators::{Validator, ValidatorSet};
use host_types::weight::Weight;

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
    /// One line each.
    pub warnings: Vec<String>,
}

const ROLES: &[&str] = &["validator", "peer", "client", "admin", "auditor"];
/// The rule that one validator decides alone under, by design.
const SOLO: &str = "solo";

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
        let mut warnings = of.check_weights(&validators)?;
        let policies = of.policies()?;
        for (word, policy) in [("read", &policies.read), ("query", &policies.query)] {
            if *policy != Policy::Anyone {
                warnings.push(format!(
                    "channel {channel}: `policy.{word}` is not [\"*\"]: REST refuses it to \
                     everybody until requests carry an identity"
                ));
            }
        }
        let genesis = ChannelGenesis {
            network: inputs.network,
            channel: channel.clone(),
            created: inputs.created,
            rule: of.rule()?,
            validators,
            roots: of.roots(inputs)?,
            certificates: inputs.certificates.clone(),
            limits: of.limits()?,
            policies,
            metering_required: entry.execution.metering == Metering::Required,
            auto_activate: entry.execution.auto_activate,
        };
        Ok(Planned { genesis, warnings })
    }
}

struct Of<'a> {
    file: &'a ChannelsFile,
    name: &'a str,
    entry: &'a ChannelEntry,
}

impl Of<'_> {
    fn bad(&self, path: &[&str], note: &str) -> ConfigError {
        self.error(Code::ConfigBadValue, path, note)
    }

    fn error(&self, code: Code, path: &[&str], note: &str) -> ConfigError {
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

    fn validators(&self, inputs: &GenesisInputs) -> Result<ValidatorSet, ConfigError> {
        let mut validators = Vec::new();
        if self.entry.group.is_empty() {
            for (name, public_key) in &inputs.validators {
                let (name, group) = (name.clone(), name.to_string());
                validators.push(Validator {
                    name,
                    public_key: *public_key,
                    weight: self.weight(1)?,
                    group,
                });
            }
        }
        for group in self.entry.group.keys() {
            validators.extend(self.members(group, inputs)?);
        }
        ValidatorSet::new(validators).ok_or_else(|| {
            let most = limits::VALIDATORS_MAX;
            let note = format!("give 1 to {most} validators, each in one group only");
            self.bad(&["group"], &note)
        })
    }

    fn weight(&self, value: u64) -> Result<Weight, ConfigError> {
        Weight::new(value).ok_or_else(|| self.bad(&["group"], "a weight is at least 1"))
    }

    /// The members of a group with their share of its weight.
    fn members(&self, group: &str, inputs: &GenesisInputs) -> Result<Vec<Validator>, ConfigError> {
        let Some(table) = self.entry.group.get(group) else { return Ok(Vec::new()) };
        let path = ["group", group, "validators"];
        let sum: u128 = table.validators.values().map(|inner| u128::from(*inner)).sum();
        if table.weight == 0 || sum == 0 || table.validators.values().any(|inner| *inner == 0) {
            return Err(self.bad(&path, "every weight is at least 1"));
        }
        let mut members = Vec::new();
        for (name, inner) in &table.validators {
            let share = u128::from(table.weight) * u128::from(*inner);
            let exact = (share % sum == 0).then(|| u64::try_from(share / sum).ok()).flatten();
            let Some(weight) = exact else {
                return Err(self.not_divisible(group, u128::from(table.weight), sum));
            };
            let Some((name, key)) = inputs.validators.iter().find(|(n, _)| n.as_str() == name)
            else {
                return Err(self.no_such_validator(&path, name, inputs));
            };
            let (name, weight) = (name.clone(), self.weight(weight)?);
            members.push(Validator { name, public_key: *key, weight, group: group.to_owned() });
        }
        Ok(members)
    }

    fn not_divisible(&self, group: &str, weight: u128, sum: u128) -> ConfigError {
        let inner = self.entry.group.get(group).into_iter().flat_map(|g| g.validators.values());
        // The smallest factor that makes every share whole.
        let shared = inner.fold(sum, |common, inner| gcd(common, weight * u128::from(*inner)));
        let factor = sum / shared.max(1);
        let note = format!("{weight} does not split by these inner weights (their sum is {sum})");
        self.error(Code::ConfigUnsafe, &["group", group, "weight"], &note)
            .with_help(format!("multiply the weight of every group of this channel by {factor}"))
    }

    fn no_such_validator(&self, path: &[&str], name: &str, inputs: &GenesisInputs) -> ConfigError {
        let known = inputs.validators.iter().map(|(name, _)| name.as_str());
        let error = self.bad(path, &format!("this network has no peer `{name}`"));
        match nearest(name, known.clone()) {
            Some(meant) => error.with_help(format!("did you mean `{meant}`?")),
            None => {
                error.with_help(format!("its peers are {}", known.collect::<Vec<_>>().join(", ")))
            }
        }
    }

    fn check_weights(&self, set: &ValidatorSet) -> Result<Vec<String>, ConfigError> {
        if self.entry.rule == SOLO {
            return Ok(Vec::new());
        }
        let (total, quorum) = (set.total_weight(), set.quorum_weight());
        let tolerated = total - quorum;
        let mut warnings = Vec::new();
        for validator in set.all() {
            let weight = u128::from(validator.weight.get());
            if weight >= quorum {
                let note = format!(
                    "{} weighs {weight} of {total}: it reaches the quorum {quorum} alone",
                    validator.name
                );
                return Err(self.error(Code::ConfigUnsafe, &["group"], &note).with_help(
                    "give others more weight, or use `rule = \"solo\"` for one signer",
                ));
            }
            if weight > tolerated && tolerated > 0 {
                warnings.push(format!(
                    "channel {}: {} weighs {weight}, more than the {tolerated} that may fail: \
                     without it the channel stops",
                    self.name, validator.name
                ));
            }
        }
        if tolerated == 0 {
            warnings.push(format!(
                "channel {}: every validator must answer; none may fail (4 equal ones tolerate 1)",
                self.name
            ));
        }
        let fork = smallest_fork_set(set);
        if fork <= self.entry.faulty_peers_max {
            let note = format!("{fork} peers together could fork this channel");
            return Err(self
                .error(Code::ConfigUnsafe, &["faulty_peers_max"], &note)
                .with_help("spread the weights more evenly, or state a smaller number"));
        }
        Ok(warnings)
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

    fn policies(&self) -> Result<Policies, ConfigError> {
        let table = &self.entry.policy;
        Ok(Policies {
            submit: self.policy("submit", &table.submit)?,
            read: self.policy("read", &table.read)?,
            query: self.policy("query", &table.query)?,
            deploy: self.policy("deploy", &table.deploy)?,
            configure: self.policy("configure", &table.configure)?,
            v1_gateway: table.v1_gateway,
        })
    }

    fn policy(&self, name: &str, value: &PolicyValue) -> Result<Policy, ConfigError> {
        let PolicyValue::Roles(roles) = value else { return Ok(Policy::Quorum) };
        if roles.iter().any(|role| role == "*") {
            return Ok(Policy::Anyone);
        }
        for role in roles {
            let word = role.split_once('@').map_or(role.as_str(), |(word, _)| word);
            if !ROLES.contains(&word) {
                let note = format!("`{word}` is no role; roles are {}", ROLES.join(", "));
                return Err(self.bad(&["policy", name], &note));
            }
        }
        Ok(Policy::Roles(roles.clone()))
    }
}

/// How many peers must lie together to make two quorums that share no honest one.
fn smallest_fork_set(set: &ValidatorSet) -> u64 {
    let overlap = 2 * set.quorum_weight() - set.total_weight();
    let mut weights: Vec<_> = set.all().iter().map(|v| u128::from(v.weight.get())).collect();
    weights.sort_unstable_by(|a, b| b.cmp(a));
    let mut sum = 0;
    let needed = weights.iter().take_while(|weight| {
        let is_short = sum < overlap;
        sum += **weight;
        is_short
    });
    needed.count() as u64
}

const fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}
