//! Validators change on a network of real processes while transactions flow: `channel configure`,
//! `channel epochs`, and `block verify` for blocks of every epoch.

use crate::sample;
use serde_json::Value;
use std::time::Duration;
use tests::load::{Writers, longest_gap};
use tests::network::CHANNEL;
use tests::{Network, chain, eventually, process};

/// Commits go on within this time while an epoch ends and the next one begins.
const GAP: Duration = Duration::from_secs(5);
/// Writers rest for good before chains are compared.
const SETTLE: Duration = Duration::from_secs(20);
/// A peer is started again after 1 s, reads its files and fetches what it missed.
const BACK_WITHIN: Duration = Duration::from_secs(30);
const LAST: &str = "registrar/peer3";

/// The epoch of a channel as every peer tells it.
fn epochs(network: &Network) -> Option<Vec<u64>> {
    (0..4).map(|peer| network.channel(peer, CHANNEL)?["epoch"].as_u64()).collect()
}

fn everywhere(network: &Network, epoch: u64) {
    eventually(GAP, &format!("all peers are in epoch {epoch}"), || {
        epochs(network)?.iter().all(|seen| *seen == epoch).then_some(())
    });
}

/// One change, in force when this returns; gives the height of the sealing block.
fn configure(network: &Network, flags: &[&str], epoch: u64) -> u64 {
    let all: Vec<_> = ["channel", "configure"].into_iter().chain(flags.iter().copied()).collect();
    let document = network.cli_json(&all);
    assert_eq!(document["schema"], "loopchain.configure.v1");
    assert_eq!((&document["status"], &document["epoch"]), (&"in force".into(), &epoch.into()));
    everywhere(network, epoch);
    document["root_height"].as_u64().unwrap()
}

fn names_and_weights(network: &Network) -> Vec<(String, u64)> {
    let state = network.channel(0, CHANNEL).unwrap();
    let validators = state["validators"].as_array().unwrap();
    let one = |v: &Value| (v["name"].as_str().unwrap().to_owned(), v["weight"].as_u64().unwrap());
    validators.iter().map(one).collect()
}

/// Every peer proves the block, from the genesis through every epoch before it.
fn verify(network: &Network, height: u64, epoch: u64, total: u64) {
    for peer in 0..4 {
        let (height, url) = (height.to_string(), network.url(peer, ""));
        let document = network.cli_json(&["block", "verify", &height, "--endpoint", &url]);
        let told = (&document["epoch"], &document["total_weight"]);
        assert_eq!(told, (&epoch.into(), &total.into()), "block {height} of peer{peer}");
    }
}

#[test]
fn a_weight_changes_a_validator_leaves_and_comes_back_while_transactions_flow() {
    let network = Network::up(sample());
    let writers = Writers::start(&network);
    assert!(longest_gap(&network, &[0, 1, 2, 3], Duration::from_secs(2)) < GAP);
    everywhere(&network, 0);

    let first = configure(&network, &["--weight", "bank-a/peer0=2"], 1);
    assert_eq!(names_and_weights(&network)[0], ("bank-a/peer0".to_owned(), 2));
    let second = configure(&network, &["--remove", LAST], 2);
    assert!(names_and_weights(&network).iter().all(|(name, _)| name != LAST));
    // Who left goes on as a peer that follows: it serves the same blocks, and its clients are served.
    let at = network.height(0, CHANNEL).unwrap();
    eventually(GAP, "the one that left follows", || {
        (network.height(3, CHANNEL)? > at).then_some(())
    });
    let third =
        configure(&network, &["--add", "registrar/peer3=1", "--weight", "bank-a/peer0=1"], 3);
    assert_eq!(names_and_weights(&network).len(), 4);
    assert!(first < second && second < third);
    eventually(BACK_WITHIN, "the one that is back votes", || {
        let url = format!("/api/v2/channels/{CHANNEL}/blocks/latest");
        let block = network.get(0, &url).json();
        let signers = block["proof"]["signers"].as_array()?.clone();
        signers.iter().any(|s| s["name"] == LAST).then_some(())
    });

    let gap = longest_gap(&network, &[0, 1, 2, 3], Duration::from_secs(2));
    assert!(gap < GAP, "no block for {gap:?} after the epochs");
    assert_eq!(writers.missed(), 0, "every transaction that was sent is final");
    let acknowledged = writers.stop();
    for (peer, by_peer) in acknowledged.iter().enumerate() {
        assert!(by_peer.len() > 5, "peer{peer} acknowledged {}", by_peer.len());
    }
    let (height, _) = network.agreed(CHANNEL, SETTLE);
    let whole = chain::of_all(&network, CHANNEL, height);
    chain::holds_once(&whole, &acknowledged.concat());
    for (height, epoch, total) in [
        (1, 0, 4),
        (first, 0, 4),
        (first + 1, 1, 5),
        (second, 1, 5),
        (second + 1, 2, 4),
        (third, 2, 4),
        (third + 1, 3, 4),
        (height, 3, 4),
    ] {
        verify(&network, height, epoch, total);
    }
    let status = network.cli_json(&["status"]);
    let channels = status["channels"].as_array().unwrap();
    let ours = channels.iter().find(|one| one["channel"] == CHANNEL).unwrap();
    assert_eq!(ours["epoch"], 3);
    let listed = network.cli_json(&["channel", "epochs"]);
    assert_eq!(listed["epochs"].as_array().unwrap().len(), 4);
    assert_eq!(listed["changes"].as_array().unwrap().len(), 0);
}

