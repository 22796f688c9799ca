//! What a model host says and hears: messages, fetching, block sync, villains at work.
//!
//! In: messages of others. Out: inputs of the rule, and messages. Not here: signing, execution.

use super::{BLOCKS_OF_RANGE, GOSSIP_EVERY, Host};
use crate::{
    chain::ModelBlock,
    epochs::{self, HostBug},
    villain::{Villain, forger::Bench, replayer::KEPT_MAX},
    world::{Entry, Event, Wire, World},
};
use plugin_api::{ConsensusRule, Hash, Input, Pair, Statement, To, mirror::statement_message};
use std::rc::Rc;

impl<R: ConsensusRule> Host<R> {
    pub(super) fn send(&mut self, to: To, wire: &Wire, world: &mut World) {
        let me = self.role.number;
        let validators = world.validators.len();
        let epoch = self.memory.as_ref().map_or(0, |memory| memory.place.epoch);
        for node in 0..world.nodes {
            let chosen = match to {
                To::All => true,
                // A twin stands behind the validators and has the index of the last villain.
                To::Validator(index) => {
                    world.home_of(epoch, index) == Some(node) || node >= validators
                }
                To::Node(number) => node as u64 == number,
            };
            if node == me || !chosen {
                continue;
            }
            let now = world.agenda.now();
            let twin = self.role.twin;
            let after = match &self.role.villain {
                Some(villain) => villain.sends(&mut world.chance, now, twin, node),
                None => Some(0),
            };
            if let Some(after) = after {
                world.send(me, node, after, wire.clone());
            }
        }
        self.replay(world);
    }

    pub(super) fn replay(&mut self, world: &mut World) {
        let Some(Villain::Replayer(replayer)) = &self.role.villain else { return };
        for _ in 0..replayer.how_many(&mut world.chance) {
            let pick = usize::try_from(world.chance.below(self.kept.len() as u64)).unwrap_or(0);
            let to = usize::try_from(world.chance.below(world.nodes as u64)).unwrap_or(0);
            let after = replayer.delay(&mut world.chance);
            if let Some(wire) = self.kept.get(pick)
                && to != self.role.number
            {
                world.send(self.role.number, to, after, wire.clone());
            }
        }
    }

    pub(super) fn fetch(&mut self, block: Hash, world: &mut World) {
        if self.block(&block).is_some() {
            let (node, life) = (self.role.number, self.life);
            world.agenda.put(0, Event::Here { node, life, block });
        } else {
            self.send(To::All, &Wire::GetBlock(block), world);
        }
    }

    /// Of this node's epoch, and not its own: a host hands a rule nothing else.
    fn is_of_another(&self, statement: &Statement, world: &World) -> bool {
        let Some(memory) = self.memory.as_ref() else { return false };
        memory.place.me != Some(statement.signer) && world.is_of(&memory.place, statement)
    }

    pub(super) fn gossip(&mut self, world: &mut World) {
        let Some(memory) = self.memory.as_mut() else { return };
        let pool: Vec<u64> = memory.pool.iter().copied().collect();
        if pool.is_empty() || world.host_bug == Some(HostBug::OffersOnce) {
            memory.gossiping = false;
            return;
        }
        let event = Event::Gossip { node: self.role.number, life: self.life };
        world.agenda.put(GOSSIP_EVERY, event);
        self.send(To::All, &Wire::Transactions(pool), world);
    }

    pub(super) fn admit(&mut self, transactions: &[u64], world: &mut World) {
        let Some(memory) = self.memory.as_mut() else { return };
        for transaction in transactions {
            if !memory.included.contains(transaction) {
                memory.pool.insert(*transaction);
            }
        }
        self.tell_work(world);
    }

    pub(super) fn receive(&mut self, from: usize, wire: Wire, world: &mut World) {
        if self.memory.is_none() || !self.hears(from, world) {
            return;
        }
        if matches!(self.role.villain, Some(Villain::Replayer(_))) {
            self.kept.push_back(wire.clone());
            if self.kept.len() > KEPT_MAX {
                self.kept.pop_front();
            }
        }
        self.forge(&wire, world);
        let node = from as u64;
        match wire {
            Wire::Statement(statement) => {
                if self.is_of_another(&statement, world) {
                    self.step(Input::Statement { statement }, world);
                }
            }
            Wire::Proposal(block, statement, justification) => {
                let header = block.header.clone();
                self.keep(block);
                if self.is_of_another(&statement, world) {
                    self.step(Input::Proposal { header, statement, justification }, world);
                }
            }
            Wire::Peer(bytes) => {
                let home = u16::try_from(from).unwrap_or(u16::MAX);
                let epoch = self.memory.as_ref().map_or(0, |memory| memory.place.epoch);
                let from = world.index_in(epoch, home);
                self.step(Input::Peer { from, node, bytes }, world);
            }
            Wire::GetBlock(id) => {
                if let Some(block) = self.block(&id) {
                    self.send(To::Node(node), &Wire::Block(block), world);
                }
            }
            Wire::Block(block) => {
                let header = block.header.clone();
                self.keep(block);
                self.step(Input::Header { header }, world);
            }
            Wire::Transactions(list) => self.admit(&list, world),
            Wire::GetRange(height) => self.answer_range(height, node, world),
            Wire::Range(blocks, proof, closing) => self.sync(&blocks, &proof, &closing, world),
        }
    }

