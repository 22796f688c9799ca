//! The documents of v2 in CBOR, for clients that ask for it.
//!
//! In: `Accept: application/cbor` and an answer in JSON. Out: the same document in CBOR (RFC 8949):
//! the same keys in the same order, texts as texts, whole numbers in their shortest form, others as
//! 64-bit floats. It saves parsing, not meaning: bytes stay hex and base64. What is signed has a
//! canonical form of its own (`docs/spec/wire.md`), which this is not.

use crate::json::{Duplicates, Json, parse};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use http_body_util::BodyExt;

/// Content type of what is written here.
const CBOR: HeaderValue = HeaderValue::from_static("application/cbor");
/// What an `ETag` has behind it when it names the document in CBOR.
const TAG_SUFFIX: &str = ".cbor\"";

/// Whether a client wants CBOR, and JSON no more than that.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let ranges = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut cbor, mut json) = (0.0, 0.0);
    for range in ranges.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, quality);
        match kind.as_str() {
            "application/cbor" => cbor = quality,
            "application/json" | "application/problem+json" => json = quality,
            _ => {}
        }
    }
    cbor > 0.0 && cbor >= json
}

fn quality(text: &str) -> f32 {
    text.trim().parse().ok().filter(|value| (0.0..=1.0).contains(value)).unwrap_or(0.0)
}

/// A tag of a client without what marks it as CBOR's.
pub(crate) fn plain_tag(tag: &str) -> String {
    tag.strip_suffix(TAG_SUFFIX).map_or_else(|| tag.to_owned(), |start| format!("{start}\""))
}

/// The answer in CBOR, when it is a document in JSON; any other stays as it is.
pub(crate) async fn translated(response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_json = kind.is_some_and(|kind| {
        ["application/json", "application/problem+json"].iter().any(|json| kind == json)
    });
    let (mut parts, body) = response.into_parts();
    mark(&mut parts.headers);
    if !is_json {
        return Response::from_parts(parts, body);
    }
    // It was made here, whole.
    let Ok(body) = body.collect().await else { return Response::from_parts(parts, Body::empty()) };
    let bytes = body.to_bytes();
    let Ok(json) = parse(&bytes, Duplicates::LastWins) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    parts.headers.insert(header::CONTENT_TYPE, CBOR);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(encode(&json)))
}

/// Another representation has another tag, also where the answer is that it is known. What a proxy
/// hands on was marked by the peer.
fn mark(headers: &mut HeaderMap) {
    let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let tag = tag.filter(|tag| !tag.ends_with(TAG_SUFFIX));
    let marked = tag.and_then(|tag| tag.strip_suffix('"')).map(|tag| format!("{tag}{TAG_SUFFIX}"));
    if let Some(Ok(tag)) = marked.map(|tag| HeaderValue::from_str(&tag)) {
        headers.insert(header::ETAG, tag);
    }
}

/// The document in CBOR.
#[must_use]
pub fn encode(json: &Json) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write(&mut out, json);
    out
}

const UINT: u8 = 0;
const NEGATIVE: u8 = 1;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;
const FLOAT: u8 = 0xfb;

fn write(out: &mut Vec<u8>, json: &Json) {
    match json {
        Json::Null => out.push(NULL),
        Json::Bool(value) => out.push(if *value { TRUE } else { FALSE }),
        Json::Number(number) => write_number(out, number.as_str()),
        Json::Text(text) => write_text(out, text),
        Json::Array(values) => {
            write_head(out, ARRAY, values.len() as u64);
            values.iter().for_each(|value| write(out, value));
        }
        Json::Object(fields) => {
            write_head(out, MAP, fields.len() as u64);
            for (key, value) in fields {
                write_text(out, key);
                write(out, value);
            }
        }
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_head(out, TEXT, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn write_number(out: &mut Vec<u8>, text: &str) {
    if let Ok(value) = text.parse::<u64>() {
        write_head(out, UINT, value);
    } else if let Ok(value) = text.parse::<i64>() {
        // -1 - n, and the complement of a negative number is that n.
        write_head(out, NEGATIVE, u64::from_be_bytes((!value).to_be_bytes()));
    } else {
        out.push(FLOAT);
        out.extend_from_slice(&text.parse::<f64>().unwrap_or(f64::NAN).to_be_bytes());
    }
}

/// Major type and length in the fewest bytes.
fn write_head(out: &mut Vec<u8>, major: u8, value: u64) {
    let major = major << 5;
    if let Ok(small) = u8::try_from(value) {
        if small < 24 {
            out.push(major | small);
        } else {
            out.extend_from_slice(&[major | 24, small]);
        }
    } else if let Ok(value) = u16::try_from(value) {
        out.push(major | 25);
        out.extend_from_slice(&value.to_be_bytes());
    } else if let Ok(value) = u32::try_from(value) {
        out.push(major | 26);
        out.extend_from_slice(&value.to_be_bytes());
    } else {
        out.push(major | 27);
        out.extend_from_slice(&value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(json: &str) -> String {
        let json = parse(json.as_bytes(), Duplicates::Refuse).unwrap();
        host_types::hash::to_hex(&encode(&json))
    }

    /// From the examples of RFC 8949, appendix A.
    #[test]
    fn documents_are_written_as_the_rfc_does() {
        for (json, cbor) in [
            ("0", "00"),
            ("23", "17"),
            ("24", "1818"),
            ("1000", "1903e8"),
            ("1000000", "1a000f4240"),
            ("1000000000000", "1b000000e8d4a51000"),
            ("18446744073709551615", "1bffffffffffffffff"),
            ("-1", "20"),
            ("-1000", "3903e7"),
            ("1.1", "fb3ff199999999999a"),
            ("true", "f5"),
            ("null", "f6"),
            ("\"\u{fc}\"", "62c3bc"),
            ("[1,[2,3]]", "8201820203"),
            ("{\"a\":1,\"b\":[2,3]}", "a26161016162820203"),
        ] {
            assert_eq!(hex(json), cbor, "{json}");
        }
    }

    #[test]
    fn a_tag_is_marked_once() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ETAG, HeaderValue::from_static("\"abc\""));
        for _ in 0..2 {
            mark(&mut headers);
            assert_eq!(headers[header::ETAG], "\"abc.cbor\"");
        }
        assert_eq!(plain_tag("\"abc.cbor\""), "\"abc\"");
        assert_eq!(plain_tag("\"abc\""), "\"abc\"");
    }

    #[test]
    fn cbor_is_given_to_those_who_want_it_no_less_than_json() {
        let wants = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            is_wanted(&headers)
        };
        assert!(wants("application/cbor"));
        assert!(wants("text/html, application/cbor;q=0.5"));
        assert!(wants("application/json;q=0.1, Application/CBOR"));
        assert!(!wants("application/json, application/cbor;q=0.9"));
        assert!(!wants("application/cbor;q=0"));
        assert!(!wants("application/cbor;q=nonsense"));
        assert!(!wants("*/*"));
        assert!(!is_wanted(&HeaderMap::new()));
    }
}
