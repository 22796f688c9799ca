//! The seam between the chain in memory and whatever executes a call.

use score_native_link::{CallReceipt, CallSpec};
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
}
