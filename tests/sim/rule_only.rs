//! The rule LFT alone, with model hosts: `cargo sim --rule-only`.
//!
//! In: a seed or many. Out: totals and lines. Seeds that once found a bug stand in `seeds.txt` and run
//! first. Deliberately not here: the simulator (`plugin-api/harness`).

use crate::request::{self, Campaign};
use crate::say;
use lft::Lft;
use plugin_api_harness::campaign::{Mix, Totals, check_determinism};
use plugin_api_harness::signer::Signatures;
use plugin_api_harness::{Options, run_seed};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Seeds of the slice that every `cargo test` runs.
const SLICE: u64 = 240;
/// First seed of that slice.
const SLICE_FIRST: u64 = 0x10f7_0000;
/// Seeds that once found a bug, one a line.
const KEPT: &str = include_str!("seeds.txt");
/// One seed of so many signs with real keys; the others with a keyed hash, which is far faster.
const REAL_KEYS_EVERY: u64 = 32;
/// One seed of so many runs twice, to show that a run depends on its seed only.
const TWICE_EVERY: u64 = 64;

/// What a seed's run is made of.
fn options(seed: u64) -> Options {
    let signatures = match seed % REAL_KEYS_EVERY {
        0 => Signatures::Ed25519,
        _ => Signatures::Hash,
    };
    Options { signatures, mix: Mix::SWARM, ..Options::default() }
}

/// Runs one seed twice, with its report.
pub(crate) fn one(seed: u64) -> bool {
    let options = options(seed);
    let report = run_seed::<Lft>(seed, &options);
    say(&report.verdict.line(seed));
    say(&format!(
        "height {}, {} events, {} messages, {} ms of virtual time, trace {:016x}",
        report.height,
        report.events,
        report.sent,
        report.lasted / 1_000,
        report.trace
    ));
    let same = check_determinism::<Lft>(seed, &options);
    if let Err(line) = &same {
        say(line);
    }
    report.verdict.is_good() && same.is_ok()
}

/// Runs the slice that every `cargo test` runs.
pub(crate) fn slice() -> bool {
    span(Span { first: SLICE_FIRST, count: Some(SLICE), time: None })
}

/// Runs many seeds.
pub(crate) fn many(campaign: &Campaign) -> bool {
    let first = campaign.first.unwrap_or_else(request::of_the_moment);
    span(Span { first, count: campaign.count, time: campaign.time })
}

/// Which seeds, one after the other.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: u64,
    count: Option<u64>,
    time: Option<Duration>,
}

impl Span {
    /// Whether the seed with this index (from 0) is to run after so long.
    fn goes_on(&self, index: u64, elapsed: Duration) -> bool {
        self.count.is_none_or(|count| index < count) && self.time.is_none_or(|time| elapsed < time)
    }
}

fn span(span: Span) -> bool {
    let start = Instant::now();
    let mut totals = Totals::default();
    for line in KEPT.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        match request::number(line.split_whitespace().next().unwrap_or_default()) {
            Some(seed) => add(&mut totals, run(seed)),
            None => totals.bad.push((0, format!("seeds.txt: `{line}` is no seed"))),
        }
    }
    let totals = Mutex::new(totals);
    let next = AtomicU64::new(0);
    let is_bad = AtomicBool::new(false);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !is_bad.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if !span.goes_on(index, start.elapsed()) {
                        break;
                    }
                    let ran = run(span.first.wrapping_add(index));
                    is_bad.fetch_or(!ran.bad.is_empty(), Ordering::Relaxed);
                    add(&mut totals.lock().unwrap_or_else(|e| e.into_inner()), ran);
                }
            });
        }
    });
    let totals = totals.into_inner().unwrap_or_else(|e| e.into_inner());
    tell(span, &totals, start)
}

/// Runs one seed, some of them twice.
fn run(seed: u64) -> Totals {
    let options = options(seed);
    let report = run_seed::<Lft>(seed, &options);
    let mut bad = Vec::new();
    if !report.verdict.is_good() {
        bad.push((seed, report.verdict.line(seed)));
    }
    if seed % TWICE_EVERY == 1
        && let Err(line) = check_determinism::<Lft>(seed, &options)
    {
        bad.push((seed, line));
    }
    Totals {
        seeds: 1,
        blocks: report.height,
        events: report.events,
        virtual_micros: report.lasted,
        bad,
    }
}

fn add(totals: &mut Totals, ran: Totals) {
    totals.seeds += ran.seeds;
    totals.blocks += ran.blocks;
    totals.events += ran.events;
    totals.virtual_micros += ran.virtual_micros;
    totals.bad.extend(ran.bad);
}

fn tell(span: Span, totals: &Totals, start: Instant) -> bool {
    for (_, line) in &totals.bad {
        say(line);
    }
    say(&format!(
        "sim --rule-only: {} seeds from {:#x}, {} blocks, {} events, {} s of virtual time in {:.1} s; {} bad",
        totals.seeds,
        span.first,
        totals.blocks,
        totals.events,
        totals.virtual_micros / 1_000_000,
        start.elapsed().as_secs_f64(),
        totals.bad.len()
    ));
    let has_run = totals.seeds > 0 && totals.blocks > 0;
    if !has_run {
        say("sim: nothing was decided, so nothing was shown");
    }
    has_run && totals.bad.is_empty()
}
