//! One honest validator: the rule, and a host that answers every wish at once.
//!
//! In: inputs. Out: statements and proposals that the world keeps, and the first thing that must
//! never happen. Its guard, log and head survive a loss of power. Not here: who hears what (`model`).

use crate::{
    shape::Shape,
    world::{Answer, Offer, World},
};
use lft::{
    Lft,
    certificate::{Candidate, Certificate},
    peer::PeerMessage,
    statement::{Ballot, Body},
};
use plugin_api::{
    ConsensusRule, Hash, HeaderView, InitCfg, Input, LogRecord, Output, Pair, ProposalKind, Slot,
    Statement, Then, To, input::Verdict,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque, hash_map::DefaultHasher},
    hash::Hasher,
};

/// Longer than any patience, ms.
const LONG: u64 = 1_000_000;

/// What a node does differently from the others.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Who the validators are.
    pub shape: Shape,
    /// Parameters of the rule.
    pub parameters: Vec<(String, String)>,
    /// The guard of the host refuses to fill a register twice.
    pub is_guarded: bool,
    /// Its host builds only what fits its parent.
    pub is_strict: bool,
    /// Its executions of odd blocks give another result.
    pub is_odd: bool,
    /// Its host takes its time to check blocks.
    pub is_late: bool,
    /// What it hears need not have been said by the same others: it accuses nobody.
    pub hears_anything: bool,
}

/// One honest node.
#[derive(Clone)]
pub struct Node {
    rule: Lft,
    view: u64,
    index: u16,
    setup: Setup,
    now: u64,
    registers: BTreeMap<(u64, u8), Hash>,
    /// What is on disk.
    log: Vec<LogRecord>,
    /// What will be with the next signature.
    unwritten: Vec<LogRecord>,
    head: (HeaderView, Pair, Vec<u8>),
    /// Statements it signed.
    pub said: Vec<Said>,
    /// Their names, in any order the same.
    names: BTreeSet<u64>,
    /// Pairs it delivered as final, with their views.
    pub delivered: Vec<(u64, Pair)>,
    /// Kinds and views of certificates it holds, and of those on disk.
    learned: BTreeSet<(u8, u64, u64)>,
    written: BTreeSet<(u8, u64, u64)>,
    /// Names of what it was told and did not refuse.
    taken: BTreeSet<u64>,
    /// First statements of its view that it was told.
    firsts: BTreeSet<(u16, u64)>,
    /// Blocks that a late host is still checking.
    asked: BTreeSet<Hash>,
    /// A sealing block is final here.
    has_ended: bool,
    has_waited: bool,
    restarts: u8,
    /// The question with which it came back without its log, and what it has closed since.
    rejoin: Option<Hash>,
    closed: Option<u64>,
    /// The first thing that must never happen.
    pub broken: Option<String>,
    key: u64,
}

impl core::fmt::Debug for Node {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let said: Vec<&Body> = self.said.iter().map(|said| &said.body).collect();
        let own = (&self.broken, self.has_waited, &self.learned, &self.written);
        write!(f, "{}: {:?}, {own:?}, said {said:?}", self.index, self.rule)
    }
}

/// A statement with its body.
#[derive(Clone, Debug)]
pub struct Said {
    /// What it says.
    pub body: Body,
    /// The statement.
    pub statement: Statement,
    /// The certificates that it must stand on were held.
    pub is_grounded: bool,
}

/// The number of a thing, the same for ever.
pub fn name_of(thing: &impl core::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    thing.hash(&mut hasher);
    hasher.finish()
}

/// The number of a statement.
#[must_use]
pub fn name_of_statement(statement: &Statement) -> u64 {
    name_of(&(statement.signer, &statement.body))
}

impl Node {
    /// A node that has started and has work.
    ///
    /// # Errors
    /// When the parameters of the setup are none of the rule's.
    pub fn new(index: u16, setup: Setup, world: &mut World) -> Result<Self, String> {
        let head = (world.root(), world.root_pair(), Vec::new());
        let rule = make((index, &setup, None), &head, &[], world)?;
        let mut node = Self {
            view: rule.inspect().view,
            rule,
            index,
            setup,
            now: 0,
            registers: BTreeMap::new(),
            log: Vec::new(),
            unwritten: Vec::new(),
            head,
            said: Vec::new(),
            names: BTreeSet::new(),
            delivered: Vec::new(),
            learned: BTreeSet::new(),
            written: BTreeSet::new(),
            taken: BTreeSet::new(),
            firsts: BTreeSet::new(),
            asked: BTreeSet::new(),
            has_ended: false,
            has_waited: false,
            restarts: 0,
            rejoin: None,
            closed: None,
            broken: None,
            key: 0,
        };
        node.begin(world);
        Ok(node)
    }

