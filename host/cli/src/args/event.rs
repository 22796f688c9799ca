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
    /// Follow blocks, transactions and events as they come; a lost connection is made again.
    /// Ends with 130 on Ctrl-C.
    Watch(EventWatch),
}

/// `event watch`
#[derive(Debug, Args)]
pub struct EventWatch {
    /// Some of `block`, `tx` and `score`.
    #[arg(long, default_value = "score", value_name = "LIST")]
    pub types: String,
    /// Transactions that call this SCORE, and its events, only.
    #[arg(long)]
    pub score: Option<String>,
    /// Events of this name only.
    #[arg(long, value_name = "NAME")]
    pub topic: Option<String>,
    /// Begin with this block; without it with the next one.
    #[arg(long, value_name = "HEIGHT")]
    pub from: Option<String>,
    /// Begin behind this event.
    #[arg(long, value_name = "ID", conflicts_with = "from")]
    pub last_event_id: Option<String>,
    /// End after so many.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
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
