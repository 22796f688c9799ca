//! Every attack of the evil SCORE has exactly one outcome, the peer lives, and the next call works.
//!
//! The deploy check refuses this SCORE; here a worker gets it unchecked. The sandbox is `strict`,
//! so the filter of system calls is on: without it the fork bomb would run.

use crate::stage::{
    PATIENCE, STEPS, State, batch, config, evil, number, plain, query, receipts, worker,
};
use score_native_abi::trap;
use score_native_link::{
    Batch, CRASH, CallLimits, CallReceipt, NoResult, Outcome, QueryWorker, Worker,
};
use std::time::{Duration, Instant};

/// Runs an attack between two honest calls; answers its receipt after looking at the others.
async fn attack(method: &str) -> CallReceipt {
    let mut worker = worker(evil()).await;
    let mut state = State::default();
    let calls = plain(&["ok", method, "ok"]);
    let mut all = receipts(&mut worker, batch(1, 0, calls), &mut state).await;
    assert_eq!(number(&all[0]), 1, "the call before {method}");
    assert_eq!(number(&all[2]), 2, "the call after {method}: nothing of the attack is left");
    assert_works(&mut worker, &mut state, &all).await;
    all.remove(1)
}

/// The next block runs on what the last one wrote.
async fn assert_works(worker: &mut Worker, state: &mut State, before: &[CallReceipt]) {
    state.apply(before);
    worker.finalize([1; 32]).await;
    let next = receipts(worker, batch(2, 1, plain(&["ok"])), state).await;
    assert_eq!(number(&next[0]), 3, "the next call works");
}

fn assert_no_effect(receipt: &CallReceipt) {
    assert!(receipt.writes.is_empty() && receipt.events.is_empty(), "{receipt:?}");
}

async fn assert_trap(method: &str, code: u32, text: &str) -> CallReceipt {
    let receipt = attack(method).await;
    let output = String::from_utf8_lossy(&receipt.output).into_owned();
    assert_eq!(receipt.code, code, "{method}: {output}");
    assert!(output.contains(text), "{method}: {output}");
    assert_no_effect(&receipt);
    receipt
}

async fn assert_crash(method: &str) {
    let receipt = attack(method).await;
    assert_eq!(receipt, CallReceipt::crash(STEPS), "{method}");
}

#[tokio::test]
async fn a_panic_is_trapped_with_its_place_and_rolled_back() {
    let receipt = assert_trap("panic", trap::PANIC, "index out of bounds").await;
    assert!(String::from_utf8_lossy(&receipt.output).contains("src/lib.rs:"));
    assert!(receipt.steps < STEPS, "a panic costs what it ran");
}

#[tokio::test]
async fn an_overflow_is_a_panic() {
    assert_trap("overflow", trap::PANIC, "attempt to add with overflow").await;
}

#[tokio::test]
async fn what_is_printed_goes_nowhere_and_nothing_can_be_read() {
    let bad_descriptor = 0x28; // CBOR of -9, EBADF
    let printed = attack("print_secret").await;
    assert_eq!(
        (printed.code, &*printed.output),
        (0, &[0x84, 6, 6, bad_descriptor, bad_descriptor][..])
    );
    let read = attack("read_all").await;
    assert_eq!((read.code, &*read.output), (0, &[0x83, 0, bad_descriptor, bad_descriptor][..]));
}

#[tokio::test]
async fn an_endless_loop_ends_at_exactly_its_steps() {
    let receipt = assert_trap("spin", trap::STEPS, "out of steps").await;
    assert_eq!(receipt.steps, STEPS);
}

#[tokio::test]
async fn all_memory_is_the_arena() {
    assert_trap("hog", trap::MEMORY, "arena exhausted").await;
}

#[tokio::test]
async fn a_recursion_without_end_fills_its_own_stack_only() {
    let first = assert_trap("deep", trap::STACK, "stack exhausted").await;
    let again = attack("deep").await;
    assert_eq!(first, again, "the same receipt each time");
}

#[tokio::test]
async fn a_full_stack_never_stops_the_host_in_the_middle_of_a_change() {
    assert_trap("deep_in_host", trap::STACK, "stack exhausted").await;
}

#[tokio::test]
async fn faults_become_crash_receipts() {
    for method in ["wild_write", "ud2", "breakpoint", "rdtsc"] {
        assert_crash(method).await;
    }
}

#[tokio::test]
async fn system_calls_become_crash_receipts() {
    let methods = [
        "fork",
        "exec",
        "thread",
        "ptrace",
        "abort",
        "socket",
        "open",
        "kill_parent",
        "getrandom",
        "clock",
        "mmap_exec",
    ];
    for method in methods {
        assert_crash(method).await;
    }
}

