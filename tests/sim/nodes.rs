//! Whole nodes: one seed with its report, many seeds with a counter, the slice of `cargo test`.
//!
//! In: seeds. Out: totals, lines, shrunk faults. Seeds that once found a bug stand in `nodes.txt` and
//! run first in the slice. Deliberately not here: the simulator (`src`).

use crate::request::{self, Campaign};
use crate::say;
use std::time::{Duration, Instant};
use tests_sim::campaign::{Counter, Span, Totals, many as run_many, one as run_one, same};
use tests_sim::{plan, run, shrink};

/// Seeds that once found a bug, one a line.
const KEPT: &str = include_str!("nodes.txt");
/// Seeds of the slice that every `cargo test` runs: what 60 virtual seconds each take in less than a
/// minute.
const SLICE: u64 = 500;
/// First seed of that slice.
const SLICE_FIRST: u64 = 0x51_0000;
/// The slice ends after this time on a slow machine, whatever it has run.
const SLICE_MAX: Duration = Duration::from_secs(60);
/// First seed of a new counter.
const CAMPAIGN_FIRST: u64 = 0x1_0000_0000;

/// Runs one seed twice, with its report; shrinks its faults when it fails.
pub(crate) fn one(seed: u64, is_loud: bool) -> bool {
    let plan = plan(seed, None);
    let report = run(plan.clone(), is_loud);
    report.lines.iter().for_each(|line| say(line));
    say(&report.line(seed));
    say(&format!(
        "{:?}, weights {:?}, height {}, {} transactions, {} events, {} ms of virtual time, \
         settled {} ms after healing, trace {:016x}",
        plan.kind,
        plan.weights,
        report.height,
        report.transactions,
        report.events,
        report.lasted / 1_000,
        report.settled / 1_000,
        report.trace
    ));
    let same = same(seed, None, &report);
    if let Err(line) = &same {
        say(line);
    }
    if !report.verdict.is_good() {
        tell_shrunk(seed);
    }
    report.verdict.is_good() && same.is_ok()
}

/// Says which faults a failing seed needs.
fn tell_shrunk(seed: u64) {
    let first = plan(seed, None);
    let (least, runs) = shrink::shrink(&first);
    let (before, after) = (shrink::faults(&first), shrink::faults(&least));
    say(&format!(
        "seed {seed:#x}: {} of {} faults are left after {runs} runs; {:?}, weights {:?}, {:?}:",
        after.len(),
        before.len(),
        least.kind,
        least.weights,
        least.parameters
    ));
    after.iter().for_each(|fault| say(&format!("  {fault}")));
    say(&format!("  {:?}", run(least, false).verdict));
}

/// Runs the slice that every `cargo test` runs.
pub(crate) fn slice(is_json: bool) -> bool {
    let start = Instant::now();
    let mut totals = Totals::default();
    for line in KEPT.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        match request::number(line.split_whitespace().next().unwrap_or_default()) {
            Some(seed) => totals.add(run_one(seed, None)),
            None => drop(totals.bad.insert(0, format!("nodes.txt: `{line}` is no seed"))),
        }
    }
    let left = SLICE_MAX.saturating_sub(start.elapsed());
    let span = Span { first: SLICE_FIRST, count: Some(SLICE), time: Some(left), stops: true };
    totals.add(run_many(&span, None, &|_| {}));
    tell(&totals, start, is_json)
}

/// Runs many seeds.
pub(crate) fn many(campaign: &Campaign, is_json: bool) -> bool {
    let start = Instant::now();
    let counter = match campaign.first {
        Some(_) => None,
        None => match Counter::open(&campaign.data, CAMPAIGN_FIRST) {
            Ok(counter) => Some(counter),
            Err(error) => {
                say(&format!("the counter in {}: {error}", campaign.data.display()));
                return false;
            }
        },
    };
    let first = campaign.first.or(counter.as_ref().map(|counter| counter.next));
    let first = first.unwrap_or(CAMPAIGN_FIRST);
    let span = Span { first, count: campaign.count, time: campaign.time, stops: false };
    let totals = run_many(&span, None, &|totals| {
        if let Some(Err(error)) = counter.as_ref().map(|counter| counter.save(totals)) {
            say(&format!("the counter is not written: {error}"));
        }
    });
    if let Some(counter) = &counter {
        let mut all = counter.before.clone();
        all.add(totals.clone());
        say(&format!("all campaigns of {}:", campaign.data.display()));
        say(&words(&all));
    }
    tell(&totals, start, is_json)
}

fn words(totals: &Totals) -> String {
    format!(
        "sim: {} seeds, {} blocks, {} transactions, {} events, {} s of virtual time; {:.1} seeds of \
         60 s a second and core; {} ran twice and were the same; {} ends of epochs; {} accused; {} \
         bad",
        totals.seeds,
        totals.blocks,
        totals.transactions,
        totals.events,
        totals.virtual_micros / 1_000_000,
        totals.rate(),
        totals.twice,
        totals.turns,
        totals.accused,
        totals.bad.len()
    )
}

fn json(totals: &Totals, seconds: f64) -> String {
    let bad: Vec<String> = totals.bad.keys().map(|seed| format!("\"{seed:#x}\"")).collect();
    format!(
        "{{\"seeds\":{},\"blocks\":{},\"transactions\":{},\"events\":{},\"virtual_seconds\":{},\
         \"seconds\":{seconds:.1},\"rate\":{:.2},\"twice\":{},\"turns\":{},\"accused\":{},\"bad\":[{}]}}",
        totals.seeds,
        totals.blocks,
        totals.transactions,
        totals.events,
        totals.virtual_micros / 1_000_000,
        totals.rate(),
        totals.twice,
        totals.turns,
        totals.accused,
        bad.join(",")
    )
}

fn tell(totals: &Totals, start: Instant, is_json: bool) -> bool {
    let seconds = start.elapsed().as_secs_f64();
    if is_json {
        say(&json(totals, seconds));
    } else {
        totals.bad.values().for_each(|line| say(line));
        if let Some((seed, _)) = totals.bad.first_key_value() {
            tell_shrunk(*seed);
        }
        say(&format!("{}; {seconds:.1} s", words(totals)));
    }
    let has_run = totals.seeds > 0 && totals.blocks > 0;
    if !has_run {
        say("sim: nothing was decided, so nothing was shown");
    }
    has_run && totals.bad.is_empty()
}
