//! A node without its log: who answers it, what the liar answers, and earlier answers.
//!
//! In: nodes. Out: actions, and what they do. A node that comes back signs nothing before it has closed
//! what it may have signed, so nothing is lost when it hears at once what it may hear at any time: the
//! liar's answer, forged ones, earlier ones, and each answer when it is given. Until then it hears
//! nothing else: it can hear that later. Not here: when a log is lost (`model`), what must hold then
//! (`node`).

use crate::{
    model::Action,
    node::{Node, name_of},
    world::{self, World, sort},
};
use lft::{peer::PeerMessage, statement::Body};
use plugin_api::Hash;
use std::sync::Arc;

/// The question that was answered in view 1, before this one.
const EARLIER: Hash = Hash([0xEE; 32]);

/// Whom those that come back may ask.
pub fn actions(nodes: &[Arc<Node>], actions: &mut Vec<Action>) {
    for (place, asker) in nodes.iter().enumerate() {
        let Some(nonce) = asker.asks() else { continue };
        let others = nodes.iter().enumerate().filter(|(other, _)| *other != place);
        let unasked = others.filter(|(_, node)| !node.has_taken(name_of(&nonce)));
        actions.extend(unasked.map(|(other, _)| Action::Ask(other, place)));
    }
}

/// A node loses its log and hears what is there for it already.
pub fn begin(node: &mut Node, honest: impl Iterator<Item = u16>, world: &mut World) {
    node.lose_log(world);
    let byzantine = world.byzantine();
    // The liar can write any name under what it signs.
    let own = node.index();
    for signer in honest.filter(|index| *index != own).chain([byzantine]) {
        lie(node, signer, world);
    }
    hear(node, world);
}

/// One node asks another.
pub fn ask(nodes: &mut [Arc<Node>], asker: usize, other: usize, world: &mut World) {
    let Some((index, nonce)) = nodes.get(asker).and_then(|node| Some((node.index(), node.asks()?)))
    else {
        return;
    };
    if let Some(other) = nodes.get_mut(other) {
        Arc::make_mut(other).answer_to(index, nonce, world);
    }
    if let Some(asker) = nodes.get_mut(asker) {
        hear(Arc::make_mut(asker), world);
    }
}

/// A node hears all answers to it.
fn hear(node: &mut Node, world: &mut World) {
    let own = world.answers.values().filter(|answer| answer.asker == node.index());
    let own: Vec<Vec<u8>> = own.map(|answer| answer.bytes.clone()).collect();
    for bytes in own {
        node.hear_answer(bytes, world);
    }
}

/// The liar answers in somebody's name that it is in view 1: any higher view closes more.
fn lie(node: &mut Node, signer: u16, world: &mut World) {
    let Some(nonce) = node.asks() else { return };
    let body = Body::Rejoined { asker: node.index(), nonce, view: 1 };
    let statement = world.lie(&body);
    let answer = PeerMessage::Rejoined {
        signer,
        body: statement.body,
        signature: statement.signature,
        entry: None,
    };
    node.hear_answer(answer.encode(), world);
}

/// Everybody gave up on the views before this one, after answering a question of the first node.
pub fn skip_to(view: u64, nodes: &mut [Node], world: &mut World) {
    let Some(asker) = nodes.first().map(Node::index).filter(|_| view > 1) else { return };
    for node in nodes.iter_mut().skip(1) {
        node.answer_to(asker, EARLIER, world);
    }
    for past in 1..view {
        for node in nodes.iter_mut() {
            node.wait(world);
        }
        let mut heard = sort(nodes.iter().flat_map(|node| &node.said));
        let skips = heard.remove(&past).unwrap_or_default().giving_up();
        for node in nodes.iter_mut() {
            node.receive(world::null(past, &skips), world);
        }
    }
}
