//! `Item`: one value under the field's name.

use super::{Field, Number, number};
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

    /// Whether there is a value.
    #[must_use]
    pub fn exists(&self) -> bool {
        export::get(self.name.as_bytes(), |_| ()).is_some()
    }

    /// Writes the value.
    #[expect(clippy::needless_pass_by_value, reason = "`set(1)` reads better than `set(&1)`")]
    pub fn set(&mut self, value: V) {
        export::put(self.name.as_bytes(), &args::encode(&value));
    }

    /// Replaces the value (the type's default when absent) by what `change` makes of it.
    pub fn update(&mut self, change: impl FnOnce(V) -> V)
    where
        V: Default,
    {
        self.set(change(self.get()));
    }

    /// Forgets the value.
    pub fn remove(&mut self) {
        export::del(self.name.as_bytes());
    }

    /// Forgets the value and gives it back.
    pub fn take(&mut self) -> Option<V> {
        let value = self.try_get()?;
        self.remove();
        Some(value)
    }
}

impl<N: Number> Item<N> {
    /// Adds to the value (0 when absent) and gives the sum.
    ///
    /// # Panics
    /// When the sum does not fit: the transaction ends and changes nothing.
    #[track_caller]
    pub fn add(&mut self, more: N) -> N {
        let sum = number::sum(self.name, self.get(), more);
        self.set(sum);
        sum
    }

    /// Subtracts from the value (0 when absent) and gives the difference.
    ///
    /// # Panics
    /// When it does not fit: the transaction ends and changes nothing.
    #[track_caller]
    pub fn sub(&mut self, less: N) -> N {
        let difference = number::difference(self.name, self.get(), less);
        self.set(difference);
        difference
    }
}
