//! SCOREs that crash, and versions that refuse to migrate, on a network of real processes.
//!
//! In: the SCORE `ward` (`tests/ward`), which does so when it is asked to. Out: quarantine on the chain,
//! the refusal that senders get, freezing and lifting it, the version before that stays. Deliberately not
//! here: the way of a version that ends well (`score_life`).

use crate::drop_in::without_metering;
use crate::sample;
use crate::score_life::{by_votes, identity};
use crate::upgrades::workers;
use score_native_link::build::{build_score, source_tree};
use score_native_link::refusal;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use tests::network::{CHANNEL, Said};
use tests::wallet::{Wallet, now_us};
use tests::{Network, eventually};

const WITHIN: Duration = Duration::from_secs(40);
/// 64 views, with a call among them that takes two seconds each time it is tried.
const GOES_ON_WITHIN: Duration = Duration::from_secs(180);

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

/// Sends a call of `caller`; its receipt, which each of the four peers tells alike.
fn through_caller(network: &Network, method: &str) -> Value {
    let said = network.cli(&["tx", "send", "caller", method, "other=ward", "--json"]);
    let sent = said.json();
    let id = sent["hash"].as_str().unwrap_or_else(|| panic!("{said:?}"));
    let path = format!("/api/v2/channels/{CHANNEL}/transactions/{id}");
    let told = |peer| {
        eventually(WITHIN, "the call is final on every peer", || {
            let json = network.get(peer, &path).json();
            (json["state"] == "final").then(|| json["receipt"].clone())
        })
    };
    let receipt: Value = told(0);
    (1..4).for_each(|peer| assert_eq!(told(peer), receipt, "peer{peer}"));
    receipt
}

/// One after the other: a crash costs all that its call may use, and a block has room for few of that.
fn crash_eight_times(network: &Network) {
    for crash in 1..=8 {
        let sent = network.cli(&["tx", "send", "caller", "crash_ward", "other=ward"]);
        assert_eq!((sent.code, sent.error().as_str()), (4, "LC2113"), "{crash}: {sent:?}");
    }
}

#[test]
fn a_called_score_that_crashes_is_suspended_and_refuses_its_callers_but_answers_questions() {
    let network = Network::up(by_votes());
    let caller = build_score(&source_tree().unwrap(), "tests-caller", &mut |_| {}).unwrap();
    let deploy = |file: PathBuf, args: &str| {
        let file = file.display().to_string();
        let done = network.cli_json(&["score", "deploy", &file, "--args", args]);
        assert_eq!(done["status"], "active", "{done}");
    };
    deploy(ward(), r#"{"start": "5"}"#);
    deploy(caller, "{}");
    assert_eq!(through_caller(&network, "try_count")["output"], 0);
    crash_eight_times(&network);
    let paid = network.cli(&["tx", "send", "token", "transfer", "to=carol", "amount=1"]);
    assert_eq!(paid.code, 0, "{paid:?}");
    for peer in 0..4 {
        let why = eventually(WITHIN, "every peer knows", || {
            Some(frozen(&network, peer)).filter(|why| !why.is_null())
        });
        assert_eq!(why["by"], "crashes", "{why}");
        let caller = network.get(peer, &format!("/api/v2/channels/{CHANNEL}/scores/caller"));
        assert!(caller.json()["frozen"].is_null(), "it was not the caller's code: {caller:?}");
        // Questions are answered, through a caller and directly.
        let url = network.url(peer, "");
        let asked = ["query", "caller.ask_ward", "other=ward", "--endpoint", &url];
        assert_eq!(network.cli(&asked).stdout.trim(), "6");
    }
    let refused = through_caller(&network, "try_count");
    assert_eq!(
        (&refused["status"], &refused["output"]),
        (&"ok".into(), &refusal::FROZEN.into()),
        "the caller reads why and goes on: {refused}"
    );
    assert_eq!(network.cli(&["score", "unfreeze", "ward"]).code, 0);
    assert_eq!(through_caller(&network, "try_count")["output"], 0);
    eventually(WITHIN, "it counts again", || (query(&network, 3, "count") == "7").then_some(()));
}

/// Its table names no counter, and the loop counts nothing either.
#[test]
fn a_score_without_metering_that_loops_gets_no_receipt_and_the_channel_goes_on() {
    let mut options = by_votes();
    options.channels =
        options.channels.replace("metering = \"required\"", "metering = \"optional\"");
    let network = Network::up(options);
    let file = network.folder().join("libward.so");
    std::fs::write(&file, without_metering(&std::fs::read(ward()).unwrap())).unwrap();
    let file = file.display().to_string();
    let done = network.cli_json(&["score", "deploy", &file, "--args", r#"{"start": "5"}"#]);
    assert_eq!(done["status"], "active", "{done}");
    assert_eq!(send(&network, "count_up", &[]).code, 0, "an honest call runs");

    let wallet = Wallet::of(&network, "alice", CHANNEL);
    let mut spin = wallet.call("ward", "spin_uncounted", vec![0x80]);
    spin.expiry = host_types::BlockTime::new(now_us() + 60_000_000);
    let spin = wallet.sign(&spin);
    let path = format!("/api/v2/channels/{CHANNEL}/transactions");
    for peer in 0..4 {
        let taken = network.post(peer, &path, &spin.json.to_string());
        assert!(taken.status < 300, "{taken:?}");
    }
    // Blocks with it have no result anywhere, so it is set apart and others become final.
    for _ in 0..6 {
        let paid = network.cli(&["tx", "send", "token", "transfer", "to=carol", "amount=1"]);
        assert_eq!(paid.code, 0, "{paid:?}");
    }
    for peer in 0..4 {
        let told = network.get(peer, &format!("{path}/{}", spin.id)).json();
        assert!(told["receipt"].is_null() && told["state"] != "final", "{told}");
        let why = frozen(&network, peer);
        assert!(why.is_null(), "time is no matter of the chain: {why}");
    }
    assert_eq!(query(&network, 0, "count"), "6", "questions go on meanwhile");
    // Leaders left the SCORE out for 64 views, which pass with the transactions of others.
    let later = wallet.sign(&wallet.call("ward", "count_up", vec![0x80]));
    assert!(network.post(0, &path, &later.json.to_string()).status < 300);
    eventually(GOES_ON_WITHIN, "the SCORE goes on as well", || {
        let paid = network.cli(&["tx", "send", "token", "transfer", "to=carol", "amount=1"]);
        assert_eq!(paid.code, 0, "{paid:?}");
        let told = network.get(0, &format!("{path}/{}", later.id)).json();
        (told["state"] == "final").then_some(())
    });
}
