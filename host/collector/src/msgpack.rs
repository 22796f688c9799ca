//! MessagePack, as far as the fluentd forward protocol needs it.
//!
//! In: bytes from anyone. Out: a [`Pack`], or that bytes are missing, or that it is none. Nesting
//! and numbers of elements are bounded before anything is kept; no announced length reserves memory.
//! Deliberately not here: which value means what ([`crate::forward`]).

use crate::limits::{FORWARD_EVENTS_MAX, MSGPACK_DEPTH_MAX};
use serde_json::{Map, Number, Value};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Pack {
    /// nil
    Nil,
    /// bool
    Bool(bool),
    /// An integer that is not negative.
    Unsigned(u64),
    /// A negative integer.
    Signed(i64),
    /// A float.
    Float(f64),
    /// str
    Text(Vec<u8>),
    /// bin
    Bytes(Vec<u8>),
    /// array
    Array(Vec<Self>),
    /// map
    Map(Vec<(Self, Self)>),
    /// ext, with its type.
    Ext(i8, Vec<u8>),
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// So many bytes are needed at least.
    #[error("more bytes are needed")]
    Short(usize),
    /// It is no msgpack, or beyond a bound.
    #[error("{0}")]
    Wrong(&'static str),
}

/// Reads one value; gives it and how many bytes it took.
///
/// # Errors
/// [`PackError::Short`] when more bytes may make one.
pub fn decode(bytes: &[u8]) -> Result<(Pack, usize), PackError> {
    let mut input = Input { bytes, at: 0 };
    let pack = input.value(0)?;
    Ok((pack, input.at))
}

struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Input<'_> {
    fn take(&mut self, count: usize) -> Result<&[u8], PackError> {
        let end = self.at.saturating_add(count);
        let taken = self.bytes.get(self.at..end).ok_or(PackError::Short(end))?;
        self.at = end;
        Ok(taken)
    }

    /// A big-endian number of up to 8 bytes.
    fn number(&mut self, bytes: usize) -> Result<u64, PackError> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn length(&mut self, bytes: usize) -> Result<usize, PackError> {
        usize::try_from(self.number(bytes)?).map_err(|_| PackError::Wrong("it is too long"))
    }

    fn value(&mut self, depth: usize) -> Result<Pack, PackError> {
        if depth > MSGPACK_DEPTH_MAX {
            return Err(PackError::Wrong("it is nested too deeply"));
        }
        let kind = self.take(1)?.first().copied().unwrap_or_default();
        Ok(match kind {
            0x00..=0x7f => Pack::Unsigned(u64::from(kind)),
            0x80..=0x8f => self.map(usize::from(kind & 15), depth)?,
            0x90..=0x9f => self.array(usize::from(kind & 15), depth)?,
            0xa0..=0xbf => Pack::Text(self.take(usize::from(kind & 31))?.to_vec()),
            0xc0 => Pack::Nil,
            0xc1 => return Err(PackError::Wrong("byte c1 begins no value")),
            0xc2 | 0xc3 => Pack::Bool(kind == 0xc3),
            0xc4..=0xc6 => {
                let length = self.length(1 << (kind - 0xc4))?;
                Pack::Bytes(self.take(length)?.to_vec())
            }
            0xc7..=0xc9 => {
                let length = self.length(1 << (kind - 0xc7))?;
                self.ext(length)?
            }
            0xca => Pack::Float(f64::from(f32::from_bits(self.number(4)? as u32))),
            0xcb => Pack::Float(f64::from_bits(self.number(8)?)),
            0xcc..=0xcf => Pack::Unsigned(self.number(1 << (kind - 0xcc))?),
            0xd0..=0xd3 => {
                let bytes = 1 << (kind - 0xd0);
                let unused = 64 - 8 * bytes;
                let number = (self.number(bytes as usize)? << unused).cast_signed() >> unused;
                u64::try_from(number).map_or(Pack::Signed(number), Pack::Unsigned)
            }
            0xd4..=0xd8 => self.ext(1 << (kind - 0xd4))?,
            0xd9..=0xdb => {
                let length = self.length(1 << (kind - 0xd9))?;
                Pack::Text(self.take(length)?.to_vec())
            }
            0xdc | 0xdd => {
                let count = self.length(2 << (kind - 0xdc))?;
                self.array(count, depth)?
            }
            0xde | 0xdf => {
                let count = self.length(2 << (kind - 0xde))?;
                self.map(count, depth)?
            }
            0xe0..=0xff => Pack::Signed(i64::from(kind.cast_signed())),
        })
    }

    fn ext(&mut self, length: usize) -> Result<Pack, PackError> {
        let kind = self.take(1)?.first().copied().unwrap_or_default();
        Ok(Pack::Ext(kind.cast_signed(), self.take(length)?.to_vec()))
    }

    fn array(&mut self, count: usize, depth: usize) -> Result<Pack, PackError> {
        within(count)?;
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(self.value(depth + 1)?);
        }
        Ok(Pack::Array(values))
    }

    fn map(&mut self, count: usize, depth: usize) -> Result<Pack, PackError> {
        within(count)?;
        let mut fields = Vec::new();
        for _ in 0..count {
            fields.push((self.value(depth + 1)?, self.value(depth + 1)?));
        }
        Ok(Pack::Map(fields))
    }
}

