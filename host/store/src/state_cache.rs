//! Values of the state that were read or written lately, so that a commit finds what a block's keys
//! held before without asking the database again, and execution finds them at once.
//!
//! In: what a reader found, what a commit writes. Out: values. Bounded by bytes: what was not used
//! since half the bound was filled again is forgotten. It never shows a value older than the last
//! finished commit. Deliberately not here: state of unfinished blocks.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What an entry costs beside its bytes: two allocations and a place in a table, bytes.
const ENTRY_BYTES: usize = 96;

type Entries = HashMap<Box<[u8]>, Option<Box<[u8]>>>;

#[derive(Debug, Default)]
struct Inner {
    young: Entries,
    old: Entries,
    young_bytes: usize,
    /// Odd while a commit is under way.
    epoch: u64,
}

/// When a value was read; a value read before or during a commit is not kept after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(u64);

/// The values, by state key; `None` is known to be absent.
#[derive(Debug)]
pub(crate) struct StateCache {
    inner: Mutex<Inner>,
    half_bytes_max: usize,
}

impl Inner {
    fn put(&mut self, key: Box<[u8]>, value: Option<Box<[u8]>>, half_bytes_max: usize) {
        let bytes = ENTRY_BYTES + key.len() + value.as_ref().map_or(0, |value| value.len());
        self.old.remove(&key);
        if self.young.insert(key, value).is_none() {
            self.young_bytes += bytes;
        }
        if self.young_bytes > half_bytes_max {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }
}

impl StateCache {
    /// A cache of at most so many bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { inner: Mutex::default(), half_bytes_max: bytes_max / 2 }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of a key, or a ticket for [`StateCache::offer`] when it is not known here.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Ticket> {
        let mut inner = self.inner();
        if let Some(value) = inner.young.get(key) {
            return Ok(value.as_deref().map(<[u8]>::to_vec));
        }
        let Some((key, value)) = inner.old.remove_entry(key) else {
            return Err(Ticket(inner.epoch));
        };
        let found = value.as_deref().map(<[u8]>::to_vec);
        inner.put(key, value, self.half_bytes_max);
        Ok(found)
    }

    /// Keeps what the database answered after the ticket was given.
    pub(crate) fn offer(&self, ticket: Ticket, key: &[u8], value: Option<&[u8]>) {
        let mut inner = self.inner();
        if ticket.0.is_multiple_of(2) && ticket.0 == inner.epoch {
            inner.put(key.into(), value.map(Into::into), self.half_bytes_max);
        }
    }

    /// A commit begins: until it ends, answers of the database may be old or new.
    pub(crate) fn begin_commit(&self) {
        self.inner().epoch += 1;
    }

    /// A commit is done: these are the values now.
    pub(crate) fn end_commit<'a>(
        &self,
        written: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) {
        let mut inner = self.inner();
        for (key, value) in written {
            inner.put(key.into(), value.map(Into::into), self.half_bytes_max);
        }
        inner.epoch += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_read_before_a_commit_is_not_kept_after_it() {
        let cache = StateCache::new(1 << 20);
        let before = cache.get(b"k").unwrap_err();
        cache.begin_commit();
        let during = cache.get(b"k").unwrap_err();
        cache.offer(before, b"k", Some(b"old"));
        cache.offer(during, b"k", Some(b"old"));
        assert!(cache.get(b"k").is_err());
        cache.end_commit(std::iter::empty());
        cache.offer(before, b"k", Some(b"old"));
        cache.offer(during, b"k", Some(b"old"));
        let after = cache.get(b"k").unwrap_err();
        cache.offer(after, b"k", Some(b"new"));
        assert_eq!(cache.get(b"k").unwrap(), Some(b"new".to_vec()));
        cache.begin_commit();
        cache.end_commit([(&b"k"[..], None)].into_iter());
        assert_eq!(cache.get(b"k").unwrap(), None);
    }

    #[test]
    fn it_forgets_what_is_not_used_and_stays_within_its_bytes() {
        let cache = StateCache::new(100 * (ENTRY_BYTES + 8 + 8));
        for n in 0..10_000u64 {
            let ticket = cache.get(&n.to_be_bytes()).unwrap_err();
            cache.offer(ticket, &n.to_be_bytes(), Some(&n.to_be_bytes()));
            assert_eq!(cache.get(&0u64.to_be_bytes()).unwrap(), Some(vec![0; 8]));
        }
        assert_eq!(
            cache.get(&9_999u64.to_be_bytes()).unwrap(),
            Some(9_999u64.to_be_bytes().to_vec())
        );
        assert!(cache.get(&5u64.to_be_bytes()).is_err());
        let inner = cache.inner();
        assert!(inner.young.len() + inner.old.len() <= 101);
    }
}
