//! The examples that are networks: their scripts do what they say.

use score_native_link::build::source_tree;
use std::process::{Command, Stdio};
use tests::network::{build_scores, clean};
use tests::ports::BasePort;

/// Runs the script of an example, which says `last` when all of it is done.
fn run(example: &str, last: &str) {
    build_scores();
    let port = BasePort::take();
    let mut script = Command::new("bash");
    clean(&mut script);
    let path = source_tree().unwrap().join(format!("examples/{example}/run.sh"));
    script.arg(path).stdin(Stdio::null());
    script.env("LOOPCHAIN", env!("CARGO_BIN_EXE_loopchain-under-test"));
    script.env("BASE_PORT", port.number.to_string());
    let said = script.output().unwrap();
    let [out, err] = [&said.stdout, &said.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(said.status.success(), "{out}\n{err}");
    assert!(out.ends_with(&format!("{last}\n")), "{out}");
}

#[test]
fn two_channels_pay_apart() {
    run("two-channels", "two channels: paid on one, nothing moved on the other");
}

#[test]
fn an_auditor_follows_by_a_grant_and_leaves_a_trail() {
    run(
        "auditor",
        "auditor: followed by a grant, verified, and left a trail that the chain covers",
    );
}
