//! Calls between SCOREs, each in its own worker: depth, re-entrancy, rollback both ways, shared steps
//! and limits, crashes, questions.

use crate::stage::{
    PATIENCE, STEPS, State, address, batch, block, call, caller, config, evil, number, query, token,
};
use score_native_abi::{refusal, trap};
use score_native_link::{
    Batch, Boxed, CRASH, CallAsk, CallKind, CallReceipt, CallSpec, Callee, Neighbours, Nest,
    NoResult, Outcome, Place, Pool, Refusal, Seat, SeatKey, StateReader,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A channel in memory: what `host-node` is, in a few lines.
struct Channel {
    seats: BTreeMap<&'static str, Arc<Seat>>,
    state: BTreeMap<String, State>,
    ran: BTreeMap<String, u8>,
    run: Run,
}

/// What a block knows of its batches.
#[derive(Default)]
struct Run {
    block: u8,
    parts: BTreeMap<String, u32>,
    distrusted: BTreeSet<String>,
    distrusts: usize,
}

/// The address of a test's SCORE.
fn address_of(score: &str) -> [u8; 20] {
    let mut address = [0xcc; 20];
    address[..score.len()].copy_from_slice(score.as_bytes());
    address
}

/// Methods of the tests' SCOREs that are questions.
const QUESTIONS: [&str; 8] = [
    "balance_of",
    "total_supply",
    "count",
    "kept",
    "ask_balance",
    "ask_along",
    "write_in_query",
    "ask_to_write",
];

struct Neighbourhood<'a> {
    seats: &'a BTreeMap<&'static str, Arc<Seat>>,
    state: &'a BTreeMap<String, State>,
    ran: &'a mut BTreeMap<String, u8>,
    run: &'a mut Run,
}

impl Neighbours for Neighbourhood<'_> {
    fn find<'a>(
        &'a mut self,
        ask: &'a CallAsk,
        caller: CallKind,
    ) -> Boxed<'a, Result<Result<Callee, Refusal>, NoResult>> {
        let Some(seat) = self.seats.get(&*ask.score) else {
            let (code, text) = (refusal::NO_SCORE, format!("no SCORE `{}`", ask.score));
            return Box::pin(std::future::ready(Ok(Err(Refusal { code, text }))));
        };
        let asks = caller == CallKind::Query || QUESTIONS.contains(&&*ask.method);
        let kind = if asks { CallKind::Query } else { CallKind::Invoke };
        let (seat, args) = (Arc::clone(seat), ask.args.clone());
        let callee = Callee { seat, address: address_of(&ask.score), kind, args };
        Box::pin(std::future::ready(Ok(Ok(callee))))
    }

    fn place(&mut self, score: &str) -> Place {
        let part = self.run.parts.entry(score.to_owned()).or_default();
        let ran = self.ran.insert(score.to_owned(), self.run.block);
        let fresh = self.run.distrusted.remove(score) || (ran.is_none() && *part == 0);
        let place = Place { parent: block(ran.unwrap_or_default()), part: *part, fresh };
        *part += 1;
        place
    }

    fn distrust(&mut self, score: &str) {
        self.run.distrusts += 1;
        self.run.distrusted.insert(score.to_owned());
    }

    fn get(&mut self, score: &str, key: &[u8]) -> Option<Vec<u8>> {
        self.state.get(score)?.0.get(key).cloned()
    }

    fn scan(
        &mut self,
        score: &str,
        prefix: &[u8],
        after: &[u8],
        limit: usize,
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.state.get(score).cloned().unwrap_or_default().scan(prefix, after, limit)
    }
}

/// Seats of ten callers, a token and the attacker; `a` holds 200 tokens.
async fn channel() -> Channel {
    let pool = Pool::default();
    let mut seats = BTreeMap::new();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let files = names.iter().map(|name| (*name, caller()));
    for (name, bytes) in files.chain([("token", token()), ("evil", evil())]) {
        let key = SeatKey { channel: "main".into(), score: name.into(), artefact: [0; 32] };
        seats.insert(name, pool.seat(&key, config(bytes)).await.unwrap());
    }
    let (state, ran, run) = (BTreeMap::new(), BTreeMap::new(), Run::default());
    let mut channel = Channel { seats, state, ran, run };
    let deploy = call("deploy", &[0x81, 0x18, 200]);
    let caller = address_of("a");
    let deploy = CallSpec { kind: CallKind::Deploy, caller, origin: caller, ..deploy };
    channel.run(1, &[("token", vec![deploy])]).await;
    channel.finish(1).await;
    channel
}

