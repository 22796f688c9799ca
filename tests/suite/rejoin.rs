//! A validator whose sign log is an old copy, or gone: it notices or says so, signs nothing, and comes
//! back by `--rejoin`, signing nothing it may have signed before.

use crate::sample;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tests::load::Writers;
use tests::network::CHANNEL;
use tests::{Network, eventually, process};

const WITHIN: Duration = Duration::from_secs(40);

fn data(network: &Network, peer: u16) -> PathBuf {
    network.data().join(format!("peers/peer{peer}/data"))
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

fn mode(network: &Network, peer: u16) -> Option<(String, String)> {
    let state = network.channel(peer, CHANNEL)?;
    let text = |key: &str| state[key].as_str().unwrap_or_default().to_owned();
    Some((text("mode"), text("mode_reason")))
}

fn is_signer(network: &Network, peer: u16) -> Option<bool> {
    let block = network.get(0, &format!("/api/v2/channels/{CHANNEL}/blocks/latest")).json();
    let signers = block["proof"]["signers"].as_array()?.clone();
    let name = format!("peer{peer}");
    Some(signers.iter().any(|signer| signer["name"].as_str().is_some_and(|n| n.ends_with(&name))))
}

#[test]
fn an_old_copy_of_the_sign_log_is_noticed_and_the_peer_rejoins_when_it_is_told_to() {
    let mut network = Network::up(sample());
    let writers = Writers::start(&network);
    let sign = data(&network, 1).join("sign");
    let old = data(&network, 1).join("old-copy");
    let start = network.height(0, CHANNEL).unwrap();
    let grown = |network: &Network, by: u64| {
        eventually(WITHIN, "blocks", || (network.height(0, CHANNEL)? > start + by).then_some(()));
    };
    grown(&network, 5);
    copy(&sign, &old);
    grown(&network, 400);
    drop(writers.stop());
    network.agreed(CHANNEL, WITHIN);
    // The machine falls and a snapshot of its log is restored before it starts again.
    process::signal("KILL", &[network.pid_of("peer1")]);
    std::fs::remove_dir_all(&sign).unwrap();
    std::fs::rename(&old, &sign).unwrap();
    network.said_line("peer1 runs again", WITHIN);
    let reason = eventually(WITHIN, "it notices that it signed more than it knows", || {
        let (mode, reason) = mode(&network, 1)?;
        (mode == "degraded").then_some(reason)
    });
    assert!(reason.contains("restored from a copy") && reason.contains("--rejoin"), "{reason}");

    // Also after a restart; reads go on, and the others, too.
    process::signal("KILL", &[network.pid_of("peer1")]);
    eventually(WITHIN, "it is still not trusted", || {
        let (mode, reason) = mode(&network, 1)?;
        (mode == "degraded" && reason.contains("not trusted")).then_some(())
    });
    let writers = Writers::start(&network);
    let before = network.height(1, CHANNEL).unwrap();
    eventually(WITHIN, "it follows", || (network.height(1, CHANNEL)? > before + 20).then_some(()));
    drop(writers.stop());

    // The operator orders it: a start with --rejoin begins a new log, and the old one is kept.
    network.interrupt();
    let home = network.data().join("peers/peer1");
    let home = home.to_str().unwrap().to_owned();
    let mut rejoins = process::tied(Path::new(env!("CARGO_BIN_EXE_loopchain-under-test")));
    rejoins.args(["peer", "run", "--home", &home, "--rejoin"]);
    let mut child = process::start(rejoins);
    eventually(WITHIN, "the new log is begun", || {
        let noted = data(&network, 1).join("rejoining").exists();
        let has_files =
            |log: &Path| std::fs::read_dir(log).is_ok_and(|mut all| all.next().is_some());
        let is_begun = has_files(&sign) && data(&network, 1).join("sign.lost-1").exists();
        (noted && is_begun).then_some(())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    network.start();
    let writers = Writers::start(&network);
    eventually(WITHIN, "it is in step", || (mode(&network, 1)?.0 == "normal").then_some(()));
    eventually(WITHIN, "it votes again", || is_signer(&network, 1)?.then_some(()));
    drop(writers.stop());
    network.agreed(CHANNEL, WITHIN);
    let evidence = network.get(0, &format!("/api/v2/channels/{CHANNEL}/evidence")).json();
    assert_eq!(evidence["evidence"].as_array().map(Vec::len), Some(0), "{evidence}");
}

/// A port that is free now.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

#[test]
fn a_second_process_with_the_same_key_signs_nothing_and_says_why() {
    let mut network = Network::up(sample());
    let writers = Writers::start(&network);
    let start = network.height(0, CHANNEL).unwrap();
    eventually(WITHIN, "blocks", || (network.height(0, CHANNEL)? > start + 20).then_some(()));
    drop(writers.stop());
    network.interrupt();
    // Somebody clones the machine and starts both.
    let clone = network.data().join("peers/peer3-clone");
    copy_all(&network.data().join("peers/peer3"), &clone);
    network.start();
    let writers = Writers::start(&network);
    let start = network.height(0, CHANNEL).unwrap();
    eventually(WITHIN, "blocks", || (network.height(0, CHANNEL)? > start + 20).then_some(()));
    drop(writers.stop());
    network.agreed(CHANNEL, WITHIN);
    let ports = [free_port(), free_port(), free_port()];
    let mut second = process::tied(Path::new(env!("CARGO_BIN_EXE_loopchain-under-test")));
    second.current_dir(&clone).args(["peer", "run", "--home"]).arg(&clone);
    for (key, port) in ["rpc.listen", "rest.listen", "ops.listen"].iter().zip(ports) {
        second.args(["--set", &format!("{key}=127.0.0.1:{port}")]);
    }
    let mut child = process::start(second);
    let url = format!("http://127.0.0.1:{}/api/v2/channels/{CHANNEL}", ports[1]);
    let reason = eventually(WITHIN, "the second one notices", || {
        // It listens only once it is started.
        let answer = tests::http::exchange("GET", &url, &[], None).ok()?;
        let state = (answer.status == 200).then(|| answer.json())?;
        (state["mode"] == "degraded").then(|| state["mode_reason"].to_string())
    });
    assert!(reason.contains("another process uses this key"), "{reason}");
    child.kill().unwrap();
    child.wait().unwrap();
}
