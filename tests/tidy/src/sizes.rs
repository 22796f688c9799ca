//! How large packages and files are: a report to look at, never a reason to fail.
//!
//! In: [`Tree`]. Out: text. A line counts when it is code outside tests (a file or folder named
//! tests, what follows `#[cfg(test)]` in a file), is not blank and not a comment.

use crate::Tree;
use crate::source::code;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Lines of a file above which the report names it.
const FILE_LINES_AIM: usize = 400;

/// Lines of code outside tests of one file.
#[must_use]
pub fn lines(path: &str, text: &str) -> usize {
    let is_test = path.contains("/tests/") || path.starts_with("tests/");
    if is_test || path.ends_with("/tests.rs") || path.ends_with("_tests.rs") {
        return 0;
    }
    let code = code(text);
    let before_tests = code.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    before_tests.lines().filter(|line| !line.trim().is_empty()).count()
}

/// Lines of every package, and the files over the aim.
#[must_use]
pub fn report(tree: &Tree) -> String {
    let mut packages: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut long = Vec::new();
    for (path, text) in tree.ending(".rs") {
        let lines = lines(path, text);
        let package = packages.entry(tree.package_of(path)).or_default();
        *package = (package.0 + lines, package.1 + usize::from(lines > 0));
        if lines > FILE_LINES_AIM {
            long.push((lines, path));
        }
    }
    let mut out = String::from("lines of code outside tests\n");
    for (package, (lines, files)) in &packages {
        writeln!(out, "{lines:>7}  {package} ({files} files)").ok();
    }
    let sum: usize = packages.values().map(|(lines, _)| lines).sum();
    writeln!(out, "{sum:>7}  in all").ok();
    long.sort_unstable();
    for (lines, path) in long.iter().rev() {
        writeln!(out, "{lines:>7}  {path}: over the aim of {FILE_LINES_AIM}").ok();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_comments_and_blank_lines_do_not_count() {
        let text = "//! x\n\nfn f() {\n    // y\n}\n\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(lines("host/core/src/a.rs", text), 2);
        assert_eq!(lines("host/core/src/a_tests.rs", text), 0);
    }

    #[test]
    fn a_long_file_is_named() {
        let text = "let x = 1;\n".repeat(FILE_LINES_AIM + 1);
        let tree = Tree::of(&[("a/Cargo.toml", ""), ("a/src/b.rs", &text)]);
        assert!(report(&tree).contains("a/src/b.rs: over the aim"));
    }
}
