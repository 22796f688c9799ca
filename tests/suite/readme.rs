//! The commands of README.md and of the guide (docs/guide), executed as a reader would type them.
//!
//! In: every `console` block of these documents, in order. Out: a failure that names the line whose
//! command exits with another code than 0 or prints another stdout than the document shows.
//!
//! The ports of a document are fixed (7100, 9000, ...), so each document is executed in a network
//! namespace of its own, where only the loopback interface is. It is a process namespace, too:
//! this test program runs in it once more, as its first process ([`inside`]), and when that ends,
//! however it ends, the kernel kills whatever it started. The working folder looks like the
//! checkout: links to its entries, and a channels.toml, a `target` and a `.loopchain` of its own.
//!
//! Deliberately not here: a release build, which would take minutes. `target/release/loopchain` is
//! the program under test, and `cargo up` is its `up`; the step `up` of `.ci/run` builds and runs
//! the real one. A block `console no-run` is not executed here but is a step of `.ci/run`.

use crate::terminal::Terminal;
use crate::{namespace, transcript};
use score_native_link::build::source_tree;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;
use tempfile::TempDir;
use tests::network::{build_scores, clean};
use tests::{eventually, process};
use tests_tidy::Tree;
use tests_tidy::console::{self, Block, NO_RUN, UP};

/// Names the document, in the namespace.
const DOCUMENT: &str = "TEST_OF_DOCUMENT";
/// The name that this program knows the test by.
const TEST: &str = "readme::every_command_of_the_readme_and_the_guide_does_what_it_shows";
/// For one document. It compiles two SCOREs and a SCORE's tests when nothing did before.
const DOCUMENT_WITHIN: Duration = Duration::from_secs(480);
/// For a line of `up`.
const LINE_WITHIN: Duration = Duration::from_secs(240);
/// From `loopchain down` to the end of `up`.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// What the working folder has of its own instead of the checkout's.
const OWN: [&str; 4] = [".git", ".loopchain", "channels.toml", "target"];

static TREE: LazyLock<Tree> = LazyLock::new(|| Tree::read(&source_tree().unwrap()).unwrap());

/// Documents whose commands are executed: path and text, README.md first.
fn documents() -> impl Iterator<Item = (&'static str, &'static str)> {
    TREE.ending(".md").filter(|(path, _)| console::is_executed(path))
}

#[test]
fn every_command_of_the_readme_and_the_guide_does_what_it_shows() {
    if let Ok(document) = std::env::var(DOCUMENT) {
        return inside(TREE.text(&document).unwrap());
    }
    namespace::needs(&["bash", "curl"]);
    build_scores();
    let documents: Vec<_> = documents().collect();
    assert_eq!(documents[0].0, "README.md");
    // Those that take several machines are executed by `machines.rs`.
    for (path, _) in documents.iter().filter(|(_, text)| !console::is_about_machines(text)) {
        namespace::run_again(TEST, (DOCUMENT, path), DOCUMENT_WITHIN);
    }
}

#[test]
fn what_is_not_executed_here_is_a_step_of_ci() {
    let ci = std::fs::read_to_string(source_tree().unwrap().join(".ci/run")).unwrap();
    let steps: Vec<_> = ci.lines().filter_map(|line| line.strip_prefix("step ")).collect();
    for (path, text) in documents() {
        for block in console::console_blocks(text).iter().filter(|block| block.note == NO_RUN) {
            for command in &block.commands {
                let typed = format!(" {} ", command.text);
                let is_step = steps.iter().any(|step| format!("{step} ").contains(&typed));
                assert!(is_step, "{path}:{}: no step of .ci/run runs this", command.line);
            }
        }
    }
}

#[test]
fn the_score_of_the_readme_is_the_example() {
    let readme = TREE.text("README.md").unwrap();
    let shown = readme.split("```rust\n").nth(1).unwrap().split("```").next().unwrap();
    let mut source = TREE.text("examples/hello-score/src/lib.rs").unwrap().lines();
    for line in shown.lines() {
        assert!(source.any(|other| other == line), "not in the example, or not there: {line}");
    }
}

