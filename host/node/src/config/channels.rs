//! `channels.toml`: which channels there should be, in people's words.
//!
//! In: the file. Out: [`ChannelsFile`], typed; every default is the one that the sample at the root
//! of the source tree shows. What the numbers mean together is checked in `genesis.rs`.

use super::grants::GrantEntry;
use super::layers::read;
use super::policies::PolicyTable;
use super::render::{ConfigError, Place};
use super::toml_pass::{key_span_of, span_of, typed, unknown_key};
use super::units::{Percent, Size, Span};
use host_types::fault::Code;
use host_types::ids::{ChannelName, ScoreName};
use host_types::limits;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file.
#[derive(Clone, Debug)]
pub struct ChannelsFile {
    /// Where it was read from.
    pub path: PathBuf,
    /// Its text, for errors found later.
    pub text: String,
    /// Its channels by name.
    pub channels: BTreeMap<ChannelName, ChannelEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    channel: BTreeMap<String, ChannelEntry>,
}

/// `[channel.NAME]`.
#[derive(Clone, Debug, Deserialize)]
pub struct ChannelEntry {
    /// The consensus rule.
    #[serde(default = "default_rule")]
    pub rule: String,
    /// Its version; none: the one that this release ships.
    #[serde(default)]
    pub rule_version: Option<u32>,
    /// SHA-256 of the builds accepted, hex; empty: any, under a dev CA only.
    #[serde(default)]
    pub rule_sha256: Vec<String>,
    /// Organisations and the SHA-256 of their roots; empty on a dev network: those of `up`.
    #[serde(default)]
    pub organisations: BTreeMap<String, String>,
    /// Auditors (`ORG/NAME`, or `ORG` for all of one) that read all of the channel and may follow it.
    #[serde(default)]
    pub auditors: Vec<String>,
    /// Auditors that read part of it.
    #[serde(default)]
    pub grant: BTreeMap<String, GrantEntry>,
    /// How many arbitrary peers may lie together without a fork being possible.
    #[serde(default = "default_faulty_peers_max")]
    pub faulty_peers_max: u64,
    /// Groups of validators; none: every validator of the network is a group of one.
    #[serde(default)]
    pub group: BTreeMap<String, Group>,
    /// Bounds.
    #[serde(default)]
    pub limits: Limits,
    /// How SCOREs run.
    #[serde(default)]
    pub execution: Execution,
    /// SCOREs that should be active.
    #[serde(default)]
    pub score: BTreeMap<String, ScoreEntry>,
    /// Who may do what.
    #[serde(default)]
    pub policy: PolicyTable,
    /// Anything else: the table of the rule's parameters, or a mistake.
    #[serde(flatten)]
    other: BTreeMap<String, toml::Value>,
}

const KEYS: &[&str] = &[
    "rule",
    "rule_version",
    "rule_sha256",
    "organisations",
    "auditors",
    "grant",
    "faulty_peers_max",
    "group",
    "limits",
    "execution",
    "score",
    "policy",
];

fn default_rule() -> String {
    "lft".to_owned()
}

/// Version of [`default_rule`] in this release; every other rule is at its first.
const DEFAULT_RULE_VERSION: u32 = 3;

const fn default_faulty_peers_max() -> u64 {
    1
}

const fn one() -> u64 {
    1
}

/// How the weight of a group is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupMode {
    /// The weight is split over the members by their inner weights.
    #[default]
    Flat,
    /// The group counts as one, by what members of enough inner weight signed.
    Quorum,
    /// As `Quorum`, but the vote of the view's delegate alone is the group's.
    Delegate,
}

/// The inner weight that speaks for a group that counts as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inner {
    /// More than half: enough when members crash and never lie.
    #[default]
    Majority,
    /// More than two thirds: members may lie.
    TwoThirds,
    /// This much.
    Weight(u64),
}

