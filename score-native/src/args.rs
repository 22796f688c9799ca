//! The small CBOR writer and reader for arguments, events, answers and state values.
//!
//! In: bytes of a stranger. Out: values, or the reason why not. One value has exactly one encoding
//! (RFC 8949, 4.2.1): definite lengths, shortest heads. It deliberately knows no floats, tags, maps
//! and indefinite lengths; they are refused. An integer beyond 64 bits is a byte string of 16 bytes,
//! big-endian (two's complement when signed), and only such an integer is.

mod diagnostic;

pub use diagnostic::Diagnostic;

use crate::{Refused, Value, abi::refusal};
use alloc::{string::String, vec::Vec};

/// Major types of CBOR that are in use.
mod major {
    pub(super) const UNSIGNED: u8 = 0;
    pub(super) const NEGATIVE: u8 = 1;
    pub(super) const BYTES: u8 = 2;
    pub(super) const TEXT: u8 = 3;
    pub(super) const ARRAY: u8 = 4;
}

const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;

/// Why bytes are not the value that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The bytes end inside the value.
    Ended,
    /// A value of another type stands there.
    WrongType,
    /// The value does not have its shortest form, or an indefinite length.
    NotCanonical,
    /// The number does not fit the type.
    OutOfRange,
    /// A byte string or an array has another length.
    WrongLength,
    /// The text is not UTF-8.
    NotUtf8,
    /// More bytes follow.
    Trailing,
}

impl Malformed {
    /// The reason as a part of a sentence.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Ended => "the bytes end too early",
            Self::WrongType => "another type stands there",
            Self::NotCanonical => "not in canonical CBOR",
            Self::OutOfRange => "the number is out of range",
            Self::WrongLength => "wrong length",
            Self::NotUtf8 => "the text is not UTF-8",
            Self::Trailing => "more bytes follow",
        }
    }
}

fn write_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let top = major << 5;
    let bytes = argument.to_be_bytes();
    match argument {
        0..=23 => out.push(top | bytes[7]),
        24..=0xff => out.extend_from_slice(&[top | 24, bytes[7]]),
        0x100..=0xffff => {
            out.push(top | 25);
            out.extend_from_slice(&bytes[6..]);
        }
        0x1_0000..=0xffff_ffff => {
            out.push(top | 26);
            out.extend_from_slice(&bytes[4..]);
        }
        _ => {
            out.push(top | 27);
            out.extend_from_slice(&bytes);
        }
    }
}

/// Appends an unsigned integer.
pub fn write_unsigned(out: &mut Vec<u8>, value: u128) {
    match u64::try_from(value) {
        Ok(small) => write_head(out, major::UNSIGNED, small),
        Err(_) => write_bytes(out, &value.to_be_bytes()),
    }
}

/// Appends a signed integer.
pub fn write_signed(out: &mut Vec<u8>, value: i128) {
    // -1 - value, as CBOR counts negative numbers; `!` is the same without overflow.
    let (major, argument) =
        if value < 0 { (major::NEGATIVE, !value) } else { (major::UNSIGNED, value) };
    match u64::try_from(argument) {
        Ok(small) => write_head(out, major, small),
        Err(_) => write_bytes(out, &value.to_be_bytes()),
    }
}

/// Appends a byte string.
pub fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_head(out, major::BYTES, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a text.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    write_head(out, major::TEXT, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Appends the head of an array; its items follow.
pub fn write_array(out: &mut Vec<u8>, items: usize) {
    write_head(out, major::ARRAY, items as u64);
}

/// Appends `true` or `false`.
pub fn write_bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { TRUE } else { FALSE });
}

/// Appends the mark of an absent value.
pub fn write_null(out: &mut Vec<u8>) {
    out.push(NULL);
}

