//! Every error code is provoked by a test.
//!
//! In: the registry (`host/types/src/fault.rs`) and the table `tests/tidy/provoked.txt`, whose lines are
//! `LC1104 path/of/file.rs::name_of_the_test`. Out: findings: a code without a line, a line without a code,
//! a test that does not exist, a test that does not expect the code. A test expects a code when the
//! code stands in its body, or in a function of the same file that it calls, in a line that does not
//! build an error by hand. Not here: running the test; whether the code is the right one.

use crate::source::{code, line_of, words};
use crate::{Finding, Tree};
use std::collections::BTreeMap;

/// The registry.
const REGISTRY: &str = "host/types/src/fault.rs";
/// The table.
pub const TABLE: &str = "tests/tidy/provoked.txt";
/// A line with one of these makes an error; that is no proof that the product does.
const BY_HAND: [&str; 4] = [
    "Failure::new(Code::",
    "Rejection::new(Code::",
    "Problem::new(Code::",
    "ConfigError::new(Code::",
];

/// What is missing.
#[must_use]
pub fn codes(tree: &Tree) -> Vec<Finding> {
    let registry = registry(tree.text(REGISTRY).unwrap_or_default());
    let mut findings = Vec::new();
    let mut provoked = BTreeMap::new();
    for (index, line) in tree.text(TABLE).unwrap_or_default().lines().enumerate() {
        let mut found = |what: String| findings.push(Finding::at(TABLE, index + 1, what));
        let Some((number, test)) = line.split_once(' ') else {
            found("write `LCnnnn path::test`".to_owned());
            continue;
        };
        let Some(name) = registry.get(number) else {
            found(format!("{number} is no code of {REGISTRY}"));
            continue;
        };
        provoked.insert(number, ());
        if let Some(why) = does_not_expect(tree, test, (number, name)) {
            found(why);
        }
    }
    for (number, name) in &registry {
        if !provoked.contains_key(number.as_str()) {
            let message = format!(
                "no test provokes {number} {name}: write one and name it in {TABLE}, or remove the code"
            );
            findings.push(Finding::about(REGISTRY, message));
        }
    }
    findings
}

/// Numbers (`LC1104`) and names of the codes.
fn registry(text: &str) -> BTreeMap<String, String> {
    let codes = text.lines().filter_map(|line| {
        let (name, rest) = line.trim().split_once(" = ")?;
        let number = rest.get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
        let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric());
        (is_name && rest.get(4..6) == Some(", ")).then(|| (format!("LC{number}"), name.to_owned()))
    });
    codes.collect()
}

/// Why a test is no proof, if it is none.
fn does_not_expect(tree: &Tree, test: &str, (number, name): (&str, &str)) -> Option<String> {
    let Some((path, function)) = test.split_once("::") else {
        return Some("write `LCnnnn path::test`".to_owned());
    };
    let Some(text) = tree.text(path) else { return Some(format!("there is no file {path}")) };
    let blanked = code(text);
    let Some(body) = body(text, &blanked, function).filter(|(_, at)| is_test(&blanked, *at)) else {
        return Some(format!("{path} has no test `{function}`"));
    };
    let expects = |body: &str| {
        let lines = body.lines().filter(|line| !BY_HAND.iter().any(|hand| line.contains(hand)));
        lines.into_iter().any(|line| {
            words(line, number).next().is_some()
                || words(line, &format!("Code::{name}")).next().is_some()
        })
    };
    let called = functions(&blanked).filter(|other| *other != function);
    let called = called.filter(|other| words(body.0, other).next().is_some());
    let is_expected = expects(body.0)
        || called
            .filter_map(|other| self::body(text, &blanked, other))
            .any(|(body, _)| expects(body));
    let line = line_of(text, body.1);
    (!is_expected).then(|| format!("{path}:{line}: `{function}` does not expect {number} ({name})"))
}

/// Names of the functions of a file.
fn functions(blanked: &str) -> impl Iterator<Item = &str> {
    words(blanked, "fn").filter_map(|at| {
        let rest = blanked.get(at + 2..)?.trim_start();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
        rest.get(..end).filter(|name| !name.is_empty())
    })
}

/// The text of a function, literals included, and where its `fn` stands.
fn body<'a>(text: &'a str, blanked: &str, function: &str) -> Option<(&'a str, usize)> {
    let is_definition =
        |at: &usize| blanked.get(..*at).is_some_and(|before| before.ends_with("fn "));
    let at = words(blanked, function).find(is_definition)?;
    let start = at + blanked.get(at..)?.find('{')?;
    let mut depth = 0_usize;
    for (index, byte) in blanked.bytes().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((text.get(start..=index)?, at));
        }
    }
    None
}

/// Whether the attributes before a function make it a test.
fn is_test(blanked: &str, at: usize) -> bool {
    let before = blanked.get(..at).unwrap_or_default();
    let start = before.rfind(['}', ';']).map_or(0, |end| end + 1);
    let attributes = before.get(start..).unwrap_or_default();
    ["#[test]", "#[tokio::test"].iter().any(|one| attributes.contains(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODES: &str = "codes! {\n    /// A.\n    Bad = 1001, 400, 2, false, \"x\";\n}\n";

    fn said(table: &str, source: &str) -> Vec<String> {
        let tree = Tree::of(&[(REGISTRY, CODES), (TABLE, table), ("a/t.rs", source)]);
        codes(&tree).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_code_that_a_test_expects_is_found_also_in_a_helper() {
        let direct = "#[test]\nfn it() {\n    assert_eq!(go(\"}\"), Code::Bad);\n}\n";
        assert_eq!(said("LC1001 a/t.rs::it\n", direct), [""; 0]);
        let helper = "fn refused() { assert!(x == \"LC1001\"); }\n\n#[tokio::test]\nasync fn it() { \
                      refused(); }\n";
        assert_eq!(said("LC1001 a/t.rs::it\n", helper), [""; 0]);
    }

    #[test]
    fn what_proves_nothing_is_told() {
        let other = "#[test]\nfn it() { assert_eq!(go(), Code::Worse); }\n";
        assert!(said("LC1001 a/t.rs::it\n", other)[0].contains("does not expect LC1001"));
        let by_hand = "#[test]\nfn it() {\n    let f = Failure::new(Code::Bad, \"\");\n}\n";
        assert!(said("LC1001 a/t.rs::it\n", by_hand)[0].contains("does not expect LC1001"));
        let no_test = "fn it() { assert_eq!(go(), Code::Bad); }\n";
        assert!(said("LC1001 a/t.rs::it\n", no_test)[0].contains("has no test `it`"));
        assert!(said("LC1001 b.rs::it\n", other)[0].contains("there is no file b.rs"));
        assert!(said("", other)[0].starts_with("no test provokes LC1001 Bad"));
        assert!(said("LC9999 a/t.rs::it\n", other)[0].contains("is no code"));
    }
}
