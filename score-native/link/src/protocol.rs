//! The messages between the peer and one worker, and their frames.
//!
//! In and out: a frame is 4 bytes of length (little-endian), then one CBOR item. The peer trusts
//! nothing that a worker sends: frames are capped before a byte of them is stored, the decoder
//! allocates only what the frame holds, and [`RawReceipt::breach`] says which rule a receipt breaks.
//! It does not read or write sockets.

use crate::limits::{ARENA_BYTES, CALL_EVENT_BYTES_MAX, CALL_WRITE_BYTES_MAX, OUTPUT_BYTES_MAX};
use minicbor::{Decode, Encode};
use score_native_abi::limit;

/// Id of a block.
pub type BlockId = [u8; 32];

/// What a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum CallKind {
    /// First call of a SCORE on its channel.
    #[n(0)]
    Deploy,
    /// A transaction.
    #[n(1)]
    Invoke,
    /// A question; it may not write.
    #[n(2)]
    Query,
    /// First call of a new version on the state of the old one.
    #[n(3)]
    Migrate,
}

impl CallKind {
    /// The number of the SCORE ABI.
    #[must_use]
    pub const fn abi(self) -> u32 {
        match self {
            Self::Deploy => score_native_abi::kind::DEPLOY,
            Self::Invoke => score_native_abi::kind::INVOKE,
            Self::Query => score_native_abi::kind::QUERY,
            Self::Migrate => score_native_abi::kind::MIGRATE,
        }
    }
}

/// One call into the SCORE.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CallSpec {
    /// Id of the transaction; zero in a query.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub tx_hash: [u8; 32],
    /// Position of the transaction in its block.
    #[n(1)]
    pub tx_index: u32,
    /// What is called.
    #[n(2)]
    pub kind: CallKind,
    /// Who signed.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub origin: [u8; 20],
    /// Who calls: the signer, or a SCORE.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub caller: [u8; 20],
    /// Role in the signer's certificate; 0 when there is none.
    #[n(5)]
    pub role: u32,
    /// Organisation in the signer's certificate; empty when there is none.
    #[n(6)]
    pub organisation: String,
    /// Name of the method.
    #[n(7)]
    pub method: String,
    /// CBOR array of the arguments.
    #[cbor(n(8), with = "minicbor::bytes")]
    pub args: Vec<u8>,
    /// Steps the call may take.
    #[n(9)]
    pub steps: u64,
}

/// What a transaction may use, all SCOREs that it reaches together; the arena is that of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CallLimits {
    /// Bytes of a SCORE's memory in one call.
    #[n(0)]
    pub arena_bytes: u32,
    /// Bytes of a call's output.
    #[n(1)]
    pub output_bytes: u32,
    /// Events.
    #[n(2)]
    pub events: u32,
    /// Bytes of all events, names included.
    #[n(3)]
    pub event_bytes: u32,
    /// Bytes of all keys and values written.
    #[n(4)]
    pub write_bytes: u32,
    /// Bytes of one value.
    #[n(5)]
    pub value_bytes: u32,
}

impl CallLimits {
    /// The most that a channel may allow.
    pub const MOST: Self = Self {
        arena_bytes: ARENA_BYTES as u32,
        output_bytes: OUTPUT_BYTES_MAX as u32,
        events: limit::EVENTS as u32,
        event_bytes: CALL_EVENT_BYTES_MAX as u32,
        write_bytes: CALL_WRITE_BYTES_MAX as u32,
        value_bytes: limit::VALUE_BYTES as u32,
    };

    /// What is left of them.
    #[must_use]
    pub const fn less(self, spent: Spent) -> Self {
        Self {
            events: self.events.saturating_sub(spent.events),
            event_bytes: self.event_bytes.saturating_sub(spent.event_bytes),
            write_bytes: self.write_bytes.saturating_sub(spent.write_bytes),
            ..self
        }
    }
}

impl Default for CallLimits {
    fn default() -> Self {
        Self::MOST
    }
}

/// What a transaction has used of its [`CallLimits`] so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Spent {
    /// Events.
    #[n(0)]
    pub events: u32,
    /// Bytes of all events, names included.
    #[n(1)]
    pub event_bytes: u32,
    /// Bytes of all keys and values written.
    #[n(2)]
    pub write_bytes: u32,
}

impl Spent {
    /// Of each the greater.
    #[must_use]
    pub fn or_more(self, other: Self) -> Self {
        Self {
            events: self.events.max(other.events),
            event_bytes: self.event_bytes.max(other.event_bytes),
            write_bytes: self.write_bytes.max(other.write_bytes),
        }
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, more: Self) -> Self {
        Self {
            events: self.events.saturating_add(more.events),
            event_bytes: self.event_bytes.saturating_add(more.event_bytes),
            write_bytes: self.write_bytes.saturating_add(more.write_bytes),
        }
    }
}

