//! One node, alone with whatever the others can show it: all that the shipped rule ever says.
//!
//! In: [`Alone`]: which node, which bounds. Out: [`Habits`]: every [`Deed`] of it, and what must never
//! be and was. The others are not there. Whatever they could have said may be heard at any time and in any
//! order, but for what `together` shows that they never say: two certificates that exclude each other,
//! or one without the ground it must stand on. Not here: what follows when all behave like this
//! (`together`), which certificates hold (`weights`).

use crate::{
    deed::{Deeds, deeds_of},
    node::{Node, Said, Setup, name_of},
    run::Met,
    shape::Shape,
    showing::{First, Ground, More, Shown},
    stage::Stage,
    telling,
    world::World,
};
use lft::statement::Body;
use plugin_api::{Hash, ProposalKind};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What is explored.
#[derive(Clone, Debug)]
pub struct Alone {
    /// Who the validators are.
    pub shape: Shape,
    /// Which of them it is.
    pub index: u16,
    /// Views in which things happen.
    pub views: u64,
    /// Proposals on parents that are not certified.
    pub is_optimistic: bool,
    /// Stops, each of which it comes back from with its log.
    pub restarts: u8,
    /// Its results differ in odd views, until it is put right at some time.
    pub is_odd: bool,
    /// Height of the block that seals the epoch.
    pub seals_at: Option<u64>,
    /// What makes it say nothing is shown to it only together with what does.
    pub is_lazy: bool,
    /// A planted bug of the rule.
    pub bug: Option<&'static str>,
}

impl Default for Alone {
    fn default() -> Self {
        Self {
            shape: Shape::Core,
            index: 0,
            views: 1,
            is_optimistic: true,
            restarts: 0,
            is_odd: false,
            seals_at: None,
            is_lazy: true,
            bug: None,
        }
    }
}

/// All that a node does.
#[derive(Clone, Debug, Default)]
pub struct Habits {
    /// What it says.
    pub deeds: Deeds,
    /// What it must never do, and did.
    pub broken: Option<String>,
    /// Different states of it.
    pub states: usize,
    /// Inputs it was given.
    pub steps: usize,
}

/// What is shown to it next.
#[derive(Clone, Copy, Debug)]
enum Show {
    /// A proposal.
    Offer(Hash),
    /// A proposal with the certificates it stands on.
    Justified(Hash),
    /// A proposal, and that its leader votes for it.
    Backed(Hash),
    /// That its leader votes for it.
    LeaderVote(Hash),
    /// A candidate certificate.
    Candidate(Hash),
    /// A null certificate; statement by statement, or as one.
    Null(u64, bool),
    /// That a block is final.
    Final(Hash),
    /// First statements of its view, about these blocks; or these blocks, and then that.
    Firsts([Hash; 2], More, bool),
    /// Its patience ends.
    Wait,
    /// It stops and comes back.
    Restart,
    /// Its results become those of the others.
    Repair,
}

impl Alone {
    /// Gives the node everything in every order.
    ///
    /// # Errors
    /// When the parameters are none of the rule's.
    pub fn explore(&self) -> Result<Habits, String> {
        let mut habits = Habits::default();
        let (first, mut world) = self.begin(&mut habits)?;
        let mut met = HashSet::from([self.key(&first, &world)]);
        let mut open = vec![first];
        while let Some(stage) = open.pop() {
            habits.states += 1;
            for (_, next) in self.successors(&stage, &mut world, &mut habits) {
                if met.insert(self.key(&next, &world)) {
                    open.push(next);
                }
            }
            if habits.broken.is_some() {
                break;
            }
        }
        Ok(habits)
    }

    /// Whether moments that count as one have successors that do: everything reached is compared with
    /// the first one that counted as the same.
    ///
    /// # Errors
    /// When the parameters are none of the rule's.
    pub fn compare(&self) -> Result<Met, String> {
        let mut habits = Habits::default();
        let (first, mut world) = self.begin(&mut habits)?;
        let mut known: HashMap<u64, BTreeMap<u64, String>> = HashMap::new();
        let mut exact = HashSet::new();
        let mut compared = Met::default();
        let mut open = vec![first];
        while let Some(stage) = open.pop() {
            if !exact.insert(stage.exact()) {
                continue;
            }
            let next = self.successors(&stage, &mut world, &mut habits);
            let mut keys: BTreeMap<u64, String> = BTreeMap::new();
            for (show, next) in &next {
                keys.entry(self.key(next, &world)).or_insert_with(|| format!("{show:?}"));
            }
            match known.get(&self.key(&stage, &world)) {
                Some(before) if !before.keys().eq(keys.keys()) => {
                    compared.differences.push(format!("{before:?} and {keys:?} of {stage:?}"));
                    return Ok(compared);
                }
                Some(_) => compared.again += 1,
                None => {
                    known.insert(self.key(&stage, &world), keys);
                    open.extend(next.into_iter().map(|(_, next)| next));
                }
            }
        }
        Ok(compared)
    }

