//! The command line of `cargo sim`.
//!
//! In: arguments. Out: [`Request`], or one line that says what is wrong. It also takes what
//! `cargo test` hands to every test program: a filter, `--list`, and options of the usual harness.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How it is called.
pub(crate) const USAGE: &str = "cargo sim [--rule-only] [--seed 0x… [--loud]] [--seeds N] \
     [--minutes M] [--from 0x…] [--data FOLDER] [--json]";
/// Name that a filter of `cargo test` must be a part of.
const NAME: &str = "sim";
/// Where counters are kept when no folder is named.
const DATA: &str = "target/sim";

/// What runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Whole nodes minus sockets and disk.
    Nodes,
    /// The rule alone, with model hosts.
    Rule,
}

/// Which seeds of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Campaign {
    /// The first; none goes on where the counter stands, or looks where nobody looked.
    pub(crate) first: Option<u64>,
    /// How many, when that is what was asked for.
    pub(crate) count: Option<u64>,
    /// How long, when that is what was asked for.
    pub(crate) time: Option<Duration>,
    /// The folder of the counter.
    pub(crate) data: PathBuf,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// One seed, with its report; with the lines of the nodes' logs.
    One(u64, bool),
    /// Many seeds.
    Many(Campaign),
    /// What every `cargo test` runs.
    Slice,
    /// The names of the tests.
    List,
    /// A filter names another test.
    Nothing,
}

/// A task for a family; the slice is for both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// What runs.
    pub(crate) family: Family,
    /// What is asked for.
    pub(crate) task: Task,
    /// One line of JSON instead of words.
    pub(crate) is_json: bool,
}

#[derive(Default)]
struct Read {
    seed: Option<u64>,
    first: Option<u64>,
    count: Option<u64>,
    minutes: Option<u64>,
    data: Option<PathBuf>,
    is_rule: bool,
    is_loud: bool,
    is_json: bool,
    is_list: bool,
    is_other: bool,
}

impl Read {
    fn take(&mut self, arg: &str, args: &mut impl Iterator<Item = String>) -> Result<(), String> {
        let mut value = || args.next().ok_or_else(|| format!("`{arg}` needs a value"));
        match arg {
            "--seed" => self.seed = Some(needed(arg, &value()?)?),
            "--seeds" => self.count = Some(needed(arg, &value()?)?),
            "--minutes" => self.minutes = Some(needed(arg, &value()?)?),
            "--from" => self.first = Some(needed(arg, &value()?)?),
            "--data" => self.data = Some(PathBuf::from(value()?)),
            "--rule-only" => self.is_rule = true,
            "--loud" => self.is_loud = true,
            "--json" => self.is_json = true,
            "--list" => self.is_list = true,
            filter => self.is_other |= !filter.starts_with('-') && !NAME.contains(filter),
        }
        Ok(())
    }

    fn task(&self) -> Task {
        if self.is_list {
            return Task::List;
        }
        if self.is_other {
            return Task::Nothing;
        }
        if let Some(seed) = self.seed {
            return Task::One(seed, self.is_loud);
        }
        if self.count.is_none() && self.minutes.is_none() {
            return Task::Slice;
        }
        Task::Many(Campaign {
            first: self.first,
            count: self.count,
            time: self.minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60))),
            data: self.data.clone().unwrap_or_else(|| PathBuf::from(DATA)),
        })
    }
}

impl Request {
    /// Reads the arguments.
    ///
    /// # Errors
    /// One line, when an option lacks its value.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut read = Read::default();
        while let Some(arg) = args.next() {
            read.take(&arg, &mut args)?;
        }
        let family = if read.is_rule { Family::Rule } else { Family::Nodes };
        Ok(Self { family, task: read.task(), is_json: read.is_json })
    }
}

fn needed(arg: &str, text: &str) -> Result<u64, String> {
    number(text).ok_or_else(|| format!("`{arg}` needs a number, not `{text}`"))
}

/// Reads a decimal or `0x` number.
#[must_use]
pub(crate) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A first seed that differs from run to run: longer campaigns look where nobody looked before.
pub(crate) fn of_the_moment() -> u64 {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    u64::try_from(micros).unwrap_or_default() << 12
}
