//! Blocks, branches, restarts and questions on the token SCORE.

use crate::stage::{
    PATIENCE, STEPS, State, address, batch, block, call, config, number, plain, query, receipts,
    token, worker,
};
use score_native_abi::trap;
use score_native_link::{
    BLOCK_STEPS, Batch, CRASH, CallKind, CallReceipt, CallSpec, Outcome, Pool, Query, QueryWorker,
    SeatKey, StateReader, Worker,
};
use std::sync::Arc;
use std::time::Instant;

/// CBOR of `[to, amount]`.
fn to_and_amount(to: u8, amount: u8) -> Vec<u8> {
    let mut args = vec![0x82, 0x54];
    args.extend(address(to));
    // The shortest form, as canonical CBOR demands.
    args.extend(if amount < 24 { vec![amount] } else { vec![0x18, amount] });
    args
}

fn transfer(from: u8, to: u8, amount: u8) -> CallSpec {
    let spec = call("transfer", &to_and_amount(to, amount));
    CallSpec { caller: address(from), origin: address(from), ..spec }
}

/// `deploy(200)` by address 1.
fn deploy() -> CallSpec {
    CallSpec { kind: CallKind::Deploy, ..call("deploy", &[0x81, 0x18, 200]) }
}

fn balance(snapshot: u8, of: u8) -> Query {
    let mut args = vec![0x81, 0x54];
    args.extend(address(of));
    let question = query(snapshot, "balance_of");
    Query { call: CallSpec { args, ..question.call.clone() }, ..question }
}

fn codes(receipts: &[CallReceipt]) -> Vec<u32> {
    receipts.iter().map(|receipt| receipt.code).collect()
}

/// Executes the only batch of a block and makes it final.
async fn commit(worker: &mut Worker, state: &mut State, batch: Batch) -> Vec<CallReceipt> {
    let id = batch.block;
    let all = receipts(worker, batch, state).await;
    state.apply(&all);
    worker.finalize(id).await;
    all
}

/// Counts what a worker asks for.
struct Counting<'a> {
    state: &'a mut State,
    questions: usize,
}

impl StateReader for Counting<'_> {
    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.questions += 1;
        self.state.get(key)
    }

    fn scan(&mut self, prefix: &[u8], after: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.questions += 1;
        self.state.scan(prefix, after, limit)
    }
}

#[tokio::test]
async fn a_token_moves_and_refuses_in_words() {
    let mut worker = worker(token()).await;
    let mut state = State::default();
    let calls = vec![deploy(), transfer(1, 2, 30), transfer(2, 1, 31), call("nonsense", &[0x80])];
    let all = commit(&mut worker, &mut state, batch(1, 0, calls)).await;
    assert_eq!(codes(&all), [0, 0, 1, 0xffff_0003]);
    assert_eq!(String::from_utf8_lossy(&all[2].output), "balance 30 is less than 31");
    assert_eq!(all[1].events.len(), 1);
    assert!(all[1].writes.is_sorted_by(|a, b| a.key < b.key) && all[1].writes.len() == 2);
    assert!(all[2].writes.is_empty() && all[2].events.is_empty());
    assert!(all.iter().all(|receipt| receipt.steps > 0));
}

#[tokio::test]
async fn what_is_remembered_is_not_asked_for_again() {
    let mut worker = worker(token()).await;
    let mut state = State::default();
    commit(&mut worker, &mut state, batch(1, 0, vec![deploy(), transfer(1, 2, 30)])).await;
    let mut counting = Counting { state: &mut state, questions: 0 };
    let next = batch(2, 1, vec![transfer(1, 2, 30), transfer(2, 1, 60)]);
    let outcome = worker.execute(next, &mut counting, Instant::now() + PATIENCE).await;
    let Outcome::Receipts(all) = outcome else { panic!("{outcome:?}") };
    assert_eq!(codes(&all), [0, 0]);
    assert_eq!(counting.questions, 0);
}

