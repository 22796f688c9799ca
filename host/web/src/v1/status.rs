//! `GET /api/v1/status/peer` and `/status/score`.

use super::{channel, identity, lower_hex, reply};
use crate::json::Json;
use crate::query::Query;
use crate::router::PeerApi;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use host_rpc::gateway::ChannelStatus;
use host_types::NodeName;
use std::sync::Arc;

/// Who a status is about.
pub(super) struct Subject<'a> {
    pub(super) name: &'a NodeName,
    pub(super) public_key: &'a [u8; 32],
    pub(super) target: &'a str,
}

/// The status object; without a state the channel is unknown.
pub(super) fn object(subject: &Subject<'_>, status: Option<&ChannelStatus>) -> Json {
    let is_leader = |s: &ChannelStatus| s.leader.as_ref() == Some(subject.name);
    let peer_type = status.map_or("2", |s| if is_leader(s) { "1" } else { "0" });
    let mut json = Json::Object(Vec::new());
    if let Some(status) = status {
        json.push("made_block_count", status.made_blocks);
    }
    json.push("status", format!("Service is online: {peer_type}"));
    json.push("peer_type", peer_type);
    json.push("audience_count", "0");
    json.push("consensus", status.map_or("none", |s| &s.rule));
    json.push("peer_id", identity::peer_id(subject.public_key));
    json.push("block_height", status.map_or(0, |s| s.height.get()));
    json.push("total_tx", status.map_or(0, |s| s.tx_total));
    json.push("peer_target", subject.target);
    json.push("leader_complaint", u8::from(status.is_some_and(|s| s.is_leader_complained)));
    json
}

/// `GET /status/peer`
pub(crate) async fn peer(State(api): State<Arc<PeerApi>>, RawQuery(query): RawQuery) -> Response {
    let gateway = api.gateway.as_ref();
    let node = gateway.node();
    let status = match channel(gateway, &Query::parse(query.as_deref())) {
        Some(channel) => gateway.channel(&channel).await.ok(),
        None => None,
    };
    let subject =
        Subject { name: &node.name, public_key: &node.public_key, target: &node.rpc_target };
    reply(&object(&subject, status.as_ref()))
}

/// `GET /status/score`
pub(crate) async fn score(State(api): State<Arc<PeerApi>>, RawQuery(query): RawQuery) -> Response {
    let gateway = api.gateway.as_ref();
    let nothing = Json::Object(Vec::new());
    let Some(channel) = channel(gateway, &Query::parse(query.as_deref())) else {
        return reply(&nothing);
    };
    let Ok(scores) = gateway.scores(&channel).await else { return reply(&nothing) };
    let json = match super::payload::of_channel(&scores) {
        Some(score) if !score.is_running => nothing,
        Some(score) => Json::object([
            ("id", score.name.as_str().into()),
            ("version", lower_hex(score.sha256.as_bytes())),
            ("all_version", score.history.iter().map(|h| lower_hex(h.as_bytes())).collect()),
            ("status", 0.into()),
        ]),
        None => Json::object([
            ("id", "".into()),
            ("version", "".into()),
            ("all_version", Vec::new().into()),
            ("status", (-1).into()),
        ]),
    };
    reply(&json)
}
