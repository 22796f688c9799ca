//! The fluentd forward protocol, version 1: what Docker's `fluentd` driver and Fluent Bit speak.
//!
//! In: bytes of a connection. Out: [`Record`]s, and the acknowledgement that a `chunk` asks for. The
//! three modes are message `[tag, time, record, option]`, forward `[tag, [[time, record], …],
//! option]` and packed forward, whose entries are one byte string of msgpack. Deliberately not here:
//! gzip (`compressed`) and the handshake with a shared key; both are refused. A sender that misses
//! its acknowledgement sends again, so events of this protocol come at least once.

use crate::limits::{FORWARD_EVENTS_MAX, TAG_BYTES_MAX};
use crate::moment;
use crate::msgpack::{Pack, PackError, decode};
use crate::record::Record;

/// What one message brought.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its events.
    pub records: Vec<Record>,
    /// What to answer once they are kept.
    pub acknowledgement: Option<Vec<u8>>,
}

/// Reads one message; gives it and how many bytes it took.
///
/// # Errors
/// [`PackError::Short`] when more bytes may make one.
pub fn read(bytes: &[u8]) -> Result<(Message, usize), PackError> {
    let (pack, taken) = decode(bytes)?;
    Ok((message(&pack)?, taken))
}

fn message(pack: &Pack) -> Result<Message, PackError> {
    let Pack::Array(fields) = pack else { return Err(PackError::Wrong("a message is an array")) };
    let tag = fields.first().and_then(Pack::text).ok_or(PackError::Wrong("its tag is no text"))?;
    let tag: String = tag.chars().take(TAG_BYTES_MAX).collect();
    let (records, option) = match fields.get(1) {
        Some(Pack::Array(entries)) => {
            let records: Result<_, _> = entries.iter().map(|entry| of_entry(&tag, entry)).collect();
            (records?, fields.get(2))
        }
        Some(Pack::Text(bytes) | Pack::Bytes(bytes)) => {
            let option = fields.get(2);
            let compressed = option.and_then(|option| option.get("compressed")?.text());
            if compressed.is_some_and(|how| how != "text") {
                return Err(PackError::Wrong("compressed events are not taken: send them plain"));
            }
            (of_packed(&tag, bytes)?, option)
        }
        Some(time) => {
            let record = fields.get(2).ok_or(PackError::Wrong("it has no record"))?;
            (vec![of_event(&tag, time, record)?], fields.get(3))
        }
        None => return Err(PackError::Wrong("it has no events")),
    };
    let chunk = option.and_then(|option| option.get("chunk")).and_then(Pack::text);
    Ok(Message { records, acknowledgement: chunk.map(|chunk| acknowledgement(&chunk)) })
}

fn of_packed(tag: &str, mut bytes: &[u8]) -> Result<Vec<Record>, PackError> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        if records.len() >= FORWARD_EVENTS_MAX {
            return Err(PackError::Wrong("it has too many events"));
        }
        let entry = decode(bytes).map_err(|_| PackError::Wrong("a packed event is cut"));
        let (entry, taken) = entry?;
        records.push(of_entry(tag, &entry)?);
        bytes = bytes.get(taken..).unwrap_or_default();
    }
    Ok(records)
}

fn of_entry(tag: &str, entry: &Pack) -> Result<Record, PackError> {
    match entry {
        Pack::Array(fields) => match fields.as_slice() {
            [time, record, ..] => of_event(tag, time, record),
            _ => Err(PackError::Wrong("an event has two parts")),
        },
        _ => Err(PackError::Wrong("an event is a time and a record")),
    }
}

