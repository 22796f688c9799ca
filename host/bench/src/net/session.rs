//! One network from ready to stopped: members, idle figures, load, what became of it.

use super::client::Client;
use super::idle::{self, Probes, cpu_of_peers};
use super::load::{self, Outcome, Pace, Plan};
use super::network::{CHANNEL, LocalNetwork};
use super::watch::{self, Sample, Watcher};
use super::{NetOptions, members};
use crate::cpu::{of_process_tree, resident_bytes};
use crate::disk::{Times, new_times};
use crate::error::BenchError;
use crate::workload::{SCORE, transfers};
use host_types::{RawTx, ScoreName, TxId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often peers are asked for their height under a fixed rate: the error of latencies.
const POLL: Duration = Duration::from_millis(5);
/// The same under `max`, where throughput counts and every core is busy.
const POLL_AT_MAX: Duration = Duration::from_millis(20);
/// How long what was accepted may take to become final after the load.
const DRAIN_WITHIN: Duration = Duration::from_secs(60);
const DRAIN_POLL: Duration = Duration::from_millis(100);
/// Final transactions whose receipts are looked at.
const RECEIPTS: usize = 200;

/// Everything measured on one network.
#[derive(Debug)]
pub(super) struct Session {
    /// Percent of a core that an idle peer uses.
    pub(super) idle_cpu: Option<f64>,
    /// Resident memory of the largest peer when idle and after the load, bytes.
    pub(super) memory: (u64, u64),
    /// Single transactions on the idle network.
    pub(super) probes: Option<Probes>,
    /// Committed on every peer, per second.
    pub(super) rate: f64,
    /// Accepted by REST, per second.
    pub(super) accepted_rate: f64,
    /// Refusals for the moment.
    pub(super) refused: u64,
    /// Accepted and never final.
    pub(super) lost: u64,
    /// From due to final on the last peer.
    pub(super) to_last: Times,
    /// From due to final on the first peer.
    pub(super) to_first: Times,
    /// From due to the answer of REST.
    pub(super) to_answer: Times,
    /// CPU of all peers per committed transaction, microseconds.
    pub(super) cpu_per_tx: f64,
    /// CPU of the load generator per committed transaction, microseconds.
    pub(super) client_cpu_per_tx: f64,
    /// Transactions in a block on average.
    pub(super) per_block: f64,
    /// Bytes on disk of one peer per committed transaction, and of a transaction.
    pub(super) disk_bytes: (f64, f64),
    /// The stock ran out.
    pub(super) is_stock_empty: bool,
}

/// What is read when the measured part begins and ends.
#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Duration,
    peers_cpu: f64,
    own_cpu: f64,
}

/// Runs it.
pub(super) async fn run(
    options: &NetOptions,
    network: &LocalNetwork,
) -> Result<Session, BenchError> {
    let address = network.peers.first().map(|peer| peer.rest.clone()).unwrap_or_default();
    let genesis = Client::open(&address).await?.genesis().await?;
    let signers = members::make(network, CHANNEL, genesis, options.signers).await?;
    let score = ScoreName::new(SCORE).ok_or_else(|| BenchError::void("no name of a SCORE"))?;
    let mut stock = transfers(&signers, genesis, &score, options.stock() + options.probes);
    let probes = stock.split_off(stock.len().saturating_sub(options.probes));
    let is_watched = !options.idle.is_zero();
    let idle_cpu =
        if is_watched { Some(idle::cpu_percent(network, options.idle).await) } else { None };
    let memory_idle = memory(network);
    let probes = match probes.is_empty() {
        true => None,
        false => Some(idle::probe(network, &probes).await?),
    };
    let loaded = under_load(options, network, Arc::new(stock)).await?;
    summarise(network, &address, loaded).await.map(|session| Session {
        idle_cpu,
        probes,
        memory: (memory_idle, session.memory.1),
        ..session
    })
}

fn memory(network: &LocalNetwork) -> u64 {
    network.peers.iter().map(|peer| resident_bytes(peer.pid)).max().unwrap_or_default()
}

/// The raw material of the figures.
struct Loaded {
    stock: Arc<Vec<(TxId, RawTx)>>,
    outcome: Outcome,
    series: Vec<Vec<Sample>>,
    start: Reading,
    end: Reading,
    disk_before: u64,
    first_height: u64,
}

