//! Words that must not stand in the tree: promises to do it later, tests that cannot fail or do
//! not run, paths of one machine.
//!
//! In: [`Tree`]. Out: findings with lines. The words themselves are put together from parts here,
//! so that this file is clean.

use crate::source::{code, line_of, words};
use crate::{Finding, Tree};

const LATER: [&str; 4] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!"),
    concat!("unimplemented", "!"),
];
const MACHINE: [&str; 5] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/fa", "rm/"),
];

/// Nothing is left for later.
#[must_use]
pub fn later(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".rs") {
        for word in LATER {
            findings.extend(words(text, word).map(|at| {
                let message = format!("`{word}`: do it, or open an issue and say what is absent");
                Finding::at(path, line_of(text, at), message)
            }));
        }
    }
    findings
}

/// No test is switched off.
#[must_use]
pub fn ignored_tests(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".rs") {
        let code = code(text);
        findings.extend(words(&code, concat!("#[", "ignore")).map(|at| {
            Finding::at(path, line_of(&code, at), "a test that does not run: mend or remove it")
        }));
    }
    findings
}

/// No `matches!` whose answer is thrown away: such a test cannot fail, and no lint says so.
#[must_use]
pub fn discarded_matches(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".rs") {
        let code = code(text);
        findings.extend(words(&code, "matches!").filter(|at| is_statement(&code, *at)).map(|at| {
            Finding::at(path, line_of(&code, at), "its answer is thrown away: `assert!` it")
        }));
    }
    findings
}

fn is_statement(code: &str, at: usize) -> bool {
    let before = code.get(..at).unwrap_or_default().trim_end();
    let starts = before.is_empty() || before.ends_with(['{', '}', ';']);
    let mut depth = 0_usize;
    let rest = code.get(at..).unwrap_or_default();
    let end = rest.char_indices().find(|(_, c)| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => return false,
        }
        depth == 0
    });
    let after = end.and_then(|(i, _)| rest.get(i + 1..)).unwrap_or_default();
    starts && after.trim_start().starts_with(';')
}

/// No path of one machine.
#[must_use]
pub fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for machine in MACHINE {
            let starts = text.match_indices(machine).map(|(at, _)| at).filter(|at| {
                let before = text.get(..*at).and_then(|t| t.chars().next_back());
                !before.is_some_and(|c| c.is_alphanumeric() || "._-}>/".contains(c))
            });
            findings.extend(starts.map(|at| {
                let message = format!("`{machine}` is a path of one machine: make it relative");
                Finding::at(path, line_of(text, at), message)
            }));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_for_later_is_found() {
        for word in LATER {
            let text = format!("//! x\nfn f() {{ {word} }}");
            let tree = Tree::of(&[("a.rs", &text)]);
            assert_eq!(later(&tree).first().map(|f| f.line), Some(2), "{word}");
        }
        assert_eq!(later(&Tree::of(&[("a.rs", "//! MASTODON todos")])).len(), 0);
    }

    #[test]
    fn a_test_that_is_switched_off_is_found() {
        let text = concat!("#[test]\n#[", "ignore = \"slow\"]\nfn f() {}");
        assert_eq!(ignored_tests(&Tree::of(&[("a.rs", text)])).len(), 1);
        let quoted = concat!("//! like #[", "ignore]\n");
        assert_eq!(ignored_tests(&Tree::of(&[("a.rs", quoted)])).len(), 0);
    }

    #[test]
    fn a_discarded_matches_is_found_and_a_used_one_is_not() {
        let bad = "fn f() {\n  let x = 1;\n  matches!(x, (1) | (2));\n}";
        let findings = discarded_matches(&Tree::of(&[("a.rs", bad)]));
        assert_eq!(findings.first().map(|f| f.line), Some(3));
        for good in [
            "fn f() -> bool { matches!(x, 1) }",
            "fn f() { assert!(matches!(x, 1)); }",
            "fn f() { let y = matches!(x, 1); }",
            "// matches!(x, 1);",
        ] {
            assert_eq!(discarded_matches(&Tree::of(&[("a.rs", good)])).len(), 0, "{good}");
        }
    }

    #[test]
    fn a_path_of_one_machine_is_found_in_any_file() {
        for machine in MACHINE {
            let text = format!("see\n\"{machine}x\"");
            assert_eq!(machine_paths(&Tree::of(&[("a.md", &text)])).len(), 1, "{machine}");
        }
        let relative = concat!("host/wo", "rk/x and $DIR/ho", "me/y");
        assert_eq!(machine_paths(&Tree::of(&[("a.md", relative)])).len(), 0);
    }
}
