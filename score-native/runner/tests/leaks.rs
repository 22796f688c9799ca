//! What is left of workers that ended: no process, no descriptor, no memory.
//!
//! In a program of its own, since it counts what belongs to the whole process.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends so")]

use score_native_link::build::{build_score, source_tree};
use score_native_link::{
    Batch, CRASH, CallKind, CallLimits, CallSpec, Outcome, Pool, Sandbox, SeatKey, StateReader,
    Worker, WorkerConfig,
};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(300);
const STEPS: u64 = 20_000_000;

struct Nothing;

impl StateReader for Nothing {
    fn get(&mut self, _key: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn scan(&mut self, _: &[u8], _: &[u8], _: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        Vec::new()
    }
}

fn built(package: &str) -> Vec<u8> {
    let root = source_tree().expect("the tests run in the source tree");
    std::fs::read(build_score(&root, package, &mut |_| {}).unwrap()).unwrap()
}

fn config(bytes: &[u8]) -> WorkerConfig {
    let program = env!("CARGO_BIN_EXE_score-worker-under-test");
    WorkerConfig::new(program, Vec::new(), Sandbox::Strict, bytes).unwrap()
}

fn batch(number: u8, methods: &[&str]) -> Batch {
    let call = |method: &&str| CallSpec {
        tx_hash: [9; 32],
        tx_index: 0,
        kind: CallKind::Invoke,
        origin: [1; 20],
        caller: [1; 20],
        role: 0,
        organisation: String::new(),
        method: (*method).to_owned(),
        args: vec![0x80],
        steps: STEPS,
    };
    Batch {
        block: [number; 32],
        parent: [0; 32],
        part: 0,
        height: 1,
        time_us: 0,
        block_seed: [0; 32],
        channel: "main".into(),
        calls: methods.iter().map(call).collect(),
        fresh: true,
        steps: u64::MAX,
        limits: CallLimits::MOST,
    }
}

/// Open descriptors of this process.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Processes that this one started and that are not gone, zombies included.
fn children() -> usize {
    let mut count = 0;
    for thread in std::fs::read_dir("/proc/self/task").unwrap() {
        let list = thread.unwrap().path().join("children");
        count += std::fs::read_to_string(list).unwrap_or_default().split_whitespace().count();
    }
    count
}

/// Bytes of this process that lie in memory.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

async fn codes(worker: &mut Worker, batch: Batch) -> Vec<u32> {
    match worker.execute(batch, &mut Nothing, Instant::now() + PATIENCE).await {
        Outcome::Receipts(receipts) => receipts.iter().map(|receipt| receipt.code).collect(),
        Outcome::NoResult(why) => panic!("no result: {why}"),
    }
}

/// Both in one test: each counts what the whole process has. `LOOPCHAIN_ACTIVATIONS=10000` takes a
/// minute.
#[tokio::test]
async fn nothing_is_left_of_a_thousand_crashes_and_of_versions_that_come_and_go() {
    let evil = built("tests-evil");
    let mut worker = Worker::start(config(&evil)).await.unwrap();
    assert_eq!(codes(&mut worker, batch(0, &["ok", "wild_write"])).await, [0, CRASH]);
    let before = (descriptors(), children());
    assert_eq!(before.1, 1, "one worker");
    for round in 0..50 {
        // Twenty a batch: each crash runs those before it again.
        let crashes = ["wild_write", "ud2", "getrandom", "socket"].repeat(5);
        assert_eq!(codes(&mut worker, batch(round, &crashes)).await, [CRASH; 20]);
    }
    assert_eq!(worker.restarts(), 1_001);
    assert_eq!((descriptors(), children()), before);
    drop(worker);
    assert_eq!(children(), 0);
    let count = std::env::var("LOOPCHAIN_ACTIVATIONS").ok().and_then(|count| count.parse().ok());
    activations(&evil, count.unwrap_or(300)).await;
}

/// Two versions in turn: each is started, runs a call and is retired.
async fn activations(evil: &[u8], count: usize) {
    /// Pages that allocators keep and give back as they like.
    const SLACK: usize = 2 << 20;
    let (pool, caller) = (Pool::default(), built("tests-caller"));
    let versions = [(evil, "ok", [1; 32]), (&caller[..], "spin", [2; 32])];
    let mut start = None;
    for turn in 0..count {
        if turn == count / 10 {
            start = Some((descriptors(), resident()));
        }
        let (bytes, method, artefact) = versions[turn % 2];
        let key = SeatKey { channel: "main".into(), score: "s".into(), artefact };
        let seat = pool.seat(&key, config(bytes)).await.unwrap();
        let mut short = batch(1, &[method]);
        short.calls[0].steps = 100_000;
        codes(&mut *seat.worker.lock().await, short).await;
        pool.retire(&key).await;
    }
    let (open, memory) = start.unwrap();
    assert_eq!((descriptors(), children()), (open, 0));
    let grown = resident().saturating_sub(memory);
    assert!(grown < SLACK, "{grown} bytes after {count} activations");
}
