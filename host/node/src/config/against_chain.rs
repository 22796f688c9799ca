//! What `channels.toml` wants of a channel against what its chain runs with.
//!
//! In: one entry of the file, and a [`RunningChannel`]. Out: a [`ChannelPlan`]: every difference in
//! people's words, the one `configure` change that makes the chain what the file says, and what both
//! tolerate. Both sides are written down as the same list of facts and the lists are compared, so what
//! means the same is no difference (an order, a default that is written out). What stands in the genesis
//! for ever is a difference too, with its line and why it stays. Deliberately not here: asking a peer,
//! proposing anything, the way back from a chain to a file (`export.rs`).

use super::channels::{ChannelEntry, ChannelsFile};
use super::genesis::{GenesisInputs, Planned};
use super::grants::{grant_words, is_listed};
use super::render::{ConfigError, Place};
use super::toml_pass::span_of;
use super::units::{Percent, Size, Span};
use host_types::change::{Configure, ValidatorChange};
use host_types::epoch::{BlockLimits, EpochConfig};
use host_types::genesis::{ChannelGenesis, RuleConfig};
use host_types::height::Epoch;
use host_types::ids::{ChannelName, NodeName};
use host_types::tolerance::Tolerance;
use host_types::validators::{Validator, ValidatorSet};
use std::collections::{BTreeMap, BTreeSet};

/// A channel as its chain tells it.
#[derive(Clone, Debug)]
pub struct RunningChannel {
    /// What it was made of.
    pub genesis: ChannelGenesis,
    /// The epoch that it is in.
    pub epoch: Epoch,
    /// What it runs with, or will from the next epoch on when that is accepted already.
    pub config: EpochConfig,
    /// Active SCOREs by name: version and SHA-256 in hex.
    pub scores: BTreeMap<String, (String, String)>,
    /// What parameters of the rule are when they are not given, where the rule is known.
    pub defaults: BTreeMap<String, String>,
}

impl RunningChannel {
    /// As a genesis would say it.
    #[must_use]
    pub fn now(&self) -> ChannelGenesis {
        ChannelGenesis {
            validators: self.config.validators.clone(),
            rule: self.config.rule.clone(),
            limits: self.config.limits,
            policies: self.config.policies(&self.genesis).clone(),
            ..self.genesis.clone()
        }
    }
}

/// Nodes and their signing keys.
pub type Keys = [(NodeName, [u8; 32])];

/// Whose validators the file means.
#[derive(Clone, Copy, Debug)]
pub struct KnownNodes<'a> {
    /// Those of the network, when that is known: a file without groups means all of them.
    pub network: Option<&'a Keys>,
    /// Other members that the file names.
    pub members: &'a Keys,
}

/// How a difference can be made to go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// By the plan's `configure` change.
    Configure,
    /// By a `deploy` change, which needs the artefact.
    Deploy,
    /// Never: it stands in the genesis. And why that is so.
    Never(&'static str),
}

/// One difference between file and chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `validator`, `group`, `rule`, `parameter`, `limit`, `policy`, `grant`, `organisation`, `execution`,
    /// `SCORE`.
    pub kind: &'static str,
    /// Which one.
    pub name: String,
    /// On the chain; none: not there.
    pub chain: Option<String>,
    /// In the file; none: not there.
    pub file: Option<String>,
    /// What changes it.
    pub means: Means,
    /// Line of the file, from 1, where it says something about it.
    pub line: Option<usize>,
}

/// What the file wants of a channel that runs.
#[derive(Clone, Debug)]
pub struct ChannelPlan {
    /// In the order of the file's tables.
    pub differences: Vec<Difference>,
    /// The change that makes the chain what the file says, as far as it can; none when it does already.
    pub change: Option<Configure>,
    /// What the file makes.
    pub wanted: Planned,
    /// What the chain tolerates now; none where its weights make no sense under its rule.
    pub before: Option<Tolerance>,
    /// SCOREs that the chain runs and the file does not name: nothing takes them away.
    pub unnamed: Vec<String>,
}

impl ChannelPlan {
    /// Whether file and chain say the same.
    #[must_use]
    pub const fn is_same(&self) -> bool {
        self.differences.is_empty()
    }
}

