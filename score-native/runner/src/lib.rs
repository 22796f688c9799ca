//! The worker: a process that loads one SCORE, closes a sandbox around itself and serves calls.
//!
//! In: the three descriptors that `score-native-link` hands over, and its orders. Out: its reports.
//! [`score_worker_main`] is the whole program of `loopchain score-worker`. It uses no async
//! runtime, no clock, no random numbers and one thread; after loading it makes hardly a system
//! call. It trusts its peer and nothing of the SCORE.

pub mod charges;
mod confine;
mod debugger;
mod host_calls;
mod layers;
mod load;
mod serve;
mod traps;
mod view;
#[cfg(test)]
mod view_tests;

use confine::Confinement;
use layers::Layers;
use load::Loaded;
use score_native_link::limits::STACK_BYTES;
use score_native_link::protocol::Report;
use score_native_link::{ECHO, FOR_DEBUGGER, OUTSIDE_SANDBOX, SOCKET_FD, Sandbox, SandboxReport};
use serve::{Peer, Service};
use std::ffi::OsString;
use std::process::ExitCode;
use traps::HostMark;

/// The status of a worker that was started by hand or with wrong arguments.
const WRONG_USE: u8 = 2;

/// Runs the worker until its peer is gone. `args` are the arguments after the subcommand:
/// `--sandbox strict|basic`, `--stack BYTES`, `--only sandbox` to close the sandbox and serve nothing,
/// `--only echo` to send back what comes (for a bench), and `--label TEXT`, which is for people who list processes. `--outside-sandbox debugger` in place of
/// `--sandbox` is never passed by a node: see `debugger`.
#[must_use]
pub fn score_worker_main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let Some((confined, stack_bytes)) = wishes(args) else { return ExitCode::from(WRONG_USE) };
    let Ok(socket) = confine::inherited_file(SOCKET_FD) else { return ExitCode::from(WRONG_USE) };
    let mut peer = Peer::new(socket);
    confine::end_quietly_on_panic();
    if let Confined::Only(sandbox) | Confined::Echo(sandbox) = confined {
        let report = try_out(sandbox).map_or_else(|why| Report::Refused { why }, Report::Ready);
        // Whoever asked sees that nothing came.
        peer.send(&report).ok();
        if matches!(confined, Confined::Echo(_)) {
            peer.echo();
        }
        confine::leave();
    }
    let prepared = match confined {
        Confined::Debugger => debugger::prepare(stack_bytes),
        Confined::Sandboxed(sandbox) | Confined::Only(sandbox) | Confined::Echo(sandbox) => {
            prepare(sandbox, stack_bytes)
        }
    };
    let report = match prepared {
        Ok((loaded, mark, report)) => {
            let service = Service { peer, loaded, mark, layers: Layers::new() };
            greet_and_serve(service, report, confined)
        }
        Err(why) => Report::Refused { why },
    };
    match peer.send(&report) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn greet_and_serve(mut service: Service, report: SandboxReport, confined: Confined) -> ! {
    if service.peer.send(&Report::Ready(report)).is_ok() {
        if confined == Confined::Debugger {
            debugger::wait();
        }
        service.serve();
    }
    confine::leave()
}

fn prepare(
    sandbox: Sandbox,
    stack_bytes: usize,
) -> Result<(Loaded, HostMark, SandboxReport), String> {
    let mark = HostMark::map().map_err(|e| format!("the progress page: {e}"))?;
    let confinement = Confinement::before_load(sandbox)?;
    let loaded = Loaded::load(confinement.has_fixed_addresses(), stack_bytes)?;
    traps::catch_faults(&loaded).map_err(|e| format!("the fault handler: {e}"))?;
    let report = confinement.after_load()?;
    Ok((loaded, mark, report))
}

/// Lays every layer, with no SCORE inside.
fn try_out(sandbox: Sandbox) -> Result<SandboxReport, String> {
    Confinement::before_load(sandbox)?.after_load()
}

/// How this process confines itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Confined {
    /// Behind all layers.
    Sandboxed(Sandbox),
    /// Behind all layers, with no SCORE.
    Only(Sandbox),
    /// Behind all layers, with no SCORE, and it sends back what comes.
    Echo(Sandbox),
    /// Not at all: a person looks into it.
    Debugger,
}

/// What the arguments say: how, and with how much stack.
fn wishes(mut args: impl Iterator<Item = OsString>) -> Option<(Confined, usize)> {
    let (mut sandbox, mut only, mut is_outside) = (None, None, false);
    let mut stack_bytes = STACK_BYTES;
    while let Some(name) = args.next() {
        let value = args.next()?;
        match (name.to_str()?, value.to_str()?) {
            ("--sandbox", "strict") => sandbox = Some(Sandbox::Strict),
            ("--sandbox", "basic") => sandbox = Some(Sandbox::Basic),
            ("--only", "sandbox") => only = Some(Confined::Only as fn(Sandbox) -> Confined),
            ("--only", ECHO) => only = Some(Confined::Echo),
            ("--stack", bytes) => {
                stack_bytes = bytes.parse().ok().filter(|bytes| *bytes <= STACK_BYTES)?;
            }
            (OUTSIDE_SANDBOX, FOR_DEBUGGER) => is_outside = true,
            ("--label", _) => {}
            _ => return None,
        }
    }
    let confined = match (sandbox, only, is_outside) {
        (Some(sandbox), None, false) => Confined::Sandboxed(sandbox),
        (Some(sandbox), Some(only), false) => only(sandbox),
        (None, None, true) => Confined::Debugger,
        _ => return None,
    };
    Some((confined, stack_bytes))
}

#[cfg(test)]
mod tests {
    use super::{Confined, wishes};
    use score_native_link::Sandbox;

    #[test]
    fn a_worker_is_in_a_sandbox_or_says_that_it_is_not_and_never_both() {
        let of = |text: &str| wishes(text.split_whitespace().map(Into::into)).map(|(how, _)| how);
        let strict = Confined::Sandboxed(Sandbox::Strict);
        assert_eq!(of("--label a/b --sandbox strict"), Some(strict));
        assert_eq!(of("--sandbox basic --only sandbox"), Some(Confined::Only(Sandbox::Basic)));
        assert_eq!(of("--sandbox strict --only echo"), Some(Confined::Echo(Sandbox::Strict)));
        assert_eq!(of("--label a/b --outside-sandbox debugger"), Some(Confined::Debugger));
        for wrong in [
            "",
            "--only sandbox",
            "--only echo",
            "--sandbox strict --only nothing",
            "--outside-sandbox",
            "--outside-sandbox yes",
            "--sandbox strict --outside-sandbox debugger",
            "--only sandbox --outside-sandbox debugger",
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