async fn under_load(
    options: &NetOptions,
    network: &LocalNetwork,
    stock: Arc<Vec<(TxId, RawTx)>>,
) -> Result<Loaded, BenchError> {
    let peers: Vec<String> = network.peers.iter().map(|peer| peer.rest.clone()).collect();
    let first_height = settle(&peers, CHANNEL, DRAIN_WITHIN).await?;
    let disk_before = network.disk_bytes();
    let clock = Instant::now();
    let is_max = options.pace == Pace::Max;
    let watcher = Watcher::start(network, CHANNEL, clock, if is_max { POLL_AT_MAX } else { POLL });
    let plan = Plan {
        channel: CHANNEL,
        peers: peers.clone(),
        connections: options.connections,
        pipeline: options.pipeline,
        pace: options.pace,
        length: options.warmup + options.duration,
    };
    let read = async |after: Duration| {
        tokio::time::sleep_until((clock + after).into()).await;
        let own_cpu = of_process_tree(std::process::id()) - of_up(network);
        Reading { at: clock.elapsed(), peers_cpu: cpu_of_peers(network), own_cpu }
    };
    let readings =
        async { (read(options.warmup).await, read(options.warmup + options.duration).await) };
    let (outcome, (start, end)) =
        tokio::join!(load::run(&plan, Arc::clone(&stock), clock), readings);
    let outcome = outcome?;
    settle(&peers, CHANNEL, DRAIN_WITHIN).await?;
    let series = watcher.finish().await?;
    Ok(Loaded { stock, outcome, series, start, end, disk_before, first_height })
}

/// CPU of the network's own process tree, which is a child of this process.
fn of_up(network: &LocalNetwork) -> f64 {
    of_process_tree(network.up_pid())
}

/// Waits until every pool of the channel is empty and all peers are at the same block; gives its height.
pub(super) async fn settle(
    peers: &[String],
    channel: &'static str,
    within: Duration,
) -> Result<u64, BenchError> {
    let end = Instant::now() + within;
    let mut clients = Vec::new();
    for peer in peers {
        clients.push(Client::open_on(peer, channel).await?);
    }
    loop {
        let mut states = Vec::new();
        for client in &mut clients {
            states.push(client.channel().await?);
        }
        let is_empty = states.iter().all(|state| state.pool_transactions == 0);
        let first = states.first().map(|state| (state.height, state.block_hash.clone()));
        let (height, head) = first.unwrap_or_default();
        if is_empty && states.iter().all(|state| state.block_hash == head) {
            return Ok(height);
        }
        if Instant::now() >= end {
            let seen: Vec<_> = states
                .iter()
                .map(|s| format!("{} ({} waiting)", s.height, s.pool_transactions))
                .collect();
            let seen = seen.join(", ");
            return Err(BenchError::void(format!("the peers do not settle; heights {seen}")));
        }
        tokio::time::sleep(DRAIN_POLL).await;
    }
}

async fn summarise(
    network: &LocalNetwork,
    address: &str,
    loaded: Loaded,
) -> Result<Session, BenchError> {
    let Loaded { stock, outcome, series, start, end, disk_before, first_height } = loaded;
    let last = series.first().and_then(|samples| samples.last()).map_or(0, |s| s.height);
    let places = watch::places(address, first_height + 1, last).await?;
    check_receipts(address, &places).await?;
    let mut times = (new_times()?, new_times()?, new_times()?);
    let (mut lost, mut accepted) = (0, 0.0);
    let measured = start.at..end.at;
    for sent in &outcome.sent {
        let is_accepted = (200..300).contains(&sent.status);
        let place = stock.get(sent.number).and_then(|(id, _)| places.get(id));
        lost += u64::from(is_accepted && place.is_none());
        if !measured.contains(&sent.due) || !is_accepted {
            continue;
        }
        accepted += 1.0;
        record(&mut times.2, sent.answered.saturating_sub(sent.due));
        if let Some((first, last)) = place.and_then(|height| watch::seen(&series, *height)) {
            record(&mut times.0, last.saturating_sub(sent.due));
            record(&mut times.1, first.saturating_sub(sent.due));
        }
    }
    let seconds = (end.at - start.at).as_secs_f64();
    let rate = watch::rate(&series, start.at, end.at);
    let committed = (rate * seconds).max(1.0);
    let all = places.len().max(1) as f64;
    let grown = network.disk_bytes().saturating_sub(disk_before) as f64;
    let sizes: usize = stock.iter().take(1_000).map(|(_, raw)| raw.0.len()).sum();
    Ok(Session {
        idle_cpu: None,
        memory: (0, memory(network)),
        probes: None,
        rate,
        accepted_rate: accepted / seconds,
        refused: outcome.refused,
        lost,
        to_last: times.0,
        to_first: times.1,
        to_answer: times.2,
        cpu_per_tx: (end.peers_cpu - start.peers_cpu) * 1e6 / committed,
        client_cpu_per_tx: (end.own_cpu - start.own_cpu) * 1e6 / committed,
        per_block: all / last.saturating_sub(first_height).max(1) as f64,
        disk_bytes: (
            grown / network.peers.len() as f64 / all,
            sizes as f64 / stock.len().clamp(1, 1_000) as f64,
        ),
        is_stock_empty: outcome.is_stock_empty,
    })
}

fn record(times: &mut Times, time: Duration) {
    times.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
}

/// Looks at some receipts: transactions that were refused by the SCORE would be no work.
async fn check_receipts(address: &str, places: &HashMap<TxId, u64>) -> Result<(), BenchError> {
    let mut client = Client::open(address).await?;
    let step = (places.len() / RECEIPTS).max(1);
    for id in places.keys().step_by(step) {
        if let Some(failure) = client.transaction(id).await?.failure() {
            return Err(BenchError::void(format!("transaction {id} failed: {failure}")));
        }
    }
    Ok(())
}
