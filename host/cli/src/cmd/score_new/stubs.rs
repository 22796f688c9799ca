//! Rust for a SCORE of the old edition: every method with its types, and nothing inside yet.
//!
//! In: a [`PackageJson`]. Out: `src/lib.rs` and a test that says which methods are not written. Both
//! compile, and the SCORE passes the check, so that an author moves one method after the other.

use super::package_json::{Method, PackageJson, Parameter};

/// What a method says until it is written.
const NOT_WRITTEN: &str = "is not written yet";

/// Library and test.
pub(super) fn write(package: &PackageJson, of: &str, crate_name: &str) -> (String, String) {
    (library(package, of), test(package, of, crate_name))
}

fn library(package: &PackageJson, of: &str) -> String {
    let about = match package.description.as_str() {
        "" => "A SCORE, taken over from the old edition.",
        text => text,
    };
    let mut text = format!(
        "//! {about}\n//!\n\
         //! In: the transactions and queries below. Out: what they write and answer.\n\
         //! Each method stood in package.json; its body is to be taken over from `invoke` and `query`.\n\
         #![no_std]\n\
         use score_native::prelude::*;\n\n\
         /// What the SCORE remembers: ordered bytes, the same on every peer. This takes the place of the\n\
         /// databases that the old edition opened.\n\
         #[derive(Debug, State)]\npub struct {of} {{\n    /// An example: text under a name.\n    \
         notes: Map<String, String>,\n}}\n\n\
         /// Why nothing was done: the transaction is in the block, and changed nothing.\n\
         #[derive(Debug, Fault)]\npub enum Error {{\n    \
         /// The body of a method is missing.\n    \
         #[msg(\"{{method}} {NOT_WRITTEN}\")]\n    NotWritten {{\n        \
         /// Which one.\n        method: String,\n    }},\n}}\n\n\
         #[score]\nimpl {of} {{\n"
    );
    let mut bodies = Vec::new();
    for (list, is_query) in [(&package.invoke, false), (&package.query, true)] {
        bodies.extend(list.iter().map(|method| body(method, is_query)));
    }
    if package.query.is_empty() {
        bodies.push(
            "    /// An example of a query.\n    pub fn note(&self, name: String) -> Option<String> {\n        \
             self.notes.try_get(&name)\n    }\n"
                .to_owned(),
        );
    }
    text.push_str(&bodies.join("\n"));
    text.push_str("}\n");
    text
}

fn body(method: &Method, is_query: bool) -> String {
    let Method { name, description, parameters } = method;
    let about = match description.as_str() {
        "" if is_query => "A query.",
        "" => "A transaction.",
        text => text,
    };
    let head = if is_query { "&self" } else { "&mut self, _cx: &Cx" };
    let arguments: String =
        parameters.iter().map(|Parameter { name, of }| format!(", {name}: {of}")).collect();
    let names: Vec<_> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let used = match names.as_slice() {
        [] => String::new(),
        [one] => format!("        let _ = {one};\n"),
        many => format!("        let _ = ({});\n", many.join(", ")),
    };
    let call = if is_query { "self.notes.try_get(&String::new())" } else { "()" };
    let answer = if is_query { "Option<String>" } else { "()" };
    let keep = if is_query { format!("        let _ = {call};\n") } else { String::new() };
    format!(
        "    /// {about}\n    ///\n    /// # Errors\n    /// [`Error::NotWritten`]\n    \
         pub fn {name}({head}{arguments}) -> Result<{answer}, Error> {{\n{used}{keep}        \
         Err(Error::NotWritten {{ method: \"{name}\".into() }})\n    }}\n"
    )
}

fn test(package: &PackageJson, of: &str, crate_name: &str) -> String {
    let mut text = format!(
        "//! What is still to be written: each line goes when its method does something.\n\n\
         use score_native_testkit::Testnet;\nuse {crate_name}::{{{of}, tx}};\n\n\
         #[test]\nfn nothing_is_written_yet() {{\n    \
         let mut net = Testnet::native::<{of}>();\n    let [alice] = net.accounts();\n"
    );
    for Method { name, parameters, .. } in &package.invoke {
        text.push_str(&format!(
            "    net.send(alice, tx::{name}({})).fails(1, \"{name} {NOT_WRITTEN}\");\n",
            values(parameters)
        ));
    }
    if package.invoke.is_empty() {
        text.push_str("    net.travel(std::time::Duration::from_secs(1));\n    let _ = alice;\n");
        let query = package.query.first();
        match query {
            Some(Method { name, parameters, .. }) => {
                text.push_str(&format!("    let _ = tx::{name}({});\n", values(parameters)));
            }
            None => text.push_str("    let _ = tx::note(\"name\".into());\n"),
        }
    }
    text.push_str("}\n");
    text
}

fn values(parameters: &[Parameter]) -> String {
    let value = |parameter: &Parameter| match parameter.of {
        "i64" => "0",
        "bool" => "false",
        "Vec<String>" => "Vec::new()",
        _ => "String::new()",
    };
    parameters.iter().map(value).collect::<Vec<_>>().join(", ")
}
