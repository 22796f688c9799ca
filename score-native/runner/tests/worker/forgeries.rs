//! A worker that lies: what its SCORE says to the peer in its place, and what the peer makes of it.
//!
//! The worker is a real one; its SCORE writes to the worker's socket.

use crate::stage::{PATIENCE, State, batch, call, config, evil, number, plain, receipts, worker};
use score_native_abi::limit;
use score_native_link::protocol::{CallAsk, Event, RawReceipt, Report, Spent, Write, encode_frame};
use score_native_link::{CallSpec, NoResult, Outcome, QueryWorker, SandboxReport};
use std::time::{Duration, Instant};

/// Longer than any honest frame.
const UNBOUNDED: usize = 64 << 20;

/// A call that says frames in the worker's place.
fn say(frames: &[u8]) -> CallSpec {
    let length = u32::try_from(frames.len()).unwrap().to_be_bytes();
    // The shortest head, as canonical CBOR demands.
    let head = match frames.len() {
        0..=23 => vec![0x40 | length[3]],
        24..=255 => vec![0x58, length[3]],
        256..=65_535 => vec![0x59, length[2], length[3]],
        _ => [&[0x5a][..], &length].concat(),
    };
    call("say", &[&[0x81][..], &head, frames].concat())
}

fn frame(report: &Report) -> Vec<u8> {
    encode_frame(report, UNBOUNDED).unwrap()
}

