//! A version of a SCORE on its way by votes: from the plugin folder over approvals and readiness to the
//! block in which it is active, or is not.
//!
//! In: networks without `auto_activate`, files that some peers cannot keep. Out: what peers tell of the
//! versions, and that transactions go on all the while. Deliberately not here: what `up` does by itself
//! (`drop_in`), crashes and migration (`score_crashes`).

use crate::sample;
use crate::upgrades::workers;
use host_types::hash::Hash32;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tests::network::CHANNEL;
use tests::tools::{Injection, is_there};
use tests::wallet::Wallet;
use tests::{Network, Options, eventually, process};

const WITHIN: Duration = Duration::from_secs(40);
/// Some hundred blocks, one transaction each, on a machine that is compiling besides.
const BLOCKS_WITHIN: Duration = Duration::from_secs(120);

/// Nothing is activated but by votes.
pub(crate) fn by_votes() -> Options {
    let mut options = sample();
    options.channels = options.channels.replace("auto_activate = true", "auto_activate = false");
    options
}

/// The key of a peer, as its operator names it.
pub(crate) fn identity(network: &Network, peer: u16) -> String {
    let key = network.data().join(format!("peers/peer{peer}/pki/sign.key"));
    assert!(key.exists(), "{}", key.display());
    key.display().to_string()
}

/// The same SCORE as another file, dropped; its digest.
fn drop_another(network: &Network, number: usize) -> Hash32 {
    let whole = std::fs::read(network.data().join("plugins/libtoken.so")).unwrap();
    let bytes = [whole.as_slice(), &vec![0; number]].concat();
    std::fs::write(network.data().join(format!("plugins/libtoken{number}.so")), &bytes).unwrap();
    Hash32::sha256(&bytes)
}

/// What a peer says of a version.
fn version(network: &Network, peer: u16, sha256: Hash32) -> Option<Value> {
    let path = format!("/api/v2/channels/{CHANNEL}/scores/token/versions");
    let json = network.get(peer, &path).json();
    let all = json["versions"].as_array()?.clone();
    all.into_iter().find(|one| one["sha256"] == sha256.to_string())
}

fn until(network: &Network, peer: u16, sha256: Hash32, state: &str) -> Value {
    eventually(WITHIN, &format!("peer{peer} says {state}"), || {
        version(network, peer, sha256).filter(|one| one["state"] == state)
    })
}

/// In the way of an artefact: a folder with its name, so that the peer cannot keep it.
fn blocked(network: &Network, peer: u16, sha256: Hash32) -> PathBuf {
    let path = network.data().join(format!("peers/peer{peer}/data/scores/{sha256}.so"));
    let data = path.parent().unwrap();
    assert!(data.is_dir(), "{}", data.display());
    std::fs::create_dir(&path).unwrap();
    path
}

fn pay(network: &Network) -> Value {
    let sent = network.cli_json(&["tx", "send", "token", "transfer", "to=carol", "amount=1"]);
    assert_eq!(sent["state"], "final", "{sent}");
    sent
}

/// Proposed by the operator of peer0 for the block that is so many ahead.
fn propose(network: &Network, sha256: Hash32, ahead: u64) -> (String, u64) {
    let (sha256, ahead, key) = (sha256.to_string(), format!("+{ahead}"), identity(network, 0));
    let wanted = ["score", "upgrade", &sha256, "--at", &ahead, "--propose", "--identity", &key];
    let said = network.cli_json(&wanted);
    assert_eq!((&said["status"], &said["kind"]), (&"open".into(), &"deploy".into()), "{said}");
    (said["change"].as_str().unwrap().to_owned(), said["activate_at"].as_u64().unwrap())
}

fn approve(network: &Network, id: &str, peers: &[u16]) {
    for peer in peers {
        let said = network.cli(&["score", "approve", id, "--identity", &identity(network, *peer)]);
        assert_eq!(said.code, 0, "{said:?}");
    }
}

