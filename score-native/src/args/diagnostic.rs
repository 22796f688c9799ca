//! Values as people read them: the diagnostic notation of CBOR (RFC 8949, 8), for messages of tests.
//!
//! In: bytes. Out: text such as `[1, "text", h'00ff', null]`; bytes that are no value are hex. It
//! deliberately knows no types, so an address is a byte string.

use super::{Reader, major};
use core::fmt;

/// Deepest nesting that is shown; what lies deeper is shown as hex.
const DEPTH_MAX: usize = 16;

/// Bytes to be shown.
#[derive(Clone, Copy)]
pub struct Diagnostic<'a> {
    bytes: &'a [u8],
    is_call: bool,
}

impl<'a> Diagnostic<'a> {
    /// One value.
    #[must_use]
    pub const fn value(bytes: &'a [u8]) -> Self {
        Self { bytes, is_call: false }
    }

    /// The arguments of a call, in parentheses.
    #[must_use]
    pub const fn arguments(bytes: &'a [u8]) -> Self {
        Self { bytes, is_call: true }
    }
}

impl fmt::Debug for Diagnostic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Diagnostic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reader = Reader::new(self.bytes);
        if !is_value(&mut reader.clone(), DEPTH_MAX, self.is_call) {
            let hex = Hex(self.bytes);
            return if self.is_call { write!(f, "({hex})") } else { write!(f, "{hex}") };
        }
        if !self.is_call {
            return write_value(f, &mut reader);
        }
        let items = reader.array().unwrap_or_default();
        f.write_str("(")?;
        write_items(f, &mut reader, items)?;
        f.write_str(")")
    }
}

/// `h'00ff'`
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("h'")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("'")
    }
}

/// Whether the bytes are exactly one value (of a call: an array).
fn is_value(reader: &mut Reader<'_>, depth: usize, is_call: bool) -> bool {
    (!is_call || reader.peek() == Some(major::ARRAY)) && skip(reader, depth) && reader.end().is_ok()
}

fn skip(reader: &mut Reader<'_>, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    match reader.peek() {
        Some(major::UNSIGNED | major::NEGATIVE) => reader.signed().is_ok(),
        Some(major::BYTES) => reader.bytes().is_ok(),
        Some(major::TEXT) => reader.text().is_ok(),
        Some(major::ARRAY) => reader.array().is_ok_and(|n| (0..n).all(|_| skip(reader, depth))),
        _ => reader.null() || reader.boolean().is_ok(),
    }
}

/// Writes the next value; [`skip`] has looked at it.
fn write_value(f: &mut fmt::Formatter<'_>, reader: &mut Reader<'_>) -> fmt::Result {
    match reader.peek() {
        Some(major::UNSIGNED | major::NEGATIVE) => {
            write!(f, "{}", reader.signed().unwrap_or_default())
        }
        Some(major::BYTES) => write!(f, "{}", Hex(reader.bytes().unwrap_or_default())),
        Some(major::TEXT) => write!(f, "{:?}", reader.text().unwrap_or_default()),
        Some(major::ARRAY) => {
            let items = reader.array().unwrap_or_default();
            f.write_str("[")?;
            write_items(f, reader, items)?;
            f.write_str("]")
        }
        _ if reader.null() => f.write_str("null"),
        _ => write!(f, "{}", reader.boolean().unwrap_or_default()),
    }
}

fn write_items(f: &mut fmt::Formatter<'_>, reader: &mut Reader<'_>, items: usize) -> fmt::Result {
    for at in 0..items {
        if at > 0 {
            f.write_str(", ")?;
        }
        write_value(f, reader)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Diagnostic;
    use crate::args::encode;
    use alloc::{string::ToString as _, vec, vec::Vec};

    #[test]
    fn every_type_is_shown_and_what_is_none_is_hex() {
        let bytes = encode(&(1u8, (-2i8, true), ("a\"b".to_string(), vec![0u8, 255]), Some(3u8)));
        let shown = Diagnostic::value(&bytes).to_string();
        assert_eq!(shown, r#"[1, [-2, true], ["a\"b", h'00ff'], 3]"#);
        assert_eq!(Diagnostic::arguments(&bytes).to_string().find('('), Some(0));
        assert_eq!(Diagnostic::value(&encode(&None::<u8>)).to_string(), "null");
        assert_eq!(Diagnostic::value(&[0x81]).to_string(), "h'81'");
        assert_eq!(Diagnostic::arguments(b"{}").to_string(), "(h'7b7d')");
        let deep: Vec<u8> = vec![0x81; 40];
        assert_eq!(Diagnostic::value(&deep).to_string().len(), 83);
    }
}
