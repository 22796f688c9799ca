//! What the commands to a running process of one's own look like on the command line: `peer join`,
//! `peer leave`, `radiostation peers|evict|invite`.
//!
//! In: words. Out: arguments. Deliberately not here: what they do (`cmd/membership.rs`, `cmd/directory.rs`).

use clap::Args;
use std::path::PathBuf;

/// `peer join`
#[derive(Debug, Args)]
pub struct PeerJoin {
    /// The channel.
    pub channel: String,
    /// Home folder of the peer, which runs.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub home: PathBuf,
    /// The channel's genesis, when the peer has none in its folder of channels.
    #[arg(long, value_name = "FILE")]
    pub genesis: Option<PathBuf>,
}

/// `peer leave`
#[derive(Debug, Args)]
pub struct PeerLeave {
    /// The channel.
    pub channel: String,
    /// Home folder of the peer, which runs.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub home: PathBuf,
    /// Keep blocks and state on disk (the default): joining again goes on from there.
    #[arg(long, conflicts_with = "delete_data")]
    pub keep_data: bool,
    /// Delete blocks and state; what was signed stays in the sign log. Without `--yes` it only tells what
    /// would go.
    #[arg(long)]
    pub delete_data: bool,
}

/// Which RadioStation.
#[derive(Clone, Debug, Args)]
pub struct DirectoryPlace {
    /// Home folder of the RadioStation, which runs.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub home: PathBuf,
}
