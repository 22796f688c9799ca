//! Commands in documents: blocks that show a terminal, so that a test can run them.
//!
//! In: Markdown. Out: [`Block`]s. A block is fenced with the word `console`; a line that begins
//! with `$ ` is a command (a `\` at its end continues it), the lines up to the next command are what
//! it prints. A note may stand behind the word: under `no-run` nothing is executed, and a block
//! `up` has no command: it is what `up`, started earlier and still running, prints now. Behind `on` stand
//! machines: each of them runs the commands. Not here: running anything (`tests/suite/readme.rs`,
//! `tests/suite/machines.rs`).

use crate::{Finding, Tree};

/// One command of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Line of the document, counted from 1.
    pub line: usize,
    /// What is typed, without `$ `, continued lines joined.
    pub text: String,
    /// What the document says it prints.
    pub output: Vec<String>,
}

/// One block of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Line of its fence, counted from 1.
    pub line: usize,
    /// What stands behind `console` on the fence: nothing, [`NO_RUN`], [`UP`], or [`ON`] and machines.
    pub note: String,
    /// Lines before the first command: all of them in a block [`UP`], none in others.
    pub output: Vec<String>,
    /// Its commands.
    pub commands: Vec<Command>,
}

impl Block {
    /// The machines that run the commands; none when it is not about machines.
    #[must_use]
    pub fn machines(&self) -> Option<Vec<&str>> {
        let names: Vec<_> = self.note.strip_prefix(ON)?.split(',').map(str::trim).collect();
        let is_name = |name: &&str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        };
        names.iter().all(is_name).then_some(names)
    }
}

/// True for a document whose commands are run by several machines.
#[must_use]
pub fn is_about_machines(markdown: &str) -> bool {
    console_blocks(markdown).iter().any(|block| block.machines().is_some())
}

/// The note of a block whose commands no test executes.
pub const NO_RUN: &str = "no-run";
/// The note of a block that shows what a running `up` prints.
pub const UP: &str = "up";
/// The word before the machines, with commas between them, that run the commands of a block.
pub const ON: &str = "on ";
/// The word on the fence.
const CONSOLE: &str = "console";
/// Words under which commands would escape the tests.
const SHELLS: [&str; 5] = ["bash", "sh", "shell", "shell-session", "zsh"];

/// Every block of commands of a document, in order.
#[must_use]
pub fn console_blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for fence in fences(markdown) {
        if let Some(note) = fence.word.strip_prefix(CONSOLE) {
            let first = fence.lines.iter().position(|line| line.starts_with("$ "));
            let output = fence.lines.iter().take(first.unwrap_or(fence.lines.len()));
            blocks.push(Block {
                line: fence.line,
                note: note.trim().to_owned(),
                output: output.map(|line| (*line).to_owned()).collect(),
                commands: commands(fence.line, &fence.lines),
            });
        }
    }
    blocks
}

/// Documents for people show commands in `console` blocks that begin with one, and in no other; in
/// every other document such a block says that nothing runs it.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".md") {
        let is_about_machines = is_about_machines(text);
        for block in console_blocks(text) {
            let is_nowhere = is_about_machines && block.machines().is_none();
            let message = mistake(&block, is_executed(path))
                .or((is_nowhere && block.note != NO_RUN)
                    .then_some("other blocks say which machine runs them: this one must, too"));
            findings.extend(message.map(|message| Finding::at(path, block.line, message)));
        }
        for fence in fences(text).iter().filter(|_| is_executed(path)) {
            if SHELLS.contains(&fence.word.as_str()) {
                let message = format!("a `{}` block is not run: make it `console`", fence.word);
                findings.push(Finding::at(path, fence.line, message));
            }
        }
    }
    findings
}

fn mistake(block: &Block, is_executed: bool) -> Option<&'static str> {
    let is_output = block.note == UP;
    if !["", NO_RUN, UP].contains(&block.note.as_str()) && block.machines().is_none() {
        return Some("behind `console` stands nothing, `no-run`, `up`, or `on` and machines");
    }
    if is_output && !block.commands.is_empty() {
        return Some("a `console up` block has no command");
    }
    if !is_output && (block.commands.is_empty() || !block.output.is_empty()) {
        return Some("a `console` block begins with `$ ` and a command");
    }
    (!is_executed && block.note != NO_RUN)
        .then_some("no test runs the commands of this document: make it `console no-run`")
}

