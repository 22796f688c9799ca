//! A run: nodes of one rule in one world, from the first event to the verdict.
//!
//! In: a [`Plan`]. Out: a [`Report`]. Phases: trouble until everything heals, then new work that
//! must become final everywhere, then silence. Not here: drawing plans (`campaign`).

use crate::{
    check::{agreement::Agreement, progress},
    clock::{Agenda, Chance, MS, Micros, SECOND},
    epochs::{self, EpochPlan, HostBug},
    faults::Faults,
    host::{Host, Role},
    network::Network,
    signer::Signatures,
    verdict::Verdict,
    villain::{Villain, forger::MakeForger},
    world::{Costs, Event, Moment, Signed, World},
};
use plugin_api::{ConsensusRule, Unit, Validator};
use std::collections::{BTreeMap, BTreeSet};

/// How long after healing everything must be final. Timeouts may have grown to 10 s before, and
/// f bad leaders in a row may each cost one.
pub const PROGRESS_WITHIN: Micros = 120 * SECOND;
/// How long a run without work is watched for messages.
const SILENCE: Micros = 30 * SECOND;
/// When the watching begins, after the last block: answers may still be under way.
const SETTLING: Micros = 15 * SECOND;
/// Events of one run, at most: a rule that talks to itself for ever is found.
const EVENTS_MAX: u64 = 3_000_000;

/// Validators that count as one.
#[derive(Clone, Debug)]
pub struct Group {
    /// Indices of its members; their weights are inner weights.
    pub members: Vec<u16>,
    /// How it speaks.
    pub unit: Unit,
}

/// Everything that decides a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Seed of all chance.
    pub seed: u64,
    /// Weights of the validators.
    pub weights: Vec<u64>,
    /// Groups that count as one, each validator in one at most.
    pub groups: Vec<Group>,
    /// Who leads no view.
    pub excluded: Vec<u16>,
    /// Epochs, the first one first; none: one epoch of all, by `weights`.
    pub epochs: Vec<EpochPlan>,
    /// What model hosts get wrong.
    pub host_bug: Option<HostBug>,
    /// Who misbehaves, and how.
    pub villains: BTreeMap<u16, Villain>,
    /// Nodes that only follow.
    pub followers: usize,
    /// Parameters of the rule.
    pub parameters: Vec<(String, String)>,
    /// The network.
    pub network: Network,
    /// Crashes.
    pub faults: Faults,
    /// How long things take.
    pub costs: Costs,
    /// When transactions come, and to which node.
    pub clients: Vec<(Micros, usize)>,
    /// Signatures.
    pub signatures: Signatures,
    /// Hosts refuse to sign twice.
    pub guarded: bool,
    /// Log records of the head's own view are dropped, too.
    pub prunes_head_view: bool,
    /// Transactions after healing that must become final.
    pub late_clients: u64,
    /// After the last block there must be silence.
    pub expect_silence: bool,
    /// Makes villains that know the rule's formats.
    pub forger: Option<MakeForger>,
}

impl Plan {
    /// A clean run of `count` equal validators with constant delay and no costs.
    #[must_use]
    pub fn clean(count: usize, delay: Micros) -> Self {
        Self {
            seed: 1,
            weights: vec![1; count],
            groups: Vec::new(),
            excluded: Vec::new(),
            epochs: Vec::new(),
            host_bug: None,
            villains: BTreeMap::new(),
            followers: 0,
            parameters: Vec::new(),
            network: Network::perfect(delay),
            faults: Faults::default(),
            costs: Costs::NONE,
            clients: Vec::new(),
            signatures: Signatures::Hash,
            guarded: true,
            prunes_head_view: false,
            late_clients: 0,
            expect_silence: true,
            forger: None,
        }
    }
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// Hash of everything that happened.
    pub trace: u64,
    /// Events handled.
    pub events: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages of the rule sent since the network healed.
    pub spoken_healed: u64,
    /// Highest final height.
    pub height: u64,
    /// Virtual time that passed.
    pub lasted: Micros,
    /// When which block was final where.
    pub moments: Vec<Moment>,
    /// Statements of honest nodes.
    pub signed: Vec<Signed>,
    /// Sealing blocks that took closing blocks to be final, counted on every honest node.
    pub closed: u64,
    /// Evidence, by accused validator.
    pub accused: BTreeMap<u16, u64>,
}