const fn within(count: usize) -> Result<(), PackError> {
    if count > FORWARD_EVENTS_MAX {
        Err(PackError::Wrong("it has too many elements"))
    } else {
        Ok(())
    }
}

impl Pack {
    /// Text of a str or bin; what is no UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Text(bytes) | Self::Bytes(bytes) => {
                Some(String::from_utf8_lossy(bytes).into_owned())
            }
            _ => None,
        }
    }

    /// The value under a key of a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(fields) = self else { return None };
        let found = fields.iter().find(|(name, _)| name.text().is_some_and(|name| name == key));
        found.map(|(_, value)| value)
    }

    /// As JSON: keys become text, bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn json(&self) -> Value {
        match self {
            Self::Nil => Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Unsigned(value) => (*value).into(),
            Self::Signed(value) => (*value).into(),
            Self::Float(value) => Number::from_f64(*value).map_or(Value::Null, Value::Number),
            Self::Text(_) | Self::Bytes(_) => self.text().into(),
            Self::Array(values) => values.iter().map(Self::json).collect(),
            Self::Map(fields) => {
                let key = |key: &Self| key.text().unwrap_or_else(|| key.json().to_string());
                let fields = fields.iter().map(|(name, value)| (key(name), value.json()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
            Self::Ext(kind, bytes) => format!("ext {kind}, {} bytes", bytes.len()).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_form_of_the_specification_is_read() {
        let cases: &[(&[u8], Value)] = &[
            (b"\xc0", json!(null)),
            (b"\xc2", json!(false)),
            (b"\x7f", json!(127)),
            (b"\xe0", json!(-32)),
            (b"\xcc\xff", json!(255)),
            (b"\xcd\x01\x00", json!(256)),
            (b"\xce\x00\x01\x00\x00", json!(65_536)),
            (b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", json!(u64::MAX)),
            (b"\xd0\x80", json!(-128)),
            (b"\xd1\x80\x00", json!(-32_768)),
            (b"\xd2\xff\xff\xff\xff", json!(-1)),
            (b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", json!(i64::MIN)),
            (b"\xca\x3f\x80\x00\x00", json!(1.0)),
            (b"\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", json!(1.5)),
            (b"\xa2ab", json!("ab")),
            (b"\xd9\x02ab", json!("ab")),
            (b"\xda\x00\x02ab", json!("ab")),
            (b"\xc4\x02ab", json!("ab")),
            (b"\x92\x01\x02", json!([1, 2])),
            (b"\xdc\x00\x01\x05", json!([5])),
            (b"\x81\xa1k\x01", json!({"k": 1})),
            (b"\xde\x00\x01\x07\xc3", json!({"7": true})),
            (b"\xd4\x05\x00", json!("ext 5, 1 bytes")),
            (b"\xc7\x02\x05ab", json!("ext 5, 2 bytes")),
        ];
        for (bytes, expected) in cases {
            let (pack, taken) = decode(bytes).unwrap();
            assert_eq!((pack.json(), taken), (expected.clone(), bytes.len()), "{bytes:02x?}");
            for end in 0..bytes.len() {
                let short = decode(&bytes[..end]);
                assert!(matches!(short, Err(PackError::Short(need)) if need > end), "{bytes:02x?}");
            }
        }
    }

    #[test]
    fn depth_and_number_are_bounded_and_an_announced_length_takes_no_memory() {
        assert!(matches!(decode(&[0x91; 64]), Err(PackError::Wrong(_))));
        assert!(matches!(decode(b"\xdd\xff\xff\xff\xff"), Err(PackError::Wrong(_))));
        assert!(matches!(decode(b"\xdf\x00\x10\x00\x00"), Err(PackError::Wrong(_))));
        assert_eq!(decode(b"\xc6\xff\xff\xff\xff"), Err(PackError::Short(5 + 0xffff_ffff)));
        assert!(matches!(decode(b"\xc1"), Err(PackError::Wrong(_))));
    }
}
