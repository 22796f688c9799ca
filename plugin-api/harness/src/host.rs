//! A model host: one node that carries out what its rule wishes, with a disk that survives falls.
//!
//! In: events of the world. Out: inputs for the rule, messages, durable batches. It keeps the
//! promises of `plugin-api`: guard before signature, durable before sent, outputs in order,
//! `Final` only along one chain. Not here: the rule, the network, the faults.

mod amnesia;
mod disk;
mod execute;
mod talk;

use crate::{
    chain::{self, ModelBlock},
    epochs::{HostBug, Place},
    villain::{Villain, forger::Forger},
    world::{BuildWish, Entry, Event, Wire, World},
};
use plugin_api::{ConsensusRule, Hash, InitCfg, Input, LogRecord, Output, Pair, To};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
};

/// Final blocks in one answer to a sync request.
const BLOCKS_OF_RANGE: usize = 50;
/// Pause between two offers of the pool to the others, microseconds.
const GOSSIP_EVERY: u64 = 400_000;

/// What survives a fall.
#[derive(Debug, Default)]
pub struct Disk {
    /// Records and own statements, in order.
    pub log: Vec<LogRecord>,
    /// The signing guard.
    pub registers: BTreeMap<(u64, u64, u8), Hash>,
    /// Payloads, with results where this node executed them.
    pub blocks: BTreeMap<Hash, (Rc<ModelBlock>, Option<Pair>)>,
    /// Final blocks from genesis.
    pub ledger: Vec<Entry>,
    /// How often the log was lost.
    pub forgot: u64,
    /// Since then, by epoch: views up to this one are closed.
    pub closed: BTreeMap<u64, u64>,
}

/// What a fall takes away.
#[derive(Debug)]
struct Memory<R> {
    rule: R,
    blocks: BTreeMap<Hash, Rc<ModelBlock>>,
    results: BTreeMap<Hash, Pair>,
    ledger: Vec<Entry>,
    included: BTreeSet<u64>,
    pool: BTreeSet<u64>,
    registers: BTreeMap<(u64, u64, u8), Hash>,
    /// It came back without its log.
    forgot: bool,
    closed: BTreeMap<u64, u64>,
    records: Vec<LogRecord>,
    timers: BTreeMap<u64, u64>,
    told_work: bool,
    gossiping: bool,
    disk_free_at: u64,
    syncing: bool,
    place: Place,
    /// The sealing block of the epoch is final; the next epoch begins once that is durable.
    ended: bool,
}

/// What a node is.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its number in the run.
    pub number: usize,
    /// Its index in the validator set; none for a follower.
    pub index: Option<u16>,
    /// How it misbehaves.
    pub villain: Option<Villain>,
    /// It is the second half of an equivocator.
    pub twin: bool,
    /// Its guard refuses what it should.
    pub guarded: bool,
    /// Log records of the head's own view are dropped, too.
    pub prunes_head_view: bool,
}

/// One node.
#[derive(Debug)]
pub struct Host<R> {
    /// What it is.
    pub role: Role,
    /// What survives.
    pub disk: Disk,
    parameters: Vec<(String, String)>,
    life: u64,
    memory: Option<Memory<R>>,
    kept: VecDeque<Wire>,
    serial: u64,
    /// What it makes up, when it is that kind of villain.
    pub forger: Option<Box<dyn Forger>>,
}

impl<R: ConsensusRule> Host<R> {
    /// A node with an empty disk but for genesis.
    #[must_use]
    pub fn new(role: Role, parameters: Vec<(String, String)>) -> Self {
        let entry = Entry {
            block: Rc::new(chain::genesis()),
            pair: chain::genesis_pair(),
            proof: Some(Vec::new()),
            closing: Vec::new(),
        };
        let disk = Disk { ledger: vec![entry], ..Disk::default() };
        Self {
            role,
            disk,
            parameters,
            life: 0,
            memory: None,
            kept: VecDeque::new(),
            serial: 0,
            forger: None,
        }
    }

    /// Honest and a validator or follower: its word counts in the checks.
    #[must_use]
    pub fn is_honest(&self) -> bool {
        self.role.villain.is_none()
    }

