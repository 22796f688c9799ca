//! A validator that runs twice with one key and no guard ("twins"): two proposals, two votes, Skip
//! and Commit of one view, each half told to its own audience, and the audiences change.

use crate::clock::{Chance, MS, Micros, mix};

/// Who hears which twin, by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Equivocator {
    salt: u64,
    /// Audiences change this often.
    every: Micros,
    /// Bits: this many in eight of the others hear both.
    both: u64,
}

impl Equivocator {
    /// Both halves speak to everyone; who hears what is decided elsewhere (`twins`).
    pub const OPEN: Self = Self { salt: 0, every: MS, both: 8 };

    /// Draws one; `honest` varies the audiences.
    pub fn draw(chance: &mut Chance, honest: u64) -> Self {
        Self {
            salt: chance.draw() ^ honest,
            every: chance.one_of(&[20 * MS, 300 * MS, 3_000 * MS], MS),
            both: chance.between(0, 6),
        }
    }

    /// Whether this twin and `other` hear each other now.
    #[must_use]
    pub fn tells(&self, now: Micros, twin: bool, other: usize) -> bool {
        let draw = mix(self.salt ^ mix(now / self.every.max(1)) ^ mix(other as u64 + 1));
        let both = draw % 8 < self.both;
        both || ((draw >> 8) & 1 == 1) == twin
    }
}
