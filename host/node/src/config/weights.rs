//! Groups of `channels.toml` and what their weights make together.
//!
//! In: one entry of the file, the validators that the network knows. Out: the set of the genesis,
//! what it tolerates (`host_types::tolerance`) and warnings, or an error at the line that causes it.
//! The rules are those of `docs/spec/channels-toml.md`: nobody may decide alone, and the smallest
//! set of peers that could fork the chain must be larger than `faulty_peers_max`. Deliberately not
//! here: asking a rule (`rule.rs`).

use super::channels::{ChannelsFile, Group, GroupMode, Inner};
use super::genesis::{GenesisInputs, Of};
use super::render::{ConfigError, nearest};
use host_types::fault::Code;
use host_types::height::BlockTime;
use host_types::ids::{ChannelName, NetworkId, NodeName};
use host_types::limits;
use host_types::tolerance::{Entity, Tolerance, UnitMode};
use host_types::validators::{Unit, Validator, ValidatorSet};
use host_types::weight::Weight;
use std::collections::{BTreeMap, BTreeSet};

/// The rule that one validator decides alone under, by design.
const SOLO: &str = "solo";
/// The rule with fast commit.
const LFT: &str = "lft";

impl ChannelsFile {
    /// What a genesis can be planned with where no network is: the validators that the channel's
    /// groups name, under keys that nobody has. None when it names none.
    ///
    /// # Errors
    /// `LC1105` for a name that is no validator's.
    pub fn named_validators(
        &self,
        channel: &ChannelName,
    ) -> Result<Option<GenesisInputs>, ConfigError> {
        let groups = self.channels.get(channel).map(|entry| &entry.group);
        let mut names = BTreeSet::new();
        for (group, table) in groups.into_iter().flatten() {
            for name in table.validators.keys() {
                let path = ["channel", channel.as_str(), "group", group, "validators", name];
                let node = NodeName::new(name);
                names.insert(node.ok_or_else(|| self.bad(&path, "a validator is ORG/NAME"))?);
            }
        }
        let keys = (0u64..).map(|index| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&index.to_be_bytes());
            key
        });
        Ok((!names.is_empty()).then(|| GenesisInputs {
            network: NetworkId::default(),
            created: BlockTime::new(0),
            roots: Vec::new(),
            certificates: Vec::new(),
            validators: names.into_iter().zip(keys).collect(),
        }))
    }
}

