//! SCOREs that crash, and versions that refuse to migrate, on a network of real processes.
//!
//! In: the SCORE `ward` (`tests/ward`), which does so when it is asked to. Out: quarantine on the chain,
//! the refusal that senders get, freezing and lifting it, the version before that stays. Deliberately not
//! here: the way of a version that ends well (`score_life`).

use crate::sample;
use crate::score_life::{by_votes, identity};
use crate::upgrades::workers;
use score_native_link::build::{build_score, source_tree};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use tests::network::{CHANNEL, Said};
use tests::{Network, eventually};

const WITHIN: Duration = Duration::from_secs(40);

fn ward() -> PathBuf {
    build_score(&source_tree().unwrap(), "tests-ward", &mut |_| {}).unwrap()
}

fn send(network: &Network, method: &str, arguments: &[&str]) -> Said {
    let words = [&["tx", "send", "ward", method], arguments].concat();
    network.cli(&words)
}

fn query(network: &Network, peer: u16, method: &str) -> String {
    let (method, url) = (format!("ward.{method}"), network.url(peer, ""));
    let said = network.cli(&["query", &method, "--endpoint", &url]);
    assert_eq!(said.code, 0, "{said:?}");
    said.stdout.trim().trim_matches('"').to_owned()
}

fn frozen(network: &Network, peer: u16) -> Value {
    let path = format!("/api/v2/channels/{CHANNEL}/scores/ward");
    network.get(peer, &path).json()["frozen"].clone()
}

