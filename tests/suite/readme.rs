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

use crate::transcript;
use score_native_link::build::source_tree;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
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
/// Makes the loopback interface of a new namespace usable, gives up the right to do so, and goes on
/// as the rest of the command line.
const LOOPBACK_UP: &str =
    "ip link set lo up && exec setpriv --ambient-caps=-all --inh-caps=-all \"$@\"";
/// For one document. It compiles two SCOREs and a SCORE's tests when nothing did before.
const DOCUMENT_WITHIN: Duration = Duration::from_secs(480);
/// For one command, a compiler's work included, and for a line of `up`.
const COMMAND_WITHIN: Duration = Duration::from_secs(240);
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
    for program in ["bash", "curl", "ip", "setpriv", "unshare"] {
        let mut look = Command::new("sh");
        look.args(["-c", "command -v \"$0\" >/dev/null", program]);
        assert!(
            look.status().unwrap().success(),
            "`{program}` is needed to execute the commands of README.md: install it (Debian: \
             util-linux, iproute2, curl; `.ci/run` does so)"
        );
    }
    build_scores();
    let documents: Vec<_> = documents().collect();
    assert_eq!(documents[0].0, "README.md");
    for (path, _) in documents {
        in_a_namespace(path);
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

/// Runs [`inside`] for a document.
fn in_a_namespace(document: &str) {
    let output = tempfile::NamedTempFile::new().unwrap();
    let mut command = process::tied(Path::new("unshare"));
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        // Not as its root: a SCORE's worker that seems to be root wants to become another user.
        command.args(["--map-current-user", "--keep-caps"]);
    }
    command.args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.args(["sh", "-c", LOOPBACK_UP, "sh"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", TEST, "--nocapture"]).env(DOCUMENT, document);
    let (out, err) = (output.as_file().try_clone().unwrap(), output.as_file().try_clone().unwrap());
    command.stdout(out).stderr(err);
    let mut namespace = Namespace(process::start(command));
    let status = process::ended(&mut namespace.0, DOCUMENT_WITHIN);
    drop(namespace);
    let said = std::fs::read_to_string(output.path()).unwrap();
    let is_good = status.is_some_and(|status| status.success()) && said.contains("1 passed");
    assert!(is_good, "the commands of {document} ({status:?}, `None`: not in time):\n{said}");
}

/// A first process whose end is the end of all others in its namespace.
struct Namespace(Child);

impl Drop for Namespace {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The first process of a namespace: executes a document.
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
    shell: Child,
    typed: ChildStdin,
    up: Option<Child>,
    /// Holds the checkout and what was printed.
    own: TempDir,
}

impl Reader {
    fn new() -> Self {
        let own = tempfile::Builder::new().prefix("loopchain-readme-").tempdir().unwrap();
        let folder = own.path().join("checkout");
        make_checkout(&folder);
        let mut shell = Command::new("bash");
        clean(&mut shell);
        shell.args(["--noprofile", "--norc"]).current_dir(&folder).stdin(Stdio::piped());
        // What a reader's first test run compiles is kept between runs of this test.
        shell.env("CARGO_BUILD_BUILD_DIR", target().join("of-readers"));
        let mut shell = shell.spawn().unwrap();
        let typed = shell.stdin.take().unwrap();
        Self { folder, shell, typed, up: None, own }
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
            let (code, printed) = self.run(&command.text);
            let (line, text) = (command.line, &command.text);
            assert_eq!(code, "0", "line {line}: `{text}`\n{printed}{}", self.printed("stderr"));
            let shown = command.output.join("\n");
            let is_true = transcript::fits(&command.output, &printed);
            assert!(is_true, "line {line}: `{text}` prints\n{printed}\nbut shown is\n{shown}\n");
        }
    }

    /// Runs a command in the shell: its exit code, and what it printed to stdout.
    fn run(&mut self, text: &str) -> (String, String) {
        let at = |name: &str| self.own.path().join(name).display().to_string();
        let (out, err, code, new) = (at("stdout"), at("stderr"), at("code"), at("new"));
        std::fs::remove_file(&code).ok();
        // The code is renamed, so that it is there as a whole or not at all.
        let script = format!(
            "{{ {text}\n}} </dev/null >'{out}' 2>'{err}'\necho $? >'{new}'; mv '{new}' '{code}'\n"
        );
        self.typed.write_all(script.as_bytes()).unwrap();
        let code = eventually(COMMAND_WITHIN, &format!("`{text}` ends"), || {
            std::fs::read_to_string(&code).ok()
        });
        (code.trim().to_owned(), self.printed("stdout"))
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
        eventually(COMMAND_WITHIN, &what, || {
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
        for child in self.up.iter_mut().chain([&mut self.shell]) {
            child.kill().ok();
            child.wait().ok();
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
fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    source_tree().unwrap().join(target)
}
