//! What `tx list` takes.

use clap::Args;

/// `tx list`
#[derive(Debug, Args)]
pub struct TxList {
    /// Signed by this member: its name, address, or certificate of 64 hex digits.
    #[arg(long, value_name = "NAME")]
    pub signer: Option<String>,
    /// Calls of this SCORE only; `system` for those of the channel itself.
    #[arg(long)]
    pub score: Option<String>,
    /// Calls of this method of it only.
    #[arg(long, requires = "score")]
    pub method: Option<String>,
    /// From this block on.
    #[arg(long, value_name = "HEIGHT")]
    pub from: Option<u64>,
    /// Up to this block.
    #[arg(long, value_name = "HEIGHT")]
    pub to: Option<u64>,
    /// Go on where another list ended.
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<String>,
    /// So many at most.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub limit: usize,
}
