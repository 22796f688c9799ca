//! The life of a channel on peers that run: created, joined, left with its data kept and with its data
//! deleted, joined again, dropped; another channel commits all the while.

use crate::sample;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use tests::load::Writers;
use tests::network::{CHANNEL, Said};
use tests::{Network, eventually};

/// Debug processes on a machine that is compiling besides.
const WITHIN: Duration = Duration::from_secs(60);
/// The channel whose life it is.
const LATE: &str = "late-one";

fn home(network: &Network, peer: u16) -> PathBuf {
    network.data().join(format!("peers/peer{peer}"))
}

fn data(network: &Network, peer: u16) -> PathBuf {
    home(network, peer).join("data/channels").join(LATE)
}

fn metrics(network: &Network, peer: u16) -> String {
    format!("http://127.0.0.1:{}/metrics", network.base_port() + 100 * peer + 1950)
}

/// Runs a command of an operator at a peer.
fn said(network: &Network, peer: u16, words: &[&str]) -> Said {
    let home = home(network, peer).display().to_string();
    let line = [&["peer"], words, &["--home", &home, "--json"]].concat();
    network.cli(&line)
}

fn operate(network: &Network, peer: u16, words: &[&str]) -> Value {
    let said = said(network, peer, words);
    assert_eq!(said.code, 0, "{words:?} at peer{peer}: {said:?}");
    said.json()
}

/// Sends a transaction that becomes final.
fn pay(network: &Network, what: u32) {
    let data = format!("data=document {what}");
    let sent = network.cli_json(&["tx", "send", "notary", "record", &data, "--channel", LATE]);
    assert_eq!(sent["receipt"]["status"], "ok", "{sent}");
}

/// Waits until a peer has what peer 0 has.
fn same_as_first(network: &Network, peer: u16) {
    eventually(WITHIN, &format!("peer{peer} has the channel as peer0 has it"), || {
        let tip = |peer| {
            let state = network.channel(peer, LATE)?;
            Some((state["height"].as_u64()?, state["block_hash"].as_str()?.to_owned()))
        };
        (tip(0)? == tip(peer)?).then_some(())
    });
}

fn is_unknown(network: &Network, peer: u16) {
    let [left, never] = [LATE, "never-made"].map(|name| {
        let answer = network.get(peer, &format!("/api/v2/channels/{name}"));
        assert_eq!((answer.status, answer.code().as_str()), (404, "LC3205"));
        answer.json()["detail"].as_str().unwrap_or_default().replace(name, "NAME")
    });
    assert_eq!(left, never);
    let list = network.get(peer, "/api/v2/channels").json().to_string();
    assert!(!list.contains(LATE), "{list}");
}

#[test]
fn a_channel_is_created_joined_left_and_dropped_while_another_commits() {
    let network = Network::up(sample());
    let writers = Writers::start(&network);
    let file = network.folder().join("channels.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    let lines = format!("{before}\n[channel.{LATE}]\n[channel.{LATE}.score.notary]\n");
    std::fs::write(&file, lines).unwrap();
    for peer in 0..4 {
        eventually(WITHIN, "every peer has taken it up", || network.channel(peer, LATE));
    }
    let first = ["tx", "send", "notary", "record", "data=document 1", "--channel", LATE];
    eventually(WITHIN, "its SCORE is active", || (network.cli(&first).code == 0).then_some(()));

    left_with_its_data_and_joined_again(&network);
    left_without_its_data_and_joined_again(&network);
    // Before a peer dies, which its own clients notice.
    assert_eq!(writers.missed(), 0, "a client of the other channel was refused");
    left_over_a_restart(&network);

    // The other channel neither stopped nor lost anything.
    let height = network.height(0, CHANNEL).unwrap();
    eventually(WITHIN, "the other channel goes on", || {
        (0..4)
            .all(|peer| network.height(peer, CHANNEL).is_some_and(|now| now > height))
            .then_some(())
    });
    assert!(writers.stop().iter().all(|ids| !ids.is_empty()));

    for peer in 0..4 {
        let dropped = operate(&network, peer, &["leave", LATE, "--delete-data", "--yes"]);
        assert_eq!(dropped["deleted"], true);
        is_unknown(&network, peer);
    }
}

fn left_with_its_data_and_joined_again(network: &Network) {
    let left = operate(network, 3, &["leave", LATE, "--keep-data"]);
    assert_eq!((&left["left"], &left["deleted"]), (&true.into(), &false.into()), "{left}");
    is_unknown(network, 3);
    assert!(data(network, 3).is_dir());
    let metrics = tests::http::get(&metrics(network, 3)).body;
    assert!(metrics.contains(CHANNEL) && !metrics.contains(LATE), "{metrics}");
    pay(network, 2);

    let joined = operate(network, 3, &["join", LATE]);
    assert_eq!(joined["joined"], true, "{joined}");
    assert!(joined["height"].as_u64() > Some(0), "it goes on from its data: {joined}");
    same_as_first(network, 3);
    let again = operate(network, 3, &["join", LATE]);
    assert_eq!(again["joined"], false, "{again}");
}

fn left_without_its_data_and_joined_again(network: &Network) {
    let asked = said(network, 2, &["leave", LATE, "--delete-data"]);
    assert_eq!((asked.code, asked.error().as_str()), (2, "LC1001"), "{asked:?}");
    assert!(asked.stderr.contains("late-one (") && asked.stderr.contains(" files, "), "{asked:?}");
    assert!(network.channel(2, LATE).is_some() && data(network, 2).is_dir());

    let left = operate(network, 2, &["leave", LATE, "--delete-data", "--yes"]);
    assert!(left["deleted"] == true && left["bytes"].as_u64() > Some(0), "{left}");
    assert!(!data(network, 2).exists());
    is_unknown(network, 2);
    let twice = said(network, 2, &["leave", LATE, "--delete-data", "--yes"]);
    assert_eq!(twice.error(), "LC3205", "{twice:?}");
    pay(network, 3);

    operate(network, 2, &["join", LATE]);
    same_as_first(network, 2);
    // It votes: without another one there are three of four, which is the least.
    operate(network, 1, &["leave", LATE]);
    pay(network, 4);
    operate(network, 1, &["join", LATE]);
    same_as_first(network, 1);
}

/// A choice outlives the process; each call is in the log with its caller.
fn left_over_a_restart(network: &Network) {
    operate(network, 3, &["leave", LATE]);
    let pid = network.pid_of("peer3");
    tests::process::signal("KILL", &[pid]);
    eventually(WITHIN, "peer3 is back", || {
        (network.channel(3, CHANNEL).is_some() && network.pid_of("peer3") != pid).then_some(())
    });
    is_unknown(network, 3);
    operate(network, 3, &["join", LATE]);
    same_as_first(network, 3);
    let log = std::fs::read_to_string(network.data().join("logs/peer3.log")).unwrap();
    let called = log.lines().find(|line| line.contains("admin.call")).expect("a line about a call");
    assert!(
        called.contains("leave") && called.contains(LATE) && called.contains("uid"),
        "{called}"
    );
}
