//! What one transaction did: status, output, events, writes, steps.
//!
//! ```text
//! receipt = [ status, code, output: bytes, events root: bytes 32, writes digest: bytes 32, steps ]
//! ```
//! Only deterministic outcomes are in a receipt. Events and writes themselves are stored beside it.

use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use crate::hash::{Domain, Hash32};
use crate::ids::ScoreName;
use crate::limits::{OUTPUT_BYTES_MAX, STATE_KEY_BYTES_MAX, STATE_VALUE_BYTES_MAX, TEXT_BYTES_MAX};
use crate::merkle;

/// Room for what is encoded only to be hashed.
const SCRATCH_BYTES: usize = 256;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It did what it was asked to do.
    Ok,
    /// The SCORE answered with one of its faults; nothing was written.
    Fault,
    /// The call was stopped: panic, steps, memory, stack, write in a query.
    Trap,
    /// There was nothing to call: no such SCORE or method, arguments of another type, not allowed.
    Refused,
    /// The SCORE's process died in it.
    Crash,
}

impl Status {
    /// Every way, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Ok, Self::Fault, Self::Trap, Self::Refused, Self::Crash];

    /// The word shown to people and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Fault => "fault",
            Self::Trap => "trap",
            Self::Refused => "refused",
            Self::Crash => "crash",
        }
    }
}

impl Encode for Status {
    fn encode(&self, w: &mut Writer) {
        w.uint(Self::ALL.iter().position(|s| s == self).unwrap_or_default() as u64);
    }
}

impl Decode<'_> for Status {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let error = r.error(CodecErrorKind::OutOfRange);
        Self::ALL.get(r.uint_as::<usize>()?).copied().ok_or(error)
    }
}

/// The receipt of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// How it ended.
    pub status: Status,
    /// 0, the number of a fault, or a trap code of the SCORE ABI; for `Refused` an `LC` number.
    pub code: u32,
    /// What the method returned (canonical encoding), or the message of the fault.
    pub output: Vec<u8>,
    /// Merkle root of its events.
    pub events_root: Hash32,
    /// Hash of its sorted writes.
    pub writes_digest: Hash32,
    /// Basic blocks it ran.
    pub steps: u64,
}

impl Receipt {
    /// A receipt over its events and sorted writes.
    #[must_use]
    pub fn new(
        (status, code): (Status, u32),
        output: Vec<u8>,
        events: &[ScoreEvent],
        writes: &[Write],
        steps: u64,
    ) -> Self {
        // Most events and lists of writes fit: all of a receipt asks for memory once.
        let mut scratch = Writer::with_capacity(SCRATCH_BYTES);
        Self {
            status,
            code,
            output,
            events_root: merkle::root_of_values(Domain::EventRoot, events, &mut scratch),
            writes_digest: Write::digest_in(&mut scratch, writes),
            steps,
        }
    }

    /// The SCORE whose process died, when it is not the one that the transaction names but one that
    /// was called in it.
    #[must_use]
    pub fn crashed_callee(&self) -> Option<ScoreName> {
        if self.status != Status::Crash {
            return None;
        }
        let text = std::str::from_utf8(&self.output).ok()?;
        ScoreName::new(text.strip_prefix("the SCORE `")?.strip_suffix("` crashed")?)
    }
}

impl Encode for Receipt {
    fn encode(&self, w: &mut Writer) {
        w.array(6);
        self.status.encode(w);
        w.uint(u64::from(self.code));
        w.bytes(&self.output);
        self.events_root.encode(w);
        self.writes_digest.encode(w);
        w.uint(self.steps);
    }
}

impl Decode<'_> for Receipt {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(6)?;
        Ok(Self {
            status: Status::decode(r)?,
            code: r.uint_as()?,
            output: r.bytes(OUTPUT_BYTES_MAX)?.to_vec(),
            events_root: Hash32::decode(r)?,
            writes_digest: Hash32::decode(r)?,
            steps: r.uint()?,
        })
    }
}

/// Something a SCORE announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScoreEvent {
    /// Who announced it.
    pub score: ScoreName,
    /// Name of the event.
    pub name: String,
    /// Canonical encoding of its fields.
    pub data: Vec<u8>,
}

impl Encode for ScoreEvent {
    fn encode(&self, w: &mut Writer) {
        w.array(3);
        self.score.encode(w);
        w.text(&self.name);
        w.bytes(&self.data);
    }
}

impl Decode<'_> for ScoreEvent {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(3)?;
        Ok(Self {
            score: ScoreName::decode(r)?,
            name: r.text(TEXT_BYTES_MAX)?.to_owned(),
            data: r.bytes(crate::limits::EVENTS_BYTES_MAX)?.to_vec(),
        })
    }
}

/// One key of a SCORE's state and what became of it; `None` deletes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Write {
    /// Whose state.
    pub score: ScoreName,
    /// The key inside it.
    pub key: Vec<u8>,
    /// The new value.
    pub value: Option<Vec<u8>>,
}

impl Write {
    /// Hash of writes that are sorted by (score, key), each key once.
    #[must_use]
    pub fn digest(sorted: &[Self]) -> Hash32 {
        Self::digest_in(&mut Writer::with_capacity(SCRATCH_BYTES), sorted)
    }

    fn digest_in(scratch: &mut Writer, sorted: &[Self]) -> Hash32 {
        scratch.clear();
        scratch.list(sorted);
        Domain::Writes.hash(&[scratch.as_bytes()])
    }
}

impl Encode for Write {
    fn encode(&self, w: &mut Writer) {
        w.array(3);
        self.score.encode(w);
        w.bytes(&self.key);
        match &self.value {
            Some(value) => w.bytes(value),
            None => w.null(),
        }
    }
}

impl Decode<'_> for Write {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(3)?;
        let score = ScoreName::decode(r)?;
        let key = r.bytes(STATE_KEY_BYTES_MAX)?.to_vec();
        let value = if r.is_null() { None } else { Some(r.bytes(STATE_VALUE_BYTES_MAX)?.to_vec()) };
        Ok(Self { score, key, value })
    }
}
