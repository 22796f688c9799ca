//! Who uses the processor for long gives way: a worker with a heavy batch runs at a lower priority.
//!
//! In: a process that is at work. Out: whether its batch was heavy; the process yields from then on.
//! A process never gets its priority back (the kernel asks for a privilege), so its owner replaces it
//! when nothing heavy has come for [`YIELDS_FOR`]. A batch of ordinary calls stays far below
//! [`HEAVY`]; all workers yielding always would starve the channel they belong to. Deliberately not
//! here: deadlines and steps, which bound a call; this is about who waits meanwhile.

use crate::spawn::{cpu_time, lower_priority};
use std::time::Duration;

/// Processor time of one batch after which its worker yields: some ten thousand token transfers.
pub(crate) const HEAVY: Duration = Duration::from_millis(30);
/// How often a worker at work is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// How long after a heavy batch the worker of a SCORE goes on to yield, also one that is new.
pub(crate) const YIELDS_FOR: Duration = Duration::from_secs(1);

/// Returns when the process has used [`HEAVY`] since it was first looked at, and lets it yield;
/// never where its time cannot be read.
pub(crate) async fn is_heavy(process: u32) {
    tokio::time::sleep(LOOK).await;
    let first = cpu_time(process);
    loop {
        tokio::time::sleep(LOOK).await;
        let used = first.zip(cpu_time(process)).map(|(first, now)| now.saturating_sub(first));
        match used {
            Some(used) if used >= HEAVY => return lower_priority(process),
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}
