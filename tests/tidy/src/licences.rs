//! Licences of what we ship with: every dependency's must be on the list.
//!
//! In: [`Workspace`] with all packages. Out: findings. Expressions are SPDX (`OR`, `AND`,
//! parentheses, `WITH`), or the old `A/B` for "or". `deny.toml` holds the same list for cargo-deny.

use crate::workspace::Workspace;
use crate::{Finding, Tree};

/// Licences whose duties an Apache-2.0 product with source meets.
pub const ALLOWED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Every package may be used and says under what.
#[must_use]
pub fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        let name = format!("{} {}", package.name, package.version);
        match &package.licence {
            None => findings.push(Finding::about(&name, "states no licence")),
            Some(licence) if !is_allowed(licence) => {
                let message = format!("`{licence}` is not allowed by tests/tidy/src/licences.rs");
                findings.push(Finding::about(&name, message));
            }
            Some(_) => {}
        }
    }
    findings
}

/// `deny.toml` allows what is allowed here.
#[must_use]
pub fn deny_list(tree: &Tree) -> Vec<Finding> {
    let table = tree.text("deny.toml").and_then(|text| text.parse::<toml::Table>().ok());
    let listed: Vec<_> = table
        .as_ref()
        .and_then(|table| table.get("licenses")?.get("allow")?.as_array())
        .map(|all| all.iter().filter_map(toml::Value::as_str).collect())
        .unwrap_or_default();
    if listed == ALLOWED {
        return Vec::new();
    }
    vec![Finding::about("deny.toml", format!("[licenses] allow must be {ALLOWED:?}"))]
}

fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words };
    parser.any() == Some(true) && parser.words.is_empty()
}

/// Reads an expression; every method gives whether the part it took is allowed, or `None` when the
/// expression is not well formed.
struct Parser<'a> {
    words: &'a [&'a str],
}

impl Parser<'_> {
    fn take(&mut self, wanted: &str) -> bool {
        match self.words {
            [first, rest @ ..] if *first == wanted => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }

    fn any(&mut self) -> Option<bool> {
        let mut allowed = self.all()?;
        while self.take("OR") {
            allowed |= self.all()?;
        }
        Some(allowed)
    }

    fn all(&mut self) -> Option<bool> {
        let mut allowed = self.one()?;
        while self.take("AND") {
            allowed &= self.one()?;
        }
        Some(allowed)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let allowed = self.any()?;
            return self.take(")").then_some(allowed);
        }
        match self.words {
            [name, "WITH", exception, rest @ ..] => {
                self.words = rest;
                Some(ALLOWED.contains(&format!("{name} WITH {exception}").as_str()))
            }
            [name, rest @ ..] => {
                self.words = rest;
                Some(ALLOWED.contains(name))
            }
            [] => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::member;

    #[test]
    fn expressions_are_weighed_as_spdx_says() {
        for good in [
            "MIT",
            "GPL-2.0-only OR MIT",
            "MIT/GPL-3.0",
            "(MIT OR GPL-3.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
        ] {
            assert!(is_allowed(good), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "MIT OR (", "MIT MIT", "MIT WITH x"] {
            assert!(!is_allowed(bad), "{bad}");
        }
    }

    #[test]
    fn a_package_with_another_licence_or_none_is_found() {
        let mut copyleft = member("a", "a", 0, &[]);
        copyleft.licence = Some("AGPL-3.0".into());
        let mut silent = member("b", "b", 0, &[]);
        silent.licence = None;
        let packages = vec![copyleft, silent, member("c", "c", 0, &[])];
        assert_eq!(check(&Workspace { packages }).len(), 2);
    }

    #[test]
    fn another_list_in_deny_toml_is_found() {
        let tree = Tree::of(&[("deny.toml", "[licenses]\nallow = [\"MIT\"]")]);
        assert_eq!(deny_list(&tree).len(), 1);
        let tree = Tree::of(&[("deny.toml", &format!("[licenses]\nallow = {ALLOWED:?}"))]);
        assert_eq!(deny_list(&tree).len(), 0);
    }
}
