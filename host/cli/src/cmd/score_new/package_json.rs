//! package.json of a SCORE of the old edition: its methods and their parameters.
//!
//! In: text of a stranger. Out: the methods of `function.invoke` and `function.query`, in order, with
//! Rust types; notes on what could not be taken over as it stands. The old edition never checked
//! `function`, so anything may stand there: what is odd becomes text, and a note says so.
//! Deliberately not here: writing Rust ([`super::stubs`]).

use host_web::json::{Duplicates, Json, parse};

/// More methods, or parameters of one, are no description of a SCORE.
const METHODS_MAX: usize = 200;
/// Longest description that is taken over as a comment.
const DESCRIPTION_CHARS_MAX: usize = 300;
/// Words of Rust: a parameter of that name gets a `_` behind it.
const KEYWORDS: [&str; 40] = [
    "as", "async", "await", "break", "const", "continue", "crate", "cx", "deploy", "dyn", "else",
    "enum", "extern", "false", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "match",
    "migrate", "mod", "move", "mut", "pub", "ref", "return", "self", "static", "struct", "super",
    "trait", "true", "type", "unsafe", "use", "where",
];

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    /// Its name in Rust.
    pub name: String,
    /// Its Rust type.
    pub of: &'static str,
}

/// A method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Method {
    /// Its name in Rust.
    pub name: String,
    /// One line.
    pub description: String,
    /// In the order of the file.
    pub parameters: Vec<Parameter>,
}

/// What the file tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PackageJson {
    /// One line about the SCORE.
    pub description: String,
    /// Transactions.
    pub invoke: Vec<Method>,
    /// Queries.
    pub query: Vec<Method>,
    /// What the author should look at.
    pub notes: Vec<String>,
}

impl PackageJson {
    /// Reads it.
    ///
    /// # Errors
    /// One line: no JSON, no `function`, or too much of it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let value = parse(text.as_bytes(), Duplicates::Refuse)
            .map_err(|error| format!("at byte {}: {}", error.offset, error.what))?;
        let function = value.get("function").ok_or(
            "it has no `function` with `invoke` and `query`: is it a SCORE's package.json?",
        )?;
        let mut package =
            Self { description: line_of(value.get("description")), ..Self::default() };
        let mut names = Vec::new();
        for kind in ["invoke", "query"] {
            let list = match function.get(kind) {
                None | Some(Json::Null) => &[],
                Some(Json::Array(list)) => list.as_slice(),
                Some(_) => return Err(format!("`function.{kind}` is no list")),
            };
            if list.len() > METHODS_MAX {
                return Err(format!(
                    "`function.{kind}` has {} methods, at most {METHODS_MAX} are read",
                    list.len()
                ));
            }
            for (at, item) in list.iter().enumerate() {
                let method = package.method(item, &mut names);
                let method = method.map_err(|why| format!("`function.{kind}[{at}]`: {why}"))?;
                if kind == "invoke" { &mut package.invoke } else { &mut package.query }
                    .push(method);
            }
        }
        Ok(package)
    }

    fn method(&mut self, item: &Json, names: &mut Vec<String>) -> Result<Method, String> {
        let told = item.get("method").and_then(Json::as_str).ok_or("it names no `method`")?;
        let mut name = self.identifier(told)?;
        if names.contains(&name) {
            name.push_str("_again");
            self.notes.push(format!("`{told}` stands there twice; the second is `{name}`"));
        }
        names.push(name.clone());
        let mut parameters: Vec<Parameter> = Vec::new();
        let params = match item.get("params") {
            Some(Json::Object(fields)) => fields.as_slice(),
            _ => &[],
        };
        if params.len() > METHODS_MAX {
            return Err(format!("it has {} parameters", params.len()));
        }
        for (told_name, kind) in params {
            let parameter = self.parameter(&name, told_name, kind)?;
            if parameters.iter().all(|other| other.name != parameter.name) {
                parameters.push(parameter);
            }
        }
        Ok(Method { name, description: line_of(item.get("description")), parameters })
    }

    fn parameter(&mut self, method: &str, told: &str, kind: &Json) -> Result<Parameter, String> {
        let name = self.identifier(told)?;
        let word = kind.as_str().unwrap_or_default().trim().to_ascii_lowercase();
        let of = match word.as_str() {
            "string" | "str" | "text" => "String",
            "int" | "integer" | "number" | "long" => "i64",
            "bool" | "boolean" => "bool",
            "list" | "array" | "[string]" | "list<string>" => "Vec<String>",
            _ => {
                self.notes.push(format!("`{method}.{name}` is `{kind}` there and text here"));
                "String"
            }
        };
        Ok(Parameter { name, of })
    }

    /// A name that Rust takes; `getUser` as `get_user`.
    fn identifier(&mut self, told: &str) -> Result<String, String> {
        let mut name = String::new();
        for c in told.chars().take(64) {
            if c.is_ascii_uppercase() && name.ends_with(|last: char| last.is_ascii_lowercase()) {
                name.push('_');
            }
            let is_word = c.is_ascii_alphanumeric() || c == '_';
            name.push(if is_word { c.to_ascii_lowercase() } else { '_' });
        }
        let name = name.trim_matches('_').to_owned();
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(format!("`{told}` cannot be a name here"));
        }
        let name = if KEYWORDS.contains(&name.as_str()) { format!("{name}_") } else { name };
        if name != told {
            self.notes.push(format!("`{told}` is `{name}` here"));
        }
        Ok(name)
    }
}

/// The text as one line of a comment.
fn line_of(value: Option<&Json>) -> String {
    let text = value.and_then(Json::as_str).unwrap_or_default();
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").chars().take(DESCRIPTION_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, of: &'static str) -> Parameter {
        Parameter { name: name.to_owned(), of }
    }

    #[test]
    fn methods_and_parameters_are_taken_in_order() {
        let text = r#"{"id": "x", "description": "Rent\n contracts", "function": {
            "invoke": [{"method": "propose", "description": "d", "params":
                {"proposer": "string", "counterparties": "list", "quorum": "int"}}],
            "query": [{"method": "getUserContracts", "params": {"type": "string"}}]}}"#;
        let package = PackageJson::parse(text).unwrap();
        assert_eq!(package.description, "Rent contracts");
        assert_eq!(
            package.invoke[0].parameters,
            [
                parameter("proposer", "String"),
                parameter("counterparties", "Vec<String>"),
                parameter("quorum", "i64"),
            ]
        );
        assert_eq!(package.query[0].name, "get_user_contracts");
        assert_eq!(package.query[0].parameters, [parameter("type_", "String")]);
        assert_eq!(
            package.notes,
            ["`getUserContracts` is `get_user_contracts` here", "`type` is `type_` here"]
        );
    }

    #[test]
    fn what_is_odd_becomes_text_or_one_line() {
        let odd = r#"{"function": {"invoke": [{"method": "a", "params": {"x": {"y": 1}}}]}}"#;
        let package = PackageJson::parse(odd).unwrap();
        assert_eq!(package.invoke[0].parameters, [parameter("x", "String")]);
        assert_eq!(package.notes, [r#"`a.x` is `{"y":1}` there and text here"#]);
        for (text, why) in [
            ("[", "at byte 1: no value"),
            ("{}", "it has no `function`"),
            (r#"{"function": {"invoke": 7}}"#, "`function.invoke` is no list"),
            (r#"{"function": {"query": [{}]}}"#, "`function.query[0]`: it names no `method`"),
            (r#"{"function": {"query": [{"method": "9"}]}}"#, "`9` cannot be a name here"),
        ] {
            let said = PackageJson::parse(text).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
