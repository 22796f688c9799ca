//! F: how long the disk takes to make 4 KiB durable.

use crate::error::BenchError;
use crate::scratch::Scratch;
use hdrhistogram::Histogram;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// What is written before every sync, bytes: a batch of the sign log is about so large.
const BYTES: usize = 4096;

/// Times of one kind of operation, in nanoseconds.
pub type Times = Histogram<u64>;

/// An empty histogram from 100 ns to a minute, three figures exact.
///
/// # Errors
/// Never with these bounds; the library asks.
pub fn new_times() -> Result<Times, BenchError> {
    Histogram::new_with_bounds(100, 60_000_000_000, 3)
        .map_err(|error| BenchError::void(format!("a histogram: {error}")))
}

/// Notes the time since `start`.
pub fn note(times: &mut Times, start: Instant) {
    times.saturating_record(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
}

/// A quantile in milliseconds.
#[must_use]
pub fn ms(times: &Times, quantile: f64) -> f64 {
    nanos(times.value_at_quantile(quantile)) / 1e6
}

/// A quantile in microseconds.
#[must_use]
pub fn us(times: &Times, quantile: f64) -> f64 {
    nanos(times.value_at_quantile(quantile)) / 1e3
}

const fn nanos(value: u64) -> f64 {
    value as f64
}

/// Appends 4 KiB and syncs, `count` times, in a file below `dir`.
///
/// # Errors
/// The disk.
pub fn sync_times(dir: &Path, count: usize) -> Result<Times, BenchError> {
    let scratch = Scratch::new(dir)?;
    let path = scratch.path().join("sync");
    let mut file = File::create(&path).map_err(BenchError::disk("make", &path))?;
    let (mut times, bytes) = (new_times()?, [0x5a; BYTES]);
    for _ in 0..count {
        let start = Instant::now();
        file.write_all(&bytes)
            .and_then(|()| file.sync_data())
            .map_err(BenchError::disk("write and sync", &path))?;
        note(&mut times, start);
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sync_is_counted() {
        let times = sync_times(&std::env::temp_dir(), 5).unwrap();
        assert_eq!(times.len(), 5);
        assert!(ms(&times, 0.5) <= ms(&times, 0.99));
    }
}
