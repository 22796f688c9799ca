//! A model host: one node that carries out what its rule wishes, with a disk that survives falls.
//!
//! In: events of the world. Out: inputs for the rule, messages, durable batches. It keeps the
//! promises of `plugin-api`: guard before signature, durable before sent, outputs in order,
//! `Final` only along one chain. Not here: the rule, the network, the faults.

use crate::{
    chain::{self, ModelBlock},
    villain::{
        Villain,
        forger::{Bench, Forger},
        replayer::KEPT_MAX,
    },
    world::{Batch, BuildWish, Entry, Event, Wire, World},
};
use plugin_api::{
    ConsensusRule, Hash, HeaderView, InitCfg, Input, LogRecord, Output, Pair, Statement, Then, To,
    input::Verdict, mirror::statement_message,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
};

/// Transactions in one block, at most.
const BLOCK_MAX: usize = 20;
/// Final blocks in one answer to a sync request.
const RANGE_MAX: usize = 50;
/// Pause between two offers of the pool to the others, microseconds.
const GOSSIP_EVERY: u64 = 400_000;

/// What survives a fall.
#[derive(Debug, Default)]
pub struct Disk {
    /// Records and own statements, in order.
    pub log: Vec<LogRecord>,
    /// The signing guard.
    pub registers: BTreeMap<(u64, u8), Hash>,
    /// Payloads, with results where this node executed them.
    pub blocks: BTreeMap<Hash, (Rc<ModelBlock>, Option<Pair>)>,
    /// Final blocks from genesis.
    pub ledger: Vec<Entry>,
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
    registers: BTreeMap<(u64, u8), Hash>,
    records: Vec<LogRecord>,
    timers: BTreeMap<u64, u64>,
    told_work: bool,
    gossiping: bool,
    disk_free_at: u64,
    syncing: bool,
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
        let Some(tip) = self.disk.ledger.last() else { return };
        let root = chain::genesis();
        let cfg = InitCfg {
            statement_prefix: world.prefix.clone(),
            epoch: 0,
            root: root.header,
            root_pair: chain::genesis_pair(),
            head: tip.block.header.clone(),
            head_pair: tip.pair,
            head_proof: tip.proof.clone().unwrap_or_default(),
            validators: world.validators.clone(),
            me: self.role.index,
            parameters: self.parameters.clone(),
        };
        let made = R::init(cfg, &self.disk.log, world.signatures.verifier());
        let (rule, outputs) = match made {
            Ok(made) => made,
            Err(error) => return world.blame(self.role.number, &error.message),
        };
        let disk = &self.disk;
        let blocks = disk.blocks.iter().map(|(id, (block, _))| (*id, Rc::clone(block)));
        let results = disk.blocks.iter().filter_map(|(id, (_, pair))| pair.map(|p| (*id, p)));
        self.memory = Some(Memory {
            rule,
            blocks: blocks.collect(),
            results: results.collect(),
            ledger: disk.ledger.clone(),
            included: transactions(&disk.ledger),
            pool: BTreeSet::new(),
            registers: disk.registers.clone(),
            records: Vec::new(),
            timers: BTreeMap::new(),
            told_work: false,
            gossiping: false,
            disk_free_at: 0,
            syncing: false,
        });
        self.carry_out(outputs, world);
        self.step(Input::Start, world);
    }

    /// Steps the rule and carries out what it wishes.
    fn step(&mut self, input: Input, world: &mut World) {
        let Some(memory) = self.memory.as_mut() else { return };
        let mut outputs = Vec::new();
        let now_ms = world.agenda.now() / 1000;
        world.note(self.role.number as u64 ^ now_ms << 8);
        // A refused input came from a villain or is stale; the checks see everything else.
        let accepted = memory.rule.step(now_ms, input, &mut outputs).is_ok();
        world.note(outputs.len() as u64 + u64::from(accepted));
        self.carry_out(outputs, world);
    }

    fn carry_out(&mut self, outputs: Vec<Output>, world: &mut World) {
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
                self.sign(sequence, slots, body, then, &needs, world);
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
            Output::Candidate { .. } | Output::Trace { .. } | Output::Entered { .. } => {}
        }
    }

    fn block(&self, id: &Hash) -> Option<Rc<ModelBlock>> {
        let memory = self.memory.as_ref()?;
        memory.blocks.get(id).cloned().or_else(|| {
            let entry = memory.ledger.iter().rev().find(|entry| entry.pair.block == *id)?;
            Some(Rc::clone(&entry.block))
        })
    }

    fn sign(
        &mut self,
        sequence: u64,
        slots: Vec<plugin_api::Slot>,
        body: Vec<u8>,
        then: Then,
        needs: &[Hash],
        world: &mut World,
    ) {
        let Some(index) = self.role.index else { return };
        let number = self.role.number;
        let guarded = self.role.guarded && self.is_honest();
        let Some(memory) = self.memory.as_mut() else { return };
        let other = |slot: &plugin_api::Slot| {
            memory.registers.get(&(slot.view, slot.class)).is_some_and(|d| *d != slot.digest)
        };
        if guarded && slots.iter().any(other) {
            world.blame(number, "the rule wanted to write a register twice");
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
        if blocks.is_none() && !needs.iter().all(|id| memory.blocks.contains_key(id) || in_ledger(id))
        {
            world.blame(number, "the rule signed for a block this node does not have");
        }
        for slot in &slots {
            memory.registers.insert((slot.view, slot.class), slot.digest);
        }
        let message = statement_message(&world.prefix, &slots, &body);
        let signature = world.signatures.sign(index, &message);
        let statement = Statement { signer: index, slots: slots.clone(), body, signature };
        let mut records = std::mem::take(&mut memory.records);
        records.push(LogRecord::Own { statement: statement.clone() });
        let batch = Batch {
            records,
            slots,
            blocks: blocks.unwrap_or_default(),
            own: Some((sequence, statement, then)),
            ..Batch::default()
        };
        self.write(batch, world);
    }

    /// One disk, one queue: batches become durable in order.
    fn write(&mut self, batch: Batch, world: &mut World) {
        let cost = world.up_to(world.costs.flush_max);
        let now = world.agenda.now();
        let (node, life) = (self.role.number, self.life);
        let Some(memory) = self.memory.as_mut() else { return };
        let done = memory.disk_free_at.max(now) + cost;
        memory.disk_free_at = done;
        world.agenda.put(done - now, Event::Durable { node, life, batch: Box::new(batch) });
    }

    fn send(&mut self, to: To, wire: &Wire, world: &mut World) {
        let me = self.role.number;
        let validators = world.validators.len();
        for node in 0..world.nodes {
            let chosen = match to {
                To::All => true,
                // A twin stands behind the validators and has the index of the last villain.
                To::Validator(index) => node == usize::from(index) || node >= validators,
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

    fn replay(&mut self, world: &mut World) {
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

    fn fetch(&mut self, block: Hash, world: &mut World) {
        if self.block(&block).is_some() {
            let (node, life) = (self.role.number, self.life);
            world.agenda.put(0, Event::Here { node, life, block });
        } else {
            self.send(To::All, &Wire::GetBlock(block), world);
        }
    }

    /// The rule says that blocks are final.
    fn finish(&mut self, pairs: &[Pair], proof: Vec<u8>, world: &mut World) {
        let honest = self.is_honest();
        let number = self.role.number;
        let Some(memory) = self.memory.as_mut() else { return };
        let mut finals = Vec::new();
        for (place, pair) in pairs.iter().enumerate() {
            let last = place + 1 == pairs.len();
            let Some(block) = memory.blocks.get(&pair.block).cloned() else {
                return world.blame(number, "a final block is not here");
            };
            if memory.results.get(&pair.block) != Some(pair) && honest {
                return world.blame(number, "a final block has not this node's result");
            }
            let entry = Entry { block, pair: *pair, proof: last.then(|| proof.clone()) };
            finals.push(entry);
        }
        self.append(finals, false, world);
    }

    /// Appends checked blocks to the ledger in memory, and sends them to the disk.
    fn append(&mut self, finals: Vec<Entry>, synced: bool, world: &mut World) {
        let honest = self.is_honest();
        let number = self.role.number;
        let Some(memory) = self.memory.as_mut() else { return };
        for entry in &finals {
            let Some(tip) = memory.ledger.last() else { return };
            if honest {
                let checked = world
                    .check_final(
                        number,
                        (&tip.block.header, &tip.pair),
                        entry,
                        &memory.included,
                    )
                    .and_then(|()| check_proof::<R>(entry, world));
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
            memory.ledger.push(entry.clone());
        }
        self.write(Batch { finals, synced, ..Batch::default() }, world);
    }

    fn accuse(&self, signer: u16, first: &Statement, second: &Statement, world: &mut World) {
        if !self.is_honest() {
            return;
        }
        *world.accused.entry(signer).or_default() += 1;
        let same = first.signer == signer && second.signer == signer && first != second;
        if !same {
            world.blame(self.role.number, "evidence that proves nothing");
        }
    }

    /// Tells the rule when there begins or ends to be work.
    fn tell_work(&mut self, world: &mut World) {
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
            Event::Fall { .. } | Event::Rise { .. } => {}
        }
    }

    /// This node's present life.
    #[must_use]
    pub fn life(&self) -> u64 {
        self.life
    }

    /// A batch is on the disk. Separate from telling the rule, so that a fall fits in between.
    pub fn make_durable(&mut self, batch: &Batch) {
        let disk = &mut self.disk;
        disk.log.extend(batch.records.iter().cloned());
        for slot in &batch.slots {
            disk.registers.insert((slot.view, slot.class), slot.digest);
        }
        for (block, pair) in &batch.blocks {
            let known = disk.blocks.entry(block.header.id).or_insert((Rc::clone(block), None));
            known.1 = known.1.or(*pair);
        }
        for entry in &batch.finals {
            disk.blocks.insert(entry.pair.block, (Rc::clone(&entry.block), Some(entry.pair)));
            disk.ledger.push(entry.clone());
        }
        if let Some(tip) = batch.finals.last() {
            let head = tip.block.header.view + u64::from(self.role.prunes_head_view);
            disk.log.retain(|record| record_view(record) >= head);
            disk.blocks.retain(|_, (block, _)| block.header.view + 1 >= head);
        }
    }

    fn tell_durable(&mut self, batch: Batch, world: &mut World) {
        if let Some((sequence, statement, then)) = batch.own {
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
        if batch.synced && let Some(entry) = batch.finals.last() {
            if let Some(memory) = self.memory.as_mut() {
                memory.syncing = false;
            }
            let header = entry.block.header.clone();
            let proof = entry.proof.clone().unwrap_or_default();
            self.step(Input::SyncedTo { header, pair: entry.pair, proof }, world);
        }
        self.tell_work(world);
    }

    fn executed(&mut self, id: Hash, world: &mut World) {
        let salt = match &self.role.villain {
            Some(Villain::Liar(liar)) => liar.salt(&mut world.chance),
            _ => 0,
        };
        let Some(memory) = self.memory.as_mut() else { return };
        let verdict = match memory.blocks.get(&id).cloned() {
            None => Verdict::NoResult,
            Some(block) => memory.judge(&block, salt),
        };
        if let Verdict::Valid { pair } = &verdict {
            memory.results.insert(id, *pair);
        }
        self.step(Input::Validity { block: id, verdict }, world);
    }

    fn built(&mut self, wish: &BuildWish, world: &mut World) {
        let proposer = self.role.index.unwrap_or(0);
        let twin = self.role.twin;
        let Some(memory) = self.memory.as_mut() else { return };
        let header = memory.assemble(wish, proposer, twin);
        self.step(Input::Built { request: wish.request, header }, world);
    }

    fn gossip(&mut self, world: &mut World) {
        let Some(memory) = self.memory.as_mut() else { return };
        let pool: Vec<u64> = memory.pool.iter().copied().collect();
        if pool.is_empty() {
            memory.gossiping = false;
            return;
        }
        let event = Event::Gossip { node: self.role.number, life: self.life };
        world.agenda.put(GOSSIP_EVERY, event);
        self.send(To::All, &Wire::Transactions(pool), world);
    }

    fn admit(&mut self, transactions: &[u64], world: &mut World) {
        let Some(memory) = self.memory.as_mut() else { return };
        for transaction in transactions {
            if !memory.included.contains(transaction) {
                memory.pool.insert(*transaction);
            }
        }
        self.tell_work(world);
    }

    fn receive(&mut self, from: usize, wire: Wire, world: &mut World) {
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
                // A host never hands a rule its own statements from outside.
                if self.role.index != Some(statement.signer) {
                    self.step(Input::Statement { statement }, world);
                }
            }
            Wire::Proposal(block, statement, justification) => {
                let header = block.header.clone();
                self.keep(block);
                if self.role.index != Some(statement.signer) {
                    self.step(Input::Proposal { header, statement, justification }, world);
                }
            }
            Wire::Peer(bytes) => {
                let index = u16::try_from(from).unwrap_or(u16::MAX);
                let known = from < world.validators.len();
                let from = known.then_some(index);
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
            Wire::Range(blocks, proof) => self.sync(&blocks, &proof, world),
        }
    }

    /// A forger hears everything and says what it likes to a random part of the others.
    fn forge(&mut self, wire: &Wire, world: &mut World) {
        let (Some(forger), Some(index)) = (self.forger.as_mut(), self.role.index) else { return };
        let signatures = world.signatures;
        let prefix = world.prefix.clone();
        let sign = move |slots: Vec<plugin_api::Slot>, body: Vec<u8>| {
            let message = statement_message(&prefix, &slots, &body);
            let signature = signatures.sign(index, &message);
            Statement { signer: index, slots, body, signature }
        };
        let mut bench = Bench { chance: &mut world.chance, index, sign: &sign, send: Vec::new() };
        forger.hear(wire, &mut bench);
        for wire in bench.send {
            let often = world.chance.one_of(&[200, 500, 1000], 500);
            for node in 0..world.nodes {
                if node != self.role.number && world.chance.permille(often) {
                    world.send(self.role.number, node, 0, wire.clone());
                }
            }
        }
    }

    /// An equivocator's halves hear only their own audience.
    fn hears(&self, from: usize, world: &World) -> bool {
        match &self.role.villain {
            Some(Villain::Equivocator(two)) => {
                two.tells(world.agenda.now(), self.role.twin, from)
            }
            _ => true,
        }
    }

    fn keep(&mut self, block: Rc<ModelBlock>) {
        if let Some(memory) = self.memory.as_mut() {
            memory.blocks.entry(block.header.id).or_insert(block);
        }
    }

    fn answer_range(&mut self, above: u64, node: u64, world: &mut World) {
        let Some(memory) = self.memory.as_ref() else { return };
        let start = usize::try_from(above).unwrap_or(usize::MAX).saturating_add(1);
        let range = memory.ledger.get(start..).unwrap_or_default();
        let range = range.get(..range.len().min(RANGE_MAX)).unwrap_or_default();
        let Some(last) = range.iter().rposition(|entry| entry.proof.is_some()) else { return };
        let blocks: Vec<_> =
            range.iter().take(last + 1).map(|e| (Rc::clone(&e.block), e.pair)).collect();
        let proof = range.get(last).and_then(|entry| entry.proof.clone()).unwrap_or_default();
        self.send(To::Node(node), &Wire::Range(blocks, proof), world);
    }

    /// Takes over final blocks whose last has a proof.
    fn sync(&mut self, blocks: &[(Rc<ModelBlock>, Pair)], proof: &[u8], world: &mut World) {
        let Some(memory) = self.memory.as_mut() else { return };
        if memory.syncing {
            return;
        }
        let height = memory.ledger.last().map_or(0, |entry| entry.block.header.height);
        let fresh: Vec<_> =
            blocks.iter().filter(|(block, _)| block.header.height > height).collect();
        let Some((top, pair)) = fresh.last() else { return };
        let verify = world.signatures.verifier();
        let proved = R::verify_final(
            &world.prefix,
            &world.validators,
            &top.header,
            pair,
            proof,
            verify,
        );
        let linked = fresh.windows(2).all(|pair| match pair {
            [(_, below), (above, _)] => above.header.parent == *below,
            _ => false,
        });
        let tip = memory.ledger.last().map(|entry| entry.pair);
        let joined = fresh.first().map(|(block, _)| block.header.parent) == tip;
        if proved.is_err() || !linked || !joined {
            return;
        }
        memory.syncing = true;
        let top = top.header.id;
        let entries = fresh.iter().map(|(block, pair)| Entry {
            block: Rc::clone(block),
            pair: *pair,
            proof: (block.header.id == top).then(|| proof.to_vec()),
        });
        let entries = entries.collect();
        self.append(entries, true, world);
    }
}

impl<R> Memory<R> {
    /// Transactions in the blocks above the ledger that end with `block`.
    fn above(&self, block: &Hash) -> Option<BTreeSet<u64>> {
        let tip = self.ledger.last()?;
        let mut found = BTreeSet::new();
        let mut id = *block;
        while id != tip.pair.block {
            let known = self.blocks.get(&id)?;
            if known.header.height <= tip.block.header.height {
                return None;
            }
            found.extend(known.transactions.iter().copied());
            id = known.header.parent.block;
        }
        Some(found)
    }

    fn judge(&self, block: &ModelBlock, salt: u64) -> Verdict {
        let parent = block.header.parent;
        if self.results.get(&parent.block) != Some(&parent)
            && self.ledger.last().map(|entry| entry.pair) != Some(parent)
        {
            return Verdict::NoResult;
        }
        let Some(above) = self.above(&parent.block) else { return Verdict::NoResult };
        let known = self.header_of(&parent.block);
        let repeats = |t: &u64| self.included.contains(t) || above.contains(t);
        if block.transactions.iter().any(repeats) {
            return Verdict::Invalid { reason: "a transaction is repeated".to_owned() };
        }
        if known.is_none_or(|parent| parent.height + 1 != block.header.height) {
            return Verdict::Invalid { reason: "the height is wrong".to_owned() };
        }
        if let Some(pair) = self.results.get(&block.header.id) {
            return Verdict::Valid { pair: *pair };
        }
        Verdict::Valid { pair: chain::execute(block, salt) }
    }

    fn header_of(&self, id: &Hash) -> Option<&HeaderView> {
        self.blocks
            .get(id)
            .map(|block| &block.header)
            .or_else(|| self.ledger.last().map(|e| &e.block.header).filter(|h| h.id == *id))
    }

    fn assemble(&mut self, wish: &BuildWish, proposer: u16, twin: bool) -> Option<HeaderView> {
        let parent = self.header_of(&wish.parent.block)?.clone();
        let above = self.above(&wish.parent.block)?;
        let mut chosen: Vec<u64> =
            self.pool.iter().filter(|t| !above.contains(t)).copied().collect();
        if twin {
            chosen.reverse();
        }
        chosen.truncate(BLOCK_MAX);
        if chosen.is_empty() && !wish.allow_empty {
            return None;
        }
        let header = HeaderView {
            id: Hash::ZERO,
            epoch: 0,
            view: wish.view,
            kind: wish.kind,
            height: parent.height + 1,
            parent: wish.parent,
            parent_view: wish.parent_view,
            proposer,
            carried: wish.carried,
            is_empty: chosen.is_empty(),
        };
        let block = chain::seal(header, chosen);
        let header = block.header.clone();
        self.blocks.insert(header.id, block);
        Some(header)
    }
}

fn transactions(ledger: &[Entry]) -> BTreeSet<u64> {
    ledger.iter().flat_map(|entry| entry.block.transactions.iter().copied()).collect()
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
fn check_proof<R: ConsensusRule>(entry: &Entry, world: &World) -> Result<(), String> {
    let Some(proof) = &entry.proof else { return Ok(()) };
    let set = &world.validators;
    let header = &entry.block.header;
    let verify = world.signatures.verifier();
    R::verify_final(&world.prefix, set, header, &entry.pair, proof, verify)
        .map_err(|error| format!("a Final proof does not hold: {}", error.message))?;
    let signers = R::describe_proof(set, proof).map_err(|error| error.message)?;
    world.check_signers(&signers)
}
