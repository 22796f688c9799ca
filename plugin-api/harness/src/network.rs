//! The simulated network: delay, loss, repetition, reordering, partitions.
//!
//! In: who sends to whom, when. Out: after how long each copy arrives; none when it is lost.
//! Not here: what is sent.

use crate::clock::{Chance, MS, Micros};

/// A wall between nodes for some time.
#[derive(Clone, Debug)]
pub struct Partition {
    /// From when.
    pub from: Micros,
    /// Until when.
    pub until: Micros,
    /// One side: bit i is node i.
    pub side: u64,
    /// Only messages that leave the side are stopped.
    pub one_way: bool,
}

impl Partition {
    fn stops(&self, now: Micros, from: usize, to: usize) -> bool {
        let inside = |node: usize| self.side >> (node % 64) & 1 == 1;
        let open = now < self.from || now >= self.until;
        !open && inside(from) != inside(to) && (!self.one_way || inside(from))
    }
}

/// Behaviour of the network before and after it heals.
#[derive(Clone, Debug)]
pub struct Network {
    /// Shortest delay.
    pub delay_min: Micros,
    /// Longest usual delay.
    pub delay_max: Micros,
    /// How often in a thousand a message is much later.
    pub tail_permille: u64,
    /// Longest delay of such a message.
    pub tail_max: Micros,
    /// Lost messages in a thousand.
    pub loss_permille: u64,
    /// Repeated messages in a thousand.
    pub repeat_permille: u64,
    /// Walls.
    pub partitions: Vec<Partition>,
    /// From here on nothing is lost, repeated or late.
    pub heals_at: Micros,
    /// Longest delay after that.
    pub healed_max: Micros,
}

impl Network {
    /// A perfect network of one constant delay.
    #[must_use]
    pub fn perfect(delay: Micros) -> Self {
        Self {
            delay_min: delay,
            delay_max: delay,
            tail_permille: 0,
            tail_max: 0,
            loss_permille: 0,
            repeat_permille: 0,
            partitions: Vec::new(),
            heals_at: 0,
            healed_max: delay,
        }
    }

    /// Draws a bad network that heals at `heals_at`.
    #[must_use]
    pub fn draw(chance: &mut Chance, nodes: usize, heals_at: Micros) -> Self {
        let delay_min = chance.between(50, 2_000);
        let delay_max = delay_min + chance.one_of(&[100, 1_000, 10 * MS, 100 * MS], MS);
        let walls = if chance.permille(500) { chance.between(1, 4) } else { 0 };
        let partitions = (0..walls).map(|_| {
            let from = chance.below(heals_at);
            Partition {
                from,
                until: (from + chance.between(100 * MS, 10_000 * MS)).min(heals_at),
                side: chance.draw() & ((1 << nodes.min(63)) - 1),
                one_way: chance.permille(300),
            }
        });
        let partitions = partitions.collect();
        Self {
            delay_min,
            delay_max,
            tail_permille: chance.one_of(&[0, 0, 20, 100], 0),
            tail_max: chance.one_of(&[200 * MS, 5_000 * MS], MS),
            loss_permille: chance.one_of(&[0, 0, 20, 100, 300], 0),
            repeat_permille: chance.one_of(&[0, 50, 300, 500], 0),
            partitions,
            heals_at,
            healed_max: delay_max.min(100 * MS),
        }
    }

    /// Arrival times, from now, of the copies of one message.
    pub fn arrivals(
        &self,
        chance: &mut Chance,
        now: Micros,
        from: usize,
        to: usize,
    ) -> Vec<Micros> {
        let healed = now >= self.heals_at;
        if healed {
            return vec![chance.between(self.delay_min.min(self.healed_max), self.healed_max)];
        }
        if self.partitions.iter().any(|wall| wall.stops(now, from, to))
            || chance.permille(self.loss_permille)
        {
            return Vec::new();
        }
        let copies = if chance.permille(self.repeat_permille) { 2 } else { 1 };
        (0..copies).map(|_| self.delay(chance)).collect()
    }

    fn delay(&self, chance: &mut Chance) -> Micros {
        if chance.permille(self.tail_permille) {
            chance.between(self.delay_min, self.tail_max)
        } else {
            chance.between(self.delay_min, self.delay_max)
        }
    }
}