    /// A forger hears everything and says what it likes to a random part of the others.
    pub(super) fn forge(&mut self, wire: &Wire, world: &mut World) {
        let (Some(forger), Some(index)) = (self.forger.as_mut(), self.role.index) else { return };
        let signatures = world.signatures;
        let prefix = world.prefix.clone();
        let sign = move |slots: Vec<plugin_api::Slot>, body: Vec<u8>| {
            let message = statement_message(&prefix, &slots, &body);
            let signature = signatures.sign(index, &message);
            Statement { signer: index, slots, body, signature }
        };
        let mut bench = Bench {
            chance: &mut world.chance,
            index,
            sign: &sign,
            send: Vec::new(),
            send_to: Vec::new(),
        };
        forger.hear(wire, &mut bench);
        let Bench { send, send_to, .. } = bench;
        for (nodes, wire) in send_to {
            for node in nodes.into_iter().filter(|node| *node != self.role.number) {
                world.send(self.role.number, node, 0, wire.clone());
            }
        }
        for wire in send {
            let often = world.chance.one_of(&[200, 500, 1000], 500);
            for node in 0..world.nodes {
                if node != self.role.number && world.chance.permille(often) {
                    world.send(self.role.number, node, 0, wire.clone());
                }
            }
        }
    }

    /// An equivocator's halves hear only their own audience.
    pub(super) fn hears(&self, from: usize, world: &World) -> bool {
        match &self.role.villain {
            Some(Villain::Equivocator(two)) => two.tells(world.agenda.now(), self.role.twin, from),
            _ => true,
        }
    }

    pub(super) fn keep(&mut self, block: Rc<ModelBlock>) {
        if let Some(memory) = self.memory.as_mut() {
            memory.blocks.entry(block.header.id).or_insert(block);
        }
    }

    pub(super) fn answer_range(&mut self, above: u64, node: u64, world: &mut World) {
        let Some(memory) = self.memory.as_ref() else { return };
        let start = usize::try_from(above).unwrap_or(usize::MAX).saturating_add(1);
        let range = memory.ledger.get(start..).unwrap_or_default();
        let range = range.get(..range.len().min(BLOCKS_OF_RANGE)).unwrap_or_default();
        // A range never crosses the end of an epoch: who takes it knows one set.
        let sealing = range.iter().position(|entry| entry.block.header.is_sealing);
        let range = range.get(..sealing.map_or(range.len(), |at| at + 1)).unwrap_or_default();
        let Some(last) = range.iter().rposition(|entry| entry.proof.is_some()) else { return };
        let blocks: Vec<_> =
            range.iter().take(last + 1).map(|e| (Rc::clone(&e.block), e.pair)).collect();
        let Some(last) = range.get(last) else { return };
        let (proof, closing) = (last.proof.clone().unwrap_or_default(), last.closing.clone());
        self.send(To::Node(node), &Wire::Range(blocks, proof, closing), world);
    }

    /// Takes over final blocks whose last has a proof.
    pub(super) fn sync(
        &mut self,
        blocks: &[(Rc<ModelBlock>, Pair)],
        proof: &[u8],
        closing: &[Rc<ModelBlock>],
        world: &mut World,
    ) {
        let Some(memory) = self.memory.as_mut() else { return };
        if memory.syncing || memory.ended {
            return;
        }
        let height = memory.ledger.last().map_or(0, |entry| entry.block.header.height);
        let fresh: Vec<_> =
            blocks.iter().filter(|(block, _)| block.header.height > height).collect();
        let Some((top, pair)) = fresh.last() else { return };
        let verify = world.signatures.verifier();
        let entry = Entry {
            block: Rc::clone(top),
            pair: *pair,
            proof: Some(proof.to_vec()),
            closing: closing.to_vec(),
        };
        let claim = world.claim(memory.place.root.id, &entry, proof);
        let is_ours = fresh.iter().all(|(block, _)| block.header.epoch == memory.place.epoch);
        let proved = R::verify_final(&claim, verify);
        let linked = fresh.windows(2).all(|pair| match pair {
            [(_, below), (above, _)] => above.header.parent == *below,
            _ => false,
        });
        let tip = memory.ledger.last().map(|entry| entry.pair);
        let joined = fresh.first().map(|(block, _)| block.header.parent) == tip;
        if proved.is_err() || !linked || !joined || !is_ours || !epochs::are_linked(&entry) {
            return;
        }
        memory.syncing = true;
        let top = top.header.id;
        let entries = fresh.iter().map(|(block, pair)| Entry {
            block: Rc::clone(block),
            pair: *pair,
            proof: (block.header.id == top).then(|| proof.to_vec()),
            closing: if block.header.id == top { closing.to_vec() } else { Vec::new() },
        });
        let entries = entries.collect();
        self.append(entries, true, world);
    }

    pub(super) fn accuse(
        &self,
        signer: u16,
        first: &Statement,
        second: &Statement,
        world: &mut World,
    ) {
        if !self.is_honest() {
            return;
        }
        let epoch = self.memory.as_ref().map_or(0, |memory| memory.place.epoch);
        let home = world.home_of(epoch, signer).and_then(|home| u16::try_from(home).ok());
        *world.accused.entry(home.unwrap_or(u16::MAX)).or_default() += 1;
        let same = first.signer == signer && second.signer == signer && first != second;
        if !same {
            world.blame(self.role.number, "evidence that proves nothing");
        }
    }
}
