//! States, actions and properties for the checker, and what runs it.
//!
//! In: [`Bounds`]. Out: [`Checked`]. A state is three nodes and what was offered; an action lets one
//! node hear or wait, or takes the power from all. Not here: what a node does (`node`).

use crate::{
    node::{Node, Setup, name_of, name_of_statement},
    world::{self, Heard, Offer, QUORUM, VALIDATORS, World, sort},
};
use lft::statement::{Ballot, Body};
use plugin_api::{Hash, Pair, ProposalKind};
use stateright::{Checker, Model, Property};
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hasher,
    sync::Arc,
};

/// What is exhausted.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Views in which things happen.
    pub views: u64,
    /// Who lies; it leads the views that are equal to it modulo four.
    pub byzantine: u16,
    /// Proposals on parents that are not certified.
    pub optimistic: bool,
    /// Losses of power of all nodes.
    pub power_losses: u8,
    /// A node whose results differ in odd views.
    pub odd_one: Option<u16>,
    /// Height of the block that seals the epoch.
    pub seals_at: Option<u64>,
    /// Certificates without enough signatures are shown, too.
    pub forges: bool,
    /// The guards of the hosts work.
    pub guarded: bool,
    /// A planted bug of the rule.
    pub bug: Option<&'static str>,
    /// Actions in a row, at most.
    pub depth: Option<usize>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            views: 1,
            byzantine: 1,
            optimistic: false,
            power_losses: 0,
            odd_one: None,
            seals_at: None,
            forges: false,
            guarded: true,
            bug: None,
            depth: None,
        }
    }
}

/// One moment.
#[derive(Clone, Debug)]
pub struct State {
    nodes: Vec<Arc<Node>>,
    world: Arc<World>,
    power_losses: u8,
}

impl core::hash::Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        for node in &self.nodes {
            node.key().hash(hasher);
        }
        let offers: Vec<&Hash> = self.world.offers.keys().collect();
        (offers, self.power_losses).hash(hasher);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        name_of(self) == name_of(other)
    }
}

/// What may happen next. Nodes are by place among the honest.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A node sees a proposal that was made.
    Offer(usize, Hash),
    /// The Byzantine leader proposes to one node.
    Lie(usize, u64, Base, u8),
    /// A node hears all votes for something.
    Votes(usize, Ballot),
    /// A node hears all skips of a view.
    Skips(usize, u64),
    /// A node hears all commits of a pair.
    Commits(usize, u64, Pair),
    /// A node hears what the leader of its view voted for.
    LeaderVote(usize, u64),
    /// A node is shown a null certificate with one signature.
    Forged(usize, u64),
    /// A node's patience ends.
    Wait(usize),
    /// The power of all is lost.
    PowerLoss,
}

/// A parent, its view, and how the proposal on it is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Base {
    pair: Pair,
    view: u64,
    kind: ProposalKind,
}

/// The checker's view of the rule.
#[derive(Clone, Debug)]
pub struct Rule {
    bounds: Bounds,
}

