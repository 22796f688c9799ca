//! Fifty channels on one peer: new ones and ones that exist are there soon after the start, and each costs a
//! bounded share of memory, threads and files. The figures are in docs/PERFORMANCE.md.

use crate::homes::{Homes, PEERS};
use std::time::{Duration, Instant};
use tests::{eventually, http};

const COUNT: usize = 50;
/// For a debug build on a machine that is compiling besides; a release build alone: 5 s.
const THERE_WITHIN: Duration =
    if cfg!(debug_assertions) { Duration::from_secs(30) } else { Duration::from_secs(5) };
/// Memory of a peer without channels: the program, its plugins, the cache of rules.
const PEER_KB_MAX: u64 = 64 << 10;
/// Memory of a channel that nobody uses: database, segments, rule, queues.
const CHANNEL_KB_MAX: u64 = 2 << 10;
/// A thread writes its store, one keeps its database; the rest are the peer's.
const CHANNEL_THREADS_MAX: u64 = 2;
const PEER_THREADS_MAX: u64 = 24;

/// A line of `/proc/PID/status`.
fn status(pid: u32, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn fifty_channels_are_there_soon_and_cost_little() {
    let names: Vec<_> = (0..COUNT).map(|number| format!("c{number}")).collect();
    let mut homes = Homes::with(&names.join(","));
    let url = format!("{}/api/v2/channels", homes.url(0));
    for round in ["new", "old"] {
        let started = Instant::now();
        homes.start(PEERS[0]);
        eventually(THERE_WITHIN, round, || {
            let answer = http::exchange("GET", &url, &[], None).ok()?;
            let listed = answer.json()["channels"].as_array()?.len();
            (listed == COUNT).then_some(())
        });
        assert!(started.elapsed() <= THERE_WITHIN);
        let (pid, count) = (homes.pid(PEERS[0]), COUNT as u64);
        let (memory, threads) = (status(pid, "VmHWM"), status(pid, "Threads"));
        assert!(memory <= PEER_KB_MAX + count * CHANNEL_KB_MAX, "{round}: {memory} kB");
        assert!(threads <= PEER_THREADS_MAX + count * CHANNEL_THREADS_MAX, "{round}: {threads}");
        homes.kill(PEERS[0]);
    }
}
