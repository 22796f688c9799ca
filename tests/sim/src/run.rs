//! A run: whole nodes in one world, from the first event to the verdict.
//!
//! In: a [`Plan`]. Out: a [`Report`]. Phases: trouble until everything heals; then, within
//! [`Plan::settles_within`], all that was accepted is final or expired on nodes of one height; then silence;
//! then the checks of the whole. Not here: drawing plans (`plan`).

use crate::channel::Channel;
use crate::check::{Checks, acked, bank, progress};
use crate::client::{Clients, Wanted};
use crate::node::{Node, Role};
use crate::plan::Plan;
use crate::world::{Event, Loss, World};
use plugin_api_harness::Verdict;
use plugin_api_harness::clock::{Agenda, Chance, MS, Micros, SECOND};

/// When the watching for silence begins, after the last block: answers may still be under way.
const SETTLING: Micros = 5 * SECOND;
/// How long a run without work is watched for messages.
const SILENCE: Micros = 10 * SECOND;
/// Events of one run, at most: nodes that talk for ever are found.
const EVENTS_MAX: u64 = 3_000_000;
/// Transactions until everything heals, at most.
const CLIENTS_MAX: u64 = 250;
/// How a complaint about missing silence begins.
const NO_REST: &str = "no rest";

/// How a run went.
#[derive(Clone, Debug)]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// Hash of everything that happened.
    pub trace: u64,
    /// Events handled.
    pub events: u64,
    /// Highest final height.
    pub height: u64,
    /// Transactions that are final.
    pub transactions: u64,
    /// Virtual time that passed.
    pub lasted: Micros,
    /// Time from healing until all was settled.
    pub settled: Micros,
    /// Epochs that began.
    pub epochs: u64,
    /// Validators accused.
    pub accused: usize,
    /// Lines of the nodes, when the run was loud.
    pub lines: Vec<String>,
}

/// Runs a plan.
#[must_use]
pub fn run(plan: Plan, is_loud: bool) -> Report {
    let mut cluster = Cluster::new(plan, is_loud);
    let (verdict, settled) = cluster.judge();
    let world = cluster.world;
    Report {
        verdict,
        trace: world.trace,
        events: world.events,
        height: world.checks.agreement.height().get(),
        transactions: world.checks.agreement.places.len() as u64,
        lasted: world.agenda.now(),
        settled,
        epochs: world.channel.epochs.begun(),
        accused: world.checks.evidence.accused.len(),
        lines: world.checks.lines,
    }
}

impl Report {
    /// One line for people, with the command that repeats it.
    #[must_use]
    pub fn line(&self, seed: u64) -> String {
        let repeat = format!("repeat with: cargo sim --seed {seed:#x}");
        match &self.verdict {
            Verdict::Agreed => format!("agreed; {repeat}"),
            Verdict::Stalled(why) => format!("STALLED: {why}; {repeat}"),
            Verdict::Diverged(why) => format!("DIVERGED: {why}; {repeat}"),
        }
    }
}

struct Cluster {
    nodes: Vec<Node>,
    world: World,
}

impl Cluster {
    fn new(plan: Plan, is_loud: bool) -> Self {
        let count = plan.weights.len();
        let nodes: Vec<Node> = (0..plan.nodes())
            .map(|number| {
                let index = plan.index_of(number);
                Node::new(Role {
                    number,
                    index,
                    villain: index.and_then(|index| plan.villains.get(&index).cloned()),
                    twin: index.is_some() && number >= count,
                    odd: index.is_some_and(|index| plan.odd.contains(&index)),
                })
            })
            .collect();
        let channel = Channel::new(
            plan.kind,
            (&plan.weights, &plan.groups),
            plan.parameters.clone(),
            (&plan.turns, plan.signatures),
        );
        let world = World {
            agenda: Agenda::default(),
            chance: Chance::new(plan.seed),
            channel,
            clients: Clients::default(),
            checks: Checks::default(),
            nodes: nodes.len(),
            trace: 0,
            events: 0,
            last_sent: 0,
            is_loud,
            plan,
        };
        let mut cluster = Self { nodes, world };
        cluster.schedule();
        cluster
    }

    fn schedule(&mut self) {
        for node in 0..self.nodes.len() {
            self.world.agenda.put(0, Event::Rise { node });
        }
        for (fall, loss) in self.world.plan.falls.clone() {
            if let (Loss::OldDisk { copied }, Some(node)) = (loss, fall.who) {
                self.world.agenda.put(copied, Event::Copy { node });
            }
            let event = Event::Fall { who: fall.who, down: fall.down, loss };
            self.world.agenda.put(fall.at, event);
        }
        for turn in &self.world.plan.turns {
            self.world.agenda.put(turn.at, Event::Turn);
        }
        let (every, heals_at) = (self.world.plan.client_every, self.world.plan.network.heals_at);
        let count = self.world.plan.weights.len() as u64;
        let (mut at, mut sent) = (self.world.up_to(every), 0);
        while at < heals_at && sent < CLIENTS_MAX {
            let node = usize::try_from(self.world.chance.below(count)).unwrap_or(0);
            self.world.agenda.put(at, Event::Client { node });
            at += self.world.chance.between(1, every * 2);
            sent += 1;
        }
        self.schedule_meetings();
    }

