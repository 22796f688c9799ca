//! A channel's stored state as execution reads it: values, and the commitment over them.
//!
//! A read that fails panics nobody and invents nothing: it is remembered, and the block that was
//! being executed has no result. Deliberately not here: writing.

use host_store::{Reader, StateCommitment, StateTree, StoreError, TreeVersion};
use host_types::receipt::Write;
use host_types::{Hash32, Height, ScoreName};
use std::sync::{Arc, Mutex, PoisonError};

/// State as of the last stored block.
#[derive(Clone, Debug)]
pub struct Committed {
    reader: Reader,
    tree: Arc<StateTree>,
    failure: Arc<Mutex<Option<String>>>,
}

impl Committed {
    /// Reads through these.
    #[must_use]
    pub fn new(reader: Reader, tree: Arc<StateTree>) -> Self {
        Self { reader, tree, failure: Arc::default() }
    }

    fn note<T>(&self, result: Result<T, StoreError>) -> Option<T> {
        result
            .map_err(|error| {
                let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert_with(|| error.to_string());
            })
            .ok()
    }

    /// The first read that failed since the last call.
    #[must_use]
    pub fn take_failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A key.
    #[must_use]
    pub fn get(&self, score: &ScoreName, key: &[u8]) -> Option<Vec<u8>> {
        self.note(self.reader.state_get(score, key)).flatten()
    }

    /// Who proposed a stored block.
    #[must_use]
    pub fn proposer(&self, height: Height) -> Option<u16> {
        let header = self.note(self.reader.header(height)).flatten();
        if header.is_none() {
            // Every block below the one that is executed is stored or a layer above the store.
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert_with(|| format!("there is no block {height} here"));
        }
        header.map(|header| header.proposer)
    }

    /// At most `limit` entries that begin with `prefix` and come after `after` (empty: from the
    /// first).
    #[must_use]
    pub fn scan(
        &self,
        score: &ScoreName,
        prefix: &[u8],
        after: &[u8],
        limit: usize,
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        let after = (!after.is_empty()).then_some(after);
        self.note(self.reader.state_scan(score, prefix, after, limit)).unwrap_or_default()
    }

    /// The version of the commitment that is stored.
    #[must_use]
    pub fn version(&self) -> TreeVersion {
        self.tree.committed()
    }

    /// The root and version that sorted writes make of a version.
    ///
    /// # Errors
    /// When the commitment's records cannot be read.
    pub fn apply(
        &self,
        parent: &TreeVersion,
        writes: &[Write],
    ) -> Result<(Hash32, TreeVersion), StoreError> {
        self.tree.apply(parent, writes)
    }
}