#[test]
fn a_network_killed_between_epochs_comes_back_in_the_right_one() {
    let network = Network::up(sample());
    let writers = Writers::start(&network);
    assert!(longest_gap(&network, &[0, 1, 2, 3], Duration::from_secs(2)) < GAP);
    configure(&network, &["--weight", "bank-b/peer1=2"], 1);
    let peers = network.ps().into_iter().filter(|process| process.name != "radiostation");
    let pids: Vec<_> = peers.map(|process| process.pid).collect();
    process::signal("KILL", &pids);
    for peer in 0..4 {
        network.said_line(&format!("peer{peer} runs again"), BACK_WITHIN);
    }
    eventually(BACK_WITHIN, "all four are in epoch 1 again", || {
        epochs(&network)?.iter().all(|epoch| *epoch == 1).then_some(())
    });
    let before = network.height(0, CHANNEL).unwrap();
    eventually(BACK_WITHIN, "new blocks come", || {
        (network.height(0, CHANNEL)? > before + 3).then_some(())
    });
    configure(&network, &["--parameter", "block_interval=20"], 2);
    let acknowledged = writers.stop().concat();
    let (height, _) = network.agreed(CHANNEL, SETTLE);
    let whole = chain::of_all(&network, CHANNEL, height);
    chain::holds_once(&whole, &acknowledged);
    verify(&network, height, 2, 5);
}

