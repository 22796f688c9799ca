//! `bench channels --sum`: what four channels of the same peers commit together, against one of them.
//!
//! In: how long. Out: committed transactions per second of one channel at saturation, the same of four
//! channels together, and their ratio, the first half of G14. One network holds all four channels
//! throughout. The one is measured before the four and after them, and its mean counts, so that a
//! machine that changes meanwhile shows as a range instead of favouring a side. The load is the same
//! number of connections each time, shared by the channels that are loaded, and everything they send
//! was signed before the clock runs.

use super::channels::ChannelsOptions;
use super::client::Client;
use super::idle::cpu_of_peers;
use super::load::{self, Outcome, Pace, Plan};
use super::members;
use super::network::{CHANNEL, LocalNetwork};
use super::session::settle;
use super::watch::{self, Watcher};
use crate::error::BenchError;
use crate::report::{Ratio, Report};
use crate::scratch::Scratch;
use crate::workload::{SCORE, Signer, transfers};
use futures::future::try_join_all;
use host_types::{GenesisHash, RawTx, ScoreName, TxId};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The channels; the first one is also measured alone.
const CHANNELS: [&str; 4] = [CHANNEL, "second", "third", "fourth"];
/// What all channels together are expected to stay below, transactions per second.
const STOCK_PER_SECOND: usize = 20_000;
/// Requests under way on each connection.
const PIPELINE: usize = 4;
/// How often peers are asked what they have committed.
const POLL: Duration = Duration::from_millis(20);
/// How long four full pools may take to become final, also in a debug build.
const DRAIN_WITHIN: Duration = Duration::from_secs(300);
/// Accepted transactions of a channel that are looked at after each load.
const RECEIPTS: usize = 100;
/// What passes.
const GOAL: f64 = 0.95;

/// How the sum is measured.
#[derive(Clone, Debug)]
pub struct SumOptions {
    /// How long each load is measured.
    pub duration: Duration,
    /// How long it runs before that.
    pub warmup: Duration,
    /// Connections to each peer, over all channels that are loaded.
    pub connections: usize,
    /// Client identities of each channel.
    pub signers: usize,
}

impl Default for SumOptions {
    fn default() -> Self {
        let (duration, warmup) = (Duration::from_secs(10), Duration::from_secs(3));
        Self { duration, warmup, connections: 160, signers: 64 }
    }
}

impl SumOptions {
    fn check(&self) -> Result<(), BenchError> {
        let refuse = |what: &str| Err(BenchError::Option(format!("channels: {what}")));
        if self.duration.is_zero() {
            return refuse("the duration is zero");
        }
        if self.connections < CHANNELS.len() || self.signers < 2 {
            return refuse("the sum needs a connection for each of 4 channels, and two signers");
        }
        Ok(())
    }

    /// Transactions to sign for each of so many channels: for one what no machine here commits,
    /// for several a share of it and half as much again, because they are not equally fast.
    fn stock(&self, channels: usize) -> usize {
        let seconds = (self.warmup + self.duration).as_secs_f64().ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole seconds of a command line; a cast saturates"
        )]
        let all = (seconds as usize).saturating_mul(STOCK_PER_SECOND);
        if channels <= 1 { all } else { all.saturating_mul(3) / (2 * channels) }
    }
}

/// A channel and who pays whom on it.
struct Loaded {
    channel: &'static str,
    genesis: GenesisHash,
    signers: Vec<Signer>,
}

/// What a load did.
#[derive(Clone, Debug, Default, PartialEq)]
struct Saturated {
    /// Committed by every peer, per second, for each channel.
    rates: Vec<f64>,
    /// CPU seconds of all peers per wall second.
    cores: f64,
    /// Refusals for the moment.
    refused: u64,
    /// Some channel had nothing left to send.
    has_run_dry: bool,
}

impl Saturated {
    fn sum(&self) -> f64 {
        self.rates.iter().sum()
    }

    /// Microseconds of all peers for one transaction.
    fn cpu_per_tx(&self) -> f64 {
        self.cores * 1e6 / self.sum().max(1.0)
    }
}

/// The one channel before and after, and the four.
#[derive(Clone, Debug, Default)]
struct Measured {
    before: Saturated,
    four: Saturated,
    after: Saturated,
}

