//! All honest nodes together, each of which says only what `alone` saw it say.
//!
//! In: [`Together`]: deeds, weights, how many views. Out: whether two chains, or what the deeds rest on,
//! can be. A state is what was said, view by view: nodes hear all that, at any time, in any order, and who
//! spoke in one view is nobody in particular in the next. That is more than nodes can do, so what is not
//! reachable here is not reachable for them. There are two blocks in a view, on any parent: what a liar
//! leads, an honest leader can be thought to. Not here: the rule (`alone`, `weights`).

use crate::{
    deed::{COMMIT, Deed, Deeds, FALLBACK, Heard, SKIP, SUPPORT, VOTE, VOTE_OTHER, Word, turned},
    run::Checked,
    shape::Shape,
    weights::{Mask, Weights},
};
use stateright::{Checker, Model, Property};

/// Places in a state.
const PLACES: usize = 16;
/// Places of the parents of the two blocks of a view.
const PARENTS: usize = 2;
/// Views, at most.
const VIEWS_MAX: usize = 4;
/// No block.
const NONE: u8 = u8::MAX;
/// The root.
const ROOT: u8 = 0;

/// What was said: of each view the parents of two blocks, and a word of each honest node.
pub type State = [u8; PLACES];

/// Who says what: the view, the place, which block it is about, the parent of that, and the word.
pub type Act = (u8, u8, u8, u8, Word);

/// What is explored.
#[derive(Clone, Debug)]
pub struct Together {
    /// Who the validators are.
    pub shape: Shape,
    /// Views in which things happen.
    pub views: usize,
    /// What honest nodes do.
    pub deeds: Deeds,
    /// Whose signatures suffice.
    pub weights: Weights,
    /// Who lies.
    liars: Mask,
    /// By view: the honest nodes, those next to each other who may change places.
    honest: Vec<Vec<u16>>,
    /// By view: whether an honest node may change places with the next one.
    alike: Vec<Vec<bool>>,
}

/// What certificates there are, and what is final.
#[derive(Clone, Debug, Default)]
struct Sums {
    /// By block: whether it is certified, and whether it is final.
    certified: [[bool; PARENTS]; VIEWS_MAX],
    finals: [[bool; PARENTS]; VIEWS_MAX],
    /// By view.
    nulls: [bool; VIEWS_MAX],
}

fn has(table: &[bool], mask: Mask) -> bool {
    table.get(usize::from(mask)).copied().unwrap_or(false)
}

fn at<T: Copy + Default>(table: &[T], place: usize) -> T {
    table.get(place).copied().unwrap_or_default()
}

impl Sums {
    fn is_certified(&self, block: u8) -> bool {
        let (view, slot) = place_of(block);
        block == ROOT || at(&at(&self.certified, view), slot)
    }

    fn is_final(&self, (view, slot): (usize, usize)) -> bool {
        at(&at(&self.finals, view), slot)
    }

    /// Blocks that a block of this view may stand on: certified, and null views in between.
    fn parents(&self, view: usize) -> Parents {
        let mut parents = Parents::default();
        for below in (0..view).rev() {
            for block in [name_of(below, 0), name_of(below, 1)] {
                if self.is_certified(block) {
                    parents.push(block);
                }
            }
            if !at(&self.nulls, below) {
                return parents;
            }
        }
        parents.push(ROOT);
        parents
    }
}

/// A few blocks.
#[derive(Clone, Copy, Debug, Default)]
struct Parents {
    blocks: [u8; 2 * VIEWS_MAX + 1],
    count: usize,
}

impl Parents {
    fn push(&mut self, block: u8) {
        if let Some(place) = self.blocks.get_mut(self.count) {
            *place = block;
            self.count += 1;
        }
    }

    fn iter(&self) -> impl Iterator<Item = u8> {
        self.blocks.iter().copied().take(self.count)
    }
}

