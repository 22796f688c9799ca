//! Where `unsafe` may stand: the borders to foreign code, listed one by one with the reason.
//!
//! In: [`Tree`]. Out: findings: an `unsafe` elsewhere, and a listed place that needs none any more.
//! That every block says why it is sound is clippy's to check.

use crate::source::{code, line_of, words};
use crate::{Finding, Tree};

/// Files (or folders, with a slash) and why they need it.
const PLACES: [(&str, &str); 16] = [
    ("plugin-api/src/export.rs", "the export shim of a rule"),
    ("plugin-api/loader/src/open.rs", "dlopen of a rule"),
    ("plugin-api/loader/src/open_tests.rs", "headers of rules that must be refused"),
    ("score-native/abi/src/", "the repr(C) table between SCORE and worker"),
    ("score-native/macros/src/score.rs", "writes the exported symbol of a SCORE"),
    ("score-native/src/export.rs", "the border of a SCORE"),
    ("score-native/src/export/", "allocator, step counter and entry of a SCORE"),
    ("score-native/link/src/spawn.rs", "memfd, seals, pre_exec"),
    ("score-native/link/src/socket.rs", "a promise to tokio about an owned descriptor"),
    ("score-native/runner/src/load.rs", "dlopen of a SCORE, its stack and arena"),
    ("score-native/runner/src/host_calls.rs", "extern \"C\" functions a SCORE calls"),
    ("score-native/runner/src/traps.rs", "signal handler and coroutine"),
    ("score-native/runner/src/confine.rs", "rlimits, Landlock, seccomp"),
    ("score-native/testkit/src/", "loads and calls a SCORE inside an author's test"),
    ("tests/evil/src/", "attack SCOREs"),
    ("tests/ward/src/", "a SCORE that crashes"),
];

/// `unsafe` stands in listed places only, and every listed place has some.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used = [false; PLACES.len()];
    for (path, text) in tree.ending(".rs") {
        let code = code(text);
        let Some(at) = words(&code, "unsafe").next() else { continue };
        match PLACES.iter().position(|(place, _)| is_in(path, place)) {
            Some(index) => used[index] = true,
            None => {
                let message = "`unsafe` outside the files listed in tests/tidy/src/unsafe_code.rs";
                findings.push(Finding::at(path, line_of(&code, at), message));
            }
        }
    }
    let unused = PLACES.iter().zip(used).filter(|(_, used)| !used);
    findings.extend(unused.map(|((place, _), _)| {
        Finding::about(place, "is listed for `unsafe` and has none: remove it from the list")
    }));
    findings
}

fn is_in(path: &str, place: &str) -> bool {
    if place.ends_with('/') { path.starts_with(place) } else { path == place }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_in_another_file_is_found_and_a_comment_is_not() {
        let tree = Tree::of(&[
            ("host/core/src/lib.rs", "//! unsafe is a word here\nfn f() { unsafe { g() } }"),
            ("host/core/src/clock.rs", "//! `unsafe_code` is denied\n#![expect(unsafe_code)]"),
            ("score-native/runner/src/load.rs", "unsafe fn f() {}"),
        ]);
        let findings = check(&tree);
        assert_eq!(findings.first(), findings.iter().find(|f| f.line == 2));
        assert_eq!(findings.iter().filter(|f| f.line > 0).count(), 1);
        assert!(!findings.iter().any(|f| f.place.ends_with("load.rs")));
    }

    #[test]
    fn a_listed_place_without_unsafe_is_found() {
        assert_eq!(check(&Tree::of(&[])).len(), PLACES.len());
    }
}
