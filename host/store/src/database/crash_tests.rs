//! A process that commits blocks while its system calls fail or end it: what was acknowledged is
//! there afterwards, whatever the call.
//!
//! The test runs itself again under strace with a small workload, and opens what that left. All
//! calls of every kind are failed with `LOOPCHAIN_CRASH_SWEEP=full`; else a few of each.

use super::tests::{check_chain, genesis, grow, next, open, vote_for};
use super::*;
use std::collections::BTreeMap;
use std::process::{Command, Output};

/// The folder of the workload, for the process that does it.
const FOLDER: &str = "LOOPCHAIN_CRASH_FOLDER";
/// `full` or `os`.
const DURABILITY: &str = "LOOPCHAIN_CRASH_DURABILITY";
/// How many blocks it commits.
const BLOCKS: &str = "LOOPCHAIN_CRASH_BLOCKS";
/// `full` fails every call once in every way.
const SWEEP: &str = "LOOPCHAIN_CRASH_SWEEP";

/// Calls that change what a disk holds.
const CALLS: [&str; 6] = ["write", "pwrite64", "ftruncate", "fsync", "fdatasync", "rename"];
const FAULTS: [&str; 3] = ["signal=KILL", "error=EIO", "error=ENOSPC"];
/// Positions of one call and fault that are tried without `full`.
const POSITIONS: usize = 4;
const SWEPT_BLOCKS: u64 = 6;

/// Marks what happened with a call that no fault is injected into.
fn mark(folder: &Path, what: &str) {
    std::fs::create_dir(folder.join(what)).unwrap();
}

/// The workload; nothing when this is not the process that does it.
#[test]
fn the_process_that_commits_blocks_for_the_other_tests() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let is_os = std::env::var(DURABILITY).is_ok_and(|word| word == "os");
    let durability = if is_os { Durability::Os } else { Durability::Full };
    let blocks: u64 = std::env::var(BLOCKS).unwrap().parse().unwrap();
    let options = StoreOptions::shared_out(durability, 32 << 20, 1);
    let Ok(mut store) = ChannelStore::open(&folder.join("store"), &genesis(20), &options) else {
        return mark(&folder, "not-opened");
    };
    for height in 1..=blocks {
        let commit = next(&store, &[]);
        let outcome = vote_for(&store, &commit).and_then(|()| store.commit(&[commit]));
        if outcome.is_ok() {
            mark(&folder, &format!("acknowledged-{height}"));
            continue;
        }
        mark(&folder, "failed");
        // Whatever failed, the store takes nothing more.
        let commit = next(&store, &[]);
        let again = vote_for(&store, &commit).and_then(|()| store.commit(&[commit]));
        if !matches!(again, Err(StoreError::Poisoned { .. })) {
            mark(&folder, "went-on");
        }
        return;
    }
}

/// Runs the workload under strace.
fn run(folder: &Path, (durability, blocks): (&str, u64), strace: &[&str]) -> Output {
    let mut command = Command::new("strace");
    command.args(["-f", "-q", "-o"]).arg(folder.join("trace")).args(strace);
    command.arg(std::env::current_exe().unwrap());
    let test = "the_process_that_commits_blocks_for_the_other_tests";
    command.args(["--exact", &format!("database::crash_tests::{test}"), "--test-threads=2"]);
    command.env(FOLDER, folder).env(DURABILITY, durability).env(BLOCKS, blocks.to_string());
    command.output().expect("this test needs strace (Debian: apt-get install strace)")
}

/// How often each call was made by the thread that made it most.
fn counts(folder: &Path) -> BTreeMap<String, usize> {
    let trace = std::fs::read_to_string(folder.join("trace")).unwrap();
    let mut by_thread: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in trace.lines() {
        let mut words = line.split_whitespace();
        let (Some(thread), Some(call)) = (words.next(), words.next()) else { continue };
        let Some((call, _)) = call.split_once('(') else { continue };
        *by_thread.entry((thread.to_owned(), call.to_owned())).or_default() += 1;
    }
    let mut most = BTreeMap::new();
    for ((_, call), count) in by_thread {
        let highest: &mut usize = most.entry(call).or_default();
        *highest = count.max(*highest);
    }
    most
}

