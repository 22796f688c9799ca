//! `bench net`: a network of real processes on this machine under load.
//!
//! In: peers, a rate or `max`, a duration. Out: committed transactions per second, latency until
//! the *last* peer has committed, CPU per transaction, and ratios to B4, L and F of the same run.
//! Every transaction is a signed `transfer` of the token SCORE, sent alone over REST; all of them
//! are signed before a clock runs. Below `max` the load is an open loop: a transaction's latency
//! counts from when it should have been sent, so a slow network cannot hide behind a slow client.
//!
//! | part | does |
//! |---|---|
//! | `network` | starts and stops `loopchain up` on a folder of its own |
//! | `client` | the few REST calls that are needed |
//! | `members` | keys, certificates, registration, funds |
//! | `idle` | what the network costs and takes when nothing else happens |
//! | `load` | sends |
//! | `channels` | a quiet channel beside an attacked one: `bench channels` |
//! | `sum` | four channels together against one of them: the same command |
//! | `watch` | sees on every peer what is final when |

mod channels;
mod client;
mod idle;
mod load;
mod members;
mod network;
mod session;
mod slowest;
mod sum;
mod summary;
mod watch;

use crate::CommonOptions;
use crate::bound::anchor;
use crate::disk::{ms, sync_times, us};
use crate::error::BenchError;
use crate::floor::{Kind, measure as measure_floor};
use crate::loopback::round_trips;
use crate::report::Report;
use crate::scratch::Scratch;
pub use channels::{Attack, ChannelsOptions, run as run_channels};
pub use load::Pace;
use network::LocalNetwork;
use session::Session;
use std::path::PathBuf;
use std::time::Duration;
pub use sum::SumOptions;

/// Whether peers wait for the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fsync {
    /// As in production: `storage.durability = "full"`.
    #[default]
    On,
    /// Left to the operating system: `storage.durability = "os"`.
    Off,
    /// One run each, and the price of durability.
    Both,
}

/// What `bench net` takes.
#[derive(Clone, Debug)]
pub struct NetOptions {
    /// For every bench.
    pub common: CommonOptions,
    /// The `loopchain` program whose network is measured.
    pub program: PathBuf,
    /// Peers.
    pub peers: u16,
    /// Port of the first peer.
    pub base_port: u16,
    /// How fast transactions are offered.
    pub pace: Pace,
    /// Client identities that sign.
    pub signers: usize,
    /// Whether peers wait for the disk.
    pub fsync: Fsync,
    /// How long is measured.
    pub duration: Duration,
    /// How long the load runs before that.
    pub warmup: Duration,
    /// How long the idle network is watched; zero: not at all.
    pub idle: Duration,
    /// Single transactions on the idle network; 0: none.
    pub probes: usize,
    /// Connections to each peer.
    pub connections: usize,
    /// Runs; of each ratio the median counts.
    pub runs: usize,
    /// Requests under way on each connection, at most; with a fixed rate there is no bound.
    pub pipeline: usize,
    /// Transactions signed in advance; `None`: what the rate needs, and 20,000 a second for `max`.
    pub stock: Option<usize>,
    /// Runs of the bound B4 to compare with; 0: no anchors, no ratios.
    pub anchor_runs: usize,
}

/// What `max` is expected to stay below, transactions per second.
const STOCK_PER_SECOND: f64 = 20_000.0;
/// Commits measured for L.
const FLOOR_SAMPLES: usize = 400;
/// Syncs and round trips before and after.
const SAMPLES: usize = 300;

impl Default for NetOptions {
    fn default() -> Self {
        Self {
            common: CommonOptions::default(),
            program: std::env::current_exe().unwrap_or_else(|_| "loopchain".into()),
            peers: 4,
            base_port: 27_100,
            pace: Pace::Max,
            signers: 64,
            fsync: Fsync::On,
            duration: Duration::from_secs(20),
            warmup: Duration::from_secs(3),
            idle: Duration::from_secs(10),
            probes: 200,
            connections: 160,
            runs: 1,
            pipeline: 4,
            stock: None,
            anchor_runs: 3,
        }
    }
}

impl NetOptions {
    fn check(&self) -> Result<(), BenchError> {
        let refuse = |what: &str| Err(BenchError::Option(format!("net: {what}")));
        if self.peers == 0 || self.signers < 2 || self.connections == 0 || self.pipeline == 0 {
            return refuse("peers, connections and pipeline are at least 1, signers at least 2");
        }
        if self.connections > client::CONNECTIONS_MAX {
            let max = client::CONNECTIONS_MAX;
            return refuse(&format!("at most {max} connections to a peer"));
        }
        if self.duration.is_zero() {
            return refuse("the duration is zero");
        }
        match self.pace {
            Pace::Rate(rate) if !(rate > 0.0 && rate.is_finite()) => {
                refuse("the rate is not above 0")
            }
            Pace::Rate(_) | Pace::Max => Ok(()),
        }
    }

    /// Transactions to sign in advance.
    fn stock(&self) -> usize {
        let per_second = match self.pace {
            Pace::Rate(rate) => rate,
            Pace::Max => STOCK_PER_SECOND,
        };
        let seconds = (self.warmup + self.duration).as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate times seconds, positive; a cast saturates"
        )]
        let needed = (per_second * seconds).ceil() as usize;
        self.stock.unwrap_or(needed).max(1)
    }
}