#[test]
fn crashes_suspend_a_score_a_vote_lifts_it_and_a_migration_that_traps_keeps_the_version_before() {
    let file = ward();
    let network = Network::up(by_votes());
    let path = file.display().to_string();
    let done = network.cli_json(&["score", "deploy", &path, "--args", r#"{"start": "5"}"#]);
    assert_eq!(done["status"], "active", "{done}");
    let original = done["sha256"].as_str().unwrap().to_owned();
    assert_eq!(query(&network, 0, "count"), "5");
    quarantine(&network);
    frozen_by_a_vote(&network);
    migration(&network, &std::fs::read(file).unwrap(), &original);
}

fn quarantine(network: &Network) {
    for crash in 1..=8 {
        let sent = send(network, "crash", &[]);
        assert_eq!((sent.code, sent.error().as_str()), (4, "LC2113"), "{crash}: {sent:?}");
    }
    // The record comes with the next block, whatever that is about.
    let paid = network.cli(&["tx", "send", "token", "transfer", "to=carol", "amount=1"]);
    assert_eq!(paid.code, 0, "{paid:?}");
    for peer in 0..4 {
        let why = eventually(WITHIN, "every peer knows", || {
            Some(frozen(network, peer)).filter(|why| !why.is_null())
        });
        assert_eq!(why["by"], "crashes", "{why}");
        assert!(why["reason"].as_str().unwrap().contains("crashed 8 times within 16"), "{why}");
    }
    let refused = send(network, "count_up", &[]);
    assert_eq!((refused.code, refused.error().as_str()), (4, "LC2120"), "{refused:?}");
    assert!(refused.stderr.contains("SCORE ward is frozen since block "), "{refused:?}");
    assert_eq!(query(network, 1, "count"), "5", "queries answer");
    let shown = network.cli(&["score", "show", "ward"]);
    assert!(shown.stdout.contains("ward takes no transactions since block "), "{shown:?}");
    let events = ["event", "list", "--score", "system", "--topic", "score-suspended"];
    assert_eq!(network.cli_json(&events)["events"][0]["fields"], serde_json::json!(["ward", 8]));
    let lifted = network.cli(&["score", "unfreeze", "ward"]);
    assert_eq!(lifted.code, 0, "{lifted:?}");
    assert_eq!(send(network, "count_up", &[]).code, 0);
}

fn frozen_by_a_vote(network: &Network) {
    let key = identity(network, 0);
    let said = network.cli_json(&["score", "freeze", "ward", "--propose", "--identity", &key]);
    assert_eq!(said["status"], "open", "{said}");
    assert_eq!(send(network, "count_up", &[]).code, 0, "one of four wants it");
    let id = said["change"].as_str().unwrap();
    for peer in [1, 3] {
        let key = identity(network, peer);
        let said = network.cli(&["score", "vote", &id[..10], "--approve", "--identity", &key]);
        assert_eq!(said.code, 0, "{said:?}");
    }
    for peer in 0..4 {
        eventually(WITHIN, "every peer knows", || (!frozen(network, peer).is_null()).then_some(()));
    }
    let refused = send(network, "count_up", &[]);
    assert_eq!((refused.code, refused.error().as_str()), (4, "LC2120"), "{refused:?}");
    assert_eq!(query(network, 2, "count"), "7");
    let again = network.cli(&["score", "freeze", "ward"]);
    assert_eq!((again.code, again.error().as_str()), (4, "LC2114"), "{again:?}");
    assert_eq!(network.cli(&["score", "unfreeze", "ward"]).code, 0);
    assert_eq!(send(network, "count_up", &[]).code, 0);
}

fn migration(network: &Network, whole: &[u8], original: &str) {
    assert_eq!(send(network, "refuse", &["refuses:=true"]).code, 0);
    let next = network.folder().join("libnext.so");
    std::fs::write(&next, [whole, &[0]].concat()).unwrap();
    let next = next.display().to_string();
    // Those that execute, and those that answer queries.
    let label = format!("{CHANNEL}/ward");
    let before = workers(network, &label);
    let failed = network.cli(&["score", "deploy", &next]);
    assert_eq!((failed.code, failed.error().as_str()), (4, "LC2112"), "{failed:?}");
    assert!(failed.stderr.contains("failed: migrate was stopped"), "{failed:?}");
    let shown = network.cli(&["score", "show", "ward"]);
    assert!(shown.stdout.contains("told to refuse"), "the reason is on the chain: {shown:?}");
    eventually(WITHIN, "no worker of it is left", || {
        (workers(network, &label) == before).then_some(())
    });
    assert_eq!(query(network, 0, "before"), "", "its writes were rolled back");
    assert_eq!(send(network, "count_up", &[]).code, 0, "the version before goes on");
    assert_eq!(send(network, "refuse", &["refuses:=false"]).code, 0);
    // The very same change again.
    let done = network.cli_json(&["score", "deploy", &next]);
    assert_eq!(done["status"], "active", "{done}");
    assert_eq!(send(network, "count_up", &[]).code, 0);
    for peer in 0..4 {
        eventually(WITHIN, "every peer migrated", || {
            (query(network, peer, "before") == "0.1.0" && query(network, peer, "count") == "10")
                .then_some(())
        });
    }
    let back = network.cli_json(&["score", "deploy", original]);
    assert_eq!(back["status"], "active", "{back}");
    assert_eq!(send(network, "count_up", &[]).code, 0);
    eventually(WITHIN, "state was carried over", || {
        (query(network, 3, "count") == "11").then_some(())
    });
}

#[test]
fn where_a_drop_is_a_deploy_a_migration_that_traps_is_told_and_the_version_before_goes_on() {
    let whole = std::fs::read(ward()).unwrap();
    let network = Network::up(sample());
    let file = network.folder().join("channels.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let named = "\n[channel.demo.score.ward]\ndeploy = { start = \"5\" }\n";
    std::fs::write(&file, text + named).unwrap();
    network.said_line("there is no file of SCORE ward", WITHIN);
    let drop_in = |bytes: &[u8]| {
        let folder = network.data().join("plugins");
        std::fs::write(folder.join(".ward.part"), bytes).unwrap();
        std::fs::rename(folder.join(".ward.part"), folder.join("libward.so")).unwrap();
    };
    drop_in(&whole);
    network.said_line("ward@0.1.0 active on channel demo from block ", WITHIN);
    let sha256 = || {
        let path = format!("/api/v2/channels/{CHANNEL}/scores/ward");
        network.get(0, &path).json()["sha256"].clone()
    };
    let before = sha256();
    assert_eq!(send(&network, "refuse", &["refuses:=true"]).code, 0);
    drop_in(&[&whole[..], &[0]].concat());
    let line = network.said_line("the version before goes on: migrate was stopped", WITHIN);
    assert!(line.contains("LC2112") && line.contains("told to refuse"), "{line}");
    assert_eq!(sha256(), before);
    assert_eq!(send(&network, "count_up", &[]).code, 0);
    assert_eq!(query(&network, 0, "count"), "6");
}