impl Rule {
    /// A model with these bounds.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds }
    }

    fn honest(&self) -> impl Iterator<Item = u16> {
        let byzantine = self.bounds.byzantine;
        (0..VALIDATORS).filter(move |index| *index != byzantine)
    }

    fn setup(&self, index: u16) -> Setup {
        let optimistic = if self.bounds.optimistic { "on" } else { "off" };
        let mut parameters = vec![
            ("block_interval".to_owned(), "0".to_owned()),
            ("hold".to_owned(), "0".to_owned()),
            ("optimistic".to_owned(), optimistic.to_owned()),
        ];
        if let Some(bug) = self.bounds.bug {
            parameters.push(("planted_bug".to_owned(), bug.to_owned()));
        }
        let is_odd = self.bounds.odd_one == Some(index);
        // A host that builds what a bug wishes lets the bug show.
        let is_strict = self.bounds.bug.is_none();
        Setup { parameters, is_guarded: self.bounds.guarded, is_strict, is_odd }
    }

    /// Weight that bundles must reach: what the rule under test takes for a quorum.
    fn enough(&self) -> usize {
        QUORUM - usize::from(self.bounds.bug == Some("quorum-minus-one"))
    }

    fn heard(state: &State) -> BTreeMap<u64, Heard> {
        sort(state.nodes.iter().flat_map(|node| &node.said))
    }

    /// Whether statements of honest nodes, together with the liar's, weigh enough.
    fn suffices(&self, list: &[plugin_api::Statement]) -> bool {
        let signers: BTreeSet<u16> = list.iter().map(|statement| statement.signer).collect();
        signers.len() + 1 >= self.enough()
    }

    /// What a liar can build on: the root, also as if it were of the view before, and every block of
    /// a lower view.
    fn bases(&self, state: &State, view: u64) -> Vec<Base> {
        let world = &state.world;
        let root = Base { pair: world.root_pair(), view: 0, kind: ProposalKind::Norm };
        let offers = world.offers.values().filter(|offer| offer.header.view < view);
        let blocks = offers.flat_map(|offer| {
            let pair = world.execute(&offer.header.id, false);
            let below = Base { pair, view: offer.header.view, kind: ProposalKind::Norm };
            let opt = Base { kind: ProposalKind::Opt, ..below };
            let closing = Base { kind: ProposalKind::Closing, ..below };
            let seals = self.bounds.seals_at.is_some();
            [Some(below), (below.view + 1 == view).then_some(opt), seals.then_some(closing)]
        });
        let misplaced = Base { view: view - 1, ..root };
        let misplaced = (view > 1).then_some(misplaced);
        [root].into_iter().chain(misplaced).chain(blocks.flatten()).collect()
    }

    fn hearing(&self, state: &State, place: usize, actions: &mut Vec<Action>) {
        let Some(node) = state.nodes.get(place) else { return };
        let (view, head) = (node.view(), node.head_view());
        for (at, heard) in Self::heard(state) {
            if at <= head || at > self.bounds.views {
                continue;
            }
            if !node.has_learned(0, at) {
                let enough = heard.votes.iter().filter(|(_, list)| self.suffices(list));
                actions.extend(enough.map(|(ballot, _)| Action::Votes(place, *ballot)));
            }
            if !node.has_learned(1, at) && self.suffices(&heard.skips) {
                actions.push(Action::Skips(place, at));
            }
            if !node.has_learned(2, at) {
                let enough = heard.commits.iter().filter(|(_, list)| self.suffices(list));
                actions.extend(enough.map(|(pair, _)| Action::Commits(place, at, *pair)));
            }
            let leader = u16::try_from(at % u64::from(VALIDATORS)).unwrap_or(0);
            let votes = heard.votes.values().flatten();
            let unheard = |vote: &plugin_api::Statement| {
                vote.signer == leader && !node.has_taken(name_of_statement(vote))
            };
            if self.bounds.optimistic && at == view && votes.clone().any(unheard) {
                actions.push(Action::LeaderVote(place, at));
            }
        }
    }

    fn offering(&self, state: &State, place: usize, actions: &mut Vec<Action>) {
        let Some(node) = state.nodes.get(place) else { return };
        let view = node.view();
        let near = |at: u64| at >= view && at <= view + 1 && at <= self.bounds.views;
        for (block, offer) in &state.world.offers {
            if near(offer.header.view) && !node.has_taken(name_of(block)) {
                actions.push(Action::Offer(place, *block));
            }
        }
        let led = (view..=view + 1).filter(|at| {
            near(*at) && at % u64::from(VALIDATORS) == u64::from(self.bounds.byzantine)
        });
        for at in led {
            let made = state.world.offers.values().filter(|offer| offer.header.view == at);
            // Two blocks of a view are enough to disagree about.
            if made.count() < 2 {
                for base in self.bases(state, at) {
                    actions.extend((0..2).map(|variant| Action::Lie(place, at, base, variant)));
                }
            }
        }
    }

    /// Pairs that the commits of honest nodes and the liar's prove final.
    fn proved(state: &State) -> BTreeSet<(u64, Pair)> {
        let mut finals = BTreeSet::new();
        for (view, heard) in Self::heard(state) {
            for (pair, list) in &heard.commits {
                let signers: BTreeSet<u16> = list.iter().map(|s| s.signer).collect();
                if signers.len() + 1 >= QUORUM {
                    finals.insert((view, *pair));
                }
            }
        }
        finals
    }

    fn agrees(state: &State) -> bool {
        let mut finals = Self::proved(state);
        finals.extend(state.nodes.iter().flat_map(|node| &node.delivered));
        let on_chain = |a: &Pair, b: &Pair| state.world.is_on_chain(a, b);
        finals.iter().all(|(_, a)| finals.iter().all(|(_, b)| on_chain(a, b) || on_chain(b, a)))
    }

    /// Whatever is final ends the epoch with one pair, and only closing blocks stand above that.
    fn ends_once(state: &State) -> bool {
        let mut finals = Self::proved(state);
        finals.extend(state.nodes.iter().flat_map(|node| &node.delivered));
        let ends: Result<Vec<_>, _> =
            finals.iter().map(|(_, pair)| state.world.end_of(pair)).collect();
        let Ok(ends) = ends else { return false };
        let ends: BTreeSet<Pair> = ends.into_iter().flatten().collect();
        ends.len() <= 1
    }

    /// A block below a final one may stand in a null view; one that was committed itself may not.
    fn excludes(state: &State) -> bool {
        let heard = Self::heard(state);
        Self::proved(state).iter().all(|(view, _)| {
            let skips = heard.get(view).map(|heard| heard.skips.as_slice()).unwrap_or_default();
            let signers: BTreeSet<u16> = skips.iter().map(|s| s.signer).collect();
            signers.len() + 1 < QUORUM
        })
    }

    fn apply(&self, state: &mut State, action: &Action) {
        let world = Arc::make_mut(&mut state.world);
        let heard = sort(state.nodes.iter().flat_map(|node| &node.said));
        let of = |view: &u64| heard.get(view).cloned().unwrap_or_default();
        if *action == Action::PowerLoss {
            state.power_losses += 1;
            for node in &mut state.nodes {
                Arc::make_mut(node).restart(world);
            }
            return;
        }
        let Some(node) = state.nodes.get_mut(action.place()) else { return };
        let node = Arc::make_mut(node);
        match action {
            Action::Offer(_, block) => {
                if let Some(offer) = world.offers.get(block).cloned() {
                    node.consider(&offer, world);
                }
            }
            Action::Lie(_, view, base, variant) => {
                if let Some(offer) = lie(world, *view, *base, *variant) {
                    node.consider(&offer, world);
                }
            }
            Action::Votes(_, ballot) => {
                let mut votes = of(&ballot.view).votes.remove(ballot).unwrap_or_default();
                votes.push(world.lie(&Body::Vote { ballot: *ballot, commit_parent: false }));
                votes.iter().for_each(|vote| node.hear(vote.clone(), world));
                if !node.has_learned(0, ballot.view) {
                    // The liar said something else to this node before; others have it all the same.
                    node.receive(world::candidate(*ballot, &votes), world);
                }
            }
            Action::Skips(_, view) => {
                let mut skips = of(view).skips;
                skips.push(world.lie(&Body::Skip { view: *view }));
                skips.iter().for_each(|skip| node.hear(skip.clone(), world));
                if !node.has_learned(1, *view) {
                    node.receive(world::null(*view, &skips), world);
                }
            }
            Action::Commits(_, view, pair) => {
                let mut commits = of(view).commits.remove(pair).unwrap_or_default();
                commits.push(world.lie(&Body::Commit { view: *view, pair: *pair }));
                commits.iter().for_each(|commit| node.hear(commit.clone(), world));
            }
            Action::LeaderVote(_, view) => {
                let leader = u16::try_from(view % u64::from(VALIDATORS)).unwrap_or(0);
                let votes = of(view).votes.into_values().flatten();
                votes.filter(|vote| vote.signer == leader).for_each(|vote| node.hear(vote, world));
            }
            Action::Forged(_, view) => {
                let mine = world.lie(&Body::Skip { view: *view });
                let borrowed =
                    self.honest().map(|signer| plugin_api::Statement { signer, ..mine.clone() });
                let skips: Vec<_> = borrowed.chain([mine.clone()]).collect();
                node.receive(world::null(*view, &skips), world);
            }
            Action::Wait(_) => node.wait(world),
            Action::PowerLoss => {}
        }
    }
}

