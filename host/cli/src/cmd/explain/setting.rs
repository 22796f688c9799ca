//! `explain rest.body_limit`: what a setting of a file is for, where it stands and its default.
//!
//! In: the name of a setting. Out: its meaning from the table here, files and defaults from the
//! configuration types themselves; a test refuses a setting without a meaning. Deliberately not
//! here: what is set on this machine.

use crate::failure::Failure;
use crate::output::Out;
use host_node::config::{LogCollectorConfig, PeerConfig, ProxyConfig, RadioStationConfig, nearest};
use host_types::fault::Code;
use serde_json::json;
use std::collections::BTreeMap;

/// Settings of processes, and what they are for. Files and defaults are found by [`Settings::all`].
const PROCESSES: &[(&str, &str)] = &[
    ("name", "name of the process, unique inside its organisation"),
    ("org", "organisation that runs it"),
    ("data_dir", "folder of databases, sign log and kept lines"),
    ("listen", "address to listen on: for nodes and for the forward protocol"),
    ("forward", "who may send messages of the fluentd forward protocol: off, loopback or on"),
    ("network.id", "hash of the network's genesis, 64 hex digits"),
    ("network.organisations", "organisations and the SHA-256 of their root certificates"),
    (
        "network.radiostation",
        "ORG/NAME in the RadioStation's certificate; empty: bank-a/radiostation",
    ),
    ("rpc.listen", "address on which peers are talked to"),
    ("rpc.advertise", "what others dial; empty: rpc.listen"),
    ("rest.listen", "address of the REST interface"),
    (
        "rest.cors_origins",
        "origins that a browser may call from; not set: * on dev networks, else none",
    ),
    ("rest.v1_default_channel", "channel of requests of /api/v1 that name none"),
    ("rest.response_code", "type of response_code in v1's GET /transactions: int or string"),
    ("rest.v1", "whether /api/v1 is served: auto (on dev networks), on or off"),
    ("rest.docs", "whether /docs and /api/openapi.json are served"),
    ("rest.rate_limit_per_second", "requests a second of one certificate, else of one address"),
    ("rest.rate_limit_burst", "requests at once of the same"),
    ("rest.body_limit", "largest body of a request"),
    ("rest.bulk_limit", "largest body of transactions/bulk"),
    ("rest.header_timeout", "how long the head of a request may take, from its first byte"),
    ("rest.body_timeout", "how long a body may take, from the end of its head"),
    ("rest.idle_timeout", "how long a connection may wait between requests"),
    ("rest.write_timeout", "how long a client may take nothing of its answer"),
    ("rest.connections", "connections of all clients"),
    ("rest.connections_per_address", "connections of one address"),
    ("rest.trusted_proxies", "addresses of proxies whose X-Forwarded-For is believed"),
    ("ops.listen", "address of metrics and health"),
    (
        "ops.admin_socket",
        "unix socket of the operator, mode 0600; empty: admin.sock in the data folder",
    ),
    ("tls.certificate", "certificate of the transport, ECDSA P-256"),
    ("tls.key", "its key, PKCS#8, mode 0600"),
    ("tls.trust", "root certificates, or folders of them"),
    ("signing.certificate", "certificate of the key that signs votes and transactions, Ed25519"),
    ("signing.key", "that key, PKCS#8, mode 0600"),
    ("gateway.certificate", "certificate of the client that signs for clients of /api/v1"),
    ("gateway.key", "its key, PKCS#8, mode 0600"),
    ("radiostation.targets", "host:port of each RadioStation; for discovery only"),
    ("channels.dir", "folder of NAME.genesis files; a new one is taken up while running"),
    ("channels.join", "names of channels to join; * is each whose genesis names this node"),
    ("plugins.dir", "folder of consensus rules and SCOREs; watched"),
    ("scores.sandbox", "how processes of SCOREs are confined: strict, or basic under a dev CA"),
    ("renewal.command", "program and arguments that renew a certificate; empty: a person does it"),
    ("storage.durability", "full: on disk before anything is said; os is for a dev CA only"),
    ("storage.cache", "memory of the databases, shared out over the channels"),
    ("store.segment", "from this size on a file of lines is followed by another one"),
    ("store.keep", "size of all files together; the oldest goes"),
    ("store.keep_time", "age of a file's last line; older ones go"),
    ("proxy.peers", "http://HOST:PORT of the REST interface of each peer"),
    ("proxy.radiostations", "http://HOST:PORT of RadioStations whose signed directory names peers"),
    ("proxy.trust", "root certificates, or folders of them, by which that directory is judged"),
    ("proxy.cache", "bytes of final blocks and transactions that are kept; \"0 B\" keeps none"),
    ("log.level", "error, warn, info, debug or trace, or targets (info,host_rpc=debug)"),
    ("log.format", "pretty, json, or auto: pretty on a terminal"),
    ("log.collector", "host:port of a log collector; empty: lines go to stderr only"),
    (
        "log.collector_name",
        "ORG/NAME in the collector's certificate; empty: log-collector of this organisation",
    ),
];