/// A call that a SCORE makes to another one, in the middle of its own.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CallAsk {
    /// Name of the other SCORE, at most `limit::CALL_NAME_BYTES`.
    #[n(0)]
    pub score: String,
    /// Name of the method, at most `limit::CALL_NAME_BYTES`.
    #[n(1)]
    pub method: String,
    /// CBOR array of the arguments, at most `limit::CALL_ARGS_BYTES`.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub args: Vec<u8>,
    /// Steps that the caller has left: the callee may take them all.
    #[n(3)]
    pub steps: u64,
    /// What the caller has used so far, with what its callees kept.
    #[n(4)]
    pub spent: Spent,
}

impl CallAsk {
    /// Whether its parts have the lengths that an honest worker lets through.
    #[must_use]
    pub const fn is_bounded(&self) -> bool {
        self.score.len() <= limit::CALL_NAME_BYTES
            && self.method.len() <= limit::CALL_NAME_BYTES
            && self.args.len() <= limit::CALL_ARGS_BYTES
    }
}

/// What the other SCORE answered.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CallAnswer {
    /// As [`RawReceipt::code`], or a code of the SCORE ABI's `refusal`.
    #[n(0)]
    pub code: u32,
    /// As [`RawReceipt::output`].
    #[cbor(n(1), with = "minicbor::bytes")]
    pub output: Vec<u8>,
    /// Steps that the call took, with those of all it called itself.
    #[n(2)]
    pub steps: u64,
    /// What it used of the transaction's limits; nothing unless the code is 0.
    #[n(3)]
    pub spent: Spent,
}

impl CallAnswer {
    /// The callee was not reached.
    #[must_use]
    pub fn refused(code: u32, text: impl Into<String>) -> Self {
        Self { code, output: text.into().into_bytes(), steps: 0, spent: Spent::default() }
    }
}

/// Consecutive transactions of one SCORE in one block.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Batch {
    /// The block that is executed.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub block: BlockId,
    /// Nearest ancestor in which this SCORE ran (any id when there is none: state is then asked for
    /// anew).
    #[cbor(n(1), with = "minicbor::bytes")]
    pub parent: BlockId,
    /// 0 for the first batch of this SCORE in this block, then 1, 2, …; batch 0 begins the block
    /// anew, a later one goes on where the one before it ended.
    #[n(2)]
    pub part: u32,
    /// Height of the block.
    #[n(3)]
    pub height: u64,
    /// Agreed time of the block, microseconds since 1970-01-01 UTC.
    #[n(4)]
    pub time_us: u64,
    /// Public seed of the block.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub block_seed: [u8; 32],
    /// Name of the channel.
    #[n(6)]
    pub channel: String,
    /// The calls, in block order.
    #[n(7)]
    pub calls: Vec<CallSpec>,
    /// Forget everything remembered of the state first (after a switch of version, after a sync).
    #[n(8)]
    pub fresh: bool,
    /// Steps that all calls may take together; what comes after they are used up gets the receipt
    /// [`crate::BLOCK_STEPS`].
    #[n(9)]
    pub steps: u64,
    /// What each call may use.
    #[n(10)]
    pub limits: CallLimits,
}

/// A batch and what happened on earlier attempts.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Exec {
    /// What to run.
    #[n(0)]
    pub batch: Batch,
    /// Positions in `batch.calls` that ended the worker before: they get the receipt `crash`.
    #[n(1)]
    pub skip: Vec<u32>,
    /// Set when another SCORE calls: what the running transaction has written to this one so far,
    /// ascending by key. The call reads it over the state, and what it writes itself is not kept
    /// here either: it comes back with [`Order::Apply`] when the transaction has succeeded.
    #[n(2)]
    pub over: Option<Vec<Write>>,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Query {
    /// Names the state that is asked (the head's id): another name empties what the worker
    /// remembers.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub snapshot: BlockId,
    /// Height of that state.
    #[n(1)]
    pub height: u64,
    /// Time of that block, microseconds since 1970-01-01 UTC.
    #[n(2)]
    pub time_us: u64,
    /// Public seed of that block.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub block_seed: [u8; 32],
    /// Name of the channel.
    #[n(4)]
    pub channel: String,
    /// The question.
    #[n(5)]
    pub call: CallSpec,
    /// What it may use.
    #[n(6)]
    pub limits: CallLimits,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// Key within the SCORE's namespace.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub key: Vec<u8>,
    /// Its value.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub value: Vec<u8>,
}

