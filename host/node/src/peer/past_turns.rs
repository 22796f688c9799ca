//! Whose turn it is to have a former state proved: a few requests at once on the whole node.
//!
//! In: a request. Out: its turn, which lasts until it is dropped, or a refusal after a bounded wait.
//! A proof may cost a second of one core and go on when its client has gone, so the turn goes with
//! the work. Deliberately not here: what is proved (`channel/lookups.rs`), the pace of one client
//! (`host/web`).

use host_types::{Code, Rejection};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Proofs of former states that are made at once: blocks are executed on the other cores.
const AT_ONCE: usize = 1;
/// How long a request waits for its turn, as long as a query may take. Beyond: refused with `LC5302`.
const WAIT: Duration = Duration::from_secs(5);

/// The turns of a node.
#[derive(Debug)]
pub(super) struct PastTurns {
    turns: Arc<Semaphore>,
    wait: Duration,
}

impl Default for PastTurns {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), wait: WAIT }
    }
}

/// What lasts as long as the work.
#[derive(Debug)]
pub(super) struct Turn(
    #[expect(dead_code, reason = "dropping it ends the turn")] OwnedSemaphorePermit,
);

impl PastTurns {
    /// Waits for a turn.
    pub(super) async fn take(&self) -> Result<Turn, Rejection> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        match tokio::time::timeout(self.wait, turn).await {
            // The semaphore is never closed.
            Ok(Ok(turn)) => Ok(Turn(turn)),
            Ok(Err(_)) | Err(_) => {
                let message = "other states of the past are being proved here: ask again";
                Err(Rejection::new(Code::StoreBusy, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_is_served_after_the_other_and_nobody_waits_for_ever() {
        let turns = PastTurns { wait: Duration::ZERO, ..PastTurns::default() };
        let first = turns.take().await.unwrap();
        let refused = turns.take().await.unwrap_err();
        assert_eq!(refused.code, Code::StoreBusy);
        assert!(refused.code.is_retryable());
        drop(first);
        turns.take().await.unwrap();
    }
}