/// Reads values from the front of bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.rest.split_first().ok_or(Malformed::Ended)?;
        self.rest = rest;
        Ok(*first)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Malformed::Ended)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Major type and argument of the next value, which must be a number, bytes, text or array.
    fn head(&mut self) -> Result<(u8, u64), Malformed> {
        let first = self.byte()?;
        let (major, info) = (first >> 5, first & 31);
        if major > major::ARRAY {
            return Err(Malformed::WrongType);
        }
        let len = match info {
            0..=23 => return Ok((major, u64::from(info))),
            24..=27 => 1usize << (info - 24),
            _ => return Err(Malformed::NotCanonical),
        };
        let argument = self.take(len)?.iter().fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
        // The shortest form of `len` bytes begins where the next shorter form ends.
        let least = if len == 1 { 24 } else { 1u64 << (len * 4) };
        if argument < least { Err(Malformed::NotCanonical) } else { Ok((major, argument)) }
    }

    /// The argument of the next value, which must have this major type.
    fn expect(&mut self, major: u8) -> Result<u64, Malformed> {
        match self.head()? {
            (found, argument) if found == major => Ok(argument),
            _ => Err(Malformed::WrongType),
        }
    }

    /// An unsigned integer of up to 128 bits.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn unsigned(&mut self) -> Result<u128, Malformed> {
        match self.head()? {
            (major::UNSIGNED, value) => Ok(u128::from(value)),
            (major::NEGATIVE, _) => Err(Malformed::OutOfRange),
            (major::BYTES, len) => {
                let value = u128::from_be_bytes(self.wide(len)?);
                let narrow = u64::try_from(value).is_ok();
                if narrow { Err(Malformed::NotCanonical) } else { Ok(value) }
            }
            _ => Err(Malformed::WrongType),
        }
    }

    /// A signed integer of up to 128 bits.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn signed(&mut self) -> Result<i128, Malformed> {
        match self.head()? {
            (major::UNSIGNED, value) => Ok(i128::from(value)),
            (major::NEGATIVE, value) => Ok(!i128::from(value)),
            (major::BYTES, len) => {
                let value = i128::from_be_bytes(self.wide(len)?);
                let size = if value < 0 { !value } else { value };
                let narrow = u64::try_from(size).is_ok();
                if narrow { Err(Malformed::NotCanonical) } else { Ok(value) }
            }
            _ => Err(Malformed::WrongType),
        }
    }

    fn wide(&mut self, len: u64) -> Result<[u8; 16], Malformed> {
        if len != 16 {
            return Err(Malformed::WrongLength);
        }
        self.take(16)?.try_into().map_err(|_| Malformed::WrongLength)
    }

    /// A byte string.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let len = self.expect(major::BYTES)?;
        self.take(usize::try_from(len).map_err(|_| Malformed::Ended)?)
    }

    /// A text.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        let len = self.expect(major::TEXT)?;
        let bytes = self.take(usize::try_from(len).map_err(|_| Malformed::Ended)?)?;
        core::str::from_utf8(bytes).map_err(|_| Malformed::NotUtf8)
    }

    /// The head of an array: how many items follow.
    ///
    /// # Errors
    /// [`Malformed`]; more items than bytes are left is [`Malformed::Ended`].
    pub fn array(&mut self) -> Result<usize, Malformed> {
        let items = self.expect(major::ARRAY)?;
        let items = usize::try_from(items).map_err(|_| Malformed::Ended)?;
        if items > self.rest.len() { Err(Malformed::Ended) } else { Ok(items) }
    }

    /// The head of an array that must have this many items.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn array_of(&mut self, items: usize) -> Result<(), Malformed> {
        if self.array()? == items { Ok(()) } else { Err(Malformed::WrongLength) }
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn boolean(&mut self) -> Result<bool, Malformed> {
        match self.byte()? {
            FALSE => Ok(false),
            TRUE => Ok(true),
            _ => Err(Malformed::WrongType),
        }
    }

    /// Takes the mark of an absent value when it stands there.
    pub fn null(&mut self) -> bool {
        let found = self.rest.first() == Some(&NULL);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    /// The head of an enum's value: its variant, counted from 0, and how many fields follow.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn variant(&mut self) -> Result<(u64, usize), Malformed> {
        let fields = self.array()?.checked_sub(1).ok_or(Malformed::WrongLength)?;
        match self.head()? {
            (major::UNSIGNED, variant) => Ok((variant, fields)),
            _ => Err(Malformed::WrongType),
        }
    }

    /// The major type of the next value (see RFC 8949, 3.1), if one follows.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().map(|byte| byte >> 5)
    }

    /// Nothing may follow.
    ///
    /// # Errors
    /// [`Malformed::Trailing`]
    pub const fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Trailing) }
    }
}

/// Encodes one value.
#[must_use]
pub fn encode<V: Value>(value: &V) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    value.encode(&mut out);
    out
}

/// Decodes exactly one value.
///
/// # Errors
/// [`Malformed`]
pub fn decode<V: Value>(bytes: &[u8]) -> Result<V, Malformed> {
    let mut reader = Reader::new(bytes);
    let value = V::decode(&mut reader)?;
    reader.end().map(|()| value)
}

/// The arguments of one call, taken one by one; made for the code that [`macro@crate::score`] writes.
#[derive(Debug)]
pub struct Arguments<'a> {
    reader: Reader<'a>,
}

impl<'a> Arguments<'a> {
    /// Opens the array of arguments; no bytes at all stand for no arguments.
    ///
    /// # Errors
    /// [`refusal::BAD_ARGS`] when it is no array of `expected` items.
    pub fn open(bytes: &'a [u8], expected: usize) -> Result<Self, Refused> {
        let mut reader = Reader::new(bytes);
        let items = if bytes.is_empty() { Ok(0) } else { reader.array() };
        match items {
            Ok(items) if items == expected => Ok(Self { reader }),
            Ok(_) => Err(bad(&["wrong number of arguments"])),
            Err(error) => Err(bad(&["arguments: ", error.text()])),
        }
    }

    /// Takes the next argument.
    ///
    /// # Errors
    /// [`refusal::BAD_ARGS`] with the argument's name, its type and what is wrong.
    pub fn take<V: Value>(&mut self, name: &str) -> Result<V, Refused> {
        V::decode(&mut self.reader).map_err(|error| {
            bad(&["argument `", name, "` (", V::TYPE.as_str(), "): ", error.text()])
        })
    }

    /// Nothing may follow the last argument.
    ///
    /// # Errors
    /// [`refusal::BAD_ARGS`]
    pub fn close(self) -> Result<(), Refused> {
        self.reader.end().map_err(|error| bad(&["arguments: ", error.text()]))
    }
}

fn bad(parts: &[&str]) -> Refused {
    let text: String = parts.concat();
    Refused { code: refusal::BAD_ARGS, text }
}
