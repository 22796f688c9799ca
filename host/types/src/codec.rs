//! The one canonical encoding: CBOR arrays with fixed field order, definite lengths and shortest
//! integers; no maps, tags or floats.
//!
//! In: bytes. Out: values that encode back to exactly those bytes, or a [`CodecError`] with the
//! offset. What is hashed or signed goes through here; bodies for people (REST, RPC envelopes) do
//! not. The reader borrows, never allocates more than the input is long, and has no recursion
//! beyond the nesting of the types that use it.

use std::fmt;

/// Why bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct CodecError {
    /// Where in the input.
    pub offset: usize,
    /// What is wrong there.
    pub kind: CodecErrorKind,
}

/// What is wrong with an encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodecErrorKind {
    /// The input ends inside a value.
    Truncated,
    /// Bytes are left after the value.
    TrailingBytes,
    /// Another CBOR type than the format has here.
    WrongType,
    /// An integer or length not in its shortest form.
    NotShortest,
    /// An indefinite length, tag, float or other form that the canonical encoding never uses.
    NotCanonical,
    /// An array of another length than the format has here.
    WrongArity,
    /// A value out of its range or not in its alphabet.
    OutOfRange,
    /// A length over the limit of its field.
    TooLong,
    /// Text that is not UTF-8.
    NotUtf8,
    /// A format number this version does not know.
    UnknownFormat,
}

impl fmt::Display for CodecErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the input ends inside a value",
            Self::TrailingBytes => "bytes are left over",
            Self::WrongType => "a value of another type",
            Self::NotShortest => "an integer not in its shortest form",
            Self::NotCanonical => "a form the canonical encoding never uses",
            Self::WrongArity => "an array of another length",
            Self::OutOfRange => "a value out of range",
            Self::TooLong => "a value over its size limit",
            Self::NotUtf8 => "text that is not UTF-8",
            Self::UnknownFormat => "a format this version does not know",
        })
    }
}

/// Something with a canonical encoding.
pub trait Encode {
    /// Appends the encoding.
    fn encode(&self, w: &mut Writer);

    /// The encoding as bytes of its own.
    fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::with_capacity(USUAL_BYTES);
        self.encode(&mut w);
        w.into_bytes()
    }
}

/// Room for most values (receipts, events, headers, transactions), so that writing one asks for
/// memory once.
const USUAL_BYTES: usize = 256;

/// Something that can be read from its canonical encoding.
pub trait Decode<'a>: Sized {
    /// Reads one value.
    ///
    /// # Errors
    /// When the bytes are not the canonical encoding of such a value.
    fn decode(r: &mut Reader<'a>) -> Result<Self, CodecError>;

    /// Reads one value and nothing after it.
    ///
    /// # Errors
    /// As [`Decode::decode`], or when bytes are left over.
    fn from_bytes(bytes: &'a [u8]) -> Result<Self, CodecError> {
        let mut r = Reader::new(bytes);
        let value = Self::decode(&mut r)?;
        r.finish()?;
        Ok(value)
    }
}

const UINT: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;