#[tokio::test]
async fn several_crashes_in_one_batch_leave_the_others_alone() {
    let mut worker = worker(evil()).await;
    let mut state = State::default();
    let calls = plain(&["ok", "ud2", "ok", "open", "panic", "ok", "wild_write"]);
    let all = receipts(&mut worker, batch(1, 0, calls), &mut state).await;
    let codes: Vec<u32> = all.iter().map(|receipt| receipt.code).collect();
    assert_eq!(codes, [0, CRASH, 0, CRASH, trap::PANIC, 0, CRASH]);
    assert_eq!(number(&all[5]), 3);
    assert_eq!(worker.restarts(), 3);
}

#[tokio::test]
async fn an_end_without_a_cause_is_tried_once_more_and_gives_no_result() {
    for method in ["exit", "forge"] {
        let mut worker = worker(evil()).await;
        let mut state = State::default();
        let calls = plain(&["ok", method, "ok"]);
        let outcome =
            worker.execute(batch(1, 0, calls), &mut state, Instant::now() + PATIENCE).await;
        let no_result = matches!(outcome, Outcome::NoResult(NoResult::Unexplained(_)));
        assert!(no_result, "{method}: {outcome:?}");
        assert_eq!(worker.restarts(), 2, "{method}");
        let next = receipts(&mut worker, batch(1, 0, plain(&["ok"])), &mut state).await;
        assert_eq!(number(&next[0]), 1, "{method}: the next call works");
    }
}

#[tokio::test]
async fn a_loop_that_does_not_count_gives_no_result_at_the_deadline() {
    let mut worker = worker(evil()).await;
    let mut state = State::default();
    let deadline = Instant::now() + Duration::from_millis(300);
    let calls = plain(&["ok", "spin_uncounted"]);
    let outcome = worker.execute(batch(1, 0, calls), &mut state, deadline).await;
    assert_eq!(outcome, Outcome::NoResult(NoResult::Deadline));
    let next = receipts(&mut worker, batch(1, 0, plain(&["ok"])), &mut state).await;
    assert_eq!(number(&next[0]), 1, "the next call works");
}

#[tokio::test]
async fn nothing_is_hidden_between_calls() {
    let mut worker = worker(evil()).await;
    let calls =
        plain(&["hidden", "hidden", "panic", "hidden", "stale", "stale", "stale_panic", "stale"]);
    let all = receipts(&mut worker, batch(1, 0, calls), &mut State::default()).await;
    for position in [0, 1, 3, 4, 5, 7] {
        assert_eq!(number(&all[position]), 0, "call {position} finds what another one left");
    }
}

/// The far part of the arena is closed for calls that do not come there, opened by the first touch and
/// closed again 64 calls later.
#[tokio::test]
async fn nothing_is_hidden_in_memory_that_few_calls_use() {
    let mut worker = worker(evil()).await;
    let far = [0, 1, 62, 63, 64, 65, 128, 129, 130, 197, 300, 399];
    let name = |position| if far.contains(&position) { "stale" } else { "ok" };
    let names: Vec<&str> = (0..400).map(name).collect();
    let all = receipts(&mut worker, batch(1, 0, plain(&names)), &mut State::default()).await;
    for position in far {
        assert_eq!(number(&all[position]), 0, "call {position} finds what another one left");
    }
    assert!(all.iter().all(|receipt| receipt.code == 0));
}