    /// It runs.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.memory.is_some()
    }

    /// Height of its last final block, on disk or about to be.
    #[must_use]
    pub fn height(&self) -> u64 {
        let memory = self.memory.as_ref().map(|memory| &memory.ledger);
        memory.unwrap_or(&self.disk.ledger).last().map_or(0, |entry| entry.block.header.height)
    }

    /// Transactions in its final blocks.
    #[must_use]
    pub fn included(&self) -> BTreeSet<u64> {
        match &self.memory {
            Some(memory) => memory.included.clone(),
            None => transactions(&self.disk.ledger),
        }
    }

    /// What waits in its pool.
    #[must_use]
    pub fn pool(&self) -> BTreeSet<u64> {
        self.memory.as_ref().map(|memory| memory.pool.clone()).unwrap_or_default()
    }

    /// What its rule says about itself.
    #[must_use]
    pub fn inspect(&self) -> Option<plugin_api::Inspect> {
        self.memory.as_ref().map(|memory| memory.rule.inspect())
    }

    /// It falls: everything but the disk is gone.
    pub fn fall(&mut self) {
        self.life += 1;
        self.memory = None;
    }

    /// It starts, or starts again.
    pub fn rise(&mut self, world: &mut World) {
        if self.memory.is_some() {
            return;
        }
        self.life += 1;
        let place = world.place(&self.disk.ledger, self.role.index);
        let (Some(place), Some((rule, outputs))) = (place, self.instance(world)) else { return };
        let disk = &self.disk;
        let blocks = disk.blocks.iter().map(|(id, (block, _))| (*id, Rc::clone(block)));
        let forgets = world.host_bug == Some(HostBug::ExecutesAgain);
        let results = disk.blocks.iter().filter_map(|(id, (_, pair))| pair.map(|p| (*id, p)));
        let results = results.filter(|_| !forgets);
        self.memory = Some(Memory {
            rule,
            blocks: blocks.collect(),
            results: results.collect(),
            ledger: disk.ledger.clone(),
            included: transactions(&disk.ledger),
            pool: BTreeSet::new(),
            registers: disk.registers.clone(),
            forgot: disk.forgot > 0,
            closed: disk.closed.clone(),
            records: Vec::new(),
            timers: BTreeMap::new(),
            told_work: false,
            gossiping: false,
            disk_free_at: 0,
            syncing: false,
            place,
            ended: false,
        });
        self.carry_out(outputs, world);
        self.step(Input::Start, world);
    }

    /// An instance of the rule where the disk stands.
    pub(crate) fn instance(&self, world: &mut World) -> Option<(R, Vec<Output>)> {
        let tip = self.disk.ledger.last()?;
        let place = world.place(&self.disk.ledger, self.role.index)?;
        let is_root = tip.block.header.is_sealing;
        let (head, head_pair) = match is_root {
            true => (place.root.clone(), place.root_pair),
            false => (tip.block.header.clone(), tip.pair),
        };
        let cfg = InitCfg {
            statement_prefix: place.prefix,
            epoch: place.epoch,
            root: place.root,
            root_pair: place.root_pair,
            head,
            head_pair,
            head_proof: tip.proof.clone().filter(|_| !is_root).unwrap_or_default(),
            validators: place.validators,
            me: place.me,
            parameters: self.parameters.clone(),
            excluded: if place.epoch == 0 { world.excluded.clone() } else { Vec::new() },
            rejoin: self.disk.nonce(place.epoch, self.role.number, self.life),
        };
        match R::init(cfg, &self.disk.log, world.signatures.verifier()) {
            Ok(made) => Some(made),
            Err(error) => {
                world.blame(self.role.number, &error.message);
                None
            }
        }
    }

    /// What was under way belongs to an instance that is gone.
    pub(crate) fn renew_life(&mut self) {
        self.life += 1;
    }

    /// The next instance takes over; the ledger and the pool stay.
    pub(crate) fn take_instance(&mut self, rule: R, place: Place) {
        let Some(memory) = self.memory.as_mut() else { return };
        memory.rule = rule;
        memory.place = place;
        memory.ended = false;
        memory.syncing = false;
        memory.told_work = false;
        memory.gossiping = false;
        memory.records.clear();
        memory.timers.clear();
    }

    /// Steps the rule and carries out what it wishes.
    pub(crate) fn step(&mut self, input: Input, world: &mut World) {
        let Some(memory) = self.memory.as_mut() else { return };
        let mut outputs = Vec::new();
        let now_ms = world.agenda.now() / 1000;
        world.note(self.role.number as u64 ^ now_ms << 8);
        // A refused input came from a villain or is stale; the checks see everything else.
        let accepted = memory.rule.step(now_ms, input, &mut outputs).is_ok();
        world.note(outputs.len() as u64 + u64::from(accepted));
        self.carry_out(outputs, world);
    }

    pub(crate) fn carry_out(&mut self, outputs: Vec<Output>, world: &mut World) {
        for output in outputs {
            self.wish(output, world);
        }
        self.tell_work(world);
    }

    fn wish(&mut self, output: Output, world: &mut World) {
        let number = self.role.number;
        let life = self.life;
        match output {
            Output::Sign { sequence, slots, body, then, needs } => {
                self.sign(disk::Wanted { sequence, slots, body, then, needs }, world);
            }
            Output::Send { to, bytes } => self.send(to, &Wire::Peer(bytes), world),
            Output::SendStatement { to, statement } => {
                self.send(to, &Wire::Statement(statement), world);
            }
            Output::SendProposal { to, block, statement, justification } => {
                if let Some(block) = self.block(&block) {
                    self.send(to, &Wire::Proposal(block, statement, justification), world);
                }
            }
            Output::SetTimer { token, after_ms } => self.set_timer(token, after_ms, world),
            Output::CancelTimer { token } => {
                if let Some(memory) = self.memory.as_mut() {
                    memory.timers.remove(&token);
                }
            }
            Output::Persist { view, record } => {
                if let Some(memory) = self.memory.as_mut() {
                    memory.records.push(LogRecord::Rule { view, record });
                }
            }
            Output::Build { request, view, kind, parent, parent_view, allow_empty, carried } => {
                let wish =
                    BuildWish { request, view, kind, parent, parent_view, allow_empty, carried };
                let after = world.up_to(world.costs.build_max);
                world.agenda.put(after, Event::Built { node: number, life, wish });
            }
            Output::Validate { block } => {
                let after = world.up_to(world.costs.execute_max);
                world.agenda.put(after, Event::Executed { node: number, life, block });
            }
            Output::FetchBlock { block } => self.fetch(block, world),
            Output::Final { blocks, proof } => {
                let pairs: Vec<Pair> = blocks.iter().map(|block| block.pair).collect();
                self.finish(&pairs, proof, world);
            }
            Output::Evidence { signer, first, second } => {
                self.accuse(signer, &first, &second, world);
            }
            Output::Behind { node, height } => {
                if height > self.height() {
                    let wire = Wire::GetRange(self.height());
                    self.send(To::Node(node), &wire, world);
                }
            }
            Output::Candidate { .. }
            | Output::Trace { .. }
            | Output::Entered { .. }
            | Output::Suspect { .. } => {}
            Output::Closed { view } => self.close(view, world),
        }
    }

    fn block(&self, id: &Hash) -> Option<Rc<ModelBlock>> {
        let memory = self.memory.as_ref()?;
        memory.blocks.get(id).cloned().or_else(|| {
            let entry = memory.ledger.iter().rev().find(|entry| entry.pair.block == *id)?;
            Some(Rc::clone(&entry.block))
        })
    }

    fn set_timer(&mut self, token: u64, after_ms: u64, world: &mut World) {
        self.serial += 1;
        let serial = self.serial;
        let late = world.up_to(world.costs.timer_late_max);
        let (node, life) = (self.role.number, self.life);
        if let Some(memory) = self.memory.as_mut() {
            memory.timers.insert(token, serial);
            world.agenda.put(after_ms * 1000 + late, Event::Timer { node, life, token, serial });
        }
    }

    /// Tells the rule when there begins or ends to be work.
    pub(crate) fn tell_work(&mut self, world: &mut World) {
        let Some(memory) = self.memory.as_mut() else { return };
        let has_work = !memory.pool.is_empty();
        if has_work == memory.told_work {
            return;
        }
        memory.told_work = has_work;
        if has_work && !memory.gossiping {
            memory.gossiping = true;
            let event = Event::Gossip { node: self.role.number, life: self.life };
            world.agenda.put(GOSSIP_EVERY, event);
        }
        self.step(Input::Pending { has_work }, world);
    }

    /// Handles an event of this node; `life` was checked by the caller for all but messages.
    pub fn handle(&mut self, event: Event, world: &mut World) {
        match event {
            Event::Deliver { from, wire, .. } => self.receive(from, wire, world),
            Event::Timer { token, serial, .. } => {
                let Some(memory) = self.memory.as_mut() else { return };
                if memory.timers.get(&token) == Some(&serial) {
                    memory.timers.remove(&token);
                    self.step(Input::Timer { token }, world);
                }
            }
            Event::Durable { batch, .. } => self.tell_durable(*batch, world),
            Event::Executed { block, .. } => self.executed(block, world),
            Event::Built { wish, .. } => self.built(&wish, world),
            Event::Here { block, .. } => {
                if let Some(block) = self.block(&block) {
                    self.step(Input::Header { header: block.header.clone() }, world);
                }
            }
            Event::Refused { sequence, .. } => self.step(Input::SignRefused { sequence }, world),
            Event::Gossip { .. } => self.gossip(world),
            Event::Client { transaction, .. } => {
                self.admit(&[transaction], world);
                self.send(To::All, &Wire::Transactions(vec![transaction]), world);
            }
            Event::Fall { .. } | Event::Forget { .. } | Event::Rise { .. } => {}
        }
    }

    /// This node's present life.
    #[must_use]
    pub fn life(&self) -> u64 {
        self.life
    }
}

fn transactions(ledger: &[Entry]) -> BTreeSet<u64> {
    ledger.iter().flat_map(|entry| entry.block.transactions.iter().copied()).collect()
}
