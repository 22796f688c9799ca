//! One honest validator: the rule, and a host that answers every wish at once.
//!
//! In: inputs. Out: statements and proposals that the world keeps, and the first thing that must
//! never happen. Its guard, log and head survive a loss of power. Not here: who hears what (`model`).

use crate::world::{Offer, World};
use lft::{Lft, certificate::Certificate, statement::Body};
use plugin_api::{
    ConsensusRule, Hash, HeaderView, InitCfg, Input, LogRecord, Output, Pair, ProposalKind, Slot,
    Statement, Then, input::Verdict,
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
    /// Parameters of the rule.
    pub parameters: Vec<(String, String)>,
    /// The guard of the host refuses to fill a register twice.
    pub is_guarded: bool,
    /// Its host builds only what fits its parent.
    pub is_strict: bool,
    /// Its executions of odd blocks give another result.
    pub is_odd: bool,
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
    learned: BTreeSet<(u8, u64)>,
    written: BTreeSet<(u8, u64)>,
    /// Names of what it was told and did not refuse.
    taken: BTreeSet<u64>,
    /// A sealing block is final here.
    has_ended: bool,
    has_waited: bool,
    restarts: u8,
    /// The first thing that must never happen.
    pub broken: Option<String>,
    key: u64,
}

impl core::fmt::Debug for Node {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {:?}, broken {:?}", self.index, self.rule, self.broken)
    }
}

/// A statement with its body.
#[derive(Clone, Debug)]
pub struct Said {
    /// What it says.
    pub body: Body,
    /// The statement.
    pub statement: Statement,
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
        let rule = make(index, &setup, &head, &[], world)?;
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
            has_ended: false,
            has_waited: false,
            restarts: 0,
            broken: None,
            key: 0,
        };
        node.begin(world);
        Ok(node)
    }

    /// Power is lost and comes back.
    pub fn restart(&mut self, world: &mut World) {
        match make(self.index, &self.setup, &self.head, &self.log, world) {
            Ok(rule) => self.rule = rule,
            Err(why) => return self.broken = Some(format!("its own log stops it: {why}")),
        }
        self.view = self.rule.inspect().view;
        self.unwritten.clear();
        self.taken.clear();
        self.learned.clone_from(&self.written);
        self.has_waited = false;
        self.restarts += 1;
        self.begin(world);
    }

    fn begin(&mut self, world: &mut World) {
        self.tell(Input::Start, world);
        self.tell(Input::Pending { has_work: true }, world);
    }

    /// What tells it from other states of the same node.
    #[must_use]
    pub fn key(&self) -> u64 {
        self.key
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

    /// Whether it holds the certificate of this kind and view.
    #[must_use]
    pub fn has_learned(&self, kind: u8, view: u64) -> bool {
        self.learned.contains(&(kind, view))
    }

    /// Whether it took the thing of this name.
    #[must_use]
    pub fn has_taken(&self, name: u64) -> bool {
        self.taken.contains(&name)
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
        let name = name_of_statement(&statement);
        if self.taken.insert(name) && statement.signer != self.index {
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
                if signer != world.byzantine() && self.setup.is_guarded {
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
        let name = name_of_statement(&statement);
        self.names.insert(name);
        self.taken.insert(name);
        if let Ok(body) = Body::decode(&statement.body) {
            self.said.push(Said { body, statement: statement.clone() });
        }
        if let Then::Propose { block, justification } = then {
            world.offer(block, statement.clone(), justification);
        }
        Some(Input::OwnSigned { sequence, statement })
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
        let own = (self.view, self.head.1, self.has_waited, self.restarts, &self.broken);
        let known = (&self.names, &self.learned, &self.written, &self.taken);
        self.key = name_of(&(own, known, self.index));
    }
}

fn make(
    index: u16,
    setup: &Setup,
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
        rejoin: None,
    };
    Lft::init(cfg, log, crate::world::verify).map(|(rule, _)| rule).map_err(|error| error.message)
}

/// Kinds of certificates: 0 candidate, 1 null, 2 final.
fn kind_of_record(record: &LogRecord) -> Option<(u8, u64)> {
    let LogRecord::Rule { record, .. } = record else { return None };
    match Certificate::decode(record).ok()? {
        Certificate::Candidate(candidate) => Some((0, candidate.ballot.view)),
        Certificate::Null(null) => Some((1, null.view)),
        Certificate::Final(proof) => Some((2, proof.view)),
    }
}