#[test]
fn a_voted_upgrade_switches_at_its_height_under_load() {
    let network = Network::up(by_votes());
    let wallet = Wallet::of(&network, "alice", CHANNEL);
    let args = serde_json::json!({"to": "bob", "amount": "1"});
    let args = wallet.args(&network, "token", "transfer", &args);
    let sha256 = drop_another(&network, 1);
    let former = network.get(0, &format!("/api/v2/channels/{CHANNEL}/scores/token")).json();
    let former = former["sha256"].as_str().unwrap().to_owned();
    for peer in 0..4 {
        until(&network, peer, sha256, "installed");
    }
    let is_over = AtomicBool::new(false);
    let load = || {
        let mut heights = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            let call = wallet.sign(&wallet.call("token", "transfer", args.clone()));
            let json = call.send(&network, 1, CHANNEL).json();
            assert_eq!(
                (&json["state"], &json["receipt"]["status"]),
                (&"final".into(), &"ok".into()),
                "{json}"
            );
            let artefact = json["artefact"].as_str().unwrap_or_default().to_owned();
            heights.push((json["height"].as_u64().unwrap(), artefact));
        }
        heights
    };
    std::thread::scope(|scope| {
        let load = scope.spawn(load);
        let (id, at) = propose(&network, sha256, 300);
        let staged = until(&network, 2, sha256, "staged");
        assert_eq!(staged["approved"].as_array().unwrap().len(), 1, "{staged}");
        approve(&network, &id[..12], &[1, 2]);
        let approved = until(&network, 3, sha256, "approved");
        assert_eq!(approved["height"], at, "{approved}");
        eventually(BLOCKS_WITHIN, "its block has come", || {
            (network.height(0, CHANNEL)? >= at).then_some(())
        });
        let active = until(&network, 0, sha256, "active");
        assert_eq!(active["height"], at, "{active}");
        for peer in 1..4 {
            until(&network, peer, sha256, "active");
        }
        pay(&network);
        is_over.store(true, Ordering::Relaxed);
        let ran = load.join().unwrap();
        assert!(ran.first().unwrap().0 < at && ran.last().unwrap().0 >= at, "{ran:?}");
        for (height, artefact) in ran {
            let expected = if height < at { &former } else { &sha256.to_string() };
            assert_eq!(&artefact, expected, "block {height}, switch at {at}");
        }
    });
    let peers = network.cli_json(&["score", "show", "token", "--peers"]);
    assert_eq!(peers["peers"].as_array().unwrap().len(), 4, "{peers}");
    let shown = network.cli(&["score", "show", "token", "--peers"]);
    assert_eq!(shown.stdout.matches(" former ").count(), 4, "{shown:?}");
    // Forward to the former version: every validator holds it still.
    let back = network.cli_json(&["score", "deploy", &former, "--wait"]);
    assert_eq!((&back["status"], &back["sha256"]), (&"active".into(), &former.as_str().into()));
    pay(&network);
}

#[test]
fn without_readiness_of_weight_q_the_version_before_stays_and_everybody_is_told_who_was_missing() {
    let network = Network::up(by_votes());
    // The file is not there yet when its place is taken.
    let whole = std::fs::read(network.data().join("plugins/libtoken.so")).unwrap();
    let digest = |number: usize| Hash32::sha256(&[whole.as_slice(), &vec![0; number]].concat());
    blocked(&network, 2, digest(1));
    blocked(&network, 3, digest(1));
    let missing = blocked(&network, 3, digest(2));
    let sha256 = drop_another(&network, 1);
    until(&network, 0, sha256, "installed");
    until(&network, 1, sha256, "installed");
    let (id, at) = propose(&network, sha256, 8);
    approve(&network, &id, &[1, 3]);
    let label = format!("{CHANNEL}/token");
    eventually(WITHIN, "the next version runs beside the old one where it is", || {
        (workers(&network, &label) == 6).then_some(())
    });
    assert!(network.height(0, CHANNEL).unwrap() < at, "before its block");
    while network.height(0, CHANNEL).unwrap() < at {
        pay(&network);
    }
    for peer in 0..4 {
        let cancelled = until(&network, peer, sha256, "cancelled");
        let reason = cancelled["reason"].as_str().unwrap();
        assert!(reason.contains("ready were validators of weight 2, 3 are needed"), "{reason}");
        assert!(reason.contains("peer2") && reason.contains("peer3"), "{reason}");
        assert_eq!(cancelled["height"], at);
    }
    let events = ["event", "list", "--score", "system", "--topic", "change-cancelled"];
    let events = network.cli_json(&events);
    assert_eq!(events["events"][0]["height"], at, "{events}");
    assert_eq!(events["events"][0]["transaction"], Value::Null);
    let said = format!("is not activated: {}", "ready were validators of weight 2, 3 are needed");
    assert!(network.logs().contains(&said), "the logs name them");
    eventually(WITHIN, "the workers of what did not come are gone", || {
        (workers(&network, &label) == 4).then_some(())
    });
    let shown = network.cli(&["score", "show", "token"]);
    assert!(shown.stdout.contains("cancelled: ready were validators of weight 2"), "{shown:?}");
    the_validator_without_the_file_follows(&network, &missing);
}