impl<'de> Deserialize<'de> for Inner {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl serde::de::Visitor<'_> for Form {
            type Value = Inner;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("\"majority\", \"2/3\" or a whole number")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Inner, E> {
                match text {
                    "majority" => Ok(Inner::Majority),
                    "2/3" => Ok(Inner::TwoThirds),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
            fn visit_i64<E: serde::de::Error>(self, weight: i64) -> Result<Inner, E> {
                let wrong = || E::invalid_value(serde::de::Unexpected::Signed(weight), &self);
                u64::try_from(weight).map(Inner::Weight).map_err(|_| wrong())
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// `[channel.NAME.group.GROUP]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// What the group counts.
    #[serde(default = "one")]
    pub weight: u64,
    /// How it is counted.
    #[serde(default)]
    pub mode: GroupMode,
    /// Inner weight that speaks for it; not of a flat group.
    #[serde(default)]
    pub inner: Inner,
    /// `ORG/NAME` and inner weight.
    pub validators: BTreeMap<String, u64>,
}

/// `[channel.NAME.limits]`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// One transaction.
    pub tx_bytes: Size,
    /// Transactions of a block together.
    pub block_bytes: Size,
    /// Transactions of a block.
    pub block_txs: u64,
    /// Transactions waiting.
    pub mempool_txs: u64,
    /// Bytes waiting.
    pub mempool_bytes: Size,
    /// Share of the pool one signer may hold.
    pub signer_share: Percent,
    /// How far ahead an expiry may lie.
    pub expiry: Span,
    /// Basic blocks one transaction may run.
    pub steps_per_tx: u64,
    /// Basic blocks one block may run.
    pub steps_per_block: u64,
    /// Undo records kept; 0 = all.
    pub history_blocks: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tx_bytes: Size(limits::TX_BYTES_MAX as u64),
            block_bytes: Size(limits::BLOCK_BYTES_MAX as u64),
            block_txs: limits::BLOCK_TXS_MAX as u64,
            mempool_txs: limits::POOL_TXS_MAX as u64,
            mempool_bytes: Size(limits::POOL_BYTES_MAX as u64),
            signer_share: Percent(limits::SIGNER_SHARE_PERCENT as u64),
            expiry: Span(limits::EXPIRY_US_MAX),
            steps_per_tx: limits::STEPS_PER_TX,
            steps_per_block: limits::STEPS_PER_BLOCK,
            history_blocks: limits::HISTORY_BLOCKS,
        }
    }
}

/// Whether SCOREs count their steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metering {
    /// They must.
    #[default]
    Required,
    /// They may.
    Optional,
}

/// `[channel.NAME.execution]`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Execution {
    /// Whether SCOREs count their steps.
    pub metering: Metering,
    /// Whether a SCORE that is dropped in is proposed and approved at once (dev networks).
    pub auto_activate: bool,
    /// Memory of a SCORE in one call.
    pub arena: Size,
    /// Stack of a SCORE in one call.
    pub stack: Size,
    /// Output of a call.
    pub output: Size,
    /// Events of a transaction.
    pub events: u32,
    /// All events of a transaction.
    pub event_bytes: Size,
    /// One value of the state.
    pub value: Size,
    /// All keys and values that a transaction writes.
    pub write_bytes: Size,
}

impl Default for Execution {
    fn default() -> Self {
        let size = |bytes: u32| Size(u64::from(bytes));
        Self {
            metering: Metering::Required,
            auto_activate: true,
            arena: size(limits::CALL_ARENA_BYTES_MAX),
            stack: size(limits::CALL_STACK_BYTES_MAX),
            output: size(limits::CALL_OUTPUT_BYTES_MAX),
            events: limits::CALL_EVENTS_MAX,
            event_bytes: size(limits::CALL_EVENT_BYTES_MAX),
            value: size(limits::CALL_VALUE_BYTES_MAX),
            write_bytes: size(limits::CALL_WRITE_BYTES_MAX),
        }
    }
}

/// `[channel.NAME.score.SCORE]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScoreEntry {
    /// Version its manifest must state; empty: any.
    pub version: String,
    /// SHA-256 its file must have, hex; empty on a dev network: the installed build.
    pub sha256: String,
    /// Whom `deploy` sees as its caller.
    pub deployer: String,
    /// Arguments of `deploy` by name.
    pub deploy: toml::Table,
}

