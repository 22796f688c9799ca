//! Which states are the same but for the names of nodes.
//!
//! In: a state. Out: a number that such states share. Nodes may change places when no rule tells them
//! apart: in one view that none of them leads, and within their part of a group. Deliberately not
//! here: several views, in which each leads its own.

use crate::{
    model::State,
    node::{Node, name_of},
};

/// Orders of three nodes.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// The number of what the nodes of a state know and said.
#[must_use]
pub fn name(state: &State) -> u64 {
    let shape = state.world.shape();
    if !state.is_symmetric {
        return name_in(state, &(0..state.nodes.len()).collect::<Vec<_>>());
    }
    if shape.has_group() {
        // They hear of each other by certificates only, so their keys name nobody.
        let kind = |node: &Node| (shape.kind(node.index(), 1), node.key());
        let mut keys: Vec<(u16, u64)> = state.nodes.iter().map(|node| kind(node)).collect();
        keys.sort_unstable();
        return name_of(&keys);
    }
    ORDERS.iter().map(|order| name_in(state, order)).min().unwrap_or(0)
}

/// The number of a state whose nodes are named by their place in an order.
fn name_in(state: &State, order: &[usize]) -> u64 {
    let nodes: Vec<&Node> =
        order.iter().filter_map(|place| state.nodes.get(*place)).map(AsRef::as_ref).collect();
    // Whoever is none of them is the liar.
    let place_of = |signer: u16| nodes.iter().position(|node| node.index() == signer);
    let known = |node: &&Node| {
        let renamed = node.firsts().iter().map(|(signer, body)| (place_of(*signer), *body));
        let mut firsts: Vec<(Option<usize>, u64)> = renamed.collect();
        firsts.sort_unstable();
        (node.key(), firsts)
    };
    name_of(&nodes.iter().map(known).collect::<Vec<_>>())
}
