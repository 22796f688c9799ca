//! Which transactions are in final blocks and could still come again.
//!
//! A transaction may enter a block only while its expiry has not passed in block time, so the ids
//! of final transactions have to be remembered until then. They are forgotten by the second, all of
//! one second together: remembering an id for a moment longer changes nothing, because a block that
//! carries it then is invalid anyway. The window is bounded by the channel's rate times
//! `EXPIRY_US_MAX`.

use host_types::{BlockTime, TxId};
use std::collections::{BTreeMap, BTreeSet};

/// Microseconds of a second.
const SECOND_US: u64 = 1_000_000;

/// Trees over which ids are spread by their first bits: one tree of half a million ids is six levels
/// deep and none of them is in the processor's cache; here it is two. Who grinds ids that begin alike
/// gets one deep tree again, not a slower one.
const SHARDS: usize = 4_096;

/// A set of ids.
#[derive(Clone, Debug)]
struct Ids {
    shards: Vec<BTreeSet<TxId>>,
    len: usize,
}

impl Default for Ids {
    fn default() -> Self {
        Self { shards: vec![BTreeSet::new(); SHARDS], len: 0 }
    }
}

impl Ids {
    fn shard_of(id: &TxId) -> usize {
        let [first, second, ..] = *id.as_bytes();
        usize::from(u16::from_be_bytes([first, second])) % SHARDS
    }

    fn insert(&mut self, id: TxId) -> bool {
        let shard = self.shards.get_mut(Self::shard_of(&id));
        let is_new = shard.is_some_and(|shard| shard.insert(id));
        self.len += usize::from(is_new);
        is_new
    }

    fn contains(&self, id: &TxId) -> bool {
        self.shards.get(Self::shard_of(id)).is_some_and(|shard| shard.contains(id))
    }

    fn remove(&mut self, id: &TxId) {
        let shard = self.shards.get_mut(Self::shard_of(id));
        self.len -= usize::from(shard.is_some_and(|shard| shard.remove(id)));
    }
}

/// Ids of final transactions whose expiry has not passed.
#[derive(Clone, Debug, Default)]
pub struct Window {
    ids: Ids,
    /// By the second of their expiry.
    by_expiry: BTreeMap<u64, Vec<TxId>>,
}

impl Window {
    /// Remembers a final transaction.
    pub fn insert(&mut self, id: TxId, expiry: BlockTime) {
        if self.ids.insert(id) {
            self.by_expiry.entry(expiry.get() / SECOND_US).or_default().push(id);
        }
    }

    /// Whether it is in a final block and could come again.
    #[must_use]
    pub fn contains(&self, id: &TxId) -> bool {
        self.ids.contains(id)
    }

    /// Forgets what had expired before the second of this block time.
    pub fn expire(&mut self, time: BlockTime) {
        let kept = self.by_expiry.split_off(&(time.get() / SECOND_US));
        for id in std::mem::replace(&mut self.by_expiry, kept).into_values().flatten() {
            self.ids.remove(&id);
        }
    }

    /// How many ids are remembered.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ids.len
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ids.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::Hash32;

    #[test]
    fn an_id_is_remembered_until_its_expiry_has_passed() {
        let id = |n: u8| TxId::new(Hash32::new([n; 32]));
        let mut window = Window::default();
        window.insert(id(1), BlockTime::new(5 * SECOND_US));
        window.insert(id(2), BlockTime::new(6 * SECOND_US - 1));
        window.insert(id(3), BlockTime::new(6 * SECOND_US));
        window.expire(BlockTime::new(6 * SECOND_US - 1));
        assert_eq!(window.len(), 3, "a block of that time may still carry the last two");
        window.expire(BlockTime::new(6 * SECOND_US));
        assert!(!window.contains(&id(1)) && !window.contains(&id(2)) && window.contains(&id(3)));
        window.expire(BlockTime::new(7 * SECOND_US));
        assert!(window.is_empty());
    }
}