/// The number of a block.
fn name_of(view: usize, slot: usize) -> u8 {
    u8::try_from(1 + PARENTS * view + slot).unwrap_or(NONE)
}

/// View and slot of a block.
fn place_of(block: u8) -> (usize, usize) {
    let number = usize::from(block.saturating_sub(1));
    (number / PARENTS, number % PARENTS)
}

impl Together {
    /// All of them.
    #[must_use]
    pub fn new(shape: Shape, views: usize, liars: &[u16], deeds: Deeds, weights: Weights) -> Self {
        let kind = |view: usize, index: u16| {
            let number = u64::try_from(view + 1).unwrap_or(0);
            (shape.group(index), shape.role(index, number), shape.weight(index))
        };
        let honest = |view: usize| {
            let mut honest: Vec<u16> =
                (0..shape.validators()).filter(|i| !liars.contains(i)).collect();
            honest.sort_by_key(|index| kind(view, *index));
            honest
        };
        let honest: Vec<Vec<u16>> = (0..views).map(honest).collect();
        let alike = |(view, honest): (usize, &Vec<u16>)| {
            let neighbours = honest.iter().zip(honest.iter().skip(1));
            neighbours.map(|(a, b)| kind(view, *a) == kind(view, *b)).collect()
        };
        Self {
            shape,
            views,
            liars: liars.iter().map(|index| 1 << index).sum(),
            alike: honest.iter().enumerate().map(alike).collect(),
            honest,
            deeds,
            weights,
        }
    }

    fn stride(&self) -> usize {
        PARENTS + self.honest.first().map_or(0, Vec::len)
    }

