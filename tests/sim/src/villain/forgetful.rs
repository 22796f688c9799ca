//! A validator that forgets which transactions are final whenever it starts, which it does often, and
//! that puts old ones into its pool again: its blocks repeat what is final.

use plugin_api_harness::clock::{Chance, SECOND};

/// Starts again this often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgetful {
    /// Time between two starts.
    pub every: u64,
    /// Old transactions it takes back at each.
    pub old: usize,
}

impl Forgetful {
    /// Draws one.
    pub fn draw(chance: &mut Chance) -> Self {
        let old = usize::try_from(chance.between(1, 8)).unwrap_or(1);
        Self { every: chance.between(2, 8) * SECOND, old }
    }
}