#[tokio::test]
async fn two_branches_see_their_own_history() {
    let mut worker = worker(token()).await;
    let mut state = State::default();
    commit(&mut worker, &mut state, batch(1, 0, vec![deploy()])).await;
    let left = receipts(&mut worker, batch(2, 1, vec![transfer(1, 2, 200)]), &mut state).await;
    let right = receipts(&mut worker, batch(3, 1, vec![transfer(1, 3, 200)]), &mut state).await;
    assert_eq!((codes(&left), codes(&right)), (vec![0], vec![0]));
    // On the left, address 2 has all; on the right, address 3.
    let mut left_state = state.clone();
    left_state.apply(&left);
    let on_left = batch(4, 2, vec![transfer(3, 1, 1), transfer(2, 1, 1)]);
    let on_left = receipts(&mut worker, on_left, &mut left_state).await;
    assert_eq!(codes(&on_left), [1, 0]);
    worker.forget(block(2)).await;
    worker.finalize(block(3)).await;
    state.apply(&right);
    let on_right = batch(5, 3, vec![transfer(3, 1, 1), transfer(2, 1, 1)]);
    let on_right = receipts(&mut worker, on_right, &mut state).await;
    assert_eq!(codes(&on_right), [0, 1]);
}

#[tokio::test]
async fn later_batches_of_a_block_go_on_where_the_first_ended() {
    let mut worker = worker(token()).await;
    let mut state = State::default();
    let first = receipts(&mut worker, batch(1, 0, vec![deploy()]), &mut state).await;
    state.apply(&first);
    let second = Batch { part: 1, ..batch(1, 0, vec![transfer(1, 2, 30)]) };
    assert_eq!(codes(&receipts(&mut worker, second, &mut state).await), [0]);
}

#[tokio::test]
async fn a_new_process_gives_the_same_receipts() {
    let calls = || vec![deploy(), transfer(1, 2, 30), transfer(1, 2, 201), transfer(2, 3, 5)];
    let mut all = Vec::new();
    for _ in 0..2 {
        let mut worker = worker(token()).await;
        let mut state = State::default();
        let first = commit(&mut worker, &mut state, batch(1, 0, calls())).await;
        let fresh = Batch { fresh: true, ..batch(2, 1, vec![transfer(3, 1, 5)]) };
        let second = commit(&mut worker, &mut state, fresh).await;
        all.push((first, second, state));
    }
    assert_eq!(all[0], all[1]);
}

#[tokio::test]
async fn a_worker_that_was_killed_is_replaced_without_a_trace() {
    let mut worker = worker(token()).await;
    let mut state = State::default();
    commit(&mut worker, &mut state, batch(1, 0, vec![deploy()])).await;
    kill(&worker);
    let all = commit(&mut worker, &mut state, batch(2, 1, vec![transfer(1, 2, 30)])).await;
    assert_eq!(codes(&all), [0]);
    assert!(!codes(&all).contains(&CRASH));
    assert_eq!(worker.restarts(), 1);
}