/// It says so, follows, and votes again when it has the file.
fn the_validator_without_the_file_follows(network: &Network, missing: &std::path::Path) {
    let sha256 = drop_another(network, 2);
    for peer in 0..3 {
        until(network, peer, sha256, "installed");
    }
    let (id, at) = propose(network, sha256, 8);
    approve(network, &id, &[1, 2]);
    while network.height(0, CHANNEL).unwrap() < at {
        pay(network);
    }
    until(network, 0, sha256, "active");
    let why = eventually(WITHIN, "peer3 says that it does not vote", || {
        let state = network.channel(3, CHANNEL)?;
        (state["mode"] == "degraded").then(|| state["mode_reason"].to_string())
    });
    assert!(why.contains("LC6301") && why.contains(&sha256.to_string()), "{why}");
    let other = network.channel(3, "loopchain_default").unwrap();
    assert_eq!(other["mode"], "normal", "that channel only");
    let ready = tests::http::get(&format!("http://127.0.0.1:{}/readyz", ops_port(network, 3)));
    assert_eq!(ready.status, 503, "{ready:?}");
    assert!(ready.body.contains("channel demo is not voted on"), "{ready:?}");
    for _ in 0..5 {
        pay(network);
    }
    network.agreed(CHANNEL, WITHIN);
    assert_eq!(version(network, 3, sha256).unwrap()["here"], false);
    // Whatever was in the way is gone: the other peers are asked for it, and it votes.
    std::fs::remove_dir(missing).unwrap();
    eventually(WITHIN, "peer3 votes again", || {
        (network.channel(3, CHANNEL)?["mode"] == "normal").then_some(())
    });
    assert_eq!(version(network, 3, sha256).unwrap()["here"], true);
    process::signal("STOP", &[network.pid_of("peer2")]);
    pay(network);
    process::signal("CONT", &[network.pid_of("peer2")]);
    assert!(network.logs().contains("is here: this node votes on its blocks"));
}

fn ops_port(network: &Network, peer: u16) -> u64 {
    let text = network.data().join(format!("peers/peer{peer}/peer.toml"));
    let table: toml::Table = std::fs::read_to_string(text).unwrap().parse().unwrap();
    let listen = table["ops"]["listen"].as_str().unwrap().to_owned();
    listen.rsplit_once(':').unwrap().1.parse().unwrap()
}

#[test]
fn a_validator_whose_sandbox_is_not_whole_runs_no_score_follows_and_does_not_vote() {
    assert!(is_there("strace"), "this test needs strace (Debian: apt-get install strace)");
    let network = Network::up(by_votes());
    // A kernel without Landlock for whatever `up` starts from now on.
    let _lacking = Injection::without(network.pid(), "landlock_create_ruleset");
    process::signal("KILL", &[network.pid_of("peer3")]);
    let why = eventually(WITHIN, "peer3 is back and says that it does not vote", || {
        let state = network.channel(3, CHANNEL)?;
        (state["mode"] == "degraded").then(|| state["mode_reason"].to_string())
    });
    assert!(why.contains("LC6103") && why.contains("landlock"), "{why}");
    assert_eq!(network.channel(3, CHANNEL).unwrap()["sandbox"], "strict");
    let ready = tests::http::get(&format!("http://127.0.0.1:{}/readyz", ops_port(&network, 3)));
    assert!(ready.status == 503 && ready.body.contains("LC6103"), "{ready:?}");
    for _ in 0..5 {
        pay(&network);
    }
    // It takes over what the others of weight q agree on, and its own vote counts for nothing before.
    let peer2 = network.pid_of("peer2");
    process::signal("STOP", &[peer2]);
    let sent = ["tx", "send", "token", "transfer", "to=carol", "amount=1", "--timeout", "4s"];
    let waits = network.cli(&sent);
    assert_eq!(waits.code, 6, "two of four vote: {waits:?}");
    process::signal("CONT", &[peer2]);
    pay(&network);
    network.agreed(CHANNEL, WITHIN);
    let url = network.url(3, "");
    let asked = network.cli(&["query", "token.balance_of", "who=alice", "--endpoint", &url]);
    assert_eq!(asked.error(), "LC6103", "{asked:?}");
}
