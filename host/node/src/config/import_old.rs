//! Files of the old edition, read once: `channel_manage_data.json` and the JSON of `-o conf.json`.
//!
//! In: their text. Out: lines of `channels.toml` or `peer.toml`, and everything that has no equal here
//! with the reason, so that nothing gets lost silently. The old edition took unknown keys without a word;
//! here each is named. Deliberately not here: keys and certificates (people make new ones: the old ones
//! are of another kind), chain data (another format).

use host_types::ids::ChannelName;
use serde_json::{Map, Value};
use std::fmt::Write;

/// What an old file says, in the words of a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Lines of the new file.
    pub toml: String,
    /// What has no equal.
    pub left: Vec<Left>,
}

/// Something that was not taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// As the old file says it.
    pub what: String,
    /// Why, and what to do.
    pub why: String,
}

/// An old file, bytes, at most: a few hundred channels.
const OLD_FILE_BYTES_MAX: usize = 1 << 20;

/// The SCORE that every old peer ran when it was told of none: it took any JSON, as `notary` does.
const OLD_DEFAULT_SCORE: &str = "loopchain/default";

fn object(text: &str) -> Result<Map<String, Value>, String> {
    if text.len() > OLD_FILE_BYTES_MAX {
        return Err(format!("it has {} bytes, more than {OLD_FILE_BYTES_MAX}", text.len()));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err("it is no JSON object".to_owned()),
        Err(error) => Err(format!("it is no JSON: {error}")),
    }
}

fn left(list: &mut Vec<Left>, what: impl Into<String>, why: impl Into<String>) {
    list.push(Left { what: what.into(), why: why.into() });
}

/// A value as the old file had it, in one short line.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// A channel's name here: as it was, else in lower case.
fn channel_name(old: &str) -> Option<ChannelName> {
    ChannelName::new(old).or_else(|| ChannelName::new(&old.to_ascii_lowercase()))
}

/// `channel_manage_data.json`: channels, their SCORE, and the addresses of their peers.
///
/// # Errors
/// One line, when it is no JSON object.
pub fn channels(text: &str) -> Result<Imported, String> {
    let old = object(text)?;
    let mut imported = Imported {
        toml:
            "# Channels of the old edition. `loopchain channel check` tells what they tolerate.\n"
                .to_owned(),
        left: Vec::new(),
    };
    let Imported { toml, left: list } = &mut imported;
    let mut taken: Vec<String> = Vec::new();
    for (old_name, entry) in &old {
        let Some(name) = channel_name(old_name) else {
            left(list, old_name, "no name of a channel here: [a-z][a-z0-9_-]*, at most 64");
            continue;
        };
        if taken.iter().any(|known| known == name.as_str()) {
            left(list, old_name, format!("there is a channel {name} already"));
            continue;
        }
        taken.push(name.to_string());
        if name.as_str() != old_name {
            left(list, old_name, format!("its name is {name} here: names are in lower case"));
        }
        // Writing to a string does not fail.
        writeln!(toml, "\n[channel.{name}]").ok();
        let Some(entry) = entry.as_object() else {
            left(list, format!("{old_name} = {}", shown(entry)), "no channel: it is no object");
            continue;
        };
        for (key, value) in entry {
            match key.as_str() {
                "score_package" => score(toml, list, (old_name, &name), value),
                "peers" => peers(list, old_name, value),
                _ => {
                    let what = format!("{old_name}.{key} = {}", shown(value));
                    left(list, what, "the old edition did not know it either");
                }
            }
        }
    }
    Ok(imported)
}

fn score(toml: &mut String, list: &mut Vec<Left>, name: (&str, &ChannelName), value: &Value) {
    let (old_name, name) = name;
    if value.as_str() == Some(OLD_DEFAULT_SCORE) {
        writeln!(toml, "\n[channel.{name}.score.notary]").ok();
        return;
    }
    left(
        list,
        format!("{old_name}.score_package = {}", shown(value)),
        "a SCORE in Python does not run here: port it (docs/guide/from-python-score.md), drop the .so \
         in, and name it in [channel.NAME.score.SCORE]",
    );
}

