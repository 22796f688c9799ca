//! What the commands for the life of a SCORE look like on the command line: `score list`, `show`,
//! `deploy`, `upgrade`, `vote`, `freeze`, `unfreeze`.
//!
//! In: words. Out: [`LifeCommand`], which `score` flattens into its own. Deliberately not here: what
//! they do (`cmd/score_life.rs`, `cmd/score_versions.rs`, `cmd/score_peers.rs`).

use crate::cmd::replay::place::StoreFlags;
use clap::{Args, Subcommand};

/// From a file to an active version, and what stops one.
#[derive(Debug, Subcommand)]
pub enum LifeCommand {
    /// SCOREs of the channel: each version, and refused files of the plugin folder.
    List,
    /// One SCORE: versions, who is ready, methods.
    Show {
        /// Its name.
        name: String,
        /// Ask every peer, not only one: each answers for itself.
        #[arg(long)]
        peers: bool,
        /// REST interface of a RadioStation: the peers are those of the channel in its directory, where
        /// each says itself where it answers.
        #[arg(long, value_name = "URL", requires = "peers")]
        radiostation: Option<String>,
    },
    /// Propose that a version becomes active; with the keys of a local network, approve it too.
    Deploy(Deploy),
    /// The same for a SCORE that is active: at a height, so that all have time to get the file.
    Upgrade(Upgrade),
    /// Approve a change that waits, as the one named by `--identity`.
    Approve {
        /// Its id, or the beginning of it.
        id: String,
    },
    /// Show one change that waits, or approve it.
    Vote {
        /// Its id, or the beginning of it.
        id: String,
        /// Approve it, as the one named by `--identity`.
        #[arg(long)]
        approve: bool,
    },
    /// Propose that a SCORE takes no transactions; queries still answer.
    Freeze(Freeze),
    /// Propose that it goes on, also after it was suspended because it crashed.
    Unfreeze(Freeze),
}

/// `score deploy`
#[derive(Debug, Args)]
pub struct Deploy {
    /// The .so file, NAME@VERSION or the SHA-256 of a version that the peer holds.
    pub version: String,
    /// In this block, before its transactions; without it as soon as validators of weight q hold it.
    #[arg(long, value_name = "HEIGHT|+N")]
    pub at: Option<String>,
    /// How it is proposed.
    #[command(flatten)]
    pub how: How,
    /// Arguments of its `deploy` method as one JSON object, for the first version.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub args: String,
    /// Whom `deploy` sees as its caller: a name or an address; else the one that proposes it.
    #[arg(long, value_name = "NAME")]
    pub deployer: Option<String>,
}

/// `score upgrade`
#[derive(Debug, Args)]
pub struct Upgrade {
    /// NAME@VERSION, the .so file or the SHA-256 of a version that the peer holds. A former one rolls
    /// back.
    pub version: String,
    /// In this block, before its transactions.
    #[arg(long, value_name = "HEIGHT|+N")]
    pub at: String,
    /// How it is proposed.
    #[command(flatten)]
    pub how: How,
    /// What it has to show before.
    #[command(flatten)]
    pub rehearsal: RehearseFirst,
}

/// What a version has to show before it is proposed.
#[derive(Debug, Args)]
pub struct RehearseFirst {
    /// Run the last blocks with it first, so many at most, and propose nothing when a receipt or a
    /// write set differs or `migrate` fails.
    #[arg(long, value_name = "BLOCKS", value_parser = clap::value_parser!(u64).range(1..))]
    pub rehearse: Option<u64>,
    /// Propose it although receipts or write sets differ.
    #[arg(long, requires = "rehearse")]
    pub even_if_different: bool,
    /// Whose store is copied for the rehearsal.
    #[command(flatten)]
    pub store: StoreFlags,
}

/// How a change is proposed.
#[derive(Debug, Args)]
pub struct How {
    /// Only propose it, as the one named by `--identity`: others approve with `score approve`.
    #[arg(long)]
    pub propose: bool,
    /// Wait until it is decided, at most the time of `--timeout`.
    #[arg(long)]
    pub wait: bool,
}

/// `score freeze`, `score unfreeze`
#[derive(Debug, Args)]
pub struct Freeze {
    /// Name of the SCORE.
    pub name: String,
    /// Only propose it, as the one named by `--identity`: others approve with `score approve`.
    #[arg(long)]
    pub propose: bool,
}
