//! A network that is well writes no warning and no error: start, blocks, stop.
//!
//! In: a fresh network, a hundred blocks on a channel, the end. Out: a failure with the lines. What a
//! sandbox lacks on a machine of developers (`LC6103`, `sandbox.incomplete`) is not counted.

use crate::sample;
use serde_json::Value;
use std::time::Duration;
use tests::network::CHANNEL;
use tests::{Network, eventually};

const BLOCKS: u64 = 100;
/// For one block; they come every 0.2 s while there is work.
const BLOCK_WITHIN: Duration = Duration::from_secs(20);

/// Whether a line complains of anything but the sandbox of this machine.
fn complains(line: &str) -> bool {
    let Ok(line) = serde_json::from_str::<Value>(line) else {
        // A panic, or what a library printed.
        return !line.trim().is_empty();
    };
    let is_bad = ["WARN", "ERROR"].iter().any(|level| line["level"] == *level);
    let is_of_sandbox = line["code"] == "LC6103" || line["event"] == "sandbox.incomplete";
    is_bad && !is_of_sandbox
}

#[test]
fn a_normal_start_a_hundred_blocks_and_a_stop_write_no_warning_and_no_error() {
    let mut network = Network::up(sample().with_helpers());
    let first = network.height(0, CHANNEL).unwrap();
    while network.height(0, CHANNEL).unwrap() < first + BLOCKS {
        let before = network.height(0, CHANNEL).unwrap();
        let pay = ["tx", "send", "token", "transfer", "to=carol", "amount=1", "--no-wait"];
        assert_eq!(network.cli(&pay).code, 0);
        eventually(BLOCK_WITHIN, "the next block is final", || {
            (network.height(0, CHANNEL)? > before).then_some(())
        });
    }
    assert!(network.interrupt().success());
    let mut lines = Vec::new();
    for file in std::fs::read_dir(network.data().join("logs")).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        lines.extend(
            text.lines().filter(|line| complains(line)).map(|line| format!("{name}: {line}")),
        );
    }
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn what_is_a_complaint_is_told_from_what_is_none() {
    assert!(complains(r#"{"level":"WARN","message":"x"}"#) && complains("thread 'a' panicked"));
    assert!(!complains(r#"{"level":"INFO","message":"x"}"#));
    assert!(!complains(r#"{"level":"WARN","event":"sandbox.incomplete","message":"x"}"#));
}
