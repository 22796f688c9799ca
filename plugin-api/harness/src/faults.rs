//! Process and disk faults: crashes at any effect boundary, power loss of all, restarts.
//!
//! In: a seed's plan. Out: when who falls and for how long. What survives a fall is what the
//! model host's disk holds at that moment. Not here: the network (`network`), lies (`villain`).

use crate::clock::{Chance, MS, Micros};

/// One planned fall.
#[derive(Clone, Copy, Debug)]
pub struct Fall {
    /// When.
    pub at: Micros,
    /// Who; none means everybody at once.
    pub who: Option<usize>,
    /// How long it stays down.
    pub down: Micros,
}

/// Faults of one run.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Planned falls.
    pub falls: Vec<Fall>,
    /// Falls that take the log of what was signed with them: the node comes back by rejoining. Such a
    /// node counts as faulty.
    pub forgets: Vec<Fall>,
    /// How often in a thousand a node dies just before a batch becomes durable.
    pub die_before_permille: u64,
    /// How often in a thousand it dies just after, before anything is sent.
    pub die_after_permille: u64,
    /// Longest pause after such a death.
    pub down_max: Micros,
}

impl Faults {
    /// Draws faults that end before `until`.
    #[must_use]
    pub fn draw(chance: &mut Chance, nodes: usize, until: Micros) -> Self {
        let mut falls = Vec::new();
        if chance.permille(500) {
            for _ in 0..chance.between(1, 4) {
                let who = usize::try_from(chance.below(nodes as u64)).ok();
                falls.push(Self::fall(chance, who, until));
            }
        }
        if chance.permille(200) {
            falls.push(Self::fall(chance, None, until));
        }
        let often = chance.one_of(&[0, 0, 2, 10, 30], 0);
        Self {
            falls,
            forgets: Vec::new(),
            die_before_permille: often,
            die_after_permille: often,
            down_max: chance.one_of(&[10 * MS, 1_000 * MS, 5_000 * MS], MS),
        }
    }

    fn fall(chance: &mut Chance, who: Option<usize>, until: Micros) -> Fall {
        Fall { at: chance.below(until), who, down: chance.between(MS, 8_000 * MS) }
    }
}
