//! The seam between the chain in memory and whatever executes its calls.
//!
//! In: the calls of a block and the state of all SCOREs. Out: receipts. Nothing is applied here.

use crate::{in_process::InProcess, jailed::Member};
use score_native_link::{CallReceipt, CallSpec, Write};
use std::collections::BTreeMap;

/// The state of one SCORE: all its keys in order.
pub type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// The state of every SCORE of a chain, by its name there.
pub(crate) type World = BTreeMap<String, Entries>;

/// When and where a call runs; the same on each engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Height of the block.
    pub(crate) height: u64,
    /// Agreed time of the block, microseconds since 1970-01-01 UTC.
    pub(crate) time_us: u64,
    /// Seed of the block.
    pub(crate) block_seed: [u8; 32],
}

/// A call and the SCORE that it names.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) score: String,
    pub(crate) call: CallSpec,
}

/// Name of the only channel.
pub(crate) const CHANNEL: &str = "testnet";

/// Executes the calls of a chain with one SCORE or several.
pub(crate) trait Engine {
    /// How messages call it.
    fn name(&self) -> String;

    /// The manifests of its SCOREs, JSON, by name.
    fn manifests(&self) -> BTreeMap<String, String>;

    /// Runs the calls of a block, each on what the ones before it left. The writes stand in the
    /// receipts, and a call that fails has neither writes nor events.
    fn run_block(&mut self, moment: &Moment, calls: &[Sent], world: &World) -> Vec<CallReceipt>;

    /// Asks.
    fn ask(&mut self, moment: &Moment, question: &Sent, world: &World) -> CallReceipt;

    /// Whether it counts steps.
    fn is_metered(&self) -> bool;

    /// Another engine with the same SCOREs, which knows nothing of this one's calls.
    fn fork(&self) -> Box<dyn Engine>;

    /// The next call runs on a state that does not follow from the calls before.
    fn forget(&mut self);

    /// Its SCOREs, to become those of a chain with several.
    fn into_parts(self: Box<Self>) -> Parts;
}

/// SCOREs by name, in what executes them.
pub(crate) enum Parts {
    InProcess(BTreeMap<String, InProcess>),
    Jailed(BTreeMap<String, Member>),
}

/// Puts what a call of this SCORE wrote into the state, with what it let others write.
pub(crate) fn apply(world: &mut World, score: &str, receipt: &CallReceipt) {
    let mut put = |score: &str, key: &[u8], value: Option<&Vec<u8>>| {
        let state = match world.get_mut(score) {
            Some(state) => state,
            None => world.entry(score.to_owned()).or_default(),
        };
        match value {
            Some(value) => state.insert(key.to_vec(), value.clone()),
            None => state.remove(key),
        };
    };
    for Write { key, value } in &receipt.writes {
        put(score, key, value.as_ref());
    }
    for ((score, key), value) in &receipt.others.writes {
        put(score, key, value.as_ref());
    }
}
