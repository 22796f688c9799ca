//! JSON of the command line: every command has a committed list of the keys of what it prints
//! (`schemas.txt`), or a reason why not (`schemas-none.txt`).
//!
//! In: commands over a running network and over files, with `--json`. Out: a failure with what differs.
//! Commands that change what others share are run by `schemas_of_changes.rs`. Deliberately not here: values.

use crate::{NETWORK, keys, sample};
use clap::CommandFactory;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use tests::Network;
use tests::network::{Said, clean};

/// Commands without a list, one a line: `COMMAND: REASON`.
const REASONS: &str = include_str!("schemas-none.txt");
/// Commands whose documents other tests hand to [`keys::hold`], with the file of each.
const ELSEWHERE: &[(&str, &str)] = &[
    ("cert register", include_str!("isolation.rs")),
    ("cert revoke", include_str!("radiostation.rs")),
    ("log-collector query", include_str!("log_collector.rs")),
];
/// Run one after the other in the folder of a network. Words in capitals stand for what commands before
/// them said ([`Reader`]).
const COMMANDS: &[&str] = &[
    "ps",
    "status",
    "version",
    "explain",
    "explain LC1104",
    "explain rest",
    "explain exit-codes",
    "completions bash",
    "man",
    "man tx send",
    "man --out pages",
    "doctor",
    "keys list",
    "logs --grep peer.started",
    "down --data nowhere",
    "channel list",
    "channel show",
    "channel epochs",
    "channel plan channels.toml",
    "channel export",
    "channel check channels.toml",
    "channel create other --out other.toml",
    "channel import channel_manage_data.json",
    "config import conf.json",
    "score list",
    "score show token",
    "score show token --peers",
    "score new guestbook --sdk SOURCE",
    "score build HELLO",
    "score check HELLO",
    "score test HELLO --match-test no_such_test",
    "tx send token transfer to=carol amount=1",
    "tx get HASH",
    "tx get HASH --proof",
    "tx get HASH --journey",
    "tx get HASH --receipt receipt.json",
    "tx wait HASH",
    "tx verify HASH --proof receipt.json",
    "verify receipt.json",
    "tx list",
    "query token.balance_of who=carol",
    "block get latest",
    "block verify latest",
    "event list",
    "event watch --types block --from 0 --limit 1",
    "event watch --types tx --from 0 --limit 1",
    "event watch --types score --score token --from 0 --limit 1",
    "audit evidence",
    "audit verify --peer peer0",
    "audit trail --peer peer0",
    "audit report --out report --identity auditor",
    "audit check report",
    "replay --height 1",
    "score rehearse token --with token@0.1.0 --blocks 2",
    "radiostation peers --home data/radiostation",
    "ca init bank-x --dir ca --no-password",
    "ca network --dir ca --name test",
    "ca invite --role client --name b --dir ca",
    "ca import --root ca/root.crt --key ca/root.key --dir moved --no-password",
    "cert request --name a --org bank-x --role client --out a --no-password",
    "ca sign a/request.pem --dir ca --role client --out a.pem",
    "cert install a.pem --dir a --fingerprint ROOT",
    "cert renew --dir a",
    "ca sign a/request.pem --dir ca --role client --out a2.pem",
    "cert renew --dir a --certificates a2.pem",
    "ca revoke a --dir ca",
    "ca list --dir ca",
    "ca crl --dir ca",
    "testnet init --peers 4 --channels a,b --out net --no-password",
    "peer init --home new-peer --network net/network.toml --org bank-a --name new --no-password",
    "ca sign new-peer/pki/request.pem --role validator --dir net/bank-a/ca --out new.pem",
    "peer init --home new-peer --certificates new.pem --no-password",
    "radiostation init --home new-station --network net/network.toml --org bank-a \
     --name radiostation --no-password",
    "ca sign new-station/pki/request.pem --role radiostation --dir net/bank-a/ca --out station.pem",
    "radiostation init --home new-station --certificates station.pem --no-password",
    "channel genesis net/channels.toml --network net/network.toml --out net/bank-a/peer0/channels \
     --plugins net/bank-a/peer0/plugins MEMBERS",
    "cert show net/bank-a/peer0/pki/sign.crt",
    "cert check net/bank-a/peer0/pki/sign.crt",
    "cert verify net/bank-a/peer0/pki",
    "bench floor --samples 2",
];

/// Words of every command without subcommands.
pub(crate) fn leaves() -> BTreeSet<String> {
    fn walk(command: &clap::Command, path: &str, found: &mut BTreeSet<String>) {
        if !command.has_subcommands() {
            found.insert(path.to_owned());
        }
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            walk(sub, format!("{path} {}", sub.get_name()).trim_start(), found);
        }
    }
    let mut found = BTreeSet::new();
    walk(&host_cli::args::Cli::command(), "", &mut found);
    found
}

/// The command that a line begins with.
fn command_of<'a>(leaves: &'a BTreeSet<String>, line: &str) -> &'a str {
    let is_it = |leaf: &&String| line == *leaf || line.starts_with(&format!("{leaf} "));
    leaves.iter().find(is_it).unwrap_or_else(|| panic!("`{line}` is no command"))
}

