//! Events of a block that belong to none of its transactions: a version that became active or was
//! cancelled at its height, a SCORE that was suspended.
//!
//! In: the events. Out: one write under the key `said`, which the state root binds as any other; and
//! the events again from a block's writes. A block without such events leaves the key alone, so that
//! whoever reads the writes of a block finds exactly its own. Deliberately not here: events of
//! transactions, which stand in receipts.

use super::system_name;
use host_types::limits::CHANGES_OPEN_MAX;
use host_types::receipt::Write;
use host_types::{CodecError, Reader, ScoreEvent, Writer};

const SAID: &[u8] = b"said";
/// Events of one block, at most: each change that may be due says at most two things, and as many
/// SCOREs may be suspended.
const EVENTS_MAX: usize = 4 * CHANGES_OPEN_MAX;
/// One event: a name and what a change or a reason may hold, bytes.
const EVENT_BYTES_MAX: usize = 4 * 1024;

/// The write that keeps them; none when there are none.
#[must_use]
pub fn write(events: &[ScoreEvent]) -> Option<Write> {
    let kept = events.get(..events.len().min(EVENTS_MAX)).filter(|kept| !kept.is_empty())?;
    let mut w = Writer::default();
    w.array(kept.len());
    for event in kept {
        w.array(2);
        w.text(&event.name);
        w.bytes(&event.data);
    }
    Some(Write { score: system_name(), key: SAID.to_vec(), value: Some(w.into_bytes()) })
}

/// What a block said, by its writes.
#[must_use]
pub fn of_writes(writes: &[Write]) -> Vec<ScoreEvent> {
    let is_it = |write: &&Write| write.score.is_system() && write.key == SAID;
    let value = writes.iter().find(is_it).and_then(|write| write.value.as_deref());
    value.and_then(|value| read(value).ok()).unwrap_or_default()
}

fn read(value: &[u8]) -> Result<Vec<ScoreEvent>, CodecError> {
    let mut r = Reader::new(value);
    let count = r.array_up_to(EVENTS_MAX)?;
    let mut events = Vec::with_capacity(count);
    for _ in 0..count {
        r.array(2)?;
        let name = r.text(EVENT_BYTES_MAX)?.to_owned();
        let data = r.bytes(EVENT_BYTES_MAX)?.to_vec();
        events.push(ScoreEvent { score: system_name(), name, data });
    }
    r.finish().map(|()| events)
}

#[cfg(test)]
mod tests {
    use super::super::event;
    use super::*;

    #[test]
    fn what_a_block_says_is_found_in_its_writes_and_nothing_is_written_when_it_says_nothing() {
        assert_eq!(write(&[]), None);
        let events = [event("one", |w| w.array(0)), event("two", |w| w.text("x"))];
        let other = Write { score: system_name(), key: b"saidx".to_vec(), value: None };
        let written = write(&events).unwrap();
        assert_eq!(of_writes(&[other.clone(), written]), events);
        assert_eq!(of_writes(&[other]), []);
    }
}
