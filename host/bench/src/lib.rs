//! What `loopchain bench` runs: how fast this machine is, what it could do at best, and what a
//! network on it does, as figures and as ratios of figures of one run.
//!
//! In: options. Out: a [`Report`] as Markdown or JSON. Absolute figures move with the machine's
//! load and disk; that is why every goal is a ratio whose two sides are measured in the same run.
//! Deliberately not here: the command line (`host/cli`), the goals of other systems, anything that
//! a running node uses.
//!
//! | command | measures | module |
//! |---|---|---|
//! | `limits` | signatures, hashes, codec, disk, loopback, HTTP | [`limits`] |
//! | `bound` | the work of replicas without network and consensus: B1, B4 | [`bound`] |
//! | `floor` | the least time in which four nodes can commit: L | [`floor`] |
//! | `score` | SCOREs in their workers: calls, starts, crashes, the cost of counting | [`score`] |
//! | `net` | a real network of processes under load | [`net`] |
//! | `channels` | a quiet channel beside an attacked one, four channels against one | [`net`] |

pub mod bound;
pub mod cpu;
pub mod disk;
mod error;
pub mod floor;
pub mod http;
pub mod limits;
pub mod loopback;
pub mod machine;
pub mod net;
pub mod report;
pub mod rest;
pub mod score;
pub mod scratch;
pub mod workload;

pub use bound::BoundOptions;
pub use error::BenchError;
pub use floor::FloorOptions;
pub use limits::LimitsOptions;
pub use net::{Attack, ChannelsOptions, NetOptions, SumOptions};
pub use report::{Figure, Format, Ratio, Report};
pub use score::ScoreOptions;

use host_types::Rejection;
use std::io::Write;
use std::path::PathBuf;

/// What every bench takes.
#[derive(Clone, Debug)]
pub struct CommonOptions {
    /// Form of the report.
    pub format: Format,
    /// Folder for temporary files. Its disk is the one that is measured.
    pub dir: PathBuf,
}

impl Default for CommonOptions {
    fn default() -> Self {
        Self { format: Format::default(), dir: std::env::temp_dir() }
    }
}

/// What to measure.
#[derive(Clone, Debug)]
pub enum BenchCommand {
    /// What one core, the disk and loopback do.
    Limits(LimitsOptions),
    /// What replicas could commit at best.
    Bound(BoundOptions),
    /// The least time to commit.
    Floor(FloorOptions),
    /// SCOREs in their workers.
    Score(ScoreOptions),
    /// A real network.
    Net(NetOptions),
    /// A quiet channel beside an attacked one, and four channels against one.
    Channels(ChannelsOptions),
}

/// Measures, and writes the report; gives its ratios.
///
/// # Errors
/// What could not be measured, with the place and what the system said.
pub fn run(command: BenchCommand, out: &mut dyn Write) -> Result<Vec<Ratio>, Rejection> {
    let (common, report) = match command {
        BenchCommand::Limits(options) => (options.common.clone(), limits::run(&options)?),
        BenchCommand::Bound(options) => (options.common.clone(), bound::run(&options)?),
        BenchCommand::Floor(options) => (options.common.clone(), floor::run(&options)?),
        BenchCommand::Score(options) => (options.common.clone(), score::run(&options)?),
        BenchCommand::Net(options) => (options.common.clone(), net::run(&options)?),
        BenchCommand::Channels(options) => (options.common.clone(), net::run_channels(&options)?),
    };
    let text = match common.format {
        Format::Markdown => report.to_markdown(),
        Format::Json => report.to_json().map_err(BenchError::Report)?,
    };
    out.write_all(text.as_bytes()).map_err(BenchError::Output)?;
    Ok(report.ratios)
}
