//! Calls between SCOREs that run in this process, by the rules of a node.
//!
//! In: what a SCORE asks in the middle of a call. Out: the answer, and what the others did in the
//! transaction. What a callee writes lies in a journal until the transaction has succeeded: a callee that
//! fails takes its part of it along. The rules are those of `score-native-link`'s `Nest`, which the
//! worker's engine runs; a test of `tests/caller` compares the two in receipts and steps. It never
//! panics: it runs on a SCORE's stack.

use crate::{
    address,
    calls::Changes,
    engine::{CHANNEL, Entries, Moment, Sent, World},
    in_process::InProcess,
    interface::Interface,
};
use score_native_abi::{limit, refusal, trap};
use score_native_link::{
    CallAsk, CallKind, CallLimits, CallSpec, Event, OtherEvent, Others, Write,
    protocol::{CallAnswer, RawReceipt, Spent},
};
use std::collections::BTreeMap;

/// A SCORE that runs, or waits for one that it called.
struct Frame {
    score: String,
    kind: CallKind,
    /// Length of the journal before it ran.
    from: usize,
    /// Events that its callees kept.
    events: Vec<OtherEvent>,
    /// What its callees kept.
    spent: Spent,
}

/// The SCOREs of a chain while a call of one of them runs. See the head of this file.
pub(crate) struct Company<'c> {
    /// All but those that run.
    scores: &'c mut BTreeMap<String, InProcess>,
    interfaces: &'c BTreeMap<String, Interface>,
    world: &'c World,
    moment: &'c Moment,
    /// The transaction or the question.
    spec: &'c CallSpec,
    /// Never empty: the first is the SCORE that the transaction names.
    stack: Vec<Frame>,
    journal: Vec<(String, Vec<Write>)>,
    others: Others,
}

impl<'c> Company<'c> {
    pub(crate) fn new(
        scores: &'c mut BTreeMap<String, InProcess>,
        interfaces: &'c BTreeMap<String, Interface>,
        (world, moment): (&'c World, &'c Moment),
        sent: &'c Sent,
    ) -> Self {
        let stack = vec![Frame::of(&sent.score, sent.call.kind, 0)];
        let (journal, others, spec) = (Vec::new(), Others::default(), &sent.call);
        Self { scores, interfaces, world, moment, spec, stack, journal, others }
    }

    /// What the others did, once the transaction has ended.
    pub(crate) fn finish(mut self, has_succeeded: bool) -> Others {
        if has_succeeded {
            for (score, writes) in self.journal {
                for Write { key, value } in writes {
                    self.others.writes.insert((score.clone(), key), value);
                }
            }
            self.others.events = self.stack.pop().map(|frame| frame.events).unwrap_or_default();
        }
        self.others
    }

    /// Runs a call that the running SCORE makes; `limits` are the running SCORE's.
    pub(crate) fn call(&mut self, ask: &CallAsk, limits: CallLimits) -> CallAnswer {
        if let Some(refused) = self.refusal(ask) {
            return refused;
        }
        let found = self.scores.remove(&ask.score).zip(self.interfaces.get(&ask.score));
        let Some((mut callee, interface)) = found else {
            let text = format!("{CHANNEL} has no SCORE `{}`", ask.score.escape_debug());
            return CallAnswer::refused(refusal::NO_SCORE, text);
        };
        let answer = self.run(&mut callee, interface, (ask, limits));
        self.scores.insert(ask.score.clone(), callee);
        answer
    }

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

    fn run(
        &mut self,
        callee: &mut InProcess,
        interface: &Interface,
        (ask, limits): (&CallAsk, CallLimits),
    ) -> CallAnswer {
        let over = self.written(&ask.score);
        // The worker is sent these bytes, and a source counts nothing.
        let toll = if callee.is_loaded() { bytes(&over) } else { 0 };
        let Some(granted) = ask.steps.checked_sub(toll).filter(|left| *left > 0) else {
            let (output, spent) = (b"out of steps".to_vec(), Spent::default());
            return CallAnswer { code: trap::STEPS, output, steps: ask.steps, spent };
        };
        let (caller, kind) = self.stack.last().map_or(([0; 20], CallKind::Invoke), |frame| {
            (address::of_score(&frame.score), frame.kind)
        });
        let (kind, args) = interface.called(&ask.method, &ask.args, kind);
        let spec = CallSpec {
            kind,
            caller,
            method: ask.method.clone(),
            args,
            steps: granted,
            organisation: self.spec.organisation.clone(),
            ..*self.spec
        };
        self.stack.push(Frame::of(&ask.score, kind, self.journal.len()));
        let (empty, world, moment) = (Entries::new(), self.world, self.moment);
        let state = world.get(&ask.score).unwrap_or(&empty);
        let receipt = callee.run(moment, &spec, (state, &over, limits.less(ask.spent)), self);
        let frame = self.stack.pop();
        frame.map_or_else(
            || CallAnswer::refused(trap::PANIC, "a call without a frame"),
            |frame| self.answer(frame, receipt, (ask, toll)),
        )
    }

    /// Keeps what a callee did, or undoes it.
    fn answer(
        &mut self,
        frame: Frame,
        receipt: RawReceipt,
        (ask, toll): (&CallAsk, u64),
    ) -> CallAnswer {
        let RawReceipt { code, output, events, writes, steps, logs } = receipt;
        let room = limit::LOG_LINES.saturating_sub(self.others.logs.len());
        let lines = logs.into_iter().take(room).map(|line| (frame.score.clone(), line));
        self.others.logs.extend(lines);
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
        CallAnswer { code, output, steps: steps.saturating_add(toll), spent }
    }

    /// What the running transaction has written to a SCORE so far.
    fn written(&self, score: &str) -> Changes {
        let of_it = self.journal.iter().filter(|(name, _)| name == score);
        let writes = of_it.flat_map(|(_, writes)| writes);
        writes.map(|write| (write.key.clone(), write.value.clone())).collect()
    }
}

impl Frame {
    fn of(score: &str, kind: CallKind, from: usize) -> Self {
        let (score, events, spent) = (score.to_owned(), Vec::new(), Spent::default());
        Self { score, kind, from, events, spent }
    }
}

fn bytes(changes: &Changes) -> u64 {
    let lengths = changes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len));
    lengths.sum::<usize>() as u64
}

fn spent_by(events: &[Event], writes: &[Write]) -> Spent {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let event_bytes = events.iter().map(|event| event.name.len() + event.data.len()).sum();
    let lengths = |write: &Write| write.key.len() + write.value.as_ref().map_or(0, Vec::len);
    let write_bytes = writes.iter().map(lengths).sum();
    Spent {
        events: number(events.len()),
        event_bytes: number(event_bytes),
        write_bytes: number(write_bytes),
    }
}

/// Own events and those of callees, as they happened.
pub(crate) fn in_order(
    score: &str,
    own: Vec<Event>,
    others: Vec<OtherEvent>,
) -> Vec<(String, Event)> {
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