impl Action {
    fn place(&self) -> usize {
        match self {
            Self::Offer(place, _)
            | Self::Lie(place, ..)
            | Self::Votes(place, _)
            | Self::Skips(place, _)
            | Self::Commits(place, ..)
            | Self::LeaderVote(place, _)
            | Self::Forged(place, _)
            | Self::Wait(place) => *place,
            Self::PowerLoss => usize::MAX,
        }
    }
}

/// The proposal of a lying leader.
fn lie(world: &mut World, view: u64, base: Base, variant: u8) -> Option<Arc<Offer>> {
    let kind = base.kind;
    let proposer = world.byzantine();
    let header = world.build(proposer, (view, kind), (base.pair, base.view), variant)?;
    let statement = world.lie(&Body::Propose { view, kind, block: header.id });
    world.offer(header.id, statement, Vec::new());
    world.offers.get(&header.id).cloned()
}

impl Model for Rule {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut world = World::new(self.bounds.byzantine, self.bounds.seals_at);
        let made: Result<Vec<Arc<Node>>, String> = self
            .honest()
            .map(|index| Node::new(index, self.setup(index), &mut world).map(Arc::new))
            .collect();
        // Without a state nothing is reached, and the checker says so: no block becomes final.
        let state = |nodes| State { nodes, world: Arc::new(world), power_losses: 0 };
        made.map(state).into_iter().collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (place, node) in state.nodes.iter().enumerate() {
            self.hearing(state, place, actions);
            self.offering(state, place, actions);
            let view = node.view();
            if view <= self.bounds.views && !node.has_waited() {
                actions.push(Action::Wait(place));
            }
            if self.bounds.forges && view <= self.bounds.views {
                actions.push(Action::Forged(place, view));
            }
        }
        if state.power_losses < self.bounds.power_losses {
            actions.push(Action::PowerLoss);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        self.apply(&mut next, &action);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always("final blocks are on one chain", |_, s| Self::agrees(s)),
            Property::<Self>::always("an epoch ends with one pair", |_, s| Self::ends_once(s)),
            Property::<Self>::always("no view is final and null", |_, s| Self::excludes(s)),
            Property::<Self>::always("no node does what it must never", |_, s| {
                s.nodes.iter().all(|node| node.broken.is_none())
            }),
            Property::<Self>::sometimes(SOMETHING, |_, s| {
                s.nodes.iter().any(|node| !node.delivered.is_empty())
            }),
        ]
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.nodes.iter().all(|node| node.broken.is_none())
    }
}