fn kill(worker: &Worker) {
    let id = worker.process_id().unwrap().to_string();
    let status = std::process::Command::new("kill").args(["-9", &id]).status().unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_a_working_worker() {
    let mut worker = worker(crate::stage::evil()).await;
    let mut state = State::default();
    let long =
        worker.execute(batch(1, 0, plain(&["spin"; 50])), &mut state, Instant::now() + PATIENCE);
    let left = tokio::time::timeout(std::time::Duration::from_millis(20), long).await;
    assert!(left.is_err(), "the caller went away first");
    let next = receipts(&mut worker, batch(1, 0, plain(&["ok"])), &mut state).await;
    assert_eq!(number(&next[0]), 1);
}

#[tokio::test]
async fn calls_after_the_steps_of_a_block_are_refused_and_change_nothing() {
    let mut all = Vec::new();
    for _ in 0..2 {
        let mut worker = worker(crate::stage::evil()).await;
        let mut state = State::default();
        let calls = plain(&["ok", "spin", "spin", "spin", "ok"]);
        let bounded = Batch { steps: 2 * STEPS + 10_000, ..batch(1, 0, calls) };
        let got = receipts(&mut worker, bounded, &mut state).await;
        assert_eq!(codes(&got), [0, trap::STEPS, trap::STEPS, BLOCK_STEPS, BLOCK_STEPS]);
        let taken: u64 = got.iter().map(|receipt| receipt.steps).sum();
        assert_eq!(taken, 2 * STEPS + 10_000, "no step beyond");
        assert_eq!((got[3].steps, got[4].steps), (10_000 - got[0].steps, 0));
        assert!(got[3].writes.is_empty() && got[4].writes.is_empty());
        let next = receipts(&mut worker, batch(2, 1, plain(&["ok"])), &mut state).await;
        assert_eq!(number(&next[0]), 2, "the next block has steps again");
        all.push(got);
    }
    assert_eq!(all[0], all[1]);
}

#[tokio::test]
async fn questions_follow_the_head() {
    let mut worker = worker(token()).await;
    let mut questions = QueryWorker::new(config(token()));
    let mut state = State::default();
    commit(&mut worker, &mut state, batch(1, 0, vec![deploy()])).await;
    let mut ask = async |question: Query, state: &mut State| {
        let outcome = questions.query(question, state, Instant::now() + PATIENCE).await;
        let Outcome::Receipts(all) = outcome else { panic!("{outcome:?}") };
        assert_eq!(all[0].code, 0, "{}", String::from_utf8_lossy(&all[0].output));
        all[0].output.clone()
    };
    assert_eq!(ask(balance(1, 1), &mut state).await, [0x18, 200]);
    commit(&mut worker, &mut state, batch(2, 1, vec![transfer(1, 2, 30)])).await;
    assert_eq!(ask(balance(2, 1), &mut state).await, [0x18, 170]);
    assert_eq!(ask(balance(2, 2), &mut state).await, [0x18, 30]);
}

#[tokio::test]
async fn a_batch_of_a_thousand_calls_comes_back_whole() {
    let mut worker = worker(token()).await;
    let mut state = State::default();
    commit(&mut worker, &mut state, batch(1, 0, vec![deploy()])).await;
    let calls = vec![transfer(1, 2, 0); 1_000];
    let all = commit(&mut worker, &mut state, batch(2, 1, calls)).await;
    assert_eq!(all.len(), 1_000);
    assert!(all.iter().all(|receipt| receipt.code == 0));
}

#[tokio::test]
async fn receipts_longer_than_a_frame_come_in_parts() {
    let mut worker = worker(crate::stage::evil()).await;
    let mut state = State::default();
    let all = commit(&mut worker, &mut state, batch(1, 0, plain(&["bulk"; 12]))).await;
    assert_eq!(codes(&all), [0; 12]);
    let written = |receipt: &CallReceipt| -> usize {
        receipt.writes.iter().filter_map(|write| write.value.as_ref()).map(Vec::len).sum()
    };
    assert!(all.iter().map(written).sum::<usize>() > 8 << 20);
}

#[tokio::test]
async fn a_listing_goes_through_the_state_of_the_peer() {
    let mut worker = worker(crate::stage::evil()).await;
    let mut state = State::default();
    let keep = |key: &str| {
        let text = |text: &str| [&[0x60 + text.len() as u8], text.as_bytes()].concat();
        call("keep", &[&[0x82][..], &text(key), &text("t")].concat())
    };
    let first = vec![keep("a"), keep("c"), keep("d")];
    commit(&mut worker, &mut state, batch(1, 0, first)).await;
    let second = vec![keep("b"), call("keys_without", &[0x81, 0x61, b'c'])];
    let all = commit(&mut worker, &mut state, batch(2, 1, second)).await;
    assert_eq!(codes(&all), [0, 0]);
    assert_eq!(all[1].output, [0x83, 0x61, b'a', 0x61, b'b', 0x61, b'd']);
}

#[tokio::test]
async fn hashes_and_signatures_are_checked_by_the_host() {
    use ed25519_zebra::{SigningKey, VerificationKeyBytes};
    use sha2::{Digest, Sha256};
    let key = SigningKey::from([7; 32]);
    let public: [u8; 32] = VerificationKeyBytes::from(&key).into();
    let signature: [u8; 64] = key.sign(b"hello").into();
    let args = |message: &[u8]| {
        [&[0x83, 0x58, 32][..], &public, &[0x45], message, &[0x58, 64], &signature].concat()
    };
    let calls = vec![
        CallSpec { kind: CallKind::Query, ..call("verify", &args(b"hello")) },
        CallSpec { kind: CallKind::Query, ..call("verify", &args(b"jello")) },
        CallSpec { kind: CallKind::Query, ..call("hash", &[0x81, 0x43, b'a', b'b', b'c']) },
    ];
    let mut worker = worker(crate::stage::evil()).await;
    let all = receipts(&mut worker, batch(1, 0, calls), &mut State::default()).await;
    assert_eq!(codes(&all), [0, 0, 0]);
    assert_eq!((&all[0].output[..], &all[1].output[..]), (&[0xf5][..], &[0xf4][..]));
    assert_eq!(all[2].output[2..], Sha256::digest(b"abc")[..]);
}

#[tokio::test]
async fn a_basic_sandbox_runs_and_reports() {
    use score_native_link::{Addresses, Sandbox, WorkerConfig};
    let program = env!("CARGO_BIN_EXE_score-worker-under-test");
    let config = WorkerConfig::new(program, Vec::new(), Sandbox::Basic, token()).unwrap();
    let config = config.label("main", "token").addresses(Addresses::Random);
    let mut worker = Worker::start(config).await.unwrap();
    let report = worker.sandbox_report().unwrap();
    assert!(report.on.iter().any(|layer| layer == "seccomp"), "{report:?}");
    let mut state = State::default();
    let all = commit(&mut worker, &mut state, batch(1, 0, vec![deploy()])).await;
    assert_eq!(codes(&all), [0]);
}

#[tokio::test]
async fn a_file_that_is_no_score_does_not_start() {
    let error = Worker::start(config(b"no SCORE")).await.unwrap_err();
    assert!(error.to_string().contains("it does not load"), "{error}");
}

#[tokio::test]
async fn a_program_that_is_no_worker_does_not_start() {
    use score_native_link::{Sandbox, WorkerConfig};
    let config = WorkerConfig::new("/bin/true", Vec::new(), Sandbox::Strict, token()).unwrap();
    let error = Worker::start(config).await.unwrap_err();
    assert!(error.to_string().contains("ended before it was ready"), "{error}");
    let config = WorkerConfig::new("/nowhere", Vec::new(), Sandbox::Strict, token()).unwrap();
    let error = Worker::start(config).await.unwrap_err();
    assert!(error.to_string().contains("/nowhere"), "{error}");
}

#[tokio::test]
async fn a_pool_starts_a_seat_once() {
    let pool = Pool::default();
    let key = SeatKey { channel: "main".into(), score: "token".into(), artefact: [1; 32] };
    let first = pool.seat(&key, config(token())).await.unwrap();
    let again = pool.seat(&key, config(token())).await.unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    pool.retire(&key).await;
    let other = pool.seat(&key, config(token())).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &other));
}

