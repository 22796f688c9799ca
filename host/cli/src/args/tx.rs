//! What `tx` and `query` look like on the command line.
//!
//! In: words. Out: what was asked for.
//! Deliberately not here: what the commands do (`cmd/tx.rs`, `cmd/query.rs`).

use super::Trusted;
use crate::args_tx::TxList;
use clap::{Args, Subcommand};
use std::path::PathBuf;

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
        /// With its portable receipt, unchecked, as `proof` of the JSON document.
        #[arg(long, conflicts_with_all = ["receipt", "journey"])]
        proof: bool,
        /// When it passed each stage on every peer of the local network, who proposed and voted, and why
        /// it waits.
        #[arg(long, conflicts_with = "receipt")]
        journey: bool,
    },
    /// Final transactions by who signed them and what they called, newest first.
    List(TxList),
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
