//! CPU time of a thread and of processes, and the cost of one call in it. Other programs on the
//! same cores move CPU time far less than wall time.
//!
//! In: `/proc`. Out: seconds, nanoseconds. Where the kernel keeps no scheduler statistics, wall
//! time stands in for a thread's.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

/// Ticks of `/proc/PID/stat` per second: fixed for user space on every Linux platform.
const TICKS_PER_SECOND: f64 = 100.0;
/// Measured this often; the median counts.
const REPETITIONS: usize = 5;

/// Time that this thread has spent on a core.
#[must_use]
pub fn of_this_thread(since: Instant) -> Duration {
    // The kernel adds to the sum when the thread is scheduled or asks to be.
    std::thread::yield_now();
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let on_core = text.split_whitespace().next().and_then(|field| field.parse().ok());
    on_core.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

/// Nanoseconds of CPU that one call of `work` takes; the median of several runs that together take
/// about `budget`.
pub fn nanoseconds_per_call(budget: Duration, mut work: impl FnMut()) -> f64 {
    let since = Instant::now();
    let window = budget / (REPETITIONS as u32 + 1);
    let (start, mut calls) = (of_this_thread(since), 0u32);
    let calibrated = Instant::now();
    while calibrated.elapsed() < window {
        work();
        calls += 1;
    }
    let per_call = of_this_thread(since).saturating_sub(start).as_secs_f64() / f64::from(calls);
    let wanted = (window.as_secs_f64() / per_call.max(1e-9)).clamp(1.0, 1e9);
    let mut results: Vec<f64> = (0..REPETITIONS)
        .map(|_| {
            let (start, mut done) = (of_this_thread(since), 0.0);
            while done < wanted {
                work();
                done += 1.0;
            }
            of_this_thread(since).saturating_sub(start).as_secs_f64() * 1e9 / done
        })
        .collect();
    median(&mut results)
}

/// The middle value; 0 for none.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// What `/proc` says of one process.
#[derive(Clone, Copy, Debug, PartialEq)]
struct ProcessTimes {
    parent: u32,
    seconds: f64,
}

/// Reads `/proc/PID/stat`. CPU of children that have ended counts, as they belong to the work.
fn parse_stat(text: &str) -> Option<ProcessTimes> {
    // The name in brackets may hold anything, so fields count from the last bracket.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<f64>().ok());
    let ticks = ticks.sum::<Option<f64>>()?;
    Some(ProcessTimes { parent: fields.get(1)?.parse().ok()?, seconds: ticks / TICKS_PER_SECOND })
}

fn all_processes() -> BTreeMap<u32, ProcessTimes> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((pid, parse_stat(&stat)?))
        })
        .collect()
}

/// CPU seconds of a process and of everything below it (a peer and the workers of its SCOREs).
#[must_use]
pub fn of_process_tree(root: u32) -> f64 {
    let processes = all_processes();
    let is_below = |mut pid: u32| {
        // A process tree is far less deep than this; the bound ends a loop of reused ids.
        for _ in 0..64 {
            match processes.get(&pid) {
                _ if pid == root => return true,
                Some(process) => pid = process.parent,
                None => return false,
            }
        }
        false
    };
    processes.iter().filter(|(pid, _)| is_below(**pid)).map(|(_, times)| times.seconds).sum()
}

/// Resident memory of a process, bytes; 0 when it is gone.
#[must_use]
pub fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_name_of_the_process() {
        let line = "12 (a) b) S 7 12 12 0 -1 4194304 1 2 3 4 100 50 30 20 20 0 1 0 5 6 7";
        assert_eq!(parse_stat(line), Some(ProcessTimes { parent: 7, seconds: 2.0 }));
        assert_eq!(parse_stat("12 (x) S"), None);
    }

    #[test]
    fn work_costs_cpu_and_more_work_costs_more() {
        let sum = |n: u64| (0..n).fold(0u64, |a, b| std::hint::black_box(a ^ b));
        let budget = Duration::from_millis(60);
        let little = nanoseconds_per_call(budget, || _ = std::hint::black_box(sum(1_000)));
        let much = nanoseconds_per_call(budget, || _ = std::hint::black_box(sum(100_000)));
        assert!(little > 0.0 && much > 10.0 * little, "{little} {much}");
    }

    #[test]
    fn this_process_has_used_cpu_and_memory() {
        assert!(of_process_tree(std::process::id()) >= 0.0);
        assert!(resident_bytes(std::process::id()) > 1024 * 1024);
    }
}
