//! Reads JSON text strictly (RFC 8259): one value, bounded nesting, no NaN, no lone surrogates.
//!
//! In: bytes of a body. Out: [`Json`], or a [`JsonError`] with the byte where it went wrong.

use super::{Json, Number};
use std::borrow::Cow;
use std::collections::HashMap;

/// Deepest nesting of arrays and objects: bounds the recursion of every reader and writer.
pub const DEPTH_MAX: usize = 32;

/// Most values of one text, counting each array, object, number, text and word: twice what 64 KiB, the
/// largest arguments and answers, can be made of. Each takes up to 80 bytes of memory.
pub const VALUES_MAX: usize = 65_536;

/// Objects with fewer keys are searched from end to end; more get an index.
const SEARCHED_KEYS_MAX: usize = 8;

/// What a second key of the same name does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// It replaces the first one's value, as in Python.
    LastWins,
    /// The text is refused: two readers could disagree about it.
    Refuse,
}

/// Why a text is not JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset}")]
pub struct JsonError {
    /// Where.
    pub offset: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// Reads one JSON value and nothing after it.
///
/// # Errors
/// When the text is not JSON, is nested too deep, or (as chosen) repeats a key.
pub fn parse(bytes: &[u8], duplicates: Duplicates) -> Result<Json, JsonError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|e| JsonError { offset: e.valid_up_to(), what: "the text is not UTF-8" })?;
    let mut parser = Parser { text, at: 0, left: VALUES_MAX, duplicates };
    parser.skip_space();
    let value = parser.value(DEPTH_MAX)?;
    parser.skip_space();
    if parser.at == text.len() { Ok(value) } else { Err(parser.error("more text follows")) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// Values that may still come.
    left: usize,
    duplicates: Duplicates,
}

