//! One JSON value as a canonical value of a declared type.

use super::kind::Fields;
use super::{Kind, Resolver};
use crate::json::Json;
use host_types::value::Value;
use host_types::{Address, hash};

/// Encodes `json` as a `kind`; `place` names it in the message of a failure.
pub(super) fn encode(
    kind: &Kind,
    json: &Json,
    place: &str,
    resolve: &Resolver<'_>,
) -> Result<Value, String> {
    let wrong = || format!("`{place}` must be {}, not {}", kind.describe(), shown(json));
    match kind {
        Kind::Unit if *json == Json::Null => Ok(Value::Null),
        Kind::Unsigned(bits) => unsigned(*bits, json).ok_or_else(wrong),
        Kind::Signed(bits) => signed(*bits, json).ok_or_else(wrong),
        Kind::Bool => boolean(json).map(Value::Bool).ok_or_else(wrong),
        Kind::Text => json.as_str().map(|text| Value::Text(text.to_owned())).ok_or_else(wrong),
        Kind::Bytes => bytes(json).map(Value::Bytes).ok_or_else(wrong),
        Kind::Hash => bytes(json).filter(|b| b.len() == 32).map(Value::Bytes).ok_or_else(wrong),
        Kind::Address => address(json, place, resolve).unwrap_or_else(|| Err(wrong())),
        Kind::Optional(_) if *json == Json::Null => Ok(Value::Null),
        Kind::Optional(inner) => encode(inner, json, place, resolve),
        Kind::List(item) => {
            let Json::Array(items) = json else { return Err(wrong()) };
            let items = items.iter().enumerate();
            let encoded = items.map(|(i, v)| encode(item, v, &format!("{place}[{i}]"), resolve));
            encoded.collect::<Result<_, _>>().map(Value::Array)
        }
        Kind::Tuple(parts) => match json {
            Json::Array(items) if items.len() == parts.len() => {
                let both = parts.iter().zip(items).enumerate();
                let encoded =
                    both.map(|(i, (part, v))| encode(part, v, &format!("{place}[{i}]"), resolve));
                encoded.collect::<Result<_, _>>().map(Value::Array)
            }
            _ => Err(wrong()),
        },
        Kind::Record(fields) => {
            record(fields, json, place, resolve).unwrap_or_else(|| Err(wrong()))
        }
        Kind::Choice(variants) => {
            choice(variants, json, place, resolve).unwrap_or_else(|| Err(wrong()))
        }
        Kind::Unit => Err(wrong()),
    }
}

/// A variant without fields is its name, one with fields an object of one member.
fn choice(
    variants: &[(String, Fields)],
    json: &Json,
    place: &str,
    resolve: &Resolver<'_>,
) -> Option<Result<Value, String>> {
    let (name, given) = match json {
        Json::Text(name) => (name.as_str(), None),
        Json::Object(members) => match members.as_slice() {
            [(name, given)] => (&**name, Some(given)),
            _ => return None,
        },
        _ => return None,
    };
    let at = variants.iter().position(|(known, _)| known == name)?;
    let fields = &variants[at].1;
    let mut values = vec![Value::Uint(at as u64)];
    match given {
        None if fields.is_empty() => {}
        None => return None,
        Some(given) => match record(fields, given, &format!("{place}.{name}"), resolve)? {
            Ok(Value::Array(encoded)) => values.extend(encoded),
            other => return Some(other),
        },
    }
    Some(Ok(Value::Array(values)))
}

/// A value as it stands in a message, short.
fn shown(json: &Json) -> String {
    const LETTERS_MAX: usize = 40;
    match json {
        Json::Array(_) | Json::Object(_) => json.kind().to_owned(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => {
            let text = json.to_string();
            if text.chars().count() <= LETTERS_MAX {
                return text;
            }
            text.chars().take(LETTERS_MAX).chain("…".chars()).collect()
        }
    }
}

/// The digits of a whole number, given as number or as text.
fn digits(json: &Json) -> Option<&str> {
    match json {
        Json::Number(number) if number.is_integer() => Some(number.as_str()),
        Json::Text(text) => {
            let body = text.strip_prefix('-').unwrap_or(text);
            let is_number = !body.is_empty() && body.bytes().all(|b| b.is_ascii_digit());
            is_number.then_some(text)
        }
        _ => None,
    }
}

fn unsigned(bits: u32, json: &Json) -> Option<Value> {
    let value: u128 = digits(json)?.parse().ok()?;
    if value.checked_shr(bits).unwrap_or_default() != 0 {
        return None;
    }
    Some(u64::try_from(value).map_or_else(|_| wide(value.to_be_bytes()), Value::Uint))
}

fn signed(bits: u32, json: &Json) -> Option<Value> {
    let value: i128 = digits(json)?.parse().ok()?;
    // All bits above the sign bit repeat it.
    let top = value >> bits.saturating_sub(1);
    if top != 0 && top != -1 {
        return None;
    }
    // `!value` is `-1 - value`: how CBOR counts negative numbers.
    let (size, narrow): (i128, fn(u64) -> Value) =
        if value < 0 { (!value, Value::Negative) } else { (value, Value::Uint) };
    Some(u64::try_from(size).map_or_else(|_| wide(value.to_be_bytes()), narrow))
}

fn wide(bytes: [u8; 16]) -> Value {
    Value::Bytes(bytes.to_vec())
}

fn boolean(json: &Json) -> Option<bool> {
    match json {
        Json::Bool(value) => Some(*value),
        Json::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn bytes(json: &Json) -> Option<Vec<u8>> {
    let text = json.as_str()?;
    hash::from_hex(text.strip_prefix("0x").unwrap_or(text))
}

fn address(json: &Json, place: &str, resolve: &Resolver<'_>) -> Option<Result<Value, String>> {
    let text = json.as_str()?;
    let found = Address::parse(text).or_else(|| resolve(text));
    let unknown = || format!("`{place}`: nobody on this channel is called `{}`", short(text));
    Some(found.map(|a| Value::Bytes(a.as_bytes().to_vec())).ok_or_else(unknown))
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

fn record(
    fields: &[(String, Kind)],
    json: &Json,
    place: &str,
    resolve: &Resolver<'_>,
) -> Option<Result<Value, String>> {
    let values: Vec<_> = match json {
        Json::Array(items) if items.len() == fields.len() => items.iter().collect(),
        Json::Object(given) => {
            if let Some((key, _)) = given.iter().find(|(k, _)| !fields.iter().any(|(n, _)| n == k))
            {
                return Some(Err(format!("`{place}` has no field `{}`", short(key))));
            }
            let absent = &Json::Null;
            fields.iter().map(|(name, _)| json.get(name).unwrap_or(absent)).collect()
        }
        _ => return None,
    };
    let both = fields.iter().zip(values);
    let encoded =
        both.map(|((name, kind), v)| encode(kind, v, &format!("{place}.{name}"), resolve));
    Some(encoded.collect::<Result<_, _>>().map(Value::Array))
}
