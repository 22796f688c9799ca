//! `Key`: keys whose bytes have the order of the keys.
//!
//! Integers are big-endian (signed ones with the sign bit turned over), `bool` is a byte, texts and
//! bytes are themselves. In a tuple every part but the last is self-delimiting: a text or byte string
//! there has each 0x00 written as 0x00 0xff and ends with 0x00 0x01, so that no two tuples share
//! bytes and the order of the parts is the order of the bytes. In a fixed array every part is.

use crate::Address;
use alloc::{string::String, vec::Vec};

const ESCAPE: u8 = 0x00;
const ESCAPED_ZERO: u8 = 0xff;
const END: u8 = 0x01;

/// The bytes before all keys of a field that has many.
pub(super) fn field_prefix(name: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len() + 33);
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(b'/');
    bytes
}

/// The whole key in the state.
pub(super) fn whole_key<K: Key>(name: &str, key: &K) -> Vec<u8> {
    let mut bytes = field_prefix(name);
    key.write(&mut bytes);
    bytes
}

/// A type that can be the key of a [`Map`](crate::Map) or a member of a [`Set`](crate::Set).
pub trait Key: Sized {
    /// Appends the key's bytes.
    fn write(&self, out: &mut Vec<u8>);

    /// The key of these bytes, if they are one.
    fn read(bytes: &[u8]) -> Option<Self>;

    /// Appends the key as a part of a tuple that others follow.
    #[doc(hidden)]
    fn write_part(&self, out: &mut Vec<u8>) {
        self.write(out);
    }

    /// Splits the key from the front of a tuple.
    #[doc(hidden)]
    fn read_part(bytes: &[u8]) -> Option<(Self, &[u8])>;
}

macro_rules! fixed {
    ($($type:ty, $len:literal, $write:expr, $read:expr;)*) => { $(
        impl Key for $type {
            fn write(&self, out: &mut Vec<u8>) {
                let to_bytes: fn(&Self) -> [u8; $len] = $write;
                out.extend_from_slice(&to_bytes(self));
            }
            fn read(bytes: &[u8]) -> Option<Self> {
                let from_bytes: fn([u8; $len]) -> Self = $read;
                bytes.try_into().ok().map(from_bytes)
            }
            fn read_part(bytes: &[u8]) -> Option<(Self, &[u8])> {
                let (part, rest) = bytes.split_at_checked($len)?;
                Some((Self::read(part)?, rest))
            }
        }
    )* };
}
fixed! {
    u8, 1, |key| key.to_be_bytes(), Self::from_be_bytes;
    u16, 2, |key| key.to_be_bytes(), Self::from_be_bytes;
    u32, 4, |key| key.to_be_bytes(), Self::from_be_bytes;
    u64, 8, |key| key.to_be_bytes(), Self::from_be_bytes;
    u128, 16, |key| key.to_be_bytes(), Self::from_be_bytes;
    i8, 1, |key| (*key ^ Self::MIN).to_be_bytes(), |bytes| Self::from_be_bytes(bytes) ^ Self::MIN;
    i16, 2, |key| (*key ^ Self::MIN).to_be_bytes(), |bytes| Self::from_be_bytes(bytes) ^ Self::MIN;
    i32, 4, |key| (*key ^ Self::MIN).to_be_bytes(), |bytes| Self::from_be_bytes(bytes) ^ Self::MIN;
    i64, 8, |key| (*key ^ Self::MIN).to_be_bytes(), |bytes| Self::from_be_bytes(bytes) ^ Self::MIN;
    i128, 16, |key| (*key ^ Self::MIN).to_be_bytes(), |bytes| Self::from_be_bytes(bytes) ^ Self::MIN;
    Address, 20, |key| key.0, Address;
}

impl Key for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }
    fn read_part(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (part, rest) = bytes.split_at_checked(1)?;
        Some((Self::read(part)?, rest))
    }
}

