//! States and actions for the checker.
//!
//! In: [`Bounds`]. Out: what may happen next. A state is the honest nodes and what was offered; an
//! action lets one node hear or wait, or takes power away. Not here: what a node does (`node`), what
//! must hold (`judge`), what runs it (`run`).

use crate::{
    judge,
    node::{Node, Said, Setup, name_of, name_of_statement},
    rejoin,
    shape::{Shape, Words},
    symmetry,
    world::{self, Heard, Offer, World, signers_of, sort},
};
use lft::statement::{Ballot, Body};
use plugin_api::{Hash, Pair, ProposalKind, Statement};
use stateright::{Model, Property};
use std::{collections::BTreeMap, hash::Hasher, sync::Arc};

/// What is exhausted.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Who the validators are, and how they finish blocks.
    pub shape: Shape,
    /// Views in which things happen.
    pub views: u64,
    /// Who lies; it leads the views that are equal to it modulo four.
    pub byzantine: u16,
    /// Proposals on parents that are not certified.
    pub optimistic: bool,
    /// Losses of power of all nodes.
    pub power_losses: u8,
    /// Stops of one node, which comes back with its log.
    pub crashes: u8,
    /// Losses of the log of the first honest node, which then rejoins.
    pub log_losses: u8,
    /// The first view in which things happen. In those before everyone gave up, and in view 1 all
    /// answered an earlier question of the first honest node.
    pub starts_at: u64,
    /// A node whose results differ in odd views.
    pub odd_one: Option<u16>,
    /// That node is put right at some time.
    pub repairs: bool,
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
            shape: Shape::Core,
            views: 1,
            byzantine: 1,
            optimistic: false,
            power_losses: 0,
            crashes: 0,
            log_losses: 0,
            starts_at: 1,
            odd_one: None,
            repairs: false,
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
    pub(crate) nodes: Vec<Arc<Node>>,
    pub(crate) world: Arc<World>,
    losses: Losses,
    /// No rule tells some of the nodes apart: one view, and none of them leads it.
    pub(crate) is_symmetric: bool,
}

impl core::hash::Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        symmetry::name(self).hash(hasher);
        let offers: Vec<&Hash> = self.world.offers.keys().collect();
        let answers: Vec<&u64> = self.world.answers.keys().collect();
        (offers, answers, self.losses).hash(hasher);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        name_of(self) == name_of(other)
    }
}

/// What was lost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Losses {
    power: u8,
    crashes: u8,
    logs: u8,
    repairs: u8,
}

impl Losses {
    fn count(&mut self, action: &Action) {
        match action {
            Action::PowerLoss => self.power += 1,
            Action::Crash(_) => self.crashes += 1,
            Action::LoseLog(_) => self.logs += 1,
            Action::Repair(_) => self.repairs += 1,
            _ => {}
        }
    }
}

/// What may happen next. Nodes are by place among the honest.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A node sees a proposal that was made.
    Offer(usize, Hash),
    /// The Byzantine leader proposes to one node.
    Lie(usize, u64, Base, u8),
    /// A node hears all votes and supports for something.
    Votes(usize, Ballot),
    /// Fast commit: a node hears first statements of these others, and of the liar.
    Firsts(usize, u64, Vec<u16>, Lies),
    /// A node hears all skips and fallbacks of a view.
    Skips(usize, u64),
    /// A node hears all commits of a pair.
    Commits(usize, u64, Pair),
    /// A node hears what the leader of its view voted for.
    LeaderVote(usize, u64),
    /// A node is shown a null certificate with one signature.
    Forged(usize, u64),
    /// A node's patience ends.
    Wait(usize),
    /// A node answers the one that comes back without its log.
    Ask(usize, usize),
    /// A node stops and comes back with its log.
    Crash(usize),
    /// A node whose results differed comes back with the ones of the others.
    Repair(usize),
    /// A node comes back without its log.
    LoseLog(usize),
    /// The power of all is lost.
    PowerLoss,
}

