//! `bench channels`: what a quiet channel notices of an attacked one on the same peers, and (`sum`)
//! what four channels commit together.
//!
//! In: attacks on one channel. Out: for each, on a network of its own, how long one transaction after the
//! other takes on the quiet channel, alone and then beside the attack, and the ratio of G14: the p99
//! beside it to twice the p99 alone plus 20 ms. The attackers are members of the other channel whose
//! calls are admitted as fast as peers take them; nothing waits for what becomes of them. They need
//! the SCORE `ward`, which is built here, so attacks run in the source tree only.

use super::NetOptions;
use super::client::Client;
use super::load::{self, Pace, Plan};
use super::members;
use super::network::{CHANNEL, LocalNetwork, QUIET};
use super::slowest::Slowest;
use super::sum::{self, SumOptions};
use crate::CommonOptions;
use crate::cpu::of_process_tree;
use crate::disk::{Times, ms, new_times, note};
use crate::error::BenchError;
use crate::report::{Ratio, Report};
use crate::scratch::Scratch;
use crate::workload::{Call, SCORE, Signer, transfer, transfers};
use host_types::{Address, GenesisHash, RawTx, ScoreName, TxId};
use score_native_link::build::{build_score, source_tree};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// The SCORE that loops and crashes when it is asked to.
const WARD: &str = "ward";
/// No arguments.
const NOTHING: [u8; 1] = [0x80];
/// Rest between two transactions of the quiet channel.
const PAUSE: Duration = Duration::from_millis(30);
/// How long an attack runs before it is measured.
const RAMP: Duration = Duration::from_secs(2);
/// How long it goes on at most: far more than the probes take where the goal is met.
const ATTACK_MAX: Duration = Duration::from_secs(120);
/// What G14 allows beside twice the p99 alone.
const ALLOWANCE_MS: f64 = 20.0;

/// What is done to the other channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// More transfers than it takes.
    Saturated,
    /// Calls that end when their steps are used up.
    Loops,
    /// Calls that never end and count no steps.
    Endless,
    /// Calls that crash, which suspends their SCORE, and go on to be sent.
    Crashes,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Saturated, Self::Loops, Self::Endless, Self::Crashes];

    const fn key(self) -> &'static str {
        match self {
            Self::Saturated => "saturated",
            Self::Loops => "loops",
            Self::Endless => "endless",
            Self::Crashes => "crashes",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Saturated => "a saturated channel",
            Self::Loops => "calls that use up their steps",
            Self::Endless => "calls that never end, un-metered",
            Self::Crashes => "calls that crash",
        }
    }

    /// Calls signed in advance; pools are full long before.
    const fn stock(self) -> usize {
        match self {
            Self::Saturated => 200_000,
            Self::Loops | Self::Endless | Self::Crashes => 40_000,
        }
    }
}

/// What `bench channels` takes.
#[derive(Clone, Debug)]
pub struct ChannelsOptions {
    /// For every bench.
    pub common: CommonOptions,
    /// The `loopchain` program whose network is measured.
    pub program: PathBuf,
    /// Peers.
    pub peers: u16,
    /// Port of the first peer.
    pub base_port: u16,
    /// What is done, one after the other.
    pub attacks: Vec<Attack>,
    /// Transactions on the quiet channel, alone and beside each attack.
    pub probes: usize,
    /// Connections of the attackers to each peer.
    pub connections: usize,
    /// How the sum of four channels is measured; `None`: it is not.
    pub sum: Option<SumOptions>,
}

impl Default for ChannelsOptions {
    fn default() -> Self {
        let NetOptions { common, program, peers, .. } = NetOptions::default();
        let (attacks, probes, connections) = (Attack::ALL.to_vec(), 200, 16);
        let sum = Some(SumOptions::default());
        Self { common, program, peers, base_port: 27_400, attacks, probes, connections, sum }
    }
}

/// Runs the attacks, then measures the sum.
///
/// # Errors
/// When a network does not start, or a channel refuses what it should take.
pub fn run(options: &ChannelsOptions) -> Result<Report, BenchError> {
    if options.attacks.is_empty() && options.sum.is_none() {
        return Err(BenchError::Option("channels: neither an attack nor the sum".to_owned()));
    }
    let mut report = Report::start("channels", &options.common.dir);
    if !options.attacks.is_empty() {
        attacked(options, &mut report)?;
    }
    if let Some(measure) = &options.sum {
        sum::run(options, measure, &mut report)?;
    }
    report.note("The clients run on the same cores.");
    Ok(report.finish())
}

