//! `Value`: what can be an argument, an answer, a field of an event or a value in the state.
//!
//! In and out: canonical CBOR (`args.rs`). A struct derives it (`#[derive(Value)]`) and is the array
//! of its fields. It deliberately has no floats and no maps.

use crate::{
    Address,
    args::{self, Malformed, Reader},
    manifest::TypeName,
};
use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

/// A type with one encoding and one name in the manifest.
pub trait Value: Sized {
    /// The name that the manifest gives to the type.
    const TYPE: TypeName;
    /// Whether a value may be the mark of absence; such a type cannot stand in an `Option`.
    const NULLABLE: bool = false;

    /// Appends the encoding.
    fn encode(&self, out: &mut Vec<u8>);

    /// Reads the next value.
    ///
    /// # Errors
    /// [`Malformed`]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed>;

    /// The name of a list of this type.
    #[doc(hidden)]
    const LIST: TypeName = TypeName::list(&Self::TYPE);

    /// Appends a list; bytes are a byte string.
    #[doc(hidden)]
    fn encode_list(items: &[Self], out: &mut Vec<u8>) {
        args::write_array(out, items.len());
        items.iter().for_each(|item| item.encode(out));
    }

    /// Reads a list.
    #[doc(hidden)]
    fn decode_list(reader: &mut Reader<'_>) -> Result<Vec<Self>, Malformed> {
        let items = reader.array()?;
        (0..items).map(|_| Self::decode(reader)).collect()
    }
}

macro_rules! integers {
    ($($type:ident $write:ident $read:ident $wide:ident,)*) => { $(
        impl Value for $type {
            const TYPE: TypeName = TypeName::of(stringify!($type));
            fn encode(&self, out: &mut Vec<u8>) {
                args::$write(out, $wide::from(*self));
            }
            fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
                Self::try_from(reader.$read()?).map_err(|_| Malformed::OutOfRange)
            }
        }
    )* };
}
integers! {
    u16 write_unsigned unsigned u128,
    u32 write_unsigned unsigned u128,
    u64 write_unsigned unsigned u128,
    u128 write_unsigned unsigned u128,
    i8 write_signed signed i128,
    i16 write_signed signed i128,
    i32 write_signed signed i128,
    i64 write_signed signed i128,
    i128 write_signed signed i128,
}

impl Value for u8 {
    const TYPE: TypeName = TypeName::of("u8");
    const LIST: TypeName = TypeName::of("bytes");
    fn encode(&self, out: &mut Vec<u8>) {
        args::write_unsigned(out, u128::from(*self));
    }
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::try_from(reader.unsigned()?).map_err(|_| Malformed::OutOfRange)
    }
    fn encode_list(items: &[Self], out: &mut Vec<u8>) {
        args::write_bytes(out, items);
    }
    fn decode_list(reader: &mut Reader<'_>) -> Result<Vec<Self>, Malformed> {
        reader.bytes().map(ToOwned::to_owned)
    }
}

impl Value for bool {
    const TYPE: TypeName = TypeName::of("bool");
    fn encode(&self, out: &mut Vec<u8>) {
        args::write_bool(out, *self);
    }
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.boolean()
    }
}

impl Value for String {
    const TYPE: TypeName = TypeName::of("text");
    fn encode(&self, out: &mut Vec<u8>) {
        args::write_text(out, self);
    }
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.text().map(ToOwned::to_owned)
    }
}

impl Value for Address {
    const TYPE: TypeName = TypeName::of("address");
    fn encode(&self, out: &mut Vec<u8>) {
        args::write_bytes(out, &self.0);
    }
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.bytes()?.try_into().map(Address).map_err(|_| Malformed::WrongLength)
    }
}

/// Thirty-two bytes are a hash (or a key).
impl Value for [u8; 32] {
    const TYPE: TypeName = TypeName::of("hash");
    fn encode(&self, out: &mut Vec<u8>) {
        args::write_bytes(out, self);
    }
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.bytes()?.try_into().map_err(|_| Malformed::WrongLength)
    }
}

macro_rules! byte_arrays {
    ($($len:literal)*) => { $(
        impl Value for [u8; $len] {
            const TYPE: TypeName = TypeName::of("bytes");
            fn encode(&self, out: &mut Vec<u8>) {
                args::write_bytes(out, self);
            }
            fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
                reader.bytes()?.try_into().map_err(|_| Malformed::WrongLength)
            }
        }
    )* };
}
// Addresses, short ids, signatures and keys of other systems.
byte_arrays!(4 8 12 16 20 24 28 33 48 64 65 96);

/// Ascending pairs; anything else is no map.
impl<K: Value + Ord, V: Value> Value for BTreeMap<K, V> {
    const TYPE: TypeName = TypeName::list(&TypeName::tuple(&[&K::TYPE, &V::TYPE]));
    fn encode(&self, out: &mut Vec<u8>) {
        args::write_array(out, self.len());
        for (key, value) in self {
            args::write_array(out, 2);
            key.encode(out);
            value.encode(out);
        }
    }
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut map = Self::new();
        for _ in 0..reader.array()? {
            let (key, value) = <(K, V)>::decode(reader)?;
            if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(Malformed::NotCanonical);
            }
            map.insert(key, value);
        }
        Ok(map)
    }
}

/// Ascending members; anything else is no set.
impl<K: Value + Ord> Value for BTreeSet<K> {
    const TYPE: TypeName = TypeName::list(&K::TYPE);
    fn encode(&self, out: &mut Vec<u8>) {
        args::write_array(out, self.len());
        self.iter().for_each(|member| member.encode(out));
    }
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut set = Self::new();
        for _ in 0..reader.array()? {
            let member = K::decode(reader)?;
            if set.last().is_some_and(|last| *last >= member) {
                return Err(Malformed::NotCanonical);
            }
            set.insert(member);
        }
        Ok(set)
    }
}

impl<V: Value> Value for Vec<V> {
    const TYPE: TypeName = V::LIST;
    fn encode(&self, out: &mut Vec<u8>) {
        V::encode_list(self, out);
    }
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        V::decode_list(reader)
    }
}

impl<V: Value> Value for Option<V> {
    const TYPE: TypeName = {
        assert!(!V::NULLABLE, "an Option in an Option has no encoding of its own");
        TypeName::optional(&V::TYPE)
    };
    const NULLABLE: bool = true;
    fn encode(&self, out: &mut Vec<u8>) {
        const { assert!(!V::NULLABLE, "an Option in an Option has no encoding of its own") };
        match self {
            Some(value) => value.encode(out),
            None => args::write_null(out),
        }
    }
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        if reader.null() { Ok(None) } else { V::decode(reader).map(Some) }
    }
}

macro_rules! tuples {
    ($($count:literal: $($name:ident $at:tt)*;)*) => { $(
        impl<$($name: Value),*> Value for ($($name,)*) {
            const TYPE: TypeName = TypeName::tuple(&[$(&$name::TYPE),*]);
            fn encode(&self, out: &mut Vec<u8>) {
                args::write_array(out, $count);
                $(self.$at.encode(out);)*
            }
            fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
                reader.array_of($count)?;
                Ok(($($name::decode(reader)?,)*))
            }
        }
    )* };
}
tuples! {
    2: A 0 B 1;
    3: A 0 B 1 C 2;
    4: A 0 B 1 C 2 D 3;
    5: A 0 B 1 C 2 D 3 E 4;
    6: A 0 B 1 C 2 D 3 E 4 F 5;
}
