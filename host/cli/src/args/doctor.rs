//! What `doctor` looks like on the command line.
//!
//! In: words. Out: what was asked for. Deliberately not here: what it looks at (`cmd/doctor.rs`).

use clap::Args;
use std::path::PathBuf;

/// `doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    /// Home folder of a peer, RadioStation, proxy or log collector; the local network's without.
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
}
