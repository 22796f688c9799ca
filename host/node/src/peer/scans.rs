//! Reads that look through many blocks: only so many at once, whoever asks.
//!
//! In: work that waits for the disk and takes a core meanwhile. Out: what it read, in the order of asking.
//! One request for a stream pays for one request and may read a chain from its first block on, so the
//! rate of requests bounds nothing here: without this, clients could keep every thread for blocking work
//! busy, and checks of signatures and the trail wait for these threads too. Deliberately not here: what is
//! read.

use host_types::{Code, Rejection};
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;
use tokio::sync::Semaphore;

/// Fewest at once: one slow reader never keeps all others waiting.
const AT_ONCE_MIN: usize = 2;

/// Places for such reads; the others wait for theirs, as many as there are connections.
#[derive(Debug)]
pub(super) struct Scans(Arc<Semaphore>);

impl Default for Scans {
    /// Half of the machine's cores: the other half is for consensus and execution.
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, NonZero::get);
        Self::of((cores / 2).max(AT_ONCE_MIN))
    }
}

impl Scans {
    fn of(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once)))
    }

    /// Reads, once there is a place; it is taken until the read is over, also when nobody waits for it any
    /// more.
    ///
    /// # Errors
    /// As of the read; or when it broke off.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T, Rejection> + Send + 'static,
    ) -> Result<T, Rejection> {
        let broken = |error: String| Rejection::new(Code::Internal, error);
        let place = Arc::clone(&self.0).acquire_owned().await;
        let place = place.map_err(|error| broken(error.to_string()))?;
        let reading = tokio::task::spawn_blocking(move || {
            let found = read();
            drop(place);
            found
        });
        reading.await.map_err(|error| broken(error.to_string()))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use tokio::task::JoinSet;

    #[tokio::test(flavor = "multi_thread")]
    async fn no_more_read_at_once_than_there_are_places() {
        const READS: usize = 8;
        let scans = Arc::new(Scans::of(2));
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (begun, begins) = mpsc::channel();
        let (go, gates) = (0..READS).map(|_| mpsc::channel::<()>()).collect::<(Vec<_>, Vec<_>)>();
        let mut reads = JoinSet::new();
        for gate in gates {
            let (scans, begun) = (Arc::clone(&scans), begun.clone());
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            reads.spawn(async move {
                let read = move || {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    begun.send(()).unwrap();
                    gate.recv().unwrap();
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                };
                scans.run(read).await
            });
        }
        // Two read, and the others wait until these are done.
        let begins = tokio::task::spawn_blocking(move || {
            (0..2).for_each(|_| begins.recv().unwrap());
            begins
        });
        let begins = begins.await.unwrap();
        go.iter().for_each(|go| go.send(()).unwrap());
        while let Some(read) = reads.join_next().await {
            read.unwrap().unwrap();
        }
        assert_eq!(begins.iter().take(READS - 2).count(), READS - 2);
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }
}