    /// Power is lost and comes back.
    pub fn restart(&mut self, world: &mut World) {
        match make((self.index, &self.setup, self.rejoin), &self.head, &self.log, world) {
            Ok(rule) => self.rule = rule,
            Err(why) => return self.broken = Some(format!("its own log stops it: {why}")),
        }
        self.view = self.rule.inspect().view;
        if self.rejoin.is_none() && self.view < self.ground() {
            self.broken = Some("it comes back below what it signed".to_owned());
        }
        self.unwritten.clear();
        self.taken.clear();
        self.firsts.clear();
        self.asked.clear();
        self.learned.clone_from(&self.written);
        self.has_waited = false;
        self.restarts += 1;
        self.begin(world);
    }

    /// The view in which it was when it signed the last of what it signed: votes and skips in their own,
    /// commits above theirs. Certificates for that were on disk before.
    fn ground(&self) -> u64 {
        let at = |said: &Said| match said.body {
            Body::Vote { ballot: Ballot { view, .. }, .. } | Body::Skip { view } => view,
            Body::Commit { view, .. } => view + 1,
            _ => 0,
        };
        self.said.iter().map(at).max().unwrap_or(0)
    }

    /// It comes back without its log, and asks how far the others are. What it signed is still
    /// remembered here, to see that it never signs anything else.
    pub fn lose_log(&mut self, world: &mut World) {
        self.log.clear();
        self.written.clear();
        self.closed = None;
        self.rejoin = Some(Hash([self.restarts + 1; 32]));
        self.restart(world);
    }

    /// Its host finds out how it went wrong: from now on its results are those of the others.
    pub fn repair(&mut self, world: &mut World) {
        self.setup.is_odd = false;
        self.restart(world);
    }

    /// The question that it still asks.
    #[must_use]
    pub fn asks(&self) -> Option<Hash> {
        self.rejoin.filter(|_| self.closed.is_none())
    }

    /// Views up to this one are closed to it.
    #[must_use]
    pub fn closed(&self) -> u64 {
        self.closed.unwrap_or(0)
    }

    /// A node that comes back asks this one how far it is.
    pub fn answer_to(&mut self, asker: u16, nonce: Hash, world: &mut World) {
        self.taken.insert(name_of(&nonce));
        let bytes = PeerMessage::Rejoin { epoch: 0, nonce }.encode();
        self.tell(Input::Peer { from: Some(asker), node: u64::from(asker), bytes }, world);
    }

    /// Hears an answer; one that it refuses is as if it had not come.
    pub fn hear_answer(&mut self, bytes: Vec<u8>, world: &mut World) {
        let name = name_of(&bytes);
        if self.tell(Input::Peer { from: None, node: 99, bytes }, world) {
            self.taken.insert(name);
            self.seal();
        }
    }

    fn close(&mut self, view: u64) {
        self.closed = Some(view);
        if self.registers.keys().any(|(signed, _)| *signed > view) {
            self.broken.get_or_insert_with(|| "it closes less than it signed".to_owned());
        }
    }

    fn begin(&mut self, world: &mut World) {
        self.tell(Input::Start, world);
        self.tell(Input::Pending { has_work: true }, world);
    }

    /// What tells it from other states of the same node, and of one that no rule tells apart from it.
    #[must_use]
    pub fn key(&self) -> u64 {
        self.key
    }

    /// First statements of its view that it was told, by signer.
    #[must_use]
    pub fn firsts(&self) -> &BTreeSet<(u16, u64)> {
        &self.firsts
    }

    /// Its view.
    #[must_use]
    pub fn view(&self) -> u64 {
        self.view
    }

    /// View of its last final block.
    #[must_use]
    pub fn head_view(&self) -> u64 {
        self.head.0.view
    }

