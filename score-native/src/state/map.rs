//! `Map`: values under typed keys, in the keys' order.

use super::{
    Field, Key, KeyPrefix, Number,
    key::{field_prefix, whole_key},
    number,
    scan::Scan,
};
use crate::{Value, args, context::wrong_state, export};
use alloc::vec::Vec;
use core::{
    marker::PhantomData,
    ops::{Bound, RangeBounds},
};

/// Values of the state by key.
#[derive(Debug)]
pub struct Map<K, V> {
    name: &'static str,
    entry: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Field for Map<K, V> {
    const SUFFIX: &'static str = "/";
    fn open(name: &'static str) -> Self {
        Self { name, entry: PhantomData }
    }
}

impl<K: Key, V: Value> Map<K, V> {
    fn key(&self, key: &K) -> Vec<u8> {
        whole_key(self.name, key)
    }

    fn read(&self, key: &[u8]) -> Option<V> {
        export::get(key, |bytes| value_of(self.name, bytes))
    }

    /// The value under the key, if there is one.
    #[must_use]
    pub fn try_get(&self, key: &K) -> Option<V> {
        self.read(&self.key(key))
    }

    /// The value under the key, or the type's default.
    #[must_use]
    pub fn get(&self, key: &K) -> V
    where
        V: Default,
    {
        self.try_get(key).unwrap_or_default()
    }

    /// Whether there is a value under the key.
    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        export::get(&self.key(key), |_| ()).is_some()
    }

    /// Writes the value under the key.
    #[expect(clippy::needless_pass_by_value, reason = "`set(&k, 1)` reads better than `&1`")]
    pub fn set(&mut self, key: &K, value: V) {
        export::put(&self.key(key), &args::encode(&value));
    }

    /// Forgets the value under the key.
    pub fn remove(&mut self, key: &K) {
        export::del(&self.key(key));
    }

    /// Forgets the value under the key and gives it back.
    pub fn take(&mut self, key: &K) -> Option<V> {
        let key = self.key(key);
        let value = self.read(&key)?;
        export::del(&key);
        Some(value)
    }

    /// Replaces the value under the key (the type's default when absent) by what `change` makes.
    pub fn update(&mut self, key: &K, change: impl FnOnce(V) -> V)
    where
        V: Default,
    {
        let key = self.key(key);
        let value = change(self.read(&key).unwrap_or_default());
        export::put(&key, &args::encode(&value));
    }

    /// All entries in the keys' order; `rev()` goes from the last one down. Each entry is a host
    /// call (three to four with `rev()`, and up to 100 to find the last one), so `take` what you
    /// need: a map may be longer than the steps of a transaction reach.
    #[must_use]
    pub fn iter(&self) -> Entries<'_, K, V> {
        self.entries(Scan::all(field_prefix(self.name)))
    }

    /// The entries whose keys lie in a range: `ages.range(18..)`.
    #[must_use]
    pub fn range(&self, range: impl RangeBounds<K>) -> Entries<'_, K, V> {
        let bound = |bound: Bound<&K>| bound.map(|key| self.key(key));
        let (from, to) = (bound(range.start_bound()), bound(range.end_bound()));
        self.entries(Scan::between(field_prefix(self.name), from, to))
    }

    /// The entries whose keys begin with this: the first parts of a tuple, the first letters of a
    /// text, the first bytes of bytes.
    #[must_use]
    pub fn prefix<P: KeyPrefix<K> + ?Sized>(&self, begin: &P) -> Entries<'_, K, V> {
        let mut prefix = field_prefix(self.name);
        begin.write_begin(&mut prefix);
        self.entries(Scan::all(prefix))
    }

    /// All keys in their order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = K> + '_ {
        Keys { name: self.name, scan: Scan::all(field_prefix(self.name)), key: PhantomData }
    }

    /// All values in the keys' order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = V> + '_ {
        self.iter().map(|(_, value)| value)
    }

    /// Up to `limit` entries in the keys' order, beginning after the key `after`: one page of a
    /// listing, whose last key asks for the next page.
    #[must_use]
    pub fn page(&self, after: Option<&K>, limit: usize) -> Vec<(K, V)> {
        let from = after.map_or(Bound::Unbounded, |key| Bound::Excluded(self.key(key)));
        let scan = Scan::between(field_prefix(self.name), from, Bound::Unbounded);
        self.entries(scan).take(limit).collect()
    }

    const fn entries(&self, scan: Scan) -> Entries<'_, K, V> {
        Entries { name: self.name, scan, entry: PhantomData }
    }
}

