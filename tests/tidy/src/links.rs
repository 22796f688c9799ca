//! Links and paths in documents and module docs: every one leads somewhere.
//!
//! In: [`Tree`]. Out: findings. In `*.md`: links `[text](target)` with their `#anchor`, paths in
//! backticks, and names of tests. In the `//!` lines of sources: paths in backticks. A path counts
//! when it begins with a folder of the root or ends like one of our files; it is looked up from the
//! root, from the file's folder, from its package and from its package's `src` and `tests` (the
//! `src` of a package may be left out).
//! Not here: links into the web, and links between Rust items, which rustdoc checks.

use crate::{Finding, Tree};

/// Endings by which a word in backticks is taken for one of our files.
const ENDINGS: [&str; 5] = [".md", ".rs", ".sh", ".toml", ".txt"];
/// Folders of the root that paths begin with.
const FOLDERS: [&str; 10] = [
    ".cargo",
    ".ci",
    ".github",
    "docs",
    "examples",
    "host",
    "plugin-api",
    "plugins",
    "score-native",
    "tests",
];
/// Files that stand in the data folder of a node, in a user's project, or come out of a build.
const ELSEWHERE: [&str; 7] = [
    "log-collector.toml",
    "loopchain.toml",
    "network.toml",
    "node.toml",
    "peer.toml",
    "proxy.toml",
    "radiostation.toml",
];

/// Every link of every document leads somewhere.
#[must_use]
pub fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".md") {
        for (number, line) in prose(text) {
            for target in targets(line) {
                if let Some(message) = dead(tree, path, target) {
                    findings.push(Finding::at(path, number, message));
                }
            }
        }
    }
    findings
}

/// Every path in documents and module docs leads somewhere.
#[must_use]
pub fn paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".md") {
        find_paths(tree, path, prose(text), &mut findings);
    }
    for (path, text) in tree.ending(".rs") {
        let docs = text.lines().enumerate().filter(|(_, line)| line.starts_with("//!"));
        find_paths(tree, path, docs.map(|(at, line)| (at + 1, line)), &mut findings);
    }
    findings
}

/// Every test that a document names exists.
#[must_use]
pub fn tests_named(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".md") {
        for (number, line) in prose(text) {
            for word in line.split('`').skip(1).step_by(2).filter(|word| is_test(word)) {
                // A setting with a long name looks the same.
                let meant = [format!("fn {word}("), format!("pub {word}:")];
                let is_meant = |source: &str| meant.iter().any(|text| source.contains(text));
                if !tree.ending(".rs").any(|(_, source)| is_meant(source)) {
                    let message = format!("there is no test `{word}`");
                    findings.push(Finding::at(path, number, message));
                }
            }
        }
    }
    findings
}

/// A sentence in snake case: a name of a test.
fn is_test(word: &str) -> bool {
    let is_snake = word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_snake && word.matches('_').count() >= 3
}

fn find_paths<'a>(
    tree: &Tree,
    file: &str,
    lines: impl Iterator<Item = (usize, &'a str)>,
    findings: &mut Vec<Finding>,
) {
    for (number, line) in lines {
        for word in line.split('`').skip(1).step_by(2).filter(|word| is_path(word)) {
            for path in expand(word) {
                if !leads_somewhere(tree, file, &path) {
                    let message = format!("`{path}` does not exist");
                    findings.push(Finding::at(file, number, message));
                }
            }
        }
    }
}

/// The lines of a document outside fenced blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_fenced = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
            return None;
        }
        (!is_fenced).then_some((at + 1, line))
    })
}

/// What `](...)` points to.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

fn dead(tree: &Tree, file: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let to = if path.is_empty() { file.to_owned() } else { join(folder_of(file), path) };
    if !tree.has(&to) {
        return Some(format!("the link to `{target}` is dead"));
    }
    let text = tree.text(&to).unwrap_or_default();
    let has_anchor = anchor.is_empty() || headings(text).any(|heading| heading == anchor);
    (!has_anchor).then(|| format!("`{to}` has no heading `#{anchor}`"))
}

