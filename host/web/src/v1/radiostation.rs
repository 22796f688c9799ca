//! `GET /api/v1/peer/*` and `/conf` of the radiostation.

use super::status::{self, Subject};
use super::{
    FAIL, FAIL_NO_LEADER, FAIL_VALIDATE_PARAMS, identity, message, reply, unknown_channel,
};
use crate::json::Json;
use crate::problem::Problem;
use crate::query::Query;
use crate::router::StationApi;
use crate::time;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use futures::future::join_all;
use host_rpc::gateway::{Directory, PeerRecord};
use host_types::{ChannelName, Code};
use std::sync::Arc;

/// Answers of peers asked at once for `status-list`.
const ASKED_AT_ONCE: usize = 32;

fn channel(directory: &dyn Directory, query: &Query) -> Option<ChannelName> {
    let channel = match query.get("channel") {
        Some(name) => ChannelName::new(name)?,
        None => directory.default_channel(),
    };
    directory.channels().contains(&channel).then_some(channel)
}

async fn peers(api: &StationApi, query: &Query) -> Option<(ChannelName, Vec<PeerRecord>)> {
    let channel = channel(api.directory.as_ref(), query)?;
    let peers = api.directory.peers(&channel).await.ok()?;
    Some((channel, peers))
}

fn record(peer: &PeerRecord) -> Json {
    let id = identity::peer_id(&peer.public_key);
    Json::object([
        ("order", peer.order.into()),
        ("peer_id", id.clone().into()),
        ("group_id", id.into()),
        ("target", peer.rpc_target.as_str().into()),
        ("cert", identity::spki(&peer.public_key).into()),
        ("status_update_time", time::python(peer.status_since_us).into()),
        ("status", if peer.is_connected { 1 } else { 2 }.into()),
    ])
}

fn success(data: Json) -> Response {
    reply(&Json::object([("response_code", 0.into()), ("data", data)]))
}

/// `GET /peer/list`
pub(crate) async fn list(
    State(api): State<Arc<StationApi>>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some((_, peers)) = peers(&api, &Query::parse(query.as_deref())).await else {
        return unknown_channel();
    };
    let records = |only_connected: bool| -> Vec<Json> {
        let listed = peers.iter().filter(|peer| peer.is_connected || !only_connected);
        listed.map(|peer| record(peer).with("peer_type", u8::from(peer.is_leader))).collect()
    };
    let (registered, connected) = (records(false), records(true));
    success(Json::object([
        ("registered_peer_count", registered.len().into()),
        ("connected_peer_count", connected.len().into()),
        ("registered_peer_list", registered.into()),
        ("connected_peer_list", connected.into()),
    ]))
}

/// `GET /peer/leader`
pub(crate) async fn leader(
    State(api): State<Arc<StationApi>>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some((_, peers)) = peers(&api, &Query::parse(query.as_deref())).await else {
        return unknown_channel();
    };
    match peers.iter().find(|peer| peer.is_leader) {
        Some(peer) => success(record(peer)),
        None => message(FAIL_NO_LEADER, "fail no leader peer"),
    }
}

async fn status_of(api: &StationApi, channel: &ChannelName, peer: &PeerRecord) -> Option<Json> {
    let status = api.directory.peer_status(channel, peer).await?;
    let subject =
        Subject { name: &peer.name, public_key: &peer.public_key, target: &peer.rpc_target };
    Some(status::object(&subject, Some(&status)))
}

/// `GET /peer/status`: the peer's own status object, without a wrapper.
pub(crate) async fn status(
    State(api): State<Arc<StationApi>>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Query::parse(query.as_deref());
    let given = |name| query.get(name).filter(|value| !value.is_empty());
    let (Some(peer_id), Some(_)) = (given("peer_id"), given("group_id")) else {
        return message(
            FAIL_VALIDATE_PARAMS,
            "fail validate params. You must throw all of parameters : peer_id, group_id",
        );
    };
    let fail = || message(FAIL, "fail");
    let Some((channel, peers)) = peers(&api, &query).await else { return fail() };
    let wanted = peers.iter().find(|peer| identity::peer_id(&peer.public_key) == peer_id);
    let Some(peer) = wanted else { return fail() };
    status_of(&api, &channel, peer).await.map_or_else(fail, |status| reply(&status))
}

/// `GET /peer/status-list`
pub(crate) async fn status_list(
    State(api): State<Arc<StationApi>>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some((channel, peers)) = peers(&api, &Query::parse(query.as_deref())).await else {
        return unknown_channel();
    };
    let mut statuses = Vec::with_capacity(peers.len());
    for some in peers.chunks(ASKED_AT_ONCE) {
        let asked = join_all(some.iter().map(|peer| status_of(&api, &channel, peer))).await;
        let both = some.iter().zip(asked);
        let known = both.filter_map(|(peer, status)| Some(status?.with("order", peer.order)));
        statuses.extend(known);
    }
    let connected = peers.iter().filter(|peer| peer.is_connected).count();
    success(Json::object([
        ("registered_peer_count", peers.len().into()),
        ("connected_peer_count", connected.into()),
        ("peer_status_list", statuses.into()),
    ]))
}

/// Any other `GET /peer/x` and `GET /cert/x`.
pub(crate) async fn no_resource() -> Response {
    message(FAIL, "The resource doesn't exist")
}

/// `GET /conf`, of one name or of all.
pub(crate) async fn settings(
    State(api): State<Arc<StationApi>>,
    RawQuery(query): RawQuery,
) -> Response {
    let settings = api.directory.settings();
    let query = Query::parse(query.as_deref());
    let Some(name) = query.get("name") else {
        return success(settings.iter().map(|(name, value)| setting(name, value)).collect());
    };
    match settings.iter().find(|(known, _)| known == name) {
        Some((name, value)) => success(setting(name, value)),
        None => message(FAIL, &format!("'{name}' is an incorrect configuration name.")),
    }
}

fn setting(name: &str, value: &str) -> Json {
    const SECRET_WORDS: [&str; 5] = ["password", "secret", "private", "seed", "token"];
    let lower = name.to_ascii_lowercase();
    let is_secret = SECRET_WORDS.iter().any(|word| lower.contains(word));
    let value = if is_secret { "***" } else { value };
    Json::object([
        ("name", name.into()),
        ("value", value.into()),
        ("type", setting_type(value).into()),
    ])
}

/// 0 text, 1 integer, 2 float, 3 boolean, 4 dictionary.
fn setting_type(value: &str) -> u8 {
    match value {
        _ if value.parse::<i128>().is_ok() => 1,
        "True" | "False" | "true" | "false" => 3,
        _ if value.starts_with(|c: char| c.is_ascii_digit() || c == '-')
            && value.parse::<f64>().is_ok() =>
        {
            2
        }
        _ if value.starts_with('{') && value.ends_with('}') => 4,
        _ => 0,
    }
}

/// `POST /conf` is gone: it changed any setting without asking who.
pub(crate) async fn settings_gone() -> Problem {
    Problem::new(
        Code::Gone,
        "settings cannot be changed over HTTP: edit radiostation.toml and restart; \
         what a channel is stands on its chain",
    )
}
