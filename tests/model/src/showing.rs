//! What one node was shown, and what that implies.
//!
//! In: blocks, first statements, certificates. Out: whether all of it can have been said by others that
//! keep the lemmas which `together` proves. Not here: the node (`node`), what is shown next (`alone`).

use crate::{
    deed::Heard,
    node::{Node, Said, name_of},
    shape::Shape,
    world::World,
};
use lft::statement::Body;
use plugin_api::{Hash, HeaderView, Pair};
use std::collections::{BTreeMap, BTreeSet};

/// What somebody says first in a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum First {
    /// A vote.
    Vote(Hash),
    /// A skip.
    Skip,
}

/// So many more that vote for the first block of a view, for the second, and that skip; and what its
/// leader says.
pub type More = ([usize; 3], Option<First>);

/// Blocks a node was shown, and first statements of its view.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    blocks: BTreeSet<(u64, Hash)>,
    /// How many others than the leader say a thing: which of them is all the same.
    firsts: BTreeMap<First, usize>,
    leader: Option<First>,
}

impl Shown {
    /// What tells the first statements from others, with blocks by these names.
    #[must_use]
    pub fn firsts_key(&self, name: impl Fn(Hash) -> u64) -> u64 {
        let number = |first: &First| match first {
            First::Vote(block) => name(*block),
            First::Skip => 0,
        };
        let mut firsts: Vec<(u64, usize)> =
            self.firsts.iter().map(|(first, count)| (number(first), *count)).collect();
        firsts.sort_unstable();
        name_of(&(firsts, self.leader.as_ref().map(number)))
    }

    /// A block of a view is there.
    pub fn block(&mut self, view: u64, block: Hash) {
        self.blocks.insert((view, block));
    }

    /// A block is there with everything below it.
    pub fn chain(&mut self, block: Hash, world: &World) {
        let mut at = block;
        while let Some(header) = world.header(&at) {
            self.blocks.insert((header.view, at));
            at = header.parent.block;
        }
    }

    /// Blocks of a view.
    pub fn of(&self, view: u64) -> impl Iterator<Item = Hash> {
        self.blocks.range((view, Hash([0; 32]))..=(view, Hash([0xFF; 32]))).map(|(_, block)| *block)
    }

    /// Blocks of lower views.
    pub fn below(&self, view: u64) -> impl Iterator<Item = (u64, Hash)> {
        self.blocks.range(..(view, Hash([0; 32]))).copied()
    }

    /// Blocks of this view and later ones.
    pub fn from(&self, view: u64) -> impl Iterator<Item = Hash> {
        self.blocks.range((view, Hash([0; 32]))..).map(|(_, block)| *block)
    }

    /// Forgets blocks of views before this one, but for some and what those stand on.
    pub fn keep(&mut self, view: u64, is_held: impl Fn(u64, &Hash) -> bool, world: &World) {
        let all = std::mem::take(&mut self.blocks);
        for (at, block) in all.into_iter().filter(|(at, block)| *at >= view || is_held(*at, block))
        {
            self.blocks.insert((at, block));
            self.chain(block, world);
        }
    }

    /// Whether this one is there.
    #[must_use]
    pub fn has(&self, view: u64, block: Hash) -> bool {
        self.blocks.contains(&(view, block))
    }

    /// The view is over.
    pub fn forget_firsts(&mut self) {
        self.firsts.clear();
        self.leader = None;
    }

    /// Whether the leader of the view said nothing yet.
    #[must_use]
    pub fn awaits_leader(&self) -> bool {
        self.leader.is_none()
    }

    /// First statements that may be told next: of `others`, and of a leader that is none of them.
    #[must_use]
    pub fn firsts_after(&self, others: usize, blocks: [Hash; 2], has_leader: bool) -> Vec<More> {
        let room = others.saturating_sub(self.firsts.values().sum());
        let mut leaders = vec![None];
        if has_leader && self.leader.is_none() {
            let made = blocks.into_iter().filter(|block| *block != Hash::ZERO);
            leaders.extend(made.map(|block| Some(First::Vote(block))));
            leaders.push(Some(First::Skip));
        }
        let is_block = |place: usize| blocks.get(place).is_some_and(|block| *block != Hash::ZERO);
        let most = |place: usize, left: usize| if is_block(place) { left } else { 0 };
        let mut all = Vec::new();
        for first in 0..=most(0, room) {
            for second in 0..=most(1, room - first) {
                for skips in 0..=room - first - second {
                    all.extend(leaders.iter().map(|leader| ([first, second, skips], *leader)));
                }
            }
        }
        all.retain(|more| *more != ([0; 3], None));
        all
    }

