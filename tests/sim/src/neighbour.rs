//! A second channel of a node's signer, reduced to its requests: what channels of a node share is the
//! guard, the sign log and its sync.
//!
//! In: answers of the signer. Out: requests, some of which want to write a register twice or below the
//! floor; the first answer that is wrong. It outlives the node's crashes, as what has left does. Not
//! here: a pipeline of its own, which shares nothing with the first one's.

use crate::signer::{Answer, Job};
use host_types::statement::Slot;
use host_types::{Epoch, GenesisHash, Hash32, View};
use plugin_api_harness::clock::Chance;
use std::collections::{BTreeMap, BTreeSet};

/// Requests of one turn, at most.
const REQUESTS_MAX: u64 = 3;
/// A request goes back by so many views, at most.
const VIEWS_BACK: u64 = 8;
/// Everything so many views below the newest becomes final now and then.
const FINAL_BELOW: u64 = 6;

/// A register: view and class.
type Register = (View, u8);

/// What the world has seen of the neighbour.
#[derive(Debug, Default)]
pub struct Neighbour {
    newest: u64,
    sequence: u64,
    asked: BTreeMap<u64, Slot>,
    tried: BTreeMap<Register, BTreeSet<Hash32>>,
    left: BTreeMap<Register, Hash32>,
    floor: u64,
}

impl Neighbour {
    /// Its channel.
    #[must_use]
    pub fn channel() -> GenesisHash {
        GenesisHash::new(Hash32::new([0x4E; 32]))
    }

    /// Its only epoch.
    pub const EPOCH: Epoch = Epoch::ZERO;

    /// Requests of one turn.
    pub fn asks(&mut self, chance: &mut Chance) -> Vec<Job> {
        let mut jobs: Vec<Job> =
            (0..chance.between(1, REQUESTS_MAX)).map(|_| self.ask(chance)).collect();
        if chance.permille(100) {
            self.floor = self.floor.max(self.newest.saturating_sub(FINAL_BELOW));
            jobs.push(Job::Floor { view: View::new(self.floor) });
        }
        jobs
    }

    fn ask(&mut self, chance: &mut Chance) -> Job {
        self.newest += u64::from(chance.permille(500));
        let view = View::new(1 + self.newest.saturating_sub(chance.below(VIEWS_BACK)));
        let class = u8::try_from(1 + chance.below(3)).unwrap_or(1);
        let digest = Hash32::new([u8::try_from(chance.below(3)).unwrap_or(0); 32]);
        let slot = Slot { view, class, digest };
        self.sequence += 1;
        self.asked.insert(self.sequence, slot);
        self.tried.entry((view, class)).or_default().insert(digest);
        let needs_files = chance.permille(500);
        Job::Sign { sequence: self.sequence, slots: vec![slot], body: Vec::new(), needs_files }
    }

    /// An answer of the signer.
    ///
    /// # Errors
    /// One line: it signed what it must not, or refused what it may.
    pub fn heard(&mut self, answer: &Answer) -> Result<(), String> {
        let (Answer::Signed(sequence, _)
        | Answer::Guarded(sequence, _)
        | Answer::Stopped(sequence)) = answer;
        let slot = self.asked.remove(sequence).ok_or("the neighbour never asked for this")?;
        let register = (slot.view, slot.class);
        match answer {
            Answer::Signed(..) => {
                let held = *self.left.entry(register).or_insert(slot.digest);
                if held == slot.digest {
                    return Ok(());
                }
                Err(format!("the neighbour's register {register:?} was written twice"))
            }
            Answer::Guarded(..) => {
                let is_closed = slot.view.get() <= self.floor;
                let others = self.tried.get(&register).map_or(0, BTreeSet::len);
                if is_closed || others > 1 {
                    return Ok(());
                }
                Err(format!("the neighbour's register {register:?} was refused, and is free"))
            }
            Answer::Stopped(_) => Ok(()),
        }
    }

    /// The log is gone or an old one: what left after it may be written again.
    pub fn forgets(&mut self) {
        self.left.clear();
    }

    /// The node fell: who asked is gone too.
    pub fn fell(&mut self) {
        self.asked.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::statement::Statement;

    fn signed(sequence: u64) -> Answer {
        let statement = Statement {
            epoch: Epoch::ZERO,
            signer: 0,
            slots: Vec::new(),
            body: Vec::new(),
            signature: [0; 64],
        };
        Answer::Signed(sequence, statement)
    }

    fn slot(digest: u8) -> Slot {
        Slot { view: View::new(9), class: 1, digest: Hash32::new([digest; 32]) }
    }

    fn asked(digests: &[u8]) -> Neighbour {
        let mut neighbour = Neighbour::default();
        for (sequence, digest) in (1..).zip(digests) {
            let slot = slot(*digest);
            neighbour.tried.entry((slot.view, slot.class)).or_default().insert(slot.digest);
            neighbour.asked.insert(sequence, slot);
        }
        neighbour
    }

    #[test]
    fn a_register_written_twice_and_one_refused_without_a_reason_are_told() {
        let mut twice = asked(&[1, 2]);
        assert_eq!(twice.heard(&signed(1)), Ok(()));
        assert!(twice.heard(&signed(2)).unwrap_err().contains("written twice"));
        let mut same = asked(&[1, 1]);
        assert_eq!(same.heard(&signed(1)), Ok(()));
        assert_eq!(same.heard(&signed(2)), Ok(()));
        let mut free = asked(&[1]);
        assert!(free.heard(&Answer::Guarded(1, slot(1))).unwrap_err().contains("is free"));
        let mut right = asked(&[1, 2]);
        assert_eq!(right.heard(&signed(1)), Ok(()));
        assert_eq!(right.heard(&Answer::Guarded(2, slot(2))), Ok(()));
        assert!(right.heard(&signed(2)).unwrap_err().contains("never asked"));
    }
}