#[tokio::test]
async fn what_a_machine_lacks_for_the_sandbox_is_told_before_any_score_runs() {
    use score_native_link::{Sandbox, try_sandbox};
    let program = env!("CARGO_BIN_EXE_score-worker-under-test");
    let report = try_sandbox(program, Vec::new(), Sandbox::Strict).await.unwrap();
    assert!(report.missing.is_empty() && report.on.contains(&"seccomp".to_owned()), "{report:?}");
    // A kernel without Landlock, by strace.
    let lacking = |sandbox| {
        let call = "landlock_create_ruleset";
        let inject = format!("inject={call}:error=ENOSYS");
        let trace = format!("trace={call}");
        let args = ["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject, program];
        try_sandbox("strace", args.map(Into::into).to_vec(), sandbox)
    };
    let why = lacking(Sandbox::Strict).await.unwrap_err();
    assert!(why.contains("`landlock`"), "{why}");
    let report = lacking(Sandbox::Basic).await.unwrap();
    assert!(report.missing[0].starts_with("landlock: "), "{report:?}");
}

#[tokio::test]
async fn a_process_in_the_sandbox_sends_back_what_comes() {
    use score_native_link::{Echo, Sandbox};
    let program = env!("CARGO_BIN_EXE_score-worker-under-test");
    let mut echo = Echo::start(program, Vec::new(), Sandbox::Strict).await.unwrap();
    for _ in 0..3 {
        echo.round_trip().unwrap();
    }
}
