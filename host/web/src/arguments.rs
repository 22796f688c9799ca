//! Arguments people write in JSON, as the canonical CBOR a SCORE reads, and its answers back.
//!
//! In: a manifest, a method's name, JSON by name or by position. Out: the canonical array, or a
//! [`CallError`] that names the parameter and the ones there are. Used by REST and by the command
//! line. Deliberately not here: who sends it, and how a name becomes an address (a callback).
//!
//! | type | JSON in | JSON out | CBOR |
//! |---|---|---|---|
//! | `u8` … `u64` | number or text of digits | number | unsigned |
//! | `u128` | number or text of digits | text | unsigned; above `u64::MAX` 16 bytes, big-endian |
//! | `i64` | number or text | number | unsigned or negative |
//! | `i128` | number or text | text | likewise; beyond 64 bits 16 bytes, two's complement |
//! | `bool` | `true`, `false` or their text | boolean | true, false |
//! | `text` | text | text | text |
//! | `bytes`, `hash` | hex text, `0x` allowed | hex text | bytes |
//! | `address` | `hx` and 40 hex digits, or a name | `hx…` | 20 bytes |
//! | `[T]`, `(A,B)` | array | array | array |
//! | `{a:A,b:B}` | object by name, or array | object | array in the order of the type |
//! | `<A|B{b:B}>` | `"A"` or `{"B": {…}}` | the same | array: number of the variant, fields |
//! | `T?` | `null` or T | `null` or T | null or T |

mod decode;
mod encode;
mod kind;
pub(crate) mod suggest;

pub use decode::{catch_all_text, decode_fields, decode_generic, decode_value};
pub use kind::Kind;

use crate::json::Json;
use host_types::manifest::{Field, Manifest, Method};
use host_types::value::Value;
use host_types::{Address, Code, Encode, Rejection};

/// Turns the name of a person or node into an address; `None` when nobody is called so.
pub type Resolver<'a> = dyn Fn(&str) -> Option<Address> + 'a;

/// What a method is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// In a transaction.
    Transaction,
    /// Read only.
    Query,
    /// At the first activation.
    Deploy,
}

impl CallKind {
    /// Whether a method of a manifest is of this kind. The SDK writes `invoke`, `score.md` says `call`.
    #[must_use]
    pub fn is(self, method: &Method) -> bool {
        match self {
            Self::Transaction => matches!(method.kind.as_str(), "call" | "invoke"),
            Self::Query => method.kind == "query",
            Self::Deploy => method.kind == "deploy",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Transaction => "method",
            Self::Query => "query",
            Self::Deploy => "deploy method",
        }
    }
}

/// Why a call cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct CallError {
    /// [`Code::ArgumentsWrong`] or [`Code::MethodUnknown`].
    pub code: Code,
    /// What is wrong, in one line.
    pub message: String,
    /// What there is instead.
    pub help: Vec<String>,
}

impl From<CallError> for Rejection {
    fn from(error: CallError) -> Self {
        let help = error.help.join(" ");
        Self::new(error.code, format!("{} ({help})", error.message))
    }
}

/// The method of a name and kind.
///
/// # Errors
/// [`Code::MethodUnknown`], with the methods there are.
pub fn find<'a>(
    manifest: &'a Manifest,
    kind: CallKind,
    name: &str,
) -> Result<&'a Method, CallError> {
    let of_kind = || manifest.methods.iter().filter(|method| kind.is(method));
    of_kind().find(|method| method.name == name).ok_or_else(|| {
        let names: Vec<_> = of_kind().map(|method| method.name.as_str()).collect();
        CallError {
            code: Code::MethodUnknown,
            message: format!("{} has no {} `{name}`", manifest.name, kind.word()),
            help: suggest::help(&format!("its {} are", plural(kind)), &names, name, |n| n.into()),
        }
    })
}