/// Appends canonical values.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// A writer with room for `size` bytes.
    #[must_use]
    pub fn with_capacity(size: usize) -> Self {
        Self { out: Vec::with_capacity(size) }
    }

    fn head(&mut self, major: u8, value: u64) {
        let major = major << 5;
        if let Ok(small @ 0..=23) = u8::try_from(value) {
            self.out.push(major | small);
        } else if let Ok(byte) = u8::try_from(value) {
            self.out.extend_from_slice(&[major | 24, byte]);
        } else if let Ok(short) = u16::try_from(value) {
            self.out.push(major | 25);
            self.out.extend_from_slice(&short.to_be_bytes());
        } else if let Ok(word) = u32::try_from(value) {
            self.out.push(major | 26);
            self.out.extend_from_slice(&word.to_be_bytes());
        } else {
            self.out.push(major | 27);
            self.out.extend_from_slice(&value.to_be_bytes());
        }
    }

    /// Starts an array of `len` values, which the caller appends next.
    pub fn array(&mut self, len: usize) {
        self.head(ARRAY, len as u64);
    }

    /// An unsigned integer.
    pub fn uint(&mut self, value: u64) {
        self.head(UINT, value);
    }

    /// A negative integer, `-1 - value`.
    pub fn negative(&mut self, value: u64) {
        self.head(NEGATIVE, value);
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) {
        self.head(BYTES, value.len() as u64);
        self.out.extend_from_slice(value);
    }

    /// A text.
    pub fn text(&mut self, value: &str) {
        self.head(TEXT, value.len() as u64);
        self.out.extend_from_slice(value.as_bytes());
    }

    /// A truth value.
    pub fn bool(&mut self, value: bool) {
        self.out.push(if value { TRUE } else { FALSE });
    }

    /// "None".
    pub fn null(&mut self) {
        self.out.push(NULL);
    }

    /// A value already encoded.
    pub fn raw(&mut self, encoded: &[u8]) {
        self.out.extend_from_slice(encoded);
    }

    /// An array of values.
    pub fn list<T: Encode>(&mut self, values: &[T]) {
        self.array(values.len());
        for value in values {
            value.encode(self);
        }
    }

    /// The value, or null.
    pub fn option<T: Encode>(&mut self, value: Option<&T>) {
        match value {
            Some(value) => value.encode(self),
            None => self.null(),
        }
    }

    /// What was written so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.out
    }

    /// Forgets what was written, and keeps the room for it.
    pub fn clear(&mut self) {
        self.out.clear();
    }

    /// How many bytes were written.
    #[must_use]
    pub fn size(&self) -> usize {
        self.out.len()
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }
}

