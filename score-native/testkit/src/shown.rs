//! Bytes of the state and of receipts as people read them.
//!
//! In: bytes. Out: text. It deliberately guesses, for a SCORE's manifest does not tell the types of
//! its state: a known account is its name, a printable key a text, eight bytes a number.

use crate::{engine::Entries, people::People};
use score_native::args::Diagnostic;
use score_native_link::{CallReceipt, Event};

/// Length of a number's key.
const NUMBER_BYTES: usize = 8;

/// `balances/alice`
pub(crate) fn key(key: &[u8], people: &People) -> String {
    let split = key.iter().position(|byte| *byte == b'/').map_or(key.len(), |at| at + 1);
    let (field, rest) = key.split_at(split);
    let field = String::from_utf8_lossy(field);
    if let Some(name) = people.name(rest) {
        return format!("{field}{name}");
    }
    match std::str::from_utf8(rest) {
        Ok(text) if text.chars().all(|letter| !letter.is_control()) => format!("{field}{text}"),
        _ => match <[u8; NUMBER_BYTES]>::try_from(rest) {
            Ok(number) => format!("{field}{}", u64::from_be_bytes(number)),
            Err(_) => people.named(format!("{field}h'{}'", hex(rest))),
        },
    }
}

/// The value in CBOR's diagnostic notation; a member of a set has none.
pub(crate) fn value(value: &[u8]) -> String {
    if value.is_empty() { "()".into() } else { Diagnostic::value(value).to_string() }
}

/// The answer, or the message of a call that failed.
pub(crate) fn output(receipt: &CallReceipt) -> String {
    match receipt.code {
        0 => value(&receipt.output),
        _ => String::from_utf8_lossy(&receipt.output).into_owned(),
    }
}

/// `transfer(alice, bob, 30)`
pub(crate) fn event(event: &Event) -> String {
    let name = String::from_utf8_lossy(&event.name);
    format!("{name}{}", Diagnostic::arguments(&event.data))
}

/// The state, a line for each key.
pub(crate) fn state(state: &Entries, people: &People) -> String {
    let lines = state
        .iter()
        .map(|(name, bytes)| format!("{} = {}\n", key(name, people), people.named(value(bytes))));
    lines.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
