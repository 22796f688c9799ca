//! The seam between the chain in memory and whatever executes a call.

use score_native_link::{CallReceipt, CallSpec, Write};
use std::collections::BTreeMap;

/// The state of the SCORE: all its keys in order.
pub type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// When and where a call runs; the same on each engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Height of the block.
    pub height: u64,
    /// Agreed time of the block, microseconds since 1970-01-01 UTC.
    pub time_us: u64,
    /// Seed of the block.
    pub block_seed: [u8; 32],
}

/// Name of the only channel.
pub(crate) const CHANNEL: &str = "testnet";

/// Executes calls of one SCORE.
pub trait Engine {
    /// How messages call it.
    fn name(&self) -> String;

    /// The SCORE's manifest, JSON.
    fn manifest(&self) -> String;

    /// Runs one call on this state. Nothing is applied here: the writes stand in the receipt, and a
    /// call that fails or asks has neither writes nor events.
    fn run(&mut self, moment: &Moment, call: &CallSpec, state: &Entries) -> CallReceipt;

    /// Runs the calls of a block, each on what the ones before it left.
    fn run_block(
        &mut self,
        moment: &Moment,
        calls: &[CallSpec],
        state: &Entries,
    ) -> Vec<CallReceipt> {
        let mut state = state.clone();
        let mut receipts = Vec::with_capacity(calls.len());
        for call in calls {
            let receipt = self.run(moment, call, &state);
            apply(&mut state, &receipt.writes);
            receipts.push(receipt);
        }
        receipts
    }

    /// Whether it counts steps.
    fn is_metered(&self) -> bool {
        true
    }

    /// Another engine on the same SCORE, which knows nothing of this one's calls.
    fn fork(&self) -> Box<dyn Engine>;

    /// The next call runs on a state that does not follow from the calls before.
    fn forget(&mut self) {}
}

/// Puts the writes into the state.
pub(crate) fn apply(state: &mut Entries, writes: &[Write]) {
    for Write { key, value } in writes {
        match value {
            Some(value) => state.insert(key.clone(), value.clone()),
            None => state.remove(key),
        };
    }
}
