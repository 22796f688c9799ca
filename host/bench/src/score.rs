//! `bench score`: what SCOREs cost in their workers, sandbox and all.
//!
//! In: the source tree, whose SCOREs are built. Out: calls per second, times of a start, of a crash
//! and of the deploy check, and what counting steps costs. Wall clock, as a peer sees it; state is in
//! the workers' memory, as for keys that are in use. Deliberately not here: blocks and disks.

mod stage;

use crate::CommonOptions;
use crate::cpu::median;
use crate::error::BenchError;
use crate::report::{Ratio, Report};
use score_native_link::build::{build_score, build_uncounted, source_tree};
use score_native_link::{CallSpec, Echo, Sandbox, check};
use stage::{Stage, call, deploy, kernel, nested, transfer};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Rest between batches, so that none waits for what its worker still does about the last block. Whoever
/// rests has to be woken, which takes a virtual machine longer than the talk itself.
const PAUSE: Duration = Duration::from_micros(300);
/// Transfers of a batch.
const BATCH: usize = 100;
/// Processes that are started, and crashes that are caused, at most.
const STARTS_MAX: u32 = 100;
/// Runs of a kernel of some milliseconds, at most.
const KERNEL_RUNS_MAX: u32 = 40;
/// Work that is measured with and without counting.
const KERNELS: [&str; 5] = ["mix", "sort", "tree", "collatz", "text"];

/// What `bench score` takes.
#[derive(Clone, Debug)]
pub struct ScoreOptions {
    /// For every bench.
    pub common: CommonOptions,
    /// Rounds of each kind.
    pub rounds: u32,
    /// The program that becomes a worker, with its arguments.
    pub worker: (PathBuf, Vec<OsString>),
}

impl Default for ScoreOptions {
    fn default() -> Self {
        let program = std::env::current_exe().unwrap_or_default();
        let worker = (program, vec!["score-worker".into()]);
        Self { common: CommonOptions::default(), rounds: 300, worker }
    }
}

/// The SCORE files that are measured.
struct Files {
    token: Vec<u8>,
    token_uncounted: Vec<u8>,
    kernels: Vec<u8>,
    kernels_uncounted: Vec<u8>,
    caller: Vec<u8>,
    evil: Vec<u8>,
}

impl Files {
    fn build() -> Result<Self, BenchError> {
        let root = source_tree().ok_or_else(|| {
            BenchError::Option("`bench score` builds its SCOREs: run it in the source tree".into())
        })?;
        let counted = |package| read(build_score(&root, package, &mut |_| {}));
        let uncounted = |package| read(build_uncounted(&root, package, &mut |_| {}));
        Ok(Self {
            token: counted("plugins-token")?,
            token_uncounted: uncounted("plugins-token")?,
            kernels: counted("tests-kernels")?,
            kernels_uncounted: uncounted("tests-kernels")?,
            caller: counted("tests-caller")?,
            evil: counted("tests-evil")?,
        })
    }
}

fn read(
    built: Result<PathBuf, score_native_link::build::BuildError>,
) -> Result<Vec<u8>, BenchError> {
    let path = built.map_err(|error| BenchError::Score(error.to_string()))?;
    let of = |path: &Path| std::fs::read(path);
    of(&path).map_err(BenchError::disk("read", &path))
}

/// Measures.
///
/// # Errors
/// A SCORE that does not build, or a worker that does not run here.
pub fn run(options: &ScoreOptions) -> Result<Report, BenchError> {
    let files = Files::build()?;
    let mut report = Report::start("score", &options.common.dir);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| BenchError::Score(format!("the runtime: {error}")))?;
    runtime.block_on(measure(options, &files, &mut report))?;
    report.note(
        "Wall clock at the peer's side of the workers, full sandbox; medians, with the best.",
    );
    report
        .note("Overhead of counting: the two builds take turns, so the machine's load hits both.");
    Ok(report.finish())
}