fn traced(calls: &str) -> String {
    format!("trace={calls}")
}

#[test]
fn only_full_durability_syncs_each_commit() {
    let syncs = |durability, blocks| {
        let dir = tempfile::tempdir().unwrap();
        let trace = traced("fsync,fdatasync");
        let output = run(dir.path(), (durability, blocks), &["-e", &trace]);
        assert!(output.status.success(), "{output:?}");
        assert!(dir.path().join(format!("acknowledged-{blocks}")).exists());
        check_chain(&open(&dir.path().join("store")).unwrap(), blocks);
        counts(dir.path()).get("fdatasync").copied().unwrap_or(0)
            + counts(dir.path()).get("fsync").copied().unwrap_or(0)
    };
    // Body and result, the batch, the marker.
    let (few, many) = (syncs("full", 2), syncs("full", 12));
    assert!(many >= few + 3 * 10, "{few} and {many}");
    assert_eq!(syncs("os", 2), syncs("os", 12), "commits add none");
}

#[test]
fn whatever_call_fails_or_is_the_last_all_that_was_acknowledged_is_there() {
    let is_full = std::env::var(SWEEP).is_ok_and(|word| word == "full");
    let dir = tempfile::tempdir().unwrap();
    let output = run(dir.path(), ("full", SWEPT_BLOCKS), &["-e", &traced(&CALLS.join(","))]);
    assert!(output.status.success(), "{output:?}");
    let counts = counts(dir.path());
    let (mut tried, mut broken) = (0, Vec::new());
    for (call, count) in CALLS.iter().filter_map(|call| Some((call, *counts.get(*call)?))) {
        for (shift, fault) in FAULTS.iter().enumerate() {
            let step = if is_full { 1 } else { count.div_ceil(POSITIONS) };
            // Each fault meets other positions.
            for position in (1 + shift % step..=count).step_by(step) {
                tried += 1;
                broken.extend(survives(call, fault, position));
            }
        }
    }
    assert!(broken.is_empty(), "{} of {tried}: {broken:#?}", broken.len());
    assert!(tried > 30, "{tried} faults in {counts:?}");
}

/// Gives what kept the store from opening.
fn survives(call: &str, fault: &str, position: usize) -> Option<String> {
    let at = format!("{call} {fault} at {position}");
    let dir = tempfile::tempdir().unwrap();
    let inject = format!("inject={call}:{fault}:when={position}");
    run(dir.path(), ("full", SWEPT_BLOCKS), &["-e", &traced(call), "-e", &inject]);
    let is = |what: &str| dir.path().join(what).exists();
    assert!(!is("went-on"), "{at}: it took another block after an error");
    let acknowledged =
        (1..=SWEPT_BLOCKS).filter(|h| is(&format!("acknowledged-{h}"))).count() as u64;
    let store = dir.path().join("store");
    let marker = store.join("tip");
    let marked = marker
        .exists()
        .then(|| TipMarker::open_on(&RealDisk::default(), &marker).unwrap().1)
        .flatten();
    let mut opened = match open(&store) {
        Ok(opened) => opened,
        Err(error) => return Some(format!("{at}: {error}")),
    };
    let tip = opened.reader().tip().height.get();
    assert!((acknowledged..=acknowledged + 1).contains(&tip), "{at}: {acknowledged}, tip {tip}");
    let marked = marked.map_or(0, |marked| marked.height.get());
    assert!(marked == tip || marked + 1 == tip, "{at}: the marker says {marked}, tip {tip}");
    check_chain(&opened, tip);
    grow(&mut opened, 1);
    check_chain(&opened, tip + 1);
    None
}