/// Measures it on a network of its own.
pub(super) fn run(
    options: &ChannelsOptions,
    sum: &SumOptions,
    report: &mut Report,
) -> Result<(), BenchError> {
    sum.check()?;
    let scratch = Scratch::new(&options.common.dir)?;
    let channels = LocalNetwork::with_tokens(&CHANNELS);
    let network = LocalNetwork::start_with(&options.network(), scratch.path(), true, &channels)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(BenchError::connection("start", "the runtime"))?;
    let measured = runtime.block_on(measure(sum, &network));
    let stopped = network.stop();
    tell(report, sum, &measured?);
    stopped
}

async fn measure(sum: &SumOptions, network: &LocalNetwork) -> Result<Measured, BenchError> {
    let all = try_join_all(CHANNELS.map(|channel| populate(sum, network, channel))).await?;
    let one = all.get(..1).unwrap_or(&all);
    let before = saturate(sum, network, one).await?;
    let four = saturate(sum, network, &all).await?;
    let after = saturate(sum, network, one).await?;
    Ok(Measured { before, four, after })
}

async fn populate(
    sum: &SumOptions,
    network: &LocalNetwork,
    channel: &'static str,
) -> Result<Loaded, BenchError> {
    let address = network.peers.first().map(|peer| peer.rest.clone()).unwrap_or_default();
    let genesis = Client::open_on(&address, channel).await?.genesis().await?;
    let signers = members::make(network, channel, genesis, sum.signers).await?;
    Ok(Loaded { channel, genesis, signers })
}

type Stock = Arc<Vec<(TxId, RawTx)>>;

/// Loads these channels at once with more than they take, and waits until all of it is final.
async fn saturate(
    sum: &SumOptions,
    network: &LocalNetwork,
    loaded: &[Loaded],
) -> Result<Saturated, BenchError> {
    let score = ScoreName::new(SCORE).ok_or_else(|| BenchError::void("no name of a SCORE"))?;
    let count = sum.stock(loaded.len());
    let sign = |one: &Loaded| Arc::new(transfers(&one.signers, one.genesis, &score, count));
    let stocks: Vec<Stock> = loaded.iter().map(sign).collect();
    let peers: Vec<String> = network.peers.iter().map(|peer| peer.rest.clone()).collect();
    let clock = Instant::now();
    let watchers = loaded.iter().map(|one| Watcher::start(network, one.channel, clock, POLL));
    let watchers: Vec<_> = watchers.collect();
    let plan = |one: &Loaded| Plan {
        channel: one.channel,
        peers: peers.clone(),
        connections: sum.connections / loaded.len().max(1),
        pipeline: PIPELINE,
        pace: Pace::Max,
        length: sum.warmup + sum.duration,
    };
    let plans: Vec<_> = loaded.iter().map(plan).collect();
    let loads = plans.iter().zip(&stocks).map(|(plan, s)| load::run(plan, Arc::clone(s), clock));
    let read = async |after: Duration| {
        tokio::time::sleep_until((clock + after).into()).await;
        (clock.elapsed(), cpu_of_peers(network))
    };
    let readings = async { (read(sum.warmup).await, read(sum.warmup + sum.duration).await) };
    let (outcomes, ((from, cpu_before), (to, cpu_after))) =
        tokio::join!(try_join_all(loads), readings);
    let outcomes = outcomes?;
    try_join_all(loaded.iter().map(|one| settle(&peers, one.channel, DRAIN_WITHIN))).await?;
    let mut saturated = Saturated {
        cores: (cpu_after - cpu_before) / (to - from).as_secs_f64(),
        refused: outcomes.iter().map(|outcome| outcome.refused).sum(),
        has_run_dry: outcomes.iter().any(|outcome| outcome.is_stock_empty),
        ..Saturated::default()
    };
    for watcher in watchers {
        saturated.rates.push(watch::rate(&watcher.finish().await?, from, to));
    }
    let address = peers.first().map(String::as_str).unwrap_or_default();
    for ((one, stock), outcome) in loaded.iter().zip(&stocks).zip(&outcomes) {
        check(address, one.channel, stock, outcome).await?;
    }
    Ok(saturated)
}

