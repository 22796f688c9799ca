//! Signing and durability of a model host: guard, batches, the ledger.
//!
//! In: wishes to sign, final blocks. Out: batches that reach the disk whole or not at all, and what
//! follows once they have. Not here: messages, execution.

use super::Host;
use crate::{
    epochs::{self, HostBug},
    world::{Batch, Entry, Event, Signed, Wire, World},
};
use plugin_api::{
    ConsensusRule, Hash, Input, LogRecord, Pair, ProposalKind, Statement, Then, To,
    mirror::statement_message,
};
use std::rc::Rc;

/// What a rule wants signed: the fields of [`plugin_api::Output::Sign`].
pub(super) struct Wanted {
    pub sequence: u64,
    pub slots: Vec<plugin_api::Slot>,
    pub body: Vec<u8>,
    pub then: Then,
    pub needs: Vec<Hash>,
}

impl<R: ConsensusRule> Host<R> {
    pub(super) fn sign(&mut self, wanted: Wanted, world: &mut World) {
        let Wanted { sequence, slots, body, then, needs } = wanted;
        let Some(home) = self.role.index else { return };
        let number = self.role.number;
        let guarded = self.role.guarded && self.is_honest();
        let honest = self.is_honest();
        let Some(memory) = self.memory.as_mut() else { return };
        let Some(index) = memory.place.me else { return };
        if memory.ended {
            // A rule is told of a synced block once it is durable: until then it knows no better.
            if honest && !memory.syncing {
                world.blame(number, "the rule signs in an epoch that is over");
            }
            return;
        }
        let other = |slot: &plugin_api::Slot| {
            let at = (memory.place.epoch, slot.view, slot.class);
            memory.registers.get(&at).is_some_and(|d| *d != slot.digest)
        };
        if guarded && slots.iter().any(other) {
            world.blame(number, "the rule wanted to write a register twice");
            let (node, life) = (number, self.life);
            world.agenda.put(0, Event::Refused { node, life, sequence });
            return;
        }
        if honest && memory.refuses(&slots) {
            let (node, life) = (number, self.life);
            world.agenda.put(0, Event::Refused { node, life, sequence });
            return;
        }
        let blocks: Option<Vec<_>> = needs
            .iter()
            .map(|id| {
                let known = memory.blocks.get(id).cloned();
                known.map(|block| (block, memory.results.get(id).copied()))
            })
            .collect();
        let in_ledger = |id: &Hash| memory.ledger.iter().any(|entry| entry.pair.block == *id);
        if blocks.is_none()
            && !needs.iter().all(|id| memory.blocks.contains_key(id) || in_ledger(id))
        {
            world.blame(number, "the rule signed for a block this node does not have");
        }
        for slot in &slots {
            let at = (memory.place.epoch, slot.view, slot.class);
            memory.registers.insert(at, slot.digest);
        }
        let message = statement_message(&memory.place.prefix, &slots, &body);
        let signature = world.signatures.sign(home, &message);
        let statement = Statement { signer: index, slots: slots.clone(), body, signature };
        let mut records = std::mem::take(&mut memory.records);
        records.push(LogRecord::Own { statement: statement.clone() });
        let batch = Batch {
            records,
            slots,
            blocks: blocks.unwrap_or_default(),
            own: Some((sequence, statement, then)),
            epoch: memory.place.epoch,
            ..Batch::default()
        };
        self.write(batch, world);
    }

    /// One disk, one queue: batches become durable in order.
    pub(super) fn write(&mut self, batch: Batch, world: &mut World) {
        let cost = world.up_to(world.costs.flush_max);
        let now = world.agenda.now();
        let (node, life) = (self.role.number, self.life);
        if self.is_honest() {
            world.last_written = now;
        }
        let Some(memory) = self.memory.as_mut() else { return };
        let done = memory.disk_free_at.max(now) + cost;
        memory.disk_free_at = done;
        world.agenda.put(done - now, Event::Durable { node, life, batch: Box::new(batch) });
    }

    /// The rule says that blocks are final.
    pub(super) fn finish(&mut self, pairs: &[Pair], proof: Vec<u8>, world: &mut World) {
        let honest = self.is_honest();
        let number = self.role.number;
        let Some(memory) = self.memory.as_mut() else { return };
        let mut finals = Vec::new();
        for (place, pair) in pairs.iter().enumerate() {
            let last = place + 1 == pairs.len();
            // Synced a moment ago, and the rule is told of it only once that is durable.
            if memory.syncing && memory.ledger.iter().rev().any(|known| known.pair == *pair) {
                continue;
            }
            let Some(block) = memory.blocks.get(&pair.block).cloned() else {
                return world.blame(number, "a final block is not here");
            };
            if memory.results.get(&pair.block) != Some(pair) && honest {
                return world.blame(number, "a final block has not this node's result");
            }
            let entry = Entry {
                block,
                pair: *pair,
                proof: last.then(|| proof.clone()),
                closing: Vec::new(),
            };
            let closes = entry.block.header.kind == ProposalKind::Closing;
            if closes && world.host_bug != Some(HostBug::ClosingInLedger) {
                // Part of the sealing block's proof, and nothing else.
                let Some(sealing) = finals.last_mut() else { continue };
                let sealing: &mut Entry = sealing;
                sealing.closing.push(entry.block);
                sealing.proof = entry.proof;
                continue;
            }
            finals.push(entry);
        }
        self.append(finals, false, world);
    }

