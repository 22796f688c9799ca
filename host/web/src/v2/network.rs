//! `GET /network` and `/network/peers`: who else is there, as far as this node's channels tell. What
//! a node sees of others is its own: another one may see others.

use super::{Answer, ok};
use crate::json::Json;
use crate::router::PeerApi;
use crate::seen::Seen;
use host_rpc::gateway::ChannelStatus;
use host_types::NodeName;
use std::collections::{BTreeMap, BTreeSet};

/// The state of all channels; one that cannot be asked now is left out.
async fn statuses(api: &PeerApi) -> Vec<ChannelStatus> {
    let mut statuses = Vec::new();
    for name in api.gateway.channels() {
        if let Ok(status) = api.gateway.channel(&name).await {
            statuses.push(status);
        }
    }
    statuses
}

/// The node, its channels, and the organisations that vote on them.
pub(crate) async fn one(Seen(api): Seen) -> Answer {
    let (node, statuses) = (api.gateway.node(), statuses(&api).await);
    let validators = statuses.iter().flat_map(|status| &status.validators);
    let names: BTreeSet<&NodeName> = validators.map(|validator| &validator.name).collect();
    let organisations: BTreeSet<&str> = names.iter().map(|name| name.organisation()).collect();
    let channel = |status: &ChannelStatus| {
        Json::object([
            ("channel", status.channel.as_str().into()),
            ("genesis", status.genesis.to_string().into()),
            ("height", status.height.get().into()),
            ("has_quorum", (status.connected_weight >= status.quorum).into()),
        ])
    };
    Ok(ok(&Json::object([
        ("schema", "loopchain.network.v1".into()),
        ("node", node.name.as_str().into()),
        ("version", node.version.as_str().into()),
        ("default_channel", api.gateway.default_channel().as_str().into()),
        ("organisations", organisations.into_iter().map(Json::from).collect()),
        ("peers", names.len().into()),
        ("channels", statuses.iter().map(channel).collect()),
    ])))
}

/// One validator, in all channels of this node.
#[derive(Default)]
struct SeenPeer {
    is_connected: bool,
    channels: Vec<Json>,
}

/// Validators of this node's channels: whether it has an open session with each, and what they do.
pub(crate) async fn peers(Seen(api): Seen) -> Answer {
    let node = api.gateway.node();
    let mut seen: BTreeMap<NodeName, SeenPeer> = BTreeMap::new();
    for status in statuses(&api).await {
        for validator in &status.validators {
            let peer = seen.entry(validator.name.clone()).or_default();
            peer.is_connected |= validator.is_connected;
            peer.channels.push(Json::object([
                ("channel", status.channel.as_str().into()),
                ("weight", validator.weight.into()),
                ("leader", validator.is_leader.into()),
            ]));
        }
    }
    let peers = seen.into_iter().map(|(name, peer)| {
        Json::object([
            ("name", name.as_str().into()),
            ("organisation", name.organisation().into()),
            ("self", (name == node.name).into()),
            ("connected", peer.is_connected.into()),
            ("channels", peer.channels.into()),
        ])
    });
    Ok(ok(&Json::object([
        ("schema", "loopchain.peers.v1".into()),
        ("node", node.name.as_str().into()),
        ("peers", peers.collect()),
    ])))
}
