//! Finding the other nodes: what this one tells radiostations, and what it keeps of what they tell.
//!
//! In: lists of radiostations, which may lie. Out: entries that their own peers signed, for the mesh. Each
//! radiostation is asked for itself: one that is dead or lies takes nothing away from the others. Deliberately
//! not here: which entries are believed and kept (`known_peers`), what is told of a radiostation
//! (`radiostations`), connections (`mesh`), who votes (that is on chain).

use super::node::Node;
use super::revocations::Lists;
use crate::channel::intake::wall_clock;
use crate::config::RadioStationTarget;
use host_identity::keyfile;
use host_rpc::directory::{
    CHANNELS_MAX, DirectoryReply, DirectoryRequest, Entry, Listed, SignedEntry, channel_tag,
};
use host_rpc::{CallError, ConnectError, PeerClient, RpcError, Target};
use host_types::{Code, Decode, Encode, Hash32, NodeName, Rejection};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the radiostation hears from this node.
const ANNOUNCE: Duration = Duration::from_secs(3);
/// How often while peers are still missing.
const ANNOUNCE_EARLY: Duration = Duration::from_millis(150);

/// The last good list serves when every radiostation is dead.
pub(super) fn remember(node: &Node) {
    node.known.recall(node.mesh.session().trust(), wall_clock());
    for known in node.known.all() {
        node.mesh.meet(&known);
    }
}

/// Keeps one radiostation told, and learns from it who else is there.
pub(super) async fn follow(node: Arc<Node>, station: RadioStationTarget) {
    let target = Target { name: station.name.clone(), address: station.address.clone() };
    let client = PeerClient::start(Arc::clone(node.mesh.session()), target);
    let (mut told, mut taken) = (None, BTreeMap::new());
    loop {
        // Read anew each time: it may have been renewed.
        let Ok(certificate) = keyfile::load_certificate(&node.config.signing.certificate) else {
            tokio::time::sleep(ANNOUNCE).await;
            continue;
        };
        let announce = DirectoryRequest::Announce(own_entry(&node, certificate));
        let announced = client.status(announce.to_bytes().into()).await;
        if matches!(announced, Err(CallError::NotConnected { .. } | CallError::Lost { .. })) {
            // It may come back without what it knew.
            taken.clear();
        }
        let refusal = announced.err().and_then(|error| refusal(&client, &error));
        if let Some(rejection) = refusal.filter(|now| told.as_ref() != Some(now)) {
            tracing::warn!(event = "radiostation.refused", code = %rejection.code, radiostation = %station.name, "the RadioStation refuses this peer: {rejection}");
            told = Some(rejection);
        }
        let list = DirectoryRequest::List { channel: None };
        let listed = client.status(list.to_bytes().into()).await.ok();
        match listed.and_then(|reply| DirectoryReply::from_bytes(&reply).ok()) {
            Some(DirectoryReply::Peers(listed)) => learn(&node, &station, listed),
            _ => node.stations.silent(&station, Instant::now()),
        }
        take_back(&node, &client, &mut taken).await;
        let pause = if is_alone(&node) { ANNOUNCE_EARLY } else { ANNOUNCE };
        tokio::time::sleep(pause).await;
    }
}

/// Brings a radiostation the revocation lists that it does not have; `taken` is what it has, or has refused.
async fn take_back(node: &Node, client: &PeerClient, taken: &mut BTreeMap<Hash32, u64>) {
    if node.lists.newer(taken).is_empty() {
        return;
    }
    // Another peer may have been faster.
    let Ok(numbers) = revoked(client, None).await else { return };
    note(&node.lists, numbers, taken);
    for (root, number, list) in node.lists.newer(taken) {
        match revoked(client, Some(list)).await {
            Ok(numbers) => note(&node.lists, numbers, taken),
            // Its disk: the list is not refused, and comes again with the next announcement.
            Err(error) if error.code() == Code::StoreFailed => {}
            // It says why in its own log; the list is not brought again before there is a newer one.
            Err(CallError::Answered { .. }) => drop(taken.insert(root, number)),
            Err(_) => return,
        }
    }
}

/// Of what a radiostation says it has, what this node has lists of: it may say anything, for ever.
fn note(lists: &Lists, numbers: Vec<(Hash32, u64)>, taken: &mut BTreeMap<Hash32, u64>) {
    taken.extend(numbers.into_iter().filter(|(root, _)| lists.has(root)));
}

/// Numbers of the lists that a radiostation has, after it has heard of this one.
async fn revoked(
    client: &PeerClient,
    list: Option<Vec<u8>>,
) -> Result<Vec<(Hash32, u64)>, CallError> {
    let request = DirectoryRequest::Revoked { list };
    let reply = client.status(request.to_bytes().into()).await?;
    match DirectoryReply::from_bytes(&reply) {
        Ok(DirectoryReply::Revoked(numbers)) => Ok(numbers),
        _ => Ok(Vec::new()),
    }
}

fn own_entry(node: &Node, certificate: Vec<u8>) -> SignedEntry {
    let mut channels: Vec<Hash32> =
        node.channels().iter().map(|c| channel_tag(c.parts().hash, &node.name)).collect();
    channels.sort_unstable();
    channels.truncate(CHANNELS_MAX);
    let entry = Entry {
        certificate,
        rpc_target: node.config.rpc.target(),
        rest_target: node.config.rest.listen.to_string(),
        channels,
        issued: wall_clock(),
    };
    entry.sign(node.mesh.session().trust().network(), &node.identity.key)
}

/// What a radiostation said against this node; none when it could not be reached, which is no news.
fn refusal(client: &PeerClient, error: &CallError) -> Option<Rejection> {
    match error {
        CallError::Answered { error: RpcError::Refused { message, .. }, .. } => {
            Some(Rejection::new(error.code(), message.clone()))
        }
        CallError::NotConnected { .. } => match client.last_error().as_deref() {
            Some(ConnectError::Refused { rejection, .. }) => Some(rejection.clone()),
            _ => None,
        },
        CallError::Answered { .. } | CallError::Lost { .. } => None,
    }
}

/// Whether validators of some channel are not connected.
fn is_alone(node: &Node) -> bool {
    node.channels().iter().any(|channel| {
        let now = channel.epoch();
        let all = now.validators.all();
        all.iter().any(|v| v.name != node.name && !channel.parts().links.is_connected(&v.name))
    })
}

/// Meets whom a radiostation names, as far as it is believed.
fn learn(node: &Node, station: &RadioStationTarget, listed: Vec<Listed>) {
    let learned = node.known.learn(node.mesh.session().trust(), wall_clock(), listed);
    for known in &learned.news {
        node.mesh.meet(known);
    }
    let open = node.mesh.connections().into_iter().filter(|(_, is_open)| *is_open);
    let connected: Vec<NodeName> = open.map(|(name, _)| name).collect();
    node.stations.heard(station, Instant::now(), &learned, &connected);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_radiostation_says_of_roots_that_nobody_asked_about_is_not_kept() {
        let (mut taken, root) = (BTreeMap::new(), |byte| Hash32::new([byte; 32]));
        let lists = Lists::default();
        for round in 0..10 {
            let numbers = (0..64).map(|byte| (root(byte), round)).collect();
            note(&lists, numbers, &mut taken);
        }
        assert_eq!(taken, BTreeMap::new());
    }
}