impl ChannelsFile {
    /// Compares an entry with the channel that runs.
    ///
    /// # Errors
    /// What `genesis` refuses, with its line.
    pub fn against(
        &self,
        channel: &ChannelName,
        running: &RunningChannel,
        nodes: KnownNodes<'_>,
    ) -> Result<ChannelPlan, ConfigError> {
        let Some(entry) = self.channels.get(channel) else {
            let message = format!("{} has no channel `{channel}`", self.path.display());
            return Err(ConfigError::new(host_types::fault::Code::ConfigBadValue, message));
        };
        let names_validators = !entry.group.is_empty() || nodes.network.is_some();
        let mut wanted = self.genesis(channel, &inputs(entry, running, nodes))?;
        if !names_validators {
            // The file says nothing of validators, and there is no network whose they would be.
            wanted.genesis.validators = running.config.validators.clone();
        }
        let tolerance = tolerance(&wanted.genesis.validators, &wanted.genesis.rule);
        wanted.tolerance = tolerance.unwrap_or(wanted.tolerance);
        let now = running.now();
        let path = |path: &[String]| line_of(self, channel, path);
        let (of_chain, of_file) = (facts(&now, running), facts(&wanted.genesis, running));
        let mut differences = compare(&of_chain, &of_file, path);
        let change = change(running, &now, &wanted.genesis, &differences);
        let (scores, unnamed) = scores(entry, running, path);
        differences.extend(scores);
        let before = tolerance_of(&now);
        Ok(ChannelPlan { differences, change, wanted, before, unnamed })
    }
}

/// Keys of the chain come first: a name keeps its key until a change says otherwise.
fn inputs(entry: &ChannelEntry, running: &RunningChannel, nodes: KnownNodes<'_>) -> GenesisInputs {
    let set = &running.config.validators;
    let on_chain: Vec<_> = set.all().iter().map(|v| (v.name.clone(), v.public_key)).collect();
    let network = nodes.network.unwrap_or_default();
    let mut validators: Vec<(NodeName, [u8; 32])> = Vec::new();
    let mut add = |more: &Keys| {
        for (name, key) in more {
            if validators.iter().all(|(known, _)| known != name) {
                validators.push((name.clone(), *key));
            }
        }
    };
    match nodes.network {
        // Only those of the network, under the keys of the chain.
        Some(network) if entry.group.is_empty() => {
            let is_there = |(name, _): &&(NodeName, _)| network.iter().any(|(n, _)| n == name);
            add(&on_chain.iter().filter(is_there).cloned().collect::<Vec<_>>());
            add(network);
        }
        _ => {
            add(&on_chain);
            add(network);
            add(nodes.members);
        }
    }
    GenesisInputs {
        network: running.genesis.network,
        created: running.genesis.created,
        roots: running.genesis.roots.clone(),
        certificates: running.genesis.certificates.clone(),
        validators,
    }
}

fn tolerance_of(genesis: &ChannelGenesis) -> Option<Tolerance> {
    tolerance(&genesis.validators, &genesis.rule)
}

/// What a set tolerates under a rule.
#[must_use]
pub fn tolerance(set: &ValidatorSet, rule: &RuleConfig) -> Option<Tolerance> {
    let fast = rule.parameters.iter().find(|(name, _)| name == "fast");
    let fast = fast.filter(|_| rule.id == "lft").and_then(|(_, value)| value.parse().ok());
    Tolerance::of(&set.entities(), fast)
}

fn line_of(file: &ChannelsFile, channel: &ChannelName, path: &[String]) -> Option<usize> {
    let whole: Vec<&str> =
        ["channel", channel.as_str()].into_iter().chain(path.iter().map(String::as_str)).collect();
    let span = span_of(&file.text, &whole)?;
    Some(Place::of(&file.path, &file.text, span, "").line)
}

const IN_GENESIS: &str = "it stands in the genesis, which is hashed into every signature";
const ADMITTED: &str = "it stands in the genesis: what was admitted under it must stay valid";
const ROOTS: &str =
    "roots of organisations stand in the genesis: who joins later needs another channel";

/// One thing that a channel is.
struct Fact {
    kind: &'static str,
    name: String,
    value: String,
    means: Means,
    path: Vec<String>,
}

