//! The manifest: what a SCORE offers, as JSON in the ELF section `.loopscore`.
//!
//! In: what the macros and the types say. Out: canonical JSON bytes, made while compiling, so that
//! the host reads it without running anything:
//!
//! ```json
//! {"abi":"1.0","name":"token","version":"0.1.0","sdk":"0.1.0",
//!  "methods":[{"name":"transfer","kind":"invoke",
//!              "args":[{"name":"to","type":"address"},{"name":"amount","type":"u128"}],
//!              "returns":"()"}],
//!  "events":[{"name":"transfer","fields":[{"name":"from","type":"address"}]}],
//!  "faults":[{"code":1,"name":"Insufficient","message":"balance {have} is less than {need}"}],
//!  "prefixes":["owner","balances/"],
//!  "any":{"invoke":false,"query":false}}
//! ```
//!
//! Kinds: `deploy`, `invoke`, `query`, `migrate`. Types: `u8 u16 u32 u64 u128 i8 i16 i32 i64
//! i128 bool text bytes hash address`, list `[T]`, optional `T?`, tuple `(T,T)`, record `{name:T,name:T}` (a struct
//! with `#[derive(Value)]`), choice `<Name|Name{name:T}>` (an enum with it); a method without an answer returns `()`.
//! Everything is CBOR as in `args.rs`; arguments, tuples, records and events are arrays, a choice is
//! the array of the variant's number (from 0) and its fields.
//! `any`: a method that is not listed goes to the catch-all of that kind with the request's body as
//! arguments, byte for byte; a catch-all query answers the CBOR of its return type, mostly `bytes`.

/// Longest name of a type; longer ones do not compile.
const TYPE_NAME_BYTES: usize = 256;

/// The manifest's name of a type, built while compiling.
#[derive(Clone, Copy, Debug)]
pub struct TypeName {
    bytes: [u8; TYPE_NAME_BYTES],
    len: usize,
}

impl TypeName {
    const fn new() -> Self {
        Self { bytes: [0; TYPE_NAME_BYTES], len: 0 }
    }

    const fn push(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        let mut at = 0;
        while at < text.len() {
            assert!(self.len < TYPE_NAME_BYTES, "the type is too large for a manifest");
            self.bytes[self.len] = text[at];
            self.len += 1;
            at += 1;
        }
        self
    }

    /// A type with a fixed name.
    #[must_use]
    pub const fn of(name: &str) -> Self {
        Self::new().push(name)
    }

    /// `[T]`
    #[must_use]
    pub const fn list(item: &Self) -> Self {
        Self::new().push("[").push(item.as_str()).push("]")
    }

    /// `T?`
    #[must_use]
    pub const fn optional(some: &Self) -> Self {
        Self::new().push(some.as_str()).push("?")
    }

    /// `(A,B)`
    #[must_use]
    pub const fn tuple(parts: &[&Self]) -> Self {
        let mut name = Self::new().push("(");
        let mut at = 0;
        while at < parts.len() {
            name = name.push(if at == 0 { "" } else { "," }).push(parts[at].as_str());
            at += 1;
        }
        name.push(")")
    }

    /// `{a:A,b:B}`
    #[must_use]
    pub const fn record(fields: &[FieldInfo]) -> Self {
        Self::new().fields(fields)
    }

    const fn fields(self, fields: &[FieldInfo]) -> Self {
        let mut name = self.push("{");
        let mut at = 0;
        while at < fields.len() {
            name = name.push(if at == 0 { "" } else { "," });
            name = name.push(fields[at].name).push(":").push(fields[at].of.as_str());
            at += 1;
        }
        name.push("}")
    }

    /// `<Open|Closed{at:u64}>`: names of variants and their fields.
    #[must_use]
    pub const fn choice(variants: &[(&str, &[FieldInfo])]) -> Self {
        let mut name = Self::new().push("<");
        let mut at = 0;
        while at < variants.len() {
            let (variant, fields) = variants[at];
            name = name.push(if at == 0 { "" } else { "|" }).push(variant);
            if !fields.is_empty() {
                name = name.fields(fields);
            }
            at += 1;
        }
        name.push(">")
    }

