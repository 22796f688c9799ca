//! `bench`: how fast this machine is, and a network on it. The work is `host-bench`'s.
//!
//! In: options. Out: a report on stdout, Markdown or with `--json` one document.

use super::{Context, Done};
use crate::failure::Failure;
use clap::{Args, Subcommand, ValueEnum};
use host_bench::net::{Fsync, Pace};
use host_bench::{
    Attack, BenchCommand, BoundOptions, ChannelsOptions, CommonOptions, FloorOptions, Format,
    LimitsOptions, NetOptions, Ratio, ScoreOptions, SumOptions,
};
use host_types::Code;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// `bench`
#[derive(Debug, Args)]
pub struct Bench {
    /// Folder for temporary files: its disk is measured [default: the system's].
    #[arg(long, global = true, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// What to measure.
    #[command(subcommand)]
    pub what: What,
}

/// What `bench` measures.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Signatures, hashes, codec, disk, loopback, HTTP (about 20 s).
    Limits,
    /// What replicas could commit at best, without network and consensus (about 20 s).
    Bound(Bound),
    /// The least time in which four nodes can commit (about 10 s).
    Floor(Floor),
    /// SCOREs in their workers: calls, starts, crashes, the cost of counting steps. Builds what it
    /// measures, so it runs in the source tree only (about 30 s).
    Score(Score),
    /// A network of processes under load.
    Net(Net),
    /// A quiet channel beside an attacked one; four channels together against one. On a network for each
    /// attack, and one for the sum. The attacks build what they measure, so they run in the source tree
    /// only (about 40 s for each attack, 60 s for the sum).
    Channels(Channels),
}

/// `bench channels`
#[derive(Debug, Args)]
pub struct Channels {
    /// What is done to the other channel; repeatable [default: all, without `--sum`].
    #[arg(long, value_enum, value_name = "WHAT")]
    pub attack: Vec<AttackWord>,
    /// What four channels commit together against one of them; without any `--attack` nothing else
    /// [default: measured after all attacks].
    #[arg(long)]
    pub sum: bool,
    /// Seconds that each load of the sum is measured.
    #[arg(long, default_value_t = 10, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub duration: u64,
    /// Seconds of load before.
    #[arg(long, default_value_t = 3, value_name = "S", value_parser = clap::value_parser!(u64).range(0..=600))]
    pub warmup: u64,
    /// Transactions on the quiet channel, alone and beside each attack.
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub probes: u32,
    /// Peers.
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=18))]
    pub peers: u16,
    /// Port of the first peer.
    #[arg(long, default_value_t = 27_400, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..=60_000))]
    pub base_port: u16,
    /// Connections to each peer [default: 16 of the attackers, 160 of the sum].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub connections: Option<u16>,
    /// Exit with 7 unless the worst ratio of a goal is at most (G14) or at least (G14-sum) this much;
    /// repeatable.
    #[arg(long, value_name = "GOAL=VALUE", value_parser = requirement)]
    pub require: Vec<Requirement>,
}

impl Channels {
    /// Everything is measured unless something is named.
    fn options(self, common: CommonOptions) -> ChannelsOptions {
        let (defaults, mut sum) = (ChannelsOptions::default(), SumOptions::default());
        sum.duration = Duration::from_secs(self.duration);
        sum.warmup = Duration::from_secs(self.warmup);
        sum.connections = self.connections.map_or(sum.connections, usize::from);
        let attacks = match self.attack.is_empty() && !self.sum {
            true => Attack::ALL.to_vec(),
            false => self.attack.iter().map(|word| word.meant()).collect(),
        };
        ChannelsOptions {
            common,
            peers: self.peers,
            base_port: self.base_port,
            probes: self.probes as usize,
            connections: self.connections.map_or(defaults.connections, usize::from),
            sum: Some(sum).filter(|_| self.sum || self.attack.is_empty()),
            attacks,
            ..defaults
        }
    }
}

/// What `bench channels` does to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AttackWord {
    /// More transfers than it takes.
    Saturated,
    /// Calls that end when their steps are used up.
    Loops,
    /// Calls that never end and count no steps.
    Endless,
    /// Calls that crash.
    Crashes,
}

impl AttackWord {
    const fn meant(self) -> Attack {
        match self {
            Self::Saturated => Attack::Saturated,
            Self::Loops => Attack::Loops,
            Self::Endless => Attack::Endless,
            Self::Crashes => Attack::Crashes,
        }
    }
}

/// `bench score`
#[derive(Debug, Args)]
pub struct Score {
    /// Rounds of each kind; the median counts.
    #[arg(long, default_value_t = 300, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub rounds: u32,
    /// Exit with 7 unless a ratio is at least (a floor) or at most (a ceiling) this much; repeatable.
    #[arg(long, value_name = "GOAL=VALUE", value_parser = requirement)]
    pub require: Vec<Requirement>,
}

/// `bench bound`
#[derive(Debug, Args)]
pub struct Bound {
    /// Signers of the transactions.
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub signers: usize,
    /// Transactions of a block.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub block: usize,
    /// Replicas.
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub replicas: usize,
    /// Runs of each kind; the median counts.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub runs: usize,
}