    fn begin(&self, habits: &mut Habits) -> Result<(Stage, World), String> {
        let mut world = World::new(self.shape, self.shape.validators(), self.seals_at);
        let node = Node::new(self.index, self.setup(), &mut world)?;
        let mut first = Stage { node, shown: Shown::default() };
        self.note(habits, &mut first, 0, &world);
        Ok((first, world))
    }

    fn key(&self, stage: &Stage, world: &World) -> u64 {
        stage.key(stage.node.restarts() < self.restarts, world)
    }

    /// What may come of a moment, and what is said and broken on the way.
    fn successors(
        &self,
        stage: &Stage,
        world: &mut World,
        habits: &mut Habits,
    ) -> Vec<(Show, Stage)> {
        let mut successors = Vec::new();
        for show in self.shows(stage, world) {
            habits.steps += 1;
            let mut next = stage.clone();
            self.apply(&mut next, show, world);
            let before = &stage.node;
            let is_silent = next.node.said.len() == before.said.len();
            self.note(habits, &mut next, before.said.len(), world);
            if let Some(why) = habits.broken.take() {
                habits.broken = Some(format!("{why}, by {show:?}"));
                return successors;
            }
            if (next.node.view(), next.node.restarts()) != (before.view(), before.restarts()) {
                next.go_on(world);
            }
            let is_lost = is_silent && self.is_lazy && is_quiet(show, before, &next.node);
            if !is_lost && Ground::of(&next.node, &next.shown, world).stands(self.shape) {
                successors.push((show, next));
            }
        }
        successors
    }

    fn setup(&self) -> Setup {
        let optimistic = if self.is_optimistic { "on" } else { "off" };
        let mut parameters = vec![
            ("block_interval".to_owned(), "0".to_owned()),
            ("hold".to_owned(), "0".to_owned()),
            ("optimistic".to_owned(), optimistic.to_owned()),
        ];
        parameters.extend(self.shape.parameters());
        parameters.extend(self.bug.map(|bug| ("planted_bug".to_owned(), bug.to_owned())));
        Setup {
            shape: self.shape,
            parameters,
            is_guarded: true,
            is_strict: self.bug.is_none(),
            is_odd: self.is_odd,
            hears_anything: true,
        }
    }

    /// Takes down what it said since, and what it must not have.
    fn note(&self, habits: &mut Habits, stage: &mut Stage, before: usize, world: &World) {
        let Stage { node, shown } = stage;
        for end in before + 1..=node.said.len() {
            let said = node.said.get(..end).unwrap_or_default();
            let Some(last) = said.last() else { continue };
            if let Body::Propose { view, block, .. } = last.body {
                shown.block(view, block);
            }
            if let Some(why) = misplaced(last, world) {
                habits.broken.get_or_insert(why);
            }
            for (view, deed) in deeds_of(said, |pair| shown.heard(pair, said, last.body.view())) {
                if view <= self.views {
                    habits.deeds.add(deed);
                }
            }
        }
        if let Some(why) = &node.broken {
            habits.broken.get_or_insert_with(|| why.clone());
        }
    }

    fn leads(&self, view: u64) -> bool {
        self.shape.leader(view) == self.index
    }

    /// Everything that may be shown now.
    fn shows(&self, stage: &Stage, world: &mut World) -> Vec<Show> {
        let Stage { node, shown } = stage;
        let ground = Ground::of(node, shown, world);
        let mut shows = Vec::new();
        for view in node.head_view() + 1..=self.views {
            let blocks = self.blocks(stage, view, world);
            for block in blocks {
                self.certificates(stage, &ground, block, world, &mut shows);
                if view >= node.view() && !self.leads(view) {
                    self.proposals(stage, &ground, block, world, &mut shows);
                }
            }
            if !node.has_learned(1, view) && ground.with_null(view).stands(self.shape) {
                shows.push(Show::Null(view, false));
                // With fast commit they are first statements, too.
                shows.extend(self.shape.fast_quorum().is_none().then_some(Show::Null(view, true)));
            }
        }
        if node.view() <= self.views && !node.has_waited() {
            shows.push(Show::Wait);
        }
        if node.restarts() < self.restarts && !node.said.is_empty() {
            shows.push(Show::Restart);
        }
        if node.is_odd() && !node.said.is_empty() {
            shows.push(Show::Repair);
        }
        if self.shape.fast_quorum().is_some() && node.view() <= self.views {
            self.firsts(stage, world, &mut shows);
        }
        shows
    }

