//! Calls between the SCOREs of a channel, while a batch or a question of one of them runs.
//!
//! In: what a worker asks in the middle of a call, and the [`Neighbours`] that may be called. Out: the
//! answer, and for each transaction what the others did. What a callee writes lies in a journal
//! until the transaction has succeeded: a callee that fails takes its part of the journal along, a
//! transaction that fails all of it. Only then are the callees' workers told. It decides neither
//! which version of a SCORE runs nor what the state is.
//!
//! Each running call holds the lock of its worker; nobody waits for himself, since a SCORE that is on
//! the stack is never called.

mod neighbours;
mod outside;

pub use neighbours::{Boxed, Callee, Neighbours, Place, Refusal};
pub(crate) use outside::{Alone, Outermost, Outside, page};

use crate::outcome::{CRASH, CRASH_TEXT, CallReceipt, NoResult, OtherEvent, Others, Outcome};
use crate::pool::Seat;
use crate::protocol::{
    Batch, BlockId, CallAnswer, CallAsk, CallSpec, Event, Exec, Order, Query, Spent, Write,
    event_bytes, write_bytes,
};
use outside::Inner;
use score_native_abi::{limit, refusal, trap};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

/// Entries with their values.
pub(crate) type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// A SCORE that runs, or waits for one that it called.
#[derive(Debug)]
struct Frame {
    score: String,
    address: [u8; 20],
    /// Length of the journal before it ran.
    from: usize,
    /// Events that its callees kept.
    events: Vec<OtherEvent>,
    /// What its callees kept.
    spent: Spent,
    /// Steps of its callees in the running call: what its worker says is left can only be less.
    taken: u64,
}

/// The calls of one batch or question. See the head of this file.
pub struct Nest<'n> {
    neighbours: &'n mut dyn Neighbours,
    deadline: Instant,
    /// Never empty: the first is the SCORE of the batch.
    stack: Vec<Frame>,
    /// What callees of the running transaction wrote, in order.
    journal: Vec<(String, Vec<Write>)>,
    logs: Vec<(String, crate::protocol::LogLine)>,
    /// What they wrote in transactions of this batch that have succeeded.
    settled: BTreeMap<(String, Vec<u8>), Option<Vec<u8>>>,
    done: BTreeMap<usize, Others>,
    seats: BTreeMap<String, Arc<Seat>>,
    /// SCOREs whose workers were told what they have to keep.
    told: BTreeSet<String>,
    /// The callee that ended the running transaction by a crash.
    crashed: Option<String>,
}

impl std::fmt::Debug for Nest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nest").field("stack", &self.stack).finish_non_exhaustive()
    }
}

impl<'n> Nest<'n> {
    /// The calls that a batch or question of `score` at `address` may make.
    pub fn new(neighbours: &'n mut dyn Neighbours, score: &str, address: [u8; 20]) -> Self {
        Self {
            neighbours,
            deadline: Instant::now(),
            stack: vec![Frame {
                score: score.to_owned(),
                address,
                from: 0,
                events: Vec::new(),
                spent: Spent::default(),
                taken: 0,
            }],
            journal: Vec::new(),
            logs: Vec::new(),
            settled: BTreeMap::new(),
            done: BTreeMap::new(),
            seats: BTreeMap::new(),
            told: BTreeSet::new(),
            crashed: None,
        }
    }

