//! What a node says and hears: messages, questions, answers, villains at work.
//!
//! In: messages of others. Out: inputs of the pipeline, messages. Signatures of statements are checked
//! here, before the pipeline sees them. Not here: what is said (`host/core`, the rule).

use super::Node;
use crate::villain::Villain;
use crate::world::{Event, World};
use host_core::effect::To;
use host_core::ingest::AdmittedTx;
use host_core::input::Input;
use host_types::limits::{BLOCKS_AHEAD_MAX, FETCH_BLOCKS_MAX};
use host_types::message::{BlockRange, FetchReply, FetchRequest, PeerMessage};
use host_types::proof::FinalProof;
use host_types::{BlockId, Height, RawTx, SignedTransaction};
use plugin_api_harness::clock::{Micros, SECOND};
use plugin_api_harness::villain::Villain as Speaker;
use plugin_api_harness::villain::replayer::KEPT_MAX;
use std::rc::Rc;

/// How long a node waits for an answer before it asks the next one.
const ANSWER_WITHIN: Micros = SECOND;
/// Questions under way, at most: the pipeline asks again, and the oldest is given up.
const ASKS_MAX: usize = 256;

/// A question under way: whom to ask next, the last first.
#[derive(Debug)]
pub(super) struct Ask {
    request: Rc<FetchRequest>,
    block: Option<BlockId>,
    order: Vec<usize>,
    asked: Option<usize>,
    attempt: usize,
}

impl Node {
    pub(super) fn send(&mut self, to: To, message: PeerMessage, world: &mut World) {
        self.check_leaving(&message, world);
        let message = Rc::new(world.through_bytes(message));
        let validators = world.plan.weights.len();
        let epoch = self.seat().epoch;
        for node in 0..world.nodes {
            let chosen = match to {
                To::All => true,
                // A twin stands behind the validators and has the index of the last villain.
                To::Validator(index) => {
                    let seat = world.channel.seat_of(epoch, index).map(usize::from);
                    Some(node) == seat || node >= validators
                }
                To::Node(number) => node as u64 == number,
            };
            if node == self.role.number || !chosen {
                continue;
            }
            self.send_to(node, &message, world);
        }
        self.replay(world);
    }

    fn send_to(&self, node: usize, message: &Rc<PeerMessage>, world: &mut World) {
        let me = self.role.number;
        let Some(villain) = &self.role.villain else { return world.send(me, node, 0, message) };
        let now = world.now();
        if let Some(after) = villain.sends(&mut world.chance, now, self.role.twin, node)
            && let Some(said) = villain.distorts(&mut world.chance, message)
        {
            world.send(me, node, after, &Rc::new(said));
        }
    }

    fn replay(&self, world: &mut World) {
        let Some(Villain::Speaker(Speaker::Replayer(replayer))) = &self.role.villain else {
            return;
        };
        for _ in 0..replayer.how_many(&mut world.chance) {
            let pick = usize::try_from(world.chance.below(self.kept.len() as u64)).unwrap_or(0);
            let to = usize::try_from(world.chance.below(world.nodes as u64)).unwrap_or(0);
            let after = replayer.delay(&mut world.chance);
            if let Some(message) = self.kept.get(pick)
                && to != self.role.number
            {
                world.send(self.role.number, to, after, message);
            }
        }
    }

    fn hears(&self, from: usize, world: &World) -> bool {
        let villain = self.role.villain.as_ref();
        villain.is_none_or(|villain| villain.hears(world.now(), self.role.twin, from))
    }

    pub(super) fn receive(&mut self, from: usize, message: &Rc<PeerMessage>, world: &mut World) {
        if self.memory.is_none() || !self.hears(from, world) {
            return;
        }
        if matches!(self.role.villain, Some(Villain::Speaker(Speaker::Replayer(_)))) {
            self.kept.push_back(Rc::clone(message));
            if self.kept.len() > KEPT_MAX {
                self.kept.pop_front();
            }
        }
        world.note((from as u64) << 32 ^ Self::size(message));
        match &**message {
            PeerMessage::Transactions(raw) => {
                self.admit(raw, false, world);
            }
            PeerMessage::Statement(statement) => {
                if self.is_signed(from, statement, world) {
                    self.input(Input::Statement { statement: statement.clone() }, world);
                }
            }
            // Relays are the node's; here everybody speaks for itself, but for who garbles messages.
            PeerMessage::Handed(_) | PeerMessage::Bundle(_) => {
                if !world.plan.is_villain(from) {
                    world.blame(from, "spoke through a relay, and there is none");
                }
            }
            PeerMessage::Proposal(proposal) => {
                if self.is_signed(from, &proposal.statement, world) {
                    let input = Input::Proposal { from: from as u64, proposal: proposal.clone() };
                    self.input(input, world);
                }
            }
            PeerMessage::Rule(bytes) => {
                let known = u16::try_from(from).ok().filter(|_| from < world.plan.weights.len());
                let plan = world.channel.epochs.get(self.seat().epoch);
                let validator = known.and_then(|seat| plan?.index_of(seat));
                let input = Input::Helper { from: from as u64, validator, bytes: bytes.clone() };
                self.input(input, world);
            }
        }
    }

