//! One node and what it was shown: which moments are the same, and what is forgotten.
//!
//! In: a node, what it was shown. Out: a number that moments share from which the same follows. Not here:
//! what may be shown next (`alone`).

use crate::{
    deed::{COMMIT, SUPPORT, VOTE, word_of},
    node::{Node, name_of, name_of_statement},
    showing::Shown,
    telling,
    world::World,
};
use lft::statement::{Ballot, Body};
use plugin_api::{Hash, ProposalKind};
use std::collections::BTreeSet;

/// A moment.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The node.
    pub node: Node,
    /// What it was shown.
    pub shown: Shown,
}

impl Stage {
    /// What decides all that it may ever do, with blocks named by what it knows of them: two that it
    /// cannot tell apart are one, and of views that are over, the kind of a block means nothing any more.
    #[must_use]
    pub fn key(&self, may_stop: bool, world: &World) -> u64 {
        let Self { node, shown } = self;
        let name = |block: Hash| self.name(block, may_stop, world);
        let mut blocks: Vec<u64> = shown.from(0).map(name).collect();
        blocks.sort_unstable();
        let given_up = node.said.iter().filter_map(|said| match said.body {
            Body::Skip { view } => Some((view, false)),
            Body::Fallback { view } => Some((view, true)),
            _ => None,
        });
        let given_up: BTreeSet<(u64, bool)> = given_up.collect();
        let nulls = |held: &BTreeSet<(u8, u64, u64)>| -> Vec<u64> {
            held.iter().filter(|(kind, ..)| *kind == 1).map(|(_, view, _)| *view).collect()
        };
        let written = may_stop.then(|| nulls(node.written()));
        let place = (node.view(), node.head_view(), node.has_waited(), node.is_odd());
        name_of(&(
            (place, node.restarts(), blocks, given_up),
            (nulls(node.learned()), written, shown.firsts_key(name)),
        ))
    }

    /// The number of all that a node knows and said of a block, and of those below it.
    fn name(&self, block: Hash, may_stop: bool, world: &World) -> u64 {
        let Self { node, .. } = self;
        let Some(header) = world.header(&block) else { return 0 };
        let pair = world.execute(&block, node.is_odd());
        let agreed = world.execute(&block, false);
        let word =
            word_of(&node.said, header.view, &agreed) | word_of(&node.said, header.view, &pair);
        // Whether its own vote, the odd one's, is for the pair that others have.
        let is_agreed = node.said.iter().any(|said| match said.body {
            Body::Vote { ballot, .. } => ballot.pair == agreed,
            _ => false,
        });
        let has_proposed = node
            .said
            .iter()
            .any(|said| matches!(said.body, Body::Propose { block: own, .. } if own == block));
        let held = |held: &BTreeSet<(u8, u64, u64)>| {
            [0, 2].map(|kind| held.contains(&(kind, header.view, name_of(&agreed))))
        };
        let is_final = node.delivered.contains(&(header.view, agreed));
        let known = (word & (VOTE | SUPPORT | COMMIT), is_agreed, has_proposed, is_final);
        let certified = (held(node.learned()), may_stop.then(|| held(node.written())));
        let vote = telling::vote(world, header, header.proposer);
        let is_ahead = header.view >= node.view();
        let ahead = is_ahead
            .then(|| (node.has_taken(name_of(&block)), node.has_taken(name_of_statement(&vote))));
        // Who stops may come back to a view that was over.
        let place = (header.kind == ProposalKind::Opt, header.parent_view);
        let place = (is_ahead || may_stop).then_some(place);
        let kind = (header.kind == ProposalKind::Closing, header.is_sealing);
        let is_asked = node.asked().contains(&block);
        let below = self.name(header.parent.block, may_stop, world);
        name_of(&(header.view, known, certified, (ahead, place), (kind, is_asked), below))
    }

    /// It is in another view, or was off: what it heard of a block that nobody certified and that it did
    /// not vote for has no more consequences, and others may be heard of.
    pub fn go_on(&mut self, world: &World) {
        let Self { node, shown } = self;
        shown.forget_firsts();
        let is_held = |view: u64, block: &Hash| {
            let spoke = node.said.iter().any(|said| match said.body {
                Body::Vote { ballot: Ballot { pair, .. }, .. }
                | Body::Support { ballot: Ballot { pair, .. } } => pair.block == *block,
                Body::Propose { block: own, .. } => own == *block,
                _ => false,
            });
            spoke || node.knows_certified(view, &world.execute(block, false))
        };
        shown.keep(node.view(), is_held, world);
    }

    /// What tells it from others in any way.
    #[must_use]
    pub fn exact(&self) -> u64 {
        let blocks: Vec<Hash> = self.shown.from(0).collect();
        name_of(&(self.node.key(), blocks, self.shown.firsts_key(|block| name_of(&block))))
    }
}
