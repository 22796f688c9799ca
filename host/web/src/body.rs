//! Writes [`Json`]: in the style of Python's `json.dumps` for v1, compact for v2.
//!
//! In: a value. Out: text. v1's clients compare and store these bytes, so separators and escapes
//! are part of its contract.

use crate::json::Json;
use std::fmt::Write as _;

/// `json.dumps(value)`: separators `", "` and `": "`, everything beyond printable ASCII escaped.
#[must_use]
pub fn python(value: &Json) -> String {
    let mut out = String::with_capacity(256);
    write(&mut out, value, &PYTHON);
    out
}

/// Without spaces, text as it is.
#[must_use]
pub fn compact(value: &Json) -> String {
    let mut out = String::with_capacity(256);
    write(&mut out, value, &COMPACT);
    out
}

struct Style {
    comma: &'static str,
    colon: &'static str,
    is_ascii: bool,
}

const PYTHON: Style = Style { comma: ", ", colon: ": ", is_ascii: true };
const COMPACT: Style = Style { comma: ",", colon: ":", is_ascii: false };

fn write(out: &mut String, value: &Json, style: &Style) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) => out.push_str(number.as_str()),
        Json::Text(text) => write_text(out, text, style),
        Json::Array(values) => {
            out.push('[');
            for (at, value) in values.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { style.comma });
                write(out, value, style);
            }
            out.push(']');
        }
        Json::Object(fields) => {
            out.push('{');
            for (at, (key, value)) in fields.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { style.comma });
                write_text(out, key, style);
                out.push_str(style.colon);
                write(out, value, style);
            }
            out.push('}');
        }
    }
}

fn write_text(out: &mut String, text: &str, style: &Style) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ if c < ' ' || style.is_ascii => escape(out, c),
            _ => out.push(c),
        }
    }
    out.push('"');
}

fn escape(out: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a String cannot fail.
        write!(out, "\\u{unit:04x}").ok();
    }
}
