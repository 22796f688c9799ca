//! What `channel` looks like on the command line.
//!
//! In: words. Out: what was asked for.
//! Deliberately not here: what the commands do (`cmd/channel.rs` and its neighbours, `cmd/configure.rs`).

use crate::args_network::ChannelGenesis;
use clap::{Args, Subcommand};
use std::path::PathBuf;

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
    /// What the channel runs with now and next; changes that wait for approvals.
    Epochs,
    /// Change validators, rule, parameters or block limits from the next epoch on. With the keys of a
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
