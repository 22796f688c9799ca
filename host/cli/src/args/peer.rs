//! What `peer`, `proxy` and the running of any process look like on the command line.
//!
//! In: words. Out: what was asked for.
//! Deliberately not here: what the commands do (`cmd/peer.rs`, `cmd/peer_init.rs`, `cmd/membership.rs`).

use crate::args_operate::{PeerJoin, PeerLeave};
use crate::args_pki::PeerInit;
use clap::{Args, Subcommand};
use std::path::PathBuf;

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