    /// The host checks every statement; no honest node passes on one that does not verify.
    fn is_signed(
        &self,
        from: usize,
        statement: &host_types::statement::Statement,
        world: &mut World,
    ) -> bool {
        let is_good = world.channel.verifies(statement);
        if !is_good && self.is_honest() && !world.plan.is_villain(from) {
            world.blame(from, "sent a statement whose signature is wrong");
        }
        is_good
    }

    /// Checks envelopes and hands over those that pass; whether all were taken.
    pub(super) fn admit(&mut self, raw: &[RawTx], is_local: bool, world: &mut World) -> bool {
        if self.memory.is_none() {
            return false;
        }
        let transactions = self.admitted(raw, world);
        let all = transactions.len() == raw.len();
        let ids: Vec<_> = transactions.iter().map(AdmittedTx::id).collect();
        if !transactions.is_empty() {
            self.input(Input::Admitted { transactions, is_local }, world);
        }
        let Some(memory) = self.memory.as_mut() else { return false };
        let refused = std::mem::take(&mut memory.refused);
        all && ids.iter().all(|id| !refused.contains(id))
    }

    fn admitted(&self, raw: &[RawTx], world: &mut World) -> Vec<AdmittedTx> {
        let wall = world.wall(self.role.number);
        let head = self.store.ledger.last().map(|s| s.layer.block.header().time);
        let time = head.unwrap_or_else(|| world.channel.genesis.created);
        raw.iter().filter_map(|one| world.channel.admit(one, time, wall).ok()).collect()
    }

    pub(super) fn ask(
        &mut self,
        from: Option<u64>,
        block: Option<BlockId>,
        request: FetchRequest,
        world: &mut World,
    ) {
        let me = self.role.number;
        let mut order: Vec<usize> = (0..world.nodes).filter(|node| *node != me).collect();
        let turn = usize::try_from(world.chance.below(order.len().max(1) as u64)).unwrap_or(0);
        order.rotate_left(turn);
        order.sort_by_key(|node| Some(*node as u64) == from);
        self.serial += 1;
        let ask = Ask { request: Rc::new(request), block, order, asked: None, attempt: 0 };
        let Some(memory) = self.memory.as_mut() else { return };
        memory.asks.insert(self.serial, ask);
        if memory.asks.len() > ASKS_MAX {
            memory.asks.pop_first();
        }
        self.ask_next(self.serial, world);
    }

    fn ask_next(&mut self, ask: u64, world: &mut World) {
        let (node, life) = (self.role.number, self.life);
        let Some(memory) = self.memory.as_mut() else { return };
        let Some(entry) = memory.asks.get_mut(&ask) else { return };
        entry.attempt += 1;
        entry.asked = entry.order.pop();
        let (attempt, request) = (entry.attempt, Rc::clone(&entry.request));
        let Some(to) = entry.asked else {
            memory.asks.remove(&ask);
            if matches!(*request, FetchRequest::Blocks { .. }) {
                self.input(Input::FetchedBlocks { from: 0, range: None }, world);
            }
            return;
        };
        if let Some(after) = world.travel(node, to) {
            let request = Rc::clone(&request);
            world.agenda.put(after, Event::Asked { from: node, life, to, ask, attempt, request });
        }
        let late = Event::Answered { node, life, ask, attempt, reply: None };
        world.agenda.put(ANSWER_WITHIN, late);
    }

    /// Answers one question of another node.
    pub(super) fn answer(
        &mut self,
        (from, life): (usize, u64),
        (ask, attempt): (u64, usize),
        request: &FetchRequest,
        world: &mut World,
    ) {
        let Some(reply) = self.reply(request) else { return };
        let reply = match &self.role.villain {
            Some(Villain::SyncLiar(liar)) => liar.answer(&mut world.chance, reply),
            Some(villain) => {
                let now = world.now();
                let says = villain.sends(&mut world.chance, now, self.role.twin, from);
                says.map(|_| reply)
            }
            None => Some(reply),
        };
        let (Some(reply), Some(after)) = (reply, world.travel(self.role.number, from)) else {
            return;
        };
        let reply = Some(Rc::new(reply));
        world.agenda.put(after, Event::Answered { node: from, life, ask, attempt, reply });
    }