/// The nodes and their world.
#[derive(Debug)]
pub struct Cluster<R> {
    /// The nodes: validators, then second halves of equivocators, then followers.
    pub hosts: Vec<Host<R>>,
    /// What they share.
    pub world: World,
    faults: Faults,
    transactions: u64,
    sent_late: BTreeSet<u64>,
}

impl<R: ConsensusRule> Cluster<R> {
    /// Sets everything up; nothing runs yet.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let mut hosts = Vec::new();
        let count = plan.weights.len();
        let role = |number: usize, index: Option<u16>, twin: bool| Role {
            number,
            index,
            villain: index.and_then(|index| plan.villains.get(&index).cloned()),
            twin,
            guarded: plan.guarded,
            prunes_head_view: plan.prunes_head_view,
        };
        for index in (0u16..).take(count) {
            let role = role(usize::from(index), Some(index), false);
            hosts.push(Host::new(role, plan.parameters.clone()));
        }
        for (index, villain) in &plan.villains {
            if matches!(villain, Villain::Equivocator(_)) {
                let role = role(hosts.len(), Some(*index), true);
                hosts.push(Host::new(role, plan.parameters.clone()));
            }
        }
        for _ in 0..plan.followers {
            hosts.push(Host::new(role(hosts.len(), None, false), plan.parameters.clone()));
        }
        let world = world(plan, hosts.len());
        if let Some(make) = plan.forger {
            let makes_up = |host: &&mut Host<R>| {
                matches!(host.role.villain, Some(Villain::Forger | Villain::Puppet))
            };
            let forgers = hosts.iter_mut().filter(makes_up);
            let parameters = &plan.parameters;
            forgers.for_each(|host| host.forger = Some(make(&world.validators, parameters)));
        }
        let faults = plan.faults.clone();
        let mut cluster =
            Self { hosts, world, faults, transactions: 0, sent_late: BTreeSet::new() };
        cluster.schedule(plan);
        cluster
    }

    fn schedule(&mut self, plan: &Plan) {
        for node in 0..self.hosts.len() {
            self.world.agenda.put(0, Event::Rise { node });
        }
        for (at, node) in &plan.clients {
            self.transactions += 1;
            let event = Event::Client { node: *node, transaction: self.transactions };
            self.world.agenda.put(*at, event);
        }
        for fall in &plan.faults.falls {
            let all = 0..self.hosts.len();
            for node in all.filter(|node| fall.who.is_none_or(|who| who == *node)) {
                self.world.agenda.put(fall.at, Event::Fall { node, down: fall.down });
            }
        }
        for fall in &plan.faults.forgets {
            let nodes =
                (0..self.hosts.len()).filter(|node| fall.who.is_none_or(|who| who == *node));
            for node in nodes {
                self.world.agenda.put(fall.at, Event::Forget { node, down: fall.down });
            }
        }
    }

    /// Runs to the end.
    pub fn run(mut self, plan: &Plan) -> Report {
        let verdict = self.judge(plan);
        Report {
            verdict,
            trace: self.world.trace,
            events: self.world.events,
            sent: self.world.sent,
            spoken_healed: self.world.spoken_healed,
            height: self.world.agreement.height(),
            lasted: self.world.agenda.now(),
            moments: self.world.moments,
            signed: self.world.signed,
            closed: self.world.closed,
            accused: self.world.accused,
        }
    }

    fn judge(&mut self, plan: &Plan) -> Verdict {
        self.until(plan.network.heals_at, |_| false);
        if self.world.broken.is_none() {
            self.heal();
            self.late_clients(plan);
            let until = self.world.agenda.now() + PROGRESS_WITHIN;
            self.until(until, |cluster| cluster.missing().is_none());
        }
        let late = self.missing();
        if self.world.broken.is_none() && late.is_none() {
            self.watch_silence(plan);
        }
        let honest: Vec<u16> = (0u16..)
            .take(plan.weights.len())
            .filter(|index| !plan.villains.contains_key(index))
            .collect();
        if let Some(innocent) = honest.iter().find(|i| self.world.accused.contains_key(i)) {
            self.world.blame(usize::from(*innocent), "an honest validator was accused");
        }
        match (self.world.broken.take(), late) {
            (Some(why), _) if why.starts_with(NO_REST) => Verdict::Stalled(why),
            (Some(why), _) => Verdict::Diverged(why),
            (None, Some(why)) => Verdict::Stalled(why),
            (None, None) => Verdict::Agreed,
        }
    }

    /// Handles events until a time, a condition, or something broken.
    pub fn until(&mut self, until: Micros, done: impl Fn(&Self) -> bool) {
        let mut checked = 0u64;
        while self.world.broken.is_none() {
            // The condition is dear, so it is looked at now and then.
            if checked.is_multiple_of(64) && done(self) {
                return;
            }
            checked += 1;
            let Some(event) = self.world.agenda.next(until) else {
                self.world.agenda.pass_to(until);
                return;
            };
            self.world.events += 1;
            if self.world.events > EVENTS_MAX {
                self.world.broken = Some(format!("{NO_REST}: {EVENTS_MAX} events"));
            }
            self.handle(event);
        }
    }

    /// Carries out one event.
    pub fn handle(&mut self, event: Event) {
        let (node, life) = match &event {
            Event::Fall { node, down } => {
                let (node, down) = (*node, *down);
                return self.fall(node, down);
            }
            Event::Forget { node, down } => {
                let (node, down) = (*node, *down);
                self.fall(node, down);
                if let Some(host) = self.hosts.get_mut(node) {
                    host.disk.forget();
                }
                return;
            }
            Event::Rise { node } => {
                let node = *node;
                if let Some(host) = self.hosts.get_mut(node) {
                    host.rise(&mut self.world);
                }
                return;
            }
            Event::Deliver { to, .. } => (*to, None),
            Event::Client { node, .. } => (*node, None),
            Event::Timer { node, life, .. }
            | Event::Durable { node, life, .. }
            | Event::Executed { node, life, .. }
            | Event::Built { node, life, .. }
            | Event::Here { node, life, .. }
            | Event::Refused { node, life, .. }
            | Event::Gossip { node, life } => (*node, Some(*life)),
        };
        let Some(host) = self.hosts.get(node) else { return };
        if life.is_some_and(|life| life != host.life()) {
            return;
        }
        if let Event::Durable { batch, .. } = &event {
            let before = self.dies(self.faults.die_before_permille);
            if before {
                return self.die(node);
            }
            if let Some(host) = self.hosts.get_mut(node) {
                host.make_durable(batch);
                if host.is_honest() && host.role.guarded {
                    self.world.check_registers(node, batch);
                }
            }
            if self.dies(self.faults.die_after_permille) {
                return self.die(node);
            }
        }
        if let Some(host) = self.hosts.get_mut(node) {
            host.handle(event, &mut self.world);
        }
    }

    fn dies(&mut self, often: u64) -> bool {
        often > 0
            && self.world.agenda.now() < self.world.network.heals_at
            && self.world.chance.permille(often)
    }

    fn die(&mut self, node: usize) {
        let down = self.world.up_to(self.faults.down_max);
        self.fall(node, down);
    }

    fn fall(&mut self, node: usize, down: Micros) {
        if let Some(host) = self.hosts.get_mut(node)
            && host.is_up()
        {
            host.fall();
            self.world.note(node as u64 ^ 0xFA11);
            self.world.agenda.put(down, Event::Rise { node });
        }
    }

    /// Everything honest comes back; the network heals by its own clock.
    fn heal(&mut self) {
        for host in &mut self.hosts {
            host.rise(&mut self.world);
        }
    }

    fn late_clients(&mut self, plan: &Plan) {
        let honest: Vec<usize> = self
            .hosts
            .iter()
            .filter(|host| host.is_honest() && host.role.index.is_some())
            .map(|host| host.role.number)
            .collect();
        for host in self.hosts.iter().filter(|host| host.is_honest()) {
            self.sent_late.extend(host.pool());
        }
        for place in 0..plan.late_clients {
            self.transactions += 1;
            let node = self.world.chance.one_of(&honest, 0);
            let event = Event::Client { node, transaction: self.transactions };
            self.sent_late.insert(self.transactions);
            self.world.agenda.put(place * 200 * MS, event);
        }
    }

    /// What keeps the run from being finished, if anything.
    fn missing(&self) -> Option<String> {
        let honest = self.hosts.iter().filter(|host| host.is_honest());
        let top = self.world.agreement.height();
        for host in honest {
            let number = host.role.number;
            if let Err(why) = progress::all_final(number, &self.sent_late, &host.included()) {
                let view = host.inspect().map_or(0, |inspect| inspect.view);
                return Some(format!("{why}; height {} of {top}, view {view}", host.height()));
            }
            if host.height() != top {
                return Some(format!("node {number} is at height {} of {top}", host.height()));
            }
        }
        None
    }

    fn watch_silence(&mut self, plan: &Plan) {
        if !plan.expect_silence {
            return;
        }
        let settled = self.world.agenda.now() + SETTLING;
        self.until(settled, |_| false);
        let from = self.world.agenda.now();
        self.until(from + SILENCE, |_| false);
        if self.world.broken.is_none() && self.world.last_sent > from {
            let at = self.world.last_sent / 1000;
            self.world.broken = Some(format!("{NO_REST}: a message at {at} ms without work"));
        }
        if self.world.broken.is_none() && self.world.last_written > from {
            let at = self.world.last_written / 1000;
            self.world.broken = Some(format!("{NO_REST}: a write at {at} ms without work"));
        }
    }
}