impl Parser<'_> {
    const fn error(&self, what: &'static str) -> JsonError {
        JsonError { offset: self.at, what }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.left = self.left.checked_sub(1).ok_or(self.error("too many values"))?;
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number().map(Json::Number),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Json, JsonError> {
        let words = [("null", Json::Null), ("true", true.into()), ("false", false.into())];
        for (word, value) in words {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.error("no value"))
    }

    fn array(&mut self, depth: usize) -> Result<Json, JsonError> {
        let depth = depth.checked_sub(1).ok_or(self.error("nested too deep"))?;
        self.at += 1;
        let mut values = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(values.into());
        }
        loop {
            self.skip_space();
            values.push(self.value(depth)?);
            self.skip_space();
            if self.take(b']') {
                return Ok(values.into());
            }
            if !self.take(b',') {
                return Err(self.error("no `,` or `]`"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, JsonError> {
        let depth = depth.checked_sub(1).ok_or(self.error("nested too deep"))?;
        self.at += 1;
        let mut fields = Fields::default();
        self.skip_space();
        if self.take(b'}') {
            return Ok(Json::Object(fields.list));
        }
        loop {
            self.skip_space();
            let start = self.at;
            let key = self.string()?;
            self.skip_space();
            if !self.take(b':') {
                return Err(self.error("no `:`"));
            }
            self.skip_space();
            let value = self.value(depth)?;
            if fields.put(key, value) && self.duplicates == Duplicates::Refuse {
                return Err(JsonError { offset: start, what: "a key for the second time" });
            }
            self.skip_space();
            if self.take(b'}') {
                return Ok(Json::Object(fields.list));
            }
            if !self.take(b',') {
                return Err(self.error("no `,` or `}`"));
            }
        }
    }

    fn number(&mut self) -> Result<Number, JsonError> {
        let is_part = |b: u8| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let len = self.rest().bytes().take_while(|b| is_part(*b)).count();
        let text = self.rest().get(..len).unwrap_or_default();
        let number = if text.contains(['.', 'e', 'E']) {
            is_float(text).then(|| text.parse().ok().and_then(Number::float)).flatten()
        } else {
            Number::integer(text)
        };
        let number = number.ok_or(self.error("no number, or one out of range"))?;
        self.at += len;
        Ok(number)
    }

    fn string(&mut self) -> Result<String, JsonError> {
        if !self.take(b'"') {
            return Err(self.error("no string"));
        }
        let mut out = String::new();
        loop {
            let plain = |b: u8| b != b'"' && b != b'\\' && b >= 0x20;
            let len = self.rest().bytes().take_while(|b| plain(*b)).count();
            out.push_str(self.rest().get(..len).unwrap_or_default());
            self.at += len;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                _ => return Err(self.error("a string without its end, or a control character")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let error = self.error("no such escape");
        self.at += 1;
        let c = match self.peek().ok_or_else(|| error.clone())? {
            c @ (b'"' | b'\\' | b'/') => char::from(c),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode().ok_or(error);
            }
            _ => return Err(error),
        };
        self.at += 1;
        Ok(c)
    }

    fn unicode(&mut self) -> Option<char> {
        let first = self.hex4()?;
        let code = if (0xd800..0xdc00).contains(&first) {
            let both = self.take(b'\\') && self.take(b'u');
            let second = if both { self.hex4()? } else { 0 };
            let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
            0x10000 + ((first - 0xd800) << 10) + low
        } else {
            first
        };
        char::from_u32(code)
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4)?;
        let all_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
        self.at += 4;
        all_hex.then(|| u32::from_str_radix(digits_at(self.text, self.at), 16).ok()).flatten()
    }
}

fn digits_at(text: &str, end: usize) -> &str {
    text.get(end.saturating_sub(4)..end).unwrap_or_default()
}

/// `-? int frac? exp?`
fn is_float(text: &str) -> bool {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    Number::integer(whole).is_some() && digits(fraction) && digits(exponent)
}

/// Keys in order of their first mention, found fast however many there are.
#[derive(Default)]
struct Fields {
    list: Vec<(Cow<'static, str>, Json)>,
    index: HashMap<String, usize>,
}

impl Fields {
    /// Puts a key; true when it was there.
    fn put(&mut self, key: String, value: Json) -> bool {
        let found = if self.index.is_empty() {
            self.list.iter().position(|(k, _)| *k == key)
        } else {
            self.index.get(&key).copied()
        };
        if let Some(field) = found.and_then(|at| self.list.get_mut(at)) {
            field.1 = value;
            return true;
        }
        if self.list.len() >= SEARCHED_KEYS_MAX {
            if self.index.is_empty() {
                let known = self.list.iter().enumerate();
                self.index.extend(known.map(|(at, (k, _))| (k.to_string(), at)));
            }
            self.index.insert(key.clone(), self.list.len());
        }
        self.list.push((key.into(), value));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last_wins(text: &str) -> Result<Json, JsonError> {
        parse(text.as_bytes(), Duplicates::LastWins)
    }

    #[test]
    fn order_and_digits_survive() {
        let text = r#"{"z": [1, -2, 3.5, 18446744073709551616], "a": {"b": null}, "c": true}"#;
        assert_eq!(crate::body::python(&last_wins(text).unwrap()), text);
    }

    #[test]
    fn escapes_are_read_and_written_in_ascii() {
        let value = last_wins(r#""\u0041\n\/\ud83d\ude00민\u007f""#).unwrap();
        assert_eq!(value.as_str(), Some("A\n/😀민\u{7f}"));
        assert_eq!(crate::body::python(&value), r#""A\n/\ud83d\ude00\ubbfc\u007f""#);
        assert_eq!(crate::body::compact(&value), "\"A\\n/😀민\u{7f}\"");
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let bad = [
            "",
            " ",
            "{",
            "}",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "--1",
            "nul",
            "NaN",
            "Infinity",
            "1e400",
            "\"",
            "\"\t\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\u12g4\"",
            "[1 2]",
            "{\"a\" 1}",
            "1 2",
            "'a'",
            "\"\\u+123\"",
        ];
        for text in bad {
            assert!(last_wins(text).is_err(), "{text}");
        }
        assert!(parse(&[b'"', 0xff, b'"'], Duplicates::LastWins).is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(last_wins(&nested(DEPTH_MAX)).is_ok());
        assert!(last_wins(&nested(DEPTH_MAX + 1)).is_err());
        assert!(last_wins(&"[".repeat(200_000)).is_err());
    }

    #[test]
    fn a_second_key_replaces_or_is_refused() {
        let text = r#"{"a": 1, "b": 2, "a": 3}"#;
        assert_eq!(crate::body::python(&last_wins(text).unwrap()), r#"{"a": 3, "b": 2}"#);
        assert_eq!(parse(text.as_bytes(), Duplicates::Refuse).unwrap_err().offset, 17);
    }

    #[test]
    fn many_keys_stay_fast_and_unique() {
        let keys: Vec<_> = (0..20_000).map(|i| format!("\"k{}\":{i}", i % 19_999)).collect();
        let value = last_wins(&format!("{{{}}}", keys.join(","))).unwrap();
        let Json::Object(fields) = &value else { panic!("no object") };
        assert_eq!(fields.len(), 19_999);
        assert_eq!(value.get("k0"), Some(&Json::from(19_999)));
    }
}
