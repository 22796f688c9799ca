//! Kinds of values in one word, so that a document's schema is a table.
//!
//! In: `u64`, `hash`, `text?`, `[@Validator]`, `'open'|'accepted'`. Out: the schema. `T?` may be null,
//! `[T]` is an array, `{T}` an object with such values, `'x'` the text itself, `@Name` another
//! table, `A|B` either. What is none of these refers to a table that does not exist, which a test finds.

use host_types::limits::METHOD_BYTES_MAX;
use serde_json::Value;
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaFormat,
    SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};

/// A schema, or where it is.
pub(super) type Node = RefOr<Schema>;

/// A text of a form.
struct Form {
    kind: &'static str,
    pattern: &'static str,
    description: &'static str,
}

const FORMS: &[Form] = &[
    Form { kind: "hash", pattern: "^[0-9a-f]{64}$", description: "32 bytes in lower-case hex" },
    Form { kind: "hash-in", pattern: "^[0-9a-fA-F]{64}$", description: "32 bytes in hex" },
    Form { kind: "hex", pattern: "^([0-9a-f]{2})*$", description: "bytes in lower-case hex" },
    Form { kind: "base64", pattern: BASE64, description: "bytes in base64 with padding" },
    Form { kind: "address", pattern: "^hx[0-9a-f]{40}$", description: "an address" },
    Form { kind: "digits", pattern: "^[0-9]+$", description: "an integer that no double holds" },
    Form { kind: "place", pattern: PLACE, description: "HEIGHT.TX.EVENT, numbers from 0" },
    Form { kind: "code", pattern: "^LC[0-9]{4}$", description: "`loopchain explain` tells more" },
    Form { kind: "channel", pattern: "^[a-z][a-z0-9_-]{0,63}$", description: "name of a channel" },
    Form { kind: "score", pattern: "^[a-z][a-z0-9-]{0,63}$", description: "name of a SCORE" },
    Form { kind: "block-in", pattern: BLOCK_IN, description: "which block" },
    Form { kind: "key-in", pattern: KEY_IN, description: "bytes in hex" },
    Form { kind: "cursor", pattern: CURSOR, description: "HEIGHT.TX" },
    Form { kind: "cursor-in", pattern: CURSOR_IN, description: "HEIGHT.TX" },
    Form { kind: "from-in", pattern: FROM_IN, description: "where to begin" },
    Form { kind: "prefer-in", pattern: "^wait=[0-9]{1,9}$", description: "RFC 7240" },
    Form { kind: "types-in", pattern: TYPES_IN, description: "separated by commas" },
    Form { kind: "uuid", pattern: UUID, description: "made of a public key" },
    Form { kind: "microseconds", pattern: "^[0-9]+$", description: "microseconds since 1970" },
];

/// A height, a hash, or `latest`.
const BLOCK_IN: &str = "^([0-9]{1,19}|[0-9a-fA-F]{64}|latest)$";
const KEY_IN: &str = "^(0x)?([0-9a-fA-F]{2}){1,256}$";
const CURSOR: &str = "^[0-9]{1,20}\\.[0-9]{1,10}$";
const CURSOR_IN: &str = "^[0-9]{1,19}\\.[0-9]{1,9}$";
const FROM_IN: &str = "^[0-9]{1,19}(\\.[0-9]{1,9}(\\.[0-9]{1,9})?)?$";
const TYPES_IN: &str = "^(block|tx|score)(,(block|tx|score)){0,2}$";
const BASE64: &str = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$";
const PLACE: &str = "^[0-9]{1,20}\\.[0-9]{1,10}\\.[0-9]{1,10}$";
const UUID: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

/// The schema of a kind.
pub(super) fn schema(kind: &str) -> Node {
    described(kind, "")
}

/// The same with what it is in words.
pub(super) fn described(kind: &str, description: &str) -> Node {
    let (kind, is_nullable) = match kind.strip_suffix('?') {
        Some(kind) => (kind, true),
        None => (kind, false),
    };
    if let Some(item) = enclosed(kind, '[', ']') {
        let array = ArrayBuilder::new().items(schema(item)).description(words(description));
        return or_null(array.build().into(), is_nullable);
    }
    if let Some(value) = enclosed(kind, '{', '}') {
        let map = ObjectBuilder::new()
            .additional_properties(Some(AdditionalProperties::RefOr(schema(value))))
            .description(words(description));
        return or_null(map.build().into(), is_nullable);
    }
    if kind.starts_with('\'') {
        return literals(kind, is_nullable, description);
    }
    if kind.contains('|') {
        let any = AnyOfBuilder::new().description(words(description));
        let any = kind.split('|').fold(any, |any, one| any.item(schema(one)));
        let any = if is_nullable { any.item(null()) } else { any };
        return any.into();
    }
    if let Some(name) = kind.strip_prefix('@') {
        let mut to = Ref::from_schema_name(name);
        to.description = description.to_owned();
        return or_null(RefOr::Ref(to), is_nullable);
    }
    primitive(kind, is_nullable, description)
}