impl Channel {
    /// Executes the batches of a block; nothing is final yet.
    async fn run(&mut self, number: u8, batches: &[(&str, Vec<CallSpec>)]) -> Vec<CallReceipt> {
        self.run = Run { block: number, ..Run::default() };
        let mut all = Vec::new();
        for (score, calls) in batches {
            match self.batch(score, calls.clone(), Instant::now() + PATIENCE).await {
                Outcome::Receipts(receipts) => all.extend(receipts),
                Outcome::NoResult(why) => panic!("{score}: {why}"),
            }
        }
        all
    }

    async fn batch(&mut self, score: &str, calls: Vec<CallSpec>, deadline: Instant) -> Outcome {
        let mut own = self.state.get(score).cloned().unwrap_or_default();
        let Self { seats, state, ran, run } = self;
        let number = run.block;
        let mut neighbourhood = Neighbourhood { seats, state, ran, run };
        let Place { parent, part, fresh } = neighbourhood.place(score);
        let batch = Batch { parent, part, fresh, ..batch(number, 0, calls) };
        let mut nest = Nest::new(&mut neighbourhood, score, address_of(score));
        let mut worker = seats[score].worker.lock().await;
        let outcome = worker.execute_among(batch, &mut own, &mut nest, deadline).await;
        if let Outcome::Receipts(receipts) = &outcome {
            self.state.entry((*score).to_owned()).or_default().apply(receipts);
            for ((other, key), value) in receipts.iter().flat_map(|r| r.others.writes.clone()) {
                let state = &mut self.state.entry(other).or_default().0;
                match value {
                    Some(value) => state.insert(key, value),
                    None => state.remove(&key),
                };
            }
        }
        outcome
    }

    /// The block is final.
    async fn finish(&self, number: u8) {
        for (score, ran) in &self.ran {
            if *ran == number {
                self.seats[&**score].worker.lock().await.finalize(block(number)).await;
            }
        }
    }

    /// One call in a block of its own, which becomes final.
    async fn one(&mut self, score: &str, call: CallSpec) -> CallReceipt {
        let number = self.run.block + 1;
        let receipt = self.run(number, &[(score, vec![call])]).await.remove(0);
        self.finish(number).await;
        receipt
    }

    async fn ask(&mut self, score: &str, call: CallSpec) -> CallReceipt {
        let mut own = self.state.get(score).cloned().unwrap_or_default();
        let mut question = query(self.run.block, "");
        question.call = CallSpec { kind: CallKind::Query, ..call };
        let Self { seats, state, ran, run } = self;
        let mut neighbourhood = Neighbourhood { seats, state, ran, run };
        let mut nest = Nest::new(&mut neighbourhood, score, address_of(score));
        let mut worker = seats[score].query_worker.lock().await;
        let deadline = Instant::now() + PATIENCE;
        match worker.query_among(question, &mut own, &mut nest, deadline).await {
            Outcome::Receipts(mut receipts) => receipts.remove(0),
            Outcome::NoResult(why) => panic!("{score}: {why}"),
        }
    }

    /// What an address has, as its state says and as the token's worker answers: they must agree.
    async fn balance(&mut self, of: [u8; 20]) -> u64 {
        let args = [&[0x81, 0x54][..], &of].concat();
        let answer = self.ask("token", call("balance_of", &args)).await;
        assert_eq!(answer.code, 0);
        unsigned(&answer.output)
    }
}

