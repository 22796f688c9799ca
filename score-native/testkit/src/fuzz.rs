//! The nondeterminism fuzzer: one history, executed again and again where everything that may differ
//! between two machines does.
//!
//! In: the history of a [`Testnet`] and a seed. Out: nothing, or the first [`Difference`]. What is
//! varied in the worker of a node: where memory lies, variables of the environment, language, time
//! zone, folder, the limit of the stack, when the process is started anew, how blocks are cut into
//! batches, when they become final, whether one is executed twice. In this process: where the `.so`
//! and the arena lie, and when the file is loaded anew. Steps are compared as well.

use crate::{
    Difference, Testnet,
    dice::Dice,
    engine::Engine as _,
    here::Here,
    history::Likeness,
    in_process::InProcess,
    jailed::{Jailed, Member},
    library::{self, LibraryError},
    open,
    program::{self, Program},
    testnet::ONLY,
};
use score_native_abi::trap;
use score_native_link::{Addresses, CRASH};
use std::{collections::BTreeMap, fs};

/// The seed of [`Testnet::fuzz`].
const SEED: u64 = 0x10_0bc4_a1e5;

/// Sets what stands before `--`, then becomes the worker: folder, stack limit (KiB) and variables.
const WRAPPER: &str = "cd \"$1\" && shift; ulimit -S -s \"$1\" 2>/dev/null; shift; \
     while [ \"$1\" != -- ]; do export \"$1\"; shift; done; shift; exec \"$@\"";

const FOLDERS: [&str; 3] = ["/", "/tmp", "/usr"];
const STACKS: [&str; 4] = ["512", "8192", "262144", "unlimited"];
const ZONES: [&str; 4] = ["UTC", "Asia/Seoul", "America/St_Johns", "Pacific/Kiritimati"];
const LANGUAGES: [&str; 4] = ["C", "ko_KR.UTF-8", "de_DE.UTF-8", "tr_TR.UTF-8"];
/// Bytes of the longest variable: they move the first stack of the process.
const PADDING_MAX: u64 = 20_000;

impl Testnet {
    /// Runs the `.so` in the worker of another machine, so to speak: everything that [`fuzz`](Self::fuzz)
    /// varies is chosen by the seed.
    ///
    /// # Panics
    /// When it cannot be built or started.
    #[must_use]
    #[track_caller]
    pub fn elsewhere(score: &str, seed: u64) -> Self {
        match Field::prepare(&[(ONLY, score)]) {
            Ok(field) => Self::on(Box::new(field.worker_under(seed, &mut Dice::new(seed)))),
            Err(error) => panic_with(&format!("the SCORE `{score}`: {error}")),
        }
    }

    /// Executes the whole history `runs` times more, each time under other conditions, on the `.so` of
    /// `score` (see [`so`](Self::so)). The same seed is taken each time, so a difference stays.
    ///
    /// # Panics
    /// With the first difference: transaction, key, both values. Or when the `.so` cannot be built.
    #[track_caller]
    pub fn fuzz(&self, score: &str, runs: u32) {
        if let Err(difference) = self.try_fuzz(score, runs, SEED) {
            panic_with(&difference);
        }
    }

    /// Like [`fuzz`](Self::fuzz), with a seed, and the first difference as a value.
    ///
    /// # Errors
    /// The first difference.
    ///
    /// # Panics
    /// When the `.so` cannot be built, or the worker does not start.
    #[track_caller]
    pub fn try_fuzz(&self, score: &str, runs: u32, seed: u64) -> Result<(), Box<Difference>> {
        match Field::prepare(&[(ONLY, score)]) {
            Ok(field) => self.play(&field, runs, seed),
            Err(error) => panic_with(&format!("the SCORE `{score}`: {error}")),
        }
    }

    /// Like [`fuzz`](Self::fuzz) for a chain with several SCOREs: of each its name on the chain and its
    /// `.so`.
    ///
    /// # Panics
    /// As [`fuzz`](Self::fuzz).
    #[track_caller]
    pub fn fuzz_of(&self, scores: &[(&str, &str)], runs: u32) {
        let played = match Field::prepare(scores) {
            Ok(field) => self.play(&field, runs, SEED),
            Err(error) => panic_with(&format!("the SCOREs {scores:?}: {error}")),
        };
        if let Err(difference) = played {
            panic_with(&difference);
        }
    }