    /// Whether it holds a certificate of this kind and view.
    #[must_use]
    pub fn has_learned(&self, kind: u8, view: u64) -> bool {
        self.learned.range((kind, view, 0)..=(kind, view, u64::MAX)).next().is_some()
    }

    /// Whether a candidate certificate of this pair says nothing new to it.
    #[must_use]
    pub fn knows_candidate(&self, view: u64, pair: &Pair) -> bool {
        match self.setup.shape {
            Shape::Fast => self.learned.contains(&(0, view, name_of(pair))),
            _ => self.has_learned(0, view),
        }
    }

    /// Its place in the set.
    #[must_use]
    pub fn index(&self) -> u16 {
        self.index
    }

    /// Whether F1 or F2 may still make it say something in this view.
    #[must_use]
    pub fn may_fall_back(&self, view: u64) -> bool {
        let here = || self.said.iter().map(|said| &said.body).filter(|body| body.view() == view);
        self.view == view
            && here().any(|body| matches!(body, Body::Vote { .. } | Body::Skip { .. }))
            && !here().any(|body| matches!(body, Body::Commit { .. }))
    }

    /// Whether it took the thing of this name.
    #[must_use]
    pub fn has_taken(&self, name: u64) -> bool {
        self.taken.contains(&name)
    }

    /// Blocks that its host is still checking.
    #[must_use]
    pub fn asked(&self) -> &BTreeSet<Hash> {
        &self.asked
    }

    /// Its host has checked a block.
    pub fn check(&mut self, block: Hash, world: &mut World) {
        self.asked.remove(&block);
        let pair = world.execute(&block, self.setup.is_odd);
        self.tell(Input::Validity { block, verdict: Verdict::Valid { pair } }, world);
    }

    /// How often it came back.
    #[must_use]
    pub fn restarts(&self) -> u8 {
        self.restarts
    }

    /// Whether its results are others'.
    #[must_use]
    pub fn is_odd(&self) -> bool {
        self.setup.is_odd
    }

    /// Whether it gave up on its view already.
    #[must_use]
    pub fn has_waited(&self) -> bool {
        self.has_waited
    }

    /// Everything that is due falls due.
    pub fn wait(&mut self, world: &mut World) {
        self.has_waited = true;
        self.now += LONG;
        self.tell(Input::Timer { token: 1 }, world);
    }

    /// Hears a statement.
    pub fn hear(&mut self, statement: Statement, world: &mut World) {
        if statement.signer != self.index && self.taken.insert(name_of_statement(&statement)) {
            self.tell(Input::Statement { statement }, world);
        }
    }

    /// Hears a first statement: with fast commit it counts in the current view only, and as long as
    /// that one lasts.
    pub fn hear_first(&mut self, statement: Statement, world: &mut World) {
        if self.firsts.insert((statement.signer, name_of(&statement.body))) {
            self.tell(Input::Statement { statement }, world);
        }
    }

    /// Hears a statement that it will not be told again, because of what comes with it.
    pub fn overhear(&mut self, statement: Statement, world: &mut World) {
        if statement.signer != self.index {
            self.tell(Input::Statement { statement }, world);
        }
    }

    /// Hears a proposal; one that it refuses is as if it had not come.
    pub fn consider(&mut self, offer: &Offer, world: &mut World) {
        let accepted = self.tell(
            Input::Proposal {
                header: offer.header.clone(),
                statement: offer.statement.clone(),
                justification: offer.justification.clone(),
            },
            world,
        );
        if accepted {
            self.taken.insert(name_of(&offer.header.id));
            self.seal();
        }
    }

    /// Hears a helper message.
    pub fn receive(&mut self, bytes: Vec<u8>, world: &mut World) {
        self.tell(Input::Peer { from: None, node: 99, bytes }, world);
    }

    /// One input and everything the host makes of it. False when it was refused.
    fn tell(&mut self, input: Input, world: &mut World) -> bool {
        let before = (self.view, self.head.0.view);
        let mut inputs = VecDeque::from([input]);
        let mut is_first = true;
        let mut accepted = false;
        // A bug may wish the same for ever; one thing that must never happen is enough.
        while let Some(input) = inputs.pop_front().filter(|_| self.broken.is_none()) {
            let mut out = Vec::new();
            let taken = self.rule.step(self.now, input, &mut out).is_ok();
            if std::mem::take(&mut is_first) {
                accepted = taken;
            }
            for output in out {
                inputs.extend(self.answer(output, world));
            }
        }
        if before != (self.view, self.head.0.view) {
            self.has_waited = false;
            self.firsts.clear();
        }
        self.seal();
        accepted
    }

