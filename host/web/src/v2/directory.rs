//! `GET /api/v2/peers` of a radiostation: its directory, for whoever believes entries and not the directory.
//!
//! In: nothing. Out: each entry as its own peer signed it, in join order, with what the radiostation saw of the
//! peer. No channel is told: an entry carries tags (`docs/adr/0021-operators-join-and-leave-by-a-socket.md`).

use super::ok;
use crate::json::Json;
use crate::router::StationApi;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_types::Encode;
use std::sync::Arc;

/// `GET peers`
pub(crate) async fn peers(State(api): State<Arc<StationApi>>) -> Response {
    let listed = api.directory.signed();
    let peers: Json = listed
        .iter()
        .map(|one| {
            Json::object([
                ("order", one.order.into()),
                ("connected", one.is_connected.into()),
                ("since_us", one.status_since.get().into()),
                ("entry", STANDARD.encode(one.entry.to_bytes()).into()),
            ])
        })
        .collect();
    ok(&Json::object([("schema", "loopchain.peers.v1".into()), ("peers", peers)]))
}
