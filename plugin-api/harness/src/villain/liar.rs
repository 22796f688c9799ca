//! A validator that votes for wrong results.

use crate::clock::Chance;

/// Lies this often in a thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liar {
    often: u64,
}

impl Liar {
    /// Draws one.
    pub fn draw(chance: &mut Chance) -> Self {
        Self { often: chance.one_of(&[100, 500, 1000], 500) }
    }

    /// What to salt a result with; 0 is the truth.
    pub fn salt(&self, chance: &mut Chance) -> u64 {
        if chance.permille(self.often) { chance.between(1, 3) } else { 0 }
    }
}