/// A key and what it becomes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Write {
    /// Key within the SCORE's namespace.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub key: Vec<u8>,
    /// The new value; none removes the key.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub value: Option<Vec<u8>>,
}

/// What a SCORE told the world.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Event {
    /// Name of the event's type.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub name: Vec<u8>,
    /// CBOR array of its fields.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub data: Vec<u8>,
}

/// A line for the operator; not part of a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LogLine {
    /// A value of `score_native_abi::level`.
    #[n(0)]
    pub level: u32,
    /// The text.
    #[n(1)]
    pub text: String,
}

/// What one call did, as the worker says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RawReceipt {
    /// 0, a fault of the author, or a code of the SCORE ABI's `trap` and `refusal`.
    #[n(0)]
    pub code: u32,
    /// CBOR of the returned value, or the message.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub output: Vec<u8>,
    /// Events, in order; none unless the code is 0.
    #[n(2)]
    pub events: Vec<Event>,
    /// Writes, ascending by key; none unless the code is 0.
    #[n(3)]
    pub writes: Vec<Write>,
    /// Steps taken.
    #[n(4)]
    pub steps: u64,
    /// Lines for the operator.
    #[n(5)]
    pub logs: Vec<LogLine>,
}

impl RawReceipt {
    /// The first rule this receipt breaks; none in an honest worker.
    #[must_use]
    pub fn breach(&self, may_write: bool, limits: &CallLimits) -> Option<&'static str> {
        let event_bytes = event_bytes(&self.events);
        let write_bytes = write_bytes(&self.writes);
        let at_most = |bytes: usize, most: u32| bytes <= most as usize;
        let key_is_good = |w: &Write| (1..=limit::KEY_BYTES).contains(&w.key.len());
        let value_is_good =
            |w: &Write| w.value.as_ref().is_none_or(|v| at_most(v.len(), limits.value_bytes));
        let effects = !self.writes.is_empty() || !self.events.is_empty();
        let rules = [
            // Texts of traps may be longer than a channel's least output.
            (self.output.len() > OUTPUT_BYTES_MAX, "its output is too long"),
            (effects && (self.code != 0 || !may_write), "it has effects without a right to them"),
            (!at_most(self.events.len(), limits.events), "it has too many events"),
            (!at_most(event_bytes, limits.event_bytes), "its events are too long"),
            (!at_most(write_bytes, limits.write_bytes), "its writes are too long"),
            (!self.writes.iter().all(key_is_good), "a key has a wrong length"),
            (!self.writes.iter().all(value_is_good), "a value is too long"),
            (!self.writes.is_sorted_by(|a, b| a.key < b.key), "its writes are not in order"),
            (self.logs.len() > limit::LOG_LINES, "it has too many log lines"),
        ];
        rules.iter().find(|(broken, _)| *broken).map(|(_, rule)| *rule)
    }
}

/// Bytes of events, names included.
pub(crate) fn event_bytes(events: &[Event]) -> usize {
    events.iter().map(|e| e.name.len() + e.data.len()).sum()
}

/// Bytes of keys and values.
pub(crate) fn write_bytes(writes: &[Write]) -> usize {
    writes.iter().map(|w| w.key.len() + w.value.as_ref().map_or(0, Vec::len)).sum()
}

/// Which layers of the sandbox are on in a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct SandboxReport {
    /// The layers that are on, in the order they were laid.
    #[n(0)]
    pub on: Vec<String>,
    /// The layers that this machine does not give, with the reason.
    #[n(1)]
    pub missing: Vec<String>,
}

