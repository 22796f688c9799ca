//! Which path leads where.
//!
//! In: a [`Gateway`] or [`Directory`] and settings. Out: a router for [`crate::server::serve`] or
//! any tower server; without one (tests) the client counts as this machine.

use crate::config::RestConfig;
use crate::gate::{self, Gate};
use crate::problem::Problem;
use crate::{v1, v2};
use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use host_rpc::gateway::{Directory, Gateway};
use host_types::Code;
use std::sync::Arc;
use tower::Layer;

/// What the handlers of a peer know.
pub(crate) struct PeerApi {
    pub(crate) gateway: Arc<dyn Gateway>,
    pub(crate) config: RestConfig,
}

/// What the handlers of a radiostation know.
pub(crate) struct StationApi {
    pub(crate) directory: Arc<dyn Directory>,
}

/// Routes of a peer: v1 (unless switched off) and v2.
pub fn peer_router(gateway: Arc<dyn Gateway>, config: RestConfig) -> Router {
    let gate = Gate::new(config.clone());
    let routes = if config.v1 { v1_peer().merge(v2_peer()) } else { v2_peer() };
    guarded(routes.with_state(Arc::new(PeerApi { gateway, config })), gate)
}

/// Routes of a radiostation: v1.
pub fn radiostation_router(directory: Arc<dyn Directory>, config: RestConfig) -> Router {
    let gate = Gate::new(config);
    guarded(v1_radiostation().with_state(Arc::new(StationApi { directory })), gate)
}

/// The gate stands around the whole router: `Allow` is set by a router on its way out.
fn guarded(routes: Router, gate: Arc<Gate>) -> Router {
    let routes = routes.fallback(not_found).method_not_allowed_fallback(method_not_allowed);
    Router::new().fallback_service(from_fn_with_state(gate, gate::pass).layer(routes))
}

async fn not_found(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(Code::MethodNotAllowed, format!("{} does not take {method}", uri.path()))
}

fn v1_peer() -> Router<Arc<PeerApi>> {
    Router::new()
        .route("/api/v1/status/peer", get(v1::status::peer))
        .route("/api/v1/status/score", get(v1::status::score))
        .route("/api/v1/query", post(v1::query::query))
        .route("/api/v1/transactions", get(v1::transactions::get).post(v1::transactions::post))
        .route("/api/v1/transactions/result", get(v1::transactions::result))
        .route("/api/v1/blocks", get(v1::blocks::get))
}

fn v1_radiostation() -> Router<Arc<StationApi>> {
    use v1::radiostation;
    Router::new()
        .route("/api/v1/peer/list", get(radiostation::list))
        .route("/api/v1/peer/leader", get(radiostation::leader))
        .route("/api/v1/peer/status", get(radiostation::status))
        .route("/api/v1/peer/status-list", get(radiostation::status_list))
        .route("/api/v1/peer/{other}", get(radiostation::no_resource))
        .route("/api/v1/conf", get(radiostation::settings).post(radiostation::settings_gone))
        .route("/api/v1/cert/list/ca", get(v1::certificates::root))
        .route("/api/v1/cert/list/peer", get(v1::certificates::peers))
        .route("/api/v1/cert/issue/{other}", get(v1::certificates::issue_gone))
        .route("/api/v1/cert/{*other}", get(radiostation::no_resource))
}

/// Methods of a v1 route, as its CORS header names them.
pub(crate) fn v1_methods(path: &str) -> &'static str {
    match path.strip_prefix("/api/v1/").unwrap_or_default() {
        "transactions" | "conf" => "GET,HEAD,POST",
        "query" => "POST",
        _ => "GET,HEAD",
    }
}

fn v2_peer() -> Router<Arc<PeerApi>> {
    Router::new()
        .route("/api/v2/channels", get(v2::channels::list))
        .route("/api/v2/channels/{channel}", get(v2::channels::one))
        .route("/api/v2/channels/{channel}/members", get(v2::channels::members))
        .route("/api/v2/channels/{channel}/transactions", post(v2::transactions::post))
        .route("/api/v2/channels/{channel}/transactions/{hash}", get(v2::transactions::get))
        .route("/api/v2/channels/{channel}/blocks", get(v2::blocks::page))
        .route("/api/v2/channels/{channel}/blocks/{block}", get(v2::blocks::one))
        .route("/api/v2/channels/{channel}/scores", get(v2::scores::list))
        .route("/api/v2/channels/{channel}/scores/{score}", get(v2::scores::one))
        .route("/api/v2/channels/{channel}/scores/{score}/query", post(v2::scores::query))
}