/// The one property that must be reachable: without it nothing was shown.
const SOMETHING: &str = "a block becomes final";

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Different states.
    pub states: usize,
    /// Longest way to one of them.
    pub depth: usize,
    /// Everything within the bounds was seen.
    pub is_exhausted: bool,
    /// What must never be and is, with the way there; or what should be and is not.
    pub found: Vec<String>,
}

/// Sees everything within the bounds, up to a number of states. Stops at what must never be.
#[must_use]
pub fn check(bounds: &Bounds, states_max: usize) -> Checked {
    let mut options = Rule::new(bounds.clone()).checker().target_state_count(states_max);
    if let Some(depth) = bounds.depth {
        options = options.target_max_depth(depth);
    }
    let checker = options.spawn_bfs().join();
    let discoveries = checker.discoveries();
    let mut found: Vec<String> = discoveries
        .iter()
        .filter(|(name, _)| **name != SOMETHING)
        .map(|(name, path)| format!("not so: {name}: {:?}", path.clone().into_actions()))
        .collect();
    let states = checker.unique_state_count();
    // The bound is on states generated, the same one counted as often as it was reached.
    let is_exhausted = checker.state_count() < states_max && bounds.depth.is_none();
    if is_exhausted && !discoveries.contains_key(SOMETHING) {
        found.push(format!("never: {SOMETHING}"));
    }
    Checked { states, depth: checker.max_depth(), is_exhausted, found }
}

