//! A validator that falls silent for ever, but still listens.

use crate::clock::{Chance, MS, Micros};

/// Silent from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mute {
    from: Micros,
}

impl Mute {
    /// Silent from `from` on.
    #[must_use]
    pub fn from(from: Micros) -> Self {
        Self { from }
    }

    /// Draws one.
    pub fn draw(chance: &mut Chance) -> Self {
        Self { from: chance.one_of(&[0, 100 * MS, 2_000 * MS], 0) }
    }

    /// Whether it still speaks.
    #[must_use]
    pub fn speaks(&self, now: Micros) -> bool {
        now < self.from
    }
}
