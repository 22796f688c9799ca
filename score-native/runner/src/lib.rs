//! The worker: a process that loads one SCORE, closes a sandbox around itself and serves calls.
//!
//! In: the three descriptors that `score-native-link` hands over, and its orders. Out: its reports.
//! [`score_worker_main`] is the whole program of `loopchain score-worker`. It uses no async
//! runtime, no clock, no random numbers and one thread; after loading it makes hardly a system
//! call. It trusts its peer and nothing of the SCORE.

pub mod charges;
mod confine;
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
use score_native_link::{SOCKET_FD, Sandbox, SandboxReport};
use serve::{Peer, Service};
use std::ffi::OsString;
use std::process::ExitCode;
use traps::HostMark;

/// The status of a worker that was started by hand or with wrong arguments.
const WRONG_USE: u8 = 2;

/// Runs the worker until its peer is gone. `args` are the arguments after the subcommand:
/// `--sandbox strict|basic`, `--stack BYTES`, `--only sandbox` to close the sandbox and serve nothing, and
/// `--label TEXT`, which is for people who list processes.
#[must_use]
pub fn score_worker_main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(Wishes { sandbox, is_only, stack_bytes }) = wishes(args) else {
        return ExitCode::from(WRONG_USE);
    };
    let Ok(socket) = confine::inherited_file(SOCKET_FD) else { return ExitCode::from(WRONG_USE) };
    let mut peer = Peer::new(socket);
    confine::end_quietly_on_panic();
    if is_only {
        let report = try_out(sandbox).map_or_else(|why| Report::Refused { why }, Report::Ready);
        // Whoever asked sees that nothing came.
        peer.send(&report).ok();
        confine::leave();
    }
    let report = match prepare(sandbox, stack_bytes) {
        Ok((loaded, mark, report)) => {
            greet_and_serve(Service { peer, loaded, mark, layers: Layers::new() }, report)
        }
        Err(why) => Report::Refused { why },
    };
    match peer.send(&report) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn greet_and_serve(mut service: Service, report: SandboxReport) -> ! {
    if service.peer.send(&Report::Ready(report)).is_ok() {
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

/// What the arguments say.
struct Wishes {
    sandbox: Sandbox,
    is_only: bool,
    stack_bytes: usize,
}

fn wishes(mut args: impl Iterator<Item = OsString>) -> Option<Wishes> {
    let (mut sandbox, mut is_only, mut stack_bytes) = (None, false, STACK_BYTES);
    while let Some(name) = args.next() {
        let value = args.next()?;
        match (name.to_str()?, value.to_str()?) {
            ("--sandbox", "strict") => sandbox = Some(Sandbox::Strict),
            ("--sandbox", "basic") => sandbox = Some(Sandbox::Basic),
            ("--only", "sandbox") => is_only = true,
            ("--stack", bytes) => {
                stack_bytes = bytes.parse().ok().filter(|bytes| *bytes <= STACK_BYTES)?;
            }
            ("--label", _) => {}
            _ => return None,
        }
    }
    Some(Wishes { sandbox: sandbox?, is_only, stack_bytes })
}
