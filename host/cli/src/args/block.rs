//! What `block` looks like on the command line.
//!
//! In: words. Out: what was asked for.
//! Deliberately not here: what the commands do (`cmd/block.rs`, `cmd/block_verify.rs`).

use clap::{Args, Subcommand};
use std::path::PathBuf;

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
