//! Exit codes as `loopchain explain exit-codes` tables them, over real runs of the program.
//!
//! In: one command for each code. Out: a failure that names the command. Deliberately not here: which
//! error has which code (the registry's page, docs/spec/errors.md, tells that).

use crate::sample;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;
use tests::network::{Network, clean, run};
use tests::{eventually, process};

/// For a command that follows something to print its first line.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(20);
/// From a signal to the end of who gets it.
const ENDS_WITHIN: Duration = Duration::from_secs(20);

#[test]
fn the_exit_codes_that_need_no_network_are_those_of_the_table() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("receipt.json"), "no receipt").unwrap();
    let genesis = "0".repeat(64);
    let rows: [(i32, &str, Vec<&str>); 6] = [
        (0, "", vec!["version"]),
        (1, "LC1304", vec!["score", "build", "."]),
        (2, "LC1001", vec!["nonsense", "--json"]),
        (3, "LC7104", vec!["explain", "LC0001"]),
        (5, "LC1303", vec!["status"]),
        (7, "LC3311", vec!["verify", "receipt.json", "--genesis", &genesis]),
    ];
    let tabled = run(&sample().program, folder.path(), &["explain", "exit-codes"]).stdout;
    for (code, error, arguments) in rows {
        let said = run(&sample().program, folder.path(), &arguments);
        assert_eq!((said.code, said.error().as_str()), (code, error), "{arguments:?}: {said:?}");
        assert!(tabled.contains(&format!("\n{code:>4}  ")) || code == 0, "{code} in {tabled}");
    }
}

#[test]
fn what_was_refused_what_is_not_final_yet_and_what_was_interrupted_are_told_apart() {
    let network = Network::up(sample());
    let pay = ["tx", "send", "token", "transfer", "to=carol", "amount=1"];
    assert_eq!(network.cli(&pay).code, 0);
    let by_auditor = network.cli(&[&pay[..], &["--identity", "auditor"]].concat());
    assert_eq!((by_auditor.code, by_auditor.error().as_str()), (4, "LC4301"), "{by_auditor:?}");

    for (signal, number) in [("INT", 2), ("TERM", 15)] {
        let out = network.folder().join(format!("follows-{signal}"));
        let mut follow = Command::new(sample().program);
        clean(&mut follow);
        follow.args(["logs", "--follow"]).current_dir(network.folder()).stdin(Stdio::null());
        follow.arg("--data").arg(network.data()).stderr(Stdio::null());
        follow.stdout(std::fs::File::create(&out).unwrap());
        let mut follow = follow.spawn().unwrap();
        eventually(FOLLOWS_WITHIN, "`logs --follow` prints", || {
            std::fs::metadata(&out).is_ok_and(|file| file.len() > 0).then_some(())
        });
        process::signal(signal, &[follow.id()]);
        // A shell ignores SIGINT in what it starts with `&`, and whoever that starts does, too.
        let ended = process::ended(&mut follow, ENDS_WITHIN);
        follow.kill().unwrap();
        // A shell shows 128 and the number of the signal.
        let by = ended.and_then(|ended| ended.signal());
        assert_eq!(by, Some(number), "{ended:?}; are these tests run with `&`?");
    }

    // Two of four are no quorum: it is taken, and does not become final.
    process::signal("STOP", &[network.pid_of("peer2"), network.pid_of("peer3")]);
    let waits = network.cli(&[&pay[..], &["--timeout", "2s"]].concat());
    assert_eq!((waits.code, waits.error().as_str()), (6, "LC3204"), "{waits:?}");
    assert!(waits.stderr.contains("loopchain tx wait "), "{waits:?}");
}
