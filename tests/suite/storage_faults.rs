//! Disks that fail under a running peer, by strace: the sign log stops all signing of the node, the
//! files of a channel stop that channel; others go on, and so does reading.

use crate::sample;
use std::path::PathBuf;
use std::time::Duration;
use tests::load::{Writers, longest_gap};
use tests::network::{CHANNEL, V1_CHANNEL};
use tests::tools::{Injection, is_there};
use tests::{Network, eventually, process};

const NOTICED_WITHIN: Duration = Duration::from_secs(20);
const BACK_WITHIN: Duration = Duration::from_secs(40);
const OTHERS_GO_ON: Duration = Duration::from_secs(3);

/// The newest file of a folder of a peer's data.
fn newest(network: &Network, peer: u16, folder: &str) -> PathBuf {
    let folder = network.data().join(format!("peers/peer{peer}/data")).join(folder);
    let files = std::fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path());
    files.max().unwrap_or_else(|| panic!("no file in {}", folder.display()))
}

fn mode(network: &Network, peer: u16, channel: &str) -> Option<String> {
    Some(network.channel(peer, channel)?["mode"].as_str()?.to_owned())
}

fn becomes(network: &Network, peer: u16, channel: &str, wanted: &str, within: Duration) {
    eventually(within, &format!("peer{peer} is {wanted} on {channel}"), || {
        (mode(network, peer, channel)? == wanted).then_some(())
    });
}

/// Signers of the last block as another peer tells them.
fn signers(network: &Network, asked: u16, channel: &str) -> Vec<String> {
    let block = network.get(asked, &format!("/api/v2/channels/{channel}/blocks/latest")).json();
    let list = block["proof"]["signers"].as_array().cloned().unwrap_or_default();
    list.iter().map(|signer| signer["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_failing_disk_stops_what_depends_on_it_and_nothing_else() {
    assert!(is_there("strace"), "this test needs strace (Debian: apt-get install strace)");
    let network = Network::up(sample());
    let writers = Writers::start(&network);
    a_sign_log_that_fails_stops_signing(&network);
    the_files_of_a_channel_halt_that_channel(&network);
    drop(writers.stop());
    network.agreed(V1_CHANNEL, BACK_WITHIN);
}

#[test]
fn a_lost_sign_log_signs_nothing_and_a_lost_database_is_rebuilt() {
    let network = Network::up(sample());
    let writers = Writers::start(&network);
    assert!(longest_gap(&network, &[0, 1, 2, 3], Duration::from_secs(2)) < OTHERS_GO_ON);
    // `up` starts it again after a second, with what is left of its data.
    let data = |peer: u16| network.data().join(format!("peers/peer{peer}/data"));
    process::signal("KILL", &[network.pid_of("peer3")]);
    std::fs::remove_dir_all(data(3).join("channels").join(CHANNEL).join("db")).unwrap();
    network.said_line("peer3 runs again", BACK_WITHIN);
    becomes(&network, 3, CHANNEL, "normal", BACK_WITHIN);
    let log = std::fs::read_to_string(network.data().join("logs/peer3.log")).unwrap();
    assert!(log.contains("LC5203") && log.contains("rebuilding it from the block files"), "{log}");
    process::signal("KILL", &[network.pid_of("peer1")]);
    std::fs::remove_dir_all(data(1).join("sign")).unwrap();
    network.said_line("peer1 runs again", BACK_WITHIN);
    for channel in [CHANNEL, V1_CHANNEL] {
        becomes(&network, 1, channel, "degraded", BACK_WITHIN);
    }
    let reason = network.channel(1, CHANNEL).unwrap()["mode_reason"].clone();
    assert!(reason.as_str().unwrap().contains("sign log"), "{reason}");
    let before = network.height(1, CHANNEL).unwrap();
    eventually(BACK_WITHIN, "peer1 follows, and reads go on", || {
        (network.height(1, CHANNEL)? > before + 5).then_some(())
    });
    for _ in 0..20 {
        assert!(!signers(&network, 0, CHANNEL).contains(&"bank-b/peer1".to_owned()));
    }
    drop(writers.stop());
    network.agreed(CHANNEL, BACK_WITHIN);
}

fn a_sign_log_that_fails_stops_signing(network: &Network) {
    let log = newest(network, 1, "sign");
    let pid = network.pid_of("peer1");
    let injection = Injection::start(pid, "fdatasync,fsync", &log);
    for channel in [CHANNEL, V1_CHANNEL] {
        becomes(network, 1, channel, "degraded", NOTICED_WITHIN);
    }
    assert!(injection.said().contains("EIO"), "{}", injection.said());
    drop(injection);
    let gap = longest_gap(network, &[0, 2, 3], Duration::from_secs(4));
    assert!(gap < OTHERS_GO_ON, "the others committed nothing for {gap:?}");
    // The fault is over, but it signs nothing until it is started again.
    for _ in 0..20 {
        assert!(!signers(network, 0, CHANNEL).contains(&"bank-b/peer1".to_owned()));
    }
    assert!(mode(network, 1, CHANNEL).as_deref() == Some("degraded"), "never a retry");
    assert_eq!(network.get(1, &format!("/api/v2/channels/{CHANNEL}/blocks/1")).status, 200);
    let reason = network.channel(1, CHANNEL).unwrap()["mode_reason"].clone();
    assert!(reason.is_string(), "it says why");
    assert_eq!(network.pid_of("peer1"), pid, "it did not abort");
    process::signal("KILL", &[pid]);
    for channel in [CHANNEL, V1_CHANNEL] {
        becomes(network, 1, channel, "normal", BACK_WITHIN);
    }
    eventually(BACK_WITHIN, "it signs again", || {
        signers(network, 0, CHANNEL).contains(&"bank-b/peer1".to_owned()).then_some(())
    });
}

fn the_files_of_a_channel_halt_that_channel(network: &Network) {
    let segment = newest(network, 2, &format!("channels/{CHANNEL}/blocks"));
    let pid = network.pid_of("peer2");
    let injection = Injection::start(pid, "fdatasync,fsync", &segment);
    becomes(network, 2, CHANNEL, "halted", NOTICED_WITHIN);
    drop(injection);
    assert_eq!(mode(network, 2, V1_CHANNEL).as_deref(), Some("normal"));
    let before = network.height(2, V1_CHANNEL).unwrap();
    let sent = network.post(2, "/api/v1/transactions", r#"{"data": "while demo is halted"}"#);
    assert_eq!(sent.json()["response_code"], "0", "{sent:?}");
    eventually(NOTICED_WITHIN, "the other channel goes on at peer2", || {
        (network.height(2, V1_CHANNEL)? > before).then_some(())
    });
    assert_eq!(network.get(2, &format!("/api/v2/channels/{CHANNEL}/blocks/1")).status, 200);
    let gap = longest_gap(network, &[0, 1, 3], Duration::from_secs(4));
    assert!(gap < OTHERS_GO_ON, "the others committed nothing for {gap:?}");
    let refused = network.cli(&[
        "tx",
        "send",
        "token",
        "transfer",
        "to=carol",
        "amount=1",
        "--endpoint",
        &network.url(2, ""),
    ]);
    assert_eq!((refused.code, refused.error().as_str()), (5, "LC3206"), "{refused:?}");
    assert_eq!(network.pid_of("peer2"), pid, "it did not abort");
    process::signal("KILL", &[pid]);
    becomes(network, 2, CHANNEL, "normal", BACK_WITHIN);
}
