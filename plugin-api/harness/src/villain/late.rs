//! A validator whose every message is late, so that its votes complete certificates long after.

use crate::clock::{Chance, MS, Micros};

/// Late by up to this much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    most: Micros,
}

impl Late {
    /// Draws one.
    pub fn draw(chance: &mut Chance) -> Self {
        Self { most: chance.one_of(&[50 * MS, 1_000 * MS, 5_000 * MS], MS) }
    }

    /// How late this time.
    pub fn delay(&self, chance: &mut Chance) -> Micros {
        chance.below(self.most)
    }
}