impl<K: Key, const N: usize> Key for [K; N] {
    fn write(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|part| part.write_part(out));
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        Self::read_part(bytes).filter(|(_, rest)| rest.is_empty()).map(|(key, _)| key)
    }
    fn read_part(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (mut parts, mut rest) = (Vec::with_capacity(N), bytes);
        for _ in 0..N {
            let (part, after) = K::read_part(rest)?;
            parts.push(part);
            rest = after;
        }
        Some((parts.try_into().ok()?, rest))
    }
}

fn write_delimited(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        out.push(*byte);
        if *byte == ESCAPE {
            out.push(ESCAPED_ZERO);
        }
    }
    out.extend_from_slice(&[ESCAPE, END]);
}

fn read_delimited(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut part = Vec::new();
    let mut rest = bytes;
    loop {
        let (byte, after) = rest.split_first()?;
        rest = after;
        if *byte == ESCAPE {
            let (mark, after) = rest.split_first()?;
            rest = after;
            match *mark {
                END => return Some((part, rest)),
                ESCAPED_ZERO => {}
                _ => return None,
            }
        }
        part.push(*byte);
    }
}

impl Key for Vec<u8> {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        Some(bytes.into())
    }
    fn write_part(&self, out: &mut Vec<u8>) {
        write_delimited(self, out);
    }
    fn read_part(bytes: &[u8]) -> Option<(Self, &[u8])> {
        read_delimited(bytes)
    }
}

impl Key for String {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        Self::from_utf8(bytes.into()).ok()
    }
    fn write_part(&self, out: &mut Vec<u8>) {
        write_delimited(self.as_bytes(), out);
    }
    fn read_part(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (part, rest) = read_delimited(bytes)?;
        Some((Self::from_utf8(part).ok()?, rest))
    }
}

macro_rules! tuples {
    ($($($part:ident $at:tt)* , $last:ident $end:tt;)*) => { $(
        impl<$($part: Key,)* $last: Key> Key for ($($part,)* $last) {
            fn write(&self, out: &mut Vec<u8>) {
                $(self.$at.write_part(out);)*
                self.$end.write(out);
            }
            #[expect(non_snake_case, reason = "one name for the type and its value")]
            fn read(bytes: &[u8]) -> Option<Self> {
                $(let ($part, bytes) = $part::read_part(bytes)?;)*
                Some(($($part,)* $last::read(bytes)?))
            }
            fn write_part(&self, out: &mut Vec<u8>) {
                $(self.$at.write_part(out);)*
                self.$end.write_part(out);
            }
            #[expect(non_snake_case, reason = "one name for the type and its value")]
            fn read_part(bytes: &[u8]) -> Option<(Self, &[u8])> {
                $(let ($part, bytes) = $part::read_part(bytes)?;)*
                let ($last, bytes) = $last::read_part(bytes)?;
                Some((($($part,)* $last), bytes))
            }
        }
    )* };
}
tuples! {
    A 0, B 1;
    A 0 B 1, C 2;
    A 0 B 1 C 2, D 3;
}

/// What the keys of a [`Map`](crate::Map) may begin with: `prefix` of a tuple is its first parts, of
/// a text its first letters, of bytes the first of them.
pub trait KeyPrefix<K> {
    /// Appends the bytes that all those keys begin with.
    #[doc(hidden)]
    fn write_begin(&self, out: &mut Vec<u8>);
}

impl KeyPrefix<String> for str {
    fn write_begin(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

impl KeyPrefix<Vec<u8>> for [u8] {
    fn write_begin(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

macro_rules! prefixes {
    ($($begin:ty, $whole:ty, $($name:ident)*;)*) => { $(
        impl<$($name: Key),*> KeyPrefix<$whole> for $begin {
            fn write_begin(&self, out: &mut Vec<u8>) {
                self.write_part(out);
            }
        }
    )* };
}
prefixes! {
    A, (A, B), A B;
    A, (A, B, C), A B C;
    (A, B), (A, B, C), A B C;
    A, (A, B, C, D), A B C D;
    (A, B), (A, B, C, D), A B C D;
    (A, B, C), (A, B, C, D), A B C D;
}
