//! JSON of the command line: every document has a name, and its keys are the committed ones.
//!
//! In: commands over a running network and over files, with `--json`. Out: a failure with what differs from
//! `schemas.txt` beside this file; `LOOPCHAIN_BLESS=1` writes it anew. Keys may be added; one that goes, or
//! a name that changes, is another version of that document. Deliberately not here: values.

use crate::{NETWORK, sample};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tests::network::Said;

/// After a change that was decided.
const BLESS: &str = "LOOPCHAIN_BLESS";
/// Of documents that depend on the machine or take long, the keys are tested where they are made.
const COMMANDS: &[&str] = &[
    "ps",
    "status",
    "version",
    "explain",
    "explain LC1104",
    "explain rest",
    "explain exit-codes",
    "man",
    "man tx send",
    "man --out pages",
    "doctor",
    "keys list",
    "channel list",
    "channel show",
    "channel epochs",
    "channel plan channels.toml",
    "channel export",
    "channel check channels.toml",
    "channel create other --out other.toml",
    "score list",
    "score show token",
    "score show token --peers",
    "tx send token transfer to=carol amount=1",
    "tx list",
    "query token.balance_of who=carol",
    "block get latest",
    "block verify latest",
    "event list",
    "event watch --types block --from 0 --limit 1",
    "audit evidence",
    "audit verify --peer peer0",
    "audit trail --peer peer0",
    "replay --height 1",
    "ca init bank-x --dir ca --no-password",
    "ca list --dir ca",
    "ca crl --dir ca",
    "cert request --name a --org bank-x --role client --out a --no-password",
    "ca sign a/request.pem --dir ca --role client --out a.pem",
    "testnet init --peers 4 --channels a,b --out net --no-password",
    "cert show net/bank-a/peer0/pki/sign.crt",
    "cert check net/bank-a/peer0/pki/sign.crt",
    "cert verify net/bank-a/peer0/pki",
];

/// Name and keys of the one document on stdout.
fn document(command: &str, said: &Said) -> (String, BTreeSet<String>) {
    assert!([0, 7].contains(&said.code), "{command}: {said:?}");
    let mut stream = serde_json::Deserializer::from_str(&said.stdout).into_iter::<Value>();
    let value = stream.next().and_then(Result::ok);
    let value = value.unwrap_or_else(|| panic!("{command}: no document: {said:?}"));
    assert!(stream.next().is_none(), "{command}: more than one document: {said:?}");
    assert!(!said.stdout.contains('\u{1b}'), "{command}: colour in JSON");
    let fields = value.as_object().unwrap_or_else(|| panic!("{command}: {value}"));
    let name = fields["schema"].as_str().unwrap_or_default().to_owned();
    let is_named = name.strip_prefix("loopchain.").is_some_and(|rest| rest.ends_with(".v1"));
    assert!(is_named, "{command}: schema {name:?}");
    (name, fields.keys().filter(|key| *key != "schema").cloned().collect())
}

#[test]
fn every_json_document_has_a_name_and_the_committed_keys() {
    let network = NETWORK.lease(sample);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for command in COMMANDS {
        let words: Vec<_> = command.split(' ').chain(["--json"]).collect();
        let (name, keys) = document(command, &network.cli(&words));
        found.entry(name).or_default().extend(keys);
    }
    let mut text = String::new();
    for (name, keys) in &found {
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        text.push_str(&format!("{name}: {}\n", keys.join(" ")));
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/schemas.txt");
    if std::env::var_os(BLESS).is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, committed, "{BLESS}=1 writes {} anew", path.display());
}

#[test]
fn data_goes_to_stdout_notes_to_stderr_and_colour_only_where_it_is_wanted() {
    let network = NETWORK.lease(sample);
    let plain = network.cli(&["status"]);
    assert!(
        plain.code == 0 && !plain.stdout.contains('\u{1b}') && plain.stderr.is_empty(),
        "{plain:?}"
    );
    let always = network.cli(&["status", "--color", "always"]);
    assert!(always.stdout.contains("\u{1b}[32m"), "{always:?}");
    let failed = network.cli(&["tx", "get", &"0".repeat(64), "--json"]);
    assert_eq!((failed.code, failed.stdout.as_str()), (3, ""), "{failed:?}");
    let error: Value = serde_json::from_str(&failed.stderr).unwrap();
    let keys: Vec<_> = error["error"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["code", "help", "message", "request_id", "retryable"], "{error}");
    let forced = |name: &str| {
        let mut command = std::process::Command::new(sample().program);
        tests::network::clean(&mut command);
        command.args(["status", "--data"]).arg(network.data()).env(name, "1");
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(forced("CLICOLOR_FORCE").contains("\u{1b}[32m"));
    assert!(!forced("NO_COLOR").contains('\u{1b}'));
}