/// Settings that are left out of a default.
const WITHOUT_DEFAULT: &[(&str, &[&str])] = &[
    ("gateway.certificate", &["peer.toml"]),
    ("gateway.key", &["peer.toml"]),
    ("rest.cors_origins", &["peer.toml", "radiostation.toml", "proxy.toml"]),
];

/// A setting: what it is for, and in which files it stands with which default.
#[derive(Debug, Default)]
struct Setting {
    meaning: &'static str,
    files: BTreeMap<&'static str, Option<String>>,
}

/// All settings of processes by name.
fn all() -> BTreeMap<String, Setting> {
    let mut settings: BTreeMap<String, Setting> = BTreeMap::new();
    for (file, defaults) in [
        ("peer.toml", toml::Table::try_from(PeerConfig::default())),
        ("radiostation.toml", toml::Table::try_from(RadioStationConfig::default())),
        ("proxy.toml", toml::Table::try_from(ProxyConfig::default())),
        ("log-collector.toml", toml::Table::try_from(LogCollectorConfig::default())),
    ] {
        for (name, default) in leaves("", &defaults.unwrap_or_default()) {
            settings.entry(name).or_default().files.insert(file, Some(default));
        }
    }
    for (name, files) in WITHOUT_DEFAULT {
        let setting = settings.entry((*name).to_owned()).or_default();
        setting.files.extend(files.iter().map(|file| (*file, None)));
    }
    for (name, meaning) in PROCESSES {
        settings.entry((*name).to_owned()).or_default().meaning = meaning;
    }
    settings
}

/// Names with dots and their values as they are written; an empty table is a value.
fn leaves(prefix: &str, table: &toml::Table) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (key, value) in table {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            toml::Value::Table(inner) if !inner.is_empty() => found.extend(leaves(&name, inner)),
            value => found.push((name, value.to_string())),
        }
    }
    found
}

/// Explains one, or all of a section.
pub(super) fn explain(name: &str, out: Out) -> Result<(), Failure> {
    let settings = all();
    let section = format!("{name}.");
    let wanted: Vec<_> = settings
        .iter()
        .filter(|(key, _)| key.as_str() == name || key.starts_with(&section))
        .collect();
    if wanted.is_empty() {
        return Err(unknown(name, settings.keys().map(String::as_str)));
    }
    let (mut documents, mut lines) = (Vec::new(), Vec::new());
    for (key, setting) in wanted {
        let variable = format!("LOOPCHAIN_{}", key.replace('.', "__").to_uppercase());
        lines.push(format!("{key}  {}", setting.meaning));
        for (file, default) in &setting.files {
            let default = default.as_deref().unwrap_or("none");
            lines.push(format!("  {file:<20} default {default}"));
        }
        lines.push(format!("  also as              {variable}, --set {key}=VALUE"));
        documents.push(json!({
            "setting": key,
            "meaning": setting.meaning,
            "defaults": setting.files,
            "variable": variable,
        }));
    }
    out.either(&json!({"schema": "loopchain.explain-setting.v1", "settings": documents}), lines);
    Ok(())
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let failure = Failure::new(Code::NotFound, format!("there is nothing to explain as `{name}`"));
    match nearest(name, known) {
        Some(meant) => failure.with_help(format!("did you mean `{meant}`?")),
        None => failure.with_help(
            "write an error code (LC1104), a setting (rest.listen) or exit-codes; \
             `loopchain explain` lists all codes",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_meaning_and_a_file() {
        for (name, setting) in all() {
            assert!(!setting.meaning.is_empty(), "{name} has no line in PROCESSES");
            assert!(!setting.files.is_empty(), "{name} is a setting of no file");
        }
    }

    #[test]
    fn a_setting_a_section_and_a_slip_of_the_pen() {
        assert!(explain("rest.body_limit", Out::machine()).is_ok());
        assert!(explain("storage", Out::machine()).is_ok());
        let failure = explain("rest.bodylimit", Out::machine()).unwrap_err();
        assert_eq!(failure.exit(), 3);
        assert_eq!(failure.to_json()["error"]["help"][0], "did you mean `rest.body_limit`?");
        let default = &all()["rest.body_limit"].files["peer.toml"];
        assert_eq!(default.as_deref(), Some("\"256 KiB\""));
    }
}
