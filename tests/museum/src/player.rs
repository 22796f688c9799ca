//! Plays a schedule to nodes of one rule: nothing is heard and no patience ends but as it says.
//!
//! In: steps. Out: what honest nodes called final. The nodes are those of `plugin-api-harness`, with
//! its disk, guard and checks; the player keeps every message and timer back until a step asks for
//! it. After the last step [`Player::heal`] hands over all that was kept and lets time run: every
//! message was only late. Not here: the schedules, and what the outcome should be.

use crate::spoken::{Spoken, What};
use plugin_api::{Hash, Statement};
use plugin_api_harness::{
    Plan,
    clock::{MS, SECOND},
    cluster::Cluster,
    network::Network,
    villain::{Villain, equivocator::Equivocator},
    world::{Event, Wire},
};
use std::collections::BTreeSet;

/// Four nodes.
pub const NODES: usize = 4;
/// Number of the second half of a leader that runs twice.
pub const TWIN: usize = NODES;
/// Transactions after healing, one each 50 ms.
const WORK: u64 = 40;

/// One step.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// `to` hears what these said of this kind: all of it, or of one round.
    Hears {
        /// Who hears.
        to: usize,
        /// What.
        what: What,
        /// Who said it.
        from: &'static [usize],
        /// Of which round; none: of any.
        round: Option<u64>,
    },
    /// The patience of these ends.
    PatienceEnds(&'static [usize]),
    /// The pause of a leader between two blocks is over, at these.
    PauseEnds(&'static [usize]),
}

/// A schedule.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// The validator that runs twice with one key, if one does.
    pub twice: Option<u16>,
    /// The steps.
    pub steps: &'static [Step],
}

/// The nodes, and what is kept from them.
#[derive(Debug)]
pub struct Player<R> {
    /// The nodes.
    pub cluster: Cluster<R>,
    kept: Vec<Event>,
}

impl<R: Spoken> Player<R> {
    /// Four nodes that have started, each with two transactions the others do not know.
    #[must_use]
    pub fn new(schedule: &Schedule, guarded: bool, parameters: &[(&str, &str)]) -> Self {
        let mut plan = Plan::clean(NODES, 0);
        plan.guarded = guarded;
        let parameters = R::PARAMETERS.iter().chain(parameters);
        plan.parameters = parameters.map(|(n, v)| ((*n).into(), (*v).into())).collect();
        plan.clients = (0..NODES).flat_map(|node| [(0, node), (0, node)]).collect();
        if let Some(index) = schedule.twice {
            plan.villains.insert(index, Villain::Equivocator(Equivocator::OPEN));
            plan.clients.extend([(0, TWIN), (0, TWIN)]);
        }
        let mut player = Self { cluster: Cluster::new(&plan), kept: Vec::new() };
        player.run(0, &[]);
        player
    }

    /// Plays all steps.
    pub fn play(&mut self, schedule: &Schedule) {
        for step in schedule.steps {
            match *step {
                Step::Hears { to, what, from, round } => self.hear(to, what, from, round),
                Step::PatienceEnds(who) => self.pass(R::PATIENCE, who),
                Step::PauseEnds(who) => self.pass(R::INTERVAL, who),
            }
        }
    }

    fn hear(&mut self, listener: usize, what: What, speakers: &[usize], round: Option<u64>) {
        let wanted = |event: &Event| match event {
            Event::Deliver { from, to, wire } if *to == listener && speakers.contains(from) => {
                let (kind, of) = kind::<R>(wire);
                kind == what && round.is_none_or(|round| round == of)
            }
            _ => false,
        };
        let (heard, kept) = std::mem::take(&mut self.kept).into_iter().partition(wanted);
        self.kept = kept;
        let heard: Vec<Event> = heard;
        for event in heard {
            self.cluster.handle(event);
            self.run(0, &[]);
        }
    }

    /// Time passes; timers fire at these only.
    fn pass(&mut self, ms: u64, who: &[usize]) {
        let fires =
            |event: &Event| matches!(event, Event::Timer { node, .. } if who.contains(node));
        while let Some(at) = self.kept.iter().position(fires) {
            let overdue = self.kept.remove(at);
            self.cluster.handle(overdue);
            self.run(0, &[]);
        }
        self.run(ms * MS, who);
    }

    /// What nodes do by themselves is done, what comes from others is kept.
    fn run(&mut self, micros: u64, who: &[usize]) {
        let until = self.cluster.world.agenda.now() + micros;
        while let Some(event) = self.cluster.world.agenda.next(until) {
            let is_kept = match &event {
                Event::Deliver { .. } | Event::Gossip { .. } => true,
                Event::Timer { node, .. } => !who.contains(node),
                _ => false,
            };
            if is_kept {
                self.kept.push(event);
            } else {
                self.cluster.handle(event);
            }
        }
        self.cluster.world.agenda.pass_to(until);
    }

    /// Everything kept arrives, in the order it was said; then there is new work, and two minutes.
    pub fn heal(&mut self) {
        let world = &mut self.cluster.world;
        world.network = Network::perfect(MS);
        for event in self.kept.drain(..) {
            world.agenda.put(MS, event);
        }
        for place in 0..WORK {
            let node = usize::try_from(place).unwrap_or(0) % NODES;
            world.agenda.put(place * 50 * MS, Event::Client { node, transaction: 1_000 + place });
        }
        let until = world.agenda.now() + 120 * SECOND;
        self.cluster.until(until, |cluster| {
            let mut honest = cluster.hosts.iter().filter(|host| host.is_honest());
            honest.all(|host| (1_000..1_000 + WORK).all(|t| host.included().contains(&t)))
        });
    }

    /// What was called final at a height, with those who did, ascending; a fork has two entries.
    #[must_use]
    pub fn finals(&self, height: u64) -> Vec<Vec<usize>> {
        let claims = self.cluster.world.claims.iter().filter(|(_, at, _)| *at == height);
        let mut blocks: Vec<(Hash, BTreeSet<usize>)> = Vec::new();
        for (node, _, block) in claims {
            match blocks.iter_mut().find(|(known, _)| known == block) {
                Some((_, nodes)) => {
                    nodes.insert(*node);
                }
                None => blocks.push((*block, BTreeSet::from([*node]))),
            }
        }
        blocks.into_iter().map(|(_, nodes)| nodes.into_iter().collect()).collect()
    }

    /// Height of each honest node, in order.
    #[must_use]
    pub fn heights(&self) -> Vec<u64> {
        let honest = self.cluster.hosts.iter().filter(|host| host.is_honest());
        honest.map(plugin_api_harness::host::Host::height).collect()
    }
}

fn kind<R: Spoken>(wire: &Wire) -> (What, u64) {
    let of = |statement: &Statement| R::what(statement);
    match wire {
        Wire::Proposal(block, ..) => (What::Proposal, block.header.view),
        Wire::Statement(statement) => of(statement),
        _ => (What::Other, 0),
    }
}
