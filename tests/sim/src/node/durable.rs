//! What becomes durable and when: flushes of the signer, batches of the database, and every place
//! between at which the power may go.
//!
//! In: jobs and batches. Out: answers as inputs, `final` to clients. Not here: the log (`signer`).

use super::Node;
use crate::neighbour::Neighbour;
use crate::planted::Bug;
use crate::signer::{Answer, Crash, Job, Seat};
use crate::world::{Event, Loss, World};
use host_core::effect::FinalBlock;
use host_core::input::Input;
use host_types::{Height, View};

/// Views between two floors of the sign log: few, so that runs meet them.
const FLOOR_VIEWS: u64 = 25;

impl Node {
    pub(super) fn start_flush(&mut self, world: &mut World) {
        let (node, life) = (self.role.number, self.life);
        let Some(memory) = self.memory.as_mut() else { return };
        if memory.signer.is_busy || !memory.signer.has_work() {
            return;
        }
        memory.signer.is_busy = true;
        let often = world.plan.neighbour_permille;
        if often > 0 && self.role.villain.is_none() && world.chance.permille(often) {
            let seat = Seat { epoch: Neighbour::EPOCH, number: 0 };
            let jobs = self.neighbour.asks(&mut world.chance);
            memory.signer.submit(Neighbour::channel(), seat, jobs);
        }
        let cost = world.up_to(world.plan.costs.flush_max);
        world.agenda.put(cost, Event::Flush { node, life });
    }

    fn draw_crash(&self, world: &mut World) -> Crash {
        let often = world.plan.die_permille;
        let fails = world.plan.disk_error_permille;
        if often + fails == 0 || world.is_healed() {
            return Crash::None;
        }
        if world.chance.permille(often) {
            let all =
                [Crash::Before, Crash::AfterFiles, Crash::InWrite, Crash::InSync, Crash::AfterSync];
            return world.chance.one_of(&all, Crash::Before);
        }
        if world.chance.permille(fails) { Crash::Error } else { Crash::None }
    }

    pub(super) fn flush(&mut self, world: &mut World) {
        let crash = self.draw_crash(world);
        let store = &mut self.store;
        let Some(memory) = self.memory.as_mut() else { return };
        memory.signer.is_busy = false;
        let early = world.plan.bug == Some(Bug::SendBeforeFsync) && crash != Crash::None;
        let before = if early { Crash::None } else { crash };
        let disk = early.then(|| memory.signer.disk_after_crash(0));
        let answers = memory.signer.flush(&world.channel, before, &mut || store.sync());
        for (of, answer) in answers.clone().unwrap_or_default() {
            if of == Neighbour::channel() {
                if let Err(why) = self.neighbour.heard(&answer) {
                    world.blame(self.role.number, &why);
                }
            } else {
                self.signed(answer, world);
            }
        }
        if answers.is_none() || early {
            self.die(world);
            if let Some(disk) = disk {
                self.disk = disk;
            }
        }
    }

    /// The power goes here and now; it comes back by itself.
    pub(super) fn die(&mut self, world: &mut World) {
        let (who, down) = (self.role.number, world.up_to(world.plan.down_max));
        self.fall(world, Loss::Nothing);
        world.agenda.put(down, Event::Rise { node: who });
    }

    fn signed(&mut self, answer: Answer, world: &mut World) {
        match answer {
            Answer::Signed(sequence, statement) => {
                self.input(Input::Signed { sequence, statement }, world);
            }
            Answer::Guarded(sequence, slot) => {
                let line =
                    format!("the rule wanted to write register {}/{} twice", slot.view, slot.class);
                // A rule without its store cannot know what is below the floor of its guard.
                if !self.has_lost_store {
                    world.blame(self.role.number, &line);
                }
                self.input(Input::SignRefused { sequence }, world);
            }
            Answer::Stopped(sequence) => {
                self.has_stopped = true;
                self.input(Input::SignRefused { sequence }, world);
            }
        }
    }

    pub(super) fn start_store(&mut self, world: &mut World) {
        let (node, life) = (self.role.number, self.life);
        let Some(memory) = self.memory.as_mut() else { return };
        if memory.storing || memory.to_store.is_empty() {
            return;
        }
        memory.storing = true;
        let top = memory.to_store.iter().flatten().last().map(|s| s.layer.block.header().height);
        let cost = world.up_to(world.plan.costs.flush_max * 2);
        world.agenda.put(cost, Event::Stored { node, life });
        if world.plan.bug == Some(Bug::AckBeforeFsync) {
            self.tell_clients(top.unwrap_or_default());
        }
    }

    /// Batches that are ready together share one sync.
    pub(super) fn stored(&mut self, world: &mut World) {
        let dies = !world.is_healed() && world.chance.permille(world.plan.die_permille);
        let is_written = !dies || world.chance.permille(500);
        let Some(memory) = self.memory.as_mut() else { return };
        memory.storing = false;
        let batch: Vec<_> = memory.to_store.drain(..).flatten().collect();
        if is_written {
            self.store.commit(batch.clone());
        }
        if dies {
            return self.die(world);
        }
        for stored in &batch {
            memory.executor.settle(stored.layer.block.id());
        }
        let height = self.store.height();
        self.tell_clients(height);
        self.check_stored(&batch, world);
        self.input(Input::Committed { height }, world);
        self.raise_floor();
    }

    fn tell_clients(&mut self, height: Height) {
        self.told = self.told.max(height);
    }

    fn raise_floor(&mut self) {
        let Some(memory) = self.memory.as_mut() else { return };
        let head = &memory.pipeline.head().header;
        // A view of the epoch before is none of this one.
        let is_of_now = head.epoch == memory.pipeline.epoch();
        let view = if is_of_now { head.view.get().saturating_sub(1) } else { 0 };
        if view >= memory.floor + FLOOR_VIEWS {
            memory.floor = view;
            memory.jobs.push(Job::Floor { view: View::new(view) });
        }
    }

    /// Every block that an honest node calls final.
    pub(super) fn check_finals(&self, blocks: &[FinalBlock], world: &mut World) {
        if !self.is_honest() {
            return;
        }
        for FinalBlock { block, pair, proof } in blocks {
            world.note(u64::from_be_bytes(
                block.id().as_bytes().first_chunk().copied().unwrap_or_default(),
            ));
            let verdict = world.checks.finals(
                self.role.number,
                (block, *pair),
                proof.as_ref(),
                &world.channel,
            );
            if let Err(why) = verdict {
                world.blame(self.role.number, &why);
            }
        }
    }

    fn check_stored(&self, batch: &[crate::store::Stored], world: &mut World) {
        if !self.is_honest() {
            return;
        }
        for stored in batch {
            if let Err(why) = world.checks.stored(self.role.number, stored) {
                world.blame(self.role.number, &why);
            }
        }
    }
}
