//! A validator whose clock is far off: its blocks are from the future or as early as they can be.

use plugin_api_harness::clock::{Chance, MS, SECOND};

/// Off by so many microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLiar {
    /// Added to its clock.
    pub skew: i64,
}

impl TimeLiar {
    /// Draws one.
    pub fn draw(chance: &mut Chance) -> Self {
        let far = chance.one_of(&[450 * MS, 700 * MS, 10 * SECOND, 3_600 * SECOND], SECOND);
        let far = i64::try_from(far).unwrap_or(0);
        Self { skew: if chance.permille(700) { far } else { -far } }
    }
}
