//! What the figures were measured on: without it they say nothing.

use serde::Serialize;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The machine and the build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Model of the CPU.
    pub cpu: String,
    /// Hardware threads.
    pub cores: usize,
    /// Kernel release.
    pub kernel: String,
    /// File system under the folder for temporary files.
    pub file_system: String,
    /// Code that multiplies curve points.
    pub dalek_backend: String,
    /// `release` or `debug`.
    pub build: &'static str,
    /// Version of this program.
    pub version: &'static str,
    /// Commit of the source tree in the working directory, when there is one.
    pub git: Option<String>,
}

impl Machine {
    /// Looks around; `dir` is the folder for temporary files.
    #[must_use]
    pub fn read(dir: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            cpu: cpu_model(&read("/proc/cpuinfo")),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system: file_system(&read("/proc/self/mounts"), dir),
            dalek_backend: dalek_backend(),
            build: if cfg!(debug_assertions) { "debug" } else { "release" },
            version: env!("CARGO_PKG_VERSION"),
            git: git_commit(),
        }
    }
}

fn cpu_model(cpuinfo: &str) -> String {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"));
    let model = line.and_then(|line| line.split_once(':')).map(|(_, model)| model.trim());
    model.unwrap_or(std::env::consts::ARCH).to_owned()
}

/// The kind of the longest mount point above `dir`.
fn file_system(mounts: &str, dir: &Path) -> String {
    let dir = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let above = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?, fields.next()?);
        dir.starts_with(point).then_some((point.len(), kind))
    });
    above.max_by_key(|(len, _)| *len).map_or("unknown", |(_, kind)| kind).to_owned()
}

/// What curve25519-dalek chose: `avx512` is compiled in by `.cargo/config.toml` and used only where
/// the CPU has it.
#[expect(unexpected_cfgs, reason = "curve25519-dalek's own cfg, set for the whole build")]
fn dalek_backend() -> String {
    let is_built_with_avx512 = cfg!(curve25519_dalek_backend = "avx512");
    let chosen = if is_built_with_avx512 && has_avx512() {
        "avx512"
    } else if has_avx2() {
        "avx2"
    } else {
        "serial"
    };
    chosen.to_owned()
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    std::arch::is_x86_feature_detected!("avx512ifma")
        && std::arch::is_x86_feature_detected!("avx512vl")
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(not(target_arch = "x86_64"))]
const fn has_avx512() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
const fn has_avx2() -> bool {
    false
}

fn git_commit() -> Option<String> {
    let answer = |args: &[&str]| {
        let output = Command::new("git").args(args).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = answer(&["rev-parse", "--short=12", "HEAD"]).filter(|text| !text.is_empty())?;
    let is_changed = answer(&["status", "--porcelain", "--untracked-files=no"])
        .is_some_and(|changes| !changes.is_empty());
    Some(if is_changed { format!("{commit} with changes") } else { commit })
}

/// Load average of the last minute.
#[must_use]
pub fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_and_the_file_system_are_found() {
        assert_eq!(cpu_model("processor : 0\nmodel name\t: Abc 9\n"), "Abc 9");
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmpx xfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/tmp")), "tmpfs");
        assert_eq!(file_system(mounts, Path::new("/nowhere")), "ext4");
        assert_eq!(file_system("", Path::new("/")), "unknown");
    }

    #[test]
    fn a_backend_is_named() {
        assert!(["avx512", "avx2", "serial"].contains(&dalek_backend().as_str()));
    }
}
