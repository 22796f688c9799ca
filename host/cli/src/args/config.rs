//! What `config` looks like on the command line.
//!
//! In: words. Out: what was asked for.
//! Deliberately not here: what the commands do (`cmd/import_old.rs`).

use clap::Subcommand;
use std::path::PathBuf;

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
