//! One whole node minus sockets and disk: the real pipeline with a real rule, the real guard and sign
//! log, and models of the files, the database and the SCORE.
//!
//! In: events of the world. Out: messages, answers, what is durable. It drives the pipeline as the
//! actor of `host/node/src/channel` does: effects in order, jobs of one turn handed to the signer
//! together. Not here: effects (`node/effects`), what others say and ask (`node/talk`), what becomes
//! durable (`node/durable`), execution (`node/executor`), the turn of an epoch (`node/epochs`).

mod durable;
mod effects;
mod epochs;
mod executor;
mod talk;

use crate::neighbour::Neighbour;
use crate::planted::Bug;
use crate::signer::{Job, Signer};
use crate::store::Store;
use crate::villain::Villain;
use crate::world::{Event, Loss, World};
use executor::Executor;
use host_core::clock::Now;
use host_core::effect::Effect;
use host_core::input::{Input, Timer};
use host_core::pipeline::{ChannelConfig, Pipeline};
use host_core::vote::rule::Rule;
use host_store::faulty::FaultyDisk;
use host_types::message::{FetchRequest, PeerMessage};
use host_types::{BlockTime, Epoch, Height, RawTx, TxId};
use plugin_api_harness::clock::Micros;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use talk::Ask;

/// What a node is.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its number in the run.
    pub number: usize,
    /// Its number among all that ever vote; none for a follower.
    pub index: Option<u16>,
    /// How it misbehaves.
    pub villain: Option<Villain>,
    /// It is the second half of a villain that runs twice.
    pub twin: bool,
    /// Some calls have another result here.
    pub odd: bool,
}

/// What a fall takes away.
struct Memory {
    pipeline: Pipeline,
    executor: Executor,
    signer: Signer,
    timers: BTreeMap<Timer, u64>,
    asks: BTreeMap<u64, Ask>,
    jobs: Vec<Job>,
    refused: BTreeSet<TxId>,
    storing: bool,
    to_store: VecDeque<Vec<crate::store::Stored>>,
    started: Micros,
    floor: u64,
    /// The rule of an epoch that begins in this turn, and this node's index in it.
    next_rule: Option<(Box<dyn Rule>, Option<u16>)>,
}

/// One node.
pub struct Node {
    /// What it is.
    pub role: Role,
    /// Files and database.
    pub store: Store,
    /// The sign log is gone.
    pub has_lost_log: bool,
    /// Its store is gone or an old one, and its log is not: it begins below what its guard has closed.
    pub has_lost_store: bool,
    /// Its signer signs nothing in this life.
    pub has_stopped: bool,
    /// Height up to which its clients heard `final`.
    pub told: Height,
    disk: FaultyDisk,
    /// A copy of the whole disk, from before.
    copy: Option<(FaultyDisk, Store)>,
    /// Another channel of its signer.
    neighbour: Neighbour,
    life: u64,
    serial: u64,
    memory: Option<Memory>,
    kept: VecDeque<Rc<PeerMessage>>,
    old: Vec<RawTx>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("role", &self.role).finish_non_exhaustive()
    }
}

impl Node {
    /// A node with nothing but the genesis.
    #[must_use]
    pub fn new(role: Role) -> Self {
        Self {
            role,
            store: Store::default(),
            has_lost_log: false,
            has_lost_store: false,
            has_stopped: false,
            told: Height::ZERO,
            disk: FaultyDisk::default(),
            copy: None,
            neighbour: Neighbour::default(),
            life: 0,
            serial: 0,
            memory: None,
            kept: VecDeque::new(),
            old: Vec::new(),
        }
    }

    /// Its word counts in the checks.
    #[must_use]
    pub const fn is_honest(&self) -> bool {
        self.role.villain.is_none()
    }

