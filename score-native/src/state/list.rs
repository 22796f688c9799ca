//! `List`: values by position, from 0.
//!
//! The length lies under `name/`, the values under `name/` and the position (8 bytes, big-endian),
//! so both ends cost one host call.

use super::{
    Field,
    key::{field_prefix, whole_key},
    map::value_of,
};
use crate::{Value, args, export};
use core::marker::PhantomData;

/// Values of the state in a row.
#[derive(Debug)]
pub struct List<V> {
    name: &'static str,
    value: PhantomData<fn() -> V>,
}

impl<V> Field for List<V> {
    const SUFFIX: &'static str = "/";
    fn open(name: &'static str) -> Self {
        Self { name, value: PhantomData }
    }
}

impl<V: Value> List<V> {
    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        export::get(&field_prefix(self.name), |bytes| value_of(self.name, bytes))
            .unwrap_or_default()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn set_len(&mut self, len: u64) {
        export::put(&field_prefix(self.name), &args::encode(&len));
    }

    /// The value at the position, if there is one.
    #[must_use]
    pub fn get(&self, at: u64) -> Option<V> {
        export::get(&whole_key(self.name, &at), |bytes| value_of(self.name, bytes))
    }

    /// Writes the value at a position that is there.
    ///
    /// # Panics
    /// When the list is not that long: the transaction ends and changes nothing.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "`set(0, 1)` reads better than `&1`")]
    pub fn set(&mut self, at: u64, value: V) {
        let len = self.len();
        assert!(at < len, "position {at} of `{}`, which has {len} values", self.name);
        export::put(&whole_key(self.name, &at), &args::encode(&value));
    }

    /// Appends the value and gives its position.
    #[expect(clippy::needless_pass_by_value, reason = "`push(1)` reads better than `push(&1)`")]
    pub fn push(&mut self, value: V) -> u64 {
        let at = self.len();
        export::put(&whole_key(self.name, &at), &args::encode(&value));
        self.set_len(at + 1);
        at
    }

    /// Takes the last value off.
    pub fn pop(&mut self) -> Option<V> {
        let at = self.len().checked_sub(1)?;
        let key = whole_key(self.name, &at);
        let value = export::get(&key, |bytes| value_of(self.name, bytes));
        export::del(&key);
        self.set_len(at);
        value
    }

    /// The values from the first to the last; one host call each, also with `rev()`.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = V> + '_ {
        (0..self.len()).filter_map(|at| self.get(at))
    }
}