/// Somebody who types commands and keeps what they said for the next ones.
pub(crate) struct Reader<'a> {
    network: &'a Network,
    leaves: BTreeSet<String>,
    words: BTreeMap<String, String>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(network: &'a Network) -> Self {
        Self { network, leaves: leaves(), words: BTreeMap::new() }
    }

    /// What a word in capitals stands for from now on.
    pub(crate) fn knows(&mut self, word: &str, meaning: impl Into<String>) {
        self.words.insert(word.to_owned(), meaning.into());
    }

    fn run(&self, words: &[&str]) -> Said {
        let mut command = Command::new(sample().program);
        clean(&mut command);
        command.args(words).current_dir(self.network.folder()).stdin(Stdio::null());
        let output = command.env("CARGO_BUILD_BUILD_DIR", compiled()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap_or(255);
        Said { code, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Runs a line with `--json`, checks the keys of its documents and gives the last one.
    pub(crate) fn types(&mut self, line: &str) -> Value {
        let mut words = Vec::new();
        for word in line.split_whitespace() {
            let meaning = self.words.get(word).map_or(word, String::as_str);
            words.extend(meaning.split_whitespace().map(str::to_owned));
        }
        words.push("--json".to_owned());
        if !words.iter().any(|word| word == "--data") {
            words.extend(["--data".to_owned(), self.network.data().display().to_string()]);
        }
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let said = self.run(&words);
        let documents = documents(line, &said);
        let command = command_of(&self.leaves, line);
        // What follows something prints any number, everything else one.
        let is_stream = ["logs", "event watch", "score watch"].contains(&command);
        assert!(is_stream || documents.len() == 1, "{line}: not one document: {said:?}");
        documents.iter().for_each(|document| keys::hold(command, document));
        documents.last().unwrap_or_else(|| panic!("{line}: no document: {said:?}")).clone()
    }
}

/// Where the tests of SCOREs are compiled, as for a reader of the documents (`readme.rs`).
fn compiled() -> std::path::PathBuf {
    crate::readme::target().join("of-readers")
}

fn documents(line: &str, said: &Said) -> Vec<Value> {
    assert!([0, 7].contains(&said.code), "{line}: {said:?}");
    assert!(!said.stdout.contains('\u{1b}'), "{line}: colour in JSON");
    let stream = serde_json::Deserializer::from_str(&said.stdout).into_iter::<Value>();
    stream.map(|one| one.unwrap_or_else(|error| panic!("{line}: {error}: {said:?}"))).collect()
}

/// Files that some of the commands read.
fn prepare(folder: &Path) {
    fs::write(folder.join("conf.json"), r#"{"PORT_PEER": 7200}"#).unwrap();
    let old = r#"{"channel1": {"score_package": "user/contract"}}"#;
    fs::write(folder.join("channel_manage_data.json"), old).unwrap();
}

#[test]
fn every_json_document_has_a_name_and_the_committed_keys() {
    let network = NETWORK.lease(sample);
    keys::hold("up", &network.document);
    prepare(network.folder());
    let source = score_native_link::build::source_tree().unwrap().display().to_string();
    let mut reader = Reader::new(&network);
    reader.knows("HELLO", format!("{source}/examples/hello-score"));
    reader.knows("SOURCE", source);
    let members = ["bank-a/peer0", "bank-b/peer1", "exchange/peer2", "registrar/peer3"];
    let members = members.iter().flat_map(|peer| {
        let org = peer.split('/').next().unwrap_or_default();
        [format!("--member net/{peer}/pki/sign.crt --member net/{org}/operator/sign.crt")]
    });
    reader.knows("MEMBERS", members.collect::<Vec<_>>().join(" "));
    for line in COMMANDS {
        let document = reader.types(line);
        for (word, key) in [("HASH", "hash"), ("ROOT", "fingerprint")] {
            if let Some(text) = document[key].as_str() {
                reader.knows(word, text);
            }
        }
    }
}

/// Reasons by command.
fn reasons() -> BTreeMap<&'static str, &'static str> {
    let lines =
        REASONS.lines().map(|line| line.split_once(": ").unwrap_or_else(|| panic!("{line}")));
    lines.collect()
}

#[test]
fn every_command_has_a_list_of_keys_or_a_reason() {
    let leaves = leaves();
    let listed: BTreeSet<_> = keys::listed().into_keys().map(|(command, _)| command).collect();
    let reasons = reasons();
    let is_told = |leaf: &&String| listed.contains(*leaf) || reasons.contains_key(leaf.as_str());
    let silent: Vec<_> = leaves.iter().filter(|leaf| !is_told(leaf)).collect();
    assert!(silent.is_empty(), "neither in schemas.txt nor in schemas-none.txt: {silent:?}");
    for command in listed.iter().map(String::as_str).chain(reasons.keys().copied()) {
        assert!(leaves.contains(command), "`{command}` is no command any more");
    }
    let both: Vec<_> = reasons.keys().filter(|command| listed.contains(**command)).collect();
    assert!(both.is_empty(), "a list and a reason: {both:?}");
    assert!(reasons.values().all(|reason| reason.len() > 20), "a reason says why");
}

#[test]
fn every_list_is_of_a_command_that_a_test_runs() {
    let leaves = leaves();
    let typed = COMMANDS.iter().chain(crate::schemas_of_changes::COMMANDS);
    let mut run: BTreeSet<_> = typed.map(|line| command_of(&leaves, line)).collect();
    run.insert("up");
    for (command, source) in ELSEWHERE {
        assert!(source.contains(&format!("keys::hold(\"{command}\"")), "`{command}`");
        run.insert(command);
    }
    for (command, name) in keys::listed().into_keys() {
        assert!(run.contains(command.as_str()), "no test looks at {name} of `{command}`");
    }
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
