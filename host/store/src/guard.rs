//! The signing guard: registers that are written once and never again.
//!
//! In: the slots that a statement wants to write. Out: whether it may be signed. It knows no rule:
//! that two different votes of one view cannot both be signed follows from their sharing a
//! register. Pure: what it allows is durable only once the caller has put it into the sign log
//! ([`crate::sign_log`]), from whose replay it is built after a restart.

use crate::sign_log::{Entry, Replay};
use host_types::statement::Slot;
use host_types::{Epoch, GenesisHash, Hash32, View};
use std::collections::{BTreeMap, HashMap};

/// What the guard says to a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Free: the registers are written now; put the statement into the sign log before it leaves.
    Allowed,
    /// All its registers already hold exactly this: send what was signed then.
    AlreadySame,
    /// This register holds something else, or lies at or below the floor.
    Refused {
        /// The first slot that is refused.
        slot: Slot,
    },
}

/// A place in an epoch; orders statements by epoch, then view.
pub type Position = (Epoch, View);

#[derive(Clone, Debug, Default)]
struct Registers {
    floor: Option<Position>,
    written: BTreeMap<(Epoch, View, u8), Hash32>,
}

/// Every register of every channel of a node.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    channels: HashMap<GenesisHash, Registers>,
    /// What was signed before is not known: an epoch of a channel is open only above a floor.
    is_rejoining: bool,
}

impl Guard {
    /// The guard that a sign log describes.
    #[must_use]
    pub fn from_replay(replay: &Replay) -> Self {
        let mut guard = Self::default();
        for (channel, kept) in &replay.channels {
            if let Some((epoch, view)) = kept.floor {
                guard.raise_floor(*channel, epoch, view);
            }
            for entry in &kept.entries {
                if let Entry::Signed { epoch, slots, .. } = entry {
                    let registers = guard.channels.entry(*channel).or_default();
                    for slot in slots {
                        registers.written.insert((*epoch, slot.view, slot.class), slot.digest);
                    }
                }
            }
        }
        guard
    }

    /// From now on refuses every register of an epoch until a floor above its first view is raised in
    /// it: the log is new, and the key is not.
    pub const fn rejoin(&mut self) {
        self.is_rejoining = true;
    }

    /// Whether registers of this epoch may be written at all.
    #[must_use]
    pub fn is_open(&self, channel: GenesisHash, epoch: Epoch) -> bool {
        let floor = self.floor(channel);
        let closed_below = |(of, view): Position| of == epoch && view > View::ZERO;
        !self.is_rejoining || floor.is_some_and(closed_below)
    }

    /// Whether this statement, which carries this node's signature, is one that it knows of: each of its
    /// registers holds what it says, or is closed.
    #[must_use]
    pub fn knows(&self, channel: GenesisHash, epoch: Epoch, slots: &[Slot]) -> bool {
        let Some(registers) = self.channels.get(&channel) else { return slots.is_empty() };
        slots.iter().all(|slot| {
            let is_passed = registers.floor.is_some_and(|floor| (epoch, slot.view) <= floor);
            let held = registers.written.get(&(epoch, slot.view, slot.class));
            is_passed || held == Some(&slot.digest)
        })
    }

    /// Asks for the registers of one statement, all or none. A statement without slots is allowed.
    pub fn check(&mut self, channel: GenesisHash, epoch: Epoch, slots: &[Slot]) -> Verdict {
        if let Some(slot) = slots.first().filter(|_| !self.is_open(channel, epoch)) {
            return Verdict::Refused { slot: *slot };
        }
        let registers = self.channels.entry(channel).or_default();
        let mut is_same = !slots.is_empty();
        for (i, slot) in slots.iter().enumerate() {
            let is_passed = registers.floor.is_some_and(|floor| (epoch, slot.view) <= floor);
            let own = slots.iter().take(i).find(|s| (s.view, s.class) == (slot.view, slot.class));
            let held = registers.written.get(&(epoch, slot.view, slot.class)).copied();
            is_same &= held.is_some();
            let differs = |digest: Hash32| digest != slot.digest;
            if is_passed || held.is_some_and(differs) || own.is_some_and(|s| differs(s.digest)) {
                return Verdict::Refused { slot: *slot };
            }
        }
        if is_same {
            return Verdict::AlreadySame;
        }
        for slot in slots {
            registers.written.insert((epoch, slot.view, slot.class), slot.digest);
        }
        Verdict::Allowed
    }

    /// From now on refuses everything at or below this place, and forgets its registers. A floor
    /// never sinks.
    pub fn raise_floor(&mut self, channel: GenesisHash, epoch: Epoch, view: View) {
        let registers = self.channels.entry(channel).or_default();
        if registers.floor.is_some_and(|floor| floor >= (epoch, view)) {
            return;
        }
        registers.floor = Some((epoch, view));
        registers.written = registers.written.split_off(&(epoch, view, u8::MAX));
        registers.written.remove(&(epoch, view, u8::MAX));
    }

