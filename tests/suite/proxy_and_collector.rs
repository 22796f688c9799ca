//! What `up` starts beside the members of a network: the proxy and the log collector, killed, started again,
//! left out, and stopped with the rest.

use crate::sample;
use serde_json::Value;
use std::net::TcpListener;
use std::time::Duration;
use tests::network::CHANNEL;
use tests::{Network, eventually, http, process};

/// Debug processes on a machine that is compiling besides.
const WITHIN: Duration = Duration::from_secs(30);

fn proxy(network: &Network) -> String {
    format!("http://127.0.0.1:{}", network.base_port() - 2_100)
}

fn height(network: &Network) -> Option<u64> {
    let url = format!("{}/api/v2/channels/{CHANNEL}", proxy(network));
    let answer = http::exchange("GET", &url, &[], None).ok()?;
    (answer.status == 200).then(|| answer.json()["height"].as_u64())?
}

/// One of them as `ps` tells it.
fn told(network: &Network, name: &str) -> Option<Value> {
    let all = network.cli_json(&["ps"])["processes"].as_array().unwrap().clone();
    all.into_iter().find(|one| one["name"] == name)
}

/// Lines that the collector keeps of whom with what.
fn kept(network: &Network, wishes: &[&str]) -> Vec<Value> {
    let home = network.data().join("log-collector").display().to_string();
    let words = ["log-collector", "query", "--home", &home, "--json"];
    let said = network.cli(&[&words, wishes].concat());
    assert_eq!(said.code, 0, "{said:?}");
    said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_proxy_and_the_log_collector_run_beside_the_members_and_stop_with_them() {
    let mut network = Network::up(sample().with_helpers());
    let base = network.base_port();
    let helpers = network.document["helpers"].as_array().unwrap();
    assert_eq!(
        helpers.iter().map(|one| &one["name"]).collect::<Vec<_>>(),
        ["proxy", "log-collector"]
    );
    let one = told(&network, "proxy").unwrap();
    assert_eq!((&one["role"], &one["rest"]), (&"proxy".into(), &proxy(&network).into()), "{one}");
    assert_eq!((&one["rpc"], &one["organisation"]), (&Value::Null, &Value::Null), "{one}");
    let one = told(&network, "log-collector").unwrap();
    let rpc = format!("127.0.0.1:{}", base + 17_124);
    assert_eq!((&one["role"], &one["rpc"]), (&"log-collector".into(), &rpc.into()), "{one}");
    assert!(height(&network).is_some(), "it answers when `up` says so");
    let mut sources: Vec<_> = eventually(WITHIN, "the start of every peer is kept", || {
        let found = kept(&network, &["--grep", "peer.started"]);
        (found.len() == 4).then_some(found)
    })
    .iter()
    .map(|line| line["of"].as_str().unwrap().to_owned())
    .collect();
    sources.sort();
    assert_eq!(sources, ["bank-a/peer0", "bank-b/peer1", "exchange/peer2", "registrar/peer3"]);

    for name in ["proxy", "log-collector"] {
        let pid = told(&network, name).unwrap()["pid"].as_u64().unwrap();
        process::signal("KILL", &[pid.try_into().unwrap()]);
        network.said_line(&format!("{name} runs again"), WITHIN);
        assert_eq!(told(&network, name).unwrap()["restarts"], 1, "{name}");
        let logs = network.cli(&["logs", name, "--json"]);
        assert_eq!(logs.code, 0, "{logs:?}");
        assert!(logs.stdout.lines().count() > 0, "{name} has a log");
    }
    eventually(WITHIN, "the proxy answers again", || height(&network));
    assert_eq!(network.cli(&["tx", "send", "token", "transfer", "to=bob", "amount=1"]).code, 0);

    let pids = network.pids();
    assert!(pids.len() >= 8, "up, four peers, RadioStation, proxy, collector: {pids:?}");
    assert_eq!(network.cli(&["down"]).code, 0);
    assert!(network.wait_for_end().success());
    let alive: Vec<_> = pids.iter().filter(|pid| process::is_alive(**pid)).collect();
    assert!(alive.is_empty(), "{alive:?}");
    assert!(told(&network, "proxy").is_none(), "what does not run is no part of the network");
    let stopped = kept(&network, &["--grep", "peer.stopped"]);
    assert_eq!(stopped.len(), 4, "the collector stops last: {stopped:?}");
}

#[test]
fn a_port_that_is_taken_leaves_one_out_and_a_network_without_them_is_the_same() {
    let mut network = Network::prepared(sample().with_helpers());
    let held = TcpListener::bind(("127.0.0.1", network.base_port() - 2_100)).unwrap();
    network.start();
    let said = network.said();
    assert!(said.contains("! proxy is left out: 127.0.0.1:"), "{said}");
    assert!(told(&network, "proxy").is_none() && told(&network, "log-collector").is_some());
    assert!(network.interrupt().success());
    drop(held);
    let genesis = std::fs::read(network.data().join("channels/demo.genesis")).unwrap();
    network.start();
    assert!(told(&network, "proxy").is_some(), "the next start has it");
    assert_eq!(std::fs::read(network.data().join("channels/demo.genesis")).unwrap(), genesis);
}
