//! `Map`: values under typed keys, in the keys' order.

use super::{Field, Key};
use crate::{Value, args, context::wrong_state, export};
use alloc::vec::Vec;
use core::marker::PhantomData;

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
    fn prefix(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.name.len() + 33);
        bytes.extend_from_slice(self.name.as_bytes());
        bytes.push(b'/');
        bytes
    }

    fn key(&self, key: &K) -> Vec<u8> {
        let mut bytes = self.prefix();
        key.write(&mut bytes);
        bytes
    }

    fn read(&self, key: &[u8]) -> Option<V> {
        export::get(key, |bytes| self.value(bytes))
    }

    fn value(&self, bytes: &[u8]) -> V {
        args::decode(bytes).unwrap_or_else(|reason| wrong_state(self.name, reason))
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

    /// Replaces the value under the key (the type's default when absent) by what `change` makes.
    pub fn update(&mut self, key: &K, change: impl FnOnce(V) -> V)
    where
        V: Default,
    {
        let key = self.key(key);
        let value = change(self.read(&key).unwrap_or_default());
        export::put(&key, &args::encode(&value));
    }

    /// Up to `limit` entries in the keys' order, beginning after the key `after`. Each entry costs a
    /// host call, so page through long maps over several calls.
    #[must_use]
    pub fn page(&self, after: Option<&K>, limit: usize) -> Vec<(K, V)> {
        let prefix = self.prefix();
        let mut last = after.map(|key| self.key(key)).unwrap_or_default();
        let mut entries = Vec::new();
        while entries.len() < limit {
            let found =
                export::next(&prefix, &last, |key, value| (key.to_vec(), self.value(value)));
            let Some((key, value)) = found else { break };
            let Some(typed) = K::read(&key[prefix.len()..]) else {
                wrong_state(self.name, args::Malformed::WrongType)
            };
            entries.push((typed, value));
            last = key;
        }
        entries
    }
}
