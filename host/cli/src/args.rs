//! The command line: one definition for parsing, help and completions.
//!
//! In: words. Out: [`Cli`]. Each noun of several commands has a file beside this one (`args/`).
//! Deliberately not here: what a command does (`cmd/`).

mod audit;
mod block;
mod channel;
mod config;
mod doctor;
mod event;
mod peer;
mod receipt;
mod score;
#[cfg(test)]
mod tests;
mod tx;
mod up;

pub use audit::{AuditCommand, AuditReport, AuditSource, AuditTrail, AuditVerify, ReportFormat};
pub use block::{BlockCommand, BlockVerify};
pub use channel::{ChannelCommand, ChannelCreate, Configure};
pub use config::ConfigCommand;
pub use doctor::Doctor;
pub use event::{EventCommand, EventList, EventWatch};
pub use peer::{PeerCommand, PeerRun, Run, RunCommand};
pub use receipt::{Trusted, VerifyReceipt};
pub use score::{ScoreCommand, ScoreNew, ScoreVerify, ScoreWatch};
pub use tx::{Query, TxCommand, TxSend};
pub use up::Up;

use crate::args_api::ApiCommand;
use crate::args_logs::{LogCollectorCommand, Logs};
use crate::args_network::{RadioStationCommand, TestnetCommand};
use crate::args_pki::{CaCommand, CertCommand};
use crate::cmd::bench::Bench;
use crate::cmd::replay::ReplayArgs;
use clap::parser::ValueSource;
use clap::{ArgAction, Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use host_node::config::Span;
use std::path::PathBuf;
use std::time::Duration;

/// A permissioned blockchain engine: many channels, LFT consensus, natively compiled SCOREs.
#[derive(Debug, Parser)]
#[command(name = "loopchain", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads a command line.
    ///
    /// # Errors
    /// What is wrong with it, or the help that was asked for.
    pub fn read<T>(words: impl IntoIterator<Item = T>) -> Result<Self, clap::Error>
    where
        T: Into<std::ffi::OsString> + Clone,
    {
        let words = crate::alias::resolved(words.into_iter().map(Into::into).collect());
        let matches = crate::definition::coloured(&words).try_get_matches_from(words)?;
        let mut cli = Self::from_arg_matches(&matches)?;
        cli.global.is_channel_typed =
            matches.value_source("channel") == Some(ValueSource::CommandLine);
        Ok(cli)
    }
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

fn time_span(text: &str) -> Result<Duration, String> {
    let span = Span::parse(text).ok_or("write a time span such as 30s, 500ms or 2min")?;
    Ok(Duration::from_micros(span.0))
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Profile of loopchain.toml.
    #[arg(
        long,
        global = true,
        env = "LOOPCHAIN_PROFILE",
        hide_env_values = true,
        value_name = "NAME"
    )]
    pub profile: Option<String>,
    /// REST interface of a peer, instead of the profile's.
    #[arg(
        long,
        global = true,
        env = "LOOPCHAIN_ENDPOINT",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub endpoint: Option<String>,
    /// Channel, instead of the profile's.
    #[arg(
        short,
        long,
        global = true,
        env = "LOOPCHAIN_CHANNEL",
        hide_env_values = true,
        value_name = "NAME"
    )]
    pub channel: Option<String>,
    /// Whether the channel was typed, and not read from the environment; not a flag.
    #[arg(skip)]
    pub is_channel_typed: bool,
    /// Who signs: a name of the key folder, or the path of a key file.
    #[arg(
        long,
        global = true,
        env = "LOOPCHAIN_IDENTITY",
        hide_env_values = true,
        value_name = "NAME|PATH"
    )]
    pub identity: Option<String>,
    /// The loopchain.toml to use (for `up`: the channels.toml).
    #[arg(
        long,
        global = true,
        env = "LOOPCHAIN_CONFIG",
        hide_env_values = true,
        value_name = "PATH"
    )]
    pub config: Option<PathBuf>,
    /// A setting of peer.toml or radiostation.toml, above file and environment; repeatable.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The local network that is meant [default: ./.loopchain].
    #[arg(long, global = true, env = "LOOPCHAIN_DATA", hide_env_values = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Exactly one JSON document on stdout; errors as JSON on stderr.
    #[arg(long, global = true)]
    pub json: bool,
    /// No notes.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Do what would be asked about: delete, overwrite.
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// More: requests and answers of commands, debug lines of processes.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// When to use colour.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// How long to wait for an answer, or for a transaction to be final.
    #[arg(long, global = true, default_value = "30s", value_parser = time_span)]
    pub timeout: Duration,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a local network: RadioStation, peers, channels, sample SCOREs.
    Up(Up),
    /// Stop it; data stays.
    Down,
    /// What runs: names, processes, addresses.
    Ps,
    /// Network, channel and peer state.
    Status,
    /// Follow or search logs of a local network.
    Logs(Logs),
    /// Lines of many nodes in one place.
    #[command(subcommand)]
    LogCollector(LogCollectorCommand),
    /// Delete the data of a local network that does not run.
    Reset,
    /// Look at machine, configuration, keys, clock, disk and peers; exit code 7 for problems.
    Doctor(Doctor),
    /// Explain an error code, `exit-codes` or a setting.
    Explain(Explain),
    /// REST: its OpenAPI document.
    #[command(subcommand)]
    Api(ApiCommand),
    /// Run a peer.
    #[command(subcommand)]
    Peer(PeerCommand),
    /// Run a RadioStation; who is in its directory.
    #[command(subcommand)]
    Radiostation(RadioStationCommand),
    /// Networks of several machines.
    #[command(subcommand)]
    Testnet(TestnetCommand),
    /// Run a proxy: REST in front of many peers.
    #[command(subcommand)]
    Proxy(RunCommand),
    /// Channels of a peer.
    #[command(subcommand)]
    Channel(ChannelCommand),
    /// SCOREs: build, check, test, list, show.
    #[command(subcommand)]
    Score(ScoreCommand),
    /// Transactions.
    #[command(subcommand)]
    Tx(TxCommand),
    /// Check a portable receipt without a network; exit code 7 when it is refused.
    Verify(VerifyReceipt),
    /// Read a SCORE: SCORE.METHOD key=value ...
    Query(Query),
    /// Blocks.
    #[command(subcommand)]
    Block(BlockCommand),
    /// What transactions announced.
    #[command(subcommand)]
    Event(EventCommand),
    /// What an auditor looks at.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Execute kept blocks again and compare; exit code 7 when a result differs.
    Replay(ReplayArgs),
    /// Settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Keys of the local network.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// The certificate authority of an organisation.
    #[command(subcommand)]
    Ca(CaCommand),
    /// Keys and certificates of a node or a person.
    #[command(subcommand)]
    Cert(CertCommand),
    /// How fast this machine is, and a network on it.
    Bench(Bench),
    /// Completions for a shell.
    Completions(Completions),
    /// Pages for man(1): one on stdout, or all into a folder.
    Man(Man),
    /// Versions of what this program speaks.
    Version,
}

/// `explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// `LC1104`, `exit-codes`, or a setting (`rest.listen`); all error codes without.
    pub topic: Option<String>,
}

/// `keys`
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Names, roles, addresses.
    List,
}

/// `completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    pub shell: clap_complete::Shell,
}

/// `man`
#[derive(Debug, Args)]
pub struct Man {
    /// The words of a command; the page of `loopchain` itself without.
    #[arg(num_args = 0..=2)]
    pub command: Vec<String>,
    /// Write the pages of all commands into this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub out: Option<PathBuf>,
}
