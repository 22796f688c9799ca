//! `Counter`: numbers that are given out once, from 0.

use super::{Field, Item};

/// The next free number.
#[derive(Debug)]
pub struct Counter(Item<u64>);

impl Field for Counter {
    const SUFFIX: &'static str = "";
    fn open(name: &'static str) -> Self {
        Self(Item::open(name))
    }
}

impl Counter {
    /// Gives out the next number.
    #[expect(
        clippy::should_implement_trait,
        reason = "it has no end, and a call changes the state"
    )]
    pub fn next(&mut self) -> u64 {
        let number = self.0.get();
        self.0.set(number + 1);
        number
    }

    /// The number that [`next`](Self::next) will give: how many were given out.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}
