//! A shell in which the commands of a document are typed, one after the other.
//!
//! In: commands and what the document shows of their output. Out: a failure that names the line whose command
//! exits with another code than 0 or prints another stdout. Not here: which shell belongs to which
//! block (`readme.rs`, `machines.rs`).

use crate::transcript;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tests::eventually;
use tests::network::clean;
use tests_tidy::console;

/// For one command, a compiler's work included.
const COMMAND_WITHIN: Duration = Duration::from_secs(240);

/// Somebody's shell; what was set in it stays.
pub(crate) struct Terminal {
    shell: Child,
    typed: ChildStdin,
    /// Holds what was printed.
    own: TempDir,
}

impl Terminal {
    /// Opens one in a folder. `shell` ends in a bash.
    pub(crate) fn open(mut shell: Command, folder: &Path, variables: &[(&str, &str)]) -> Self {
        clean(&mut shell);
        shell.args(["--noprofile", "--norc"]).current_dir(folder).stdin(Stdio::piped());
        shell.envs(variables.iter().copied());
        let mut shell = shell.spawn().unwrap();
        let typed = shell.stdin.take().unwrap();
        let own = tempfile::Builder::new().prefix("loopchain-terminal-").tempdir().unwrap();
        Self { shell, typed, own }
    }

    /// Types a command and compares what it prints.
    pub(crate) fn follow(&mut self, command: &console::Command) {
        let (code, printed) = self.run(&command.text);
        let (line, text) = (command.line, &command.text);
        assert_eq!(code, "0", "line {line}: `{text}`\n{printed}{}", self.printed("stderr"));
        let shown = command.output.join("\n");
        let is_true = transcript::fits(&command.output, &printed);
        assert!(is_true, "line {line}: `{text}` prints\n{printed}\nbut shown is\n{shown}\n");
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

    fn printed(&self, name: &str) -> String {
        std::fs::read_to_string(self.own.path().join(name)).unwrap_or_default()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.shell.kill().ok();
        self.shell.wait().ok();
    }
}
