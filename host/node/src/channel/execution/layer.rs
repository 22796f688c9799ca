//! What unfinished blocks wrote, over the stored state.

use super::Knowledge;
use crate::channel::files::Committed;
use host_core::system::state::View;
use host_core::system::system_name;
use host_store::{BlockResult, TreeVersion};
use host_types::receipt::Write;
use host_types::{Height, ScoreName};
use score_native_link::StateReader;
use std::collections::BTreeMap;
use std::ops::Bound::{Included, Unbounded};
use std::sync::{Arc, Mutex, PoisonError};

/// One executed block that is not stored yet.
#[derive(Debug)]
pub struct Layer {
    /// The layer below, until that is stored. Cut then, so that a chain never grows with history.
    pub(super) parent: Mutex<Option<Arc<Self>>>,
    /// Who proposed it.
    pub(super) proposer: u16,
    /// The state commitment after it.
    pub tree: TreeVersion,
    /// Its result, with what it wrote, sorted.
    pub result: Arc<BlockResult>,
    /// What is known after it.
    pub knowledge: Knowledge,
}

impl Layer {
    pub(super) const fn new(
        parent: Option<Arc<Self>>,
        proposer: u16,
        tree: TreeVersion,
        result: Arc<BlockResult>,
        knowledge: Knowledge,
    ) -> Self {
        Self { parent: Mutex::new(parent), proposer, tree, result, knowledge }
    }

    /// The block is stored: what is above no longer looks below it, nor into it.
    pub(super) fn cut(&self) {
        self.parent.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// What it wrote to a key: a value, none for a removal; or that it did not.
    fn wrote(&self, score: &ScoreName, key: &[u8]) -> Option<&Option<Vec<u8>>> {
        let writes = &self.result.writes;
        let place = writes.binary_search_by(|w| (&w.score, w.key.as_slice()).cmp(&(score, key)));
        place.ok().and_then(|at| writes.get(at)).map(|write| &write.value)
    }

    /// Its writes of one SCORE from a key on.
    fn wrote_from<'a>(
        &'a self,
        score: &'a ScoreName,
        key: &[u8],
    ) -> impl Iterator<Item = (&'a [u8], &'a Option<Vec<u8>>)> {
        let writes = &self.result.writes;
        let first = writes.partition_point(|w| (&w.score, w.key.as_slice()) < (score, key));
        let from = writes.get(first..).unwrap_or_default().iter();
        from.take_while(move |w| w.score == *score).map(|w| (w.key.as_slice(), &w.value))
    }

    fn below(&self) -> Option<Arc<Self>> {
        self.parent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Writes of one SCORE in one block, last value of each key.
type OfScore = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// State as one batch finds it: earlier writes of its block, layers of its ancestors, the store.
#[derive(Debug)]
pub struct LayerView {
    /// By SCORE: a block has few of them and many writes.
    own: BTreeMap<ScoreName, OfScore>,
    top: Option<Arc<Layer>>,
    committed: Committed,
}

impl LayerView {
    /// The state after `top`.
    #[must_use]
    pub const fn new(top: Option<Arc<Layer>>, committed: Committed) -> Self {
        Self { own: BTreeMap::new(), top, committed }
    }

    /// Adds writes of the block itself.
    pub fn write(&mut self, score: &ScoreName, key: Vec<u8>, value: Option<Vec<u8>>) {
        match self.own.get_mut(score) {
            Some(of_score) => drop(of_score.insert(key, value)),
            None => drop(self.own.insert(score.clone(), OfScore::from([(key, value)]))),
        }
    }

    /// Everything the block wrote, by SCORE and key.
    #[must_use]
    pub fn into_writes(self) -> Vec<Write> {
        let of_scores = self.own.into_iter();
        let writes = of_scores.flat_map(|(score, of_score)| {
            let write = move |(key, value)| Write { score: score.clone(), key, value };
            of_score.into_iter().map(write)
        });
        writes.collect()
    }

    /// A key of a SCORE.
    #[must_use]
    pub fn get(&self, score: &ScoreName, key: &[u8]) -> Option<Vec<u8>> {
        if let Some(value) = self.own.get(score).and_then(|of_score| of_score.get(key)) {
            return value.clone();
        }
        let mut layer = self.top.clone();
        while let Some(at) = layer {
            if let Some(value) = at.wrote(score, key) {
                return value.clone();
            }
            layer = at.below();
        }
        self.committed.get(score, key)
    }

    /// Who proposed the ancestor of a height.
    #[must_use]
    pub fn proposer(&self, height: Height) -> Option<u16> {
        let mut layer = self.top.clone();
        while let Some(at) = layer {
            if at.result.height == height {
                return Some(at.proposer);
            }
            layer = at.below();
        }
        self.committed.proposer(height)
    }

    /// At most `limit` entries that begin with `prefix` and come after `after`, in order.
    #[must_use]
    pub fn scan(
        &self,
        score: &ScoreName,
        prefix: &[u8],
        after: &[u8],
        limit: usize,
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut changed: BTreeMap<Vec<u8>, Option<Vec<u8>>> = BTreeMap::new();
        let mut collect = |writes: &mut dyn Iterator<Item = (&[u8], &Option<Vec<u8>>)>| {
            for (key, value) in writes.take_while(|(key, _)| key.starts_with(prefix)) {
                if key > after {
                    changed.entry(key.to_vec()).or_insert_with(|| value.clone());
                }
            }
        };
        let own = self.own.get(score).into_iter();
        let own = own.flat_map(|of_score| of_score.range::<[u8], _>((Included(prefix), Unbounded)));
        collect(&mut own.map(|(key, value)| (key.as_slice(), value)));
        let mut layer = self.top.clone();
        while let Some(at) = layer {
            collect(&mut at.wrote_from(score, prefix));
            layer = at.below();
        }
        // Deleted keys may hide stored ones: ask for as many more.
        let stored = self.committed.scan(score, prefix, after, limit + changed.len());
        let mut merged: BTreeMap<Vec<u8>, Vec<u8>> = stored.into_iter().collect();
        for (key, value) in changed {
            match value {
                Some(value) => drop(merged.insert(key, value)),
                None => drop(merged.remove(&key)),
            }
        }
        merged.into_iter().take(limit).collect()
    }
}

impl View for LayerView {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        Self::get(self, &system_name(), key)
    }

    fn scan(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        Self::scan(self, &system_name(), prefix, &[], usize::MAX / 2)
    }
}

/// The view of one SCORE, as its worker asks for it.
pub(super) struct ScoreReader<'a> {
    pub(super) view: &'a LayerView,
    pub(super) score: &'a ScoreName,
}

impl StateReader for ScoreReader<'_> {
    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.view.get(self.score, key)
    }

    fn scan(&mut self, prefix: &[u8], after: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.view.scan(self.score, prefix, after, limit)
    }
}