    /// First statements of others, with fast commit: about blocks that it knows, or two that it does not.
    fn firsts(&self, stage: &Stage, world: &mut World, shows: &mut Vec<Show>) {
        let Stage { node, shown } = stage;
        let view = node.view();
        let mut known: Vec<Hash> = shown.of(view).collect();
        let mut others = self.blocks(stage, view, world);
        others.retain(|block| !known.contains(block));
        known.truncate(2);
        if others.is_empty() {
            known.resize(2, Hash::ZERO);
        }
        let has_leader = !self.leads(view);
        let signers = usize::from(self.shape.validators()) - 1 - usize::from(has_leader);
        for blocks in pairs(&known, &others) {
            let more = shown.firsts_after(signers, blocks, has_leader);
            // To be told nothing of a further block is the same for all of those.
            let is_same = |more: &More, place: usize, block: &Hash| {
                let is_told = more.0.get(place).is_some_and(|count| *count > 0)
                    || more.1 == Some(First::Vote(*block));
                place < known.len() || is_told || others.first() == Some(block)
            };
            let more = more.into_iter().filter(|more| {
                blocks.iter().enumerate().all(|(place, block)| is_same(more, place, block))
            });
            for more in more {
                shows.push(Show::Firsts(blocks, more, false));
                if told(blocks, &more).any(|block| has_leader && !node.has_taken(name_of(&block))) {
                    shows.push(Show::Firsts(blocks, more, true));
                }
            }
        }
    }

    fn certificates(
        &self,
        Stage { node, .. }: &Stage,
        ground: &Ground,
        block: Hash,
        world: &World,
        shows: &mut Vec<Show>,
    ) {
        let Some(header) = world.header(&block) else { return };
        if !world.is_placed(header) {
            return;
        }
        let pair = world.execute(&block, false);
        let with = ground.with_candidate(block, world);
        if !node.knows_certified(header.view, &pair) && with.stands(self.shape) {
            shows.push(Show::Candidate(block));
        }
        if node.head_view() < header.view && with.with_final(header.view).stands(self.shape) {
            shows.push(Show::Final(block));
        }
    }

    fn proposals(
        &self,
        Stage { node, shown }: &Stage,
        ground: &Ground,
        block: Hash,
        world: &World,
        shows: &mut Vec<Show>,
    ) {
        let Some(header) = world.header(&block) else { return };
        let is_new = !node.has_taken(name_of(&block));
        if is_new && header.view <= node.view() + 1 {
            shows.push(Show::Offer(block));
        }
        let parent = (header.parent_view, header.parent);
        let is_known = node.knows_certified(parent.0, &parent.1)
            && (parent.0 + 1..header.view).all(|view| node.has_learned(1, view));
        let is_real = world.header(&parent.1.block).is_none_or(|below| world.is_placed(below));
        if is_new && !is_known && is_real && ground.with_ground_of(header, world).stands(self.shape)
        {
            shows.push(Show::Justified(block));
        }
        let may_back = self.shape.fast_quorum().is_none() || shown.awaits_leader();
        if header.kind == ProposalKind::Opt && header.view == node.view() && may_back {
            let backed = if is_new { Show::Backed(block) } else { Show::LeaderVote(block) };
            shows.push(backed);
        }
    }

    /// Blocks of a view, shown already or not: two at most.
    fn blocks(&self, stage: &Stage, view: u64, world: &mut World) -> Vec<Hash> {
        let mut blocks: Vec<Hash> = stage.shown.of(view).collect();
        if blocks.len() >= 2 || self.leads(view) {
            return blocks;
        }
        let root = (world.root_pair(), 0);
        let below = stage.shown.below(view).map(|(at, block)| (world.execute(&block, false), at));
        let mut bases: Vec<_> = [root].into_iter().chain(below).collect();
        // The root as if it were of the view before.
        bases.extend((view > 1).then_some((root.0, view - 1)));
        let proposer = self.shape.leader(view);
        for (parent, at) in bases {
            let mut kinds = vec![ProposalKind::Norm];
            kinds.extend((self.is_optimistic && at + 1 == view).then_some(ProposalKind::Opt));
            kinds.extend(self.seals_at.map(|_| ProposalKind::Closing));
            for kind in kinds {
                let made = (0..2).filter_map(|variant| {
                    world.build(proposer, (view, kind), (parent, at), variant)
                });
                let made: Vec<Hash> = made.map(|header| header.id).collect();
                // Which of two equal ones comes first is all the same.
                let fresh = made.into_iter().find(|block| !stage.shown.has(view, *block));
                blocks.extend(fresh);
            }
        }
        blocks
    }

