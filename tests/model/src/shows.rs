//! Everything that one node may be shown next, and how.
//!
//! In: a moment of a node alone. Out: what may be shown, and the moment after. Not here: what it makes of
//! that (`alone`), whether the others can have said so (`showing`).

use crate::{
    alone::Alone,
    node::{Node, name_of},
    showing::{First, Ground, More, Shown},
    stage::Stage,
    telling,
    world::World,
};
use plugin_api::{Hash, ProposalKind};

/// What is shown to it next.
#[derive(Clone, Copy, Debug)]
pub enum Show {
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
    /// Its host has checked a block.
    Checked(Hash),
    /// Its patience ends.
    Wait,
    /// It stops and comes back.
    Restart,
    /// Its results become those of the others.
    Repair,
}

impl Alone {
    fn leads(&self, view: u64) -> bool {
        self.shape.leader(view) == self.index
    }

    /// Everything that may be shown now.
    pub(crate) fn shows(&self, stage: &Stage, world: &mut World) -> Vec<Show> {
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
        shows.extend(node.asked().iter().copied().map(Show::Checked));
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

    pub(crate) fn apply(&self, Stage { node, shown }: &mut Stage, show: Show, world: &mut World) {
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
            Show::Checked(block) => node.check(block, world),
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
