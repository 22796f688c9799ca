//! Which transactions a leader tries alone after a block that it led had no result.
//!
//! In: blocks of this node that failed, blocks that are certified or final. Out: what the next
//! block may hold. Volatile and of this node only: nothing here is agreed, so nobody is accused.
//! Deliberately not here: failures of other leaders' blocks (they halve their own), digests of
//! voters.

use host_types::TxId;
use std::collections::BTreeSet;

/// The suspect set of a channel, and what failed alone.
#[derive(Clone, Debug, Default)]
pub struct Suspects {
    /// In block order: one of them, or several together, took a block with them.
    set: Vec<TxId>,
    /// Failed alone; left out while they wait in the pool, which bounds them.
    held: BTreeSet<TxId>,
}

impl Suspects {
    /// A block of this node had no result. One inside the set narrows it, any other changes
    /// nothing unless there is no set.
    pub fn failed(&mut self, ids: &[TxId]) {
        let known: BTreeSet<&TxId> = self.set.iter().collect();
        let is_inside = ids.iter().all(|id| known.contains(id));
        if ids.is_empty() || !(self.set.is_empty() || is_inside) {
            return;
        }
        self.set.clear();
        if let [alone] = ids {
            self.held.insert(*alone);
        } else {
            self.set.extend(ids);
        }
    }

    /// These had a result in a block that is certified or final, or left the pool.
    pub fn clear(&mut self, ids: &[TxId]) {
        if self.is_empty() {
            return;
        }
        let ids: BTreeSet<&TxId> = ids.iter().collect();
        self.set.retain(|id| !ids.contains(id));
        self.held.retain(|id| !ids.contains(id));
    }

    /// The first half of the suspects that could be proposed now; a block then holds nothing else.
    /// Empty when there are none: then a block holds what is not held.
    #[must_use]
    pub fn half(&mut self, is_there: impl Fn(&TxId) -> bool) -> BTreeSet<TxId> {
        self.set.retain(is_there);
        self.set.iter().take(self.set.len().div_ceil(2)).copied().collect()
    }

    /// Whether a transaction failed alone.
    #[must_use]
    pub fn is_held(&self, id: &TxId) -> bool {
        self.held.contains(id)
    }

    /// How many failed alone.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Whether nothing is suspected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Suspects;
    use host_types::{Hash32, TxId};

    fn ids(numbers: &[u8]) -> Vec<TxId> {
        numbers.iter().map(|n| TxId::new(Hash32::new([*n; 32]))).collect()
    }

    fn fail(suspects: &mut Suspects, numbers: &[u8]) {
        suspects.failed(&ids(numbers));
    }

    fn half(suspects: &mut Suspects) -> Vec<TxId> {
        suspects.half(|_| true).into_iter().collect()
    }

    #[test]
    fn what_happened_decides_what_is_tried_next() {
        // Failed blocks and cleared ones in order (`true` failed), the half that is tried next, and
        // what is held.
        type Story<'a> = &'a [(bool, &'a [u8])];
        let table: [(Story<'_>, &[u8], &[u8]); 11] = [
            (&[], &[], &[]),
            (&[(true, &[])], &[], &[]),
            (&[(true, &[1, 2, 3, 4])], &[1, 2], &[]),
            (&[(true, &[1, 2, 3])], &[1, 2], &[]),
            (&[(true, &[1, 2, 3, 4]), (true, &[1, 2])], &[1], &[]),
            (&[(true, &[1, 2, 3, 4]), (true, &[1, 2]), (true, &[1])], &[], &[1]),
            (&[(true, &[1, 2, 3, 4]), (false, &[1, 2])], &[3], &[]),
            (&[(true, &[1, 2, 3, 4]), (false, &[1, 2, 3])], &[4], &[]),
            // Another block that failed is another matter.
            (&[(true, &[1, 2, 3, 4]), (true, &[4, 5])], &[1, 2], &[]),
            (&[(true, &[1])], &[], &[1]),
            // Another leader brought it through.
            (&[(true, &[1]), (false, &[1])], &[], &[]),
        ];
        for (story, tried, held) in table {
            let mut suspects = Suspects::default();
            for (is_failed, numbers) in story {
                if *is_failed {
                    fail(&mut suspects, numbers);
                } else {
                    suspects.clear(&ids(numbers));
                }
            }
            assert_eq!(half(&mut suspects), ids(tried), "{story:?}");
            let found: Vec<u8> = (0..10).filter(|n| suspects.is_held(&ids(&[*n])[0])).collect();
            assert_eq!(found, held, "{story:?}");
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
            while !suspects.is_held(&all[bad]) {
                let half = suspects.half(|id| waiting.contains(id));
                let block: Vec<TxId> = waiting
                    .iter()
                    .filter(|id| half.is_empty() || half.contains(*id))
                    .copied()
                    .collect();
                if block.contains(&all[bad]) {
                    failures += 1;
                    suspects.failed(&block);
                } else {
                    suspects.clear(&block);
                    waiting.retain(|id| !block.contains(id));
                }
            }
            assert!(failures <= 11, "{failures} failures for {bad}");
        }
    }

    #[test]
    fn suspects_that_are_gone_hold_nothing_up() {
        let mut suspects = Suspects::default();
        fail(&mut suspects, &[1, 2]);
        assert!(suspects.half(|_| false).is_empty());
        assert!(suspects.is_empty());
    }
}