/// True for documents whose commands a test runs.
#[must_use]
pub fn is_executed(path: &str) -> bool {
    path == "README.md" || path.starts_with("docs/guide/")
}

/// A fenced block of any kind.
struct Fence<'a> {
    line: usize,
    word: String,
    lines: Vec<&'a str>,
}

fn fences(markdown: &str) -> Vec<Fence<'_>> {
    let mut fences: Vec<Fence<'_>> = Vec::new();
    let mut is_open = false;
    for (number, line) in markdown.lines().enumerate() {
        if let Some(word) = line.trim_start().strip_prefix("```") {
            if !is_open {
                let word = word.trim().to_owned();
                fences.push(Fence { line: number + 1, word, lines: Vec::new() });
            }
            is_open = !is_open;
        } else if let Some(fence) = fences.last_mut().filter(|_| is_open) {
            fence.lines.push(line);
        }
    }
    fences
}

fn commands(fence: usize, lines: &[&str]) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let mut is_continued = false;
    for (number, line) in lines.iter().enumerate() {
        let typed = line.strip_prefix("$ ");
        if !is_continued && let Some(text) = typed {
            commands.push(Command { line: fence + 1 + number, text: text.into(), output: vec![] });
            is_continued = text.ends_with('\\');
        } else if let Some(command) = commands.last_mut() {
            if is_continued {
                command.text.truncate(command.text.len() - 1);
                command.text.push_str(line.trim_start());
                is_continued = line.ends_with('\\');
            } else {
                command.output.push((*line).to_owned());
            }
        }
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# x\n\n```console\n$ curl a \\\n    b\nout\n\n$ next\n```\n\n```toml\n$ no\n```\n\
                        ```console no-run\n$ cargo up\n```\n```console up\n  ready\n```\n";

    #[test]
    fn commands_and_their_output_are_read() {
        let blocks = console_blocks(PAGE);
        assert_eq!(blocks.len(), 3);
        assert_eq!((blocks[0].line, blocks[0].note.as_str()), (3, ""));
        let [first, second] = &blocks[0].commands[..] else { panic!("{blocks:?}") };
        assert_eq!((first.line, first.text.as_str()), (4, "curl a b"));
        assert_eq!(first.output, ["out", ""]);
        assert_eq!((second.line, second.text.as_str()), (8, "next"));
        assert_eq!(blocks[1].note, "no-run");
        assert_eq!(blocks[1].commands[0].text, "cargo up");
        assert_eq!((blocks[2].note.as_str(), &blocks[2].commands[..]), (UP, &[][..]));
        assert_eq!(blocks[2].output, ["  ready"]);
    }

    #[test]
    fn a_block_that_escapes_the_tests_is_found() {
        let page = "```sh\nls\n```\n```console\nls\n```\n";
        assert_eq!(check(&Tree::of(&[("README.md", page), ("docs/x.md", page)])).len(), 3);
        assert_eq!(check(&Tree::of(&[("docs/guide/a.md", PAGE)])).len(), 0);
    }

    #[test]
    fn a_block_that_no_test_runs_says_so() {
        let page = "```console\n$ ls\n```\n```console no-run\n$ ls\n```\n";
        assert_eq!(check(&Tree::of(&[("CONTRIBUTING.md", page)])).len(), 1);
        assert_eq!(check(&Tree::of(&[("README.md", page)])).len(), 0);
    }

    #[test]
    fn a_block_may_say_which_machines_run_it_and_then_all_must() {
        let page = "```console on a, bank-b\n$ ls\n```\n";
        assert_eq!(console_blocks(page)[0].machines(), Some(vec!["a", "bank-b"]));
        assert_eq!(check(&Tree::of(&[("docs/guide/a.md", page)])).len(), 0);
        let mixed = format!("{page}```console\n$ ls\n```\n```console on A\n$ ls\n```\n");
        assert_eq!(check(&Tree::of(&[("docs/guide/a.md", &mixed)])).len(), 2);
    }

    #[test]
    fn a_note_that_means_nothing_is_found() {
        let page = "```console norun\n$ ls\n```\n```console up\n$ ls\n```\n";
        assert_eq!(check(&Tree::of(&[("README.md", page)])).len(), 2);
    }
}