/// Walks at random within the bounds, so many times from the start; the same seed is the same walks.
#[must_use]
pub fn walk(bounds: &Bounds, seed: u64, walks: u64) -> Checked {
    let rule = Rule::new(bounds.clone());
    let mut checked = Checked::default();
    let mut chance = seed;
    let mut finals = 0u64;
    for _ in 0..walks {
        let Some(mut state) = rule.init_states().pop() else { break };
        let mut steps = 0;
        loop {
            let mut actions = Vec::new();
            rule.actions(&state, &mut actions);
            chance = name_of(&(chance, steps));
            let place = usize::try_from(chance % actions.len().max(1) as u64).unwrap_or(0);
            let Some(action) = actions.get(place) else { break };
            rule.apply(&mut state, action);
            steps += 1;
            checked.states += 1;
            let properties = rule.properties();
            let is_wrong =
                |p: &&Property<Rule>| p.name != SOMETHING && !(p.condition)(&rule, &state);
            if let Some(wrong) = properties.iter().find(is_wrong) {
                checked.found.push(format!("not so: {} after {steps} steps", wrong.name));
                return checked;
            }
            if steps >= WALK_STEPS {
                break;
            }
        }
        checked.depth = checked.depth.max(steps);
        finals += u64::from(state.nodes.iter().any(|node| !node.delivered.is_empty()));
    }
    if finals == 0 {
        checked.found.push(format!("never: {SOMETHING}"));
    }
    checked
}

/// Steps of a walk, at most.
const WALK_STEPS: usize = 120;

/// What [`compare_keys`] saw.
#[derive(Clone, Debug, Default)]
pub struct Met {
    /// States met that were met before.
    pub again: u64,
    /// Those whose successors were others.
    pub differences: Vec<String>,
}

/// Walks at random and compares, for states that count as one, what every action makes of them: a
/// test of [`crate::node::Node::key`], on which everything the checker says rests.
#[must_use]
pub fn compare_keys(bounds: &Bounds, seed: u64, walks: u64) -> Met {
    let rule = Rule::new(bounds.clone());
    let mut known: BTreeMap<u64, BTreeMap<String, u64>> = BTreeMap::new();
    let mut met = Met::default();
    let mut chance = seed;
    for _ in 0..walks {
        let Some(mut state) = rule.init_states().pop() else { break };
        for step in 0..WALK_STEPS {
            let mut actions = Vec::new();
            rule.actions(&state, &mut actions);
            let after = |action: &Action| {
                let mut next = state.clone();
                rule.apply(&mut next, action);
                (format!("{action:?}"), name_of(&next))
            };
            let future: BTreeMap<String, u64> = actions.iter().map(after).collect();
            match known.get(&name_of(&state)) {
                Some(before) if *before != future => {
                    met.differences.push(format!("{before:?} and {future:?}"));
                    return met;
                }
                Some(_) => met.again += 1,
                None => {
                    known.insert(name_of(&state), future);
                }
            }
            chance = name_of(&(chance, step));
            let place = usize::try_from(chance % actions.len().max(1) as u64).unwrap_or(0);
            let Some(action) = actions.get(place) else { break };
            rule.apply(&mut state, action);
        }
    }
    met
}
