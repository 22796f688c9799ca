//! Programs of the system that a test needs besides ours: strace makes system calls fail.
//!
//! In: a process, a file, an errno. Out: an [`Injection`] that ends when it is dropped. CI installs
//! the programs; where one is absent [`is_there`] says so and the test tells that it did not run.

use crate::eventually;
use crate::process;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A program that passes a check of itself; else it is said what to install, and nothing is found. Where it must be
/// there (`CI` is set) its absence is a failure.
///
/// # Panics
/// In CI, when it is absent or does not pass.
#[must_use]
pub fn found_or_said(program: &OsStr, check: &[&str], install: &str) -> Option<PathBuf> {
    let checked = Command::new(program).args(check).output();
    if checked.is_ok_and(|said| said.status.success()) {
        return Some(program.into());
    }
    let missing = format!("{} is not what this test needs: {install}", program.display());
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    // Without a stderr there is nobody to tell.
    writeln!(std::io::stderr(), "skipped: {missing}").ok();
    None
}

/// Whether a program can be run. Where it must be (`CI` is set) its absence is a failure.
///
/// # Panics
/// In CI, when it is absent.
#[must_use]
pub fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let is_there = command.status().is_ok_and(|status| status.success());
    assert!(is_there || std::env::var_os("CI").is_none(), "CI installs {program}");
    is_there
}

/// strace on a running process: calls that touch one file fail.
#[derive(Debug)]
pub struct Injection {
    strace: Child,
    output: PathBuf,
}

impl Injection {
    /// Lets the `calls` (`fdatasync`, or several with commas) of a process on a file fail with EIO,
    /// from the first one on.
    ///
    /// # Panics
    /// When strace cannot attach.
    #[must_use]
    pub fn start(pid: u32, calls: &str, file: &Path) -> Self {
        let file = [Path::new("-P"), file].map(|word| word.display().to_string());
        Self::attach(pid, calls, "EIO", &file)
    }

    /// Lets a call of a process and of all that it starts fail, as on a kernel that does not have it.
    ///
    /// # Panics
    /// When strace cannot attach.
    #[must_use]
    pub fn without(pid: u32, call: &str) -> Self {
        Self::attach(pid, call, "ENOSYS", &[])
    }

    fn attach(pid: u32, calls: &str, errno: &str, more: &[String]) -> Self {
        let folder = std::env::temp_dir();
        let output = folder.join(format!("loopchain-strace-{}-{pid}", std::process::id()));
        let mut strace = process::tied(Path::new("strace"));
        strace.args(["-f", "-p", &pid.to_string()]).args(more);
        let inject = format!("inject={calls}:error={errno}");
        strace.args(["-e", &format!("trace={calls}"), "-e", &inject]);
        let stderr = File::create(&output).expect("a file for what strace says");
        strace.stdout(Stdio::null()).stderr(stderr);
        let injection = Self { strace: process::start(strace), output };
        eventually(Duration::from_secs(10), "strace is attached", || {
            injection.said().contains("attached").then_some(())
        });
        injection
    }

    /// What it traced.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        // Interrupted it lets the process go; killed it would leave it stopped.
        process::signal("INT", &[self.strace.id()]);
        if process::ended(&mut self.strace, Duration::from_secs(5)).is_none() {
            self.strace.kill().ok();
            self.strace.wait().ok();
        }
        std::fs::remove_file(&self.output).ok();
    }
}
