//! The author's tests, run by cargo with their output kept back.
//!
//! In: a folder. Out: how many passed; else a failure with what cargo printed.

use crate::failure::Failure;
use host_types::fault::Code;
use std::path::Path;
use std::process::{Command, Stdio};

/// What is shown of a failed run: its last lines name the tests.
const LINES_SHOWN: usize = 40;

/// A run in which all tests passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tests {
    /// How many.
    pub passed: u64,
}

/// Runs them.
pub(super) fn run(folder: &Path) -> Result<Tests, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["test", "--quiet", "--no-fail-fast"]).env("CARGO_TERM_COLOR", "never");
    // The worker of the tests is this program: nothing else has to be built.
    if let Ok(own) = std::env::current_exe() {
        command.env("LOOPCHAIN", own);
    }
    let output = command.current_dir(folder).stdin(Stdio::null()).output().map_err(|error| {
        Failure::new(Code::BuildFailed, format!("cargo does not start: {error}"))
            .with_help("install Rust: https://rustup.rs")
    })?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(Tests { passed: passed(&said) });
    }
    let lines: Vec<_> = said.lines().collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = lines.into_iter().chain(errors.lines()).collect();
    let shown = lines.get(lines.len().saturating_sub(LINES_SHOWN)..).unwrap_or_default().join("\n");
    Err(Failure::new(Code::BuildFailed, format!("the tests failed:\n{shown}"))
        .with_help("correct it and save: they run again"))
}

/// The sum of `test result: ok. 3 passed; …` over all test programs.
fn passed(said: &str) -> u64 {
    said.lines()
        .filter_map(|line| {
            let rest = line.trim().strip_prefix("test result: ok. ")?;
            rest.split_once(" passed")?.0.parse::<u64>().ok()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_test_programs_count() {
        let said = "running 2 tests\n..\ntest result: ok. 2 passed; 0 failed; 0 ignored\n\n\
                    test result: ok. 0 passed; 0 failed\ntest result: ok. 3 passed; 0 failed\n";
        assert_eq!(passed(said), 5);
        assert_eq!(passed(""), 0);
    }
}
