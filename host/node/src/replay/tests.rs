//! What replay tells of receipts and folders, and that nothing of a node reaches into it.

use super::compare::told;
use super::rehearsal::Steps;
use super::{Place, Replay, Workers};
use host_types::receipt::{Receipt, Status};
use host_types::{Code, Height};
use score_native_link::Sandbox;
use std::path::{Path, PathBuf};

fn receipt(status: Status, code: u32, output: &[u8]) -> Receipt {
    Receipt::new((status, code), output.to_vec(), &[], &[], 7)
}

#[test]
fn a_receipt_is_told_in_one_line_whatever_a_score_says() {
    let fault = receipt(Status::Fault, 1, b"too little\nand forged");
    assert_eq!(told(&fault), "fault 1 too little\\nand forged, 7 steps");
    assert_eq!(told(&receipt(Status::Trap, 0xfffe_0002, b"")), "trap 0xfffe0002, 7 steps");
    assert_eq!(told(&receipt(Status::Refused, 2115, b"")), "refused LC2115, 7 steps");
    assert_eq!(told(&receipt(Status::Ok, 0, &[0x18, 0x2a])), "ok 182a, 7 steps");
    let long = told(&receipt(Status::Ok, 0, &[1; 1000]));
    assert!(long.ends_with("01… (1000 bytes), 7 steps") && long.len() < 150, "{long}");
}

#[test]
fn a_block_without_a_result_here_is_no_difference_but_a_refusal_of_its_own() {
    let error = host_core::input::ExecuteError::NoResult("the worker is gone".to_owned());
    let refused = super::no_result(Height::new(7), error);
    assert_eq!(refused.code, Code::ReplayNoResult);
    assert_eq!(refused.message, "block 7 has no result on this machine: the worker is gone");
}

#[test]
fn steps_have_a_ratio_only_when_any_were_counted() {
    assert_eq!(Steps::default().ratio(), None);
    let steps = Steps { old_sum: 200, new_sum: 300, ..Steps::default() };
    assert_eq!(steps.ratio(), Some(1.5));
}

#[test]
fn a_folder_without_a_store_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::of(folder.path(), "demo");
    assert_eq!(place.channel, folder.path().join("channels/demo"));
    let workers = Workers { program: "/bin/false".into(), sandbox: Sandbox::Strict };
    let refused = Replay::before(&place, workers, Height::new(1), &mut |_, _| true).unwrap_err();
    assert_eq!(refused.code, Code::ConfigUnreadable);
    assert!(refused.message.contains("`db` and `blocks` are missing"), "{refused}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => rust_files(&path, found),
            false if path.extension().is_some_and(|ending| ending == "rs") => found.push(path),
            false => {}
        }
    }
}

/// Files below `host` that call a method of this name.
fn callers(method: &str) -> Vec<String> {
    let root = score_native_link::build::source_tree().unwrap();
    let mut files = Vec::new();
    rust_files(&root.join("host"), &mut files);
    let calls = |path: &PathBuf| std::fs::read_to_string(path).unwrap().contains(method);
    let shown = |path: PathBuf| path.strip_prefix(&root).unwrap().display().to_string();
    let mut found: Vec<_> = files.into_iter().filter(calls).map(shown).collect();
    found.sort();
    found
}

#[test]
fn no_node_starts_a_worker_outside_the_sandbox() {
    // Built in two pieces, so that this file is not among those that it finds.
    assert_eq!(callers(concat!(".for_", "debugger()")), ["host/node/src/scores.rs"]);
    let starts = concat!(".start_for_", "debugger(");
    assert_eq!(callers(starts), ["host/node/src/replay/native.rs"]);
    // And what runs it is reached from the command line only.
    assert_eq!(callers(concat!("replay.", "native(")), ["host/cli/src/cmd/replay.rs"]);
}
