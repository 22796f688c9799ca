//! The workers of a peer: one seat (execute, query, be asked by others) for each channel and SCORE
//! version.
//!
//! In: a channel, a SCORE file's id and how to start its worker. Out: a [`Seat`] that many tasks
//! may hold. It starts a seat once and drops it on [`Pool::retire`]; it does not know which
//! version is active.

use crate::outcome::NoResult;
use crate::store::ArtefactId;
use crate::worker::{QueryWorker, Worker, WorkerConfig};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The processes of one SCORE version on one channel.
#[derive(Debug)]
pub struct Seat {
    /// Executes batches, one at a time.
    pub worker: Mutex<Worker>,
    /// Answers questions, one at a time.
    pub query_worker: Mutex<QueryWorker>,
    /// Answers questions that other SCOREs ask in the middle of one. Apart from `query_worker`,
    /// whose holders wait for this one: whoever asks through it must be the only one on the channel,
    /// else two questions that ask crosswise would wait for each other.
    pub called_worker: Mutex<QueryWorker>,
}

/// Which worker: the channel's name, the SCORE's name, and the SCORE file's SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeatKey {
    /// Name of the channel.
    pub channel: String,
    /// Name of the SCORE: two of them may run the same file.
    pub score: String,
    /// SHA-256 of the SCORE file.
    pub artefact: ArtefactId,
}

/// All seats.
#[derive(Debug, Default)]
pub struct Pool {
    seats: Mutex<BTreeMap<SeatKey, Arc<Seat>>>,
}

impl Pool {
    /// The seat of this SCORE version; started when it is not there. Other seats stay reachable
    /// while it starts.
    ///
    /// # Errors
    /// When its worker does not start.
    pub async fn seat(&self, key: &SeatKey, config: WorkerConfig) -> Result<Arc<Seat>, NoResult> {
        if let Some(seat) = self.seats.lock().await.get(key) {
            return Ok(Arc::clone(seat));
        }
        let seat = Arc::new(Seat {
            worker: Mutex::new(Worker::start(config.clone()).await?),
            query_worker: Mutex::new(QueryWorker::new(config.clone())),
            called_worker: Mutex::new(QueryWorker::new(config)),
        });
        Ok(Arc::clone(self.seats.lock().await.entry(key.clone()).or_insert(seat)))
    }

    /// Forgets the seat; its processes end when the last task lets go of it.
    pub async fn retire(&self, key: &SeatKey) {
        drop(self.seats.lock().await.remove(key));
    }
}
