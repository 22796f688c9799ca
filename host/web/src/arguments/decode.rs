//! Canonical values as JSON, by declared type: outputs, arguments and events for people.

use super::Kind;
use crate::json::Json;
use host_types::manifest::Field;
use host_types::value::Value;
use host_types::{Address, Decode, hash};

/// The fields of an event or the arguments of a call, as an object by name; `None` when the bytes
/// are not an array of such fields.
#[must_use]
pub fn decode_fields(fields: &[Field], bytes: &[u8]) -> Option<Json> {
    let Value::Array(values) = Value::from_bytes(bytes).ok()? else { return None };
    if values.len() != fields.len() {
        return None;
    }
    let both = fields.iter().zip(&values);
    let named = both.map(|(f, v)| Some((f.name.clone().into(), json(&Kind::parse(&f.kind)?, v)?)));
    named.collect::<Option<_>>().map(Json::Object)
}

/// What a method returned; no bytes at all are `null`. `None` when they are not of that type.
#[must_use]
pub fn decode_value(kind: &str, bytes: &[u8]) -> Option<Json> {
    let kind = Kind::parse(kind)?;
    if bytes.is_empty() {
        return matches!(kind, Kind::Unit | Kind::Optional(_)).then_some(Json::Null);
    }
    json(&kind, &Value::from_bytes(bytes).ok()?)
}

/// A value whose type nobody told: bytes as hex. Bytes that are no canonical value are hex as a whole.
#[must_use]
pub fn decode_generic(bytes: &[u8]) -> Json {
    if bytes.is_empty() {
        return Json::Null;
    }
    Value::from_bytes(bytes).map_or_else(|_| hash::to_hex(bytes).into(), |value| generic(&value))
}

/// The body a catch-all was called with; `None` when the arguments are of another form.
#[must_use]
pub fn catch_all_text(args: &[u8]) -> Option<String> {
    let Value::Array(values) = Value::from_bytes(args).ok()? else { return None };
    match <[Value; 1]>::try_from(values).ok()? {
        [Value::Bytes(body)] => String::from_utf8(body).ok(),
        [Value::Text(body)] => Some(body),
        _ => None,
    }
}

fn generic(value: &Value) -> Json {
    match value {
        Value::Uint(value) => Json::from(*value),
        Value::Negative(size) => Json::from(!i128::from(*size)),
        Value::Bytes(bytes) => hash::to_hex(bytes).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Bool(value) => (*value).into(),
        Value::Null => Json::Null,
        Value::Array(values) => values.iter().map(generic).collect(),
    }
}

fn json(kind: &Kind, value: &Value) -> Option<Json> {
    match (kind, value) {
        (Kind::Unit | Kind::Optional(_), Value::Null) => Some(Json::Null),
        (Kind::Optional(inner), value) => json(inner, value),
        (Kind::Unsigned(bits), value) => unsigned(*bits, value),
        (Kind::Signed(bits), value) => signed(*bits, value),
        (Kind::Bool, Value::Bool(value)) => Some((*value).into()),
        (Kind::Text, Value::Text(text)) => Some(text.as_str().into()),
        (Kind::Bytes, Value::Bytes(bytes)) => Some(hash::to_hex(bytes).into()),
        (Kind::Hash, Value::Bytes(bytes)) if bytes.len() == 32 => Some(hash::to_hex(bytes).into()),
        (Kind::Address, Value::Bytes(bytes)) => {
            let bytes: [u8; 20] = bytes.as_slice().try_into().ok()?;
            Some(Address::new(bytes).to_string().into())
        }
        (Kind::List(item), Value::Array(values)) => {
            values.iter().map(|value| json(item, value)).collect::<Option<Vec<_>>>().map(Into::into)
        }
        (Kind::Tuple(parts), Value::Array(values)) if parts.len() == values.len() => {
            let both = parts.iter().zip(values);
            both.map(|(part, v)| json(part, v)).collect::<Option<Vec<_>>>().map(Into::into)
        }
        (Kind::Record(fields), Value::Array(values)) => record(fields, values),
        (Kind::Choice(variants), Value::Array(values)) => {
            let (Value::Uint(at), values) = values.split_first()? else { return None };
            let (name, fields) = variants.get(usize::try_from(*at).ok()?)?;
            match record(fields, values)? {
                _ if fields.is_empty() => Some(name.as_str().into()),
                fields => Some(Json::Object(vec![(name.clone().into(), fields)])),
            }
        }
        _ => None,
    }
}

fn record(fields: &[(String, Kind)], values: &[Value]) -> Option<Json> {
    if fields.len() != values.len() {
        return None;
    }
    let both = fields.iter().zip(values);
    let named = both.map(|((name, kind), v)| Some((name.clone().into(), json(kind, v)?)));
    named.collect::<Option<_>>().map(Json::Object)
}

/// Integers of 128 bits are text: readers with floats would round them.
const WIDE_BITS: u32 = 128;

fn unsigned(bits: u32, value: &Value) -> Option<Json> {
    let value = match value {
        Value::Uint(value) => u128::from(*value),
        Value::Bytes(bytes) if bits == WIDE_BITS => {
            u128::from_be_bytes(bytes.as_slice().try_into().ok()?)
        }
        _ => return None,
    };
    if bits == WIDE_BITS {
        return Some(value.to_string().into());
    }
    u64::try_from(value).ok().map(Json::from)
}

fn signed(bits: u32, value: &Value) -> Option<Json> {
    let value = match value {
        Value::Uint(value) => i128::from(*value),
        Value::Negative(size) => !i128::from(*size),
        Value::Bytes(bytes) if bits == WIDE_BITS => {
            i128::from_be_bytes(bytes.as_slice().try_into().ok()?)
        }
        _ => return None,
    };
    if bits == WIDE_BITS {
        return Some(value.to_string().into());
    }
    i64::try_from(value).ok().map(Json::from)
}
