//! What `up` looks like on the command line.
//!
//! In: words. Out: what was asked for. Deliberately not here: what the commands do (`cmd/up/mod.rs`).

use super::time_span;
use clap::Args;
use std::time::Duration;

/// `up`
#[derive(Clone, Debug, Args)]
pub struct Up {
    /// Port of the first peer; the others follow by 100, the RadioStation is 2 above it, REST 1900
    /// above each, operations 1950.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..=60_000))]
    pub base_port: Option<u16>,
    /// Number of peers [default: 4].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=18))]
    pub peers: Option<u16>,
    /// Without the proxy, which is 2100 below the first peer.
    #[arg(long)]
    pub no_proxy: bool,
    /// Without the log collector, which is 17124 above the first peer; peers then keep their own logs
    /// only.
    #[arg(long)]
    pub no_log_collector: bool,
    /// Start, be ready, stop.
    #[arg(long)]
    pub once: bool,
    /// Go on in the background.
    #[arg(short, long, conflicts_with = "once")]
    pub detach: bool,
    /// Certificates of a new network run out after so long: for tests of what happens then.
    #[arg(long, hide = true, value_name = "TIME", value_parser = time_span)]
    pub certificates_last: Option<Duration>,
    /// Started by `--detach`.
    #[arg(long, hide = true)]
    pub detached: bool,
}
