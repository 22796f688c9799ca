//! A model host whose log of signatures is lost: what the guard refuses until it is known what may have
//! been signed.
//!
//! In: a disk that forgot, the rule's `Closed`. Out: a nonce for each collection, refusals. Not here:
//! collecting (the rule), checking that nothing is signed twice all the same (`world`).

use super::{Disk, Host, Memory};
use crate::{
    clock::mix,
    world::{Batch, World},
};
use plugin_api::{ConsensusRule, Hash, Slot};

impl Disk {
    /// The log and the registers are gone; blocks and ledger are not.
    pub fn forget(&mut self) {
        self.log.clear();
        self.registers.clear();
        self.closed.clear();
        self.forgot += 1;
    }

    /// For the rule: set while nothing is known of what was signed in this epoch. Fresh in each life.
    pub(super) fn nonce(&self, epoch: u64, number: usize, life: u64) -> Option<Hash> {
        if self.forgot == 0 || self.closed.contains_key(&epoch) {
            return None;
        }
        let word = mix(life ^ (number as u64) << 32 ^ self.forgot << 48).to_be_bytes();
        let mut nonce = [0; 32];
        for (place, byte) in nonce.iter_mut().zip(word.iter().cycle()) {
            *place = *byte;
        }
        Some(Hash(nonce))
    }
}

impl<R> Memory<R> {
    /// Whether the guard refuses these registers, whatever they hold: nothing is closed yet, or they are.
    pub(super) fn refuses(&self, slots: &[Slot]) -> bool {
        if !self.forgot || slots.is_empty() {
            return false;
        }
        let closed = self.closed.get(&self.place.epoch);
        closed.is_none_or(|closed| slots.iter().any(|slot| slot.view <= *closed))
    }
}

impl<R: ConsensusRule> Host<R> {
    /// The rule knows what may have been signed.
    pub(super) fn close(&mut self, view: u64, world: &mut World) {
        let Some(memory) = self.memory.as_mut() else { return };
        let epoch = memory.place.epoch;
        memory.closed.insert(epoch, view);
        let batch = Batch { epoch, closed: Some(view), ..Batch::default() };
        self.write(batch, world);
    }
}