/// Reads canonical values and nothing else.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    input: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the start of `input`.
    #[must_use]
    pub const fn new(input: &'a [u8]) -> Self {
        Self { input, offset: 0 }
    }

    /// Position of the next byte.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// An error of `kind` here.
    #[must_use]
    pub const fn error(&self, kind: CodecErrorKind) -> CodecError {
        CodecError { offset: self.offset, kind }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let end = self.offset.checked_add(len).ok_or(self.error(CodecErrorKind::Truncated))?;
        let taken =
            self.input.get(self.offset..end).ok_or(self.error(CodecErrorKind::Truncated))?;
        self.offset = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, CodecError> {
        let taken = self.take(1)?;
        taken.first().copied().ok_or(self.error(CodecErrorKind::Truncated))
    }

    fn word<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let error = self.error(CodecErrorKind::Truncated);
        self.take(N)?.try_into().map_err(|_| error)
    }

    fn head(&mut self, major: u8) -> Result<u64, CodecError> {
        let start = self.clone();
        let first = self.byte()?;
        if first >> 5 != major {
            *self = start.clone();
            return Err(start.error(CodecErrorKind::WrongType));
        }
        let (value, least) = match first & 0x1f {
            small @ 0..=23 => return Ok(u64::from(small)),
            24 => (u64::from(self.byte()?), 24),
            25 => (u64::from(u16::from_be_bytes(self.word()?)), 0x100),
            26 => (u64::from(u32::from_be_bytes(self.word()?)), 0x1_0000),
            27 => (u64::from_be_bytes(self.word()?), 0x1_0000_0000),
            _ => return Err(start.error(CodecErrorKind::NotCanonical)),
        };
        if value < least {
            return Err(start.error(CodecErrorKind::NotShortest));
        }
        Ok(value)
    }

    fn length(&mut self, major: u8, max: usize) -> Result<usize, CodecError> {
        let start = self.offset;
        let at = |kind| CodecError { offset: start, kind };
        let len = usize::try_from(self.head(major)?).map_err(|_| at(CodecErrorKind::TooLong))?;
        if len > max {
            return Err(at(CodecErrorKind::TooLong));
        }
        Ok(len)
    }

    /// The header of an array with exactly `len` values.
    ///
    /// # Errors
    /// When something else stands here.
    pub fn array(&mut self, len: usize) -> Result<(), CodecError> {
        let start = self.offset;
        match self.head(ARRAY)? {
            found if found == len as u64 => Ok(()),
            _ => Err(CodecError { offset: start, kind: CodecErrorKind::WrongArity }),
        }
    }

    /// The header of an array with at most `max` values; gives the number.
    ///
    /// # Errors
    /// When something else stands here.
    pub fn array_up_to(&mut self, max: usize) -> Result<usize, CodecError> {
        let len = self.length(ARRAY, max)?;
        // Every value takes at least one byte, so a claim beyond the input is a lie: refuse it
        // before anybody reserves memory for it.
        if len > self.input.len() - self.offset {
            return Err(self.error(CodecErrorKind::Truncated));
        }
        Ok(len)
    }

    /// An unsigned integer.
    ///
    /// # Errors
    /// When something else stands here.
    pub fn uint(&mut self) -> Result<u64, CodecError> {
        self.head(UINT)
    }

    /// A negative integer; gives `n` of `-1 - n`.
    ///
    /// # Errors
    /// When something else stands here.
    pub fn negative(&mut self) -> Result<u64, CodecError> {
        self.head(NEGATIVE)
    }

    /// The CBOR major type of the next value: 0 unsigned, 1 negative, 2 bytes, 3 text, 4 array,
    /// 7 simple; 8 at the end of the input.
    #[must_use]
    pub fn next_major(&self) -> u8 {
        self.input.get(self.offset).map_or(8, |first| first >> 5)
    }

    /// An unsigned integer that fits `T`.
    ///
    /// # Errors
    /// When something else stands here, or it does not fit.
    pub fn uint_as<T: TryFrom<u64>>(&mut self) -> Result<T, CodecError> {
        let start = self.offset;
        let value = self.uint()?;
        T::try_from(value)
            .map_err(|_| CodecError { offset: start, kind: CodecErrorKind::OutOfRange })
    }

    /// A byte string of at most `max` bytes.
    ///
    /// # Errors
    /// When something else stands here, or it is longer.
    pub fn bytes(&mut self, max: usize) -> Result<&'a [u8], CodecError> {
        let len = self.length(BYTES, max)?;
        self.take(len)
    }

    /// A byte string of exactly `N` bytes.
    ///
    /// # Errors
    /// When something else stands here.
    pub fn bytes_exact<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let start = self.offset;
        self.bytes(N)?
            .try_into()
            .map_err(|_| CodecError { offset: start, kind: CodecErrorKind::OutOfRange })
    }

    /// A text of at most `max` bytes.
    ///
    /// # Errors
    /// When something else stands here, it is longer, or it is not UTF-8.
    pub fn text(&mut self, max: usize) -> Result<&'a str, CodecError> {
        let start = self.offset;
        let len = self.length(TEXT, max)?;
        std::str::from_utf8(self.take(len)?)
            .map_err(|_| CodecError { offset: start, kind: CodecErrorKind::NotUtf8 })
    }

    /// A truth value.
    ///
    /// # Errors
    /// When something else stands here.
    pub fn bool(&mut self) -> Result<bool, CodecError> {
        let error = self.error(CodecErrorKind::WrongType);
        match self.byte()? {
            FALSE => Ok(false),
            TRUE => Ok(true),
            _ => Err(error),
        }
    }

    /// True, and steps over it, when a null stands here.
    pub fn is_null(&mut self) -> bool {
        let is_null = self.input.get(self.offset) == Some(&NULL);
        self.offset += usize::from(is_null);
        is_null
    }

    /// A value, or null.
    ///
    /// # Errors
    /// When neither stands here.
    pub fn option<T: Decode<'a>>(&mut self) -> Result<Option<T>, CodecError> {
        if self.is_null() { Ok(None) } else { T::decode(self).map(Some) }
    }

    /// An array of at most `max` values.
    ///
    /// # Errors
    /// When something else stands here.
    pub fn list<T: Decode<'a>>(&mut self, max: usize) -> Result<Vec<T>, CodecError> {
        let len = self.array_up_to(max)?;
        (0..len).map(|_| T::decode(self)).collect()
    }

    /// The bytes of the next value, whatever it is, checked to be canonical; at most `depth`
    /// arrays inside each other.
    ///
    /// # Errors
    /// When it is not canonical or nested too deep.
    pub fn value(&mut self, depth: usize) -> Result<&'a [u8], CodecError> {
        let start = self.offset;
        self.skip(depth)?;
        self.input.get(start..self.offset).ok_or(self.error(CodecErrorKind::Truncated))
    }

    fn skip(&mut self, depth: usize) -> Result<(), CodecError> {
        let error = self.error(CodecErrorKind::NotCanonical);
        let first = *self.input.get(self.offset).ok_or(self.error(CodecErrorKind::Truncated))?;
        match first >> 5 {
            UINT => self.head(UINT).map(drop),
            NEGATIVE => self.head(NEGATIVE).map(drop),
            BYTES => self.bytes(usize::MAX).map(drop),
            TEXT => self.text(usize::MAX).map(drop),
            ARRAY => {
                let len = self.array_up_to(usize::MAX)?;
                let depth = depth.checked_sub(1).ok_or(error)?;
                (0..len).try_for_each(|_| self.skip(depth))
            }
            _ if matches!(first, FALSE | TRUE | NULL) => self.byte().map(drop),
            _ => Err(error),
        }
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// When something is.
    pub const fn finish(&self) -> Result<(), CodecError> {
        if self.offset == self.input.len() {
            Ok(())
        } else {
            Err(self.error(CodecErrorKind::TrailingBytes))
        }
    }
}