    /// They are told: who says what. Everyone but this node and the leader comes in turn.
    pub fn tell_firsts(
        &mut self,
        (more, leader): More,
        blocks: [Hash; 2],
        (own, leading): (u16, u16),
    ) -> Vec<(u16, First)> {
        let told: usize = self.firsts.values().sum();
        let others = (0..u16::MAX).filter(|signer| *signer != own && *signer != leading);
        let mut signers = others.skip(told);
        let mut said = Vec::new();
        for (place, count) in more.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            let first = blocks.get(place).map_or(First::Skip, |block| First::Vote(*block));
            let first = if place == 2 { First::Skip } else { first };
            *self.firsts.entry(first).or_default() += count;
            said.extend(signers.by_ref().take(count).map(|signer| (signer, first)));
        }
        self.leader = leader.or(self.leader);
        said.extend(leader.map(|first| (leading, first)));
        said
    }

    /// First statements it heard, its own included, seen from a pair of the view.
    #[must_use]
    pub fn heard(&self, pair: &Pair, own: &[Said], view: u64) -> Heard {
        let mut firsts = self.firsts.clone();
        if let Some(first) = self.leader {
            *firsts.entry(first).or_default() += 1;
        }
        let own = own.iter().find_map(|said| match said.body {
            Body::Vote { ballot, .. } if ballot.view == view => {
                Some(First::Vote(ballot.pair.block))
            }
            Body::Skip { view: at } if at == view => Some(First::Skip),
            _ => None,
        });
        if let Some(first) = own {
            *firsts.entry(first).or_default() += 1;
        }
        let mut heard = Heard::default();
        for (first, count) in firsts {
            let count = u8::try_from(count).unwrap_or(u8::MAX);
            match first {
                First::Skip => heard.skips += count,
                First::Vote(block) if block == pair.block => heard.this += count,
                First::Vote(_) => heard.other += count,
            }
        }
        heard
    }
}

/// Certificates that exist when those that a node holds do.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    candidates: BTreeMap<u64, BTreeSet<Hash>>,
    nulls: BTreeSet<u64>,
    finals: BTreeSet<u64>,
    is_false: bool,
}

impl Ground {
    /// What a node holds, and what that stands on.
    #[must_use]
    pub fn of(node: &Node, shown: &Shown, world: &World) -> Self {
        let mut ground = Self::default();
        for (kind, view, name) in node.learned() {
            let is_it = |block: &Hash| name_of(&world.execute(block, false)) == *name;
            match (kind, shown.of(*view).find(is_it)) {
                (1, _) => drop(ground.nulls.insert(*view)),
                (_, Some(block)) => ground.certify(block, world),
                // A certificate of what was never shown.
                (_, None) => ground.is_false = true,
            }
            ground.finals.extend((*kind == 2).then_some(*view));
        }
        for (_, pair) in &node.delivered {
            ground.certify(pair.block, world);
        }
        ground.finals.extend(Some(node.head_view()).filter(|view| *view > 0));
        ground
    }

    fn certify(&mut self, block: Hash, world: &World) {
        let mut at = block;
        while let Some(header) = world.header(&at) {
            self.is_false |= !world.is_placed(header);
            self.candidates.entry(header.view).or_default().insert(at);
            self.nulls.extend(header.parent_view + 1..header.view);
            at = header.parent.block;
        }
    }

    /// With one more candidate certificate.
    #[must_use]
    pub fn with_candidate(&self, block: Hash, world: &World) -> Self {
        let mut more = self.clone();
        more.certify(block, world);
        more
    }

    /// With one more null certificate.
    #[must_use]
    pub fn with_null(&self, view: u64) -> Self {
        let mut more = self.clone();
        more.nulls.insert(view);
        more
    }

    /// With something final in this view.
    #[must_use]
    pub fn with_final(&self, view: u64) -> Self {
        let mut more = self.clone();
        more.finals.insert(view);
        more
    }

    /// With everything that a block stands on.
    #[must_use]
    pub fn with_ground_of(&self, header: &HeaderView, world: &World) -> Self {
        let mut more = self.clone();
        more.certify(header.parent.block, world);
        more.nulls.extend(header.parent_view + 1..header.view);
        more
    }

    /// Whether all of that can be: one candidate in a view (with fast commit when something is final
    /// there), and nothing final in a null one.
    #[must_use]
    pub fn stands(&self, shape: Shape) -> bool {
        let is_fast = shape.fast_quorum().is_some();
        let is_one = |(view, blocks): (&u64, &BTreeSet<Hash>)| {
            blocks.len() <= 1 || (is_fast && !self.finals.contains(view))
        };
        !self.is_false && self.candidates.iter().all(is_one) && self.finals.is_disjoint(&self.nulls)
    }
}
