//! How a batch or a question ended, as the peer sees it.
//!
//! In: what the worker said, checked. Out: [`Outcome`]. A receipt is only ever deterministic;
//! whatever depends on this machine is [`Outcome::NoResult`].

use crate::protocol::{Event, LogLine, RawReceipt, Write};
use std::collections::BTreeMap;

/// Code of a call that ended its worker (a wild write, a forbidden instruction or system call).
/// The worker was started again and ran the others without it.
pub const CRASH: u32 = 0xfffe_00ff;

/// Message of a call that ended its worker.
pub const CRASH_TEXT: &str = "the SCORE crashed";

/// Code of a call for which its block had no steps left: it did nothing, and may be sent again.
pub const BLOCK_STEPS: u32 = 0xfffe_00fe;

/// Message of a call for which its block had no steps left.
pub(crate) const BLOCK_STEPS_TEXT: &str = "the steps of the block are used up; send it again";

/// What one call did. Everything but `logs` is the same on every peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallReceipt {
    /// 0 success; 1 to 0xffff a fault of the author; [`CRASH`]; else a code of the SCORE ABI.
    pub code: u32,
    /// CBOR of the returned value (no bytes for nothing), or the message, UTF-8.
    pub output: Vec<u8>,
    /// Events, in order.
    pub events: Vec<Event>,
    /// Writes, ascending by key.
    pub writes: Vec<Write>,
    /// Steps taken.
    pub steps: u64,
    /// Lines for the operator's log, at most 64.
    pub logs: Vec<LogLine>,
    /// What SCOREs did that were called in it.
    pub others: Others,
}

/// What the SCOREs did that a transaction reached beside its own; nothing unless it succeeded, but
/// for the lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// Their events, in order.
    pub events: Vec<OtherEvent>,
    /// Their writes: the last value of each key, by SCORE and key.
    pub writes: BTreeMap<(String, Vec<u8>), Option<Vec<u8>>>,
    /// Their lines for the operator's log, each with its SCORE, at most 64.
    pub logs: Vec<(String, LogLine)>,
    /// Whose code crashed, when the receipt is a crash and it was not the transaction's own SCORE.
    pub crashed: Option<String>,
}

/// An event of another SCORE than the transaction's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherEvent {
    /// How many of the transaction's own events come before it.
    pub after: u32,
    /// Whose it is.
    pub score: String,
    /// What it told.
    pub event: Event,
}

impl CallReceipt {
    /// The receipt of a call that ended its worker; it costs all its steps.
    #[must_use]
    pub fn crash(steps: u64) -> Self {
        RawReceipt::crash(steps).into()
    }
}

impl RawReceipt {
    /// The receipt of a call that ended its worker; it costs all its steps.
    #[must_use]
    pub fn crash(steps: u64) -> Self {
        Self::stopped((CRASH, CRASH_TEXT), steps)
    }

    /// The receipt of a call for which its block had no steps left, after it took `steps`.
    #[must_use]
    pub fn block_steps(steps: u64) -> Self {
        Self::stopped((BLOCK_STEPS, BLOCK_STEPS_TEXT), steps)
    }

    fn stopped((code, text): (u32, &str), steps: u64) -> Self {
        let (events, writes, logs) = (Vec::new(), Vec::new(), Vec::new());
        Self { code, output: text.into(), events, writes, steps, logs }
    }
}

impl From<RawReceipt> for CallReceipt {
    fn from(raw: RawReceipt) -> Self {
        let RawReceipt { code, output, events, writes, steps, logs } = raw;
        Self { code, output, events, writes, steps, logs, others: Others::default() }
    }
}

/// How a batch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// One receipt for each call, in order.
    Receipts(Vec<CallReceipt>),
    /// This peer has no result, and says nothing about the block.
    NoResult(NoResult),
}

/// Why there is no result. Never part of a receipt: another peer may well have one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoResult {
    /// The deadline passed.
    #[error("the SCORE took longer than this peer waits")]
    Deadline,
    /// The worker does not start.
    #[error("the worker does not start: {0}")]
    Start(String),
    /// The worker ended twice without saying why.
    #[error("the worker ended twice without a cause on record: {0}")]
    Unexplained(String),
    /// The batch does not fit into a frame.
    #[error("the batch does not fit: {0}")]
    TooLong(String),
}
