//! JSON as it was written: objects keep the order of their keys, integers keep every digit.
//!
//! In: text ([`parse`]) or values built in code. Out: [`Json`], written by [`crate::body`]. The old
//! edition stored and echoed `json.dumps` of what it was sent, so neither sorting nor rounding is
//! allowed here. Deliberately not here: mapping to Rust types.

mod parse;

use std::borrow::Cow;

pub use parse::{DEPTH_MAX, Duplicates, JsonError, VALUES_MAX, parse};

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Self>),
    /// An object; keys in order, each once.
    Object(Vec<(Cow<'static, str>, Self)>),
}

/// A number as text: an integer of any size, or a float in Python's shortest form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number(String);

impl Number {
    /// The number as JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the text of an integer; `None` when it is none.
    #[must_use]
    pub fn integer(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let is_short = digits == "0" || !digits.starts_with('0');
        (is_number && is_short).then(|| Self(if digits == "0" { digits } else { text }.to_owned()))
    }

    /// A float; `None` when it is not finite.
    #[must_use]
    pub fn float(value: f64) -> Option<Self> {
        value.is_finite().then(|| Self(python_repr(value)))
    }

    /// True when it has no fraction and no exponent.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        !self.0.contains(['.', 'e'])
    }
}

/// Shortest form that reads back equal, laid out as Python does: an exponent below 1e-4 and from
/// 1e16 on, at least two digits in it, a fraction otherwise.
fn python_repr(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{value}");
    if plain.contains('.') { plain } else { format!("{plain}.0") }
}

impl Json {
    /// An object of these keys in this order.
    #[must_use]
    pub fn object<const N: usize>(fields: [(&'static str, Self); N]) -> Self {
        Self::Object(fields.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// The value of a key; `None` when this is no object or has no such key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields.iter().find(|(k, _)| k == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text, when it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Adds a key at the end; does nothing to what is no object.
    pub fn push(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Self>) {
        if let Self::Object(fields) = self {
            fields.push((key.into(), value.into()));
        }
    }

    /// This object with one more key at the end.
    #[must_use]
    pub fn with(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Self>) -> Self {
        self.push(key, value);
        self
    }

    /// What kind of value it is, for messages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

impl std::fmt::Display for Json {
    /// Compact JSON.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::body::compact(self))
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<Vec<Self>> for Json {
    fn from(values: Vec<Self>) -> Self {
        Self::Array(values)
    }
}

impl FromIterator<Self> for Json {
    fn from_iter<I: IntoIterator<Item = Self>>(values: I) -> Self {
        Self::Array(values.into_iter().collect())
    }
}

macro_rules! integers {
    ($($type:ty),*) => { $(
        impl From<$type> for Json {
            fn from(value: $type) -> Self {
                Self::Number(Number(value.to_string()))
            }
        }
    )* };
}
integers!(u8, u16, u32, u64, usize, i32, i64, i128);

impl From<&serde_json::Value> for Json {
    /// For callers that hold serde values. A number beyond 64 bits has already become a float there.
    fn from(value: &serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => {
                let text = number.to_string();
                Number::integer(&text)
                    .or_else(|| number.as_f64().and_then(Number::float))
                    .map_or(Self::Text(text), Self::Number)
            }
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(values) => values.iter().map(Self::from).collect(),
            Value::Object(fields) => Self::Object(
                fields.iter().map(|(k, v)| (k.clone().into(), Self::from(v))).collect(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        let cases = [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-0.0, "-0.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (123456.789, "123456.789"),
            (5e-324, "5e-324"),
        ];
        for (value, text) in cases {
            assert_eq!(Number::float(value).unwrap().as_str(), text);
        }
        assert_eq!(Number::float(f64::INFINITY), None);
    }

    #[test]
    fn integers_keep_every_digit() {
        let text = "340282366920938463463374607431768211456123";
        assert_eq!(Number::integer(text).unwrap().as_str(), text);
        assert_eq!(Number::integer("-0").unwrap().as_str(), "0");
        assert_eq!(Number::integer("01"), None);
        assert_eq!(Number::integer("1.0"), None);
    }
}
