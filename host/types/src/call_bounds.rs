//! What one transaction may use beside its steps, as the members of a channel agreed at its genesis.
//!
//! In and out: seven numbers. Each is at most the ceiling in `limits`, which is also its default. Keys
//! of the state have one length for all channels: 256 bytes, a part of the SCORE ABI.

use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use crate::limits;

/// See the head of this file. What SCOREs that call each other use counts together, but for arena,
/// stack, output and the size of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallBounds {
    /// Memory of a SCORE in one call, bytes.
    pub arena_bytes: u32,
    /// Stack of a SCORE in one call, bytes.
    pub stack_bytes: u32,
    /// Output of a call, bytes.
    pub output_bytes: u32,
    /// Events.
    pub events: u32,
    /// All events with their names, bytes.
    pub event_bytes: u32,
    /// One value of the state, bytes.
    pub value_bytes: u32,
    /// All keys and values written, bytes.
    pub write_bytes: u32,
}

impl Default for CallBounds {
    fn default() -> Self {
        Self {
            arena_bytes: limits::CALL_ARENA_BYTES_MAX,
            stack_bytes: limits::CALL_STACK_BYTES_MAX,
            output_bytes: limits::CALL_OUTPUT_BYTES_MAX,
            events: limits::CALL_EVENTS_MAX,
            event_bytes: limits::CALL_EVENT_BYTES_MAX,
            value_bytes: limits::CALL_VALUE_BYTES_MAX,
            write_bytes: limits::CALL_WRITE_BYTES_MAX,
        }
    }
}

impl CallBounds {
    /// Each by its name in `channels.toml`, with the least and the most that it may be.
    #[must_use]
    pub fn ranges(&self) -> [(&'static str, u32, std::ops::RangeInclusive<u32>); 7] {
        let most = Self::default();
        [
            ("arena", self.arena_bytes, limits::CALL_MEMORY_BYTES_MIN..=most.arena_bytes),
            ("stack", self.stack_bytes, limits::CALL_MEMORY_BYTES_MIN..=most.stack_bytes),
            ("output", self.output_bytes, limits::CALL_BYTES_MIN..=most.output_bytes),
            ("events", self.events, 1..=most.events),
            ("event_bytes", self.event_bytes, limits::CALL_BYTES_MIN..=most.event_bytes),
            ("value", self.value_bytes, limits::CALL_BYTES_MIN..=most.value_bytes),
            ("write_bytes", self.write_bytes, limits::CALL_BYTES_MIN..=most.write_bytes),
        ]
    }
}

impl Encode for CallBounds {
    fn encode(&self, w: &mut Writer) {
        let values = self.ranges();
        w.array(values.len());
        for (_, value, _) in values {
            w.uint(u64::from(value));
        }
    }
}

impl Decode<'_> for CallBounds {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let wrong = r.error(CodecErrorKind::OutOfRange);
        r.array(7)?;
        let bounds = Self {
            arena_bytes: r.uint_as()?,
            stack_bytes: r.uint_as()?,
            output_bytes: r.uint_as()?,
            events: r.uint_as()?,
            event_bytes: r.uint_as()?,
            value_bytes: r.uint_as()?,
            write_bytes: r.uint_as()?,
        };
        let fits = bounds.ranges().into_iter().all(|(_, value, range)| range.contains(&value));
        if fits { Ok(bounds) } else { Err(wrong) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_outside_their_range_are_refused() {
        let good = CallBounds::default();
        assert_eq!(CallBounds::from_bytes(&good.to_bytes()), Ok(good));
        let least = CallBounds { stack_bytes: limits::CALL_MEMORY_BYTES_MIN, events: 1, ..good };
        assert_eq!(CallBounds::from_bytes(&least.to_bytes()), Ok(least));
        for wrong in [
            CallBounds { stack_bytes: least.stack_bytes - 1, ..good },
            CallBounds { arena_bytes: good.arena_bytes + 1, ..good },
            CallBounds { events: 0, ..good },
            CallBounds { write_bytes: limits::CALL_BYTES_MIN - 1, ..good },
        ] {
            assert!(CallBounds::from_bytes(&wrong.to_bytes()).is_err(), "{wrong:?}");
        }
    }
}