fn peers(list: &mut Vec<Left>, old_name: &str, value: &Value) {
    let Some(peers) = value.as_array() else {
        let what = format!("{old_name}.peers = {}", shown(value));
        left(list, what, "no list of peers");
        return;
    };
    for peer in peers {
        let target = peer.get("peer_target").and_then(Value::as_str);
        let target = target.map_or_else(|| shown(peer), str::to_owned);
        left(
            list,
            format!("{old_name}.peers: {target}"),
            "an address makes nobody a member: validators are ORG/NAME with a certificate of their \
             organisation; name them in [channel.NAME.group.GROUP]",
        );
    }
}

/// Where a setting of the old edition goes.
enum Goes {
    /// To this key of peer.toml, by this reading of its value.
    Key(&'static str, Read),
    /// To a channel, which all its peers must agree on: the line of channels.toml.
    Channel(&'static str, Read),
    /// Nowhere, because.
    Nowhere(&'static str),
}

/// How a value is read: `None` when it is of another kind.
type Read = fn(&Value) -> Option<String>;

fn text(value: &Value) -> Option<String> {
    value.as_str().map(|text| toml::Value::String(text.to_owned()).to_string())
}

fn number(value: &Value) -> Option<String> {
    whole(value).map(|number| number.to_string())
}

/// The old edition took numbers as text as well.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn port(value: &Value) -> Option<u64> {
    whole(value).filter(|port| (1..=65_535).contains(port))
}

fn listen(value: &Value) -> Option<String> {
    Some(format!("\"0.0.0.0:{}\"", port(value)?))
}

fn kib(value: &Value) -> Option<String> {
    Some(format!("\"{} KiB\"", whole(value)?))
}

fn seconds(value: &Value) -> Option<String> {
    let milliseconds = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())? * 1000.0;
    let is_sane = milliseconds.is_finite() && (0.0..=86_400_000.0).contains(&milliseconds);
    is_sane.then(|| format!("\"{milliseconds:.0} ms\""))
}

fn level(value: &Value) -> Option<String> {
    let old = value.as_str()?.to_ascii_lowercase();
    let level = match old.as_str() {
        "critical" | "fatal" | "error" => "error",
        "warning" | "warn" => "warn",
        "info" | "debug" => old.as_str(),
        "notset" | "spam" => "trace",
        _ => return None,
    };
    Some(format!("\"{level}\""))
}

const KEYS: &str = "keys of the old edition are of another kind: make new ones";
const PORTS: &str =
    "there is no such process: a peer has one port for peers, one for REST, one for operations";
const TIMERS: &str =
    "the rule finds its own times from `delta` and `timeout_max` ([channel.NAME.lft])";
const LEADERS: &str = "the rule replaces leaders by itself; the RadioStation only introduces peers";
const PYTHON: &str =
    "SCOREs are one .so in the plugin folder, known by its SHA-256; nothing is fetched by git";

/// Every setting of the old edition that did something, in the order of its files.
const SETTINGS: &[(&str, Goes)] = &[
    ("PEER_NAME", Goes::Key("name", text)),
    ("PEER_ID", Goes::Nowhere("a node is ORG/NAME of its certificate")),
    ("PEER_GROUP_ID", Goes::Nowhere("groups are the channel's: [channel.NAME.group.GROUP]")),
    ("LOOPCHAIN_HOST", Goes::Key("rpc.advertise", text)),
    ("PORT_PEER", Goes::Key("rpc.listen", listen)),
    ("PORT_RADIOSTATION", Goes::Nowhere("`rpc.listen` of radiostation.toml")),
    ("IP_RADIOSTATION", Goes::Nowhere("`radiostation.targets`, with its port")),
    ("PORT_DIFF_REST_SERVICE_CONTAINER", Goes::Nowhere("`rest.listen` names the port itself")),
    ("PORT_DIFF_INNER_SERVICE", Goes::Nowhere(PORTS)),
    ("PORT_DIFF_SCORE_CONTAINER", Goes::Nowhere(PORTS)),
    ("PORT_DIFF_BETWEEN_SCORE_CONTAINER", Goes::Nowhere(PORTS)),
    (
        "ENABLE_REST_SERVICE",
        Goes::Nowhere("REST is always on, on loopback unless `rest.listen` says else"),
    ),
    ("ENABLE_REST_SSL", Goes::Nowhere("put a proxy with TLS before REST")),
    ("REST_SSL_TYPE", Goes::Nowhere("put a proxy with TLS before REST")),
    ("USE_GUNICORN_HA_SERVER", Goes::Nowhere("the server is part of the peer")),
    ("REST_ADDITIONAL_TIMEOUT", Goes::Nowhere("a request says itself how long it waits")),
    ("LOOPCHAIN_DEFAULT_CHANNEL", Goes::Key("rest.v1_default_channel", text)),
    ("DEFAULT_STORAGE_PATH", Goes::Key("data_dir", text)),
    ("LOOPCHAIN_LOG_LEVEL", Goes::Key("log.level", level)),
    ("LOG_FILE_PATH", Goes::Nowhere("logs go to stderr: whoever starts the peer keeps them")),
    ("MONITOR_LOG", Goes::Nowhere("a shipper reads the JSON lines of stderr")),
    ("MONITOR_LOG_HOST", Goes::Nowhere("a shipper reads the JSON lines of stderr")),
    ("MONITOR_LOG_PORT", Goes::Nowhere("a shipper reads the JSON lines of stderr")),
    ("MAX_BLOCK_TX_NUM", Goes::Channel("limits.block_txs", number)),
    ("MAX_BLOCK_KBYTES", Goes::Channel("limits.block_bytes", kib)),
    ("INTERVAL_BLOCKGENERATION", Goes::Channel("lft.block_interval", seconds)),
    ("LEADER_BLOCK_CREATION_LIMIT", Goes::Channel("lft.tenure", number)),
    ("MAX_CREATE_TX_QUEUE", Goes::Channel("limits.mempool_txs", number)),
    ("CONSENSUS_ALGORITHM", Goes::Nowhere("`rule` of the channel: lft, simplex or solo")),
    ("VOTING_RATIO", Goes::Nowhere("more than two thirds of the weight, always: less would fork")),
    ("BLOCK_VOTE_TIMEOUT", Goes::Nowhere(TIMERS)),
    ("INTERVAL_WAIT_PEER_VOTE", Goes::Nowhere(TIMERS)),
    ("TIMEOUT_FOR_PEER_VOTE", Goes::Nowhere(TIMERS)),
    ("TIMEOUT_FOR_BLOCK_GENERATION", Goes::Nowhere(TIMERS)),
    ("ALLOW_MAKE_EMPTY_BLOCK", Goes::Nowhere("blocks are made when there is something to decide")),
    ("GRPC_TIMEOUT", Goes::Nowhere("links between peers are kept; nothing waits for one peer")),
    ("GRPC_TIMEOUT_BROADCAST_RETRY", Goes::Nowhere("what was missed is asked for again")),
    ("GRPC_CONNECTION_TIMEOUT", Goes::Nowhere("links between peers are made again by themselves")),
    ("BROADCAST_RETRY_TIMES", Goes::Nowhere("what was missed is asked for again")),
    ("CONNECTION_RETRY_TIMEOUT_TO_RS", Goes::Nowhere(LEADERS)),
    ("CONNECTION_RETRY_TIMES_TO_RS", Goes::Nowhere(LEADERS)),
    ("CONNECTION_TIMEOUT_TO_RS", Goes::Nowhere(LEADERS)),
    ("ENABLE_RADIOSTATION_HEARTBEAT", Goes::Nowhere(LEADERS)),
    ("SLEEP_SECONDS_IN_RADIOSTATION_HEARTBEAT", Goes::Nowhere(LEADERS)),
    ("NO_RESPONSE_COUNT_ALLOW_BY_HEARTBEAT", Goes::Nowhere(LEADERS)),
    ("ENABLE_CHANNEL_AUTH", Goes::Nowhere("members are known by certificates, always")),
    ("CHANNEL_MANAGE_DATA_PATH", Goes::Nowhere("`loopchain channel import` reads that file")),
    ("CHANNEL_OPTION", Goes::Nowhere(KEYS)),
    ("PUBLIC_PATH", Goes::Nowhere(KEYS)),
    ("PRIVATE_PATH", Goes::Nowhere(KEYS)),
    ("PRIVATE_PASSWORD", Goes::Nowhere(KEYS)),
    ("SCORE_QUERY_TIMEOUT", Goes::Nowhere("a call is bounded by steps: [channel.NAME.limits]")),
    ("SCORE_INVOKE_TIMEOUT", Goes::Nowhere("a call is bounded by steps: [channel.NAME.limits]")),
    ("SCORE_LOAD_TIMEOUT", Goes::Nowhere(PYTHON)),
    ("SCORE_LOAD_RETRY_TIMES", Goes::Nowhere(PYTHON)),
    ("SCORE_LOAD_RETRY_INTERVAL", Goes::Nowhere(PYTHON)),
    ("DEFAULT_SCORE_HOST", Goes::Nowhere(PYTHON)),
    ("DEFAULT_SCORE_BASE", Goes::Nowhere(PYTHON)),
    ("DEFAULT_SCORE_BRANCH", Goes::Nowhere(PYTHON)),
    ("DEFAULT_SCORE_PACKAGE", Goes::Nowhere(PYTHON)),
    ("DEFAULT_SCORE_REPOSITORY_PATH", Goes::Nowhere(PYTHON)),
    ("DEFAULT_SCORE_STORAGE_PATH", Goes::Nowhere(PYTHON)),
    ("DEFAULT_SCORE_REPOSITORY_KEY", Goes::Nowhere(PYTHON)),
    (
        "ALLOW_LOAD_SCORE_IN_DEVELOP",
        Goes::Nowhere("`loopchain score watch` builds and swaps on every save"),
    ),
    (
        "DEVELOP_SCORE_PACKAGE_ROOT",
        Goes::Nowhere("`loopchain score watch` builds and swaps on every save"),
    ),
    ("IS_LOAD_PEER_MANAGER_FROM_DB", Goes::Nowhere("the set of validators stands on the chain")),
];

/// The JSON of `-o conf.json`: settings of one process.
///
/// # Errors
/// One line, when it is no JSON object.
pub fn settings(json: &str) -> Result<Imported, String> {
    let old = object(json)?;
    let (mut here, mut list) = (Vec::new(), Vec::new());
    for (key, value) in &old {
        // A password may stand there: what a secret is worth is not said again.
        let what = match key.contains("PASSWORD") || value.is_object() || value.is_array() {
            true => key.clone(),
            false => format!("{key} = {}", shown(value)),
        };
        let Some((_, goes)) = SETTINGS.iter().find(|(name, _)| name == key) else {
            let names = SETTINGS.iter().map(|(name, _)| *name);
            let meant = super::render::nearest(key, names);
            let meant = meant.map_or_else(String::new, |name| format!(": did you mean {name}?"));
            left(&mut list, what, format!("the old edition did not know it either{meant}"));
            continue;
        };
        match goes {
            Goes::Nowhere(why) => left(&mut list, what, *why),
            Goes::Key(name, read) => match read(value) {
                Some(text) => here.push((*name, text)),
                None => left(&mut list, what, format!("`{name}` takes no such value")),
            },
            Goes::Channel(name, read) => {
                let (table, name) = name.split_once('.').unwrap_or((name, ""));
                let why = match read(value) {
                    Some(text) => format!(
                        "all peers of a channel must agree on it: `{name} = {text}` in \
                         [channel.NAME.{table}] of channels.toml"
                    ),
                    None => format!("`{name}` of a channel takes no such value"),
                };
                left(&mut list, what, why);
            }
        }
    }
    // What is dialled is a host and the port that is listened on.
    let listens = old.get("PORT_PEER").and_then(port).unwrap_or(7100);
    for (name, value) in &mut here {
        if *name == "rpc.advertise" {
            *value = format!("{}:{listens}\"", value.trim_end_matches('"'));
        }
    }
    Ok(Imported { toml: tables(&here), left: list })
}

/// Dotted keys as tables, those without one first.
fn tables(pairs: &[(&str, String)]) -> String {
    let mut out = "# A peer of the old edition.\n".to_owned();
    let of = |table: &str| {
        let parts = pairs.iter().map(|(key, value)| match key.split_once('.') {
            Some((table, key)) => (table, key, value),
            None => ("", *key, value),
        });
        parts.filter(move |(of, ..)| *of == table).collect::<Vec<_>>()
    };
    for table in ["", "rpc", "rest", "log"] {
        let pairs = of(table);
        if !table.is_empty() && !pairs.is_empty() {
            writeln!(out, "\n[{table}]").ok();
        }
        for (_, key, value) in pairs {
            writeln!(out, "{key} = {value}").ok();
        }
    }
    out
}

#[cfg(test)]
#[path = "import_old_tests.rs"]
mod tests;
