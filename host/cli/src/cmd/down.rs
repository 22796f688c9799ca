//! `down`: asks the `up` of a data folder to stop, and waits until it has.
//!
//! The wish is a file (`DATA/up.stop`) that `up` looks for; no signal goes to a process that might
//! be another one by now.

use super::{Context, Done};
use crate::failure::Failure;
use host_types::fault::Code;
use serde_json::json;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The wish.
pub(crate) const STOP_FILE: &str = "up.stop";
/// How often it is looked whether `up` has ended.
const POLL: Duration = Duration::from_millis(50);

/// Runs it.
pub(crate) fn down(context: &Context) -> Done {
    let data = &context.data;
    let shown = data.path().display().to_string();
    let Some(run) = data.running()? else {
        context.out.either(
            &json!({"schema": "loopchain.down.v1", "data": shown, "stopped": false}),
            [format!("nothing runs in {shown}")],
        );
        return Ok(ExitCode::SUCCESS);
    };
    let wish = data.join(STOP_FILE);
    std::fs::write(&wish, b"").map_err(|error| Failure::file(&wish, &error))?;
    let end = Instant::now() + context.global.timeout;
    while data.running()?.is_some_and(|now| now.pid == run.pid) {
        if Instant::now() >= end {
            let message = format!("the network in {shown} (pid {}) does not stop", run.pid);
            return Err(Failure::new(Code::Unreachable, message)
                .with_help(format!("`kill -9 {}` ends it; its processes end with it", run.pid)));
        }
        std::thread::sleep(POLL);
    }
    context.out.either(
        &json!({"schema": "loopchain.down.v1", "data": shown, "stopped": true}),
        [format!("stopped; data stays in {shown}")],
    );
    Ok(ExitCode::SUCCESS)
}