/// Looks at some of what was accepted: it is final, and its SCORE did what it should.
async fn check(
    address: &str,
    channel: &'static str,
    stock: &Stock,
    outcome: &Outcome,
) -> Result<(), BenchError> {
    let mut client = Client::open_on(address, channel).await?;
    let accepted = outcome.sent.iter().filter(|sent| (200..300).contains(&sent.status));
    let step = (outcome.sent.len() / RECEIPTS).max(1);
    for sent in accepted.step_by(step) {
        let Some((id, _)) = stock.get(sent.number) else { continue };
        if let Some(failure) = client.transaction(id).await?.failure() {
            return Err(BenchError::void(format!("transaction {id} on {channel}: {failure}")));
        }
    }
    Ok(())
}

fn tell(report: &mut Report, sum: &SumOptions, measured: &Measured) {
    let Measured { before, four, after } = measured;
    let one = f64::midpoint(before.sum(), after.sum());
    let detail = format!(
        "{:.0} before the four, {:.0} after them; {:.0} us of CPU per transaction, {:.2} cores, {} \
         refused for the moment",
        before.sum(),
        after.sum(),
        f64::midpoint(before.cpu_per_tx(), after.cpu_per_tx()),
        f64::midpoint(before.cores, after.cores),
        before.refused + after.refused,
    );
    report.figure("sum_one", "one channel at saturation", (one, "tx/s"), detail);
    let rates: Vec<_> = four.rates.iter().map(|rate| format!("{rate:.0}")).collect();
    let detail = format!(
        "{}; {:.0} us of CPU per transaction, {:.2} cores, {} refused for the moment",
        rates.join(" + "),
        four.cpu_per_tx(),
        four.cores,
        four.refused,
    );
    report.figure("sum_four", "four channels at saturation", (four.sum(), "tx/s"), detail);
    let ratio = four.sum() / one.max(1.0);
    report.ratios.push(Ratio::at_least("G14-sum", "tx/s of four channels ÷ of one", ratio, GOAL));
    if [before, four, after].iter().any(|load| load.has_run_dry) {
        report.note(
            "The transactions signed in advance ran out: this channel was not at saturation, and \
             the sum says nothing.",
        );
    }
    report.note(format!(
        "The sum: one network with four channels, {} s after {} s of warm-up for each load; token \
         transfers of {} clients a channel, one POST each, {} connections to each peer shared by the \
         loaded channels, up to {PIPELINE} requests under way on each; the rate is that of the \
         slowest peer.",
        sum.duration.as_secs(),
        sum.warmup.as_secs(),
        sum.signers,
        sum.connections,
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn saturated(rates: &[f64], cores: f64) -> Saturated {
        Saturated { rates: rates.to_vec(), cores, ..Saturated::default() }
    }

    #[test]
    fn four_together_count_against_the_mean_of_the_one() {
        let mut report = Report::start("channels", Path::new("/"));
        let four = saturated(&[250.0, 260.0, 240.0, 230.0], 2.0);
        let measured =
            Measured { before: saturated(&[1_100.0], 2.0), four, after: saturated(&[900.0], 2.0) };
        tell(&mut report, &SumOptions::default(), &measured);
        let ratio = &report.ratios[0];
        assert_eq!((ratio.goal, ratio.is_floor, ratio.is_met), ("G14-sum", true, true));
        assert!((ratio.value - 0.98).abs() < 1e-9);
        assert!((report.value("sum_one") - 1_000.0).abs() < 1e-9);
        let detail = &report.figures[1].detail;
        assert!(detail.starts_with("250 + 260 + 240 + 230; 2041 us"), "{detail}");
        assert!(!report.notes.iter().any(|note| note.contains("ran out")), "{:?}", report.notes);
    }

    #[test]
    fn a_load_that_ran_out_of_transactions_is_no_saturation() {
        let mut report = Report::start("channels", Path::new("/"));
        let dry = Saturated { has_run_dry: true, ..saturated(&[900.0], 1.0) };
        let measured = Measured { before: dry.clone(), four: dry.clone(), after: dry };
        tell(&mut report, &SumOptions::default(), &measured);
        assert!(report.notes.iter().any(|note| note.contains("ran out")), "{:?}", report.notes);
    }

    #[test]
    fn four_channels_share_the_stock_and_have_half_as_much_again() {
        let sum = SumOptions::default();
        assert_eq!((sum.stock(1), sum.stock(4)), (260_000, 97_500));
        let none = SumOptions { duration: Duration::ZERO, ..sum };
        assert!(matches!(none.check(), Err(BenchError::Option(_))));
        let few = SumOptions { connections: 3, ..SumOptions::default() };
        assert!(matches!(few.check(), Err(BenchError::Option(_))));
    }
}
