//! What the commands about log lines look like on the command line: `logs`, `log-collector`.
//!
//! In: words. Out: [`Logs`], [`LogCollectorCommand`] and the [`Wanted`] lines that both take.
//! Deliberately not here: what they do (`cmd/logs.rs`, `cmd/log_collector.rs`).

use crate::args::Run;
use clap::{Args, Subcommand, ValueEnum};
use host_collector::record::Level;
use host_collector::{Filter, moment};
use host_node::config::Span;
use std::path::PathBuf;

/// A moment: RFC 3339 in UTC, or so long ago.
fn moment(text: &str) -> Result<u64, String> {
    moment_before(text, moment::now_us())
}

fn moment_before(text: &str, now_us: u64) -> Result<u64, String> {
    let minutes = text.strip_suffix('m').map(|number| format!("{number}min"));
    let days = text.strip_suffix('d').and_then(|number| number.parse::<u64>().ok());
    let hours = days.map(|days| format!("{}h", days.saturating_mul(24)));
    let span = Span::parse(&minutes.or(hours).unwrap_or_else(|| text.to_owned()));
    let ago = span.map(|span| now_us.saturating_sub(span.0));
    ago.or_else(|| moment::read(text))
        .ok_or_else(|| "write 10m, 2h, 3d or 2026-01-31T12:00:00Z".to_owned())
}

/// Words of `--level`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LevelWord {
    /// Every step.
    Trace,
    /// For developers.
    Debug,
    /// What normally happens.
    Info,
    /// To be looked at.
    Warn,
    /// Something failed.
    Error,
}

/// Which lines.
#[derive(Clone, Debug, Default, Args)]
pub struct Wanted {
    /// Not before: 10m, 2h, 3d ago, or 2026-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<u64>,
    /// Before.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<u64>,
    /// Of processes with this name; `*` stands for any text (`bank-b/*`).
    #[arg(long, value_name = "NAME")]
    pub peer: Option<String>,
    /// At least so grave.
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub level: Option<LevelWord>,
    /// With this text.
    #[arg(long, value_name = "TEXT")]
    pub grep: Option<String>,
    /// Go on with new lines.
    #[arg(short, long)]
    pub follow: bool,
}

impl Wanted {
    /// As a filter.
    #[must_use]
    pub fn filter(&self) -> Filter {
        let level = self.level.map(|level| match level {
            LevelWord::Trace => Level::Trace,
            LevelWord::Debug => Level::Debug,
            LevelWord::Info => Level::Info,
            LevelWord::Warn => Level::Warn,
            LevelWord::Error => Level::Error,
        });
        Filter {
            since_us: self.since,
            until_us: self.until,
            peer: self.peer.clone(),
            level,
            grep: self.grep.clone(),
        }
    }
}

/// `logs`
#[derive(Debug, Args)]
pub struct Logs {
    /// Of one process (peer0, radiostation, up); all without.
    pub name: Option<String>,
    /// Which lines; without any wish the last ones.
    #[command(flatten)]
    pub wanted: Wanted,
}

/// `log-collector`
#[derive(Debug, Subcommand)]
pub enum LogCollectorCommand {
    /// Run it until it is interrupted: its home has log-collector.toml.
    Run(Run),
    /// Lines that a collector keeps, also while it runs.
    Query(CollectorQuery),
}

/// `log-collector query`
#[derive(Debug, Args)]
pub struct CollectorQuery {
    /// The collector's home folder.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub home: PathBuf,
    /// Instead of lines: check that each file is the one whose hash the next one names; exit code 7
    /// when one is not.
    #[arg(long, conflicts_with_all = ["since", "until", "peer", "level", "grep", "follow"])]
    pub verify: bool,
    /// Which lines.
    #[command(flatten)]
    pub wanted: Wanted,
}

#[cfg(test)]
mod tests {
    use super::moment_before;

    #[test]
    fn moments_are_spans_before_now_or_times() {
        const NOW: u64 = 1_000_000 * 1_000_000;
        let ago = |text: &str| (NOW - moment_before(text, NOW).unwrap()) / 1_000_000;
        assert_eq!((ago("10m"), ago("2h"), ago("3d")), (600, 7_200, 259_200));
        assert_eq!((ago("30s"), ago("5min")), (30, 300));
        assert_eq!(moment_before("1970-01-01T00:00:01Z", NOW), Ok(1_000_000));
        for wrong in ["", "m", "d", "yesterday", "10", "-1m", "99999999999999999999d"] {
            assert!(moment_before(wrong, NOW).is_err(), "{wrong}");
        }
    }
}