impl Of<'_> {
    /// The validators in the order of their groups.
    pub(super) fn validators(&self, inputs: &GenesisInputs) -> Result<ValidatorSet, ConfigError> {
        let (mut validators, mut units) = (Vec::new(), BTreeMap::new());
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
        for (group, table) in &self.entry.group {
            let sum = self.inner_sum(group, table)?;
            units.extend(self.unit(group, table, sum)?.map(|unit| (group.clone(), unit)));
            validators.extend(self.members(group, table, sum, inputs)?);
        }
        let set = ValidatorSet::new(validators).and_then(|set| set.with_units(units));
        set.ok_or_else(|| {
            let most = limits::VALIDATORS_MAX;
            let note = format!("give 1 to {most} validators, each in one group only");
            self.bad(&["group"], &note)
        })
    }

    fn weight(&self, value: u64) -> Result<Weight, ConfigError> {
        Weight::new(value).ok_or_else(|| self.bad(&["group"], "a weight is at least 1"))
    }

    /// The inner weights of a group together.
    fn inner_sum(&self, group: &str, table: &Group) -> Result<u128, ConfigError> {
        let sum: u128 = table.validators.values().map(|inner| u128::from(*inner)).sum();
        if table.weight == 0 || sum == 0 || table.validators.values().any(|inner| *inner == 0) {
            return Err(self.bad(&["group", group, "validators"], "every weight is at least 1"));
        }
        Ok(sum)
    }

    /// What a group that counts as one is to the set; none for a flat one.
    fn unit(&self, group: &str, table: &Group, sum: u128) -> Result<Option<Unit>, ConfigError> {
        let mode = match table.mode {
            GroupMode::Quorum => UnitMode::Quorum,
            GroupMode::Delegate => UnitMode::Delegate,
            GroupMode::Flat if table.inner == Inner::default() => return Ok(None),
            GroupMode::Flat => {
                let note = "a flat group does not speak as one: it has no inner threshold";
                return Err(self.bad(&["group", group, "inner"], note).with_help("remove `inner`"));
            }
        };
        let threshold = match table.inner {
            Inner::Majority => sum / 2 + 1,
            Inner::TwoThirds => sum * 2 / 3 + 1,
            Inner::Weight(weight) => u128::from(weight),
        };
        let fits = threshold * 2 > sum && threshold <= sum;
        let Some(threshold) = u64::try_from(threshold).ok().filter(|_| fits) else {
            let note = format!("{threshold} is not more than half and at most all of {sum}");
            return Err(self.bad(&["group", group, "inner"], &note).with_help(
                "two sets of members that speak for the group must share one: use \"majority\"",
            ));
        };
        let (weight, threshold) = (self.weight(table.weight)?, self.weight(threshold)?);
        Ok(Some(Unit { mode, weight, threshold }))
    }

    /// The members of a group: of a flat one with their share of its weight, else with their inner
    /// weights.
    fn members(
        &self,
        group: &str,
        table: &Group,
        sum: u128,
        inputs: &GenesisInputs,
    ) -> Result<Vec<Validator>, ConfigError> {
        let mut members = Vec::new();
        for (name, inner) in &table.validators {
            let weight = if table.mode == GroupMode::Flat {
                let share = u128::from(table.weight) * u128::from(*inner);
                let exact = (share % sum == 0).then(|| u64::try_from(share / sum).ok()).flatten();
                exact.ok_or_else(|| self.not_divisible(group, u128::from(table.weight), sum))?
            } else {
                *inner
            };
            let known = inputs.validators.iter().find(|(known, _)| known.as_str() == name);
            let Some((name, key)) = known else {
                return Err(self.no_such_validator(&["group", group, "validators"], name, inputs));
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

    /// What the weights tolerate, and what people should know about it.
    pub(super) fn check_weights(
        &self,
        set: &ValidatorSet,
    ) -> Result<(Tolerance, Vec<String>), ConfigError> {
        let entities = set.entities();
        let fast = self.fast();
        if fast.is_some() && set.has_units() {
            let note = "fast commit does not go with groups that count as one";
            return Err(self
                .error(Code::ConfigUnsafe, &[LFT, "fast"], note)
                .with_help("use `fast = \"off\"`, or `mode = \"flat\"` in every group"));
        }
        let Some(tolerance) = Tolerance::of(&entities, fast) else {
            let most = (set.total_weight() - 1) / 2;
            let note = format!("with this total weight p is at most {most}");
            return Err(self.error(Code::ConfigUnsafe, &[LFT, "fast"], &note));
        };
        if self.entry.rule == SOLO {
            return Ok((tolerance, Vec::new()));
        }
        self.refuse_alone(&entities, &tolerance)?;
        self.refuse_fork(&tolerance)?;
        let warnings = self.warnings(&entities, &tolerance);
        Ok((tolerance, warnings))
    }

    /// The p of fast commit. A value that makes no sense is left to the rule, whose words are better.
    fn fast(&self) -> Option<u64> {
        let parameters =
            (self.entry.rule == LFT).then(|| self.entry.parameters().ok()).flatten()?;
        parameters.iter().find(|(name, _)| name == "fast")?.1.parse().ok()
    }

    fn refuse_alone(&self, entities: &[Entity], tolerance: &Tolerance) -> Result<(), ConfigError> {
        let (total, quorum) = (tolerance.bounds.total, tolerance.bounds.quorum);
        let decides = |entity: &&Entity| u128::from(entity.weight()) >= quorum;
        let Some(entity) = entities.iter().find(decides) else { return Ok(()) };
        let (name, weight) = (entity.name(), entity.weight());
        let note =
            format!("{name} weighs {weight} of {total}: it reaches the quorum {quorum} alone");
        Err(self
            .error(Code::ConfigUnsafe, &["group"], &note)
            .with_help("give others more weight, or use `rule = \"solo\"` for one signer"))
    }

    fn refuse_fork(&self, tolerance: &Tolerance) -> Result<(), ConfigError> {
        let nodes = &tolerance.fork.nodes;
        if nodes.len() as u64 > self.entry.faulty_peers_max {
            return Ok(());
        }
        let names: Vec<_> = nodes.iter().map(|node| node.name.as_str()).collect();
        let (count, names) = (nodes.len(), names.join(", "));
        let who =
            if count == 1 { "1 peer alone".to_owned() } else { format!("{count} peers together") };
        let note = format!("{who} could fork this channel: {names}");
        Err(self
            .error(Code::ConfigUnsafe, &["faulty_peers_max"], &note)
            .with_help("spread the weights more evenly, or state a smaller number"))
    }

    fn warnings(&self, entities: &[Entity], tolerance: &Tolerance) -> Vec<String> {
        let (channel, faulty_max) = (self.name, tolerance.bounds.faulty_max);
        if faulty_max == 0 {
            return vec![format!(
                "channel {channel}: no Byzantine tolerance (f = 0): every validator must answer; \
                 none may fail (4 equal ones tolerate 1)"
            )];
        }
        let heavy = entities.iter().filter(|entity| u128::from(entity.weight()) > faulty_max);
        heavy
            .map(|entity| {
                let (name, weight) = (entity.name(), entity.weight());
                format!(
                    "channel {channel}: {name} weighs {weight}, more than the {faulty_max} that may \
                     fail: without it the channel stops"
                )
            })
            .collect()
    }
}

const fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}