fn receipt() -> RawReceipt {
    let (output, events, writes, logs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    RawReceipt { code: 0, output, events, writes, steps: 1, logs }
}

fn write(key: &[u8]) -> Write {
    Write { key: key.to_vec(), value: Some(vec![1]) }
}

fn ask(args: usize, name: &str) -> CallAsk {
    let (score, method) = ("token".to_owned(), name.to_owned());
    CallAsk { score, method, args: vec![0; args], steps: u64::MAX, spent: Spent::default() }
}

/// What comes of it: always no result, after a second attempt, and a worker that works afterwards.
async fn why(frames: &[u8]) -> String {
    let mut worker = worker(evil()).await;
    let calls = vec![say(frames), plain(&["ok"]).remove(0)];
    let mut state = State::default();
    let outcome = worker.execute(batch(1, 0, calls), &mut state, Instant::now() + PATIENCE).await;
    let Outcome::NoResult(NoResult::Unexplained(why)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(worker.restarts(), 2, "{why}");
    let next = receipts(&mut worker, batch(1, 0, plain(&["ok"])), &mut state).await;
    assert_eq!(number(&next[0]), 1, "the next call works");
    why
}

#[tokio::test]
async fn frames_that_are_none_end_the_worker() {
    assert_eq!(why(&[0xff; 8]).await, "a frame of 4294967295 bytes, at most 8388608 are allowed");
    let too_long = (8_u32 << 20) + 1;
    let said = why(&too_long.to_le_bytes()).await;
    assert_eq!(said, "a frame of 8388609 bytes, at most 8388608 are allowed");
    for garbage in [&[1, 0, 0, 0, 0xff][..], &[0, 0, 0, 0], &[2, 0, 0, 0, 0x9f, 0xff]] {
        let said = why(garbage).await;
        assert!(said.starts_with("a frame that is no message: "), "{garbage:?}: {said}");
    }
    let mut trailing = frame(&Report::NeedState);
    trailing[0] += 1;
    trailing.push(0);
    assert_eq!(why(&trailing).await, "a frame that is no message: 1 bytes follow it");
}

#[tokio::test]
async fn messages_out_of_turn_end_the_worker() {
    let ready = frame(&Report::Ready(SandboxReport::default()));
    assert_eq!(why(&ready).await, "it spoke out of turn");
    let refused = frame(&Report::Refused { why: "no".into() });
    assert_eq!(why(&refused).await, "it spoke out of turn");
    for wrong in [vec![], vec![receipt()], vec![receipt(); 3]] {
        let said = why(&frame(&Report::Done(wrong))).await;
        assert_eq!(said, "it answered another number of calls");
    }
    let endless = why(&frame(&Report::Part(vec![receipt(); 3]))).await;
    assert_eq!(endless, "it answered another number of calls");
    assert_eq!(why(&frame(&Report::NeedState)).await, "it asks for state without end");
}

#[tokio::test]
async fn receipts_that_break_a_limit_end_the_worker() {
    let event = || Event { name: b"e".to_vec(), data: Vec::new() };
    let long = Event { name: b"e".to_vec(), data: vec![0; 64 << 10] };
    let big = |key: &[u8]| Write { key: key.to_vec(), value: Some(vec![0; 64 << 10]) };
    let many: Vec<_> = (0..17).map(|key| big(&[key])).collect();
    let cases = [
        (RawReceipt { output: vec![0; (64 << 10) + 1], ..receipt() }, "its output is too long"),
        (
            RawReceipt { code: 1, writes: vec![write(b"k")], ..receipt() },
            "it has effects without a right to them",
        ),
        (RawReceipt { events: vec![event(); 1_025], ..receipt() }, "it has too many events"),
        (RawReceipt { events: vec![long], ..receipt() }, "its events are too long"),
        (RawReceipt { writes: many, ..receipt() }, "its writes are too long"),
        (RawReceipt { writes: vec![write(b"")], ..receipt() }, "a key has a wrong length"),
        (RawReceipt { writes: vec![write(&[0; 257])], ..receipt() }, "a key has a wrong length"),
        (
            RawReceipt { writes: vec![write(b"b"), write(b"a")], ..receipt() },
            "its writes are not in order",
        ),
        (
            RawReceipt { writes: vec![write(b"a"), write(b"a")], ..receipt() },
            "its writes are not in order",
        ),
    ];
    for (lie, rule) in cases {
        let said = why(&frame(&Report::Part(vec![lie]))).await;
        assert_eq!(said, format!("receipt 0: {rule}"));
    }
}

#[tokio::test]
async fn calls_to_others_that_no_worker_makes_end_it() {
    let long = "n".repeat(limit::CALL_NAME_BYTES + 1);
    for lie in [ask(limit::CALL_ARGS_BYTES + 1, "m"), ask(0, &long)] {
        assert_eq!(why(&frame(&Report::Call(lie))).await, "a call out of bounds");
    }
    let mut after_all = frame(&Report::Part(vec![receipt(); 2]));
    after_all.extend(frame(&Report::Call(ask(0, "m"))));
    assert_eq!(why(&after_all).await, "a call out of bounds", "no call is left that could call");
}

#[tokio::test]
async fn half_a_frame_ends_at_the_deadline() {
    let question = frame(&Report::Get { key: vec![7; 60 << 10] });
    let mut worker = worker(evil()).await;
    let half = say(&question[..100]);
    let deadline = Instant::now() + Duration::from_millis(300);
    let outcome = worker.execute(batch(1, 0, vec![half]), &mut State::default(), deadline).await;
    assert_eq!(outcome, Outcome::NoResult(NoResult::Deadline));
    let next = receipts(&mut worker, batch(1, 0, plain(&["ok"])), &mut State::default()).await;
    assert_eq!(number(&next[0]), 1);
}

#[tokio::test]
async fn a_question_with_effects_ends_the_worker() {
    let mut worker = QueryWorker::new(config(evil()));
    let lie = RawReceipt { writes: vec![write(b"k")], ..receipt() };
    let mut question = crate::stage::query(1, "say");
    question.call = say(&frame(&Report::Done(vec![lie])));
    // `say` is a transaction; a question never reaches it.
    let deadline = Instant::now() + PATIENCE;
    let outcome = worker.query(question, &mut State::default(), deadline).await;
    let Outcome::Receipts(all) = outcome else { panic!("{outcome:?}") };
    assert_eq!(all[0].code, score_native_abi::refusal::NO_METHOD);
    assert!(all[0].writes.is_empty());
}