fn unsigned(cbor: &[u8]) -> u64 {
    match cbor {
        [small @ 0..=23] => u64::from(*small),
        [0x18, byte] => u64::from(*byte),
        [0x19, high, low] => u64::from(u16::from_be_bytes([*high, *low])),
        [0x1a, a, b, c, d] => u64::from(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => panic!("no small number: {cbor:?}"),
    }
}

/// CBOR of arguments.
#[derive(Clone)]
struct Args(u8, Vec<u8>);

impl Args {
    const fn new() -> Self {
        Self(0, Vec::new())
    }

    fn text(mut self, text: &str) -> Self {
        self.0 += 1;
        self.1.push(0x60 + u8::try_from(text.len()).unwrap());
        self.1.extend(text.as_bytes());
        self
    }

    fn to(mut self, number: u8) -> Self {
        self.0 += 1;
        self.1.push(0x54);
        self.1.extend(address(number));
        self
    }

    fn number(mut self, number: u32) -> Self {
        self.0 += 1;
        match number {
            0..=23 => self.1.push(number.to_be_bytes()[3]),
            24..=255 => self.1.extend([0x18, number.to_be_bytes()[3]]),
            256..=65_535 => self.1.extend([&[0x19], &number.to_be_bytes()[2..]].concat()),
            _ => self.1.extend([&[0x1a][..], &number.to_be_bytes()].concat()),
        }
        self
    }

    fn list(mut self, texts: &[&str]) -> Self {
        self.0 += 1;
        self.1.push(0x80 + u8::try_from(texts.len()).unwrap());
        let count = self.0;
        for text in texts {
            self = self.text(text);
        }
        self.0 = count;
        self
    }

    fn of(self, method: &str) -> CallSpec {
        call(method, &[vec![0x80 + self.0], self.1].concat())
    }
}

fn pay(method: &str, amount: u32) -> CallSpec {
    Args::new().text("token").to(2).number(amount).of(method)
}

fn text(receipt: &CallReceipt) -> String {
    String::from_utf8_lossy(&receipt.output).into_owned()
}

#[tokio::test]
async fn a_score_pays_with_its_own_tokens_and_the_receipt_says_what_each_did() {
    let mut channel = channel().await;
    let receipt = channel.one("a", pay("pay", 30)).await;
    assert_eq!(receipt.code, 0, "{}", text(&receipt));
    assert_eq!(
        (channel.balance(address_of("a")).await, channel.balance(address(2)).await),
        (170, 30)
    );
    let own: Vec<_> = receipt.events.iter().map(|e| e.name.as_slice()).collect();
    assert_eq!(own, [b"did", b"did"]);
    let other = &receipt.others.events;
    assert_eq!(other.len(), 1);
    assert_eq!((&*other[0].score, other[0].after), ("token", 1), "between the two of the caller");
    assert_eq!(other[0].event.name, b"transfer");
    let from = &other[0].event.data[2..22];
    assert_eq!(from, address_of("a"), "the token sees the SCORE that calls, not the signer");
    let scores: BTreeSet<_> = receipt.others.writes.keys().map(|(score, _)| &**score).collect();
    assert_eq!((scores, receipt.others.writes.len()), (BTreeSet::from(["token"]), 2));
    assert_eq!(receipt.writes.len(), 1);
}

#[tokio::test]
async fn a_later_call_of_a_transaction_sees_what_an_earlier_one_wrote() {
    let mut channel = channel().await;
    let receipt = channel.one("a", pay("pay_twice", 30)).await;
    assert_eq!(receipt.code, 0, "{}", text(&receipt));
    assert_eq!(unsigned(&receipt.output), 60);
    assert_eq!(channel.balance(address(2)).await, 60);
}

#[tokio::test]
async fn what_a_failed_callee_did_is_undone_and_its_caller_goes_on() {
    let mut channel = channel().await;
    let receipt = channel.one("a", Args::new().text("b").of("shrug")).await;
    assert_eq!(receipt.code, 0, "{}", text(&receipt));
    assert_eq!(unsigned(&receipt.output), 1, "the code of the other author's fault");
    assert!(receipt.others.writes.is_empty() && receipt.others.events.is_empty());
    assert_eq!(receipt.writes.len(), 1, "its own count");
    assert_eq!(number(&channel.ask("b", Args::new().of("kept")).await), 0);
    let poor = channel.one("a", pay("try_pay", 201)).await;
    assert_eq!((poor.code, unsigned(&poor.output)), (0, 1));
    // What the callee's callee did is undone with it, and only that.
    let mine = channel.one("a", pay("pay", 20)).await;
    assert_eq!(mine.code, 0);
    let after = Args::new().text("b").text("token").to(2).number(5).of("pay_after_failure");
    let receipt = channel.one("a", after).await;
    assert_eq!(receipt.code, 0, "{}", text(&receipt));
    assert_eq!(channel.balance(address(2)).await, 25);
}

#[tokio::test]
async fn a_caller_that_fails_later_undoes_what_its_callees_did() {
    let mut channel = channel().await;
    let calls = vec![pay("pay", 1), pay("pay_and_fail", 100), pay("pay", 2)];
    let all = channel.run(2, &[("a", calls)]).await;
    let codes: Vec<u32> = all.iter().map(|receipt| receipt.code).collect();
    assert_eq!(codes, [0, 1, 0]);
    assert!(all[1].others.writes.is_empty() && all[1].others.events.is_empty());
    channel.finish(2).await;
    assert_eq!(
        (channel.balance(address_of("a")).await, channel.balance(address(2)).await),
        (197, 3)
    );
}

#[tokio::test]
async fn batches_of_both_scores_in_one_block_see_each_other_in_order() {
    let mut channel = channel().await;
    let mut args = vec![0x82, 0x54];
    args.extend(address_of("a"));
    args.push(3);
    let back = CallSpec { caller: address(2), origin: address(2), ..call("transfer", &args) };
    let batches = [
        ("token", vec![back.clone()]),
        ("a", vec![pay("pay", 10), pay("pay_and_fail", 5), pay("pay", 1)]),
        ("token", vec![back.clone(), back.clone(), back.clone()]),
        ("a", vec![pay("pay", 192)]),
        ("token", vec![back]),
    ];
    let all = channel.run(2, &batches).await;
    let codes: Vec<u32> = all.iter().map(|receipt| receipt.code).collect();
    assert_eq!(codes, [1, 0, 1, 0, 0, 0, 0, 0, 0]);
    // A sibling of the block sees nothing of it, and the block itself can be executed again.
    for (score, ran) in channel.ran.clone() {
        if ran == 2 {
            channel.seats[&*score].worker.lock().await.forget(block(2)).await;
        }
    }
    let again = self::channel().await.run(2, &batches).await;
    assert_eq!(again, all, "executed by other workers on the same state");
}

#[tokio::test]
async fn a_forgotten_block_leaves_nothing_in_the_workers_of_callees() {
    let mut channel = channel().await;
    let (state, ran) = (channel.state.clone(), channel.ran.clone());
    let first = channel.run(2, &[("a", vec![pay("pay", 150)])]).await;
    assert_eq!(first[0].code, 0);
    for score in ["a", "token"] {
        channel.seats[score].worker.lock().await.forget(block(2)).await;
    }
    (channel.state, channel.ran) = (state.clone(), ran.clone());
    let second = channel.run(3, &[("a", vec![pay("pay", 200)])]).await;
    assert_eq!(second[0].code, 0, "the 150 were never spent: {}", text(&second[0]));
    // The block is executed once more, on the same parent.
    (channel.state, channel.ran) = (state, ran);
    let again = channel.run(2, &[("a", vec![pay("pay", 150)])]).await;
    assert_eq!(again, first);
    let child = channel.run(4, &[("a", vec![pay("pay", 51), pay("pay", 50)])]).await;
    assert_eq!((child[0].code, child[1].code), (2, 0), "{}", text(&child[0]));
}

#[tokio::test]
async fn a_score_that_waits_is_not_called() {
    let mut channel = channel().await;
    let receipt = channel.one("a", Args::new().list(&["b", "a"]).of("relay")).await;
    assert_eq!(receipt.code, 2);
    let said = text(&receipt);
    assert!(said.contains("0xffff0006") && said.contains("SCORE `a` waits"), "{said}");
    let itself = channel.one("a", Args::new().list(&["a"]).of("relay")).await;
    assert!(text(&itself).contains("0xffff0006"), "{}", text(&itself));
    assert_eq!(number(&channel.ask("b", Args::new().of("count")).await), 0, "b failed too");
}

#[tokio::test]
async fn eight_scores_may_wait_for_each_other_and_no_ninth() {
    let mut channel = channel().await;
    let seven = ["b", "c", "d", "e", "f", "g", "h"];
    let receipt = channel.one("a", Args::new().list(&seven).of("relay")).await;
    assert_eq!(receipt.code, 0, "{}", text(&receipt));
    assert_eq!(number(&receipt), 8);
    assert_eq!(receipt.others.writes.len(), 7);
    let eight = [&seven[..], &["i"]].concat();
    let receipt = channel.one("a", Args::new().list(&eight).of("relay")).await;
    assert_eq!(receipt.code, 2);
    assert!(text(&receipt).contains("0xffff0007"), "{}", text(&receipt));
    assert_eq!(number(&channel.ask("h", Args::new().of("count")).await), 1);
}

#[tokio::test]
async fn a_score_that_is_not_there_is_an_answer() {
    let mut channel = channel().await;
    let nobody = Args::new().text("nobody").to(2).number(1).of("try_pay");
    let receipt = channel.one("a", nobody).await;
    assert_eq!((receipt.code, unsigned(&receipt.output)), (0, 0xffff_0005));
    let wrong = channel.one("a", Args::new().text("b").to(2).number(1).of("try_pay")).await;
    assert_eq!((wrong.code, unsigned(&wrong.output)), (0, u64::from(refusal::NO_METHOD)));
}

#[tokio::test]
async fn the_steps_of_a_callee_are_those_of_the_transaction() {
    let mut channel = channel().await;
    let receipt = channel.one("a", Args::new().text("b").of("wait")).await;
    assert_eq!((receipt.code, receipt.steps), (trap::STEPS, STEPS), "all of them, and no more");
    assert_eq!(text(&receipt), "out of steps");
    let alone = channel.one("a", Args::new().list(&[]).of("relay")).await.steps;
    let both = channel.one("a", Args::new().list(&["b"]).of("relay")).await.steps;
    assert!(both > 2 * alone, "{both} > 2 * {alone}");
    // A block that has fewer steps left cuts it, as it cuts a call that calls nobody.
    channel.run = Run { block: channel.run.block + 1, ..Run::default() };
    let short = CallSpec { steps: STEPS, ..Args::new().list(&["b"]).of("relay") };
    let mut own = channel.state["a"].clone();
    let Channel { seats, state, ran, run } = &mut channel;
    let number = run.block;
    let mut neighbourhood = Neighbourhood { seats, state, ran, run };
    let Place { parent, part, fresh } = neighbourhood.place("a");
    let cut = Batch { parent, part, fresh, steps: both - 1, ..batch(number, 0, vec![short]) };
    let mut nest = Nest::new(&mut neighbourhood, "a", address_of("a"));
    let mut worker = seats["a"].worker.lock().await;
    let deadline = Instant::now() + PATIENCE;
    let outcome = worker.execute_among(cut, &mut own, &mut nest, deadline).await;
    let Outcome::Receipts(receipts) = outcome else { panic!("{outcome:?}") };
    assert_eq!(receipts[0].code, score_native_link::BLOCK_STEPS);
    assert!(receipts[0].others.writes.is_empty());
}

#[tokio::test]
async fn limits_hold_for_the_transaction_and_not_for_each_score() {
    let mut channel = channel().await;
    let within = channel.one("a", Args::new().text("b").number(512).of("shout_both")).await;
    assert_eq!(within.code, 0, "{}", text(&within));
    assert_eq!(within.events.len() + within.others.events.len(), 1024);
    let beyond = channel.one("a", Args::new().text("b").number(513).of("shout_both")).await;
    assert_eq!(beyond.code, trap::LIMIT, "{}", text(&beyond));
    let within = channel.one("a", Args::new().text("b").number(500_000).of("bulk_both")).await;
    assert_eq!(within.code, 0, "{}", text(&within));
    let beyond = channel.one("a", Args::new().text("b").number(600_000).of("bulk_both")).await;
    assert_eq!(beyond.code, 2, "the callee is stopped: {}", text(&beyond));
    assert!(text(&beyond).contains("0xfffe0007"), "{}", text(&beyond));
    assert!(beyond.others.writes.is_empty() && beyond.writes.is_empty());
}

#[tokio::test]
async fn a_crash_of_a_callee_is_the_crash_of_the_transaction_and_names_it() {
    let mut channel = channel().await;
    let crash = Args::new().text("evil").of("crash_there");
    let calls = vec![pay("pay", 1), crash.clone(), pay("pay", 2)];
    let all = channel.run(2, &[("a", calls.clone())]).await;
    let codes: Vec<u32> = all.iter().map(|receipt| receipt.code).collect();
    assert_eq!(codes, [0, CRASH, 0]);
    assert_eq!(text(&all[1]), "the SCORE `evil` crashed");
    let blamed: Vec<_> = all.iter().map(|receipt| receipt.others.crashed.as_deref()).collect();
    assert_eq!(blamed, [None, Some("evil"), None], "a peer counts it against this one");
    assert_eq!(all[1].steps, STEPS, "a crash costs all steps");
    assert_eq!(channel.seats["a"].worker.lock().await.restarts(), 0, "the caller's worker lives");
    assert_eq!(channel.seats["evil"].worker.lock().await.restarts(), 1);
    channel.finish(2).await;
    assert_eq!(channel.balance(address(2)).await, 3);
    let again = self::channel().await.run(2, &[("a", calls)]).await;
    assert_eq!(again, all, "the same on every peer");
}

#[tokio::test]
async fn a_caller_that_crashes_undoes_what_its_callees_did_and_the_rest_is_run_again() {
    let mut channel = channel().await;
    let to_evil = [&[0x82, 0x54][..], &address_of("evil"), &[0x18, 200]].concat();
    let rich = CallSpec { caller: address_of("a"), ..call("transfer", &to_evil) };
    assert_eq!(channel.one("token", rich).await.code, 0);
    let calls = vec![pay("pay", 1), pay("pay_and_crash", 100), pay("pay", 2)];
    let all = channel.run(3, &[("evil", calls)]).await;
    let codes: Vec<u32> = all.iter().map(|receipt| receipt.code).collect();
    assert_eq!(codes, [0, CRASH, 0]);
    assert_eq!(channel.run.distrusts, 1, "the token was told of the first payment twice");
    assert_eq!(channel.seats["token"].worker.lock().await.restarts(), 0);
    channel.finish(3).await;
    assert_eq!(
        (channel.balance(address_of("evil")).await, channel.balance(address(2)).await),
        (197, 3)
    );
    let next = channel.run(4, &[("evil", vec![pay("pay", 198), pay("pay", 197)])]).await;
    assert_eq!((next[0].code, next[1].code), (0xff00, 0), "its own fault, and what was left");
}

#[tokio::test]
async fn a_callee_whose_worker_was_killed_is_started_again_without_a_trace() {
    let mut channel = channel().await;
    // The first payment finds no balance, which takes other steps.
    assert_eq!(channel.one("a", pay("pay", 1)).await.code, 0);
    let before = channel.one("a", pay("pay", 1)).await;
    let id = channel.seats["token"].worker.lock().await.process_id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-9", &id]).status().unwrap().success());
    let after = channel.one("a", pay("pay", 1)).await;
    assert_eq!((after.code, after.steps), (before.code, before.steps));
    assert_eq!(channel.balance(address(2)).await, 3);
}

#[tokio::test]
async fn a_callee_that_takes_too_long_gives_no_result_for_the_whole_batch() {
    let mut channel = channel().await;
    channel.run = Run { block: 2, ..Run::default() };
    let long = CallSpec { steps: u64::MAX / 4, ..Args::new().text("b").of("wait") };
    let deadline = Instant::now() + Duration::from_millis(300);
    let outcome = channel.batch("a", vec![pay("pay", 1), long], deadline).await;
    assert_eq!(outcome, Outcome::NoResult(NoResult::Deadline));
    // The same block again, without it.
    channel.ran.retain(|_, at| *at != 2);
    channel.ran.insert("token".into(), 1);
    let all = channel.run(2, &[("a", vec![pay("pay", 1)])]).await;
    assert_eq!(all[0].code, 0);
    channel.finish(2).await;
    assert_eq!(channel.balance(address(2)).await, 1);
}

#[tokio::test]
async fn a_question_asks_and_changes_nothing() {
    let mut channel = channel().await;
    let mut args = vec![0x82, 0x65];
    args.extend(b"token");
    args.push(0x54);
    args.extend(address_of("a"));
    let answer = channel.ask("a", call("ask_balance", &args)).await;
    assert_eq!((answer.code, unsigned(&answer.output)), (0, 200));
    let along = channel.ask("a", Args::new().list(&["b", "c"]).of("ask_along")).await;
    assert_eq!(number(&along), 3);
    let writes = channel.ask("a", Args::new().text("evil").of("ask_to_write")).await;
    assert_eq!(writes.code, 2);
    let said = text(&writes);
    assert!(said.contains("0xfffe0006"), "the one that writes is stopped: {said}");
    let pays = channel.ask("a", Args::new().text("token").to(2).of("ask_to_pay")).await;
    assert_eq!(pays.code, 2);
    assert!(text(&pays).contains("0xffff0003"), "a transfer is no question: {}", text(&pays));
    assert_eq!(channel.balance(address(2)).await, 0);
}