/// What the liar says first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lies {
    /// Nothing more.
    Nothing,
    /// It skips.
    Skip,
    /// It votes for a block.
    Vote(Hash),
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
        (0..self.bounds.shape.validators()).filter(move |index| *index != byzantine)
    }

    fn setup(&self, index: u16) -> Setup {
        let optimistic = if self.bounds.optimistic { "on" } else { "off" };
        let mut parameters = vec![
            ("block_interval".to_owned(), "0".to_owned()),
            ("hold".to_owned(), "0".to_owned()),
            ("optimistic".to_owned(), optimistic.to_owned()),
        ];
        parameters.extend(self.bounds.shape.parameters());
        if let Some(bug) = self.bounds.bug {
            parameters.push(("planted_bug".to_owned(), bug.to_owned()));
        }
        let is_odd = self.bounds.odd_one == Some(index);
        // A host that builds what a bug wishes lets the bug show.
        let is_strict = self.bounds.bug.is_none();
        Setup {
            shape: self.bounds.shape,
            parameters,
            is_guarded: self.bounds.guarded,
            is_strict,
            is_odd,
            is_late: false,
            hears_anything: false,
        }
    }

    /// Weight that bundles must reach: what the rule under test takes for a quorum.
    fn enough(&self) -> usize {
        self.bounds.shape.quorum() - usize::from(self.bounds.bug == Some("quorum-minus-one"))
    }

    /// Whether statements of honest nodes, together with the liar's, weigh enough; a rule with a bug
    /// that counts groups wrongly says itself what is enough.
    fn suffices(&self, words: Words, list: &[Statement]) -> bool {
        let mut signers = signers_of(list);
        signers.insert(self.bounds.byzantine);
        let counts_groups = self.bounds.bug.is_some() && self.bounds.shape.has_group();
        !list.is_empty()
            && (counts_groups || self.bounds.shape.weigh(words, &signers) >= self.enough())
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

    fn hearing(
        &self,
        state: &State,
        place: usize,
        heard: &BTreeMap<u64, Heard>,
        actions: &mut Vec<Action>,
    ) {
        let Some(node) = state.nodes.get(place) else { return };
        let (view, head) = (node.view(), node.head_view());
        for (&at, heard) in heard {
            if at <= head || at > self.bounds.views {
                continue;
            }
            self.hearing_votes(state, (place, at), heard, actions);
            // In one view a null certificate only stops whoever hears it from saying more.
            let may_stop = !self.is_small();
            let skips = heard.giving_up();
            if may_stop && !node.has_learned(1, at) && self.suffices(Words::Ends, &skips) {
                actions.push(Action::Skips(place, at));
            }
            if self.may_finish(state, node, at) {
                let enough =
                    heard.commits.iter().filter(|(_, list)| self.suffices(Words::Ends, list));
                actions.extend(enough.map(|(pair, _)| Action::Commits(place, at, *pair)));
            }
            let leader = self.bounds.shape.leader(at);
            let votes = heard.votes.values().flatten();
            let unheard = |vote: &Statement| {
                vote.signer == leader && !node.has_taken(name_of_statement(vote))
            };
            let may_tell = self.bounds.optimistic && at == view && leader != node.index();
            if may_tell && votes.clone().any(unheard) {
                actions.push(Action::LeaderVote(place, at));
            }
            if self.bounds.shape == Shape::Fast && node.may_fall_back(at) {
                self.hearing_firsts(state, (place, at), actions);
            }
        }
    }

    /// One view of a shape with many states: what would only stop a node from speaking is not heard.
    fn is_small(&self) -> bool {
        self.bounds.views == 1 && self.bounds.log_losses == 0 && self.bounds.shape != Shape::Core
    }

    /// Whether a node may find out that something of this view is final; where that only stops it from
    /// speaking, one node does.
    fn may_finish(&self, state: &State, node: &Node, view: u64) -> bool {
        let is_first = || state.nodes.iter().all(|node| !node.has_learned(2, view));
        !node.has_learned(2, view) && (!self.is_small() || is_first())
    }

    fn hearing_votes(
        &self,
        state: &State,
        (place, at): (usize, u64),
        heard: &Heard,
        actions: &mut Vec<Action>,
    ) {
        let Some(node) = state.nodes.get(place) else { return };
        for ballot in heard.ballots() {
            let backers = heard.backers(ballot);
            let is_news = !node.knows_candidate(at, &ballot.pair)
                && self.suffices(Words::Votes(at), &backers);
            let everybody = usize::from(self.bounds.shape.validators()) - 1;
            let may_finish = self.bounds.shape == Shape::Fast
                && self.may_finish(state, node, at)
                && signers_of(&backers).len() >= everybody;
            if is_news || may_finish {
                actions.push(Action::Votes(place, *ballot));
            }
        }
    }

    /// Every set of first statements of others, with everything the liar can say first. Those that
    /// make the node say nothing lead nowhere ([`Model::next_state`]): it can hear more at once later.
    fn hearing_firsts(
        &self,
        state: &State,
        (place, view): (usize, u64),
        actions: &mut Vec<Action>,
    ) {
        let Some(hearer) = state.nodes.get(place) else { return };
        let mut spoken: Vec<u16> = Vec::new();
        for (other, node) in state.nodes.iter().enumerate() {
            let is_news = !hearer.firsts().iter().any(|(signer, _)| *signer == node.index());
            if other != place && is_news && first_of(node, view).is_some() {
                spoken.push(node.index());
            }
        }
        let made = state.world.offers.values().filter(|offer| offer.header.view == view);
        let votes = made.map(|offer| Lies::Vote(offer.header.id));
        let skip = name_of(&Body::Skip { view }.encode());
        let byzantine = self.bounds.byzantine;
        let told = || hearer.firsts().iter().filter(|(signer, _)| *signer == byzantine);
        let mut lies = vec![Lies::Nothing];
        if told().next().is_none() {
            lies.push(Lies::Skip);
        }
        // The first vote that it shows to somebody is what counts there, also after its skip.
        if told().all(|(_, body)| *body == skip) {
            lies.extend(votes);
        }
        for set in 0..1u32 << spoken.len() {
            let chosen = |place: &usize| set & (1 << place) != 0;
            let places = (0..spoken.len()).filter(chosen);
            let others: Vec<u16> = places.filter_map(|i| spoken.get(i).copied()).collect();
            let said = lies.iter().map(|lies| Action::Firsts(place, view, others.clone(), *lies));
            actions.extend(said);
        }
    }

    fn losing(&self, state: &State, actions: &mut Vec<Action>) {
        let losses = state.losses;
        if losses.power < self.bounds.power_losses {
            actions.push(Action::PowerLoss);
        }
        // Who said nothing yet has nothing to forget.
        let spoke = |node: &Node| !node.said.is_empty();
        for (place, node) in state.nodes.iter().enumerate().filter(|(_, node)| spoke(node)) {
            if losses.crashes < self.bounds.crashes {
                actions.push(Action::Crash(place));
            }
            if losses.logs < self.bounds.log_losses && place == 0 {
                actions.push(Action::LoseLog(place));
            }
            let is_odd = self.bounds.odd_one == Some(node.index());
            if self.bounds.repairs && is_odd && losses.repairs == 0 {
                actions.push(Action::Repair(place));
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
        let led = (view..=view + 1)
            .filter(|at| near(*at) && self.bounds.shape.leader(*at) == self.bounds.byzantine);
        for at in led {
            let made = state.world.offers.values().filter(|offer| offer.header.view == at);
            // Two blocks of a view are enough to disagree about.
            if made.count() < 2 {
                for base in self.bases(state, at) {
                    actions.push(Action::Lie(place, at, base, 0));
                    // Which of two equal ones comes first is all the same.
                    if state.world.has_offer((at, base.kind), (base.pair, base.view)) {
                        actions.push(Action::Lie(place, at, base, 1));
                    }
                }
            }
        }
    }

    /// A node hears statements of which none is worth a second hearing where what they certify is all
    /// that counts.
    fn all(&self, node: &mut Node, list: &[Statement], world: &mut World) {
        for statement in list.iter().cloned() {
            match self.bounds.shape {
                Shape::Core => node.hear(statement, world),
                _ => node.overhear(statement, world),
            }
        }
    }

    pub(crate) fn apply(&self, state: &mut State, action: &Action) {
        let world = Arc::make_mut(&mut state.world);
        state.losses.count(action);
        match action {
            Action::PowerLoss => {
                state.nodes.iter_mut().for_each(|node| Arc::make_mut(node).restart(world));
            }
            Action::Ask(other, asker) => rejoin::ask(&mut state.nodes, *asker, *other, world),
            _ => {
                let all = state.nodes.iter().flat_map(|node| &node.said);
                let said: Vec<Said> =
                    if action.is_hearing() { all.cloned().collect() } else { Vec::new() };
                if let Some(node) = state.nodes.get_mut(action.place()) {
                    self.happen(Arc::make_mut(node), action, &said, world);
                }
            }
        }
    }

    /// Something happens to one node, when this was said.
    fn happen(&self, node: &mut Node, action: &Action, said: &[Said], world: &mut World) {
        let of = |view: &u64| sort(said.iter()).remove(view).unwrap_or_default();
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
                let mut votes = of(&ballot.view).backers(ballot);
                votes.push(world.lie(&Body::Vote { ballot: *ballot, commit_parent: false }));
                self.all(node, &votes, world);
                if !node.knows_candidate(ballot.view, &ballot.pair) {
                    // The liar said something else to this node before; others have it all the same.
                    node.receive(world::candidate(*ballot, &votes), world);
                }
                if self.bounds.shape == Shape::Fast && !node.has_learned(2, ballot.view) {
                    node.receive(world::fast_final(*ballot, &votes), world);
                }
            }
            Action::Skips(_, view) => {
                let mut skips = of(view).giving_up();
                skips.push(world.lie(&Body::Skip { view: *view }));
                self.all(node, &skips, world);
                if !node.has_learned(1, *view) {
                    node.receive(world::null(*view, &skips), world);
                }
            }
            Action::Commits(_, view, pair) => {
                let mut commits = of(view).commits.remove(pair).unwrap_or_default();
                commits.push(world.lie(&Body::Commit { view: *view, pair: *pair }));
                self.all(node, &commits, world);
            }
            Action::Firsts(_, view, others, lies) => {
                let said = said.iter().filter(|said| is_first(&said.body, *view));
                said.filter(|said| others.contains(&said.statement.signer))
                    .for_each(|said| node.hear_first(said.statement.clone(), world));
                if let Some(body) = first_lie(world, *view, *lies) {
                    node.hear_first(world.lie(&body), world);
                }
            }
            Action::LeaderVote(_, view) => {
                let leader = self.bounds.shape.leader(*view);
                let votes = of(view).votes.into_values().flatten();
                votes.filter(|vote| vote.signer == leader).for_each(|vote| node.hear(vote, world));
            }
            Action::Forged(_, view) => self.forge(node, *view, world),
            Action::Wait(_) => node.wait(world),
            Action::Crash(_) => node.restart(world),
            Action::Repair(_) => node.repair(world),
            Action::LoseLog(_) => rejoin::begin(node, self.honest(), world),
            Action::Ask(..) | Action::PowerLoss => {}
        }
    }

    /// Shows a null certificate whose only signature is the liar's.
    fn forge(&self, node: &mut Node, view: u64, world: &mut World) {
        let mine = world.lie(&Body::Skip { view });
        let borrowed = self.honest().map(|signer| Statement { signer, ..mine.clone() });
        let skips: Vec<_> = borrowed.chain([mine.clone()]).collect();
        node.receive(world::null(view, &skips), world);
    }
}

