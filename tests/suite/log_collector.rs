//! Peers that ship their log lines to a collector of its own process, which dies and comes back.

use crate::{keys, sample};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tests::network::Beside;
use tests::{Network, eventually, ports};

const WITHIN: Duration = Duration::from_secs(20);
const PEERS: [&str; 4] = ["bank-a/peer0", "bank-b/peer1", "exchange/peer2", "registrar/peer3"];

fn home(network: &Network) -> PathBuf {
    network.data().join("log-collector")
}

fn collector(network: &Network, address: &str) -> Beside {
    let (home, listen) = (home(network).display().to_string(), format!("listen={address}"));
    let small = "store.segment=8 KiB";
    let folder = PathBuf::from(&home).join("data");
    let started = network.beside(
        "collector",
        &["log-collector", "run", "--home", &home, "--set", &listen, "--set", small],
    );
    eventually(WITHIN, "it has a folder for its lines", || folder.is_dir().then_some(()));
    started
}

fn query(network: &Network, wishes: &[&str]) -> Vec<Value> {
    let home = home(network).display().to_string();
    let all: Vec<_> = ["log-collector", "query", "--home", &home, "--json"]
        .into_iter()
        .chain(wishes.iter().copied())
        .collect();
    let said = network.cli(&all);
    assert_eq!(said.code, 0, "{said:?}");
    said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn pay(network: &Network) {
    let sent = network.cli(&["tx", "send", "token", "transfer", "to=carol", "amount=1"]);
    assert_eq!(sent.code, 0, "{sent:?}");
}

/// Lines of one peer that contain a text.
fn lines(network: &Network, peer: &str, text: &str) -> usize {
    query(network, &["--peer", peer, "--grep", text]).len()
}

#[test]
fn lines_of_all_peers_are_kept_once_and_a_killed_collector_stops_nobody() {
    let address = format!("127.0.0.1:{}", ports::single());
    let options = sample()
        .with("--set")
        .with(&format!("log.collector={address}"))
        .with("--set")
        .with("log.level=debug");
    // Nobody listens yet: the network gets ready all the same.
    let network = Network::up(options);
    let first = collector(&network, &address);
    for peer in PEERS {
        eventually(WITHIN, "its first line is there", || {
            (lines(&network, peer, "peer.started") == 1).then_some(())
        });
    }
    drop(first);
    let before = network.height(0, "demo").unwrap();
    for _ in 0..3 {
        pay(&network);
    }
    assert!(network.height(0, "demo").unwrap() > before, "blocks come without a collector");
    let metrics = |peer: u16| {
        let port = network.base_port() + peer * 100 + 1_950;
        tests::http::get(&format!("http://127.0.0.1:{port}/metrics")).body
    };
    eventually(WITHIN, "lines wait", || {
        metrics(0).lines().find(|line| *line == "loopchain_log_lines_dropped_total 0").map(|_| ())
    });
    let _second = collector(&network, &address);
    eventually(WITHIN, "what waited is there", || {
        let shipped = metrics(0);
        shipped.lines().any(|line| line == "loopchain_log_lines_waiting 0").then_some(())
    });
    pay(&network);

    let records = query(&network, &[]);
    records.iter().for_each(|record| keys::hold("log-collector query", record));
    let mut next: BTreeMap<(String, String), u64> = BTreeMap::new();
    for record in records.iter().filter(|record| record["seq"].is_u64()) {
        let text = |key: &str| record[key].as_str().unwrap().to_owned();
        let place = next.entry((text("of"), text("run"))).or_default();
        assert_eq!(record["seq"].as_u64(), Some(*place), "each once and in order: {record}");
        *place += 1;
    }
    assert_eq!(next.len(), 4, "four peers, one run each: {next:?}");
    verified_and_then_broken(&network);
}

fn verified_and_then_broken(network: &Network) {
    let home = home(network).display().to_string();
    let verify = || network.cli(&["log-collector", "query", "--home", &home, "--verify", "--json"]);
    let said = verify();
    keys::hold("log-collector query", &said.json());
    assert_eq!((said.code, &said.json()["broken"]), (0, &Value::Null), "{said:?}");
    assert!(said.json()["files"].as_u64().unwrap() > 2, "{said:?}");
    let second = std::path::Path::new(&home).join("data/000000000002.ndjson");
    let text = std::fs::read_to_string(&second).unwrap();
    std::fs::write(&second, text.replacen("\"level\":\"", "\"level\": \"", 1)).unwrap();
    let said = verify();
    assert_eq!((said.code, said.json()["broken"]["number"].as_u64()), (7, Some(2)), "{said:?}");
    let plain = network.cli(&["log-collector", "query", "--home", &home, "--verify"]);
    assert!(plain.stdout.starts_with("✗ file 2 is broken: "), "{plain:?}");
}

#[test]
fn logs_of_a_local_network_are_searched_by_time_name_level_and_text() {
    let network = crate::NETWORK.lease(sample);
    let logs = |wishes: &[&str]| {
        let all: Vec<_> = ["logs", "--json"].into_iter().chain(wishes.iter().copied()).collect();
        let said = network.cli(&all);
        assert_eq!(said.code, 0, "{said:?}");
        said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let started = logs(&["--grep", "peer.started", "--since", "1h"]);
    let mut names: Vec<_> = started.iter().filter_map(|line| line["of"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["peer0", "peer1", "peer2", "peer3"]);
    let of_bank_b = logs(&["--grep", "peer.started", "--peer", "bank-b/*"]);
    assert_eq!(of_bank_b.iter().map(|line| &line["of"]).collect::<Vec<_>>(), ["peer1"]);
    assert_eq!(logs(&["--grep", "peer.started", "--level", "error"]).len(), 0);
    assert_eq!(logs(&["--grep", "peer.started", "--until", "1h"]).len(), 0);
    let wrong = network.cli(&["logs", "--since", "yesterday"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
}