fn fact(
    (kind, name): (&'static str, &str),
    value: impl ToString,
    means: Means,
    path: &[&str],
) -> Fact {
    let path = path.iter().map(|part| (*part).to_owned()).collect();
    Fact { kind, name: name.to_owned(), value: value.to_string(), means, path }
}

/// Everything that a channel is, each once, in the order of the file's tables.
fn facts(channel: &ChannelGenesis, running: &RunningChannel) -> Vec<Fact> {
    let is_known = channel.rule.id == running.config.rule.id;
    let defaults = is_known.then_some(&running.defaults);
    let mut all = facts_of_rule(&channel.rule, defaults);
    for (organisation, root) in &channel.roots {
        let path = ["organisations", organisation];
        let root = format!("SHA256:{root}");
        all.push(fact(("organisation", organisation), root, Means::Never(ROOTS), &path));
    }
    all.extend(facts_of_set(&channel.validators));
    all.extend(facts_of_limits(channel));
    for (name, policy) in channel.policies.all() {
        all.push(fact(("policy", name), policy, Means::Configure, &["policy", name]));
    }
    let gateway = ("policy", "v1_gateway");
    let path = ["policy", "v1_gateway"];
    all.push(fact(gateway, channel.policies.v1_gateway, Means::Configure, &path));
    for grant in &channel.policies.grants {
        let path: &[&str] = if is_listed(grant) { &["auditors"] } else { &["grant", &grant.name] };
        all.push(fact(("grant", &grant.name), grant_words(grant), Means::Configure, path));
    }
    all
}

fn facts_of_rule(rule: &RuleConfig, defaults: Option<&BTreeMap<String, String>>) -> Vec<Fact> {
    let builds: Vec<_> = rule.sha256.iter().map(ToString::to_string).collect();
    let builds = if builds.is_empty() { "any".to_owned() } else { builds.join(", ") };
    let mut all = vec![
        fact(("rule", "id"), &rule.id, Means::Configure, &["rule"]),
        fact(("rule", "version"), rule.version, Means::Configure, &["rule_version"]),
        fact(("rule", "builds"), builds, Means::Configure, &["rule_sha256"]),
    ];
    // A default that is written out says nothing.
    let default = |name: &String| defaults.and_then(|defaults| defaults.get(name));
    let says = |(name, value): &&(String, String)| default(name) != Some(value);
    for (name, value) in rule.parameters.iter().filter(says) {
        all.push(fact(("parameter", name), value, Means::Configure, &[&rule.id, name]));
    }
    all
}

fn facts_of_set(set: &ValidatorSet) -> Vec<Fact> {
    let mut all = Vec::new();
    for (group, unit) in set.units() {
        let mode = unit.mode.as_str();
        let says =
            format!("weight {}, {mode}, speaks by {}", unit.weight.get(), unit.threshold.get());
        all.push(fact(("group", group), says, Means::Configure, &["group", group]));
    }
    let mut validators: Vec<_> = set.all().iter().collect();
    validators.sort_by(|a, b| a.name.cmp(&b.name));
    for validator in validators {
        let Validator { name, group, weight, public_key } = validator;
        let word = if set.unit_of(validator).is_some() { "inner weight" } else { "weight" };
        let of_group = if group == name.as_str() { "alone" } else { group.as_str() };
        let key = host_types::hash::to_hex(public_key.get(..4).unwrap_or_default());
        let says = format!("{word} {}, group {of_group}, key {key}…", weight.get());
        let path = ["group", group, "validators", name.as_str()];
        all.push(fact(("validator", name.as_str()), says, Means::Configure, &path));
    }
    all
}

fn facts_of_limits(channel: &ChannelGenesis) -> Vec<Fact> {
    let l = &channel.limits;
    let limit = |name, value: String, means| fact(("limit", name), value, means, &["limits", name]);
    let (now, never) = (Means::Configure, Means::Never(ADMITTED));
    let mut all = vec![
        limit("tx_bytes", Size(l.tx_bytes).to_string(), never),
        limit("block_bytes", Size(l.block_bytes).to_string(), now),
        limit("block_txs", l.block_txs.to_string(), now),
        limit("mempool_txs", l.pool_txs.to_string(), never),
        limit("mempool_bytes", Size(l.pool_bytes).to_string(), never),
        limit("signer_share", Percent(l.signer_share_percent).to_string(), never),
        limit("expiry", Span(l.expiry_us).to_string(), never),
        limit("steps_per_tx", l.steps_per_tx.to_string(), never),
        limit("steps_per_block", l.steps_per_block.to_string(), now),
        limit("history_blocks", l.history_blocks.to_string(), never),
    ];
    let never = Means::Never(IN_GENESIS);
    let execution =
        |name: &str, value: String| fact(("execution", name), value, never, &["execution", name]);
    let metering = if channel.metering_required { "required" } else { "optional" };
    all.push(execution("metering", metering.to_owned()));
    all.push(execution("auto_activate", channel.auto_activate.to_string()));
    for (name, value, _) in channel.call.ranges() {
        let is_count = name == "events";
        let value = if is_count { value.to_string() } else { Size(u64::from(value)).to_string() };
        all.push(execution(name, value));
    }
    all
}

/// In the order of the file; what only the chain has stands where its kind ends.
fn compare(
    chain: &[Fact],
    file: &[Fact],
    line: impl Fn(&[String]) -> Option<usize>,
) -> Vec<Difference> {
    let find = |all: &[Fact], one: &Fact| {
        let same = all.iter().find(|fact| (fact.kind, &fact.name) == (one.kind, &one.name));
        same.map(|fact| fact.value.clone())
    };
    let (mut kinds, mut found) = (Vec::new(), Vec::new());
    for fact in file.iter().chain(chain) {
        if !kinds.contains(&fact.kind) {
            kinds.push(fact.kind);
        }
    }
    for kind in kinds {
        let mut told = BTreeSet::new();
        for fact in file.iter().chain(chain).filter(|fact| fact.kind == kind) {
            let (on_chain, in_file) = (find(chain, fact), find(file, fact));
            if on_chain == in_file || !told.insert(&fact.name) {
                continue;
            }
            let line = if in_file.is_some() { line(&fact.path) } else { None };
            let name = fact.name.clone();
            let difference =
                Difference { kind, name, chain: on_chain, file: in_file, means: fact.means, line };
            found.push(difference);
        }
    }
    found
}

fn scores(
    entry: &ChannelEntry,
    running: &RunningChannel,
    line: impl Fn(&[String]) -> Option<usize>,
) -> (Vec<Difference>, Vec<String>) {
    let mut found = Vec::new();
    for (name, wanted) in &entry.score {
        let active = running.scores.get(name);
        let is_it = active.is_some_and(|(version, sha256)| {
            (wanted.version.is_empty() || wanted.version == *version)
                && (wanted.sha256.is_empty() || wanted.sha256.eq_ignore_ascii_case(sha256))
        });
        if is_it {
            continue;
        }
        let version = if wanted.version.is_empty() { "any version" } else { &wanted.version };
        let says = |version: &str, sha256: &str| {
            format!("{version} {}", sha256.get(..12).unwrap_or_default()).trim_end().to_owned()
        };
        found.push(Difference {
            kind: "SCORE",
            name: name.clone(),
            chain: active.map(|(version, sha256)| says(version, sha256)),
            file: Some(says(version, &wanted.sha256)),
            means: Means::Deploy,
            line: line(&["score".to_owned(), name.clone()]),
        });
    }
    let unnamed = running.scores.keys().filter(|name| !entry.score.contains_key(*name));
    (found, unnamed.cloned().collect())
}

/// The change that makes one of the other, as far as a change can.
fn change(
    running: &RunningChannel,
    now: &ChannelGenesis,
    wanted: &ChannelGenesis,
    differences: &[Difference],
) -> Option<Configure> {
    let differs = |kinds: &[&str]| differences.iter().any(|one| kinds.contains(&one.kind));
    let validators = if differs(&["validator", "group"]) {
        validator_changes(&now.validators, &wanted.validators)
    } else {
        Vec::new()
    };
    let (before, after) = (BlockLimits::of(&now.limits), BlockLimits::of(&wanted.limits));
    let change = Configure {
        epoch: running.epoch,
        validators,
        rule: differs(&["rule", "parameter"]).then(|| wanted.rule.clone()),
        limits: (before != after).then_some(after),
        policies: differs(&["policy", "grant"]).then(|| Box::new(wanted.policies.clone())),
    };
    let says_something = !change.validators.is_empty()
        || change.rule.is_some()
        || change.limits.is_some()
        || change.policies.is_some();
    says_something.then_some(change)
}

fn validator_changes(now: &ValidatorSet, wanted: &ValidatorSet) -> Vec<ValidatorChange> {
    let of = |set: &ValidatorSet, name: &NodeName| {
        let found = set.all().iter().find(|validator| validator.name == *name).cloned()?;
        let unit = set.unit_of(&found).copied();
        Some((found, unit))
    };
    let gone = now.all().iter().filter(|validator| of(wanted, &validator.name).is_none());
    let mut changes: Vec<_> =
        gone.map(|validator| ValidatorChange::Remove(validator.name.clone())).collect();
    for validator in wanted.all() {
        let after = of(wanted, &validator.name);
        if of(now, &validator.name) != after
            && let Some((validator, unit)) = after
        {
            changes.push(ValidatorChange::Set { validator, unit });
        }
    }
    changes
}

#[cfg(test)]
#[path = "against_chain_tests.rs"]
mod tests;