    fn words<'a>(&self, state: &'a State, view: usize) -> &'a [Word] {
        let start = view * self.stride();
        state.get(start + PARENTS..start + self.stride()).unwrap_or_default()
    }

    fn parent(&self, state: &State, (view, slot): (usize, usize)) -> u8 {
        state.get(view * self.stride() + slot).copied().unwrap_or(NONE)
    }

    /// Those whose words hold one of these bits.
    fn who(&self, state: &State, view: usize, bits: Word) -> Mask {
        let honest = self.honest.get(view).map(Vec::as_slice).unwrap_or_default();
        let words = self.words(state, view).iter().zip(honest);
        words.fold(0, |all, (word, index)| all | (Mask::from(word & bits != 0) << index))
    }

    fn sums(&self, state: &State) -> Sums {
        let mut sums = Sums::default();
        for view in 0..self.views {
            let who = |bits| self.who(state, view, bits);
            let skips = who(SKIP | FALLBACK);
            if let Some(null) = sums.nulls.get_mut(view) {
                *null = has(&self.weights.skips, skips | self.liars);
            }
            let enough = self.weights.votes.get(view).map(Vec::as_slice).unwrap_or_default();
            for slot in 0..PARENTS {
                let seen = |bits: Word| who(if slot == 0 { bits } else { turned(bits) });
                let (votes, all, commits) = (seen(VOTE), seen(VOTE | SUPPORT), seen(COMMIT));
                let said = |mask: Mask, table: &[bool]| mask != 0 && has(table, mask | self.liars);
                if let Some(of) = sums.certified.get_mut(view).and_then(|of| of.get_mut(slot)) {
                    *of = said(all, enough);
                }
                if let Some(of) = sums.finals.get_mut(view).and_then(|of| of.get_mut(slot)) {
                    // Mixed: a vote first, supports after it.
                    *of = said(commits, &self.weights.commits)
                        || said(votes, &self.weights.firsts)
                        || (votes != 0 && said(all, &self.weights.mixed));
                }
            }
        }
        sums
    }

    /// Blocks that were voted for in lower views, and the root.
    fn made(&self, state: &State, view: usize) -> Parents {
        let mut parents = Parents::default();
        parents.push(ROOT);
        let slots = self.slots().filter(|(below, _)| *below < view);
        slots
            .filter(|slot| self.parent(state, *slot) != NONE)
            .for_each(|(below, slot)| parents.push(name_of(below, slot)));
        parents
    }

    /// Whether so many first statements can be heard: those of honest nodes, and one of each liar.
    fn is_heard(&self, state: &State, (view, slot): (usize, usize), heard: Heard) -> bool {
        if heard == Heard::default() {
            return true;
        }
        let seen = |bits: Word| if slot == 0 { bits } else { turned(bits) };
        let count = |bits: Word| self.who(state, view, seen(bits)).count_ones();
        let lacks = |needed: u8, bits| u32::from(needed).saturating_sub(count(bits));
        let lack =
            lacks(heard.this, VOTE) + lacks(heard.other, VOTE_OTHER) + lacks(heard.skips, SKIP);
        lack <= self.liars.count_ones()
    }

    /// Parents with which a deed makes sense; none when it may not be done now.
    fn parents_for(
        &self,
        (state, sums): (&State, &Sums),
        (view, slot): (usize, usize),
        deed: &Deed,
    ) -> Parents {
        let parent = self.parent(state, (view, slot));
        let is_known = parent != NONE;
        let mut parents = Parents::default();
        match deed.adds {
            VOTE | SUPPORT => {
                // Which of two blocks comes first is all the same.
                if !is_known && slot > 0 && self.parent(state, (view, 0)) == NONE {
                    return parents;
                }
                let may =
                    if deed.is_grounded { sums.parents(view) } else { self.made(state, view) };
                may.iter()
                    .filter(|made| !is_known || *made == parent)
                    .for_each(|p| parents.push(p));
            }
            COMMIT => {
                if is_known && (!deed.is_grounded || sums.is_certified(name_of(view, slot))) {
                    parents.push(parent);
                }
            }
            _ => parents.push(parent),
        }
        parents
    }

    /// Whether the lower of two blocks is the other or below it.
    fn is_on_chain(&self, state: &State, low: u8, high: u8) -> bool {
        let mut at = high;
        while at != low {
            if at == ROOT || at == NONE {
                return false;
            }
            at = self.parent(state, place_of(at));
        }
        true
    }

    fn slots(&self) -> impl Iterator<Item = (usize, usize)> + Clone {
        (0..self.views).flat_map(|view| (0..PARENTS).map(move |slot| (view, slot)))
    }

    fn agrees(&self, state: &State) -> bool {
        let sums = self.sums(state);
        let finals = self.slots().filter(|slot| sums.is_final(*slot));
        let names = finals.map(|(view, slot)| name_of(view, slot));
        let on_chain = |a, b| self.is_on_chain(state, a, b) || self.is_on_chain(state, b, a);
        names.clone().all(|a| names.clone().all(|b| on_chain(a, b)))
    }

    /// Where something is final there is no null certificate, and no candidate but that.
    fn excludes(&self, state: &State) -> bool {
        let sums = self.sums(state);
        self.slots().filter(|slot| sums.is_final(*slot)).all(|(view, slot)| {
            !at(&sums.nulls, view) && !sums.is_certified(name_of(view, 1 - slot))
        })
    }

    /// Every certified block stands on a certified one and null views; without fast commit it is the
    /// only one of its view.
    fn is_grounded(&self, state: &State) -> bool {
        let sums = self.sums(state);
        let is_fast = self.shape.fast_quorum().is_some();
        let certified = |(view, slot): (usize, usize)| sums.is_certified(name_of(view, slot));
        self.slots().filter(|slot| certified(*slot)).all(|(view, slot)| {
            let parent = self.parent(state, (view, slot));
            let stands = sums.parents(view).iter().any(|block| block == parent);
            stands && (is_fast || !certified((view, 1 - slot)))
        })
    }

    /// Who may change places: of one weight, and of one place in a group.
    fn order(&self, state: &mut State, view: usize) {
        let start = view * self.stride() + PARENTS;
        let honest = self.honest.get(view).map(Vec::as_slice).unwrap_or_default();
        let Some(words) = state.get_mut(start..start + honest.len()) else { return };
        let alike = self.alike.get(view).map(Vec::as_slice).unwrap_or_default();
        // A short list, nearly in order: by neighbours.
        for end in 1..words.len() {
            for place in (1..=end).rev() {
                let pair = words.get(place - 1..=place).unwrap_or_default();
                if !at(alike, place - 1) || pair.is_sorted() {
                    break;
                }
                words.swap(place - 1, place);
            }
        }
        let first = honest.iter().position(|index| self.shape.group(*index).is_some());
        if let Some(groups) = first.and_then(|first| words.get_mut(first..)) {
            sort_groups(groups);
        }
    }
}