/// A network for each attack.
fn attacked(options: &ChannelsOptions, report: &mut Report) -> Result<(), BenchError> {
    let root = source_tree().ok_or_else(|| {
        BenchError::Option(
            "channels: it builds what it measures, so it needs the source tree".into(),
        )
    })?;
    let ward = build_score(&root, "tests-ward", &mut |_| {});
    let ward = ward.map_err(|error| BenchError::Score(error.to_string()))?;
    for attack in &options.attacks {
        let measured = one(options, *attack, &ward)?;
        figures(report, *attack, &measured);
    }
    // Whoever asks for one ratio of the goal means the worst.
    report.ratios.sort_by(|a, b| b.value.total_cmp(&a.value));
    notes(report, options);
    Ok(())
}

impl ChannelsOptions {
    /// The network that is asked for.
    pub(super) fn network(&self) -> NetOptions {
        NetOptions {
            common: self.common.clone(),
            program: self.program.clone(),
            peers: self.peers,
            base_port: self.base_port,
            ..NetOptions::default()
        }
    }
}

/// Payments on the quiet channel.
struct Probed {
    times: Times,
    /// Where the slowest one waited.
    way: String,
}

/// Times on the quiet channel.
struct Measured {
    alone: Probed,
    beside: Probed,
    /// Calls of the attack that peers took, per second.
    taken: f64,
    /// Cores that all processes of the network used beside it.
    cores: f64,
    /// The attackers had nothing left to send before the last payment.
    has_run_dry: bool,
}

