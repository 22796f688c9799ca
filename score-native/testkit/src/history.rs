//! What happened on a chain in memory, and how two runs of it differ.
//!
//! In: receipts. Out: the first [`Difference`], which names the transaction, the key and both values.

use crate::{
    company::in_order,
    engine::{Moment, Sent, World, apply},
    people::People,
    shown,
    testnet::ONLY,
};
use score_native_abi::trap;
use score_native_link::{CRASH, CallReceipt, Write};
use std::{collections::BTreeMap, fmt};

/// A block and what its transactions did.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) moment: Moment,
    pub(crate) calls: Vec<Sent>,
    pub(crate) receipts: Vec<CallReceipt>,
}

/// A chain without whoever executes it.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) people: People,
    /// The state before the first block of the history.
    pub(crate) genesis: World,
    pub(crate) state: World,
    /// Of the next block.
    pub(crate) height: u64,
    pub(crate) time_us: u64,
    pub(crate) history: Vec<Block>,
}

impl Chain {
    /// The chain as it was after the block of that height.
    pub(crate) fn at(&self, height: u64, block_us: u64) -> Self {
        let mut chain = self.clone();
        chain.history.retain(|block| block.moment.height <= height);
        chain.state = self.genesis.clone();
        for Block { calls, receipts, .. } in &chain.history {
            for (sent, receipt) in calls.iter().zip(receipts) {
                apply(&mut chain.state, &sent.score, receipt);
            }
        }
        chain.height = height + 1;
        let later = chain.height.abs_diff(self.height) * block_us;
        chain.time_us = chain
            .history
            .last()
            .map_or(self.time_us.saturating_sub(later), |block| block.moment.time_us + block_us);
        chain
    }
}

/// How much two runs have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// The same file in the same kind of engine: everything is the same.
    File,
    /// The same file in another kind of engine: the messages of traps may differ, and their steps.
    Build,
    /// The same source: the messages of traps and all steps may differ. The source says no places and
    /// is not metered.
    Source,
}

/// Where two runs of one history differ first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The transaction, by name.
    pub transaction: String,
    /// What differs: a part of the receipt, or a key of the state.
    pub what: String,
    /// The engines and what each one has.
    pub sides: [(String, String); 2],
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transaction, what, sides: [one, other] } = self;
        writeln!(f, "{transaction}: {what} differs")?;
        writeln!(f, "  {}: {}", one.0, one.1)?;
        write!(f, "  {}: {}", other.0, other.1)
    }
}

/// The parts of a receipt that differ, each with both values.
type Parts = (String, String, String);

/// Compares what a block did in two runs.
pub(crate) fn compare(
    block: &Block,
    receipts: &[CallReceipt],
    likeness: Likeness,
    (names, people): ([&str; 2], &People),
) -> Result<(), Box<Difference>> {
    let differs = |transaction: String, (what, one, other): Parts| {
        let sides = [(names[0].to_owned(), one), (names[1].to_owned(), other)];
        Err(Box::new(Difference { transaction, what, sides }))
    };
    for ((call, was), is) in block.calls.iter().zip(&block.receipts).zip(receipts) {
        if let Some(parts) = difference(&call.score, (was, is), likeness, people) {
            return differs(title(block.moment.height, call, people), parts);
        }
    }
    let counts = (block.receipts.len(), receipts.len());
    if counts.0 != counts.1 {
        let parts = ("number of receipts".into(), counts.0.to_string(), counts.1.to_string());
        return differs(format!("block {}", block.moment.height), parts);
    }
    Ok(())
}

/// `block 3, transaction 0: alice: transfer(bob, 30)`; on a chain with several SCOREs the method has
/// its SCORE's name before it.
pub(crate) fn title(height: u64, sent: &Sent, people: &People) -> String {
    let Sent { score, call } = sent;
    let arguments = score_native::args::Diagnostic::arguments(&call.args);
    let score = if score == ONLY { String::new() } else { format!("{score}.") };
    let call_text = people.named(format!("{score}{}{arguments}", call.method));
    let who = people.name(&call.origin).unwrap_or("somebody");
    format!("block {height}, transaction {}: {who}: {call_text}", call.tx_index)
}

fn difference(
    score: &str,
    (was, is): (&CallReceipt, &CallReceipt),
    likeness: Likeness,
    people: &People,
) -> Option<Parts> {
    let has_same_steps = likeness == Likeness::Source || was.steps == is.steps;
    let is_same = was.code == is.code && was.output == is.output && was.events == is.events;
    let others =
        |receipt: &CallReceipt| (receipt.others.writes.clone(), receipt.others.events.clone());
    if has_same_steps && is_same && was.writes == is.writes && others(was) == others(is) {
        return None;
    }
    let part = |what: &str, one: String, other: String| {
        (one != other).then(|| (what.to_owned(), one, other))
    };
    let is_trap = (trap::PANIC..=CRASH).contains(&was.code);
    let output = |receipt: &CallReceipt| match likeness {
        Likeness::Source | Likeness::Build if is_trap => String::new(),
        _ => people.named(shown::output(receipt)),
    };
    let steps = |receipt: &CallReceipt| match likeness {
        Likeness::Source => String::new(),
        Likeness::Build if is_trap => String::new(),
        Likeness::File | Likeness::Build => receipt.steps.to_string(),
    };
    let code = |receipt: &CallReceipt| {
        if receipt.code == was.code && receipt.code == is.code {
            String::new()
        } else {
            format!("{:#x} {}", receipt.code, people.named(shown::output(receipt)))
        }
    };
    part("the code", code(was), code(is))
        .or_else(|| part("the output", output(was), output(is)))
        .or_else(|| writes(score, (was, is), people))
        .or_else(|| part("the events", events(score, was, people), events(score, is, people)))
        .or_else(|| part("the steps", steps(was), steps(is)))
}

fn events(score: &str, receipt: &CallReceipt, people: &People) -> String {
    let told = in_order(score, receipt.events.clone(), receipt.others.events.clone());
    let told = told.iter().map(|(of, event)| match of == score {
        true => shown::event(event),
        false => format!("{of}.{}", shown::event(event)),
    });
    people.named(told.collect::<Vec<_>>().join(", "))
}

/// The first key that was written otherwise.
fn writes(score: &str, (was, is): (&CallReceipt, &CallReceipt), people: &People) -> Option<Parts> {
    type ByKey = BTreeMap<(String, Vec<u8>), Option<Vec<u8>>>;
    let by_key = |receipt: &CallReceipt| -> ByKey {
        // Those of its own SCORE first: no name sorts before none.
        let own = receipt.writes.iter();
        let own = own.map(|Write { key, value }| ((String::new(), key.clone()), value.clone()));
        own.chain(receipt.others.writes.clone()).collect()
    };
    let (was, is) = (by_key(was), by_key(is));
    let place = was.keys().chain(is.keys()).filter(|key| was.get(*key) != is.get(*key)).min()?;
    let value = |writes: &ByKey| match writes.get(place) {
        Some(Some(value)) => people.named(shown::value(value)),
        Some(None) => "removed".into(),
        None => "not written".into(),
    };
    let (of, key) = place;
    let of = if of.is_empty() || of == score { String::new() } else { format!("{of}: ") };
    let what = format!("the write of {of}{}", shown::key(key, people));
    Some((what, value(&was), value(&is)))
}