    /// Connections open again where a wall ends, and everywhere once nothing is lost any more.
    fn schedule_meetings(&mut self) {
        let network = &self.world.plan.network;
        let everywhere = (network.heals_at, None);
        let walls = network.partitions.iter().map(|wall| (wall.until, Some(wall.side)));
        let times: Vec<_> = walls.chain([everywhere]).collect();
        let count = self.nodes.len();
        for (at, side) in times {
            let is_inside = |node: usize| side.map(|side| side >> (node % 64) & 1);
            for node in 0..count {
                let cut = |other: &usize| side.is_none() || is_inside(node) != is_inside(*other);
                for other in (0..count).filter(|other| *other != node).filter(cut) {
                    self.world.agenda.put(at, Event::Meets { node, other });
                }
            }
        }
    }

    fn judge(&mut self) -> (Verdict, Micros) {
        let heals_at = self.world.plan.network.heals_at;
        self.until(heals_at, |_| false);
        self.heal();
        let within = self.world.plan.settles_within;
        self.until(heals_at + within, |cluster| cluster.missing().is_none());
        let settled = self.world.now().saturating_sub(heals_at);
        let late = self.missing();
        if late.is_none() {
            self.watch_silence();
        }
        if self.world.checks.broken.is_none() {
            self.look_back();
        }
        let verdict = match (self.world.checks.broken.take(), late) {
            (Some(why), _) if why.starts_with(NO_REST) => Verdict::Stalled(why),
            (Some(why), _) => Verdict::Diverged(why),
            (None, Some(why)) => Verdict::Stalled(why),
            (None, None) => Verdict::Agreed,
        };
        (verdict, settled)
    }