    fn apply(&self, Stage { node, shown }: &mut Stage, show: Show, world: &mut World) {
        let others = self.others();
        match show {
            Show::Offer(block) | Show::Justified(block) | Show::Backed(block) => {
                let with_ground = matches!(show, Show::Justified(_));
                shown.chain(block, world);
                if let Some(offer) = telling::offer(world, block, &others, with_ground) {
                    node.consider(&offer, world);
                }
                if matches!(show, Show::Backed(_)) {
                    self.hear_leader((node, shown), block, world);
                }
            }
            Show::LeaderVote(block) => self.hear_leader((node, shown), block, world),
            Show::Candidate(block) => {
                shown.chain(block, world);
                telling::candidate(node, block, &others, world);
            }
            Show::Null(at, one_by_one) => telling::null(node, at, &others, one_by_one, world),
            Show::Final(block) => {
                shown.chain(block, world);
                telling::finality(node, block, &others, world);
            }
            Show::Firsts(blocks, more, are_there) => {
                for block in told(blocks, &more).filter(|_| are_there) {
                    if let Some(offer) = telling::offer(world, block, &others, false) {
                        node.consider(&offer, world);
                    }
                }
                self.tell((node, shown), blocks, more, world);
            }
            Show::Wait => node.wait(world),
            Show::Restart => node.restart(world),
            Show::Repair => node.repair(world),
        }
    }

    fn tell(
        &self,
        (node, shown): (&mut Node, &mut Shown),
        blocks: [Hash; 2],
        more: More,
        world: &mut World,
    ) {
        let view = node.view();
        let names = (self.index, self.shape.leader(view));
        for (signer, first) in shown.tell_firsts(more, blocks, names) {
            if let First::Vote(block) = first {
                shown.block(view, block);
            }
            node.overhear(telling::first(world, signer, view, first), world);
        }
    }

    /// It hears the vote of a leader for its own block.
    fn hear_leader(&self, (node, shown): (&mut Node, &mut Shown), block: Hash, world: &mut World) {
        if self.shape.fast_quorum().is_none() {
            return telling::leader_vote(node, block, world);
        }
        let Some(view) = world.header(&block).map(|header| header.view) else { return };
        if view == node.view() && shown.awaits_leader() {
            let more = ([0; 3], Some(First::Vote(block)));
            self.tell((node, shown), [Hash::ZERO; 2], more, world);
        }
    }

    fn others(&self) -> Vec<u16> {
        (0..self.shape.validators()).filter(|other| *other != self.index).collect()
    }
}

/// Those of the blocks that somebody is told to have voted for.
fn told(blocks: [Hash; 2], more: &More) -> impl Iterator<Item = Hash> {
    let (counts, leader) = *more;
    let is_told = move |(place, block): &(usize, Hash)| {
        leader == Some(First::Vote(*block)) || counts.get(*place).is_some_and(|count| *count > 0)
    };
    blocks.into_iter().enumerate().filter(is_told).map(|(_, block)| block)
}

/// Two blocks of a view, those that are known first.
fn pairs(known: &[Hash], others: &[Hash]) -> Vec<[Hash; 2]> {
    match known {
        [first, second, ..] => vec![[*first, *second]],
        [first] => others.iter().map(|other| [*first, *other]).collect(),
        [] => {
            let from = |place: usize| others.get(place + 1..).unwrap_or_default();
            let places = others.iter().enumerate();
            places.flat_map(|(at, a)| from(at).iter().map(|b| [*a, *b])).collect()
        }
    }
}

/// What can be shown later just as well: it said nothing, and is where it was.
fn is_quiet(show: Show, before: &Node, after: &Node) -> bool {
    let place = |node: &Node| (node.view(), node.head_view());
    place(before) == place(after) && !matches!(show, Show::Restart | Show::Repair)
}

/// What no certificate allows: a vote on what it may not follow, a commit of the root.
fn misplaced(said: &Said, world: &World) -> Option<String> {
    let Body::Vote { ballot, commit_parent } = &said.body else { return None };
    if *commit_parent && ballot.parent_view == 0 {
        return Some("it commits the root".to_owned());
    }
    let header = world.header(&ballot.pair.block)?;
    (!world.is_placed(header)).then(|| "it votes for what may not follow its parent".to_owned())
}