    /// The floor of a channel.
    #[must_use]
    pub fn floor(&self, channel: GenesisHash) -> Option<Position> {
        self.channels.get(&channel).and_then(|registers| registers.floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slot(view: u64, class: u8, digest: u8) -> Slot {
        Slot { view: View::new(view), class, digest: Hash32::new([digest; 32]) }
    }

    fn channel(n: u8) -> GenesisHash {
        GenesisHash::new(Hash32::new([n; 32]))
    }

    #[test]
    fn a_register_is_written_once() {
        let mut guard = Guard::default();
        let epoch = Epoch::new(1);
        assert_eq!(guard.check(channel(1), epoch, &[slot(5, 2, 7)]), Verdict::Allowed);
        assert_eq!(guard.check(channel(1), epoch, &[slot(5, 2, 7)]), Verdict::AlreadySame);
        let other = slot(5, 2, 8);
        assert_eq!(guard.check(channel(1), epoch, &[other]), Verdict::Refused { slot: other });
        assert_eq!(guard.check(channel(2), epoch, &[other]), Verdict::Allowed);
        assert_eq!(guard.check(channel(1), Epoch::new(2), &[other]), Verdict::Allowed);
        assert_eq!(guard.check(channel(1), epoch, &[slot(5, 3, 8)]), Verdict::Allowed);
    }

    #[test]
    fn a_statement_writes_all_its_registers_or_none() {
        let (mut guard, epoch) = (Guard::default(), Epoch::ZERO);
        guard.check(channel(1), epoch, &[slot(1, 0, 1)]);
        let both = [slot(2, 0, 9), slot(1, 0, 2)];
        assert_eq!(guard.check(channel(1), epoch, &both), Verdict::Refused { slot: both[1] });
        assert_eq!(guard.check(channel(1), epoch, &[slot(2, 0, 3)]), Verdict::Allowed);
        let clash = [slot(3, 0, 1), slot(3, 0, 2)];
        assert_eq!(guard.check(channel(1), epoch, &clash), Verdict::Refused { slot: clash[1] });
        assert_eq!(guard.check(channel(1), epoch, &[slot(3, 0, 2)]), Verdict::Allowed);
    }

    #[test]
    fn everything_at_or_below_a_floor_is_refused_even_what_was_signed() {
        let (mut guard, epoch) = (Guard::default(), Epoch::new(3));
        guard.check(channel(1), epoch, &[slot(5, 255, 1)]);
        guard.check(channel(1), epoch, &[slot(6, 0, 1)]);
        guard.raise_floor(channel(1), epoch, View::new(5));
        guard.raise_floor(channel(1), epoch, View::new(4));
        assert_eq!(guard.floor(channel(1)), Some((epoch, View::new(5))));
        let same = slot(5, 255, 1);
        assert_eq!(guard.check(channel(1), epoch, &[same]), Verdict::Refused { slot: same });
        assert_eq!(guard.check(channel(1), epoch, &[slot(6, 0, 1)]), Verdict::AlreadySame);
        let earlier = slot(900, 0, 1);
        let verdict = guard.check(channel(1), Epoch::new(2), &[earlier]);
        assert_eq!(verdict, Verdict::Refused { slot: earlier });
    }

    #[test]
    fn who_rejoins_signs_nothing_before_a_floor_of_that_epoch_and_nothing_below_it() {
        let (mut guard, epoch) = (Guard::default(), Epoch::new(4));
        guard.rejoin();
        let slot = |view| slot(view, 1, 1);
        assert_eq!(guard.check(channel(1), epoch, &[slot(9)]), Verdict::Refused { slot: slot(9) });
        assert_eq!(guard.check(channel(1), epoch, &[]), Verdict::Allowed, "answers write nothing");
        // What begins an epoch closes nothing of it.
        guard.raise_floor(channel(1), epoch, View::ZERO);
        assert_eq!(guard.check(channel(1), epoch, &[slot(9)]), Verdict::Refused { slot: slot(9) });
        guard.raise_floor(channel(1), epoch, View::new(8));
        assert_eq!(guard.check(channel(1), epoch, &[slot(8)]), Verdict::Refused { slot: slot(8) });
        assert_eq!(guard.check(channel(1), epoch, &[slot(9)]), Verdict::Allowed);
        let next = Epoch::new(5);
        assert_eq!(guard.check(channel(1), next, &[slot(1)]), Verdict::Refused { slot: slot(1) });
        assert_eq!(guard.check(channel(2), epoch, &[slot(9)]), Verdict::Refused { slot: slot(9) });
    }

    #[test]
    fn own_statements_that_the_log_does_not_hold_are_not_known() {
        let (mut guard, epoch) = (Guard::default(), Epoch::ZERO);
        guard.check(channel(1), epoch, &[slot(7, 1, 1), slot(6, 2, 1)]);
        assert!(guard.knows(channel(1), epoch, &[slot(7, 1, 1)]));
        assert!(!guard.knows(channel(1), epoch, &[slot(7, 1, 2)]), "another value");
        assert!(!guard.knows(channel(1), epoch, &[slot(8, 1, 1)]), "a later view");
        assert!(!guard.knows(channel(1), epoch, &[slot(7, 1, 1), slot(7, 2, 1)]), "one of two");
        assert!(!guard.knows(channel(2), epoch, &[slot(7, 1, 1)]), "another channel");
        guard.raise_floor(channel(1), epoch, View::new(8));
        assert!(guard.knows(channel(1), epoch, &[slot(8, 1, 9)]), "closed");
    }

    proptest! {
        #[test]
        fn no_two_allowed_statements_ever_differ_in_a_register(
            asks in proptest::collection::vec((0u64..4, 0u8..3, 0u8..3, any::<bool>()), 0..60)
        ) {
            let mut guard = Guard::default();
            let mut signed = BTreeMap::new();
            for (view, class, digest, raise) in asks {
                if raise && class == 0 {
                    guard.raise_floor(channel(1), Epoch::ZERO, View::new(view));
                }
                let slot = slot(view, class, digest);
                if guard.check(channel(1), Epoch::ZERO, &[slot]) != (Verdict::Refused { slot }) {
                    let first = *signed.entry((view, class)).or_insert(digest);
                    prop_assert_eq!(first, digest);
                }
            }
        }
    }
}