/// Anchors of the headings of a document.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter(|(_, line)| line.starts_with('#')).map(|(_, line)| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

fn is_path(word: &str) -> bool {
    let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-{},".contains(c));
    let first = word.split('/').next().unwrap_or_default();
    let begins = word.contains('/') && FOLDERS.contains(&first);
    let ends = ENDINGS.iter().any(|end| word.len() > end.len() && word.ends_with(end));
    is_plain && !word.starts_with('/') && !ELSEWHERE.contains(&word) && (begins || ends)
}

/// `a/{b,c}.rs` as `a/b.rs` and `a/c.rs`.
fn expand(word: &str) -> Vec<String> {
    let parts = word.split_once('{').and_then(|(head, rest)| {
        let (choices, tail) = rest.split_once('}')?;
        Some((head, choices, tail))
    });
    match parts {
        None => vec![word.to_owned()],
        Some((head, choices, tail)) => {
            choices.split(',').flat_map(|choice| expand(&format!("{head}{choice}{tail}"))).collect()
        }
    }
}

fn leads_somewhere(tree: &Tree, file: &str, path: &str) -> bool {
    let package = tree.package_of(file);
    let module = file.strip_suffix(".rs").unwrap_or(file);
    let starts = [
        String::new(),
        folder_of(file).into(),
        package.into(),
        format!("{package}/src"),
        format!("{package}/tests"),
    ];
    let starts = starts.iter().map(String::as_str).chain([module]);
    starts.map(|start| join(start, path)).any(|at| tree.has(&at) || tree.has(&with_src(tree, &at)))
}

/// The path with the `src` of its package put in.
fn with_src(tree: &Tree, path: &str) -> String {
    let package = tree.package_of(path);
    let inside = path.strip_prefix(package).unwrap_or(path);
    format!("{package}/src{inside}")
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(document: &str, source: &str) -> Tree {
        Tree::of(&[
            ("docs/a.md", document),
            ("docs/b.md", "# One thing: `x`\n"),
            ("host/core/Cargo.toml", ""),
            ("host/core/src/lib.rs", source),
            ("host/core/src/system/state.rs", "//! x"),
        ])
    }

    #[test]
    fn a_dead_link_and_a_dead_anchor_are_found() {
        let page = "[x](b.md) [y](c.md)\n[z](b.md#one-thing-x) [z](b.md#two) [w](https://x.y/z)\n\
                    ```\n[not](prose.md)\n```\n[up](../host/core/src/lib.rs)";
        let found: Vec<_> = links(&tree(page, "")).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "docs/a.md:1: the link to `c.md` is dead",
                "docs/a.md:2: `docs/b.md` has no heading `#two`"
            ]
        );
    }

    #[test]
    fn a_dead_path_in_a_document_is_found() {
        let page = "`host/core/src/{lib,gone}.rs` `host/core/system` `host/store` `b.md` `z.md` \
                    `GET /a/b` `peer.toml` `/api/v2` `plugins/<name>`";
        let found: Vec<_> = paths(&tree(page, "")).into_iter().map(|f| f.message).collect();
        assert_eq!(
            found,
            [
                "`host/core/src/gone.rs` does not exist",
                "`host/store` does not exist",
                "`z.md` does not exist"
            ]
        );
    }

    #[test]
    fn a_test_that_is_named_and_does_not_exist_is_found() {
        let page = "`it_is_there_now` `it_is_not_there` `steps_per_tx` `A_B_C_D`";
        let found = tests_named(&tree(page, "#[test]\nfn it_is_there_now() {}"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, "there is no test `it_is_not_there`");
    }

    #[test]
    fn a_dead_path_in_a_module_doc_is_found_and_code_is_not_read() {
        let source = "//! See `system/state.rs` and `system/gone.rs`.\n/// `nothing.rs`\n";
        let found = paths(&tree("", source));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to_string(), "host/core/src/lib.rs:1: `system/gone.rs` does not exist");
    }
}