impl Action {
    /// Whether it depends on what was said.
    fn is_hearing(&self) -> bool {
        matches!(
            self,
            Self::Votes(..)
                | Self::Skips(..)
                | Self::Commits(..)
                | Self::Firsts(..)
                | Self::LeaderVote(..)
        )
    }

    fn place(&self) -> usize {
        match self {
            Self::Offer(place, _)
            | Self::Firsts(place, ..)
            | Self::Lie(place, ..)
            | Self::Votes(place, _)
            | Self::Skips(place, _)
            | Self::Commits(place, ..)
            | Self::LeaderVote(place, _)
            | Self::Forged(place, _)
            | Self::Ask(place, ..)
            | Self::Crash(place)
            | Self::Repair(place)
            | Self::LoseLog(place)
            | Self::Wait(place) => *place,
            Self::PowerLoss => usize::MAX,
        }
    }
}

/// What the liar says first, if anything.
fn first_lie(world: &World, view: u64, lies: Lies) -> Option<Body> {
    match lies {
        Lies::Nothing => None,
        Lies::Skip => Some(Body::Skip { view }),
        Lies::Vote(block) => {
            let ballot = world.ballot(world.header(&block)?);
            Some(Body::Vote { ballot, commit_parent: false })
        }
    }
}

fn is_first(body: &Body, view: u64) -> bool {
    body.view() == view && matches!(body, Body::Vote { .. } | Body::Skip { .. })
}

