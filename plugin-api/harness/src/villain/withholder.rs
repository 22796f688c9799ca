//! A validator that says each thing only to some of the others: selective sender, vote and block
//! withholder in one.

use crate::clock::Chance;

/// Tells each this often in a thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withholder {
    often: u64,
}

impl Withholder {
    /// Draws one.
    pub fn draw(chance: &mut Chance) -> Self {
        Self { often: chance.one_of(&[200, 500, 800], 500) }
    }

    /// Whether this one is told.
    pub fn tells(&self, chance: &mut Chance) -> bool {
        chance.permille(self.often)
    }
}
