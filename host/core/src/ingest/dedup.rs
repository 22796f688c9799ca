//! Which transactions are in final blocks and could still come again.
//!
//! A transaction may enter a block only while its expiry has not passed in block time, so the ids
//! of final transactions have to be remembered until then and no longer. The window is bounded by
//! the channel's rate times `EXPIRY_US_MAX`.

use host_types::{BlockTime, TxId};
use std::collections::{BTreeMap, BTreeSet};

/// Ids of final transactions whose expiry has not passed.
#[derive(Clone, Debug, Default)]
pub struct Window {
    ids: BTreeSet<TxId>,
    by_expiry: BTreeMap<BlockTime, Vec<TxId>>,
}

impl Window {
    /// Remembers a final transaction.
    pub fn insert(&mut self, id: TxId, expiry: BlockTime) {
        if self.ids.insert(id) {
            self.by_expiry.entry(expiry).or_default().push(id);
        }
    }

    /// Whether it is in a final block and could come again.
    #[must_use]
    pub fn contains(&self, id: &TxId) -> bool {
        self.ids.contains(id)
    }

    /// Forgets what has expired at this block time.
    pub fn expire(&mut self, time: BlockTime) {
        let kept = self.by_expiry.split_off(&time);
        for id in std::mem::replace(&mut self.by_expiry, kept).into_values().flatten() {
            self.ids.remove(&id);
        }
    }

    /// How many ids are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::Hash32;

    #[test]
    fn an_id_is_remembered_until_its_expiry_has_passed() {
        let (id, expiry) = (TxId::new(Hash32::new([1; 32])), BlockTime::new(100));
        let mut window = Window::default();
        window.insert(id, expiry);
        window.expire(BlockTime::new(100));
        assert!(window.contains(&id), "a block of time 100 may still carry it");
        window.expire(BlockTime::new(101));
        assert!(!window.contains(&id) && window.is_empty());
    }
}