/// What the same machine does without a network, in the same run.
#[derive(Clone, Copy, Debug)]
struct Anchors {
    /// Committed transactions per second of as many replica threads as there are peers.
    bound: f64,
    /// Two rounds of votes with fsync, p50, milliseconds.
    floor_ms: f64,
    /// fdatasync p50, milliseconds.
    sync_ms: f64,
}

/// Starts a network, loads it, stops it, and reports; with several runs, the figures of the last and
/// the median of each ratio.
///
/// # Errors
/// When the network does not start, refuses the load's identities, or peers disagree.
pub fn run(options: &NetOptions) -> Result<Report, BenchError> {
    options.check()?;
    let mut reports = Vec::new();
    for _ in 1..options.runs {
        reports.push(run_once(options)?);
    }
    let mut last = run_once(options)?;
    let ratios: Vec<_> = reports.into_iter().map(|report| report.ratios).collect();
    last.take_medians(&ratios);
    Ok(last)
}

fn run_once(options: &NetOptions) -> Result<Report, BenchError> {
    let mut report = Report::start("net", &options.common.dir);
    around(options, &mut report, "before")?;
    let anchors = anchors(options, &mut report)?;
    let kinds: &[bool] = match options.fsync {
        Fsync::On => &[true],
        Fsync::Off => &[false],
        Fsync::Both => &[true, false],
    };
    let mut sessions = Vec::new();
    for is_durable in kinds {
        let session = one(options, *is_durable)?;
        summary::figures(&mut report, &session, *is_durable);
        sessions.push((*is_durable, session));
    }
    around(options, &mut report, "after")?;
    if let Some(anchors) = anchors {
        summary::ratios(&mut report, &sessions, anchors);
    }
    summary::notes(&mut report, options);
    Ok(report.finish())
}

fn one(options: &NetOptions, is_durable: bool) -> Result<Session, BenchError> {
    let scratch = Scratch::new(&options.common.dir)?;
    let network = LocalNetwork::start(options, scratch.path(), is_durable)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(BenchError::connection("start", "the runtime"))?;
    let session = runtime.block_on(session::run(options, &network));
    let stopped = network.stop();
    let session = session?;
    stopped.map(|()| session)
}

/// F and round trips, so that a reader sees whether the machine changed during the run.
fn around(options: &NetOptions, report: &mut Report, when: &str) -> Result<(), BenchError> {
    let syncs = sync_times(&options.common.dir, SAMPLES)?;
    let trips = round_trips(SAMPLES, false)?;
    let name = format!("F {when}: fdatasync p50");
    let detail = format!("p99 {:.2} ms", ms(&syncs, 0.99));
    report.figure(&format!("F_{when}"), &name, (ms(&syncs, 0.5), "ms"), detail);
    let name = format!("loopback round trip {when}, p50");
    let detail = format!("p99 {:.0} us", us(&trips, 0.99));
    report.figure(&format!("rtt_{when}"), &name, (us(&trips, 0.5), "us"), detail);
    Ok(())
}

fn anchors(options: &NetOptions, report: &mut Report) -> Result<Option<Anchors>, BenchError> {
    if options.anchor_runs == 0 {
        return Ok(None);
    }
    let dir = &options.common.dir;
    let replicas = usize::from(options.peers);
    let bound = anchor(dir, replicas, options.anchor_runs)?;
    let (key, name) = (format!("B{replicas}"), format!("B{replicas}: {replicas} replica threads"));
    let detail = format!("{:.0} to {:.0}", bound.range.0, bound.range.1);
    report.figure(&key, &name, (bound.rate, "tx/s"), detail);
    let kind = Kind { rounds: 2, is_durable: true };
    let floor = measure_floor(dir, kind, FLOOR_SAMPLES)?;
    let detail = format!("two rounds of votes with fsync; p99 {:.2} ms", ms(&floor, 0.99));
    report.figure("L", "L: latency floor p50", (ms(&floor, 0.5), "ms"), detail);
    Ok(Some(Anchors {
        bound: bound.rate,
        floor_ms: ms(&floor, 0.5),
        sync_ms: report.value("F_before"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_make_no_sense_are_refused() {
        let refused = |options: NetOptions| matches!(options.check(), Err(BenchError::Option(_)));
        assert!(NetOptions::default().check().is_ok());
        assert!(refused(NetOptions { signers: 1, ..NetOptions::default() }));
        assert!(refused(NetOptions { connections: 1_001, ..NetOptions::default() }));
        assert!(refused(NetOptions { pace: Pace::Rate(0.0), ..NetOptions::default() }));
        assert!(refused(NetOptions { duration: Duration::ZERO, ..NetOptions::default() }));
    }

    #[test]
    fn the_stock_covers_warm_up_and_duration() {
        let options = NetOptions {
            pace: Pace::Rate(100.0),
            duration: Duration::from_secs(4),
            warmup: Duration::from_secs(1),
            ..NetOptions::default()
        };
        assert_eq!(options.stock(), 500);
        assert_eq!(NetOptions { stock: Some(7), ..options }.stock(), 7);
    }
}