/// What a node said first in a view.
fn first_of(node: &Node, view: u64) -> Option<&Said> {
    node.said.iter().find(|said| is_first(&said.body, view))
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
        let mut world = World::new(self.bounds.shape, self.bounds.byzantine, self.bounds.seals_at);
        let made: Result<Vec<Node>, String> =
            self.honest().map(|index| Node::new(index, self.setup(index), &mut world)).collect();
        let made = made.map(|mut nodes| {
            rejoin::skip_to(self.bounds.starts_at, &mut nodes, &mut world);
            nodes.into_iter().map(Arc::new).collect()
        });
        // Without a state nothing is reached, and the checker says so: no block becomes final.
        let is_symmetric = self.is_small() && self.bounds.shape.leader(1) == self.bounds.byzantine;
        let world = Arc::new(world);
        let state = |nodes| State { nodes, world, losses: Losses::default(), is_symmetric };
        made.map(state).into_iter().collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let heard = judge::heard(state);
        // Who may sign in none of the views has nothing to hear.
        let awake = |node: &Node| node.asks().is_none() && node.closed() < self.bounds.views;
        for (place, node) in state.nodes.iter().enumerate().filter(|(_, node)| awake(node)) {
            self.hearing(state, place, &heard, actions);
            self.offering(state, place, actions);
            let view = node.view();
            if view <= self.bounds.views && !node.has_waited() {
                actions.push(Action::Wait(place));
            }
            if self.bounds.forges && view <= self.bounds.views {
                actions.push(Action::Forged(place, view));
            }
        }
        self.losing(state, actions);
        if self.bounds.log_losses > 0 {
            rejoin::actions(&state.nodes, actions);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        self.apply(&mut next, &action);
        if let Action::Firsts(place, ..) = action {
            let said = |state: &State| state.nodes.get(place).map(|node| node.said.len());
            return (said(&next) != said(state)).then_some(next);
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always("final blocks are on one chain", |_, s| judge::agrees(s)),
            Property::<Self>::always("an epoch ends with one pair", |_, s| judge::ends_once(s)),
            Property::<Self>::always("no view is final and null", |_, s| judge::excludes(s)),
            Property::<Self>::always("what is final is the only candidate", |_, s| {
                judge::is_alone(s)
            }),
            Property::<Self>::always("no node does what it must never", |_, s| {
                s.nodes.iter().all(|node| node.broken.is_none())
            }),
            Property::<Self>::sometimes(judge::SOMETHING, |_, s| {
                s.nodes.iter().any(|node| !node.delivered.is_empty())
            }),
        ]
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.nodes.iter().all(|node| node.broken.is_none())
    }
}