    /// Handles events until a time, a condition, or something broken.
    fn until(&mut self, until: Micros, done: impl Fn(&Self) -> bool) {
        let mut checked = 0u64;
        while self.world.checks.broken.is_none() {
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
                self.world.checks.blame(format!("{NO_REST}: {EVENTS_MAX} events"));
            }
            self.handle(event);
        }
    }

    fn handle(&mut self, event: Event) {
        let (node, life) = match &event {
            Event::Fall { who, down, loss } => return self.fall(*who, *down, *loss),
            Event::Rise { node } => {
                if let Some(node) = self.nodes.get_mut(*node) {
                    node.rise(&mut self.world);
                }
                return;
            }
            Event::Meets { node, .. } => (*node, None),
            Event::Client { node } => return self.client(*node, None),
            Event::Copy { node } => {
                if let Some(node) = self.nodes.get_mut(*node) {
                    node.copy(&mut self.world);
                }
                return;
            }
            Event::Turn => return self.turn(),
            Event::Again { node, place } => return self.client(*node, Some(*place)),
            Event::Deliver { to, .. } | Event::Asked { to, .. } => (*to, None),
            Event::Answered { node, life, .. }
            | Event::Timer { node, life, .. }
            | Event::Flush { node, life }
            | Event::Work { node, life }
            | Event::Stored { node, life } => (*node, Some(*life)),
        };
        let now = self.world.now();
        if let Some(until) = self.world.plan.pauses_until(node, now) {
            self.world.agenda.put(until - now, event);
            return;
        }
        let Some(node) = self.nodes.get_mut(node) else { return };
        if node.is_up() && life.is_none_or(|life| life == node.life()) {
            node.handle(event, &mut self.world);
        }
    }

    fn fall(&mut self, who: Option<usize>, down: Micros, loss: Loss) {
        let all = 0..self.nodes.len();
        for number in all.filter(|number| who.is_none_or(|who| who == *number)) {
            if let Some(node) = self.nodes.get_mut(number)
                && node.is_up()
            {
                node.fall(&mut self.world, loss);
                self.world.agenda.put(down, Event::Rise { node: number });
            }
        }
    }

    /// An admin asks for the next epoch, and again when a pool was full.
    fn turn(&mut self) {
        let now = self.world.true_wall();
        let place = self.world.clients.turn(&self.world.channel, now);
        let is_up = |number: &usize| self.nodes.get(*number).is_some_and(Node::is_up);
        let able: Vec<usize> = self.able().into_iter().filter(is_up).collect();
        let node = self.world.chance.one_of(&able, 0);
        self.client(node, Some(place));
    }

    fn client(&mut self, number: usize, place: Option<usize>) {
        let is_again = place.is_some();
        let world = &mut self.world;
        let now = world.true_wall();
        let mix = world.plan.clients;
        let place = place
            .unwrap_or_else(|| world.clients.next(&mut world.chance, mix, &world.channel, now));
        let Some(sent) = world.clients.sent.get(place).cloned() else { return };
        let Some(node) = self.nodes.get_mut(number).filter(|node| node.is_up()) else { return };
        let is_taken = node.client(&sent.raw, &mut self.world);
        let is_honest = node.is_honest();
        if is_again && !is_taken {
            self.come_back(place);
        }
        if !is_taken || !is_honest {
            return;
        }
        match sent.wanted {
            Wanted::Any => self.world.clients.accept(place),
            Wanted::Refusal => self.world.blame(number, "took a bad transaction"),
        }
    }

    /// A client that was refused (a full pool) tries another node later, until what it sent is final.
    fn come_back(&mut self, place: usize) {
        let id = self.world.clients.sent.get(place).and_then(|sent| sent.id);
        if id.is_none_or(|id| self.world.checks.agreement.places.contains_key(&id)) {
            return;
        }
        let able = self.able();
        let node = self.world.chance.one_of(&able, 0);
        self.world.agenda.put(SECOND, Event::Again { node, place });
    }

    /// Validators that clients may rely on.
    fn able(&self) -> Vec<usize> {
        self.nodes
            .iter()
            .filter(|node| node.is_honest() && node.role.index.is_some())
            .map(|node| node.role.number)
            .collect()
    }

    /// Everything honest comes back; the network and the clocks heal by themselves. Clients send
    /// again what they have not heard of, and something new.
    fn heal(&mut self) {
        for node in &mut self.nodes {
            // Whoever looks after it starts it again.
            if node.has_stopped && !node.has_lost_log {
                node.fall(&mut self.world, Loss::Nothing);
            }
            node.rise(&mut self.world);
        }
        let able = self.able();
        let now = self.world.true_wall();
        let mut places: Vec<usize> = Vec::new();
        for (id, place) in &self.world.clients.accepted {
            let open = !self.world.checks.agreement.places.contains_key(id);
            let lives = self.world.clients.sent.get(*place).is_some_and(|s| s.expiry > now);
            if open && lives {
                places.push(*place);
            }
        }
        for place in places {
            let node = self.world.chance.one_of(&able, 0);
            let after = self.world.up_to(2 * SECOND);
            self.world.agenda.put(after, Event::Again { node, place });
        }
        for number in 0..self.world.plan.late_clients {
            let node = self.world.chance.one_of(&able, 0);
            self.world.agenda.put(number * 200 * MS, Event::Client { node });
        }
    }

    /// What keeps the run from being finished, if anything.
    fn missing(&self) -> Option<String> {
        let heals_at = self.world.plan.network.heals_at;
        let late = heals_at + (2 * SECOND).max(self.world.plan.late_clients * 200 * MS);
        if self.world.now() < late {
            return Some("clients are not done".to_owned());
        }
        let top = self.world.checks.agreement.height();
        let follows = |node: &&Node| node.is_honest();
        for node in self.nodes.iter().filter(follows) {
            if !node.is_up() || node.store.height() != top {
                let (number, height) = (node.role.number, node.store.height());
                let status = node.status();
                return Some(format!("node {number} is at height {height} of {top}: {status}"));
            }
        }
        let now = self.world.true_wall();
        let settled = progress::all_settled(&self.world.clients, &self.world.checks.agreement, now);
        settled.err().map(|why| {
            let nodes = self.nodes.iter().filter(follows).take(4);
            let status: Vec<String> = nodes.map(Node::status).collect();
            format!("{why}; {}", status.join("; "))
        })
    }

    fn watch_silence(&mut self) {
        if self.world.plan.is_noisy() {
            return;
        }
        let from = self.world.now() + SETTLING;
        self.until(from, |_| false);
        self.until(from + SILENCE, |_| false);
        if self.world.last_sent > from {
            let at = self.world.last_sent / 1000;
            self.world.checks.blame(format!("{NO_REST}: a message at {at} ms without work"));
        }
    }

    /// The checks of the whole.
    fn look_back(&mut self) {
        for node in self.nodes.iter().filter(|node| node.is_honest()) {
            let (number, ledger) = (node.role.number, &node.store.ledger);
            let same = self.world.checks.chain.compare(number, ledger);
            let there = acked::all_there(&self.world.checks.agreement, ledger);
            if let Err(why) = same.and(there).and_then(|()| bank::adds_up(ledger)) {
                self.world.blame(number, &why);
            }
        }
    }
}
