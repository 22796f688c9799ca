//! The trail of one channel on this peer: what auditors were answered, in files that only grow.
//!
//! In: what was answered. Out: a signed record that names the one before, on disk before this returns.
//! A write that fails ends it: nothing is answered to auditors until a restart. Segments have
//! [`SEGMENT_BYTES_MAX`] bytes; at [`TRAIL_BYTES_MAX`] nothing more is answered either, because records
//! are never thrown away. Deliberately not here: who may read (`peer/caller.rs`), the root on the chain
//! (`peer/trail_root.rs`), judging a trail (`judge`).

mod files;
pub mod judge;

pub use files::{TRAIL_FOLDER, read_all};

use files::Files;
use host_identity::SigningKey;
use host_types::read_request::SignedRead;
use host_types::trail::{SignedRecord, TrailRecord};
use host_types::{BlockTime, Code, Encode, Hash32, Height, NodeName, Rejection};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a segment: what is read at the start of a peer.
pub const SEGMENT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Bytes of a trail: about a million records. Full: audited reads are refused with `LC5207`.
pub const TRAIL_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// What was answered to whom.
#[derive(Clone, Debug)]
pub struct Answered {
    /// What was asked.
    pub request: SignedRead,
    /// By whom.
    pub reader: NodeName,
    /// Under which grant; empty when none covered it.
    pub grant: String,
    /// Last block.
    pub height: Height,
    /// When.
    pub time: BlockTime,
    /// HTTP status.
    pub status: u16,
    /// SHA-256 of the body.
    pub answer: Hash32,
}

/// How far a trail goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Records.
    pub count: u64,
    /// Hash of the last one.
    pub root: Hash32,
}

/// A trail that is written.
#[derive(Debug)]
pub struct Trail {
    key: Arc<SigningKey>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    reached: Reached,
    files: Files,
    /// Why nothing more is written.
    failed: Option<String>,
}

impl Trail {
    /// The trail in a channel's folder, begun with the first record.
    ///
    /// # Errors
    /// `LC5207` when its last segment cannot be read or is damaged.
    pub fn open(channel: &Path, key: Arc<SigningKey>) -> Result<Self, Rejection> {
        let (files, last) = Files::open(channel)?;
        let reached = last.map_or_else(Reached::default, |last| Reached {
            count: last.record.number,
            root: last.record.hash(),
        });
        Ok(Self { key, state: Mutex::new(State { reached, files, failed: None }) })
    }

    /// How far it goes.
    #[must_use]
    pub fn reached(&self) -> Reached {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).reached
    }

    /// Adds a record; it is on disk when this returns.
    ///
    /// # Errors
    /// `LC5207` when it is not, then and from then on.
    pub fn add(&self, answered: Answered) -> Result<(), Rejection> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = |why: &str| {
            let message = format!("this peer cannot write its trail of audited reads: {why}");
            Rejection::new(Code::TrailFailed, message)
        };
        if let Some(why) = &state.failed {
            return Err(refused(why));
        }
        let Answered { request, reader, grant, height, time, status, answer } = answered;
        let Reached { count, root } = state.reached;
        let number = count + 1;
        let record = TrailRecord {
            number,
            previous: root,
            request,
            reader,
            grant,
            height,
            time,
            status,
            answer,
        };
        let signature = self.key.sign(&record.signing_message());
        let reached = Reached { count: number, root: record.hash() };
        match state.files.append(&SignedRecord { record, signature }.to_bytes()) {
            Ok(()) => {
                state.reached = reached;
                Ok(())
            }
            Err(error) => {
                let why = error.to_string();
                tracing::error!(code = %Code::TrailFailed, "the trail of audited reads: {why}");
                state.failed = Some(why.clone());
                Err(refused(&why))
            }
        }
    }
}

#[cfg(test)]
#[path = "trail/tests.rs"]
mod tests;