#[test]
fn a_network_that_is_stopped_and_started_goes_on_in_its_epoch_without_who_left() {
    let mut network = Network::up(sample());
    configure(&network, &["--remove", LAST], 1);
    network.interrupt();
    network.start();
    everywhere(&network, 1);
    let sent = network.cli(&["tx", "send", "token", "transfer", "to=bob", "amount=100"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    let sealing = configure(&network, &["--add", "registrar/peer3=1"], 2);
    let sent = network.cli(&["tx", "send", "token", "transfer", "to=bob", "amount=100"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    let (height, _) = network.agreed(CHANNEL, SETTLE);
    assert!(height > sealing);
    verify(&network, sealing, 1, 3);
    verify(&network, height, 2, 4);
}

#[test]
fn validators_who_keep_their_own_keys_approve_one_by_one() {
    let network = Network::up(sample());
    let key = |peer: u16| {
        let path = network.data().join(format!("peers/peer{peer}/pki/sign.key"));
        path.display().to_string()
    };
    let first = key(1);
    let flags = ["channel", "configure", "--remove", LAST, "--propose", "--identity", &first];
    let proposed = network.cli_json(&flags);
    assert_eq!((&proposed["status"], &proposed["epoch"]), (&"open".into(), &0.into()));
    let id = proposed["change"].as_str().unwrap().to_owned();
    for peer in [0, 2] {
        let listed = network.cli_json(&["channel", "epochs"]);
        let waits = &listed["changes"][0];
        assert_eq!((&waits["id"], &waits["status"]), (&id.as_str().into(), &"open".into()));
        let voted =
            network.cli_json(&["channel", "vote", &id, "--approve", "--identity", &key(peer)]);
        assert_eq!(voted["approved"], true);
    }
    everywhere(&network, 1);
    assert_eq!(names_and_weights(&network).len(), 3);
    // Nothing waits any more; and who is no validator has no vote.
    let late = network.cli(&["channel", "vote", &id, "--approve", "--identity", &key(3)]);
    assert_eq!(late.error(), "LC7104", "{late:?}");
    let flags = ["channel", "configure", "--weight", "bank-a/peer0=2", "--propose"];
    let last = key(3);
    let all: Vec<_> = flags.into_iter().chain(["--identity", &last]).collect();
    let refused = network.cli(&all);
    assert_eq!(refused.error(), "LC2114", "{refused:?}");
    assert!(refused.stderr.contains("only validators approve a configure here"), "{refused:?}");
}

#[test]
fn many_epochs_in_a_row_under_load_lose_nothing() {
    let network = Network::up(sample());
    let writers = Writers::start(&network);
    let gap = std::thread::scope(|scope| {
        let watch = scope.spawn(|| longest_gap(&network, &[0, 1, 2, 3], Duration::from_secs(8)));
        for epoch in 1..=8 {
            let weight = format!("bank-a/peer0={}", 1 + epoch % 2);
            configure(&network, &["--weight", &weight], epoch);
        }
        watch.join().unwrap()
    });
    assert!(gap < GAP, "no block for {gap:?}");
    assert_eq!(writers.missed(), 0, "every transaction that was sent is final");
    let acknowledged = writers.stop().concat();
    let (height, _) = network.agreed(CHANNEL, SETTLE);
    chain::holds_once(&chain::of_all(&network, CHANNEL, height), &acknowledged);
    verify(&network, height, 8, 4);
}

/// Sends signals that stop a process and let it go on.
fn signal(network: &Network, peer: u16, name: &str) {
    process::signal(name, &[network.pid_of(&format!("peer{peer}"))]);
}

#[test]
fn who_slept_through_two_epochs_catches_up_and_votes_in_the_third() {
    let network = Network::up(sample());
    let writers = Writers::start(&network);
    assert!(longest_gap(&network, &[0, 1, 2, 3], Duration::from_secs(2)) < GAP);
    signal(&network, 3, "STOP");
    for (epoch, weight) in [(1, "exchange/peer2=2"), (2, "exchange/peer2=1")] {
        let flags = ["channel", "configure", "--weight", weight];
        let document = network.cli_json(&flags);
        assert_eq!(document["epoch"], epoch);
    }
    signal(&network, 3, "CONT");
    eventually(BACK_WITHIN, "the sleeper is in epoch 2", || {
        (network.channel(3, CHANNEL)?["epoch"] == 2).then_some(())
    });
    configure(&network, &["--weight", "registrar/peer3=2"], 3);
    drop(writers.stop());
    let (height, _) = network.agreed(CHANNEL, SETTLE);
    let whole = chain::of_all(&network, CHANNEL, height);
    assert!(!whole.hashes.is_empty());
    verify(&network, height, 3, 5);
}

#[test]
fn peers_killed_in_the_middle_of_a_change_end_up_in_one_epoch() {
    let network = Network::up(sample());
    let writers = Writers::start(&network);
    assert!(longest_gap(&network, &[0, 1, 2, 3], Duration::from_secs(2)) < GAP);
    std::thread::scope(|scope| {
        // It talks to peer0, which lives; each other one dies once, at some moment of the change.
        let change = scope.spawn(|| {
            let flags = ["channel", "configure", "--weight", "bank-a/peer0=2", "--timeout", "60s"];
            network.cli(&flags)
        });
        for peer in 1..4 {
            signal(&network, peer, "KILL");
            network.said_line(&format!("peer{peer} runs again"), BACK_WITHIN);
        }
        let said = change.join().unwrap();
        assert_eq!(said.code, 0, "{said:?}");
    });
    eventually(BACK_WITHIN, "all are in epoch 1", || {
        epochs(&network)?.iter().all(|epoch| *epoch == 1).then_some(())
    });
    let acknowledged = writers.stop().concat();
    let (height, _) = network.agreed(CHANNEL, SETTLE);
    let whole = chain::of_all(&network, CHANNEL, height);
    chain::holds_once(&whole, &acknowledged);
    verify(&network, height, 1, 5);
}

/// Five peers, four of which vote on the channel; the fifth follows it from the start.
const FOUR_OF_FIVE: &str = r#"
[channel.demo.score.token]
deploy = { supply = "1000000" }
deployer = "alice"
[channel.demo.group.a]
validators = { "bank-a/peer0" = 1 }
[channel.demo.group.b]
validators = { "bank-b/peer1" = 1 }
[channel.demo.group.c]
validators = { "exchange/peer2" = 1 }
[channel.demo.group.d]
validators = { "registrar/peer3" = 1 }
"#;

#[test]
fn a_peer_that_only_followed_joins_the_validators() {
    let mut options = sample().with("--peers").with("5");
    options.channels = FOUR_OF_FIVE.to_owned();
    let network = Network::up(options);
    let writers = Writers::start(&network);
    assert!(longest_gap(&network, &[0, 1, 2, 3], Duration::from_secs(2)) < GAP);
    let members = network.get(0, &format!("/api/v2/channels/{CHANNEL}/members")).json();
    let names = members["members"].as_array().unwrap().iter().map(|one| one["name"].as_str());
    let fifth = names.flatten().find(|name| name.ends_with("/peer4")).unwrap().to_owned();
    configure(&network, &["--add", &format!("{fifth}=1")], 1);
    eventually(BACK_WITHIN, "the new validator votes", || {
        let url = format!("/api/v2/channels/{CHANNEL}/blocks/latest");
        let block = network.get(0, &url).json();
        let signers = block["proof"]["signers"].as_array()?.clone();
        signers.iter().any(|s| s["name"] == fifth.as_str()).then_some(())
    });
    assert_eq!(writers.missed(), 0, "every transaction that was sent is final");
    let acknowledged = writers.stop().concat();
    let (height, _) = network.agreed(CHANNEL, SETTLE);
    chain::holds_once(&chain::of_all(&network, CHANNEL, height), &acknowledged);
    verify(&network, height, 1, 5);
    let state = network.channel(4, CHANNEL).unwrap();
    assert_eq!((&state["epoch"], &state["total_weight"]), (&1.into(), &5.into()));
}

/// `simplex` is there because the other channel runs on it.
#[test]
fn the_rule_itself_changes_at_a_sealing_block_and_changes_back() {
    let mut options = sample();
    let other = "[channel.loopchain_default]\n";
    assert!(options.channels.contains(other), "{}", options.channels);
    options.channels = options.channels.replace(other, &format!("{other}rule = \"simplex\"\n"));
    let network = Network::up(options);
    let writers = Writers::start(&network);
    assert!(longest_gap(&network, &[0, 1, 2, 3], Duration::from_secs(2)) < GAP);
    let rules = || -> Vec<Value> {
        (0..4).map(|peer| network.channel(peer, CHANNEL).unwrap()["rule"].clone()).collect()
    };
    let first = configure(&network, &["--rule", "simplex"], 1);
    assert_eq!(rules(), vec![Value::from("simplex"); 4]);
    assert!(longest_gap(&network, &[0, 1, 2, 3], Duration::from_secs(2)) < GAP);
    let second = configure(&network, &["--rule", "lft"], 2);
    assert_eq!(rules(), vec![Value::from("lft"); 4]);
    assert_eq!(writers.missed(), 0, "every transaction that was sent is final");
    let acknowledged = writers.stop().concat();
    let (height, _) = network.agreed(CHANNEL, SETTLE);
    chain::holds_once(&chain::of_all(&network, CHANNEL, height), &acknowledged);
    for (height, epoch) in [(first, 0), (first + 1, 1), (second, 1), (height, 2)] {
        verify(&network, height, epoch, 4);
    }
}

#[test]
fn what_makes_no_epoch_is_refused_with_its_code_and_changes_nothing() {
    let network = crate::NETWORK.lease(sample);
    for (flags, code, says) in [
        (vec!["--remove", "bank-a/nobody"], "LC2114", "is no validator"),
        (vec!["--weight", "bank-a/peer0=1"], "LC2114", "it changes nothing"),
        (vec!["--weight", "bank-a/peer0=0"], "LC1001", "is no weight"),
        (vec!["--weight", "bank-a/peer0=99"], "LC1105", "would decide alone"),
        (vec!["--parameter", "nonsense=1"], "LC6101", "nonsense"),
        (vec!["--block-txs", "0"], "LC2114", "block_txs = 0"),
        (vec!["--add", "bank-a/ghost=1"], "LC4112", "no member bank-a/ghost"),
    ] {
        let all: Vec<_> = ["channel", "configure"].into_iter().chain(flags).collect();
        let said = network.cli(&all);
        assert!(said.code != 0 && said.error() == code, "{all:?}: {said:?}");
        assert!(said.stderr.contains(says), "{all:?}: {said:?}");
    }
    let state = network.channel(0, CHANNEL).unwrap();
    assert_eq!(state["epoch"], 0);
}
