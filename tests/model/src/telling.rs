//! What others tell one node: proposals, certificates and statements with everybody's signatures.
//!
//! In: a block or a view, and who signs. Out: the node heard it. Not here: whether they would say so
//! (`showing`).

use crate::{
    node::Node,
    showing::First,
    world::{self, Offer, World},
};
use lft::{
    certificate::{Certificate, encode_all},
    statement::Body,
};
use plugin_api::{Hash, HeaderView, Statement};

/// Everybody says a thing.
fn all_say(world: &World, signers: &[u16], body: &Body) -> Vec<Statement> {
    signers.iter().map(|signer| world.say(*signer, body)).collect()
}

/// Somebody's vote for a block.
#[must_use]
pub fn vote(world: &World, header: &HeaderView, signer: u16) -> Statement {
    world.say(signer, &Body::Vote { ballot: world.ballot(header), commit_parent: false })
}

fn votes_of(world: &World, header: &HeaderView, signers: &[u16]) -> Vec<Statement> {
    let ballot = world.ballot(header);
    all_say(world, signers, &Body::Vote { ballot, commit_parent: false })
}

/// Somebody's first statement of a view.
#[must_use]
pub fn first(world: &World, signer: u16, view: u64, first: First) -> Statement {
    let vote = |block: &Hash| {
        let ballot = world.ballot(world.header(block)?);
        Some(Body::Vote { ballot, commit_parent: false })
    };
    let body = match &first {
        First::Vote(block) => vote(block),
        First::Skip => None,
    };
    world.say(signer, &body.unwrap_or(Body::Skip { view }))
}

/// A proposal as its leader sends it, with the certificates it stands on or without.
#[must_use]
pub fn offer(world: &World, block: Hash, signers: &[u16], with_ground: bool) -> Option<Offer> {
    let header = world.header(&block)?.clone();
    let HeaderView { view, kind, proposer, .. } = header;
    let statement = world.say(proposer, &Body::Propose { view, kind, block });
    let mut certificates: Vec<Certificate> = Vec::new();
    if with_ground {
        if let Some(parent) = world.header(&header.parent.block) {
            let votes = votes_of(world, parent, signers);
            certificates.push(world::candidate_of(world.ballot(parent), &votes));
        }
        certificates.extend((header.parent_view + 1..view).rev().map(|null| {
            world::null_of(null, &all_say(world, signers, &Body::Skip { view: null }))
        }));
    }
    let justification =
        if certificates.is_empty() { Vec::new() } else { encode_all(&certificates) };
    Some(Offer { header, statement, justification })
}

/// A node hears a candidate certificate: vote by vote without fast commit, where first votes count for
/// more than that.
pub fn candidate(node: &mut Node, block: Hash, signers: &[u16], world: &mut World) {
    let Some(header) = world.header(&block).cloned() else { return };
    let votes = votes_of(world, &header, signers);
    let ballot = world.ballot(&header);
    if world.shape().fast_quorum().is_none() {
        votes.iter().for_each(|vote| node.overhear(vote.clone(), world));
    }
    if !node.knows_certified(header.view, &ballot.pair) {
        node.receive(world::candidate(ballot, &votes), world);
    }
}

/// A node hears a null certificate, skip by skip or as one.
pub fn null(node: &mut Node, view: u64, signers: &[u16], one_by_one: bool, world: &mut World) {
    let skips = all_say(world, signers, &Body::Skip { view });
    if one_by_one {
        skips.iter().for_each(|skip| node.overhear(skip.clone(), world));
    }
    if !node.has_learned(1, view) {
        node.receive(world::null(view, &skips), world);
    }
}

/// A node hears that a block is final.
pub fn finality(node: &mut Node, block: Hash, signers: &[u16], world: &mut World) {
    let Some(header) = world.header(&block).cloned() else { return };
    let view = header.view;
    let pair = world.execute(&block, false);
    let commits = all_say(world, signers, &Body::Commit { view, pair });
    commits.iter().for_each(|commit| node.overhear(commit.clone(), world));
    if node.head_view() < view {
        node.receive(world::slow_final(view, pair, &commits), world);
    }
}

/// A node hears the vote of a leader for its own block.
pub fn leader_vote(node: &mut Node, block: Hash, world: &mut World) {
    let Some(header) = world.header(&block).cloned() else { return };
    let vote = first(world, header.proposer, header.view, First::Vote(block));
    node.hear(vote, world);
}
