//! A fault in the memory of one machine, made on purpose: bytes of a running worker are overwritten.
//!
//! In: a peer's process, bytes to look for, bytes to put there. Out: how often they were found. A
//! test that needs this runs as root, as the kernel lets nobody else write there.

use crate::process;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

/// Parts of an address space larger than this are arenas: code and constants are not there.
const PART_BYTES_MAX: u64 = 8 << 20;

/// The workers of a peer.
#[must_use]
pub fn workers(peer: u32) -> Vec<u32> {
    let is_child = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1));
        parent == Some(&peer.to_string())
    };
    process::with_text("score-worker").into_iter().filter(is_child).collect()
}

/// Overwrites every place in the workers of a peer that holds `old`; how many there were.
///
/// # Panics
/// When a worker's memory cannot be written.
#[must_use]
pub fn overwrite(peer: u32, old: &[u8], new: &[u8]) -> usize {
    assert_eq!(old.len(), new.len(), "nothing moves");
    workers(peer).into_iter().map(|worker| overwrite_in(worker, old, new)).sum()
}

fn overwrite_in(worker: u32, old: &[u8], new: &[u8]) -> usize {
    let path = format!("/proc/{worker}/mem");
    let memory = OpenOptions::new().read(true).write(true).open(&path);
    let memory = memory.unwrap_or_else(|error| panic!("{path}: {error}; is this root?"));
    let mut found = 0;
    for (start, end) in parts(worker) {
        let mut bytes = vec![0; usize::try_from(end - start).unwrap_or(0)];
        if memory.read_exact_at(&mut bytes, start).is_err() {
            continue;
        }
        let places = bytes.windows(old.len()).enumerate().filter(|(_, window)| *window == old);
        for (at, _) in places {
            write(&memory, start + at as u64, new, &path);
            found += 1;
        }
    }
    found
}

fn write(memory: &File, at: u64, new: &[u8], path: &str) {
    memory.write_all_at(new, at).unwrap_or_else(|error| panic!("{path}: {error}"));
}

/// Readable parts of an address space that may be code or constants of a SCORE.
fn parts(worker: u32) -> Vec<(u64, u64)> {
    let maps = std::fs::read_to_string(format!("/proc/{worker}/maps")).unwrap_or_default();
    let part = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let (start, end) =
            (u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?);
        let is_own = rest.starts_with('r') && !line.contains("[v") && !line.ends_with("loopchain");
        (is_own && end - start <= PART_BYTES_MAX).then_some((start, end))
    };
    maps.lines().filter_map(part).collect()
}