/// Groups of three may change places as a whole.
fn sort_groups(words: &mut [Word]) {
    let (groups, _) = words.as_chunks_mut::<3>();
    groups.sort_unstable();
}

impl Model for Together {
    type State = State;
    type Action = Act;

    fn init_states(&self) -> Vec<State> {
        let mut state = [0; PLACES];
        for (view, slot) in self.slots() {
            if let Some(parent) = state.get_mut(view * self.stride() + slot) {
                *parent = NONE;
            }
        }
        vec![state]
    }

    fn actions(&self, state: &State, acts: &mut Vec<Act>) {
        let sums = self.sums(state);
        let number = |size: usize| u8::try_from(size).unwrap_or(NONE);
        for (view, slot) in self.slots() {
            let alike = self.alike.get(view).map(Vec::as_slice).unwrap_or_default();
            let words = self.words(state, view);
            for (place, word) in words.iter().enumerate() {
                // Of two who are in the same place one is enough.
                let is_first = place == 0 || !at(alike, place - 1) || at(words, place - 1) != *word;
                let own = if slot == 0 { *word } else { turned(*word) };
                for deed in self.deeds.after(own).filter(|_| is_first) {
                    if self.is_heard(state, (view, slot), deed.heard) {
                        let parents = self.parents_for((state, &sums), (view, slot), deed);
                        let act =
                            |parent| (number(view), number(place), number(slot), parent, deed.adds);
                        acts.extend(parents.iter().map(act));
                    }
                }
            }
        }
    }

    fn next_state(&self, state: &State, (view, place, slot, parent, adds): Act) -> Option<State> {
        let mut next = *state;
        let view = usize::from(view);
        let start = view * self.stride();
        *next.get_mut(start + usize::from(slot))? = parent;
        let adds = if slot == 0 { adds } else { turned(adds) };
        *next.get_mut(start + PARENTS + usize::from(place))? |= adds;
        self.order(&mut next, view);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always("final blocks are on one chain", |m, s| m.agrees(s)),
            Property::<Self>::always("what is final excludes all else", |m, s| m.excludes(s)),
            Property::<Self>::always("certificates stand on certificates", |m, s| m.is_grounded(s)),
            Property::<Self>::sometimes(SOMETHING, |m, s| {
                let sums = m.sums(s);
                (0..PARENTS).any(|slot| sums.is_final((m.views - 1, slot)))
            }),
        ]
    }
}

const SOMETHING: &str = "a block of the last view becomes final";

impl Together {
    /// Sees everything.
    #[must_use]
    pub fn check(self) -> Checked {
        let checker = self.checker().spawn_bfs().join();
        let discoveries = checker.discoveries();
        let is_wrong = |name: &&str| **name != *SOMETHING;
        let mut found: Vec<String> = discoveries
            .iter()
            .filter(|(name, _)| is_wrong(name))
            .map(|(name, path)| format!("not so: {name}: {:?}", path.clone().into_actions()))
            .collect();
        if found.is_empty() && !discoveries.contains_key(SOMETHING) {
            found.push(format!("never: {SOMETHING}"));
        }
        Checked {
            states: checker.unique_state_count(),
            depth: checker.max_depth(),
            is_exhausted: found.is_empty(),
            found,
        }
    }
}
