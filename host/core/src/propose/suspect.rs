//! Which transactions a leader tries alone after a block came to nothing.
//!
//! In: blocks that failed, where the results of voters part, blocks that are certified or final. Out:
//! what the next block may hold. Volatile and of this node only: nothing here is agreed, so nobody is
//! accused. A transaction at which results part is set apart and tried alone when nothing else waits;
//! without such knowledge halves are tried. What fails alone waits, longer each time.
//! Deliberately not here: who failed why (the rule), asking voters (an effect).

use super::line::Line;
use host_types::TxId;
use std::collections::{BTreeMap, BTreeSet};

/// Wait of a transaction that failed alone, before it is tried again, milliseconds.
const HELD_MS: u64 = 1_000;
/// Doublings of that wait, at most: about a minute, well within the life of a transaction.
const HELD_DOUBLINGS_MAX: u32 = 6;

/// A transaction that failed alone.
#[derive(Clone, Copy, Debug)]
struct Held {
    times: u32,
    until_ms: u64,
}

/// The suspect set of a channel, and what failed alone. All of it stands in the pool, which bounds
/// it.
#[derive(Clone, Debug, Default)]
pub struct Suspects {
    /// In block order: one of them, or several together, took a block with them.
    set: Vec<TxId>,
    /// Results part here: tried alone, when nothing else waits.
    apart: Line,
    /// Failed alone; left out until their time.
    held: BTreeMap<TxId, Held>,
}

impl Suspects {
    /// A block came to nothing. One inside the set narrows it; any other changes nothing unless
    /// there is no set. What is apart or held already explains it.
    pub fn failed(&mut self, ids: &[TxId], now_ms: u64) {
        if let [alone] = ids {
            self.hold(*alone, now_ms);
            return;
        }
        if ids.iter().any(|id| self.apart.contains(id) || self.held.contains_key(id)) {
            return;
        }
        let known: BTreeSet<&TxId> = self.set.iter().collect();
        let is_inside = ids.iter().all(|id| known.contains(id));
        if !ids.is_empty() && (self.set.is_empty() || is_inside) {
            self.set = ids.to_vec();
        }
    }

    fn hold(&mut self, id: TxId, now_ms: u64) {
        if !self.set.is_empty() && !self.set.contains(&id) && !self.apart.contains(&id) {
            return;
        }
        self.set.clear();
        self.apart.remove(&id);
        let times = self.held.get(&id).map_or(0, |held| held.times);
        let wait_ms = HELD_MS << times.min(HELD_DOUBLINGS_MAX);
        self.held.insert(id, Held { times: times + 1, until_ms: now_ms.saturating_add(wait_ms) });
    }

    /// At these transactions the results of voters part: they are set apart, and what stood beside
    /// them is no longer suspected.
    pub fn part(&mut self, ids: &[TxId]) {
        self.set.clear();
        for id in ids.iter().filter(|id| !self.held.contains_key(*id)) {
            self.apart.push(*id);
        }
    }

    /// These had a result in a block that is certified or final, or left the pool.
    pub fn clear(&mut self, ids: &[TxId]) {
        if self.is_empty() {
            return;
        }
        for id in ids {
            self.apart.remove(id);
            self.held.remove(id);
        }
        if !self.set.is_empty() {
            let ids: BTreeSet<&TxId> = ids.iter().collect();
            self.set.retain(|id| !ids.contains(id));
        }
    }

