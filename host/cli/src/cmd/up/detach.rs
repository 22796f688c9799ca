//! `up --detach`: the same command in the background; returns when the network is ready.

use crate::cmd::{Context, Done};
use crate::failure::Failure;
use crate::network::{DataFolder, make_folder};
use host_types::fault::Code;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// How often it is looked whether the network is ready.
const POLL: Duration = Duration::from_millis(50);

/// Starts this command again in the background and relays what it says until it is ready.
pub(crate) fn start(data: &DataFolder, context: &Context) -> Done {
    // Refused here, where a person sees it at once.
    drop(data.lock()?);
    make_folder(&data.join("logs"))?;
    let path = data.log("up");
    let failed = |error: std::io::Error| Failure::file(&path, &error);
    let log = File::create(&path).map_err(failed)?;
    let second = log.try_clone().map_err(failed)?;
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(program);
    command.args(std::env::args_os().skip(1)).arg("--detached");
    command.stdin(Stdio::null()).stdout(log).stderr(second).process_group(0);
    let mut child = command.spawn().map_err(|error| {
        Failure::new(Code::StartFailed, format!("the background process does not start: {error}"))
    })?;
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            context.out.raw_error(&std::fs::read_to_string(&path).unwrap_or_default());
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            return Ok(ExitCode::from(code.unwrap_or(1)));
        }
        let run = data.running()?;
        if run.is_some_and(|run| run.is_ready && run.pid == child.id()) {
            context.out.raw(&std::fs::read_to_string(&path).unwrap_or_default());
            let shown = data.path().display();
            context
                .out
                .note(&format!("  in the background: `loopchain down --data {shown}` stops it"));
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(POLL);
    }
}