impl Default for ScoreEntry {
    fn default() -> Self {
        Self {
            version: String::new(),
            sha256: String::new(),
            deployer: "alice".to_owned(),
            deploy: toml::Table::new(),
        }
    }
}

impl ChannelsFile {
    /// Reads a file.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let Some(text) = read(path)? else {
            let message = format!("{} does not exist", path.display());
            return Err(ConfigError::new(Code::ConfigUnreadable, message));
        };
        Self::parse(path, text)
    }

    /// Reads a text; `path` is for errors.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn parse(path: &Path, text: String) -> Result<Self, ConfigError> {
        let document: Document = typed(path, &text)?;
        let mut file = Self { path: path.to_owned(), text, channels: BTreeMap::new() };
        for (name, entry) in document.channel {
            file.check_names(&name, &entry)?;
            let Some(channel) = ChannelName::new(&name) else {
                return Err(file.bad(&["channel", &name], "no name of a channel: [a-z][a-z0-9_-]*"));
            };
            file.channels.insert(channel, entry);
        }
        Ok(file)
    }

    fn check_names(&self, name: &str, entry: &ChannelEntry) -> Result<(), ConfigError> {
        for (key, value) in &entry.other {
            if *key == entry.rule && value.is_table() {
                continue;
            }
            let path = ["channel", name, key];
            let span = key_span_of(&self.text, &path).unwrap_or(0..0);
            let mut known: Vec<_> = KEYS.iter().map(|key| (*key).to_owned()).collect();
            known.push(entry.rule.clone());
            return Err(unknown_key(&self.path, &self.text, key, span, &known));
        }
        match entry.score.keys().find(|score| ScoreName::new(score).is_none()) {
            Some(score) => {
                let path = ["channel", name, "score", score];
                Err(self.bad(&path, "no name of a SCORE: [a-z][a-z0-9-]*"))
            }
            None => Ok(()),
        }
    }

    /// An error about the value at a path.
    #[must_use]
    pub fn bad(&self, path: &[&str], note: &str) -> ConfigError {
        self.error(Code::ConfigBadValue, path, note)
    }

    /// An error about the value at a path, of any kind.
    #[must_use]
    pub fn error(&self, code: Code, path: &[&str], note: &str) -> ConfigError {
        // A value that is not in the file is a default: then its table is shown.
        let shown = (1..=path.len()).rev().find_map(|len| span_of(&self.text, path.get(..len)?));
        let place = shown.map(|span| Place::of(&self.path, &self.text, span, note));
        ConfigError::new(code, path.join(".")).at(place)
    }
}

impl ChannelEntry {
    /// The version of its rule.
    #[must_use]
    pub fn rule_version(&self) -> u32 {
        let shipped = if self.rule == default_rule() { DEFAULT_RULE_VERSION } else { 1 };
        self.rule_version.unwrap_or(shipped)
    }

    /// The rule's parameters as the genesis carries them: text, time spans in whole milliseconds.
    ///
    /// # Errors
    /// The name of a parameter whose value is no text, number, truth or whole milliseconds.
    pub fn parameters(&self) -> Result<Vec<(String, String)>, String> {
        let Some(table) = self.other.get(&self.rule).and_then(toml::Value::as_table) else {
            return Ok(Vec::new());
        };
        let texts = table.iter().map(|(name, value)| {
            let text = match value {
                toml::Value::String(text) => match Span::parse(text) {
                    Some(span) => span.whole_ms().map(|ms| ms.to_string()),
                    None => Some(text.clone()),
                },
                toml::Value::Integer(number) => Some(number.to_string()),
                toml::Value::Boolean(truth) => Some(truth.to_string()),
                _ => None,
            };
            text.map(|text| (name.clone(), text)).ok_or_else(|| name.clone())
        });
        let mut texts = texts.collect::<Result<Vec<_>, _>>()?;
        texts.sort();
        Ok(texts)
    }
}

/// The nearest `channels.toml` in a folder or above it.
#[must_use]
pub fn nearest_channels_file(start: &Path) -> Option<PathBuf> {
    start.ancestors().map(|folder| folder.join("channels.toml")).find(|file| file.is_file())
}