async fn measure(
    options: &ScoreOptions,
    files: &Files,
    report: &mut Report,
) -> Result<(), BenchError> {
    round_trip(options, report)?;
    sandboxed_round_trip(options, report).await?;
    calls(options, files, report).await?;
    starts(options, files, report).await?;
    checks(options, files, report)?;
    counting(options, files, report).await
}

/// What no talk with a worker can be faster than: 64 bytes to another thread and back.
fn round_trip(options: &ScoreOptions, report: &mut Report) -> Result<(), BenchError> {
    let broken = BenchError::connection("talk over", "a socket pair");
    let (mut here, mut there) = UnixStream::pair().map_err(broken)?;
    let echo = std::thread::spawn(move || {
        let mut bytes = [0; 64];
        while there.read_exact(&mut bytes).and_then(|()| there.write_all(&bytes)).is_ok() {}
    });
    let (mut times, mut bytes) = (Vec::new(), [0; 64]);
    let mut rested = Vec::new();
    for (pause, times) in [(Duration::ZERO, &mut times), (PAUSE, &mut rested)] {
        for _ in 0..options.rounds {
            rest(pause);
            let started = Instant::now();
            let broken = BenchError::connection("talk over", "a socket pair");
            here.write_all(&bytes).and_then(|()| here.read_exact(&mut bytes)).map_err(broken)?;
            times.push(started.elapsed().as_secs_f64() * 1e6);
        }
    }
    drop(here);
    echo.join().map_err(|_| BenchError::void("the echo panicked"))?;
    let name = "a round trip over a socket pair, nothing else";
    microseconds(report, ("round_trip", name), &mut Times(times));
    let name = "the same after a rest of 0.3 ms";
    microseconds(report, ("round_trip_rested", name), &mut Times(rested));
    Ok(())
}

/// The same to a process in the sandbox: where forbidding the time stamp counter is work for the
/// hypervisor at each switch, nearly all of what a batch of one costs.
async fn sandboxed_round_trip(
    options: &ScoreOptions,
    report: &mut Report,
) -> Result<(), BenchError> {
    let (program, args) = &options.worker;
    let mut echo =
        Echo::start(program, args.clone(), Sandbox::Strict).await.map_err(BenchError::Score)?;
    let (mut times, mut rested) = (Vec::new(), Vec::new());
    for (pause, times) in [(Duration::ZERO, &mut times), (PAUSE, &mut rested)] {
        for _ in 0..options.rounds {
            rest(pause);
            let started = Instant::now();
            echo.round_trip().map_err(BenchError::connection("talk over", "a worker's socket"))?;
            times.push(started.elapsed().as_secs_f64() * 1e6);
        }
    }
    let name = "the same to a process in the sandbox";
    microseconds(report, ("round_trip_sandboxed", name), &mut Times(times));
    let name = "that after a rest of 0.3 ms";
    microseconds(report, ("round_trip_sandboxed_rested", name), &mut Times(rested));
    Ok(())
}

fn rest(pause: Duration) {
    if !pause.is_zero() {
        std::thread::sleep(pause);
    }
}

/// A figure of times that are microseconds already.
fn microseconds(report: &mut Report, (key, name): (&'static str, &'static str), times: &mut Times) {
    let (micros, best) = (times.median(), format!("best {:.1}", times.best()));
    report.figure(key, name, (micros, "us"), best);
}

/// Seconds of each of many rounds.
struct Times(Vec<f64>);

impl Times {
    fn median(&mut self) -> f64 {
        median(&mut self.0)
    }

