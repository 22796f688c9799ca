//! `Item`: one value under the field's name.

use super::Field;
use crate::{Value, args, context::wrong_state, export};
use core::marker::PhantomData;

/// One value of the state.
#[derive(Debug)]
pub struct Item<V> {
    name: &'static str,
    value: PhantomData<fn() -> V>,
}

impl<V> Field for Item<V> {
    const SUFFIX: &'static str = "";
    fn open(name: &'static str) -> Self {
        Self { name, value: PhantomData }
    }
}

impl<V: Value> Item<V> {
    /// The value, or nothing when it was never set or removed.
    #[must_use]
    pub fn try_get(&self) -> Option<V> {
        let name = self.name;
        export::get(name.as_bytes(), |bytes| {
            args::decode(bytes).unwrap_or_else(|reason| wrong_state(name, reason))
        })
    }

    /// The value, or the type's default.
    #[must_use]
    pub fn get(&self) -> V
    where
        V: Default,
    {
        self.try_get().unwrap_or_default()
    }

    /// Writes the value.
    #[expect(clippy::needless_pass_by_value, reason = "`set(1)` reads better than `set(&1)`")]
    pub fn set(&mut self, value: V) {
        export::put(self.name.as_bytes(), &args::encode(&value));
    }

    /// Forgets the value.
    pub fn remove(&mut self) {
        export::del(self.name.as_bytes());
    }
}
