//! The machine: layers of the sandbox, open files, memory.
//!
//! In: a try of the sandbox in a process of its own, /proc. Out: findings. Deliberately not here:
//! how fast the machine is (`bench limits`).

use super::{Finding, Place};
use crate::cmd::runtime;
use crate::failure::Failure;
use host_node::config::{Overrides, PeerConfig, Sandbox as Wanted};
use host_types::fault::Code;
use score_native_link::{Sandbox, SandboxReport, try_sandbox};

const CHECK: &str = "machine";
/// Open files that a peer with some channels and many clients needs.
const OPEN_FILES_MIN: u64 = 4096;
/// Memory, MiB, below which a peer may be killed by the kernel.
const MEMORY_MIB_MIN: u64 = 256;

/// Looks.
pub(super) fn check(place: &Place<'_>) -> Result<Vec<Finding>, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(Code::Internal, format!("this program: {error}")))?;
    let tried = try_sandbox(program, vec!["score-worker".into()], Sandbox::Basic);
    let tried = runtime()?.block_on(tried);
    let mut findings = vec![sandbox(tried, is_strict(place))];
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    findings.push(open_files(soft_limit(&limits)));
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    findings.push(memory_left(available_mib(&memory)));
    Ok(findings)
}

/// Whether a peer here wants every layer.
fn is_strict(place: &Place<'_>) -> bool {
    let peers = place.homes.iter().filter(|(_, file)| *file == "peer.toml");
    let settings = peers.filter_map(|(home, _)| PeerConfig::load(home, &Overrides::default()).ok());
    settings.into_iter().any(|config| config.scores.sandbox == Wanted::Strict)
}

fn sandbox(tried: Result<SandboxReport, String>, is_strict: bool) -> Finding {
    let (on, missing) = match tried {
        Ok(report) => (report.on.join(", "), report.missing.join("; ")),
        Err(why) => (String::new(), why),
    };
    if missing.is_empty() {
        return Finding::ok(CHECK, format!("sandbox of SCOREs: {on}"));
    }
    let message = format!("layers of the sandbox are missing: {missing}");
    if is_strict {
        return Finding::problem(CHECK, Code::SandboxIncomplete, message)
            .with_step(Code::SandboxIncomplete.help());
    }
    Finding::warning(CHECK, Code::SandboxIncomplete, message)
        .with_step("a kernel with Landlock and seccomp is needed outside of development")
}

/// The soft limit of open files.
fn soft_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_whitespace().next()?;
    if soft == "unlimited" { Some(u64::MAX) } else { soft.parse().ok() }
}

fn open_files(soft: Option<u64>) -> Finding {
    match soft {
        Some(soft) if soft < OPEN_FILES_MIN => {
            let message = format!("{soft} open files are allowed, {OPEN_FILES_MIN} may be needed");
            Finding::warning(CHECK, Code::StartFailed, message)
                .with_step(format!("ulimit -n {OPEN_FILES_MIN}, or LimitNOFILE= of the unit"))
        }
        Some(u64::MAX) => Finding::ok(CHECK, "open files: any number"),
        Some(soft) => Finding::ok(CHECK, format!("open files: {soft}")),
        None => Finding::ok(CHECK, "open files: this system does not tell"),
    }
}

fn available_mib(memory: &str) -> Option<u64> {
    let line = memory.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
}

fn memory_left(mib: Option<u64>) -> Finding {
    match mib {
        Some(mib) if mib < MEMORY_MIB_MIN => {
            let message = format!("{mib} MiB of memory are left");
            Finding::warning(CHECK, Code::StartFailed, message)
                .with_step("stop something, or set a smaller [storage] cache")
        }
        Some(mib) => Finding::ok(CHECK, format!("memory left: {mib} MiB")),
        None => Finding::ok(CHECK, "memory: this system does not tell"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_missing_layer_is_a_problem_where_all_are_wanted() {
        let report = |missing: &[&str]| {
            let missing = missing.iter().map(|one| (*one).to_owned()).collect();
            Ok(SandboxReport { on: vec!["seccomp".to_owned()], missing })
        };
        assert_eq!(sandbox(report(&[]), true).state, State::Ok);
        let missing = sandbox(report(&["landlock: not built in"]), true);
        assert_eq!((missing.state, missing.code), (State::Problem, Some(Code::SandboxIncomplete)));
        assert_eq!(sandbox(report(&["landlock: not built in"]), false).state, State::Warning);
        assert_eq!(sandbox(Err("killed".to_owned()), true).state, State::Problem);
    }

    #[test]
    fn limits_of_the_machine_are_read() {
        let limits = "Limit  Soft  Hard\nMax open files            1024     524288     files\n";
        assert_eq!(soft_limit(limits), Some(1024));
        assert_eq!(open_files(soft_limit(limits)).state, State::Warning);
        assert_eq!(open_files(Some(65_536)).state, State::Ok);
        assert_eq!(available_mib("MemTotal: 9\nMemAvailable:   204800 kB\n"), Some(200));
        assert_eq!(memory_left(Some(200)).state, State::Warning);
        assert_eq!(memory_left(Some(4000)).state, State::Ok);
    }
}
