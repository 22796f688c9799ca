//! What `verify` looks like on the command line, and by what a receipt is judged.
//!
//! In: words. Out: what was asked for. Deliberately not here: what the commands do (`cmd/receipt.rs`).

use clap::Args;
use std::path::PathBuf;

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
