//! Finds the program that becomes the sandboxed worker.
//!
//! In: the environment and the source tree. Out: a path and its arguments. `LOOPCHAIN` names a
//! `loopchain` (`loopchain score test` sets it). In the source tree it is the testkit's own little
//! program beside the running test; when that is missing or older than its source, cargo builds it.

use crate::library::LibraryError;
use score_native_link::build::source_tree;
use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::SystemTime,
};

/// Names a `loopchain` to take as the worker.
const VARIABLE: &str = "LOOPCHAIN";

/// The testkit's program.
const OWN: &str = "score-worker-under-testkit";

/// What it is made of, in the source tree.
const SOURCES: [&str; 4] = ["abi/src", "link/src", "runner/src", "testkit/src/bin"];

/// A program and what comes before the worker's own arguments.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) args: Vec<String>,
}

/// The worker's program.
pub(crate) fn find() -> Result<Program, LibraryError> {
    static FOUND: OnceLock<Result<Program, String>> = OnceLock::new();
    FOUND.get_or_init(look).clone().map_err(LibraryError::Worker)
}

fn look() -> Result<Program, String> {
    if let Some(path) = env::var_os(VARIABLE) {
        return Ok(Program { path: path.into(), args: vec!["score-worker".into()] });
    }
    let advice = "run `loopchain score test`, or let LOOPCHAIN name the program `loopchain`";
    let tree = source_tree().ok_or(advice)?;
    let test = env::current_exe().map_err(|error| error.to_string())?;
    // target/debug/deps/TEST
    let folder = test.parent().and_then(Path::parent).ok_or(advice)?;
    let path = folder.join(OWN);
    if !is_fresh(&path, &tree.join("score-native")).unwrap_or(false) {
        build(&tree, folder)?;
    }
    Ok(Program { path, args: Vec::new() })
}

fn is_fresh(program: &Path, sources: &Path) -> io::Result<bool> {
    let built = fs::metadata(program)?.modified()?;
    for folder in SOURCES {
        if newest(&sources.join(folder))? > built {
            return Ok(false);
        }
    }
    Ok(true)
}

fn newest(folder: &Path) -> io::Result<SystemTime> {
    let mut newest = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let found = entry.metadata()?;
        newest = newest.max(found.modified()?);
        if found.is_dir() {
            newest = newest.max(self::newest(&entry.path())?);
        }
    }
    Ok(newest)
}

/// Builds it with the profile of the running test.
fn build(tree: &Path, folder: &Path) -> Result<(), String> {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(tree).args(["build", "--quiet", "--offline", "--profile", profile]);
    command.args(["-p", "score-native-testkit", "--bin", OWN, "--target-dir"]);
    command.arg(folder.parent().unwrap_or(folder));
    let output = command.output().map_err(|error| format!("cargo does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("cargo cannot build {OWN}: {}", String::from_utf8_lossy(&output.stderr)))
}