impl<K: Key, N: Number> Map<K, N> {
    /// Adds to the value under the key (0 when absent) and gives the sum.
    ///
    /// # Panics
    /// When the sum does not fit: the transaction ends and changes nothing.
    #[track_caller]
    pub fn add(&mut self, key: &K, more: N) -> N {
        let key = self.key(key);
        let sum = number::sum(self.name, self.read(&key).unwrap_or_default(), more);
        export::put(&key, &args::encode(&sum));
        sum
    }

    /// Subtracts from the value under the key (0 when absent) and gives the difference.
    ///
    /// # Panics
    /// When it does not fit: the transaction ends and changes nothing.
    #[track_caller]
    pub fn sub(&mut self, key: &K, less: N) -> N {
        let key = self.key(key);
        let difference = number::difference(self.name, self.read(&key).unwrap_or_default(), less);
        export::put(&key, &args::encode(&difference));
        difference
    }

    /// Like [`sub`](Self::sub), but changes nothing when the value is too small.
    ///
    /// # Errors
    /// The value there is.
    pub fn try_sub(&mut self, key: &K, less: N) -> Result<N, N> {
        let key = self.key(key);
        let value = self.read(&key).unwrap_or_default();
        let difference = value.minus(less).ok_or(value)?;
        export::put(&key, &args::encode(&difference));
        Ok(difference)
    }
}

/// Entries of a [`Map`] in the keys' order, from both ends.
#[derive(Debug)]
pub struct Entries<'a, K, V> {
    name: &'static str,
    scan: Scan,
    entry: PhantomData<&'a Map<K, V>>,
}

impl<K: Key, V: Value> Iterator for Entries<'_, K, V> {
    type Item = (K, V);
    fn next(&mut self) -> Option<(K, V)> {
        let name = self.name;
        self.scan.forward(|key, value| (key_of(name, key), value_of(name, value)))
    }
}

impl<K: Key, V: Value> DoubleEndedIterator for Entries<'_, K, V> {
    fn next_back(&mut self) -> Option<(K, V)> {
        let key = self.scan.backward()?;
        let value = export::get(&key, |bytes| value_of(self.name, bytes))?;
        Some((key_of(self.name, &key), value))
    }
}

/// Keys of a [`Map`] or [`Set`](super::Set) in their order, from both ends.
#[derive(Debug)]
pub(super) struct Keys<'a, K> {
    pub(super) name: &'static str,
    pub(super) scan: Scan,
    pub(super) key: PhantomData<&'a K>,
}

impl<K: Key> Iterator for Keys<'_, K> {
    type Item = K;
    fn next(&mut self) -> Option<K> {
        let name = self.name;
        self.scan.forward(|key, _| key_of(name, key))
    }
}

impl<K: Key> DoubleEndedIterator for Keys<'_, K> {
    fn next_back(&mut self) -> Option<K> {
        self.scan.backward().map(|key| key_of(self.name, &key))
    }
}

fn key_of<K: Key>(name: &str, key: &[u8]) -> K {
    K::read(&key[name.len() + 1..]).unwrap_or_else(|| wrong_state(name, args::Malformed::WrongType))
}

pub(super) fn value_of<V: Value>(name: &str, bytes: &[u8]) -> V {
    args::decode(bytes).unwrap_or_else(|reason| wrong_state(name, reason))
}
