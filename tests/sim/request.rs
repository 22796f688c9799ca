//! The command line of `cargo sim`.
//!
//! In: arguments. Out: [`Request`], or one line that says what is wrong. It also takes what
//! `cargo test` hands to every test program: a filter, `--list`, and options of the usual harness.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How it is called.
pub(crate) const USAGE: &str = "cargo sim [--seed 0x…] [--seeds N] [--minutes M] [--from 0x…]";
/// Seeds of the slice that every `cargo test` runs.
const SLICE: u64 = 240;
/// First seed of that slice.
const SLICE_FIRST: u64 = 0x10f7_0000;
/// Name that a filter of `cargo test` must be a part of.
const NAME: &str = "sim";

/// Which seeds, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first.
    pub(crate) first: u64,
    /// How many, when that is what was asked for.
    pub(crate) count: Option<u64>,
    /// How long, when that is what was asked for.
    pub(crate) time: Option<Duration>,
}

impl Span {
    /// Whether the seed with this index (from 0) is to run after so long.
    pub(crate) fn goes_on(&self, index: u64, elapsed: Duration) -> bool {
        self.count.is_none_or(|count| index < count) && self.time.is_none_or(|time| elapsed < time)
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// One seed, with its report.
    One(u64),
    /// A span of seeds.
    Many(Span),
    /// The names of the tests.
    List,
    /// A filter names another test.
    Nothing,
}

impl Request {
    /// Reads the arguments.
    ///
    /// # Errors
    /// One line, when an option lacks its number.
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = args.peekable();
        let (mut first, mut count, mut time) = (None, None, None);
        while let Some(arg) = args.next() {
            let mut value = || {
                let text = args.next().unwrap_or_default();
                number(&text).ok_or_else(|| format!("`{arg}` needs a number, not `{text}`"))
            };
            match arg.as_str() {
                "--seed" => return value().map(Self::One),
                "--seeds" => count = Some(value()?),
                "--minutes" => time = Some(Duration::from_secs(value()?.saturating_mul(60))),
                "--from" => first = Some(value()?),
                "--list" => return Ok(Self::List),
                filter if !filter.starts_with('-') && !NAME.contains(filter) => {
                    return Ok(Self::Nothing);
                }
                _ => {}
            }
        }
        let is_slice = count.is_none() && time.is_none();
        let first = first.unwrap_or_else(|| if is_slice { SLICE_FIRST } else { of_the_moment() });
        Ok(Self::Many(Span { first, count: count.or(is_slice.then_some(SLICE)), time }))
    }
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
fn of_the_moment() -> u64 {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    u64::try_from(micros).unwrap_or_default() << 12
}
