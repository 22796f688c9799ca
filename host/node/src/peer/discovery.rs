//! Finding the other nodes: what this one tells radiostations, and what it keeps of what they tell.
//!
//! In: lists of a radiostation, which may lie. Out: entries that their own peers signed, for the mesh; the
//! last good list on disk, which serves when no radiostation is left. An entry that is forged, of another
//! network or older than one that is known counts for nothing, and a list that leaves somebody out makes
//! nobody forgotten. Deliberately not here: connections (`mesh`), who votes (that is on chain).

use super::node::Node;
use crate::channel::intake::wall_clock;
use host_identity::keyfile;
use host_rpc::directory::{
    CHANNELS_MAX, DirectoryReply, DirectoryRequest, Entry, LISTED_MAX, Listed, VerifiedEntry,
    channel_tag,
};
use host_rpc::{CallError, ConnectError, PeerClient, RpcError, Target};
use host_types::{Decode, Encode, Hash32, NodeName, Rejection};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often the radiostation hears from this node.
const ANNOUNCE: Duration = Duration::from_secs(3);
/// How often while peers are still missing.
const ANNOUNCE_EARLY: Duration = Duration::from_millis(150);

/// Keeps one radiostation told, and learns from it who else is there.
pub(super) async fn follow(node: Arc<Node>, target: String) {
    remembered(&node);
    let Some(name) = radiostation_name(&node) else { return };
    let client =
        PeerClient::start(Arc::clone(node.mesh.session()), Target { name, address: target });
    let mut told = None;
    loop {
        // Read anew each time: it may have been renewed.
        let Ok(certificate) = keyfile::load_certificate(&node.config.signing.certificate) else {
            tokio::time::sleep(ANNOUNCE).await;
            continue;
        };
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
        let network = node.mesh.session().trust().network();
        let signed = entry.sign(network, &node.identity.key);
        let announce = DirectoryRequest::Announce(signed);
        let announced = client.status(announce.to_bytes().into()).await;
        let refusal = announced.err().and_then(|error| refusal(&client, &error));
        if let Some(rejection) = refusal.filter(|now| told.as_ref() != Some(now)) {
            tracing::warn!(event = "radiostation.refused", code = %rejection.code, "the RadioStation refuses this peer: {rejection}");
            told = Some(rejection);
        }
        let list = DirectoryRequest::List { channel: None };
        if let Ok(reply) = client.status(list.to_bytes().into()).await
            && let Ok(DirectoryReply::Peers(listed)) = DirectoryReply::from_bytes(&reply)
        {
            learn(&node, listed);
        }
        let pause = if is_alone(&node) { ANNOUNCE_EARLY } else { ANNOUNCE };
        tokio::time::sleep(pause).await;
    }
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

/// Who must answer at the radiostation's address.
fn radiostation_name(node: &Node) -> Option<NodeName> {
    let named = &node.config.network.radiostation;
    NodeName::new(if named.is_empty() { "bank-a/radiostation" } else { named })
}

fn memory(node: &Node) -> PathBuf {
    node.config.data_dir.join("peers.list")
}

/// The last good list serves when every radiostation is dead.
fn remembered(node: &Node) {
    for known in kept(node) {
        node.mesh.meet(&known.verified);
    }
}

/// A list that is believed, entry by entry.
struct Known {
    listed: Listed,
    verified: VerifiedEntry,
}

fn believed(node: &Node, listed: Vec<Listed>) -> Vec<Known> {
    let (trust, now) = (node.mesh.session().trust(), wall_clock());
    let check = |listed: Listed| {
        let verified = listed.entry.verify(trust, now).ok()?;
        Some(Known { listed, verified })
    };
    listed.into_iter().filter_map(check).collect()
}

/// What is on disk, as far as it is believed today.
fn kept(node: &Node) -> Vec<Known> {
    let Ok(bytes) = std::fs::read(memory(node)) else { return Vec::new() };
    match DirectoryReply::from_bytes(&bytes) {
        Ok(DirectoryReply::Peers(listed)) => believed(node, listed),
        _ => Vec::new(),
    }
}

/// Meets whom a radiostation names, and keeps what it said beside what is known already: it can tell
/// less than it told before, or tell it again later, and takes nothing away by that.
fn learn(node: &Node, listed: Vec<Listed>) {
    let news = believed(node, listed);
    for known in &news {
        node.mesh.meet(&known.verified);
    }
    let all = merged(kept(node), news).into_values();
    let list = DirectoryReply::Peers(all.map(|known| known.listed).collect());
    let (path, part) = (memory(node), node.config.data_dir.join("peers.list.part"));
    // Losing it only costs time when the radiostation is dead at the next start.
    std::fs::write(&part, list.to_bytes()).and_then(|()| std::fs::rename(&part, &path)).ok();
}

/// Of each name what it said last. When there are too many, those who spoke last.
fn merged(old: Vec<Known>, news: Vec<Known>) -> BTreeMap<NodeName, Known> {
    let mut all: BTreeMap<NodeName, Known> = BTreeMap::new();
    for known in old.into_iter().chain(news) {
        let is_stale = all
            .get(&known.verified.name)
            .is_some_and(|other| other.verified.entry.issued > known.verified.entry.issued);
        if !is_stale {
            all.insert(known.verified.name.clone(), known);
        }
    }
    while all.len() > LISTED_MAX {
        let oldest = all.iter().min_by_key(|(_, known)| known.verified.entry.issued);
        let Some(name) = oldest.map(|(name, _)| name.clone()) else { break };
        all.remove(&name);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_identity::SigningKey;
    use host_types::{BlockTime, NetworkId};

    fn known(name: &str, target: &str, issued: u64) -> Known {
        let entry = Entry {
            certificate: Vec::new(),
            rpc_target: target.to_owned(),
            rest_target: String::new(),
            channels: Vec::new(),
            issued: BlockTime::new(issued),
        };
        let name = NodeName::new(name).unwrap();
        let verified = VerifiedEntry { entry: entry.clone(), name, public_key: [1; 32] };
        let entry = entry.sign(NetworkId::default(), &SigningKey::from_seed([1; 32]));
        let (order, is_connected, status_since) = (1, true, BlockTime::new(0));
        Known { listed: Listed { order, is_connected, status_since, entry }, verified }
    }

    fn targets(all: &BTreeMap<NodeName, Known>) -> Vec<(&str, &str)> {
        let target = |known: &'_ Known| known.listed.entry.entry().rpc_target.clone();
        let same = all.values().all(|k| target(k) == k.verified.entry.rpc_target);
        assert!(same);
        all.iter().map(|(n, k)| (n.as_str(), k.verified.entry.rpc_target.as_str())).collect()
    }

    #[test]
    fn a_list_that_is_shorter_or_older_takes_nothing_away() {
        let [a, b] = ["bank-a/peer0", "bank-b/peer0"];
        let old = || vec![known(a, "new:1", 9), known(b, "b:1", 5)];
        assert_eq!(targets(&merged(old(), vec![])), [(a, "new:1"), (b, "b:1")]);
        let stale = vec![known(a, "old:1", 8)];
        assert_eq!(targets(&merged(old(), stale)), [(a, "new:1"), (b, "b:1")]);
        let moved = vec![known(b, "b:2", 6)];
        assert_eq!(targets(&merged(old(), moved)), [(a, "new:1"), (b, "b:2")]);
    }

    #[test]
    fn what_is_kept_has_a_bound_and_the_longest_silent_go() {
        let count = u64::try_from(LISTED_MAX).unwrap() + 1;
        let many = (0..count).map(|n| known(&format!("bank-a/peer{n}"), "a:1", n + 1)).collect();
        let all = merged(vec![], many);
        assert_eq!(all.len(), LISTED_MAX);
        assert!(!all.contains_key(&NodeName::new("bank-a/peer0").unwrap()));
    }
}
