//! Any value of the canonical encoding, for arguments and results of SCOREs.

use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use crate::transaction::ARGS_DEPTH_MAX;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// 0 and above.
    Uint(u64),
    /// Below 0: `-1 - n`.
    Negative(u64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Text.
    Text(String),
    /// Truth.
    Bool(bool),
    /// None.
    Null,
    /// Several.
    Array(Vec<Self>),
}

impl Value {
    fn decode_at(r: &mut Reader<'_>, depth: usize) -> Result<Self, CodecError> {
        let error = r.error(CodecErrorKind::NotCanonical);
        if r.is_null() {
            return Ok(Self::Null);
        }
        match r.next_major() {
            0 => r.uint().map(Self::Uint),
            1 => r.negative().map(Self::Negative),
            2 => r.bytes(usize::MAX).map(|b| Self::Bytes(b.to_vec())),
            3 => r.text(usize::MAX).map(|t| Self::Text(t.to_owned())),
            4 => {
                let depth = depth.checked_sub(1).ok_or(error)?;
                let len = r.array_up_to(usize::MAX)?;
                let values = (0..len).map(|_| Self::decode_at(r, depth));
                values.collect::<Result<_, _>>().map(Self::Array)
            }
            _ => r.bool().map(Self::Bool),
        }
    }
}

impl Encode for Value {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Uint(value) => w.uint(*value),
            Self::Negative(value) => w.negative(*value),
            Self::Bytes(bytes) => w.bytes(bytes),
            Self::Text(text) => w.text(text),
            Self::Bool(value) => w.bool(*value),
            Self::Null => w.null(),
            Self::Array(values) => w.list(values),
        }
    }
}

impl Decode<'_> for Value {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Self::decode_at(r, ARGS_DEPTH_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<u64>().prop_map(Value::Uint),
            any::<u64>().prop_map(Value::Negative),
            any::<Vec<u8>>().prop_map(Value::Bytes),
            any::<String>().prop_map(Value::Text),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::Null),
        ];
        leaf.prop_recursive(4, 32, 8, |inner| {
            proptest::collection::vec(inner, 0..8).prop_map(Value::Array)
        })
    }

    proptest! {
        #[test]
        fn a_value_round_trips(value in values()) {
            prop_assert_eq!(Value::from_bytes(&value.to_bytes()).unwrap(), value);
        }
    }
}