const fn plural(kind: CallKind) -> &'static str {
    match kind {
        CallKind::Transaction => "methods",
        CallKind::Query => "queries",
        CallKind::Deploy => "deploy methods",
    }
}

/// Encodes the arguments of a method: `args` is an object by parameter name, an array by position,
/// or `null` for none.
///
/// # Errors
/// [`Code::ArgumentsWrong`] with the parameter, what was expected and what there is.
pub fn encode(
    score: &str,
    method: &Method,
    args: &Json,
    resolve: &Resolver<'_>,
) -> Result<Vec<u8>, CallError> {
    let owner = format!("{score}.{}", method.name);
    let wrong = |message: String, written: &str| CallError {
        code: Code::ArgumentsWrong,
        message,
        help: parameters_help(&method.args, written),
    };
    let given = by_position(&owner, &method.args, args)
        .map_err(|(message, written)| wrong(message, &written))?;
    let mut values = Vec::with_capacity(given.len());
    for (field, value) in method.args.iter().zip(given) {
        let kind = Kind::parse(&field.kind).ok_or_else(|| {
            wrong(format!("{owner}: `{}` has the unknown type {}", field.name, field.kind), "")
        })?;
        let value = encode::encode(&kind, value, &field.name, resolve)
            .map_err(|problem| wrong(format!("{owner}: {problem}"), ""))?;
        values.push(value);
    }
    Ok(Value::Array(values).to_bytes())
}

/// The arguments of a catch-all: one byte string, the body as it was sent.
#[must_use]
pub fn catch_all(body: &str) -> Vec<u8> {
    Value::Array(vec![Value::Bytes(body.as_bytes().to_vec())]).to_bytes()
}

/// `to: address, amount: u128`
#[must_use]
pub fn describe(fields: &[Field]) -> String {
    let parts: Vec<_> = fields.iter().map(|f| format!("{}: {}", f.name, f.kind)).collect();
    parts.join(", ")
}

fn parameters_help(fields: &[Field], written: &str) -> Vec<String> {
    if fields.is_empty() {
        return vec!["it takes no parameters".to_owned()];
    }
    let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    let describe = |name: &str| {
        let field = fields.iter().find(|field| field.name == name);
        field.map_or_else(String::new, |field| format!("{}: {}", field.name, field.kind))
    };
    suggest::help("parameters are", &names, written, describe)
}

/// Puts the values in the order of the parameters; on failure the message and the name as written.
fn by_position<'a>(
    owner: &str,
    fields: &[Field],
    args: &'a Json,
) -> Result<Vec<&'a Json>, (String, String)> {
    let plain = |message: String| (message, String::new());
    match args {
        Json::Null if fields.is_empty() => Ok(Vec::new()),
        Json::Array(values) if values.len() == fields.len() => Ok(values.iter().collect()),
        Json::Array(values) => {
            let (takes, given) = (fields.len(), values.len());
            Err(plain(format!("{owner} takes {takes} arguments, not {given}")))
        }
        Json::Object(given) => {
            let known = |key: &str| fields.iter().any(|field| field.name == key);
            if let Some((key, _)) = given.iter().find(|(key, _)| !known(key)) {
                return Err((format!("{owner} has no parameter `{key}`"), key.to_string()));
            }
            let value = |field: &Field| {
                let missing = || plain(format!("{owner} needs `{}`", field.name));
                match args.get(&field.name) {
                    None if field.kind.ends_with('?') => Ok(&Json::Null),
                    found => found.ok_or_else(missing),
                }
            };
            fields.iter().map(value).collect()
        }
        Json::Null => Err(plain(format!("{owner} needs `{}`", first_name(fields)))),
        other => {
            Err(plain(format!("{owner}: arguments are an object or array, not {}", other.kind())))
        }
    }
}

fn first_name(fields: &[Field]) -> &str {
    fields.first().map_or("", |field| &field.name)
}

#[cfg(test)]
mod tests;