impl Encode for u64 {
    fn encode(&self, w: &mut Writer) {
        w.uint(*self);
    }
}

impl Decode<'_> for u64 {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.uint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refuse(bytes: &[u8]) -> CodecErrorKind {
        let mut r = Reader::new(bytes);
        r.value(8).and_then(|_| r.finish()).expect_err("refused").kind
    }

    #[test]
    fn every_other_form_of_a_value_is_refused() {
        assert_eq!(refuse(&[0x18, 23]), CodecErrorKind::NotShortest);
        assert_eq!(refuse(&[0x19, 0, 255]), CodecErrorKind::NotShortest);
        assert_eq!(refuse(&[0x1a, 0, 0, 255, 255]), CodecErrorKind::NotShortest);
        assert_eq!(refuse(&[0x58, 1, 0]), CodecErrorKind::NotShortest);
        assert_eq!(refuse(&[0x5f, 0xff]), CodecErrorKind::NotCanonical);
        assert_eq!(refuse(&[0x9f, 0xff]), CodecErrorKind::NotCanonical);
        assert_eq!(refuse(&[0xa0]), CodecErrorKind::NotCanonical);
        assert_eq!(refuse(&[0xc0, 0]), CodecErrorKind::NotCanonical);
        assert_eq!(refuse(&[0xf9, 0, 0]), CodecErrorKind::NotCanonical);
        assert_eq!(refuse(&[0, 0]), CodecErrorKind::TrailingBytes);
        assert_eq!(refuse(&[0x42, 0]), CodecErrorKind::Truncated);
        assert_eq!(refuse(&[0x61, 0xff]), CodecErrorKind::NotUtf8);
    }

    #[test]
    fn a_claimed_length_reserves_nothing() {
        let huge = [0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(refuse(&huge), CodecErrorKind::Truncated);
    }

    #[test]
    fn nesting_is_bounded() {
        assert_eq!(refuse(&[0x81; 40]), CodecErrorKind::NotCanonical);
    }

    proptest! {
        #[test]
        fn what_is_read_encodes_back_to_the_same_bytes(a: u64, b: Vec<u8>, c: String, d: bool) {
            let mut w = Writer::default();
            w.array(4);
            w.uint(a);
            w.bytes(&b);
            w.text(&c);
            w.bool(d);
            let bytes = w.into_bytes();
            let mut r = Reader::new(&bytes);
            r.array(4).unwrap();
            prop_assert_eq!(r.uint().unwrap(), a);
            prop_assert_eq!(r.bytes(b.len()).unwrap(), &b[..]);
            prop_assert_eq!(r.text(c.len()).unwrap(), &c[..]);
            prop_assert_eq!(r.bool().unwrap(), d);
            r.finish().unwrap();
            let other: ciborium::Value = ciborium::from_reader(&bytes[..]).unwrap();
            let mut again = Vec::new();
            ciborium::into_writer(&other, &mut again).unwrap();
            prop_assert_eq!(again, bytes);
        }

        #[test]
        fn both_decoders_accept_the_same_bytes(value in values(), change in changes()) {
            let mut bytes = Vec::new();
            ciborium::into_writer(&value, &mut bytes).unwrap();
            change.apply(&mut bytes);
            prop_assert_eq!(reads(&bytes), ciborium_reads(&bytes), "{:02x?}", bytes);
        }

        #[test]
        fn both_decoders_accept_the_same_random_bytes(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            prop_assert_eq!(reads(&bytes), ciborium_reads(&bytes));
        }
    }

    const DEPTH: usize = 16;

    fn reads(bytes: &[u8]) -> bool {
        let mut r = Reader::new(bytes);
        r.value(DEPTH).and_then(|_| r.finish()).is_ok()
    }

    /// Whether the other decoder reads exactly these bytes as one value of the forms we have, and
    /// writes the same bytes for it.
    fn ciborium_reads(bytes: &[u8]) -> bool {
        let mut rest = bytes;
        let Ok(value) = ciborium::from_reader::<ciborium::Value, _>(&mut rest) else {
            return false;
        };
        let mut again = Vec::new();
        ciborium::into_writer(&value, &mut again).unwrap();
        rest.is_empty() && again == bytes && has_our_forms(&value, DEPTH)
    }

    fn has_our_forms(value: &ciborium::Value, depth: usize) -> bool {
        use ciborium::Value;
        match value {
            Value::Integer(_) | Value::Bytes(_) | Value::Text(_) | Value::Bool(_) | Value::Null => {
                true
            }
            Value::Array(values) => {
                depth > 0 && values.iter().all(|value| has_our_forms(value, depth - 1))
            }
            _ => false,
        }
    }

    /// Values of the other encoder: mostly of our forms, some of others.
    fn values() -> impl Strategy<Value = ciborium::Value> {
        use ciborium::Value;
        let leaf = prop_oneof![
            8 => any::<u64>().prop_map(Value::from),
            8 => (0u64..300).prop_map(Value::from),
            4 => any::<i64>().prop_map(Value::from),
            4 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::from),
            4 => any::<String>().prop_map(Value::from),
            2 => any::<bool>().prop_map(Value::from),
            1 => Just(Value::Null),
            1 => any::<f64>().prop_map(Value::from),
            1 => (any::<u64>(), any::<u64>()).prop_map(|(tag, n)| Value::Tag(tag, Box::new(n.into()))),
            1 => any::<u64>().prop_map(|n| Value::Map(vec![(n.into(), Value::Null)])),
        ];
        leaf.prop_recursive(20, 64, 4, |inner| {
            proptest::collection::vec(inner, 0..4).prop_map(Value::Array)
        })
    }

    /// What becomes of one byte.
    #[derive(Clone, Debug)]
    enum Change {
        None,
        Set(proptest::sample::Index, u8),
        Insert(proptest::sample::Index, u8),
        Remove(proptest::sample::Index),
    }

    fn changes() -> impl Strategy<Value = Change> {
        let place = any::<proptest::sample::Index>;
        prop_oneof![
            Just(Change::None),
            (place(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
            (place(), any::<u8>()).prop_map(|(at, byte)| Change::Insert(at, byte)),
            place().prop_map(Change::Remove),
        ]
    }

    impl Change {
        fn apply(&self, bytes: &mut Vec<u8>) {
            let len = bytes.len();
            match self {
                Self::None => {}
                Self::Set(at, byte) => bytes[at.index(len)] = *byte,
                Self::Insert(at, byte) => bytes.insert(at.index(len + 1), *byte),
                Self::Remove(at) => drop(bytes.remove(at.index(len))),
            }
        }
    }
}