/// How a complaint about missing silence begins.
const NO_REST: &str = "no rest";

impl Plan {
    /// The validator set of the run.
    #[must_use]
    pub fn validators(&self) -> Vec<Validator> {
        let one = |(index, weight): (u16, &u64)| {
            let mut groups = self.groups.iter().enumerate();
            let group = groups.find(|(_, group)| group.members.contains(&index));
            Validator {
                name: format!("SIM/v{index}"),
                public_key: self.signatures.public_key(index),
                weight: *weight,
                group: group.map_or(format!("v{index}"), |(number, _)| format!("group{number}")),
                unit: group.map(|(_, group)| group.unit),
            }
        };
        (0u16..).zip(&self.weights).map(one).collect()
    }
}

fn world(plan: &Plan, nodes: usize) -> World {
    World {
        agenda: Agenda::default(),
        chance: Chance::new(plan.seed),
        network: plan.network.clone(),
        costs: plan.costs,
        validators: plan.validators(),
        epochs: epochs::sets(plan),
        host_bug: plan.host_bug,
        parameters: plan.parameters.clone(),
        excluded: plan.excluded.clone(),
        signatures: plan.signatures,
        prefix: b"loopchain/statement/v1 simulation".to_vec(),
        nodes,
        agreement: Agreement::default(),
        claims: Vec::new(),
        broken: None,
        trace: plan.seed,
        sent: 0,
        spoken_healed: 0,
        last_sent: 0,
        last_written: 0,
        signed: Vec::new(),
        proposed: BTreeMap::new(),
        moments: Vec::new(),
        accused: BTreeMap::new(),
        written: BTreeMap::new(),
        events: 0,
        closed: 0,
    }
}