    /// What the next block may hold and nothing else: the first half of the suspects that could be
    /// proposed now, or one that is apart when nothing else waits. Empty: then a block holds what is
    /// not left out. `waiting` transactions could be proposed.
    #[must_use]
    pub fn only(
        &mut self,
        now_ms: u64,
        waiting: usize,
        is_there: impl Fn(&TxId) -> bool,
    ) -> BTreeSet<TxId> {
        if self.is_empty() {
            return BTreeSet::new();
        }
        for (id, _) in self.held.iter().filter(|(_, held)| held.until_ms <= now_ms) {
            self.apart.push(*id);
        }
        self.set.retain(&is_there);
        if !self.set.is_empty() {
            return self.set.iter().take(self.set.len().div_ceil(2)).copied().collect();
        }
        // What is not there takes nobody's place among those that wait.
        let apart = self.apart.iter().filter(|id| !self.held.contains_key(*id));
        let left_out = apart.chain(self.held.keys()).filter(|id| is_there(id)).count();
        if waiting > left_out {
            return BTreeSet::new();
        }
        self.apart.iter().find(|id| is_there(id)).into_iter().copied().collect()
    }

    /// Whether a transaction stays out of a block that holds what is not suspected.
    #[must_use]
    pub fn is_left_out(&self, id: &TxId) -> bool {
        self.held.contains_key(id) || self.apart.contains(id)
    }

    /// How many failed alone and wait for their time.
    #[must_use]
    pub fn held(&self, now_ms: u64) -> usize {
        self.held.values().filter(|held| held.until_ms > now_ms).count()
    }

    /// How long until the next of them may be tried again, milliseconds.
    #[must_use]
    pub fn next_due_ms(&self, now_ms: u64) -> Option<u64> {
        let waiting = self.held.values().filter(|held| held.until_ms > now_ms);
        waiting.map(|held| held.until_ms - now_ms).min()
    }

    /// Whether nothing is suspected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.apart.is_empty() && self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{HELD_MS, Suspects};
    use host_types::{Hash32, TxId};

    fn id(n: u8) -> TxId {
        TxId::new(Hash32::new([n; 32]))
    }

    fn ids(numbers: &[u8]) -> Vec<TxId> {
        numbers.iter().map(|n| id(*n)).collect()
    }

    /// What a block may hold when so many wait, all of them in the pool.
    fn only(suspects: &mut Suspects, waiting: usize) -> Vec<TxId> {
        suspects.only(0, waiting, |_| true).into_iter().collect()
    }