    #[track_caller]
    fn play(&self, field: &Field, runs: u32, seed: u64) -> Result<(), Box<Difference>> {
        let mut worker = self.beside(field.plain.fork());
        self.try_replay(&mut worker, Likeness::Source)?;
        let mut here = self.beside(field.here.fork());
        // What ends a whole process cannot run in this one.
        let is_safe = !worker.has_receipt(&[trap::STACK, CRASH]);
        if is_safe {
            worker.try_replay(&mut here, Likeness::Build)?;
        }
        for run in 0..u64::from(runs) {
            let mut dice = Dice::new(seed.wrapping_add(run));
            if is_safe && run % 4 == 3 {
                let mut moved = self.beside(Box::new(field.here.moved(dice)));
                here.try_replay(&mut moved, Likeness::File)?;
            } else {
                let mut other = self.beside(Box::new(field.worker_under(run, &mut dice)));
                worker.try_replay(&mut other, Likeness::File)?;
            }
        }
        Ok(())
    }

    fn has_receipt(&self, codes: &[u32]) -> bool {
        let receipts = self.chain.history.iter().flat_map(|block| &block.receipts);
        receipts.into_iter().any(|receipt| codes.contains(&receipt.code))
    }
}

#[track_caller]
#[expect(clippy::panic, reason = "a broken expectation fails the test by a panic")]
fn panic_with(reason: &dyn std::fmt::Display) -> ! {
    panic!("{reason}")
}

/// The files and the program that becomes their workers.
struct Field {
    so: BTreeMap<String, Vec<u8>>,
    program: Program,
    /// As a node runs them.
    plain: Jailed,
    here: Here,
}

impl Field {
    fn prepare(scores: &[(&str, &str)]) -> Result<Self, LibraryError> {
        let program = program::find()?;
        let (mut files, mut members) = (BTreeMap::new(), BTreeMap::new());
        let mut here = BTreeMap::new();
        for (name, score) in scores {
            let path = library::find(score)?;
            let so = fs::read(&path)?;
            let name = (*name).to_owned();
            members.insert(name.clone(), Member::start(&so, open::config(&program, &so)?)?);
            here.insert(name.clone(), InProcess::load(&path)?);
            files.insert(name, so);
        }
        Ok(Self { so: files, program, plain: Jailed::new(members), here: Here::new(here) })
    }

    /// A worker on another machine, so to speak.
    #[track_caller]
    fn worker_under(&self, run: u64, dice: &mut Dice) -> Jailed {
        let random = !dice.once_in(3);
        let (folder, stack) = (*dice.pick(&FOLDERS), *dice.pick(&STACKS));
        let (zone, language) = (*dice.pick(&ZONES), *dice.pick(&LANGUAGES));
        let padding = dice.below(PADDING_MAX) as usize;
        let layout = if random { "random" } else { "fixed" };
        let name = format!(
            "the worker of run {run} ({layout} addresses, folder {folder}, stack {stack}, \
             TZ={zone}, LANG={language}, {padding} bytes of environment)"
        );
        let mut args: Vec<String> = ["-c", WRAPPER, "sh", folder, stack].map(Into::into).into();
        args.extend([
            format!("TZ={zone}"),
            format!("LANG={language}"),
            format!("LC_ALL={language}"),
        ]);
        args.extend([format!("PADDING={}", "x".repeat(padding)), "--".into()]);
        args.push(self.program.path.display().to_string());
        args.extend(self.program.args.iter().cloned());
        let wrapped = Program { path: "/bin/sh".into(), args };
        let addresses = if random { Addresses::Random } else { Addresses::Fixed };
        let started = |(name, so): (&String, &Vec<u8>)| {
            let config = open::config(&wrapped, so)?.addresses(addresses);
            let member = self.plain.members().get(name).ok_or(LibraryError::Unknown)?;
            Ok((name.clone(), member.under(config)?))
        };
        match self.so.iter().map(started).collect::<Result<_, LibraryError>>() {
            Ok(members) => Jailed::under(members, name, dice.clone()),
            Err(error) => panic_with(&format!("a worker under fuzz: {error}")),
        }
    }
}
