//! Types as a manifest names them.
//!
//! In: `[u8]`, `{at:u64,by:address}?` and the like. Out: a [`Kind`]; `None` for what is no type.

/// How deep types may be nested: deeper ones have no arguments that fit a transaction.
const DEPTH_MAX: usize = 16;

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Unit,
    /// `u8` to `u128`: how many bits.
    Unsigned(u32),
    /// `i8` to `i128`: how many bits.
    Signed(u32),
    /// `bool`
    Bool,
    /// `text`
    Text,
    /// `bytes`
    Bytes,
    /// `hash`: 32 bytes.
    Hash,
    /// `address`: 20 bytes.
    Address,
    /// `[T]`
    List(Box<Self>),
    /// `T?`
    Optional(Box<Self>),
    /// `(A,B)`
    Tuple(Vec<Self>),
    /// `{a:A,b:B}`
    Record(Vec<(String, Self)>),
    /// `<Name|Name{a:A}>`: the variants and their fields.
    Choice(Vec<(String, Vec<(String, Self)>)>),
}

/// Names and types, in order.
pub(super) type Fields = Vec<(String, Kind)>;

impl Kind {
    /// Reads a type's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser { rest: text };
        let kind = parser.kind(DEPTH_MAX)?;
        parser.skip_space();
        parser.rest.is_empty().then_some(kind)
    }

    /// What a value of it is, for messages: `a u8 (0 to 255)`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Unit => "null".into(),
            Self::Unsigned(bits @ ..=32) => {
                format!("a u{bits} (0 to {})", (1u64 << bits) - 1)
            }
            Self::Unsigned(bits) => format!("a u{bits} (a whole number, not negative)"),
            Self::Signed(bits) => format!("an i{bits} (a whole number)"),
            Self::Bool => "true or false".into(),
            Self::Text => "a text".into(),
            Self::Bytes => "bytes (hex digits in a text)".into(),
            Self::Hash => "a hash (64 hex digits)".into(),
            Self::Address => "an address (`hx` and 40 hex digits, or a name)".into(),
            Self::List(_) => "an array".into(),
            Self::Optional(inner) => format!("null or {}", inner.describe()),
            Self::Tuple(parts) => format!("an array of {}", parts.len()),
            Self::Record(_) => "an object".into(),
            Self::Choice(variants) => {
                let names: Vec<_> =
                    variants.iter().map(|(name, fields)| shape(name, fields)).collect();
                format!("one of {}", names.join(", "))
            }
        }
    }
}

/// How a variant is written in JSON.
fn shape(name: &str, fields: &Fields) -> String {
    if fields.is_empty() { format!("\"{name}\"") } else { format!("{{\"{name}\": {{…}}}}") }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, c: char) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn name(&mut self) -> Option<String> {
        self.skip_space();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn kind(&mut self, depth: usize) -> Option<Kind> {
        let depth = depth.checked_sub(1)?;
        let mut kind = if self.take('[') {
            let item = self.kind(depth)?;
            self.take(']').then_some(Kind::List(Box::new(item)))?
        } else if self.take('(') {
            self.tuple(depth)?
        } else if self.take('{') {
            Kind::Record(self.fields(depth)?)
        } else if self.take('<') {
            self.choice(depth)?
        } else {
            plain(&self.name()?)?
        };
        if self.take('?') {
            kind = Kind::Optional(Box::new(kind));
        }
        Some(kind)
    }

    fn tuple(&mut self, depth: usize) -> Option<Kind> {
        let mut parts = Vec::new();
        while !self.take(')') {
            if !parts.is_empty() && !self.take(',') {
                return None;
            }
            parts.push(self.kind(depth)?);
        }
        Some(if parts.is_empty() { Kind::Unit } else { Kind::Tuple(parts) })
    }

    fn choice(&mut self, depth: usize) -> Option<Kind> {
        let mut variants = Vec::new();
        loop {
            let name = self.name()?;
            let fields = if self.take('{') { self.fields(depth)? } else { Fields::new() };
            variants.push((name, fields));
            if self.take('>') {
                return Some(Kind::Choice(variants));
            }
            self.take('|').then_some(())?;
        }
    }

    fn fields(&mut self, depth: usize) -> Option<Fields> {
        let mut fields = Vec::new();
        while !self.take('}') {
            if !fields.is_empty() && !self.take(',') {
                return None;
            }
            let name = self.name()?;
            if !self.take(':') {
                return None;
            }
            fields.push((name, self.kind(depth)?));
        }
        Some(fields)
    }
}

fn plain(name: &str) -> Option<Kind> {
    Some(match name {
        "u8" => Kind::Unsigned(8),
        "u16" => Kind::Unsigned(16),
        "u32" => Kind::Unsigned(32),
        "u64" => Kind::Unsigned(64),
        "u128" => Kind::Unsigned(128),
        "i8" => Kind::Signed(8),
        "i16" => Kind::Signed(16),
        "i32" => Kind::Signed(32),
        "i64" => Kind::Signed(64),
        "i128" => Kind::Signed(128),
        "bool" => Kind::Bool,
        "text" => Kind::Text,
        "bytes" => Kind::Bytes,
        "hash" => Kind::Hash,
        "address" => Kind::Address,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_type_is_read() {
        assert_eq!(Kind::parse("u128"), Some(Kind::Unsigned(128)));
        assert_eq!(Kind::parse("()"), Some(Kind::Unit));
        let list = Kind::List(Box::new(Kind::Optional(Box::new(Kind::Text))));
        assert_eq!(Kind::parse("[text?]"), Some(list));
        let pair = Kind::Tuple(vec![Kind::Bool, Kind::Signed(64)]);
        assert_eq!(Kind::parse("(bool,i64)"), Some(pair.clone()));
        let record = Kind::Record(vec![("at".into(), Kind::Hash), ("p".into(), pair)]);
        let optional = Kind::Optional(Box::new(record));
        assert_eq!(Kind::parse("{at:hash, p:(bool,i64)}?"), Some(optional));
        let variants =
            vec![("Open".into(), vec![]), ("Shut".into(), vec![("0".into(), Kind::Unsigned(8))])];
        assert_eq!(Kind::parse("<Open|Shut{0:u8}>"), Some(Kind::Choice(variants)));
    }

    #[test]
    fn what_is_no_type_is_refused() {
        let deep = "[".repeat(40) + "u8" + &"]".repeat(40);
        for text in [
            "", "u7", "[u8", "u8]", "(u8", "(u8 u8)", "{a}", "{a:u8", "u8 u8", "?", "<>", "<A|>",
            "<A", &deep,
        ] {
            assert_eq!(Kind::parse(text), None, "{text}");
        }
    }
}
