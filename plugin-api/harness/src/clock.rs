//! Virtual time: a queue of things to come and one seeded generator.
//!
//! In: a seed, things with a time. Out: the next thing; equal times come out in the order they
//! went in. No real clock, no threads, no other source of chance.

use std::collections::BTreeMap;

/// Microseconds since the start of a run.
pub type Micros = u64;

/// One millisecond.
pub const MS: Micros = 1_000;
/// One second.
pub const SECOND: Micros = 1_000_000;

/// The generator (SplitMix64): small, fast, the same everywhere.
#[derive(Clone, Debug)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// Starts from a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.state)
    }

    /// A number below `limit`; 0 when the limit is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 {
            return 0;
        }
        let wide = u128::from(self.draw()) * u128::from(limit);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number of the range, both ends included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// True this often in a thousand.
    pub fn permille(&mut self, often: u64) -> bool {
        self.below(1000) < often
    }

    /// One of a list.
    pub fn one_of<T: Copy>(&mut self, list: &[T], otherwise: T) -> T {
        let index = usize::try_from(self.below(list.len() as u64)).unwrap_or(0);
        list.get(index).copied().unwrap_or(otherwise)
    }
}

/// Stirs 64 bits.
#[must_use]
pub fn mix(value: u64) -> u64 {
    let mut z = value;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Things to come.
#[derive(Debug)]
pub struct Agenda<T> {
    now: Micros,
    order: u64,
    things: BTreeMap<(Micros, u64), T>,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self { now: 0, order: 0, things: BTreeMap::new() }
    }
}

impl<T> Agenda<T> {
    /// The present.
    #[must_use]
    pub fn now(&self) -> Micros {
        self.now
    }

    /// Puts a thing `after` microseconds from now.
    pub fn put(&mut self, after: Micros, thing: T) {
        self.order += 1;
        self.things.insert((self.now + after, self.order), thing);
    }

    /// Takes the next thing that comes no later than `until`, and moves time there.
    pub fn next(&mut self, until: Micros) -> Option<T> {
        let ((at, _), _) = self.things.first_key_value()?;
        if *at > until {
            return None;
        }
        let ((at, _), thing) = self.things.pop_first()?;
        self.now = at;
        Some(thing)
    }

    /// Moves time forward although nothing happens.
    pub fn pass_to(&mut self, at: Micros) {
        self.now = self.now.max(at);
    }
}

#[cfg(test)]
mod tests {
    use super::{Agenda, Chance};

    #[test]
    fn things_of_one_time_come_in_the_order_they_were_put() {
        let mut agenda = Agenda::default();
        agenda.put(5, 'b');
        agenda.put(1, 'a');
        agenda.put(5, 'c');
        assert_eq!(agenda.next(10), Some('a'));
        assert_eq!(agenda.next(10), Some('b'));
        assert_eq!(agenda.next(4), None);
        assert_eq!(agenda.next(10), Some('c'));
        assert_eq!(agenda.now(), 5);
        assert_eq!(agenda.next(10), None);
    }

    #[test]
    fn chance_repeats_itself_from_its_seed_and_keeps_its_bounds() {
        let mut a = Chance::new(7);
        let mut b = Chance::new(7);
        assert!((0..100).all(|_| a.draw() == b.draw()));
        assert!((0..1000).all(|_| (3..=5).contains(&a.between(3, 5))));
        assert_eq!(a.below(0), 0);
        let hits = (0..10_000).filter(|_| a.permille(250)).count();
        assert!((2200..2800).contains(&hits), "{hits}");
    }
}