    #[derive(Clone, Copy, Debug)]
    enum Happened<'a> {
        Failed(&'a [u8]),
        Parted(&'a [u8]),
        Certified(&'a [u8]),
    }
    use Happened::{Certified, Failed, Parted};

    #[test]
    fn what_happened_decides_what_is_tried_next() {
        // What happened, what alone is tried while ten others wait, what alone when nothing else
        // does, and what is left out of other blocks.
        type Row<'a> = (&'a [Happened<'a>], &'a [u8], &'a [u8], &'a [u8]);
        let table: [Row<'_>; 15] = [
            (&[], &[], &[], &[]),
            (&[Failed(&[])], &[], &[], &[]),
            (&[Failed(&[1, 2, 3, 4])], &[1, 2], &[1, 2], &[]),
            (&[Failed(&[1, 2, 3])], &[1, 2], &[1, 2], &[]),
            (&[Failed(&[1, 2, 3, 4]), Failed(&[1, 2])], &[1], &[1], &[]),
            (&[Failed(&[1, 2, 3, 4]), Failed(&[1, 2]), Failed(&[1])], &[], &[], &[1]),
            (&[Failed(&[1, 2, 3, 4]), Certified(&[1, 2])], &[3], &[3], &[]),
            (&[Failed(&[1, 2, 3, 4]), Certified(&[1, 2, 3])], &[4], &[4], &[]),
            // Another block that failed is another matter.
            (&[Failed(&[1, 2, 3, 4]), Failed(&[4, 5])], &[1, 2], &[1, 2], &[]),
            (&[Failed(&[1, 2]), Failed(&[9])], &[1], &[1], &[]),
            (&[Failed(&[1])], &[], &[], &[1]),
            // Another leader brought it through.
            (&[Failed(&[1]), Certified(&[1])], &[], &[], &[]),
            // Whose results part is tried when nothing else waits.
            (&[Failed(&[1, 2, 3, 4]), Parted(&[3])], &[], &[3], &[3]),
            // A liar that proposes it again, with others, changes nothing.
            (&[Failed(&[1, 2, 3, 4]), Parted(&[3]), Failed(&[3, 7, 8])], &[], &[3], &[3]),
            (&[Failed(&[1, 2, 3, 4]), Parted(&[3]), Failed(&[3])], &[], &[], &[3]),
        ];
        for (story, under_load, alone, left_out) in table {
            let mut suspects = Suspects::default();
            for happened in story {
                match happened {
                    Failed(numbers) => suspects.failed(&ids(numbers), 0),
                    Parted(numbers) => suspects.part(&ids(numbers)),
                    Certified(numbers) => suspects.clear(&ids(numbers)),
                }
            }
            assert_eq!(only(&mut suspects, 12), ids(under_load), "{story:?}");
            let waiting = left_out.len();
            assert_eq!(only(&mut suspects, waiting), ids(alone), "{story:?}");
            let found: Vec<u8> = (0..10).filter(|n| suspects.is_left_out(&id(*n))).collect();
            assert_eq!(found, left_out, "{story:?}");
        }
    }

    #[test]
    fn what_failed_alone_is_tried_again_after_a_wait_that_doubles() {
        let mut suspects = Suspects::default();
        let mut now = 0;
        for wait in [1, 2, 4, 8, 16, 32, 64, 64] {
            suspects.failed(&ids(&[1]), now);
            let there = |_: &TxId| true;
            assert!(suspects.only(now + wait * HELD_MS - 1, 1, there).is_empty(), "{wait}");
            assert_eq!(suspects.held(now + wait * HELD_MS - 1), 1);
            now += wait * HELD_MS;
            assert_eq!(suspects.held(now), 0);
            assert_eq!(suspects.only(now, 1, there).into_iter().collect::<Vec<_>>(), ids(&[1]));
        }
    }

    #[test]
    fn one_bad_transaction_of_a_thousand_costs_eleven_blocks() {
        let all: Vec<TxId> = (0..1_000_u32)
            .map(|n| {
                let mut bytes = [0; 32];
                bytes[..4].copy_from_slice(&n.to_be_bytes());
                TxId::new(Hash32::new(bytes))
            })
            .collect();
        for bad in [0, 1, 499, 500, 998, 999] {
            let (mut suspects, mut waiting, mut failures) = (Suspects::default(), all.clone(), 0);
            while !suspects.is_left_out(&all[bad]) {
                let only = suspects.only(0, waiting.len(), |id| waiting.contains(id));
                let block: Vec<TxId> = waiting
                    .iter()
                    .filter(|id| only.is_empty() || only.contains(*id))
                    .copied()
                    .collect();
                if block.contains(&all[bad]) {
                    failures += 1;
                    suspects.failed(&block, 0);
                } else {
                    suspects.clear(&block);
                    waiting.retain(|id| !block.contains(id));
                }
            }
            assert!(failures <= 11, "{failures} failures for {bad}");
        }
    }

    #[test]
    fn what_failed_alone_and_cannot_be_proposed_now_lets_the_one_that_waits_go_first() {
        let mut suspects = Suspects::default();
        suspects.failed(&ids(&[1]), 0);
        let is_there = |other: &TxId| *other == id(2);
        assert!(suspects.only(2 * HELD_MS, 1, is_there).is_empty());
        // It is due, and nothing else waits once it may be proposed.
        assert_eq!(
            suspects.only(2 * HELD_MS, 1, |_| true).into_iter().collect::<Vec<_>>(),
            ids(&[1])
        );
    }

    #[test]
    fn suspects_that_are_gone_hold_nothing_up() {
        let mut suspects = Suspects::default();
        suspects.failed(&ids(&[1, 2]), 0);
        assert!(suspects.only(0, 5, |_| false).is_empty());
        assert!(suspects.is_empty());
    }
}
