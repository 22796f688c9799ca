//! What only the build knows: the compiler, and the commit in a release build.
//!
//! In: `RUSTC`, `LOOPCHAIN_GIT` or the checkout. Out: two variables for `version`. A debug build
//! names no commit: it would be built anew at each.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LOOPCHAIN_GIT");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = said(Command::new(rustc).arg("--version")).unwrap_or_default();
    println!("cargo::rustc-env=LOOPCHAIN_RUSTC={version}");
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = std::env::var("LOOPCHAIN_GIT").ok().or_else(|| is_release.then(commit).flatten());
    println!("cargo::rustc-env=LOOPCHAIN_COMMIT={}", commit.unwrap_or_default());
}

fn commit() -> Option<String> {
    let log = said(Command::new("git").args(["rev-parse", "--git-path", "logs/HEAD"]))?;
    if Path::new(&log).exists() {
        println!("cargo::rerun-if-changed={log}");
    }
    said(Command::new("git").args(["rev-parse", "--short=12", "HEAD"]))
}

fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}
