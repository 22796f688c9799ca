//! The command line: one definition for parsing, help and completions.

use crate::args_logs::{LogCollectorCommand, Logs};
use crate::args_network::{ChannelGenesis, RadioStationCommand, TestnetCommand};
use crate::args_operate::{PeerJoin, PeerLeave};
use crate::args_pki::{CaCommand, CertCommand, PeerInit};
use crate::cmd::bench::Bench;
use crate::cmd::replay::ReplayArgs;
use crate::cmd::replay::place::StoreFlags;
use crate::cmd::score_new::Template;
use crate::cmd::score_rehearse::ScoreRehearse;
use clap::parser::ValueSource;
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use host_node::config::Span;
use std::path::PathBuf;
use std::time::Duration;

/// A permissioned blockchain engine: many channels, LFT consensus, natively compiled SCOREs.
#[derive(Debug, Parser)]
#[command(name = "loopchain", version, about, max_term_width = 100, disable_help_subcommand = true)]
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
        let matches = Self::command().try_get_matches_from(words)?;
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
    #[arg(long, global = true, env = "LOOPCHAIN_PROFILE", value_name = "NAME")]
    pub profile: Option<String>,
    /// REST interface of a peer, instead of the profile's.
    #[arg(long, global = true, env = "LOOPCHAIN_ENDPOINT", value_name = "URL")]
    pub endpoint: Option<String>,
    /// Channel, instead of the profile's.
    #[arg(short, long, global = true, env = "LOOPCHAIN_CHANNEL", value_name = "NAME")]
    pub channel: Option<String>,
    /// Whether the channel was typed, and not read from the environment; not a flag.
    #[arg(skip)]
    pub is_channel_typed: bool,
    /// Who signs: a name of the key folder, or the path of a key file.
    #[arg(long, global = true, env = "LOOPCHAIN_IDENTITY", value_name = "NAME|PATH")]
    pub identity: Option<String>,
    /// The loopchain.toml to use (for `up`: the channels.toml).
    #[arg(long, global = true, env = "LOOPCHAIN_CONFIG", value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// A setting of peer.toml or radiostation.toml, above file and environment; repeatable.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The local network that is meant [default: ./.loopchain].
    #[arg(long, global = true, env = "LOOPCHAIN_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Exactly one JSON document on stdout; errors as JSON on stderr.
    #[arg(long, global = true)]
    pub json: bool,
    /// No notes.
    #[arg(short, long, global = true)]
    pub quiet: bool,
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
    /// Explain an error code, or `exit-codes`.
    Explain(Explain),
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
    /// Versions of what this program speaks.
    Version,
}

/// `up`
#[derive(Clone, Debug, Args)]
pub struct Up {
    /// Port of the first peer; the others follow by 100, the RadioStation is 2 above it, REST 1900
    /// above each, operations 1950.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..=60_000))]
    pub base_port: Option<u16>,
    /// Number of peers [default: 4].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=18))]
    pub peers: Option<u16>,
    /// Start, be ready, stop.
    #[arg(long)]
    pub once: bool,
    /// Go on in the background.
    #[arg(short, long, conflicts_with = "once")]
    pub detach: bool,
    /// Certificates of a new network run out after so long: for tests of what happens then.
    #[arg(long, hide = true, value_name = "TIME", value_parser = time_span)]
    pub certificates_last: Option<Duration>,
    /// Started by `--detach`.
    #[arg(long, hide = true)]
    pub detached: bool,
}

/// `explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// `LC1104`, or `exit-codes`.
    pub topic: String,
}

/// `peer`
#[derive(Debug, Subcommand)]
pub enum PeerCommand {
    /// Run it until it is interrupted.
    Run(PeerRun),
    /// Make the home folder of a peer: keys and requests first, certificates second.
    Init(Box<PeerInit>),
    /// Join a channel on the running peer; the other channels go on.
    Join(PeerJoin),
    /// Leave a channel on the running peer; the other channels go on.
    Leave(PeerLeave),
}

/// `peer run`
#[derive(Debug, Args)]
pub struct PeerRun {
    /// What all processes take.
    #[command(flatten)]
    pub run: Run,
    /// Sign again without a sign log that can be trusted: ask the other validators how far they are, and sign
    /// nothing that this key may have signed before. Without effect while the log is whole.
    #[arg(long)]
    pub rejoin: bool,
}

/// `proxy`
#[derive(Debug, Subcommand)]
pub enum RunCommand {
    /// Run it until it is interrupted.
    Run(Run),
}