#[tokio::test]
async fn addresses_are_the_same_in_every_process() {
    let mut answers = Vec::new();
    for _ in 0..3 {
        let mut worker = worker(evil()).await;
        let calls = plain(&["addresses"]);
        let all = receipts(&mut worker, batch(1, 0, calls), &mut State::default()).await;
        assert_eq!(all[0].code, 0);
        answers.push(all[0].output.clone());
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

#[tokio::test]
async fn what_a_call_may_leave_behind_is_bounded() {
    assert_trap("huge_output", trap::LIMIT, "an output of").await;
    assert_trap("many_events", trap::LIMIT, "at most").await;
    assert_trap("huge_event", trap::LIMIT, "an event of").await;
    assert_trap("huge_value", trap::LIMIT, "a value of").await;
    assert_trap("huge_key", trap::LIMIT, "a key of").await;
    assert_trap("many_writes", trap::LIMIT, "a call writes at most").await;
}

#[tokio::test]
async fn a_channel_may_allow_less_than_the_most() {
    let least = CallLimits {
        arena_bytes: 1 << 20,
        output_bytes: 1_024,
        events: 3,
        event_bytes: 1_024,
        write_bytes: 64 << 10,
        value_bytes: 1_024,
    };
    let mut worker = Worker::start(config(evil()).stack(64 << 10)).await.unwrap();
    let methods = ["ok", "hog", "deep", "huge_output", "many_events", "many_writes", "ok"];
    let bounded = Batch { limits: least, ..batch(1, 0, plain(&methods)) };
    let all = receipts(&mut worker, bounded, &mut State::default()).await;
    let said: Vec<_> = all
        .iter()
        .map(|receipt| (receipt.code, String::from_utf8_lossy(&receipt.output).into_owned()))
        .collect();
    assert_eq!((number(&all[0]), number(&all[6])), (1, 2), "an honest call fits");
    assert_eq!(said[1], (trap::MEMORY, "arena exhausted".into()));
    assert_eq!(said[2], (trap::STACK, "stack exhausted".into()));
    // A megabyte of output does not fit into the arena.
    assert_eq!(said[3].0, trap::MEMORY);
    assert_eq!(said[4], (trap::LIMIT, "a call emits at most 3 events".into()));
    assert_eq!(said[5].0, trap::LIMIT);
    assert!(said[5].1.contains("at most 1024"), "{said:?}");
    let whole = attack("deep").await;
    assert!(
        all[2].steps * 8 < whole.steps,
        "a sixteenth of the stack: {} {}",
        all[2].steps,
        whole.steps
    );
    assert_eq!(worker.restarts(), 0);
}

#[tokio::test]
async fn lines_for_the_operator_are_cut() {
    let receipt = attack("many_lines").await;
    assert_eq!(receipt.code, 0);
    assert_eq!(receipt.logs.len(), 64);
    assert!(receipt.logs.iter().all(|line| line.text.len() <= 1024));
}

#[tokio::test]
async fn a_query_changes_nothing() {
    let mut worker = QueryWorker::new(config(evil()));
    let mut state = State::default();
    for method in ["write_in_query", "emit_in_query"] {
        let deadline = Instant::now() + PATIENCE;
        let Outcome::Receipts(all) = worker.query(query(1, method), &mut state, deadline).await
        else {
            panic!("{method} has no result");
        };
        assert_eq!(all[0].code, trap::WRITE_IN_QUERY, "{method}");
        assert_no_effect(&all[0]);
    }
    let deadline = Instant::now() + PATIENCE;
    let Outcome::Receipts(all) = worker.query(query(1, "count"), &mut state, deadline).await else {
        panic!("no result");
    };
    assert_eq!(number(&all[0]), 0);
}

#[tokio::test]
async fn every_layer_of_the_sandbox_is_on() {
    let worker = worker(evil()).await;
    let report = worker.sandbox_report().unwrap();
    assert!(report.missing.is_empty());
    let layers = [
        "parent-death",
        "no-new-privileges",
        "not-dumpable",
        "landlock",
        "limits",
        "seccomp-loading",
        "no-clock-pages",
        "no-time-stamp",
        "seccomp",
    ];
    for layer in layers {
        assert!(report.on.iter().any(|on| on == layer), "{layer}: {:?}", report.on);
    }
}

/// Calls that use up their steps one after the other: more than a second, on a slow machine three.
const SPINS_LONG: usize = 60;

/// The priority of a process as the kernel tells it: 0 is the ordinary one, more yields.
fn niceness(process: u32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1;
    fields.split(' ').nth(16).unwrap().parse().unwrap()
}

#[tokio::test]
async fn who_uses_the_processor_for_long_yields_and_is_replaced_when_it_is_over() {
    let (mut worker, mut state) = (worker(evil()).await, State::default());
    let first = worker.process_id().unwrap();
    let quick = receipts(&mut worker, batch(1, 0, plain(&["ok"])), &mut state).await;
    assert_eq!((number(&quick[0]), niceness(first)), (1, 0));
    // Far longer than it yields afterwards, which counts from the end.
    receipts(&mut worker, batch(2, 1, plain(&["spin"; SPINS_LONG])), &mut state).await;
    assert_eq!((worker.process_id(), niceness(first)), (Some(first), 10));
    receipts(&mut worker, batch(3, 2, plain(&["ok"])), &mut state).await;
    assert_eq!(worker.process_id(), Some(first), "it yields for a while");
    // The time that it yields is of this machine's clock, and the process is a real one.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    state.apply(&quick);
    let later = receipts(&mut worker, batch(2, 1, plain(&["ok"])), &mut state).await;
    let second = worker.process_id().unwrap();
    assert_ne!(second, first);
    assert_eq!((number(&later[0]), niceness(second), worker.restarts()), (2, 0, 0));
}