    /// All calls end by then.
    pub(crate) const fn until(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Adds what the others did to the receipts.
    pub(crate) fn complete(&mut self, outcome: &mut Outcome) {
        let Outcome::Receipts(receipts) = outcome else { return };
        for (position, others) in std::mem::take(&mut self.done) {
            if let Some(receipt) = receipts.get_mut(position) {
                receipt.others = others;
            }
        }
    }

    /// What an earlier attempt of the whole batch did is undone.
    fn begin(&mut self) {
        self.undo(0);
        self.stack.truncate(1);
        self.logs.clear();
        self.crashed = None;
        self.settled.clear();
        self.done.clear();
        for score in std::mem::take(&mut self.told) {
            self.neighbours.distrust(&score);
        }
    }

    /// What the callees of one frame did is undone.
    fn undo(&mut self, at: usize) {
        let Some(frame) = self.stack.get_mut(at) else { return };
        self.journal.truncate(frame.from);
        frame.events.clear();
        frame.spent = Spent::default();
        frame.taken = 0;
    }

    async fn call(
        &mut self,
        order: &Order,
        spec: &CallSpec,
        ask: CallAsk,
    ) -> Result<Order, NoResult> {
        if let Some(refused) = self.refusal(&ask) {
            return Ok(Order::Answer(refused));
        }
        let callee = match self.neighbours.find(&ask, spec.kind).await? {
            Ok(callee) => callee,
            Err(Refusal { code, text }) => {
                return Ok(Order::Answer(CallAnswer::refused(code, text)));
            }
        };
        let over = self.written(&ask.score);
        // Sending them along is work, and the same on every peer.
        let toll = write_bytes(&over) as u64;
        let steps = ask.steps.min(spec.steps.saturating_sub(self.taken()));
        let Some(granted) = steps.checked_sub(toll).filter(|left| *left > 0) else {
            let text = b"out of steps".to_vec();
            let spent = Spent::default();
            return Ok(Order::Answer(CallAnswer { code: trap::STEPS, output: text, steps, spent }));
        };
        let caller = self.stack.last().map_or([0; 20], |frame| frame.address);
        let call = CallSpec {
            kind: callee.kind,
            caller,
            method: ask.method.clone(),
            args: callee.args,
            steps: granted,
            organisation: spec.organisation.clone(),
            ..*spec
        };
        self.seats.entry(ask.score.clone()).or_insert_with(|| Arc::clone(&callee.seat));
        self.stack.push(Frame {
            score: ask.score.clone(),
            address: callee.address,
            from: self.journal.len(),
            events: Vec::new(),
            spent: Spent::default(),
            taken: 0,
        });
        let outcome = self.run(order, &callee.seat, call, (&ask, over)).await;
        let frame = self.stack.pop();
        let (Some(frame), Outcome::Receipts(receipts)) = (frame, outcome?) else {
            return Err(NoResult::Unexplained("a call without a frame".into()));
        };
        let receipt = receipts.into_iter().next();
        let receipt = receipt.ok_or_else(|| NoResult::Unexplained("no receipt".into()))?;
        Ok(self.answer(frame, receipt, (&ask, toll)))
    }

    /// What callees of the caller have used: its worker cannot have used less.
    fn kept(&self) -> Spent {
        let caller = self.stack.len().checked_sub(2).and_then(|at| self.stack.get(at));
        caller.map_or_else(Spent::default, |frame| frame.spent)
    }

    fn taken(&self) -> u64 {
        self.stack.last().map_or(0, |frame| frame.taken)
    }

    /// What the caller can be told without looking at the callee.
    fn refusal(&self, ask: &CallAsk) -> Option<CallAnswer> {
        if self.stack.iter().any(|frame| frame.score == ask.score) {
            let text = format!("SCORE `{}` waits for this call and cannot be called", ask.score);
            return Some(CallAnswer::refused(refusal::REENTRANT, text));
        }
        if self.stack.len() >= limit::CALL_DEPTH {
            let text = format!("at most {} SCOREs may wait for each other", limit::CALL_DEPTH);
            return Some(CallAnswer::refused(refusal::DEPTH, text));
        }
        None
    }

    async fn run(
        &mut self,
        order: &Order,
        seat: &Seat,
        call: CallSpec,
        (ask, over): (&CallAsk, Vec<Write>),
    ) -> Result<Outcome, NoResult> {
        let deadline = self.deadline;
        let outcome = match order {
            Order::Exec(Exec { batch, .. }) => {
                let Place { parent, part, fresh } = self.neighbours.place(&ask.score);
                let batch = Batch {
                    parent,
                    part,
                    fresh,
                    steps: call.steps,
                    calls: vec![call],
                    limits: batch.limits.less(ask.spent.or_more(self.kept())),
                    channel: batch.channel.clone(),
                    ..*batch
                };
                let inner = Exec { batch, skip: Vec::new(), over: Some(over) };
                let mut outside = Inner { nest: self, score: ask.score.clone() };
                seat.worker.lock().await.run(Order::Exec(inner), &mut outside, deadline).await
            }
            Order::Query(query) => {
                let inner = Query { call, channel: query.channel.clone(), ..*query };
                let mut outside = Inner { nest: self, score: ask.score.clone() };
                let mut worker = seat.called_worker.lock().await;
                worker.run(Order::Query(inner), &mut outside, deadline).await
            }
            _ => Outcome::NoResult(NoResult::Unexplained("a call of no order".into())),
        };
        match outcome {
            Outcome::NoResult(why) => Err(why),
            receipts @ Outcome::Receipts(_) => Ok(receipts),
        }
    }

    /// Keeps what a callee did, or undoes it, and says so to the caller.
    fn answer(
        &mut self,
        frame: Frame,
        receipt: CallReceipt,
        (ask, toll): (&CallAsk, u64),
    ) -> Order {
        let CallReceipt { code, output, events, writes, steps, logs, .. } = receipt;
        for line in logs {
            if self.logs.len() < limit::LOG_LINES {
                self.logs.push((frame.score.clone(), line));
            }
        }
        if code == CRASH {
            let text = String::from_utf8_lossy(&output).into_owned();
            let is_own = text == CRASH_TEXT;
            let text = if is_own { format!("the SCORE `{}` crashed", frame.score) } else { text };
            self.crashed.get_or_insert_with(|| frame.score.clone());
            return Order::Stop { code, text };
        }
        let mut spent = Spent::default();
        if code == 0 {
            spent = frame.spent.and(spent_by(&events, &writes));
            if !writes.is_empty() {
                self.journal.push((frame.score.clone(), writes));
            }
            let events = in_order(&frame.score, events, frame.events);
            if let Some(caller) = self.stack.last_mut() {
                // The caller's own events until now; what callees told is not among them.
                let after = ask.spent.events.saturating_sub(caller.spent.events);
                let placed = |(score, event)| OtherEvent { after, score, event };
                caller.events.extend(events.into_iter().map(placed));
                caller.spent = caller.spent.and(spent);
            }
        } else {
            self.journal.truncate(frame.from);
        }
        let steps = steps.saturating_add(toll);
        if let Some(caller) = self.stack.last_mut() {
            caller.taken = caller.taken.saturating_add(steps);
        }
        Order::Answer(CallAnswer { code, output, steps, spent })
    }

    /// What the running transaction has written to a SCORE so far, ascending by key.
    fn written(&self, score: &str) -> Vec<Write> {
        let of_it = self.journal.iter().filter(|(name, _)| name == score);
        let mut last = BTreeMap::new();
        for Write { key, value } in of_it.flat_map(|(_, writes)| writes) {
            last.insert(key, value);
        }
        last.into_iter().map(|(k, v)| Write { key: k.clone(), value: v.clone() }).collect()
    }

    /// A transaction of the batch has ended.
    async fn settle(&mut self, position: usize, block: Option<BlockId>, has_succeeded: bool) {
        let mut others = Others {
            logs: std::mem::take(&mut self.logs),
            crashed: self.crashed.take(),
            ..Others::default()
        };
        if has_succeeded {
            let called: BTreeSet<String> = self.journal.iter().map(|(s, _)| s.clone()).collect();
            for score in called {
                let writes = self.written(&score);
                for Write { key, value } in &writes {
                    let place = (score.clone(), key.clone());
                    others.writes.insert(place.clone(), value.clone());
                    self.settled.insert(place, value.clone());
                }
                self.tell(score, block, writes).await;
            }
            others.events = std::mem::take(&mut self.stack[0].events);
        }
        self.undo(0);
        self.done.insert(position, others);
    }

    /// Lets the worker of a SCORE keep what was written to it.
    async fn tell(&mut self, score: String, block: Option<BlockId>, writes: Vec<Write>) {
        let (Some(block), Some(seat)) = (block, self.seats.get(&score)) else { return };
        let Place { part, fresh, .. } = self.neighbours.place(&score);
        if fresh {
            // It never saw the block; whoever asks it next begins anew.
            self.neighbours.distrust(&score);
            return;
        }
        seat.worker.lock().await.tell(&Order::Apply { block, part, writes }).await;
        self.told.insert(score);
    }

    fn get(&mut self, score: &str, key: &[u8]) -> Option<Vec<u8>> {
        if !self.settled.is_empty()
            && let Some(value) = self.settled.get(&(score.to_owned(), key.to_vec()))
        {
            return value.clone();
        }
        self.neighbours.get(score, key)
    }

    fn scan(&mut self, score: &str, prefix: &[u8], after: &[u8], limit: usize) -> Entries {
        let from = if after < prefix { prefix } else { after };
        let from = (score.to_owned(), from.to_vec());
        let from = if after < prefix { Bound::Included(from) } else { Bound::Excluded(from) };
        let settled = self.settled.range((from, Bound::Unbounded));
        let inside = settled.take_while(|((s, k), _)| s == score && k.starts_with(prefix));
        let changed: Vec<_> = inside.map(|((_, k), v)| (k.clone(), v.clone())).collect();
        // Removed keys may hide entries: ask for as many more.
        let found = self.neighbours.scan(score, prefix, after, limit + changed.len());
        let mut merged: BTreeMap<_, _> = found.into_iter().collect();
        for (key, value) in changed {
            match value {
                Some(value) => drop(merged.insert(key, value)),
                None => drop(merged.remove(&key)),
            }
        }
        merged.into_iter().take(limit).collect()
    }
}

fn spent_by(events: &[Event], writes: &[Write]) -> Spent {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Spent {
        events: number(events.len()),
        event_bytes: number(event_bytes(events)),
        write_bytes: number(write_bytes(writes)),
    }
}

/// Own events and those of callees, as they happened.
fn in_order(score: &str, own: Vec<Event>, others: Vec<OtherEvent>) -> Vec<(String, Event)> {
    let mut all = Vec::with_capacity(own.len() + others.len());
    let mut others = others.into_iter().peekable();
    for (number, event) in (0..).zip(own) {
        while let Some(other) = others.next_if(|other| other.after <= number) {
            all.push((other.score, other.event));
        }
        all.push((score.to_owned(), event));
    }
    all.extend(others.map(|other| (other.score, other.event)));
    all
}