fn words(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn enclosed(kind: &str, open: char, close: char) -> Option<&str> {
    kind.strip_prefix(open)?.strip_suffix(close)
}

fn null() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Null)
}

fn or_null(schema: Node, is_nullable: bool) -> Node {
    if is_nullable { AnyOfBuilder::new().item(schema).item(null()).into() } else { schema }
}

fn typed(kind: Type, is_nullable: bool) -> ObjectBuilder {
    let kind = if is_nullable {
        SchemaType::from_iter([kind, Type::Null])
    } else {
        SchemaType::Type(kind)
    };
    ObjectBuilder::new().schema_type(kind)
}

/// `'a'|'b'`: one of these texts.
fn literals(kind: &str, is_nullable: bool, description: &str) -> Node {
    let texts = kind.split('|').map(|text| Value::from(text.trim_matches('\'')));
    let values: Vec<_> = texts.chain(is_nullable.then_some(Value::Null)).collect();
    typed(Type::String, is_nullable)
        .enum_values(Some(values))
        .description(words(description))
        .into()
}

fn primitive(kind: &str, is_nullable: bool, description: &str) -> Node {
    let integer = |max: u64| {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        typed(Type::Integer, is_nullable).minimum(Some(0_usize)).maximum(Some(max))
    };
    let schema = match kind {
        "any" => ObjectBuilder::new().schema_type(SchemaType::AnyValue),
        "null" => null(),
        "object" => typed(Type::Object, is_nullable),
        "text" => typed(Type::String, is_nullable),
        "bool" => typed(Type::Boolean, is_nullable),
        "integer" => typed(Type::Integer, is_nullable),
        "u8" => integer(u8::MAX.into()),
        "u16" => integer(u16::MAX.into()),
        "u32" => integer(u32::MAX.into()),
        "u64" => integer(u64::MAX),
        "envelope-in" => return binary("the canonical CBOR of an envelope: docs/spec/wire.md"),
        "envelopes-in" => return binary("a CBOR sequence (RFC 8742) of such envelopes"),
        "topic-in" => {
            typed(Type::String, is_nullable).min_length(Some(1)).max_length(Some(METHOD_BYTES_MAX))
        }
        "page-in" => {
            typed(Type::Integer, is_nullable).minimum(Some(1_usize)).maximum(Some(100_usize))
        }
        "time" => typed(Type::String, is_nullable)
            .format(Some(SchemaFormat::Custom("date-time".to_owned()))),
        _ => match FORMS.iter().find(|form| form.kind == kind) {
            Some(form) => {
                let text = typed(Type::String, is_nullable).pattern(Some(form.pattern));
                let description = words(description).unwrap_or(form.description);
                return text.description(Some(description)).into();
            }
            None => return RefOr::Ref(Ref::from_schema_name(kind)),
        },
    };
    schema.description(words(description)).into()
}

/// Bytes of a body, at least one.
fn binary(description: &str) -> Node {
    typed(Type::String, false)
        .format(Some(SchemaFormat::Custom("binary".to_owned())))
        .min_length(Some(1))
        .description(words(description))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(kind: &str) -> String {
        serde_json::to_string(&schema(kind)).unwrap()
    }

    #[test]
    fn a_kind_is_written_in_one_word() {
        assert_eq!(json("u8"), r#"{"type":"integer","maximum":255,"minimum":0}"#);
        assert_eq!(json("bool?"), r#"{"type":["boolean","null"]}"#);
        assert_eq!(json("[text]"), r#"{"type":"array","items":{"type":"string"}}"#);
        assert_eq!(json("'a'|'b'"), r#"{"type":"string","enum":["a","b"]}"#);
        assert_eq!(json("'a'?"), r#"{"type":["string","null"],"enum":["a",null]}"#);
        assert_eq!(json("@A"), r##"{"$ref":"#/components/schemas/A"}"##);
        let either = r##"{"anyOf":[{"$ref":"#/components/schemas/A"},{"type":"null"}]}"##;
        assert_eq!(json("@A?"), either);
        assert_eq!(json("any"), "{}");
        assert!(json("{text}").contains(r#""additionalProperties":{"type":"string"}"#));
    }
}
