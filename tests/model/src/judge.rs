//! What must hold in every state, by counting signatures alone.
//!
//! In: a state. Out: yes or no. The liar has signed everything, so it is added to every count. Not
//! here: what a single node must never do (`node`).

use crate::{
    model::State,
    shape::Words,
    world::{Heard, signers_of, sort},
};
use lft::statement::Body;
use plugin_api::{Pair, Statement};
use std::collections::{BTreeMap, BTreeSet};

/// The one property that must be reachable: without it nothing was shown.
pub const SOMETHING: &str = "a block becomes final";

/// What honest nodes said, by view.
#[must_use]
pub fn heard(state: &State) -> BTreeMap<u64, Heard> {
    sort(state.nodes.iter().flat_map(|node| &node.said))
}

/// Weight of these and the liar.
fn weigh(state: &State, words: Words, list: &[Statement]) -> usize {
    let mut signers = signers_of(list);
    signers.insert(state.world.byzantine());
    state.world.shape().weigh(words, &signers)
}

/// Whether anybody said what may make something final: most states are early ones.
fn may_be_final(state: &State) -> bool {
    let is_fast = state.world.shape().fast_quorum().is_some();
    state.nodes.iter().flat_map(|node| &node.said).any(|said| match said.body {
        Body::Commit { .. } => true,
        Body::Vote { commit_parent, .. } => commit_parent || is_fast,
        _ => false,
    })
}

/// Pairs that statements of honest nodes and the liar's prove final.
fn proved(state: &State, heard: &BTreeMap<u64, Heard>) -> BTreeSet<(u64, Pair)> {
    let mut finals = BTreeSet::new();
    for (&view, heard) in heard {
        let enough =
            |list: &[Statement]| weigh(state, Words::Ends, list) >= state.world.shape().quorum();
        let slow = heard.commits.iter().filter(|(_, list)| enough(list));
        finals.extend(slow.map(|(pair, _)| (view, *pair)));
        if let Some(needed) = state.world.shape().fast_quorum() {
            let fast = |list: &[Statement]| weigh(state, Words::Votes(view), list) >= needed;
            let fast = heard.votes.iter().filter(|(_, list)| fast(list));
            finals.extend(fast.map(|(ballot, _)| (view, ballot.pair)));
        }
    }
    finals
}

fn finals(state: &State) -> BTreeSet<(u64, Pair)> {
    let mut finals = BTreeSet::new();
    if may_be_final(state) {
        finals = proved(state, &heard(state));
    }
    finals.extend(state.nodes.iter().flat_map(|node| &node.delivered));
    finals
}

/// Whatever is final is on one chain.
#[must_use]
pub fn agrees(state: &State) -> bool {
    let finals = finals(state);
    let on_chain = |a: &Pair, b: &Pair| state.world.is_on_chain(a, b);
    finals.iter().all(|(_, a)| finals.iter().all(|(_, b)| on_chain(a, b) || on_chain(b, a)))
}

/// Whatever is final ends the epoch with one pair, and only closing blocks stand above that.
#[must_use]
pub fn ends_once(state: &State) -> bool {
    let finals = finals(state);
    let ends: Result<Vec<_>, _> = finals.iter().map(|(_, pair)| state.world.end_of(pair)).collect();
    let Ok(ends) = ends else { return false };
    let ends: BTreeSet<Pair> = ends.into_iter().flatten().collect();
    ends.len() <= 1
}

/// A block below a final one may stand in a null view; one that was committed itself may not.
#[must_use]
pub fn excludes(state: &State) -> bool {
    if !may_be_final(state) {
        return true;
    }
    let heard = heard(state);
    proved(state, &heard).iter().all(|(view, _)| {
        let skips = heard.get(view).map(Heard::giving_up).unwrap_or_default();
        weigh(state, Words::Ends, &skips) < state.world.shape().quorum()
    })
}

/// In the view of what is final nothing else is certified.
#[must_use]
pub fn is_alone(state: &State) -> bool {
    if !may_be_final(state) {
        return true;
    }
    let all = heard(state);
    proved(state, &all).iter().all(|(view, pair)| {
        let Some(heard) = all.get(view) else { return true };
        heard.ballots().filter(|ballot| ballot.pair != *pair).all(|other| {
            weigh(state, Words::Votes(*view), &heard.backers(other)) < state.world.shape().quorum()
        })
    })
}