fn one(options: &ChannelsOptions, attack: Attack, ward: &Path) -> Result<Measured, BenchError> {
    let scratch = Scratch::new(&options.common.dir)?;
    let net = options.network();
    let channels = LocalNetwork::two_channels();
    let network = LocalNetwork::start_with(&net, scratch.path(), true, &channels)?;
    network.deploy(ward, CHANNEL, r#"{"start": "0"}"#)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(BenchError::connection("start", "the runtime"))?;
    let measured = runtime.block_on(measure(options, attack, &network));
    // Attackers that are still sending end with their connections.
    runtime.shutdown_background();
    let stopped = network.stop();
    let measured = measured?;
    stopped.map(|()| measured)
}

async fn measure(
    options: &ChannelsOptions,
    attack: Attack,
    network: &LocalNetwork,
) -> Result<Measured, BenchError> {
    let address = network.peers.first().map(|peer| peer.rest.clone()).unwrap_or_default();
    let genesis = Client::open(&address).await?.genesis().await?;
    let signers = members::make(network, CHANNEL, genesis, 16).await?;
    let stock = Arc::new(attack_stock(attack, genesis, &signers)?);
    let quiet = Client::open_on(&address, QUIET).await?.genesis().await?;
    let alice = members::person(network, "alice")?;
    let token = score(SCORE)?;
    let payment = |nonce| alice.envelope(quiet, transfer(&token, to(), 1), nonce);
    let count = options.probes as u64;
    let alone = probe(network, (0..count).map(payment)).await?;

    let plan = Plan {
        channel: CHANNEL,
        peers: network.peers.iter().map(|peer| peer.rest.clone()).collect(),
        connections: options.connections,
        pipeline: 4,
        pace: Pace::Max,
        length: ATTACK_MAX,
    };
    let attackers = tokio::spawn(async move { load::run(&plan, stock, Instant::now()).await });
    tokio::time::sleep(RAMP).await;
    let mut other = Client::open(&address).await?;
    let (before, cpu, start) = (other.channel().await?, cpu(network), Instant::now());
    let beside = probe(network, (count..2 * count).map(payment)).await?;
    let (after, cpu, time) =
        (other.channel().await?, self::cpu(network) - cpu, start.elapsed().as_secs_f64());
    let has_run_dry = attackers.is_finished();
    attackers.abort();
    let taken = after.transactions.saturating_sub(before.transactions) as f64 / time;
    Ok(Measured { alone, beside, taken, cores: cpu / time, has_run_dry })
}

fn cpu(network: &LocalNetwork) -> f64 {
    network.peers.iter().map(|peer| of_process_tree(peer.pid)).sum()
}

fn score(name: &str) -> Result<ScoreName, BenchError> {
    ScoreName::new(name).ok_or_else(|| BenchError::void("no name of a SCORE"))
}

/// Whom the quiet channel pays.
const fn to() -> Address {
    Address::new([7; 20])
}

fn attack_stock(
    attack: Attack,
    genesis: GenesisHash,
    signers: &[Signer],
) -> Result<Vec<(TxId, RawTx)>, BenchError> {
    let method = match attack {
        Attack::Saturated => {
            return Ok(transfers(signers, genesis, &score(SCORE)?, attack.stock()));
        }
        Attack::Loops => "spin",
        Attack::Endless => "spin_uncounted",
        Attack::Crashes => "crash",
    };
    let ward = score(WARD)?;
    let call = || Call { score: ward.clone(), method, args: NOTHING.to_vec() };
    let signed = signers.iter().cycle().zip(0..attack.stock() as u64);
    Ok(signed.map(|(signer, nonce)| signer.envelope(genesis, call(), nonce)).collect())
}

/// One transaction after the other, to the peers in turn, each until the peer that took it answers
/// that it is final.
async fn probe(
    network: &LocalNetwork,
    transactions: impl Iterator<Item = (TxId, RawTx)>,
) -> Result<Probed, BenchError> {
    let mut clients = Vec::new();
    for peer in &network.peers {
        clients.push(Client::open_on(&peer.rest, QUIET).await?);
    }
    let (mut times, count) = (new_times()?, clients.len().max(1));
    let mut slowest: Option<Slowest> = None;
    for (number, (id, raw)) in transactions.enumerate() {
        let Some(taker) = clients.get_mut(number % count) else { break };
        let (start, sent) = (Instant::now(), SystemTime::now());
        let info = taker.finalise(&raw).await?;
        note(&mut times, start);
        let this = Slowest { id, took: start.elapsed(), sent };
        slowest = slowest.filter(|other| other.took >= this.took).or(Some(this));
        if let Some(failure) = info.failure() {
            return Err(BenchError::void(format!("a payment on the quiet channel: {failure}")));
        }
        tokio::time::sleep(PAUSE).await;
    }
    let way = match slowest {
        Some(slowest) => slowest.way(network, QUIET).await?,
        None => String::new(),
    };
    Ok(Probed { times, way })
}

fn figures(report: &mut Report, attack: Attack, measured: &Measured) {
    let Measured { alone, beside, taken, cores, has_run_dry } = measured;
    let mut told = |when: &str, Probed { times, way }: &Probed, more: String| {
        let detail = format!(
            "p50 {:.2}, p90 {:.2}, max {:.2} ms; {} samples{more}; the slowest took {way}",
            ms(times, 0.5),
            ms(times, 0.9),
            ms(times, 1.0),
            times.len()
        );
        let key = format!("{}_{when}", attack.key());
        let name = match when {
            "alone" => format!("quiet channel alone, before {}, p99", attack.text()),
            _ => format!("quiet channel beside {}, p99", attack.text()),
        };
        report.figure(&key, &name, (ms(times, 0.99), "ms"), detail);
    };
    told("alone", alone, String::new());
    let dry = if *has_run_dry { "; the attackers ran out of calls before the end" } else { "" };
    let more = format!("; {taken:.1} calls per second final there, {cores:.2} cores used{dry}");
    told("beside", beside, more);
    let allowed = 2.0 * ms(&alone.times, 0.99) + ALLOWANCE_MS;
    let name = format!("p99 beside {} ÷ (2 × alone + 20 ms)", attack.text());
    report.ratios.push(Ratio::at_most("G14", &name, ms(&beside.times, 0.99) / allowed, 1.0));
}

fn notes(report: &mut Report, options: &ChannelsOptions) {
    report.note(format!(
        "{} peers as processes with two channels; a network of its own for each attack; {} payments \
         on the quiet channel, one after the other, {} ms apart, each until the peer that took it \
         answers that it is final; attackers hold {} connections to each peer.",
        options.peers,
        options.probes,
        PAUSE.as_millis(),
        options.connections
    ));
}
