//! What files there are: entries of the root, names of modules, module docs.
//!
//! In: [`Tree`]. Out: findings. Not here: what stands in the files (`words`, `links`).

use crate::{Finding, Tree};
use std::path::Path;

/// What may stand in the root, and nothing else.
const ROOT: [&str; 20] = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "channels.toml",
    "clients",
    "clippy.toml",
    "deny.toml",
    "docs",
    "examples",
    "host",
    "plugin-api",
    "plugins",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "score-native",
    "tests",
];
/// Visible entries of the root, at most: a newcomer reads them in one glance.
const ROOT_MAX: usize = 20;
/// Names that say nothing about what is inside.
const DRAWERS: [&str; 9] =
    ["base", "common", "helper", "helpers", "manager", "misc", "shared", "util", "utils"];

/// The root holds what is listed here, at most twenty visible entries.
#[must_use]
pub fn root_entries(tree: &Tree) -> Vec<Finding> {
    let visible: Vec<_> =
        tree.root_entries().into_iter().filter(|name| !name.starts_with('.')).collect();
    let mut findings: Vec<_> = visible
        .iter()
        .filter(|name| !ROOT.contains(name))
        .map(|name| Finding::about(name, "is not listed in tests/tidy/src/files.rs"))
        .collect();
    if visible.len() > ROOT_MAX {
        let message = format!("has {} visible entries, {ROOT_MAX} is the limit", visible.len());
        findings.push(Finding::about("the root", message));
    }
    findings
}

/// No module is a drawer for odds and ends.
#[must_use]
pub fn module_names(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, _) in tree.ending(".rs") {
        let stems = Path::new(path).with_extension("");
        let drawer = stems.iter().filter_map(|part| part.to_str()).find(|n| DRAWERS.contains(n));
        if let Some(name) = drawer {
            let message = format!("`{name}` says nothing: name it after what it holds");
            findings.push(Finding::about(path, message));
        }
    }
    findings
}

/// Every source file begins with what it is.
#[must_use]
pub fn module_docs(tree: &Tree) -> Vec<Finding> {
    tree.ending(".rs")
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| {
            Finding::at(path, 1, "begin with `//! ` and what it is, takes, gives and leaves out")
        })
        .collect()
}

/// Every folder's `mod.rs`, tests aside, is a map of it.
#[must_use]
pub fn maps(tree: &Tree) -> Vec<Finding> {
    tree.ending("/mod.rs")
        .filter(|(path, _)| !path.ends_with("/tests/mod.rs"))
        .filter(|(_, text)| text.lines().take_while(|line| line.starts_with("//!")).count() < 3)
        .map(|(path, _)| {
            Finding::at(path, 1, "say what it is, what comes in and goes out, what it does not do")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_the_root_that_is_not_listed_is_found() {
        let tree = Tree::of(&[("Cargo.toml", ""), ("todo_list.txt", ""), (".ci/run", "")]);
        assert_eq!(root_entries(&tree).len(), 1);
        let many: Vec<_> = (0..21).map(|n| format!("f{n}")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), "")).collect();
        assert!(root_entries(&Tree::of(&many)).iter().any(|f| f.message.contains("limit")));
    }

    #[test]
    fn a_drawer_is_found_as_file_and_as_folder() {
        let tree = Tree::of(&[
            ("host/core/src/util.rs", ""),
            ("host/core/src/common/pool.rs", ""),
            ("host/core/src/utility.rs", ""),
        ]);
        assert_eq!(module_names(&tree).len(), 2);
    }

    #[test]
    fn a_file_without_module_doc_is_found() {
        let tree = Tree::of(&[("a.rs", "//! Fine."), ("b.rs", "use x;\n//! late"), ("c.rs", "")]);
        assert_eq!(module_docs(&tree).len(), 2);
    }

    #[test]
    fn a_folder_with_a_one_line_map_is_found() {
        let tree = Tree::of(&[
            ("a/mod.rs", "//! One.\nmod x;"),
            ("a/tests/mod.rs", "//! One.\n"),
            ("b/mod.rs", "//! One.\n//! Two.\n//! Three.\n"),
        ]);
        assert_eq!(maps(&tree).len(), 1);
    }
}
