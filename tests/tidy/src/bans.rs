//! The calls and types that clippy refuses, and that no package quietly drops a ban.
//!
//! In: every `clippy.toml` of the tree. Out: findings. A package's own `clippy.toml` replaces the
//! root's, so it must repeat the root's thresholds and bans; the pure packages add bans of clocks,
//! threads and hash maps. Not here: enforcing the bans, which clippy does.

use crate::source::{code, line_of, words};
use crate::{Finding, Tree};
use std::collections::BTreeSet;
use toml::{Table, Value};

const METHODS: &str = "disallowed-methods";
const TYPES: &str = "disallowed-types";
/// Signature checks beside the one rule (ZIP 215, `host/identity/src/verify.rs`).
const SIGNATURES: [&str; 4] = [
    "ed25519_dalek::VerifyingKey::verify_strict",
    "ed25519_dalek::Verifier::verify",
    "ed25519_dalek::verify_batch",
    "ring::signature::UnparsedPublicKey::verify",
];
/// The same, as they would stand in code.
const SIGNATURE_WORDS: [&str; 4] =
    ["verify_strict", "ed25519_dalek::Verifier", "dalek::verify_batch", "ring::signature"];
/// Packages whose outputs may depend on their inputs only.
const PURE: [&str; 5] =
    ["host/core", "host/types", "plugins/lft", "plugins/simplex", "plugins/solo"];
const PURE_METHODS: [&str; 3] =
    ["std::time::Instant::now", "std::time::SystemTime::now", "std::thread::spawn"];
const PURE_TYPES: [&str; 2] = ["std::collections::HashMap", "std::collections::HashSet"];

/// The root bans every second way to check a signature, each with the way to go instead.
#[must_use]
pub fn root(tree: &Tree) -> Vec<Finding> {
    let table = read(tree, "clippy.toml");
    let banned = paths(&table, METHODS);
    let mut findings: Vec<_> = SIGNATURES
        .iter()
        .filter(|path| !banned.contains(**path))
        .map(|path| Finding::about("clippy.toml", format!("does not ban `{path}`")))
        .collect();
    for ban in list(&table, METHODS).iter().chain(list(&table, TYPES)) {
        let reason = ban.get("reason").and_then(Value::as_str).unwrap_or_default();
        if reason.is_empty() {
            findings.push(Finding::about("clippy.toml", format!("a ban without reason: {ban}")));
        }
    }
    findings
}

/// A package's own file keeps everything the root's has.
#[must_use]
pub fn packages(tree: &Tree) -> Vec<Finding> {
    let root = read(tree, "clippy.toml");
    let mut findings = Vec::new();
    for (path, _) in tree.ending("/clippy.toml") {
        let own = read(tree, path);
        for (key, value) in root.iter().filter(|(_, value)| !value.is_array()) {
            if own.get(key) != Some(value) {
                findings.push(Finding::about(path, format!("repeat the root's `{key} = {value}`")));
            }
        }
        for kind in [METHODS, TYPES] {
            let banned = paths(&own, kind);
            let dropped = paths(&root, kind).into_iter().filter(|path| !banned.contains(path));
            findings.extend(
                dropped.map(|ban| Finding::about(path, format!("drops the root's ban of `{ban}`"))),
            );
        }
    }
    findings
}

/// The pure packages have no clock, no thread and no order that differs between nodes.
#[must_use]
pub fn pure(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in PURE {
        let path = format!("{package}/clippy.toml");
        let own = read(tree, &path);
        for (kind, wanted) in [(METHODS, &PURE_METHODS[..]), (TYPES, &PURE_TYPES[..])] {
            let banned = paths(&own, kind);
            let missing = wanted.iter().filter(|ban| !banned.contains(**ban));
            findings
                .extend(missing.map(|ban| Finding::about(&path, format!("does not ban `{ban}`"))));
        }
    }
    findings
}

/// No code checks a signature in a way of its own; clippy sees calls, this sees imports.
#[must_use]
pub fn signature_words(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".rs") {
        let code = code(text);
        for word in SIGNATURE_WORDS {
            findings.extend(words(&code, word).map(|at| {
                let message = format!("`{word}`: use the one rule of host/identity/src/verify.rs");
                Finding::at(path, line_of(&code, at), message)
            }));
        }
    }
    findings
}

fn read(tree: &Tree, path: &str) -> Table {
    tree.text(path).and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn list<'a>(table: &'a Table, key: &str) -> &'a [Value] {
    table.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn paths(table: &Table, key: &str) -> BTreeSet<String> {
    let path = |ban: &Value| ban.as_str().or_else(|| ban.get("path")?.as_str()).map(str::to_owned);
    list(table, key).iter().filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "too-many-lines-threshold = 70\ndisallowed-methods = [\
        { path = \"ed25519_dalek::VerifyingKey::verify_strict\", reason = \"x\" }, \
        { path = \"ed25519_dalek::Verifier::verify\", reason = \"x\" }, \
        { path = \"ed25519_dalek::verify_batch\", reason = \"x\" }, \
        { path = \"ring::signature::UnparsedPublicKey::verify\", reason = \"x\" }]";

    #[test]
    fn a_root_without_a_ban_or_a_reason_is_found() {
        assert_eq!(root(&Tree::of(&[("clippy.toml", ROOT)])).len(), 0);
        assert_eq!(root(&Tree::of(&[("clippy.toml", "")])).len(), SIGNATURES.len());
        let silent = ROOT.replacen("reason = \"x\"", "reason = \"\"", 1);
        assert_eq!(root(&Tree::of(&[("clippy.toml", &silent)])).len(), 1);
    }

    #[test]
    fn a_package_that_changes_a_threshold_or_drops_a_ban_is_found() {
        let other = ROOT.replace("70", "100").replace("ed25519_dalek::verify_batch", "other");
        let tree = Tree::of(&[("clippy.toml", ROOT), ("host/core/clippy.toml", &other)]);
        let findings: Vec<_> = packages(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            findings,
            [
                "host/core/clippy.toml: repeat the root's `too-many-lines-threshold = 70`",
                "host/core/clippy.toml: drops the root's ban of `ed25519_dalek::verify_batch`",
            ]
        );
    }

    #[test]
    fn a_pure_package_with_a_clock_is_found() {
        let missing = PURE.len() * (PURE_METHODS.len() + PURE_TYPES.len());
        assert_eq!(pure(&Tree::of(&[])).len(), missing);
    }

    #[test]
    fn an_import_of_another_signature_check_is_found() {
        let text = "//! x\nuse ed25519_dalek::Verifier as _;\nfn f() { key.verify_strict(m, s) }";
        assert_eq!(signature_words(&Tree::of(&[("a.rs", text)])).len(), 2);
        let fine = "//! not verify_strict\nuse host_identity::verify_batch;";
        assert_eq!(signature_words(&Tree::of(&[("a.rs", fine)])).len(), 0);
    }
}