#[test]
fn the_first_score_of_the_guide_is_the_one_that_is_copied() {
    let guide = TREE.text("docs/guide/first-score.md").unwrap();
    let shown: Vec<_> = guide.split("```rust\n").skip(1).collect();
    let files = ["guestbook.rs", "story.rs"];
    assert_eq!(shown.len(), files.len());
    for (shown, file) in shown.into_iter().zip(files) {
        let source = TREE.text(&format!("docs/guide/first-score/{file}")).unwrap();
        let code = |text: &str| {
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            lines.filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(code(shown.split("```").next().unwrap()), code(source), "{file}");
    }
}

/// Inside a namespace: executes a document.
fn inside(text: &str) {
    let mut reader = Reader::new();
    for block in console::console_blocks(text).iter().filter(|block| block.note != NO_RUN) {
        reader.follow(block);
    }
    let up = reader.up.as_mut().expect("a document starts a network");
    let ended = process::ended(up, STOP_WITHIN).expect("a document stops its network");
    assert!(ended.success(), "`up` ended with {ended}");
}

/// Somebody with two terminals in a checkout: `up` runs in one, a shell in the other.
struct Reader {
    /// The checkout.
    folder: PathBuf,
    terminal: Terminal,
    up: Option<Child>,
    /// Holds the checkout and what was printed.
    own: TempDir,
}

impl Reader {
    fn new() -> Self {
        let own = tempfile::Builder::new().prefix("loopchain-readme-").tempdir().unwrap();
        let folder = own.path().join("checkout");
        make_checkout(&folder);
        // What a reader's first test run compiles is kept between runs of this test.
        let compiled = target().join("of-readers").display().to_string();
        let variables = [("CARGO_BUILD_BUILD_DIR", compiled.as_str())];
        let terminal = Terminal::open(Command::new("bash"), &folder, &variables);
        Self { folder, terminal, up: None, own }
    }

    fn follow(&mut self, block: &Block) {
        if block.note == UP {
            return self.wait_for_up(&block.output, block.line);
        }
        for command in &block.commands {
            if command.text == "cargo up" {
                self.start_up();
                self.wait_for_up(&command.output, command.line);
                continue;
            }
            self.terminal.follow(command);
        }
    }

    fn start_up(&mut self) {
        assert!(self.up.is_none(), "one network at a time");
        let file = |name: &str| File::create(self.own.path().join(name)).unwrap();
        let mut command = Command::new(self.folder.join("target/release/loopchain"));
        clean(&mut command);
        command.arg("up").current_dir(&self.folder).stdin(Stdio::null());
        self.up = Some(command.stdout(file("up")).stderr(file("up-stderr")).spawn().unwrap());
    }

    fn wait_for_up(&self, lines: &[String], line: usize) {
        let what = format!("`up` prints what line {line} shows:\n{}", lines.join("\n"));
        eventually(LINE_WITHIN, &what, || {
            transcript::contains(lines, &self.printed("up")).then_some(())
        });
    }

    fn printed(&self, name: &str) -> String {
        std::fs::read_to_string(self.own.path().join(name)).unwrap_or_default()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (out, err) = (self.printed("up"), self.printed("up-stderr"));
            writeln!(std::io::stderr(), "`up` printed:\n{out}{err}").ok();
        }
        if let Some(up) = &mut self.up {
            up.kill().ok();
            up.wait().ok();
        }
    }
}

/// A folder that looks like the checkout, and in which the program under test is the one that
/// `cargo up` builds.
fn make_checkout(folder: &Path) {
    let root = source_tree().unwrap();
    std::fs::create_dir_all(folder.join("target/release")).unwrap();
    for entry in std::fs::read_dir(&root).unwrap() {
        let name = entry.unwrap().file_name();
        if !OWN.iter().any(|own| name == *own) {
            symlink(root.join(&name), folder.join(&name)).unwrap();
        }
    }
    std::fs::copy(root.join("channels.toml"), folder.join("channels.toml")).unwrap();
    let program = env!("CARGO_BIN_EXE_loopchain-under-test");
    symlink(program, folder.join("target/release/loopchain")).unwrap();
    symlink(target().join("score"), folder.join("target/score")).unwrap();
}

/// The checkout's own target folder.
pub(crate) fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    source_tree().unwrap().join(target)
}