    /// Carries out a wish; the answer, if there is one, is the next input.
    fn answer(&mut self, output: Output, world: &mut World) -> Option<Input> {
        match output {
            Output::Sign { sequence, slots, body, then, .. } => {
                self.sign((sequence, then), (slots, body), world)
            }
            Output::Persist { view, record } => {
                let record = LogRecord::Rule { view, record };
                self.learned.extend(kind_of_record(&record));
                self.unwritten.push(record);
                None
            }
            Output::Build { request, view, kind, parent, parent_view, .. } => {
                let base = (parent, parent_view);
                // As every host does: closing blocks on what seals, and nothing else.
                let closes = world.ends_transactions(&parent.block);
                let fits = closes == (kind == ProposalKind::Closing) || !self.setup.is_strict;
                let header =
                    if fits { world.build(self.index, (view, kind), base, 0) } else { None };
                Some(Input::Built { request, header })
            }
            Output::Validate { block } if self.setup.is_late => {
                self.asked.insert(block);
                None
            }
            Output::Validate { block } => {
                let pair = world.execute(&block, self.setup.is_odd);
                Some(Input::Validity { block, verdict: Verdict::Valid { pair } })
            }
            Output::FetchBlock { block } => {
                let header = world.header(&block)?.clone();
                Some(Input::Header { header })
            }
            Output::Final { blocks, proof } => {
                self.finish(blocks.iter().map(|b| (b.view, b.pair)).collect(), proof, world);
                None
            }
            Output::Evidence { signer, .. } => {
                // Without a guard a planted bug makes honest nodes cheat, and others say so.
                let is_wrong = signer != world.byzantine() && !self.setup.hears_anything;
                if is_wrong && self.setup.is_guarded {
                    self.broken.get_or_insert_with(|| format!("honest {signer} is accused"));
                }
                None
            }
            Output::Trace { level: 1, line } if line.starts_with("two final") => {
                self.broken.get_or_insert(line);
                None
            }
            Output::Entered { view, .. } => {
                self.view = view;
                None
            }
            Output::Send { to: To::Validator(asker), bytes } => {
                if let Ok(PeerMessage::Rejoined { .. }) = PeerMessage::decode(&bytes) {
                    world.answers.insert(name_of(&bytes), Answer { asker, bytes });
                }
                None
            }
            Output::Closed { view } => {
                self.close(view);
                None
            }
            _ => None,
        }
    }

    /// Guard, log, and what everybody may hear; nothing once the epoch is over.
    fn sign(
        &mut self,
        (sequence, then): (u64, Then),
        (slots, body): (Vec<Slot>, Vec<u8>),
        world: &mut World,
    ) -> Option<Input> {
        if self.has_ended {
            self.broken.get_or_insert_with(|| "it signs after the end".to_owned());
            return Some(Input::SignRefused { sequence });
        }
        let is_closed = |slot: &Slot| self.closed.is_none_or(|closed| slot.view <= closed);
        if self.rejoin.is_some() && slots.iter().any(is_closed) {
            self.broken.get_or_insert_with(|| "it signs what is closed".to_owned());
            return Some(Input::SignRefused { sequence });
        }
        let holds_other = slots.iter().any(|slot| {
            self.registers.get(&(slot.view, slot.class)).is_some_and(|d| *d != slot.digest)
        });
        if holds_other && self.setup.is_guarded {
            self.broken.get_or_insert_with(|| "it fills a register twice".to_owned());
            return Some(Input::SignRefused { sequence });
        }
        for slot in &slots {
            self.registers.insert((slot.view, slot.class), slot.digest);
        }
        let statement = world.sign(self.index, slots, body);
        self.log.append(&mut self.unwritten);
        self.written.clone_from(&self.learned);
        self.log.push(LogRecord::Own { statement: statement.clone() });
        self.names.insert(name_of(&statement.body));
        match Body::decode(&statement.body) {
            Ok(body) => {
                self.stands_on_own(&body, world);
                let is_grounded = self.is_grounded(&body);
                self.said.push(Said { body, statement: statement.clone(), is_grounded });
            }
            Err(why) => {
                self.broken.get_or_insert_with(|| format!("it signs what nobody reads: {why}"));
            }
        }
        if let Then::Propose { block, justification } = then {
            world.offer(block, statement.clone(), justification);
        }
        Some(Input::OwnSigned { sequence, statement })
    }

