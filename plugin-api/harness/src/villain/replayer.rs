//! A validator that keeps what others send and sends it again, to anyone, any time later.

use crate::clock::{Chance, MS, Micros};

/// Messages of others in the hands of a replayer, at most.
pub const KEPT_MAX: usize = 256;

/// Replays. It behaves well otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayer;

impl Replayer {
    /// How many old messages follow one new one.
    pub fn how_many(&self, chance: &mut Chance) -> u64 {
        chance.below(3)
    }

    /// How much later.
    pub fn delay(&self, chance: &mut Chance) -> Micros {
        chance.below(3_000 * MS)
    }
}
