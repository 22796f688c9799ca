//! `Set`: typed keys without values, in their order.

use super::{
    Field, Key, KeyPrefix,
    key::{field_prefix, whole_key},
    map::Keys,
    scan::Scan,
};
use crate::export;
use core::{marker::PhantomData, ops::RangeBounds};

/// Members of the state.
#[derive(Debug)]
pub struct Set<K> {
    name: &'static str,
    key: PhantomData<fn() -> K>,
}

impl<K> Field for Set<K> {
    const SUFFIX: &'static str = "/";
    fn open(name: &'static str) -> Self {
        Self { name, key: PhantomData }
    }
}

impl<K: Key> Set<K> {
    /// Whether it is a member.
    #[must_use]
    pub fn contains(&self, member: &K) -> bool {
        export::get(&whole_key(self.name, member), |_| ()).is_some()
    }

    /// Makes it a member; false when it was one.
    pub fn insert(&mut self, member: &K) -> bool {
        let is_new = !self.contains(member);
        if is_new {
            export::put(&whole_key(self.name, member), &[]);
        }
        is_new
    }

    /// Makes it no member; false when it was none.
    pub fn remove(&mut self, member: &K) -> bool {
        let was_there = self.contains(member);
        if was_there {
            export::del(&whole_key(self.name, member));
        }
        was_there
    }

    /// All members in their order; costs as [`Map::iter`](super::Map::iter).
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = K> + '_ {
        self.members(Scan::all(field_prefix(self.name)))
    }

    /// The members in a range.
    pub fn range(&self, range: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = K> + '_ {
        let from = range.start_bound().map(|key| whole_key(self.name, key));
        let to = range.end_bound().map(|key| whole_key(self.name, key));
        self.members(Scan::between(field_prefix(self.name), from, to))
    }

    /// The members that begin with this: see [`Map::prefix`](super::Map::prefix).
    pub fn prefix<P: KeyPrefix<K> + ?Sized>(
        &self,
        begin: &P,
    ) -> impl DoubleEndedIterator<Item = K> + use<'_, K, P> {
        let mut prefix = field_prefix(self.name);
        begin.write_begin(&mut prefix);
        self.members(Scan::all(prefix))
    }

    const fn members(&self, scan: Scan) -> Keys<'_, K> {
        Keys { name: self.name, scan, key: PhantomData }
    }
}