    /// Nobody votes for a child of a result that is not its own.
    fn stands_on_own(&mut self, body: &Body, world: &World) {
        let Body::Vote { ballot: Ballot { parent, .. }, .. } = body else { return };
        let is_known = world.header(&parent.block).is_some();
        if is_known && world.execute(&parent.block, self.setup.is_odd) != *parent {
            self.broken.get_or_insert_with(|| "it votes on a result it does not have".to_owned());
        }
    }

    /// Whether the certificates that a statement must stand on were learned before: of the parent and of
    /// every view in between for a vote or a support, of the pair itself for a Commit.
    fn is_grounded(&self, body: &Body) -> bool {
        match body {
            Body::Vote { ballot, .. } | Body::Support { ballot } => {
                self.knows_certified(ballot.parent_view, &ballot.parent)
                    && (ballot.parent_view + 1..ballot.view).all(|view| self.has_learned(1, view))
            }
            Body::Commit { view, pair } => self.knows_certified(*view, pair),
            _ => true,
        }
    }

    /// Whether it learned that a pair is certified in a view; what is final is.
    #[must_use]
    pub fn knows_certified(&self, view: u64, pair: &Pair) -> bool {
        let is_learned = |kind: u8| self.learned.contains(&(kind, view, name_of(pair)));
        view == 0 || is_learned(0) || is_learned(2) || self.delivered.contains(&(view, *pair))
    }

    /// Kinds, views and pairs of the certificates it holds.
    #[must_use]
    pub fn learned(&self) -> &BTreeSet<(u8, u64, u64)> {
        &self.learned
    }

    /// Those of them that are on disk.
    #[must_use]
    pub fn written(&self) -> &BTreeSet<(u8, u64, u64)> {
        &self.written
    }

    fn finish(&mut self, blocks: Vec<(u64, Pair)>, proof: Vec<u8>, world: &World) {
        self.delivered.extend(&blocks);
        let Some((_, pair)) = blocks.last() else { return };
        let Some(header) = world.header(&pair.block) else { return };
        if !world.proves(header, pair, &proof) {
            self.broken.get_or_insert_with(|| "a Final proof does not hold".to_owned());
        }
        self.has_ended |= header.ends_transactions();
        self.head = (header.clone(), *pair, proof);
    }

    fn seal(&mut self) {
        let came_back = (self.restarts, self.rejoin, self.closed, self.setup.is_odd);
        let own = (self.view, self.head.1, self.has_waited, came_back, &self.broken);
        let known = (&self.names, &self.learned, &self.written, &self.taken, &self.asked);
        self.key = name_of(&(own, known));
    }
}

fn make(
    (index, setup, rejoin): (u16, &Setup, Option<Hash>),
    head: &(HeaderView, Pair, Vec<u8>),
    log: &[LogRecord],
    world: &World,
) -> Result<Lft, String> {
    let cfg = InitCfg {
        statement_prefix: world.prefix(),
        epoch: 0,
        root: world.root(),
        root_pair: world.root_pair(),
        head: head.0.clone(),
        head_pair: head.1,
        head_proof: head.2.clone(),
        validators: world.validators(),
        me: Some(index),
        parameters: setup.parameters.clone(),
        excluded: Vec::new(),
        rejoin,
    };
    Lft::init(cfg, log, crate::world::verify).map(|(rule, _)| rule).map_err(|error| error.message)
}

/// Kinds of certificates: 0 candidate, 1 null, 2 final; their views, and the pairs of candidates.
fn kind_of_record(record: &LogRecord) -> Option<(u8, u64, u64)> {
    let LogRecord::Rule { record, .. } = record else { return None };
    match Certificate::decode(record).ok()? {
        Certificate::Candidate(Candidate { ballot, .. }) => {
            Some((0, ballot.view, name_of(&ballot.pair)))
        }
        Certificate::Null(null) => Some((1, null.view, 0)),
        Certificate::Final(proof) => Some((2, proof.view, name_of(&proof.pair))),
    }
}
