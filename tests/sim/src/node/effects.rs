//! Carries out what a pipeline asks for.
//!
//! In: effects, in order. Out: jobs, messages, timers, orders; what the checkers must see. Not here:
//! what becomes of jobs and orders (`durable`, `executor`).

use super::Node;
use super::executor::Order;
use crate::signer::Job;
use crate::world::{Event, World};
use host_core::effect::Effect;
use host_core::input::Timer;
use host_types::block::{Block, RootPair};
use host_types::message::PeerMessage;
use host_types::statement::Statement;
use host_types::{Decode, Encode};
use plugin_api_harness::clock::MS;

impl Node {
    pub(super) fn carry_out(&mut self, effect: Effect, world: &mut World) {
        let number = self.role.number;
        let Some(memory) = self.memory.as_mut() else { return };
        match effect {
            Effect::Sign { sequence, slots, body, needs } => {
                let needs_files = !needs.is_empty();
                memory.jobs.push(Job::Sign { sequence, slots, body, needs_files });
            }
            Effect::Persist { view, record } => memory.jobs.push(Job::Persist { view, record }),
            Effect::Send { to, message } => self.send(to, message, world),
            Effect::StorePayload { block } => self.store.append_payload(&block),
            Effect::Execute { block } => memory.executor.order(Order::Execute(Box::new(block))),
            Effect::Forget { block } => memory.executor.order(Order::Forget(block)),
            Effect::Commit { blocks } => {
                self.check_finals(&blocks, world);
                if let Some(memory) = self.memory.as_mut() {
                    memory.executor.order(Order::Commit(blocks));
                }
            }
            Effect::Fetch { from, block, request } => self.ask(from, block, request, world),
            Effect::SetTimer { timer, after_ms } => self.set_timer(timer, after_ms, world),
            Effect::CancelTimer { timer } => drop(memory.timers.remove(&timer)),
            Effect::Gossip { transactions } => {
                let raw = transactions.iter().map(|tx| tx.transaction().raw()).collect();
                self.send(host_core::effect::To::All, PeerMessage::Transactions(raw), world);
            }
            Effect::Refused { id, .. } => drop(memory.refused.insert(id)),
            Effect::Expired { .. } | Effect::Emit(_) => {}
            Effect::Penalise { node, reason } => self.penalised(node, &reason, world),
            Effect::Repair { block, agreed, own } => self.repair(block, agreed, own, world),
            // Without an answer halves are tried.
            Effect::Compare { .. } => {}
            Effect::Close { .. } => world.blame(number, "nobody rejoins in this simulation"),
            Effect::BeginEpoch { config, root } => self.begin_epoch(&config, &root, world),
            Effect::Evidence { signer, statements } => self.accuse(signer, &statements, world),
            Effect::Log { level, line } => self.log(level, &line, world),
        }
        world.note(number as u64);
    }

    fn set_timer(&mut self, timer: Timer, after_ms: u64, world: &mut World) {
        let late = world.up_to(world.plan.costs.timer_late_max);
        let (node, life) = (self.role.number, self.life);
        self.serial += 1;
        let serial = self.serial;
        let Some(memory) = self.memory.as_mut() else { return };
        memory.timers.insert(timer, serial);
        world.agenda.put(after_ms * MS + late, Event::Timer { node, life, timer, serial });
    }

    /// No honest node does what an honest node holds against it.
    fn penalised(&self, node: u64, reason: &str, world: &mut World) {
        let who = usize::try_from(node).unwrap_or(usize::MAX);
        if self.is_honest() && !world.plan.is_villain(who) {
            world.blame(self.role.number, &format!("penalises honest node {node}: {reason}"));
        }
    }

    fn repair(&mut self, block: Block, agreed: RootPair, own: Option<RootPair>, world: &mut World) {
        if own.is_some() && self.is_honest() && !self.role.odd {
            world.blame(self.role.number, "its own result differs from the agreed one");
        }
        if let Some(memory) = self.memory.as_mut() {
            memory.executor.order(Order::Adopt(Box::new(block), agreed));
        }
    }

    fn accuse(&self, signer: u16, statements: &[Vec<u8>; 2], world: &mut World) {
        if !self.is_honest() {
            return;
        }
        let read: Vec<Statement> =
            statements.iter().filter_map(|bytes| Statement::from_bytes(bytes).ok()).collect();
        let verdict = world.checks.evidence.judge(signer, &read, &world.plan, &world.channel);
        if let Err(why) = verdict {
            world.blame(self.role.number, &why);
        }
    }

    fn log(&self, level: u8, line: &str, world: &mut World) {
        if world.is_loud {
            let at = world.now() / 1000;
            world.checks.say(format!("{at} ms node {}: {line}", self.role.number));
        }
        // The rule complains of what its node does to it: another result, or no signature.
        let may_complain = self.role.odd || self.has_stopped || self.has_lost_store;
        if level == 1 && self.is_honest() && !may_complain {
            world.blame(self.role.number, line);
        }
    }

    /// Looks at every statement of its own that leaves an honest node.
    pub(super) fn check_leaving(&self, message: &PeerMessage, world: &mut World) {
        let statement = match message {
            PeerMessage::Statement(statement) => statement,
            PeerMessage::Proposal(proposal) => &proposal.statement,
            PeerMessage::Rule(_)
            | PeerMessage::Transactions(_)
            | PeerMessage::Handed(_)
            | PeerMessage::Bundle(_) => return,
        };
        if self.is_honest()
            && !self.role.index.is_some_and(|index| world.plan.may_forget(index))
            && self.seat().epoch >= statement.epoch
            && world.channel.seat_of(statement.epoch, statement.signer) == self.role.index
            && let Err(why) = world.checks.signed.leaves(statement)
        {
            world.blame(self.role.number, &why);
        }
        let first = statement.signature.first_chunk::<8>().copied().unwrap_or_default();
        world.note(u64::from_be_bytes(first));
    }

    /// Bytes of a message, for the trace.
    #[must_use]
    pub(super) fn size(message: &PeerMessage) -> u64 {
        match message {
            PeerMessage::Transactions(raw) => raw.len() as u64,
            PeerMessage::Rule(bytes) => bytes.len() as u64,
            PeerMessage::Statement(statement) | PeerMessage::Handed(statement) => {
                statement.to_bytes().len() as u64
            }
            PeerMessage::Bundle(statements) => statements.len() as u64,
            PeerMessage::Proposal(proposal) => proposal.tx_ids.len() as u64,
        }
    }
}