    /// Appends checked blocks to the ledger in memory, and sends them to the disk.
    pub(super) fn append(&mut self, finals: Vec<Entry>, synced: bool, world: &mut World) {
        let honest = self.is_honest();
        let number = self.role.number;
        let Some(memory) = self.memory.as_mut() else { return };
        for entry in &finals {
            let Some(tip) = memory.ledger.last() else { return };
            if honest {
                let checked = world
                    .check_final(number, (&tip.block.header, &tip.pair), entry, &memory.included)
                    .and_then(|()| check_proof::<R>(entry, memory.place.root.id, world));
                if let Err(why) = checked {
                    return world.blame(number, &why);
                }
            }
            for transaction in &entry.block.transactions {
                memory.included.insert(*transaction);
                memory.pool.remove(transaction);
            }
            memory.blocks.insert(entry.pair.block, Rc::clone(&entry.block));
            memory.results.insert(entry.pair.block, entry.pair);
            memory.ended |= entry.block.header.is_sealing;
            memory.ledger.push(entry.clone());
        }
        self.write(Batch { finals, synced, ..Batch::default() }, world);
    }

    /// A batch is on the disk. Separate from telling the rule, so that a fall fits in between.
    pub fn make_durable(&mut self, batch: &Batch) {
        let disk = &mut self.disk;
        disk.log.extend(batch.records.iter().cloned());
        for slot in &batch.slots {
            disk.registers.insert((batch.epoch, slot.view, slot.class), slot.digest);
        }
        disk.closed.extend(batch.closed.map(|view| (batch.epoch, view)));
        for (block, pair) in &batch.blocks {
            let known = disk.blocks.entry(block.header.id).or_insert((Rc::clone(block), None));
            known.1 = known.1.or(*pair);
        }
        for entry in &batch.finals {
            disk.blocks.insert(entry.pair.block, (Rc::clone(&entry.block), Some(entry.pair)));
            disk.ledger.push(entry.clone());
        }
        if let Some(tip) = batch.finals.last() {
            let is_over = tip.block.header.is_sealing;
            let head = tip.block.header.view + u64::from(self.role.prunes_head_view);
            disk.log.retain(|record| record_view(record) >= head);
            disk.blocks.retain(|_, (block, _)| block.header.view + 1 >= head);
            if is_over {
                // Records and blocks of an epoch that is over are of no use any more.
                disk.log.clear();
                disk.blocks.clear();
            }
        }
    }

    pub(super) fn tell_durable(&mut self, batch: Batch, world: &mut World) {
        if let Some((sequence, statement, then)) = batch.own {
            if self.is_honest() {
                let classes = statement.slots.iter().map(|slot| slot.class).collect();
                let (at, node) = (world.agenda.now(), self.role.number);
                world.signed.push(Signed { at, node, classes });
            }
            self.step(Input::OwnSigned { sequence, statement: statement.clone() }, world);
            match then {
                Then::Broadcast => self.send(To::All, &Wire::Statement(statement), world),
                Then::Keep => {}
                Then::Propose { block, justification } => {
                    if let Some(block) = self.block(&block) {
                        let id = block.header.id;
                        let now = world.agenda.now();
                        world.proposed.entry(id).or_insert(now);
                        let wire = Wire::Proposal(block, statement, justification);
                        self.send(To::All, &wire, world);
                    }
                }
            }
        }
        if batch.finals.iter().any(|entry| entry.block.header.is_sealing) {
            return self.begin_epoch(world);
        }
        if batch.synced
            && let Some(entry) = batch.finals.last()
        {
            if let Some(memory) = self.memory.as_mut() {
                memory.syncing = false;
            }
            let header = entry.block.header.clone();
            let proof = entry.proof.clone().unwrap_or_default();
            self.step(Input::SyncedTo { header, pair: entry.pair, proof }, world);
        }
        self.tell_work(world);
    }
}

fn record_view(record: &LogRecord) -> u64 {
    match record {
        LogRecord::Rule { view, .. } => *view,
        LogRecord::Own { statement } => {
            statement.slots.iter().map(|slot| slot.view).max().unwrap_or(0)
        }
    }
}

/// Every proof that an honest node shows holds for anyone.
fn check_proof<R: ConsensusRule>(entry: &Entry, root: Hash, world: &World) -> Result<(), String> {
    let Some(proof) = &entry.proof else { return Ok(()) };
    let epoch = entry.block.header.epoch;
    let set = world.validators_of(epoch);
    if !epochs::are_linked(entry) {
        return Err("the headers of an end proof do not link".to_owned());
    }
    let verify = world.signatures.verifier();
    R::verify_final(&world.claim(root, entry, proof), verify)
        .map_err(|error| format!("a Final proof does not hold: {}", error.message))?;
    let signers = R::describe_proof(&set, proof).map_err(|error| error.message)?;
    world.check_signers(epoch, &signers)
}