/// From the peer to its worker.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Order {
    /// Run a batch; answered by any number of `Get`, `Scan`, `Call` and `Part`, then `Done` or `NeedState`.
    #[n(0)]
    Exec(#[n(0)] Exec),
    /// Answer a question; answered like `Exec`.
    #[n(1)]
    Query(#[n(0)] Query),
    /// The answer to `Get`.
    #[n(2)]
    Value {
        /// The value, if the key exists.
        #[cbor(n(0), with = "minicbor::bytes")]
        value: Option<Vec<u8>>,
    },
    /// The answer to `Scan`.
    #[n(3)]
    Page {
        /// Entries, ascending by key.
        #[n(0)]
        entries: Vec<Entry>,
        /// Nothing comes after them.
        #[n(1)]
        complete: bool,
    },
    /// The block is final: its changes become the state; no answer.
    #[n(4)]
    Final {
        /// Which block.
        #[cbor(n(0), with = "minicbor::bytes")]
        block: BlockId,
    },
    /// The block will never be final: drop its changes; no answer.
    #[n(5)]
    Forget {
        /// Which block.
        #[cbor(n(0), with = "minicbor::bytes")]
        block: BlockId,
    },
    /// The answer to `Call`.
    #[n(6)]
    Answer(#[n(0)] CallAnswer),
    /// The answer to `Call` when the whole transaction ends with it: a SCORE crashed in it.
    #[n(7)]
    Stop {
        /// What the transaction ends with.
        #[n(0)]
        code: u32,
        /// Says which SCORE it was.
        #[n(1)]
        text: String,
    },
    /// A transaction has succeeded in which other SCOREs wrote to this one; no answer. Counts as a
    /// batch; one that does not follow on the last one is passed over, and the next batch finds out.
    #[n(8)]
    Apply {
        /// In which block.
        #[cbor(n(0), with = "minicbor::bytes")]
        block: BlockId,
        /// As [`Batch::part`].
        #[n(1)]
        part: u32,
        /// What it wrote, ascending by key.
        #[n(2)]
        writes: Vec<Write>,
    },
}

/// From a worker to its peer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Report {
    /// The SCORE is loaded and the sandbox closed.
    #[n(0)]
    Ready(#[n(0)] SandboxReport),
    /// The SCORE does not run here; the worker ends.
    #[n(1)]
    Refused {
        /// Why, and what to do.
        #[n(0)]
        why: String,
    },
    /// The value of a key before this batch.
    #[n(2)]
    Get {
        /// Which key.
        #[cbor(n(0), with = "minicbor::bytes")]
        key: Vec<u8>,
    },
    /// The entries after a key before this batch.
    #[n(3)]
    Scan {
        /// Keys start with this.
        #[cbor(n(0), with = "minicbor::bytes")]
        prefix: Vec<u8>,
        /// And are greater than this; empty: from the beginning.
        #[cbor(n(1), with = "minicbor::bytes")]
        after: Vec<u8>,
        /// At most so many.
        #[n(2)]
        limit: u32,
    },
    /// Receipts of the next calls; more follow.
    #[n(4)]
    Part(#[n(0)] Vec<RawReceipt>),
    /// Receipts of the last calls.
    #[n(5)]
    Done(#[n(0)] Vec<RawReceipt>),
    /// The batch's parent is not known here: send it again with `fresh`.
    #[n(6)]
    NeedState,
    /// The running call calls another SCORE; answered by `Answer` or `Stop`. All receipts of calls
    /// before it have been sent.
    #[n(7)]
    Call(#[n(0)] CallAsk),
}

/// A message that could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The frame is longer than its sender may send.
    #[error("a frame of {bytes} bytes, at most {max} are allowed")]
    TooLong {
        /// Length of the frame.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
    /// The frame holds something else.
    #[error("a frame that is no message: {0}")]
    NotAMessage(String),
}

/// Bytes that a frame gets at once: a call, its receipt or a value fit without growing.
const SHORT_FRAME_BYTES: usize = 512;

/// Makes the frame of a message, length included.
///
/// # Errors
/// When the message is longer than `max` bytes.
pub fn encode_frame<T: Encode<()>>(message: &T, max: usize) -> Result<Vec<u8>, FrameError> {
    let mut frame = Vec::with_capacity(SHORT_FRAME_BYTES);
    frame.extend([0; 4]);
    if let Err(error) = minicbor::encode(message, &mut frame) {
        return Err(FrameError::NotAMessage(error.to_string()));
    }
    let bytes = frame.len() - 4;
    let length = u32::try_from(bytes).ok().filter(|_| bytes <= max);
    let Some(length) = length else { return Err(FrameError::TooLong { bytes, max }) };
    frame[..4].copy_from_slice(&length.to_le_bytes());
    Ok(frame)
}

/// Length of the frame whose first 4 bytes are `head`.
///
/// # Errors
/// When it is longer than `max` bytes.
pub const fn frame_len(head: [u8; 4], max: usize) -> Result<usize, FrameError> {
    let bytes = u32::from_le_bytes(head) as usize;
    if bytes > max { Err(FrameError::TooLong { bytes, max }) } else { Ok(bytes) }
}

/// Reads a message from the body of a frame; bytes after the message are an error.
///
/// # Errors
/// When the body is anything but one message.
pub fn decode_body<T: for<'b> Decode<'b, ()>>(body: &[u8]) -> Result<T, FrameError> {
    let mut decoder = minicbor::Decoder::new(body);
    let message = decoder.decode().map_err(|error| FrameError::NotAMessage(error.to_string()))?;
    if decoder.position() == body.len() {
        Ok(message)
    } else {
        Err(FrameError::NotAMessage(format!("{} bytes follow it", body.len() - decoder.position())))
    }
}