    fn best(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

async fn batches(
    stage: &mut Stage,
    score: &'static str,
    calls: &[CallSpec],
    (rounds, pause): (u32, Duration),
) -> Result<Times, BenchError> {
    let mut times = Vec::new();
    for round in 0..rounds + rounds / 10 {
        rest(pause);
        let time = stage.block(score, calls.to_vec()).await?;
        // The first tenth warms up.
        if round >= rounds / 10 {
            times.push(time.as_secs_f64());
        }
    }
    Ok(Times(times))
}

async fn calls(
    options: &ScoreOptions,
    files: &Files,
    report: &mut Report,
) -> Result<(), BenchError> {
    let scores = [("token", &*files.token), ("caller", &*files.caller)];
    let mut stage = Stage::start(&options.worker, &scores).await?;
    stage.block("token", vec![deploy()]).await?;
    let many = vec![transfer(); BATCH];
    let mut hundred = batches(&mut stage, "token", &many, (options.rounds, PAUSE)).await?;
    let rate = BATCH as f64 / hundred.median();
    let best = format!("best {:.0}", BATCH as f64 / hundred.best());
    report.figure("batch_100", "transfers in batches of 100", (rate, "tx/s"), best);
    let of_one = (options.rounds, Duration::ZERO);
    let mut single = batches(&mut stage, "token", &many[..1], of_one).await?;
    let micros = single.median() * 1e6;
    let best = format!("best {:.1}", single.best() * 1e6);
    let name = "a batch of one transfer, one after the other";
    report.figure("batch_1", name, (micros, "us"), best);
    let mut woken = batches(&mut stage, "token", &many[..1], (options.rounds, PAUSE)).await?;
    let best = format!("best {:.1}", woken.best() * 1e6);
    let name = "the same after a rest of 0.3 ms";
    report.figure("batch_1_rested", name, (woken.median() * 1e6, "us"), best);
    let through = vec![nested(); BATCH];
    let mut through =
        batches(&mut stage, "caller", &through, (options.rounds / 3 + 1, PAUSE)).await?;
    let each = through.median() * 1e6 / BATCH as f64;
    let best = format!("best {:.1}", through.best() * 1e6 / BATCH as f64);
    let name = "a transfer that another SCORE asks for, in batches of 100";
    report.figure("nested", name, (each, "us"), best);
    let share = rate / 300_000.0;
    report.ratios.push(Ratio::at_least("S1", "tx/s in batches of 100 / 300,000", share, 1.0));
    report.ratios.push(Ratio::at_most("S2", "us of a single transfer", micros, 15.0));
    Ok(())
}

async fn starts(
    options: &ScoreOptions,
    files: &Files,
    report: &mut Report,
) -> Result<(), BenchError> {
    let rounds = options.rounds.min(STARTS_MAX);
    let mut starts = Vec::new();
    for _ in 0..rounds {
        let started = Instant::now();
        drop(Stage::start(&options.worker, &[("token", &*files.token)]).await?);
        starts.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let mut starts = Times(starts);
    let millis = starts.median();
    let name = "start of a worker: spawn, load, sandbox";
    report.figure("start", name, (millis, "ms"), format!("best {:.2}", starts.best()));
    report.ratios.push(Ratio::at_most("S3", "ms of a start", millis, 5.0));

    let mut stage = Stage::start(&options.worker, &[("evil", &*files.evil)]).await?;
    let plain = [call("ok", &[0x80]), call("ok", &[0x80])];
    let mut without = batches(&mut stage, "evil", &plain, (rounds, PAUSE)).await?;
    let crash = [call("ok", &[0x80]), call("wild_write", &[0x80])];
    let mut with = batches(&mut stage, "evil", &crash, (rounds, PAUSE)).await?;
    let millis = (with.median() - without.median()) * 1e3;
    let best = format!("best {:.2}", with.best() * 1e3);
    let name = "crash of a call until its batch has run without it";
    report.figure("crash", name, (millis, "ms"), best);
    report.ratios.push(Ratio::at_most("S4", "ms of crash to replay", millis, 10.0));
    Ok(())
}

fn checks(options: &ScoreOptions, files: &Files, report: &mut Report) -> Result<(), BenchError> {
    let mut times = Vec::new();
    for _ in 0..options.rounds.min(STARTS_MAX) {
        let started = Instant::now();
        let findings = check(&files.token).map_err(|findings| findings.len());
        times.push(started.elapsed().as_secs_f64() * 1e3);
        findings.map_err(|count| BenchError::void(format!("{count} findings on the token")))?;
    }
    let mut times = Times(times);
    let (millis, best) = (times.median(), times.best());
    let detail = format!("{} KiB; best {best:.2}", files.token.len() >> 10);
    report.figure("check", "deploy check of a token", (millis, "ms"), detail);
    report.ratios.push(Ratio::at_most("S5", "ms of a deploy check", millis, 20.0));
    Ok(())
}

async fn counting(
    options: &ScoreOptions,
    files: &Files,
    report: &mut Report,
) -> Result<(), BenchError> {
    let mut counted = Stage::start(&options.worker, &[("k", &*files.kernels)]).await?;
    let mut plain = Stage::start(&options.worker, &[("k", &*files.kernels_uncounted)]).await?;
    let rounds = options.rounds.min(KERNEL_RUNS_MAX);
    let mut worst: f64 = 0.0;
    for name in KERNELS {
        let work = [kernel(name)];
        let overhead = overhead((&mut counted, &mut plain), "k", &work, rounds).await?;
        worst = worst.max(overhead.percent);
        let title = format!("counting steps, kernel `{name}`");
        report.figure(&format!("metering_{name}"), &title, (overhead.percent, "%"), overhead.told);
    }
    report.ratios.push(Ratio::at_most("S6", "% of counting on the worst kernel", worst, 50.0));
    let mut counted = Stage::start(&options.worker, &[("token", &*files.token)]).await?;
    let mut plain = Stage::start(&options.worker, &[("token", &*files.token_uncounted)]).await?;
    for stage in [&mut counted, &mut plain] {
        stage.block("token", vec![deploy()]).await?;
    }
    let many = vec![transfer(); BATCH];
    let overhead = overhead((&mut counted, &mut plain), "token", &many, options.rounds).await?;
    let title = "counting steps, batches of 100 transfers";
    report.figure("metering_transfer", title, (overhead.percent, "%"), overhead.told);
    report.ratios.push(Ratio::at_most("S7", "% of counting on a transfer", overhead.percent, 20.0));
    Ok(())
}

/// How much longer the counting build takes.
struct Overhead {
    percent: f64,
    told: String,
}

async fn overhead(
    (counted, plain): (&mut Stage, &mut Stage),
    score: &'static str,
    calls: &[CallSpec],
    rounds: u32,
) -> Result<Overhead, BenchError> {
    let (mut with, mut without) = (Times(Vec::new()), Times(Vec::new()));
    for round in 0..rounds + rounds / 10 {
        let times = [
            counted.block(score, calls.to_vec()).await?.as_secs_f64(),
            plain.block(score, calls.to_vec()).await?.as_secs_f64(),
        ];
        if round >= rounds / 10 {
            with.0.push(times[0]);
            without.0.push(times[1]);
        }
    }
    // The best of each: what else runs on the machine only ever adds.
    let (with_best, without_best) = (with.best(), without.best());
    let told = format!(
        "{:.0} and {:.0} us; medians {:.0} and {:.0}",
        with_best * 1e6,
        without_best * 1e6,
        with.median() * 1e6,
        without.median() * 1e6
    );
    Ok(Overhead { percent: (with_best / without_best - 1.0) * 100.0, told })
}

#[cfg(test)]
mod tests {
    use super::Times;

    #[test]
    fn a_run_is_told_by_its_median_and_its_best() {
        let mut times = Times(vec![3.0, 1.0, 2.0]);
        assert!((times.median() - 2.0).abs() < f64::EPSILON);
        assert!((times.best() - 1.0).abs() < f64::EPSILON);
    }
}
