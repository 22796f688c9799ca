//! A worker that a person looks into: no sandbox, and it waits.
//!
//! In: the same descriptors and orders as any worker. Out: the same reports. It has no layer of the
//! sandbox, because a debugger needs `ptrace`, and perf needs clocks; everything that makes a call
//! deterministic (fixed addresses, arena, stack, statics, steps) is as ever. A node never starts
//! one: the only caller of `WorkerConfig::for_debugger` is the replay of one transaction.

use crate::confine;
use crate::load::Loaded;
use crate::traps::{self, HostMark};
use score_native_link::SandboxReport;

/// Loads the SCORE, with no layer around it.
pub(crate) fn prepare(stack_bytes: usize) -> Result<(Loaded, HostMark, SandboxReport), String> {
    let mark = HostMark::map().map_err(|e| format!("the progress page: {e}"))?;
    confine::let_debuggers_attach();
    // A debugger opens what the loader lists: its own `self` would be another file, on which it hangs.
    let process = std::process::id().to_string();
    let loaded = Loaded::load_for_debugger(&process, confine::has_fixed_addresses(), stack_bytes)?;
    traps::catch_faults(&loaded).map_err(|e| format!("the fault handler: {e}"))?;
    Ok((loaded, mark, SandboxReport::default()))
}

/// Stops until somebody continues this process (`kill -CONT`, or a debugger).
pub(crate) fn wait() {
    confine::stop_this_process();
}