    /// The name as text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        let (name, _) = self.bytes.split_at(self.len);
        match core::str::from_utf8(name) {
            Ok(name) => name,
            Err(_) => "",
        }
    }
}

/// An argument or a field.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// Its name in the source.
    pub name: &'static str,
    /// Its type.
    pub of: TypeName,
}

/// A method.
#[derive(Clone, Copy, Debug)]
pub struct MethodInfo {
    /// Its name in the source.
    pub name: &'static str,
    /// `deploy`, `invoke`, `query` or `migrate`.
    pub kind: &'static str,
    /// Its arguments in order.
    pub args: &'static [FieldInfo],
    /// What it answers.
    pub returns: TypeName,
    /// The faults it can end with.
    pub faults: &'static [FaultInfo],
}

/// An event.
#[derive(Clone, Copy, Debug)]
pub struct EventInfo {
    /// Its name: the struct's in lower snake case.
    pub name: &'static str,
    /// Its fields in order.
    pub fields: &'static [FieldInfo],
}

/// A fault of the author.
#[derive(Clone, Copy, Debug)]
pub struct FaultInfo {
    /// 1 to 0xffff.
    pub code: u32,
    /// Name of the variant.
    pub name: &'static str,
    /// The message with its placeholders.
    pub message: &'static str,
}

/// Everything a SCORE says about itself.
#[derive(Clone, Copy, Debug)]
pub struct Manifest {
    /// Name of the SCORE: the crate's library name with `-` for `_`, or the one given.
    pub name: &'static str,
    /// Version of the author's package.
    pub version: &'static str,
    /// The methods in order of the source.
    pub methods: &'static [MethodInfo],
    /// The events.
    pub events: &'static [EventInfo],
    /// Key prefixes of the state: (field, what follows it).
    pub prefixes: &'static [(&'static str, &'static str)],
    /// Whether a catch-all takes unknown transactions.
    pub any_invoke: bool,
    /// Whether a catch-all takes unknown queries.
    pub any_query: bool,
}

impl Manifest {
    /// Length of the JSON.
    #[must_use]
    pub const fn json_len(&self) -> usize {
        Json::<0>::new().manifest(self).len
    }

    /// The JSON; `N` is [`json_len`](Self::json_len).
    #[must_use]
    pub const fn json<const N: usize>(&self) -> [u8; N] {
        Json::<N>::new().manifest(self).bytes
    }
}

/// A JSON writer that runs while compiling; with `N` = 0 it only counts.
struct Json<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Json<N> {
    const fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    const fn byte(mut self, byte: u8) -> Self {
        if N > 0 {
            self.bytes[self.len] = byte;
        }
        self.len += 1;
        self
    }