    /// It runs.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.memory.is_some()
    }

    /// Which life it is in.
    #[must_use]
    pub const fn life(&self) -> u64 {
        self.life
    }

    /// View, height and transactions waiting, for a line about a node that is stuck.
    #[must_use]
    pub fn status(&self) -> String {
        let Some(memory) = &self.memory else { return "down".to_owned() };
        let status = memory.pipeline.status();
        format!(
            "epoch {}, view {}, fails {}, final {}, stored {}, pool {}, syncing {}",
            status.rule.epoch,
            status.rule.view,
            status.rule.fails,
            status.height,
            self.store.height(),
            status.pool_txs,
            status.is_syncing
        )
    }

    /// The power goes.
    pub fn fall(&mut self, world: &mut World, loss: Loss) {
        let Some(memory) = self.memory.take() else { return };
        self.life += 1;
        self.disk = memory.signer.disk_after_crash(world.chance.draw());
        self.store.crash(&mut world.chance);
        self.neighbour.fell();
        match loss {
            Loss::Nothing => {}
            Loss::Log => {
                self.has_lost_log = true;
                self.disk = FaultyDisk::default();
                self.neighbour.forgets();
            }
            Loss::Store => {
                self.has_lost_store = true;
                self.store = Store::default();
                self.told = Height::ZERO;
                world.checks.chain.forget(self.role.number);
            }
            Loss::NewestBlocks => {
                self.has_lost_store = true;
                self.store.go_back(&mut world.chance);
                self.told = self.store.height();
                world.checks.chain.forget(self.role.number);
            }
            Loss::OldDisk { .. } => self.put_back(world),
        }
        if self.is_honest() && self.store.height() < self.told {
            let line =
                format!("clients heard of height {}, {} is left", self.told, self.store.height());
            world.blame(self.role.number, &line);
        }
        world.note(self.role.number as u64 ^ 0xFA11);
    }

    /// Somebody copies the disk, as a crash now would leave it.
    pub fn copy(&mut self, world: &mut World) {
        let seed = world.chance.draw();
        let disk = match &self.memory {
            Some(memory) => memory.signer.disk_after_crash(seed),
            None => self.disk.restart(seed),
        };
        let mut store = self.store.clone();
        store.crash(&mut world.chance);
        self.copy = Some((disk, store));
    }

    /// The copy is put back; without one the disk is empty.
    fn put_back(&mut self, world: &mut World) {
        self.has_lost_store = true;
        self.neighbour.forgets();
        (self.disk, self.store) = self.copy.take().unwrap_or_default();
        self.told = self.store.height();
        world.checks.chain.forget(self.role.number);
    }

    /// It starts.
    pub fn rise(&mut self, world: &mut World) {
        if self.memory.is_some() {
            return;
        }
        self.life += 1;
        world.note(self.role.number as u64 ^ 0x0815);
        if self.is_honest()
            && let Err(why) = world.checks.chain.catch_up(self.role.number, &self.store.ledger)
        {
            world.blame(self.role.number, &why);
        }
        self.has_stopped = self.has_lost_log;
        match self.start(world) {
            Ok(memory) => {
                self.memory = Some(memory);
                self.plant(world);
                self.input(Input::Start, world);
                self.remember_wrongly(world);
                self.end_turn(world);
            }
            Err(why) => world.blame(self.role.number, &why),
        }
    }

    fn start(&mut self, world: &mut World) -> Result<Memory, String> {
        let bug = world.plan.bug;
        if bug == Some(Bug::ForgetSignLog) && self.life > 1 {
            self.disk = FaultyDisk::default();
        }
        let has_guard = self.is_honest();
        let (signer, log) =
            Signer::open(self.disk.clone(), &world.channel, (self.has_lost_log, has_guard))?;
        let state = self.store.state();
        let epoch = Epoch::new(state.epoch);
        let (rule, me) = self.rule(epoch, &log, world)?;
        let head = self.head(world);
        let genesis = Arc::clone(&world.channel.genesis);
        let config = ChannelConfig { genesis, epoch, me };
        let recent = self.recent(bug, head.header.time);
        let next = state.next(&world.channel);
        let executor = Executor::new(head.pair.block, state);
        let plan = world.channel.epochs.get(epoch).ok_or("an epoch that nobody planned")?;
        let mut pipeline =
            Pipeline::new(config, rule, head, recent).in_epoch(Arc::clone(&plan.config), next);
        for block in self.store.unfinished() {
            pipeline.restore(block);
        }
        Ok(Memory {
            pipeline,
            executor,
            signer,
            timers: BTreeMap::new(),
            asks: BTreeMap::new(),
            jobs: Vec::new(),
            refused: BTreeSet::new(),
            storing: false,
            to_store: VecDeque::new(),
            started: world.now(),
            floor: 0,
            next_rule: None,
        })
    }

    /// Final transactions that could still come again.
    fn recent(&self, bug: Option<Bug>, now: BlockTime) -> Vec<(TxId, BlockTime)> {
        let forgets = matches!(self.role.villain, Some(Villain::Forgetful(_)));
        if forgets || bug == Some(Bug::ReplayAfterRestart) {
            return Vec::new();
        }
        let blocks = self.store.ledger.iter().map(|stored| &stored.layer.block);
        let all = blocks.flat_map(|block| block.transactions().iter());
        all.map(|tx| (tx.id(), tx.transaction().expiry)).filter(|(_, at)| *at >= now).collect()
    }

    #[cfg(feature = "planted-bugs")]
    fn plant(&mut self, world: &World) {
        use host_core::planted::Bug as CoreBug;
        let bug = match world.plan.bug {
            Some(Bug::SkipParentCheck) => CoreBug::SkipParentCheck,
            Some(Bug::AcceptDuplicate) => CoreBug::AcceptDuplicate,
            Some(Bug::NoResultCompare) => CoreBug::NoResultCompare,
            _ => return,
        };
        if let Some(memory) = self.memory.as_mut() {
            memory.pipeline.plant(bug);
        }
    }

    #[cfg(not(feature = "planted-bugs"))]
    const fn plant(&mut self, _: &World) {}

    /// A forgetful villain takes old transactions back, and plans its next start.
    fn remember_wrongly(&mut self, world: &mut World) {
        let Some(Villain::Forgetful(forgetful)) = self.role.villain else { return };
        for stored in self.store.ledger.iter().rev().take(forgetful.old) {
            self.old.extend(stored.layer.block.transactions().iter().map(|tx| tx.raw()));
        }
        let old = std::mem::take(&mut self.old);
        self.admit(&old, true, world);
        let fall = Event::Fall { who: Some(self.role.number), down: 1_000, loss: Loss::Nothing };
        if !world.is_healed() {
            world.agenda.put(forgetful.every, fall);
        }
    }

    /// Hands an input to the pipeline and carries out what it asks for.
    fn input(&mut self, input: Input, world: &mut World) {
        let number = self.role.number;
        let wall = world.wall(number);
        let Some(memory) = self.memory.as_mut() else { return };
        let now = Now { tick_ms: (world.now() - memory.started) / 1_000, wall };
        let mut effects: Vec<Effect> = Vec::new();
        memory.pipeline.handle(now, input, &mut effects);
        loop {
            for effect in std::mem::take(&mut effects) {
                self.carry_out(effect, world);
            }
            let Some(memory) = self.memory.as_mut() else { return };
            let Some(next) = memory.next_rule.take() else { break };
            memory.pipeline.begin_epoch(now, next, &mut effects);
        }
        if let Some(memory) = &self.memory {
            world.checks.bounds(number, &memory.pipeline.sizes());
        }
    }

    /// Statements that one turn asked for share one sync.
    fn end_turn(&mut self, world: &mut World) {
        let seat = self.seat();
        let Some(memory) = self.memory.as_mut() else { return };
        let jobs = std::mem::take(&mut memory.jobs);
        memory.signer.submit(world.channel.hash, seat, jobs);
        self.start_flush(world);
        self.start_work(world);
        self.start_store(world);
    }

    /// Takes one event.
    pub fn handle(&mut self, event: Event, world: &mut World) {
        match event {
            Event::Deliver { from, message, .. } => self.receive(from, &message, world),
            Event::Asked { from, life, ask, attempt, request, .. } => {
                self.answer((from, life), (ask, attempt), &request, world);
            }
            Event::Answered { ask, attempt, reply, .. } => {
                self.answered(ask, attempt, reply.as_deref(), world);
            }
            Event::Timer { timer, serial, .. } => self.timer(timer, serial, world),
            Event::Flush { .. } => self.flush(world),
            Event::Work { .. } => self.work(world),
            Event::Stored { .. } => self.stored(world),
            Event::Meets { other, .. } => {
                self.ask(Some(other as u64), None, FetchRequest::Head, world);
            }
            Event::Client { .. }
            | Event::Turn
            | Event::Copy { .. }
            | Event::Again { .. }
            | Event::Fall { .. }
            | Event::Rise { .. } => {}
        }
        self.end_turn(world);
    }

    /// A client sends an envelope here; whether the node took it.
    pub fn client(&mut self, raw: &RawTx, world: &mut World) -> bool {
        let taken = self.admit(std::slice::from_ref(raw), true, world);
        self.end_turn(world);
        taken
    }

    fn timer(&mut self, timer: Timer, serial: u64, world: &mut World) {
        let Some(memory) = self.memory.as_mut() else { return };
        if memory.timers.get(&timer) == Some(&serial) {
            memory.timers.remove(&timer);
            self.input(Input::Timer(timer), world);
        }
    }
}
