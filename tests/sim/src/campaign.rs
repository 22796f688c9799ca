//! Many seeds: threads, totals, and a counter file with which a campaign goes on where it ended.
//!
//! In: a span of seeds. Out: [`Totals`], bad seeds with their lines. Not here: printing, options.

use crate::plan::plan;
use crate::planted::Bug;
use crate::run::{Report, run};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One seed of so many runs twice, to show that a run depends on its seed only.
pub const TWICE_EVERY: u64 = 100;
/// Bad seeds that are kept, at most.
const BAD_MAX: usize = 1_000;
/// How often the counter file is written.
const SAVE_EVERY: Duration = Duration::from_secs(10);

/// What many runs came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Seeds run.
    pub seeds: u64,
    /// Final blocks.
    pub blocks: u64,
    /// Final transactions.
    pub transactions: u64,
    /// Events.
    pub events: u64,
    /// Virtual time, microseconds.
    pub virtual_micros: u64,
    /// Real time of all threads together, microseconds.
    pub busy_micros: u64,
    /// Ends of epochs.
    pub turns: u64,
    /// Validators accused with evidence.
    pub accused: u64,
    /// Seeds that ran twice and were the same.
    pub twice: u64,
    /// Bad seeds with their lines.
    pub bad: BTreeMap<u64, String>,
}

impl Totals {
    /// Adds another total.
    pub fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.blocks += other.blocks;
        self.transactions += other.transactions;
        self.events += other.events;
        self.virtual_micros += other.virtual_micros;
        self.busy_micros += other.busy_micros;
        self.turns += other.turns;
        self.accused += other.accused;
        self.twice += other.twice;
        let room = BAD_MAX.saturating_sub(self.bad.len());
        self.bad.extend(other.bad.into_iter().take(room));
    }

    /// Runs of 60 virtual seconds that one core did in a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let micros = u32::try_from(self.busy_micros / 1_000).unwrap_or(u32::MAX).max(1);
        let virtual_ms = u32::try_from(self.virtual_micros / 1_000 / 60).unwrap_or(u32::MAX);
        f64::from(virtual_ms) / f64::from(micros)
    }
}

/// Runs one seed; some of them twice.
#[must_use]
pub fn one(seed: u64, bug: Option<Bug>) -> Totals {
    let start = Instant::now();
    let report = run(plan(seed, bug), false);
    let mut totals = Totals {
        seeds: 1,
        blocks: report.height,
        transactions: report.transactions,
        events: report.events,
        virtual_micros: report.lasted,
        busy_micros: micros(start.elapsed()),
        turns: report.epochs - 1,
        accused: report.accused as u64,
        ..Totals::default()
    };
    if !report.verdict.is_good() {
        totals.bad.insert(seed, report.line(seed));
    }
    if seed % TWICE_EVERY == 1 {
        match same(seed, bug, &report) {
            Ok(()) => totals.twice = 1,
            Err(line) => drop(totals.bad.insert(seed, line)),
        }
    }
    totals
}

/// Runs a seed again and compares everything that happened.
///
/// # Errors
/// One line, when the two runs differ.
pub fn same(seed: u64, bug: Option<Bug>, first: &Report) -> Result<(), String> {
    let second = run(plan(seed, bug), false);
    let word = |report: &Report| (report.trace, report.events, report.height);
    if word(first) == word(&second) {
        Ok(())
    } else {
        Err(format!("seed {seed:#x} ran differently: {:?} and {:?}", word(first), word(&second)))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Which seeds.
#[derive(Clone, Debug)]
pub struct Span {
    /// The first.
    pub first: u64,
    /// How many.
    pub count: Option<u64>,
    /// How long.
    pub time: Option<Duration>,
    /// End with the first bad seed.
    pub stops: bool,
}

/// Runs a span of seeds on all cores.
#[must_use]
pub fn many(span: &Span, bug: Option<Bug>, tell: &(dyn Fn(&Totals) + Sync)) -> Totals {
    let start = Instant::now();
    let totals = Mutex::new((Totals::default(), Instant::now()));
    let (next, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let goes_on = |index: u64| {
        span.count.is_none_or(|count| index < count)
            && span.time.is_none_or(|time| start.elapsed() < time)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if !goes_on(index) {
                        break;
                    }
                    let ran = one(span.first.wrapping_add(index), bug);
                    is_over.fetch_or(span.stops && !ran.bad.is_empty(), Ordering::Relaxed);
                    let mut held = totals.lock().unwrap_or_else(|e| e.into_inner());
                    held.0.add(ran);
                    if held.1.elapsed() > SAVE_EVERY {
                        held.1 = Instant::now();
                        tell(&held.0);
                    }
                }
            });
        }
    });
    let (totals, _) = totals.into_inner().unwrap_or_else(|e| e.into_inner());
    tell(&totals);
    totals
}

/// The counter of a campaign: a file that says where the next one goes on, and all totals so far.
#[derive(Clone, Debug)]
pub struct Counter {
    path: PathBuf,
    /// What was run before.
    pub before: Totals,
    /// The next seed that nobody ran.
    pub next: u64,
}

/// Name of the counter in a data folder.
const FILE: &str = "nodes.counter";

impl Counter {
    /// Reads a folder's counter, or begins one at `first`.
    ///
    /// # Errors
    /// The disk, or a file of another form.
    pub fn open(folder: &Path, first: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path, before: Totals::default(), next: first });
            }
            Err(error) => return Err(error),
        };
        let bad = |line: &str| io::Error::other(format!("{}: `{line}`", path.display()));
        let (mut before, mut next) = (Totals::default(), first);
        for line in text.lines() {
            let (name, rest) = line.split_once(' ').ok_or_else(|| bad(line))?;
            let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            let number: u64 = number.parse().map_err(|_| bad(line))?;
            match name {
                "next" => next = number,
                "bad" => drop(before.bad.insert(number, rest.to_owned())),
                _ => *field(&mut before, name).ok_or_else(|| bad(line))? = number,
            }
        }
        Ok(Self { path, before, next })
    }

    /// Writes it, with what was run since.
    ///
    /// # Errors
    /// The disk.
    pub fn save(&self, since: &Totals) -> io::Result<()> {
        let mut all = self.before.clone();
        all.add(since.clone());
        let mut text = format!("next {}\n", self.next + since.seeds);
        for name in NAMES {
            let number = field(&mut all, name).map_or(0, |number| *number);
            text.push_str(&format!("{name} {number}\n"));
        }
        for (seed, line) in &all.bad {
            text.push_str(&format!("bad {seed} {}\n", line.replace('\n', " ")));
        }
        let new = self.path.with_extension("new");
        fs::write(&new, text)?;
        fs::rename(&new, &self.path)
    }
}

/// Numbers of a counter file.
const NAMES: [&str; 9] = [
    "seeds",
    "blocks",
    "transactions",
    "events",
    "virtual_micros",
    "busy_micros",
    "turns",
    "accused",
    "twice",
];

fn field<'a>(totals: &'a mut Totals, name: &str) -> Option<&'a mut u64> {
    Some(match name {
        "seeds" => &mut totals.seeds,
        "blocks" => &mut totals.blocks,
        "transactions" => &mut totals.transactions,
        "events" => &mut totals.events,
        "virtual_micros" => &mut totals.virtual_micros,
        "busy_micros" => &mut totals.busy_micros,
        "turns" => &mut totals.turns,
        "accused" => &mut totals.accused,
        "twice" => &mut totals.twice,
        _ => return None,
    })
}
