//! What `event` looks like on the command line.
//!
//! In: words. Out: what was asked for. Deliberately not here: what the commands do (`cmd/event.rs`).

use clap::{Args, Subcommand};

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