/// `bench floor`
#[derive(Debug, Args)]
pub struct Floor {
    /// Commits of each kind.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub samples: usize,
}

/// Whether peers wait for the disk.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FsyncMode {
    /// As in production.
    On,
    /// Left to the operating system.
    Off,
    /// One run each.
    Both,
}

/// `bench net`
#[derive(Debug, Args)]
pub struct Net {
    /// Peers.
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=18))]
    pub peers: u16,
    /// Port of the first peer.
    #[arg(long, default_value_t = 27_100, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..=60_000))]
    pub base_port: u16,
    /// Transactions per second, or `max`.
    #[arg(long, default_value = "max", value_name = "R|max", value_parser = pace)]
    pub rate: Pace,
    /// Client identities that sign.
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub signers: usize,
    /// Whether peers wait for the disk.
    #[arg(long, value_enum, default_value = "on", value_name = "WHETHER")]
    pub fsync: FsyncMode,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 20, value_name = "S")]
    pub duration: u64,
    /// Seconds of load before.
    #[arg(long, default_value_t = 3, value_name = "S")]
    pub warmup: u64,
    /// Seconds that the idle network is watched.
    #[arg(long, default_value_t = 10, value_name = "S")]
    pub idle: u64,
    /// Single transactions on the idle network.
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub probes: usize,
    /// Connections to each peer.
    #[arg(long, default_value_t = 160, value_name = "N")]
    pub connections: usize,
    /// Runs; of each ratio the median counts, the figures are those of the last.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=25))]
    pub runs: u8,
    /// Requests under way on each connection with `--rate max`.
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub pipeline: usize,
    /// Transactions signed in advance [default: what the rate needs].
    #[arg(long, value_name = "N")]
    pub stock: Option<usize>,
    /// Exit with 7 unless the first ratio of a goal is at least (or, where less is better, at most)
    /// this much; repeatable.
    #[arg(long, value_name = "GOAL=VALUE", value_parser = requirement)]
    pub require: Vec<Requirement>,
    /// Runs of the bound to compare with; 0: no ratios.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub anchor_runs: usize,
}

fn pace(text: &str) -> Result<Pace, String> {
    if text == "max" {
        return Ok(Pace::Max);
    }
    let rate: f64 =
        text.parse().map_err(|_| "write a number of transactions per second, or max")?;
    if rate > 0.0 && rate.is_finite() { Ok(Pace::Rate(rate)) } else { Err("above 0".to_owned()) }
}

/// A goal and what it has to reach for once, whatever passes in the long run.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    goal: String,
    value: f64,
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let form = || "write a goal and a number, such as G1=0.2".to_owned();
    let (goal, value) = text.split_once('=').ok_or_else(form)?;
    let value: f64 = value.parse().map_err(|_| form())?;
    if value.is_finite() { Ok(Requirement { goal: goal.to_owned(), value }) } else { Err(form()) }
}

impl Requirement {
    /// Why these ratios do not do.
    fn missed_by(&self, ratios: &[Ratio]) -> Option<String> {
        let Some(ratio) = ratios.iter().find(|ratio| ratio.goal == self.goal) else {
            return Some(format!("{}: this run has no such ratio", self.goal));
        };
        let is_met =
            if ratio.is_floor { ratio.value >= self.value } else { ratio.value <= self.value };
        let bound = if ratio.is_floor { "at least" } else { "at most" };
        (!is_met).then(|| {
            format!(
                "{}: {} is {:.3}, not {bound} {}",
                self.goal, ratio.name, ratio.value, self.value
            )
        })
    }
}

/// Measures and prints.
pub(crate) fn bench(bench: Bench, context: &Context) -> Done {
    let required = match &bench.what {
        What::Net(net) => net.require.clone(),
        What::Channels(channels) => channels.require.clone(),
        What::Score(score) => score.require.clone(),
        What::Limits | What::Bound(_) | What::Floor(_) => Vec::new(),
    };
    let mut report = Vec::new();
    let ratios = host_bench::run(command(bench, context.out.is_json()), &mut report)?;
    context.out.raw(&String::from_utf8_lossy(&report));
    judged(&required, &ratios)
}

/// What was required, against what was measured.
fn judged(required: &[Requirement], ratios: &[Ratio]) -> Done {
    let missed: Vec<_> = required.iter().filter_map(|one| one.missed_by(ratios)).collect();
    if missed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::new(Code::GoalMissed, missed.join("; ")))
}

