//! Sees on every peer which blocks are final when, and turns that into latencies.
//!
//! In: the peers. Out: per peer a series of (time, height, transactions). Only heights are polled
//! while the load runs, because that is cheap; which transaction is in which block is read from one
//! peer afterwards, as final blocks are the same everywhere. A block counts as final on a peer when
//! it is first seen there, so latencies are too long by up to the polling interval.

use super::client::Client;
use super::network::LocalNetwork;
use crate::error::BenchError;
use host_types::TxId;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a peer said at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Since the clock of the run.
    pub(super) at: Duration,
    pub(super) height: u64,
    pub(super) transactions: u64,
}

/// The polling tasks.
#[derive(Debug)]
pub(super) struct Watcher {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<Result<Vec<Sample>, BenchError>>>,
}

impl Watcher {
    /// Starts to poll every peer for its state of a channel at this interval.
    pub(super) fn start(
        network: &LocalNetwork,
        channel: &'static str,
        clock: Instant,
        interval: Duration,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let tasks = network.peers.iter().map(|peer| {
            let asked = (peer.rest.clone(), channel);
            tokio::spawn(follow(asked, clock, interval, stopped.clone()))
        });
        Self { tasks: tasks.collect(), stop }
    }

    /// Stops and gives the series of each peer.
    pub(super) async fn finish(self) -> Result<Vec<Vec<Sample>>, BenchError> {
        self.stop.send_replace(true);
        let mut all = Vec::new();
        for task in self.tasks {
            all.push(task.await.map_err(|_| BenchError::void("a watcher panicked"))??);
        }
        Ok(all)
    }
}

async fn follow(
    (address, channel): (String, &'static str),
    clock: Instant,
    interval: Duration,
    stopped: watch::Receiver<bool>,
) -> Result<Vec<Sample>, BenchError> {
    let mut client = Client::open_on(&address, channel).await?;
    let mut series: Vec<Sample> = Vec::new();
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let is_last = *stopped.borrow();
        let state = client.channel().await?;
        let (height, transactions) = (state.height, state.transactions);
        series.push(Sample { at: clock.elapsed(), height, transactions });
        if is_last {
            return Ok(series);
        }
    }
}

/// Transactions per second that every peer had committed between two times.
pub(super) fn rate(series: &[Vec<Sample>], from: Duration, to: Duration) -> f64 {
    let rates = series.iter().filter_map(|samples| {
        let first = samples.iter().find(|sample| sample.at >= from)?;
        let last = samples.iter().rfind(|sample| sample.at <= to)?;
        let seconds = last.at.checked_sub(first.at)?.as_secs_f64();
        let count = last.transactions.checked_sub(first.transactions)?;
        (seconds > 0.0).then(|| count as f64 / seconds)
    });
    let slowest = rates.fold(f64::INFINITY, f64::min);
    if slowest.is_finite() { slowest } else { 0.0 }
}

/// When a height was first seen on the fastest and on the slowest peer; `None` when one never saw
/// it.
pub(super) fn seen(series: &[Vec<Sample>], height: u64) -> Option<(Duration, Duration)> {
    let times = series.iter().map(|samples| {
        let at = samples.partition_point(|sample| sample.height < height);
        samples.get(at).map(|sample| sample.at)
    });
    let times = times.collect::<Option<Vec<_>>>()?;
    Some((times.iter().min().copied()?, times.iter().max().copied()?))
}

/// In which block each transaction is, for blocks from `first` to `last`.
pub(super) async fn places(
    address: &str,
    first: u64,
    last: u64,
) -> Result<HashMap<TxId, u64>, BenchError> {
    let mut client = Client::open(address).await?;
    let mut places = HashMap::new();
    for height in first..=last {
        for id in client.block(height).await? {
            if places.insert(id, height).is_some() {
                return Err(BenchError::void(format!("{id} is in two blocks")));
            }
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(u64, u64, u64)]) -> Vec<Sample> {
        let sample = |(ms, height, transactions): &(u64, u64, u64)| Sample {
            at: Duration::from_millis(*ms),
            height: *height,
            transactions: *transactions,
        };
        points.iter().map(sample).collect()
    }

    #[test]
    fn the_slowest_peer_sets_the_rate() {
        let fast = series(&[(0, 1, 0), (100, 2, 100), (1_100, 9, 1_100), (1_200, 9, 9_000)]);
        let slow = series(&[(0, 1, 0), (100, 2, 100), (1_100, 8, 600), (1_200, 9, 9_000)]);
        let (from, to) = (Duration::from_millis(50), Duration::from_millis(1_150));
        assert!((rate(&[fast.clone(), slow], from, to) - 500.0).abs() < 1e-6);
        assert!((rate(&[fast], from, to) - 1_000.0).abs() < 1e-6);
        assert!(rate(&[], from, to).abs() < f64::EPSILON);
    }

    #[test]
    fn a_block_is_final_with_the_last_peer() {
        let one = series(&[(5, 1, 0), (10, 3, 0)]);
        let other = series(&[(5, 1, 0), (20, 2, 0), (30, 4, 0)]);
        let both = [one, other];
        let ms = Duration::from_millis;
        assert_eq!(seen(&both, 2), Some((ms(10), ms(20))));
        assert_eq!(seen(&both, 3), Some((ms(10), ms(30))));
        assert_eq!(seen(&both, 4), None);
    }
}