fn of_event(tag: &str, time: &Pack, record: &Pack) -> Result<Record, PackError> {
    // Fluent Bit 2 and later put metadata beside the time: [[time, metadata], record].
    let time = match time {
        Pack::Array(fields) => fields.first().ok_or(PackError::Wrong("its time is empty"))?,
        time => time,
    };
    let time_us = match time {
        Pack::Unsigned(seconds) => seconds.saturating_mul(1_000_000),
        Pack::Ext(0, bytes) if bytes.len() == 8 => event_time(bytes),
        Pack::Float(seconds) if *seconds >= 0.0 => (seconds * 1e6) as u64,
        Pack::Nil | Pack::Signed(_) => moment::now_us(),
        _ => return Err(PackError::Wrong("its time is none")),
    };
    if !matches!(record, Pack::Map(_)) {
        return Err(PackError::Wrong("its record is no map"));
    }
    Ok(Record::of_event(tag, time_us, record.json()))
}

/// `EventTime`: seconds and nanoseconds, 4 bytes each.
fn event_time(bytes: &[u8]) -> u64 {
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
    let (seconds, nanos) = bytes.split_at(4);
    number(seconds) * 1_000_000 + number(nanos) / 1_000
}

/// `{"ack": chunk}`
fn acknowledgement(chunk: &str) -> Vec<u8> {
    let mut bytes = b"\x81\xa3ack\xdb".to_vec();
    bytes.extend(u32::try_from(chunk.len()).unwrap_or_default().to_be_bytes());
    bytes.extend(chunk.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// `{"log": "hi"}`
    const HI: &[u8] = b"\x81\xa3log\xa2hi";

    fn joined(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn message_mode_with_both_forms_of_time() {
        let bytes = joined(&[b"\x93\xa6docker\xce\x00\x00\x00\x05", HI]);
        let (message, taken) = read(&bytes).unwrap();
        assert_eq!((taken, message.acknowledgement), (bytes.len(), None));
        let [record] = &message.records[..] else { panic!("{:?}", message.records) };
        assert_eq!((record.source.as_str(), record.time_us), ("fluentd:docker", 5_000_000));
        assert_eq!(record.line, json!({"log": "hi"}));
        let fine = joined(&[b"\x93\xa1t\xd7\x00\x00\x00\x00\x05\x00\x01\x86\xa0", HI]);
        assert_eq!(read(&fine).unwrap().0.records[0].time_us, 5_000_100);
    }

    #[test]
    fn forward_mode_with_metadata_as_newer_fluent_bits_send_it() {
        let entry = joined(&[b"\x92\x92\xd7\x00\x00\x00\x00\x05\x00\x00\x00\x00\x80", HI]);
        let bytes = joined(&[b"\x93\xa1t\x92", &entry, &entry, b"\x81\xa4size\x02"]);
        let (message, _) = read(&bytes).unwrap();
        assert_eq!((message.records.len(), message.acknowledgement), (2, None));
    }

    #[test]
    fn packed_forward_mode_is_acknowledged_by_its_chunk() {
        let entry = joined(&[b"\x92\x05", HI]);
        let length = u8::try_from(2 * entry.len()).unwrap();
        let option = b"\x82\xa4size\x02\xa5chunk\xa3YWI";
        let bytes = joined(&[b"\x93\xa1t\xc4", &[length], &entry, &entry, option]);
        let (message, _) = read(&bytes).unwrap();
        assert_eq!(message.records.len(), 2);
        let answer = decode(&message.acknowledgement.unwrap()).unwrap().0;
        assert_eq!(answer.json(), json!({"ack": "YWI"}));
    }

    #[test]
    fn what_is_no_message_is_refused_and_what_is_cut_is_waited_for() {
        let whole = joined(&[b"\x93\xa1t\x05", HI]);
        for end in 0..whole.len() {
            assert!(matches!(read(&whole[..end]), Err(PackError::Short(_))), "{end}");
        }
        for wrong in [
            &b"\x01"[..],
            b"\x90",
            b"\x91\xa1t",
            b"\x93\x01\x05\x80",
            b"\x93\xa1t\x05\x05",
            b"\x92\xa1t\x91\x05",
            b"\x92\xa1t\xc4\x01\x92",
            b"\x93\xa1t\xc4\x00\x81\xaacompressed\xa4gzip",
        ] {
            assert!(matches!(read(wrong), Err(PackError::Wrong(_))), "{wrong:02x?}");
        }
    }
}
