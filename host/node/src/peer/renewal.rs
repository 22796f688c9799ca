//! Renewing the certificates of a peer or a RadioStation by a command of its operator.
//!
//! In: `[renewal] command`, how near their end certificates are. Out: the command, run in the home
//! folder when two thirds of a certificate's life are over or 30 days are left, and again every hour
//! until that is not so. What it leaves in the files is taken by [`super::certificates`]. Deliberately
//! not here: what it does; it may ask an authority over any way there is, and say `cert register`.

use super::certificates::{self, Holder};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// How often certificates are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// From one run to the next: an authority that is away for a day should not hear from every node each second.
const AGAIN: Duration = Duration::from_secs(3_600);
/// How long the command may take: it waits for an authority, not for a person.
const COMMAND_WITHIN: Duration = Duration::from_secs(60);
/// Bytes of its stderr that the log shows.
const STDERR_BYTES_MAX: u64 = 1_024;

/// Follows the certificates until the process stops; ends at once when there is no command.
pub(crate) async fn follow(holder: Arc<dyn Holder>) {
    let Some((program, arguments)) = holder.renewal().split_first() else { return };
    let name = holder.name();
    loop {
        if !certificates::is_due(&*holder) {
            tokio::time::sleep(LOOK).await;
            continue;
        }
        let mut command = Command::new(program);
        command.args(arguments).current_dir(holder.home());
        match tokio::time::timeout(COMMAND_WITHIN, run(command)).await {
            Ok(Ok(())) if certificates::is_due(&*holder) => tracing::warn!(
                event = "certificate.not_renewed",
                "`{program}` has run, and the certificates of {name} still end soon"
            ),
            Ok(Ok(())) => {
                tracing::info!(event = "certificate.renewed", "`{program}` renewed certificates");
                continue;
            }
            Ok(Err(why)) => tracing::warn!(
                event = "certificate.not_renewed",
                "`{program}` renewed nothing: {why}"
            ),
            Err(_) => tracing::warn!(
                event = "certificate.not_renewed",
                "`{program}` took longer than {} s and was ended",
                COMMAND_WITHIN.as_secs()
            ),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn run(mut command: Command) -> Result<(), String> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let mut said = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        // What cannot be read is not shown.
        stderr.take(STDERR_BYTES_MAX).read_to_end(&mut said).await.ok();
    }
    let status = child.wait().await.map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{status}: {}", String::from_utf8_lossy(&said).trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_command_says_when_it_fails_is_told() {
        let shell = |line: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", line]);
            command
        };
        assert_eq!(run(shell("true")).await, Ok(()));
        let why = run(shell("echo no authority >&2; exit 3")).await.unwrap_err();
        assert_eq!(why, "exit status: 3: no authority");
        let long = run(shell("yes >&2; exit 1")).await.unwrap_err();
        assert!(long.len() < 2 * STDERR_BYTES_MAX as usize, "{}", long.len());
        assert!(run(Command::new("/nowhere/renew")).await.is_err());
    }
}