fn command(bench: Bench, is_json: bool) -> BenchCommand {
    let common = CommonOptions {
        format: if is_json { Format::Json } else { Format::Markdown },
        dir: bench.dir.unwrap_or_else(std::env::temp_dir),
    };
    match bench.what {
        What::Limits => BenchCommand::Limits(LimitsOptions { common, ..LimitsOptions::default() }),
        What::Floor(Floor { samples }) => BenchCommand::Floor(FloorOptions { common, samples }),
        What::Score(Score { rounds, .. }) => {
            BenchCommand::Score(ScoreOptions { common, rounds, ..ScoreOptions::default() })
        }
        What::Bound(Bound { signers, block, replicas, runs }) => {
            let defaults = BoundOptions::default();
            BenchCommand::Bound(BoundOptions { common, signers, block, replicas, runs, ..defaults })
        }
        What::Channels(channels) => BenchCommand::Channels(channels.options(common)),
        What::Net(net) => BenchCommand::Net(NetOptions {
            common,
            peers: net.peers,
            base_port: net.base_port,
            pace: net.rate,
            signers: net.signers,
            fsync: match net.fsync {
                FsyncMode::On => Fsync::On,
                FsyncMode::Off => Fsync::Off,
                FsyncMode::Both => Fsync::Both,
            },
            duration: Duration::from_secs(net.duration),
            warmup: Duration::from_secs(net.warmup),
            idle: Duration::from_secs(net.idle),
            probes: net.probes,
            connections: net.connections,
            runs: net.runs.into(),
            pipeline: net.pipeline,
            stock: net.stock,
            anchor_runs: net.anchor_runs,
            ..NetOptions::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{judged, requirement};
    use crate::args::{Cli, Command};
    use clap::Parser;
    use host_bench::Ratio;
    use host_types::Code;

    #[test]
    fn the_defaults_of_the_command_are_those_of_the_bench() {
        let cli = Cli::try_parse_from(["loopchain", "bench", "net", "--dir", "/tmp"]).unwrap();
        let Command::Bench(bench) = cli.command else { panic!("another command") };
        let host_bench::BenchCommand::Net(net) = super::command(bench, false) else {
            panic!("another bench")
        };
        let common = net.common.clone();
        let expected = host_bench::NetOptions { common, ..host_bench::NetOptions::default() };
        assert_eq!(format!("{net:?}"), format!("{expected:?}"));
    }

    fn channels(arguments: &[&str]) -> host_bench::ChannelsOptions {
        let line = ["loopchain", "bench", "channels"].iter().chain(arguments);
        let Command::Bench(bench) = Cli::try_parse_from(line).unwrap().command else {
            panic!("another command")
        };
        match super::command(bench, false) {
            host_bench::BenchCommand::Channels(channels) => channels,
            _ => panic!("another bench"),
        }
    }

    #[test]
    fn channels_are_attacked_and_summed_up_unless_one_is_named() {
        let all = channels(&[]);
        let expected = host_bench::ChannelsOptions::default();
        assert_eq!(format!("{all:?}"), format!("{expected:?}"));
        let measured = |arguments: &[&str]| {
            let options = channels(arguments);
            (options.attacks.len(), options.sum.is_some())
        };
        assert_eq!(measured(&["--sum"]), (0, true));
        assert_eq!(measured(&["--attack", "loops"]), (1, false));
        assert_eq!(measured(&["--attack", "loops", "--sum"]), (1, true));
        let few = channels(&["--sum", "--connections", "8", "--duration", "2", "--warmup", "0"]);
        let sum = few.sum.unwrap();
        let lengths = (sum.duration.as_secs(), sum.warmup.as_secs());
        assert_eq!((few.connections, sum.connections, lengths), (8, 8, (2, 0)));
    }

    #[test]
    fn what_prints_goals_takes_requirements() {
        for what in ["net", "score", "channels"] {
            let line = ["loopchain", "bench", what, "--require", "G14=1", "--require", "S2=30.5"];
            assert!(Cli::try_parse_from(line).is_ok(), "{what}");
        }
        assert!(Cli::try_parse_from(["loopchain", "bench", "score", "--require", "S2"]).is_err());
        assert!(
            Cli::try_parse_from(["loopchain", "bench", "limits", "--require", "S2=1"]).is_err()
        );
    }

    #[test]
    fn a_requirement_is_met_from_its_own_side() {
        let ratios =
            [Ratio::at_least("G1", "rate", 0.25, 0.5), Ratio::at_most("G5", "latency", 4.0, 2.5)];
        let missed = |text: &str| requirement(text).unwrap().missed_by(&ratios).is_some();
        assert!(!missed("G1=0.25") && missed("G1=0.26"));
        assert!(!missed("G5=4") && missed("G5=3.9"));
        assert!(missed("G7=0"), "a ratio that was not measured is not met");
        assert!(requirement("G1").is_err() && requirement("G1=x").is_err());
        assert!(judged(&[requirement("G1=0.25").unwrap()], &ratios).is_ok());
        let missed = judged(&[requirement("G1=0.26").unwrap()], &ratios).unwrap_err();
        assert_eq!((missed.code(), missed.exit()), (Code::GoalMissed, 7));
    }

    #[test]
    fn a_rate_is_a_number_above_zero_or_max() {
        let parses =
            |rate: &str| Cli::try_parse_from(["loopchain", "bench", "net", "--rate", rate]).is_ok();
        assert!(parses("max") && parses("250") && parses("0.5"));
        assert!(!parses("0") && !parses("-1") && !parses("fast") && !parses("inf"));
    }
}
