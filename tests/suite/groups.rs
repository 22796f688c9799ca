//! Channels whose validators stand in groups, on a network of real processes: those that count as one
//! (`mode = "quorum"`, `mode = "delegate"`), and flat ones with a relay.

use crate::sample;
use std::time::Duration;
use tests::load::{Writers, longest_gap};
use tests::network::{CHANNEL, V1_CHANNEL, run};
use tests::{Network, chain, process};

/// N = 3 and f = 0: the pair of organisations has one voice, which needs both.
const CHANNELS: &str = r#"
[channel.loopchain_default]
[channel.loopchain_default.score.notary]

[channel.loopchain_default.group.pair]
mode = "delegate"
inner = 2
validators = { "bank-a/peer0" = 1, "bank-b/peer1" = 1 }
[channel.loopchain_default.group.exchange]
validators = { "exchange/peer2" = 1 }
[channel.loopchain_default.group.registrar]
validators = { "registrar/peer3" = 1 }

[channel.demo.score.token]
deploy = { supply = "1000000" }
deployer = "alice"

[channel.demo.group.pair]
mode = "quorum"
inner = "majority"
validators = { "bank-a/peer0" = 1, "bank-b/peer1" = 1 }
[channel.demo.group.exchange]
validators = { "exchange/peer2" = 1 }
[channel.demo.group.registrar]
validators = { "registrar/peer3" = 1 }
"#;

#[test]
fn a_rule_that_does_not_know_groups_that_count_as_one_writes_no_genesis() {
    let folder = tempfile::tempdir().unwrap();
    let text = CHANNELS
        .replace("[channel.demo.score", "[channel.demo]\nrule = \"simplex\"\n[channel.demo.score");
    std::fs::write(folder.path().join("channels.toml"), text).unwrap();
    let said = run(&sample().program, folder.path(), &["up", "--data", "data"]);
    assert_eq!((said.code, said.error().as_str()), (2, "LC1105"), "{said:?}");
    let line = "counts with its group, which rule simplex does not know: use lft";
    assert!(said.stderr.contains(line), "{said:?}");
    assert!(!folder.path().join("data/channels/demo.genesis").exists());
}

#[test]
fn channels_with_groups_that_count_as_one_vote_scores_in_and_commit() {
    let mut options = sample();
    options.channels = CHANNELS.to_owned();
    let network = Network::up(options);
    let sent = network.cli(&["tx", "send", "token", "transfer", "to=bob", "amount=100"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    let (height, _) = network.agreed(CHANNEL, Duration::from_secs(10));
    assert!(height > 0);
    // The smoke transaction of `up` and the vote for its SCORE are blocks of the other channel.
    let (height, _) = network.agreed(V1_CHANNEL, Duration::from_secs(10));
    assert!(height > 0);
    for channel in [CHANNEL, V1_CHANNEL] {
        let info = network.channel(0, channel).unwrap();
        for weight in ["total_weight", "quorum", "connected_weight"] {
            assert_eq!(info[weight], 3, "{weight}: {info}");
        }
        let proven = network.cli(&["block", "verify", "latest", "--channel", channel]);
        assert_eq!(proven.code, 0, "{proven:?}");
        assert!(proven.stdout.contains("signed        weight 3\n"), "{proven:?}");
    }
    let check = network.cli(&["channel", "check"]);
    assert_eq!(check.code, 0, "{check:?}");
    let group = "  group        pair weight 1 mode delegate, speaks by inner weight 2 of 2\n";
    assert!(check.stdout.contains(group), "{check:?}");
    assert!(!check.stderr.contains("not checked"), "{check:?}");
}

/// Two organisations of two validators each.
const RELAYED: &str = r#"
[channel.loopchain_default]
[channel.loopchain_default.score.notary]

[channel.demo.lft]
relay = "on"
[channel.demo.score.token]
deploy = { supply = "1000000" }
deployer = "alice"
[channel.demo.group.banks]
weight = 2
validators = { "bank-a/peer0" = 1, "bank-b/peer1" = 1 }
[channel.demo.group.others]
weight = 2
validators = { "exchange/peer2" = 1, "registrar/peer3" = 1 }
"#;

#[test]
fn flat_groups_with_a_relay_commit_also_when_a_relay_hangs() {
    let mut options = sample();
    options.channels = RELAYED.to_owned();
    let network = Network::up(options);
    let writers = Writers::start(&network);
    let gap = longest_gap(&network, &[0, 1, 2, 3], Duration::from_secs(3));
    assert!(gap < Duration::from_secs(2), "no block for {gap:?}");
    // The first of its group is the relay of the other one, and still looks connected.
    let relay = network.pid_of("peer2");
    process::signal("STOP", &[relay]);
    let gap = longest_gap(&network, &[0, 1, 3], Duration::from_secs(5));
    assert!(gap < Duration::from_secs(4), "no block for {gap:?} without the relay");
    let logs = std::fs::read_dir(network.data().join("logs")).unwrap();
    let has_noticed = |path: std::path::PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("peer3"))
            && std::fs::read_to_string(path).unwrap().contains("relay.silent")
    };
    assert!(logs.flatten().any(|entry| has_noticed(entry.path())), "the other one noticed");
    process::signal("CONT", &[relay]);
    let acknowledged = writers.stop().concat();
    let (height, _) = network.agreed(CHANNEL, Duration::from_secs(20));
    chain::holds_once(&chain::of_all(&network, CHANNEL, height), &acknowledged);
    let evidence = network.cli(&["audit", "evidence"]);
    assert_eq!(evidence.stdout, "no evidence on demo\n", "{evidence:?}");
}