    const fn raw(mut self, text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            self = self.byte(bytes[at]);
            at += 1;
        }
        self
    }

    const fn comma(self, at: usize) -> Self {
        if at == 0 { self } else { self.byte(b',') }
    }

    /// A text with JSON's escapes.
    const fn text(self, text: &str) -> Self {
        self.byte(b'"').escaped(text).byte(b'"')
    }

    const fn escaped(mut self, text: &str) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            self = match byte {
                b'"' | b'\\' => self.byte(b'\\').byte(byte),
                0..0x20 => self
                    .raw("\\u00")
                    .byte(HEX[(byte >> 4) as usize])
                    .byte(HEX[(byte & 15) as usize]),
                _ => self.byte(byte),
            };
            at += 1;
        }
        self
    }

    const fn number(self, value: u32) -> Self {
        let this = if value >= 10 { self.number(value / 10) } else { self };
        this.byte(b'0' + (value % 10) as u8)
    }

    const fn fields(mut self, fields: &[FieldInfo]) -> Self {
        self = self.byte(b'[');
        let mut at = 0;
        while at < fields.len() {
            self = self.comma(at).raw("{\"name\":").text(fields[at].name);
            self = self.raw(",\"type\":").text(fields[at].of.as_str()).byte(b'}');
            at += 1;
        }
        self.byte(b']')
    }

    const fn methods(mut self, methods: &[MethodInfo]) -> Self {
        let mut at = 0;
        while at < methods.len() {
            let method = &methods[at];
            self = self.comma(at).raw("{\"name\":").text(method.name);
            self = self.raw(",\"kind\":").text(method.kind);
            self = self.raw(",\"args\":").fields(method.args);
            self = self.raw(",\"returns\":").text(method.returns.as_str()).byte(b'}');
            at += 1;
        }
        self
    }

    const fn events(mut self, events: &[EventInfo]) -> Self {
        let mut at = 0;
        while at < events.len() {
            self = self.comma(at).raw("{\"name\":").text(events[at].name);
            self = self.raw(",\"fields\":").fields(events[at].fields).byte(b'}');
            at += 1;
        }
        self
    }

    /// The faults of all methods, each code once, by their first mention.
    const fn faults(mut self, methods: &[MethodInfo]) -> Self {
        let (mut at, mut written) = (0, 0);
        while at < methods.len() {
            let faults = methods[at].faults;
            let mut nth = 0;
            while nth < faults.len() {
                if !mentioned(methods, at, &faults[nth]) {
                    self = self.comma(written).raw("{\"code\":").number(faults[nth].code);
                    self = self.raw(",\"name\":").text(faults[nth].name);
                    self = self.raw(",\"message\":").text(faults[nth].message).byte(b'}');
                    written += 1;
                }
                nth += 1;
            }
            at += 1;
        }
        self
    }

    const fn prefixes(mut self, prefixes: &[(&str, &str)]) -> Self {
        let mut at = 0;
        while at < prefixes.len() {
            let (field, suffix) = prefixes[at];
            self = self.comma(at).byte(b'"').escaped(field).escaped(suffix).byte(b'"');
            at += 1;
        }
        self
    }

    /// The crate's name as people write it.
    const fn dashed(mut self, name: &str) -> Self {
        let bytes = name.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            self = self.byte(if bytes[at] == b'_' { b'-' } else { bytes[at] });
            at += 1;
        }
        self
    }

    const fn flag(self, value: bool) -> Self {
        self.raw(if value { "true" } else { "false" })
    }

    const fn manifest(mut self, manifest: &Manifest) -> Self {
        self = self.raw("{\"abi\":\"").number(crate::abi::MAJOR as u32).byte(b'.');
        self = self.number(crate::abi::MINOR as u32);
        self = self.raw("\",\"name\":\"").dashed(manifest.name);
        self = self.raw("\",\"version\":").text(manifest.version);
        self = self.raw(",\"sdk\":").text(env!("CARGO_PKG_VERSION"));
        self = self.raw(",\"methods\":[").methods(manifest.methods);
        self = self.raw("],\"events\":[").events(manifest.events);
        self = self.raw("],\"faults\":[").faults(manifest.methods);
        self = self.raw("],\"prefixes\":[").prefixes(manifest.prefixes);
        self = self.raw("],\"any\":{\"invoke\":").flag(manifest.any_invoke);
        self.raw(",\"query\":").flag(manifest.any_query).raw("}}")
    }
}

/// Whether a method before `until` names this fault.
///
/// One code with two names does not compile: a client could not tell them apart.
const fn mentioned(methods: &[MethodInfo], until: usize, fault: &FaultInfo) -> bool {
    let mut at = 0;
    while at < until {
        let faults = methods[at].faults;
        let mut nth = 0;
        while nth < faults.len() {
            if faults[nth].code == fault.code {
                let same = same(faults[nth].name, fault.name);
                assert!(same, "two faults of this SCORE have one code: give one `#[code(..)]`");
                return true;
            }
            nth += 1;
        }
        at += 1;
    }
    false
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}
