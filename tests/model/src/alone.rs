//! One node, alone with whatever the others can show it: all that the shipped rule ever says.
//!
//! In: [`Alone`]: which node, which bounds. Out: [`Habits`]: every `Deed` of it, and what must never
//! be and was. The others are not there. Whatever they could have said may be heard at any time and in any
//! order, but for what `together` shows that they never say: two certificates that exclude each other,
//! or one without the ground it must stand on. Not here: what follows when all behave like this
//! (`together`), which certificates hold (`weights`).

use crate::{
    deed::{Deeds, deeds_of},
    node::{Node, Said, Setup},
    run::Met,
    shape::Shape,
    showing::{Ground, Shown},
    shows::Show,
    stage::Stage,
    world::World,
};
use lft::statement::Body;
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
    /// Its host takes its time to check blocks.
    pub is_late: bool,
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
            is_late: false,
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
            is_late: self.is_late,
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
}

/// What can be shown later just as well: it said nothing, and is where it was.
fn is_quiet(show: Show, before: &Node, after: &Node) -> bool {
    let place = |node: &Node| (node.view(), node.head_view());
    place(before) == place(after)
        && before.asked() == after.asked()
        && !matches!(show, Show::Restart | Show::Repair)
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