/// `peer run`, `radiostation run`, `proxy run`, `log-collector run`
#[derive(Debug, Args)]
pub struct Run {
    /// Its home folder, with its peer.toml, radiostation.toml, proxy.toml or log-collector.toml.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub home: PathBuf,
    /// Stop when stdin is closed: for who starts it as a child.
    #[arg(long, hide = true)]
    pub until_stdin_closes: bool,
}

/// `channel`
#[derive(Debug, Subcommand)]
pub enum ChannelCommand {
    /// Channels of the peer.
    List,
    /// One channel: height, leader, validators.
    Show {
        /// Its name; the profile's without.
        name: Option<String>,
    },
    /// What the channel runs with now and next, and the changes that wait for approvals.
    Epochs,
    /// Change validators, the rule, its parameters or block limits from the next epoch on. With the keys of a
    /// local network: proposed, approved and in force when this returns.
    Configure(Configure),
    /// Approve a change that waits, as the one named by `--identity`.
    Vote {
        /// Its id, or the beginning of it.
        id: String,
        /// Sign the approval; without, the change is shown.
        #[arg(long)]
        approve: bool,
    },
    /// What a channels.toml (of all channels, or with --channel of one) wants that the chains do not
    /// run with: differences, what they would do to quorum and tolerance, and who has to approve.
    Plan {
        /// The file; the nearest upwards without.
        file: Option<PathBuf>,
    },
    /// Propose what `plan` shows, one `configure` change for each channel. With the keys of a local
    /// network: proposed, approved and in force when this returns.
    Apply {
        /// The file; the nearest upwards without.
        file: Option<PathBuf>,
        /// Only propose, as the one named by `--identity`: others approve with `channel vote`.
        #[arg(long)]
        propose: bool,
        /// Also when the validators of the next epoch that are connected now could not decide.
        #[arg(long)]
        force: bool,
    },
    /// Write what a channel runs with as lines of a channels.toml.
    Export {
        /// Its name; the profile's without.
        name: Option<String>,
        /// Into this file.
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Add a channel to a channels.toml, which is made where there is none.
    Create(ChannelCreate),
    /// Make the genesis of the channels of a channels.toml (with --channel: of one) for a network of
    /// several machines, or compare one that came from others with what the file says.
    Genesis(ChannelGenesis),
    /// Read the `channel_manage_data.json` of the old edition: lines of a channels.toml, and a list of
    /// what has no equal.
    Import {
        /// The old file.
        old: PathBuf,
        /// Into this file, which must not be there.
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Check a channels.toml: what each channel (with --channel: that one) tolerates, and who could
    /// halt or fork it.
    Check {
        /// The file; the nearest upwards without.
        file: Option<PathBuf>,
    },
}

/// `channel create`
#[derive(Clone, Debug, Args)]
pub struct ChannelCreate {
    /// Its name.
    pub name: String,
    /// An organisation and the SHA-256 of its root certificate; repeatable; without any those of the
    /// local network.
    #[arg(long, value_name = "ORG=SHA256:FINGERPRINT")]
    pub org: Vec<String>,
    /// An auditor that reads all of it and may follow it: ORG/NAME, or ORG for all auditors of one;
    /// repeatable.
    #[arg(long, value_name = "ORG/NAME")]
    pub auditor: Vec<String>,
    /// Its consensus rule [default: lft].
    #[arg(long, value_name = "ID")]
    pub rule: Option<String>,
    /// The .so file of its rule, whose digest is written down: no other build is accepted.
    #[arg(long, value_name = "FILE")]
    pub rule_file: Option<PathBuf>,
    /// The file.
    #[arg(short, long, value_name = "FILE", default_value = "channels.toml")]
    pub out: PathBuf,
}

/// `config`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Read the settings of the old edition (the JSON of `-o conf.json`): lines of a peer.toml, and a
    /// list of what has no equal.
    Import {
        /// The old file.
        old: PathBuf,
        /// Into this file, which must not be there.
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// `channel configure`
#[derive(Clone, Debug, Default, Args)]
pub struct Configure {
    /// A validator and what it counts from now on; repeatable.
    #[arg(long, value_name = "ORG/NAME=WEIGHT")]
    pub weight: Vec<String>,
    /// A validator that leaves; repeatable.
    #[arg(long, value_name = "ORG/NAME")]
    pub remove: Vec<String>,
    /// A validator that joins, or gets another key: its public key is that of its certificate among
    /// the members, or given as 64 hex digits behind a colon; repeatable.
    #[arg(long, value_name = "ORG/NAME=WEIGHT[:KEY]")]
    pub add: Vec<String>,
    /// Another rule, of the version whose file is in the network's data folder; its parameters are
    /// those given here, and no others.
    #[arg(long, value_name = "ID")]
    pub rule: Option<String>,
    /// Another value of one of the rule's parameters; an empty one takes it out; repeatable.
    #[arg(long, value_name = "NAME=VALUE")]
    pub parameter: Vec<String>,
    /// Transactions of a block, at most.
    #[arg(long, value_name = "N")]
    pub block_txs: Option<u64>,
    /// Bytes of a block's transactions, at most.
    #[arg(long, value_name = "N")]
    pub block_bytes: Option<u64>,
    /// Steps of a block, at most.
    #[arg(long, value_name = "N")]
    pub steps_per_block: Option<u64>,
    /// Only propose it, as the one named by `--identity`: others approve with `channel vote`.
    #[arg(long)]
    pub propose: bool,
}

/// `score`
#[derive(Debug, Subcommand)]
pub enum ScoreCommand {
    /// From a file to an active version, and what stops one.
    #[command(flatten)]
    Life(crate::args_life::LifeCommand),
    /// Write a folder with a SCORE that builds, passes its tests and the check.
    New(ScoreNew),
    /// Build, check, swap and test a SCORE whenever one of its files is saved.
    Watch(ScoreWatch),
    /// Build the SCORE of a folder.
    Build {
        /// Folder with its Cargo.toml.
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Check a built SCORE; exit code 7 when it may not be deployed.
    Check {
        /// The .so file, or the folder of a SCORE that is built.
        file: PathBuf,
    },
    /// Build a SCORE anew from its source and compare the digests; exit code 7 when they differ.
    Verify(ScoreVerify),
    /// Run the last blocks again with a new version of a SCORE; exit code 7 when anything differs.
    Rehearse(ScoreRehearse),
    /// Run the tests of a SCORE's folder.
    Test {
        /// Folder with its Cargo.toml.
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// Only tests whose name contains this.
        #[arg(long = "match-test", value_name = "TEXT")]
        filter: Option<String>,
    },
}

/// `score new`
#[derive(Debug, Args)]
pub struct ScoreNew {
    /// The folder; its last part is the name of the SCORE.
    pub path: PathBuf,
    /// What it begins with.
    #[arg(long, value_enum, default_value = "counter", conflicts_with = "from_package_json")]
    pub template: Template,
    /// package.json of a SCORE of the old edition: each of its methods, with types, to be written.
    #[arg(long, value_name = "FILE")]
    pub from_package_json: Option<PathBuf>,
    /// Checkout of loopchain with the packages a SCORE is written with.
    #[arg(long, value_name = "DIR")]
    pub sdk: Option<PathBuf>,
}

/// `score watch`
#[derive(Debug, Args)]
pub struct ScoreWatch {
    /// Folder with its Cargo.toml.
    #[arg(default_value = ".")]
    pub folder: PathBuf,
    /// Do it once and end; exit code 7 when anything failed.
    #[arg(long)]
    pub once: bool,
    /// Leave the tests out.
    #[arg(long)]
    pub no_test: bool,
}

/// `score verify`
#[derive(Debug, Args)]
pub struct ScoreVerify {
    /// A .so file or its SHA-256 (64 hex digits); the version that is active when left out.
    #[arg(value_name = "FILE|SHA256")]
    pub artefact: Option<String>,
    /// Folder with the Cargo.toml of the source.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub source: PathBuf,
}

/// `tx`
#[derive(Debug, Subcommand)]
pub enum TxCommand {
    /// Sign and send a transaction, and wait until it is final.
    Send(TxSend),
    /// State and receipt of a transaction.
    Get {
        /// 64 hex digits.
        hash: String,
        /// Save the portable receipt, once it was checked: `loopchain verify FILE` needs no network.
        #[arg(long, value_name = "FILE")]
        receipt: Option<PathBuf>,
    },
    /// Check a portable receipt of this transaction; nobody is asked. Exit code 7 when it is refused.
    Verify {
        /// 64 hex digits.
        hash: String,
        /// The receipt.
        #[arg(long, value_name = "FILE")]
        proof: PathBuf,
        /// What is trusted.
        #[command(flatten)]
        trusted: Trusted,
    },
    /// Wait until a transaction is final.
    Wait {
        /// 64 hex digits.
        hash: String,
    },
}

/// `tx send`
#[derive(Debug, Args)]
pub struct TxSend {
    /// The SCORE.
    pub score: String,
    /// Its method.
    pub method: String,
    /// `name=value` (text, numbers, names), `name:=JSON`, `name=@FILE`.
    pub arguments: Vec<String>,
    /// All parameters as one JSON object; `-` reads it from stdin.
    #[arg(long, value_name = "JSON|-", conflicts_with = "arguments")]
    pub params: Option<String>,
    /// Do not wait until it is final.
    #[arg(long)]
    pub no_wait: bool,
}

/// `query`
#[derive(Debug, Args)]
pub struct Query {
    /// SCORE.METHOD
    pub target: String,
    /// `name=value`, `name:=JSON`, `name=@FILE`.
    pub arguments: Vec<String>,
    /// All parameters as one JSON object; `-` reads it from stdin.
    #[arg(long, value_name = "JSON|-", conflicts_with = "arguments")]
    pub params: Option<String>,
}

/// `block`
#[derive(Debug, Subcommand)]
pub enum BlockCommand {
    /// One block.
    Get {
        /// `latest`, a height or a hash.
        #[arg(default_value = "latest")]
        block: String,
    },
    /// Check by oneself that a block is final; exit code 7 when its proof does not hold.
    Verify(BlockVerify),
}

/// `event`
#[derive(Debug, Subcommand)]
pub enum EventCommand {
    /// Events of final transactions, oldest first. Evidence against validators is
    /// `--score system --topic evidence-recorded`.
    List(EventList),
}

/// `event list`
#[derive(Debug, Args)]
pub struct EventList {
    /// Of this SCORE only; `system` for those of the channel itself.
    #[arg(long)]
    pub score: Option<String>,
    /// Of this name only.
    #[arg(long, value_name = "NAME")]
    pub topic: Option<String>,
    /// From this block on.
    #[arg(long, default_value_t = 0, value_name = "HEIGHT")]
    pub from: u64,
    /// So many at most.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub limit: usize,
}

/// `audit`
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check a peer's whole store of a channel: links, Merkle roots, Final proofs, signatures and
    /// certificates; exit code 7 when anything is found. The peer may be running or stopped.
    Verify(AuditVerify),
    /// Validators that signed two statements which cannot both be honest.
    Evidence {
        /// One of them, by its number in the list.
        #[arg(requires = "out")]
        number: Option<u64>,
        /// Save it, with both statements.
        #[arg(long, value_name = "FILE", requires = "number")]
        out: Option<PathBuf>,
    },
    /// What a peer answered to auditors: who, what, under which grant, when.
    Trail(AuditTrail),
    /// Transactions of a period with a receipt for each, signed by `--identity`.
    Report(AuditReport),
    /// Check the report of an auditor; nobody is asked. Exit code 7 when it is refused.
    Check {
        /// The folder of the report.
        folder: PathBuf,
        /// What is trusted.
        #[command(flatten)]
        trusted: Trusted,
    },
}

/// `audit trail`
#[derive(Clone, Debug, Args)]
pub struct AuditTrail {
    /// Of this auditor only: fss/audit0, or audit0.
    #[arg(long, value_name = "NAME")]
    pub reader: Option<String>,
    /// Whose trail.
    #[command(flatten)]
    pub store: StoreFlags,
}

/// `audit verify`
#[derive(Clone, Debug, Args)]
pub struct AuditVerify {
    /// Also execute the blocks again that the peer keeps undo records of, and compare state roots.
    #[arg(long)]
    pub deep: bool,
    /// Which store.
    #[command(flatten)]
    pub source: AuditSource,
}

/// The store that an audit reads, and by what it is judged.
#[derive(Clone, Debug, Args)]
pub struct AuditSource {
    /// Whose store.
    #[command(flatten)]
    pub store: StoreFlags,
    /// Whose trail of audited reads it should have: ORG/NAME [default: with --peer that peer, else who
    /// signed it]. A trail that is gone is missed only where this is known.
    #[arg(long, value_name = "NAME")]
    pub trail_of: Option<String>,
    /// The hash of the channel's genesis [default: of the genesis in the data folder].
    #[arg(long, value_name = "HASH")]
    pub genesis: Option<String>,
    /// The folder with the channel's consensus rule [default: DATA/plugins, or that of the
    /// installation].
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
}

/// `audit report`
#[derive(Clone, Debug, Args)]
pub struct AuditReport {
    /// From this day or time on: 2026-10-01, 2026-10-01T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Up to and with this day or time.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Signed by this member only: alice@bank-a, bank-a/alice or alice.
    #[arg(long, value_name = "NAME")]
    pub signer: Option<String>,
    /// Which forms are written.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "html,csv,json")]
    pub format: Vec<ReportFormat>,
    /// The folder, which must not be there.
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
    /// Which store.
    #[command(flatten)]
    pub source: AuditSource,
}

/// A form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For reading.
    Html,
    /// For spreadsheets.
    Csv,
    /// For programs.
    Json,
}

/// `verify`
#[derive(Debug, Args)]
pub struct VerifyReceipt {
    /// The receipt.
    pub file: PathBuf,
    /// What is trusted.
    #[command(flatten)]
    pub trusted: Trusted,
}

/// What somebody has from elsewhere than a receipt; without any the genesis in the data folder.
#[derive(Clone, Debug, Default, Args)]
pub struct Trusted {
    /// SHA-256 of the root certificate of an organisation; repeatable: all of the channel's.
    #[arg(long, value_name = "SHA256:HEX", conflicts_with = "genesis")]
    pub trust: Vec<String>,
    /// The hash of the channel's genesis.
    #[arg(long, value_name = "HASH")]
    pub genesis: Option<String>,
    /// The folder with the channel's consensus rule [default: DATA/plugins, or that of the
    /// installation].
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
}

/// `block verify`
#[derive(Debug, Args)]
pub struct BlockVerify {
    /// `latest`, a height or a hash; with `--proof`, what the file must be about.
    #[arg(required_unless_present = "proof")]
    pub block: Option<String>,
    /// A proof that was saved: nobody is asked.
    #[arg(long, value_name = "FILE")]
    pub proof: Option<PathBuf>,
    /// The channel's genesis, instead of the one in the network's data folder.
    #[arg(long, value_name = "FILE")]
    pub genesis: Option<PathBuf>,
    /// Save the proof, when it holds, to be checked later with `--proof`.
    #[arg(long, value_name = "FILE", conflicts_with = "proof")]
    pub out: Option<PathBuf>,
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

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::{CommandFactory, Parser};
    use std::path::{Path, PathBuf};

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    /// What stands in backquotes behind `loopchain` in a text.
    fn named(text: &str) -> Vec<String> {
        let parts = text.split("`loopchain ").skip(1);
        parts.filter_map(|part| part.split('`').next()).map(str::to_owned).collect()
    }

    fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                rust_files(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }

    /// The first word of a command that does not exist.
    fn unknown(named: &str) -> Option<&str> {
        let mut at = &Cli::command();
        for word in named.split_whitespace() {
            let is_word = word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            // A worker is no command for people: clap does not know it.
            if !is_word || word == "score-worker" || word.starts_with('-') || !at.has_subcommands()
            {
                break;
            }
            // `score build|check` names several.
            match at.find_subcommand(word) {
                Some(found) => at = found,
                None => return Some(word),
            }
        }
        None
    }

    #[test]
    fn every_command_that_a_message_names_exists() {
        let root = score_native_link::build::source_tree().unwrap();
        let mut files = Vec::new();
        for folder in ["host", "score-native", "plugin-api", "plugins"] {
            rust_files(&root.join(folder), &mut files);
        }
        let mut count = 0;
        for file in files {
            for named in named(&std::fs::read_to_string(&file).unwrap()) {
                assert_eq!(unknown(&named), None, "{}: `loopchain {named}`", file.display());
                count += 1;
            }
        }
        assert!(count > 20, "it looks for something: {count}");
        let helps = host_types::fault::Code::ALL.iter().flat_map(|code| named(code.help()));
        for named in helps {
            assert_eq!(unknown(&named), None, "`loopchain {named}`");
        }
    }

    #[test]
    fn times_are_written_with_a_unit() {
        let parsed = Cli::try_parse_from(["loopchain", "ps", "--timeout", "2s"]).unwrap();
        assert_eq!(parsed.global.timeout.as_secs(), 2);
        assert!(Cli::try_parse_from(["loopchain", "ps", "--timeout", "2"]).is_err());
    }

    #[test]
    fn a_channel_that_was_typed_is_told_from_one_of_the_environment() {
        for line in [
            &["loopchain", "-c", "a", "ca", "sign", "x"][..],
            &["loopchain", "ca", "sign", "x", "--channel", "a"],
        ] {
            let global = Cli::read(line).unwrap().global;
            assert_eq!((global.channel.as_deref(), global.is_channel_typed), (Some("a"), true));
        }
        assert!(!Cli::read(["loopchain", "ca", "sign", "x"]).unwrap().global.is_channel_typed);
    }

    #[test]
    fn more_than_eighteen_peers_are_refused() {
        assert!(Cli::try_parse_from(["loopchain", "up", "--peers", "18"]).is_ok());
        assert!(Cli::try_parse_from(["loopchain", "up", "--peers", "19"]).is_err());
        assert!(Cli::try_parse_from(["loopchain", "up", "--once", "-d"]).is_err());
    }
}