    pub(super) fn answered(
        &mut self,
        ask: u64,
        attempt: usize,
        reply: Option<&FetchReply>,
        world: &mut World,
    ) {
        let Some(memory) = self.memory.as_mut() else { return };
        // An answer to an attempt that was given up is dropped, as that of a call that is over.
        let Some(entry) = memory.asks.get(&ask).filter(|e| e.attempt == attempt) else { return };
        let Some(reply) = reply.filter(|reply| is_of_use(&entry.request, reply)) else {
            return self.ask_next(ask, world);
        };
        let (block, from) = (entry.block, entry.asked.unwrap_or(0) as u64);
        memory.asks.remove(&ask);
        let input = match (reply, block) {
            (FetchReply::Blocks(range), _) => Input::FetchedBlocks { from, range: range.clone() },
            (FetchReply::Head(height), _) => Input::PeerHead { height: *height },
            (FetchReply::Proposal(found), Some(block)) => {
                Input::FetchedProposal { block, found: found.clone() }
            }
            (FetchReply::Bodies(raw), Some(block)) => {
                let bodies = raw.iter().filter_map(|one| world.channel.admit_body(one).ok());
                let transactions = bodies.collect();
                Input::FetchedBodies { block, transactions }
            }
            _ => return,
        };
        self.input(input, world);
    }

    fn reply(&self, request: &FetchRequest) -> Option<FetchReply> {
        let memory = self.memory.as_ref()?;
        Some(match request {
            FetchRequest::Bodies(ids) => {
                let mut found: Vec<RawTx> =
                    memory.pipeline.bodies(ids).iter().map(|tx| tx.raw()).collect();
                if found.len() < ids.len() {
                    let stored = self.store.ledger.iter().rev().map(|stored| &stored.layer.block);
                    let all = stored.flat_map(|block| block.transactions().iter());
                    found.extend(all.filter(|tx| ids.contains(&tx.id())).map(|tx| tx.raw()));
                }
                FetchReply::Bodies(found)
            }
            FetchRequest::Proposal(block) => {
                let waiting = memory.pipeline.proposal(block).map(|(h, ids)| (h, ids.to_vec()));
                let found = waiting.or_else(|| {
                    let stored = self.store.ledger.iter().rev();
                    let layer =
                        stored.map(|s| &s.layer).find(|layer| layer.block.id() == *block)?;
                    let ids = layer.block.transactions().iter().map(|tx| tx.id()).collect();
                    Some((layer.block.header().clone(), ids))
                });
                FetchReply::Proposal(found.map(|(header, ids)| (Box::new(header), ids)))
            }
            FetchRequest::Blocks { from, max } => {
                FetchReply::Blocks(self.range(*from, *max).map(Box::new))
            }
            FetchRequest::Artefact { .. } => FetchReply::Artefact(None),
            FetchRequest::Digests(_) => FetchReply::Digests(None),
            FetchRequest::Outcome { .. } => FetchReply::Outcome(None),
            FetchRequest::Newest { .. } => FetchReply::Newest(None),
            FetchRequest::Head => FetchReply::Head(self.store.height()),
        })
    }

    /// Consecutive blocks that end in one with a proof of its own, as `host/node` answers.
    fn range(&self, from: Height, max: u32) -> Option<BlockRange> {
        let max = usize::try_from(max).unwrap_or(usize::MAX).min(FETCH_BLOCKS_MAX);
        let (mut blocks, mut last, mut height) = (Vec::new(), None, from);
        while blocks.len() < max {
            let Some(stored) = self.store.at(height) else { break };
            let block = &stored.layer.block;
            let raw = block.transactions().iter().map(|tx| tx.raw()).collect();
            blocks.push((block.header().clone(), raw));
            if let Some(proof) = &stored.proof {
                last = Some((blocks.len(), stored.pair.roots, proof.clone()));
            }
            if block.header().next_validators.is_some() {
                // Who takes a range knows the set of one epoch.
                break;
            }
            height = height.next();
        }
        if let Some((count, roots, proof)) = last {
            blocks.truncate(count);
            return Some(BlockRange { blocks, roots, proof });
        }
        let (header, _) = blocks.last()?;
        let proof = self.proof_of(header.height)?;
        let roots = self.store.at(header.height)?.pair.roots;
        Some(BlockRange { blocks, roots, proof })
    }

    fn proof_of(&self, height: Height) -> Option<FinalProof> {
        let (mut at, mut descendants) = (height, Vec::new());
        loop {
            let stored = self.store.at(at)?;
            if let Some(proof) = &stored.proof {
                descendants.extend(proof.descendants.iter().cloned());
                return Some(FinalProof { descendants, ..proof.clone() });
            }
            at = at.next();
            if descendants.len() >= BLOCKS_AHEAD_MAX {
                return None;
            }
            descendants.push(self.store.at(at)?.layer.block.header().clone());
        }
    }
}

/// As `host/node` judges an answer.
fn is_of_use(request: &FetchRequest, reply: &FetchReply) -> bool {
    match (request, reply) {
        (FetchRequest::Bodies(ids), FetchReply::Bodies(raw)) => raw.iter().any(|raw| {
            SignedTransaction::decode(raw).is_ok_and(|transaction| ids.contains(&transaction.id()))
        }),
        (FetchRequest::Proposal(block), FetchReply::Proposal(Some((header, _)))) => {
            header.id() == *block
        }
        (FetchRequest::Blocks { .. }, FetchReply::Blocks(Some(_)))
        | (FetchRequest::Head, FetchReply::Head(_)) => true,
        _ => false,
    }
}
