//! How commands behave in pipes: progress that nobody could see, readers that go away, disks that are full.
//!
//! In: commands of a running network. Out: a failure that shows what was said. What needs a terminal is
//! tested with a clock and a screen of its own (`host/cli/src/progress.rs`).

use crate::{NETWORK, sample};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;
use tests::network::clean;
use tests::process;

/// From the end of whoever read to the end of the command.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

#[test]
fn without_a_terminal_there_is_no_spinner_and_at_most_a_line_for_each_work() {
    let network = NETWORK.lease(sample);
    // It copies a store, checks and re-runs it: three works, each with its progress.
    let said = network.cli(&["audit", "verify", "--deep", "--peer", "peer0"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!said.stderr.contains(['\u{1b}', '\r']), "{said:?}");
    let lines: Vec<_> = said.stderr.lines().collect();
    assert!(lines.len() <= 3, "{said:?}");
    for line in lines {
        assert!(line.starts_with("  ✓ ") && line.ends_with(" s"), "{said:?}");
    }
    for quick in [&["status"][..], &["ps"], &["query", "token.balance_of", "who=carol"]] {
        let said = network.cli(quick);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{said:?}");
    }
}

#[test]
fn who_follows_something_ends_when_nobody_reads_it() {
    let network = NETWORK.lease(sample);
    let sent = network.cli(&["tx", "send", "token", "transfer", "to=carol", "amount=1"]);
    assert_eq!(sent.code, 0, "{sent:?}");
    for what in [&["logs", "--follow"][..], &["event", "watch", "--from", "1"]] {
        let mut follow = Command::new(sample().program);
        clean(&mut follow);
        follow.args(what).args(["--json", "--data"]).arg(network.data());
        follow.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut follow = follow.spawn().unwrap();
        let mut first = String::new();
        BufReader::new(follow.stdout.take().unwrap()).read_line(&mut first).unwrap();
        assert!(first.starts_with('{'), "{what:?}: {first}");
        // The pipe is closed, and nothing more is said: it has to look.
        let status = process::ended(&mut follow, ENDS_WITHIN).expect("it ends");
        let said = std::io::read_to_string(follow.stderr.take().unwrap()).unwrap();
        assert!(status.success() && said.is_empty(), "{what:?}, {status}: {said}");
    }
}

#[test]
fn data_that_cannot_be_written_is_an_error() {
    let mut command = Command::new(sample().program);
    clean(&mut command);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command.args(["version", "--json"]).stdout(full).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("LC1101") && said.contains("stdout"), "{said}");
}
