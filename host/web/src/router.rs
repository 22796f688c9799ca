//! Which path leads where.
//!
//! In: a [`Gateway`] or [`Directory`] and settings. Out: [`Pages`] for [`crate::server::serve`];
//! without a server (tests) the client counts as this machine.

use crate::config::RestConfig;
use crate::gate::{self, Gate};
use crate::identified;
use crate::openapi::{self, Interface};
use crate::problem::Problem;
use crate::seen::{self, ToAll};
use crate::server::stopping::Stopping;
use crate::stream::place::Places;
use crate::stream::through::Through;
use crate::{stream as streams, v1, v2};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Method, Request, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use futures::future::{BoxFuture, ready};
use futures::stream;
use futures::{FutureExt, StreamExt};
use host_rpc::gateway::{Directory, Gateway};
use host_types::Code;
use hyper::body::Body as _;
use std::sync::Arc;
use tower::Service;

/// What the handlers of a peer know.
pub(crate) struct PeerApi {
    pub(crate) gateway: Arc<dyn Gateway>,
    pub(crate) config: Arc<RestConfig>,
    /// Places of open streams.
    pub(crate) streams: Arc<Places>,
}

impl std::fmt::Debug for PeerApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PeerApi")
    }
}

/// What the handlers of a radiostation know.
pub(crate) struct StationApi {
    pub(crate) directory: Arc<dyn Directory>,
}

/// Routes that know their paths: a router does not tell them.
struct Routes<S> {
    router: Router<S>,
    paths: Vec<&'static str>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    fn new() -> Self {
        Self { router: Router::new(), paths: Vec::new() }
    }

    fn route(mut self, path: &'static str, methods: MethodRouter<S>) -> Self {
        self.paths.push(path);
        Self { router: self.router.route(path, methods), ..self }
    }

    /// Routes that know what their handlers are given.
    fn with_state(self, state: S) -> Routes<()> {
        Routes { router: self.router.with_state(state), paths: self.paths }
    }

    fn merge(mut self, other: Self) -> Self {
        self.paths.extend(other.paths);
        Self { router: self.router.merge(other.router), ..self }
    }

    /// With the document of all these and its page, unless they are switched off.
    fn with_docs(self, interface: Interface, config: &RestConfig) -> Self {
        let docs = config.docs.then(|| openapi::routes(interface));
        docs.into_iter().flatten().fold(self, |all, (path, methods)| all.route(path, methods))
    }
}

/// What answers requests: routes, behind the gate unless they are of the operations listener. The
/// gate stands around the whole router: `Allow` is set by a router on its way out. It is called,
/// not layered: every layer of a router costs each request a boxed future.
#[derive(Clone, Debug)]
pub struct Pages {
    gate: Option<Arc<Gate>>,
    routes: Router,
    paths: Vec<&'static str>,
    /// Of a peer: what signed requests are narrowed from.
    peer: Option<Arc<PeerApi>>,
    streams: Option<Arc<Places>>,
}

async fn called(mut routes: Router, request: Request<Body>) -> Response {
    match routes.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

impl Pages {
    fn guarded(Routes { router, paths }: Routes<()>, config: RestConfig) -> Self {
        let routes = router.fallback(not_found).method_not_allowed_fallback(method_not_allowed);
        Self { gate: Some(Gate::new(config)), routes, paths, peer: None, streams: None }
    }

    /// The path of every route, for whoever compares them with what is documented.
    #[must_use]
    pub fn paths(&self) -> &[&'static str] {
        &self.paths
    }

    /// The places of its streams, where there are any.
    pub(crate) fn streams(&self) -> Option<Arc<Places>> {
        self.streams.clone()
    }

    /// Without a gate, for those who reach the operations listener.
    pub(crate) fn open(routes: Router) -> Self {
        Self { gate: None, routes, paths: Vec::new(), peer: None, streams: None }
    }

    /// The answer to one request; never fails, a refusal is an answer too.
    pub async fn answer(&self, request: Request<Body>) -> Response {
        match &self.gate {
            Some(gate) => gate::pass(gate, request, |request| self.routed(request)).await,
            None => called(self.routes.clone(), request).await,
        }
    }

    async fn routed(&self, request: Request<Bytes>) -> Response {
        if let Some(peer) = &self.peer {
            if identified::is_signed(request.headers()) {
                let seen = |gateway, mut request: Request<Body>| {
                    let (config, streams) = (Arc::clone(&peer.config), Arc::clone(&peer.streams));
                    let narrowed = PeerApi { gateway, config, streams };
                    seen::by_signer(request.extensions_mut(), narrowed);
                    called(self.routes.clone(), request)
                };
                return identified::answer(Arc::clone(&peer.gateway), request, seen).await;
            }
            if let Some(channel) = v2::transactions::posted_to(&request) {
                return v2::transactions::take(peer, channel.as_str(), request)
                    .await
                    .into_response();
            }
        }
        called(self.routes.clone(), request.map(Body::from)).await
    }
}

/// Pages of a peer: v1 (unless the gate keeps it from everybody) and v2.
pub fn peer_pages(gateway: Arc<dyn Gateway>, config: RestConfig) -> Pages {
    let streams = Places::new(config.streams);
    let peer = Arc::new(PeerApi { gateway, config: Arc::new(config.clone()), streams });
    let v1 = v1_peer().with_state(Arc::clone(&peer));
    let v2 = v2_peer().with_state(ToAll::new(Arc::clone(&peer)));
    let routes = v1.merge(v2).with_docs(Interface::Peer, &config);
    let streams = Some(Arc::clone(&peer.streams));
    Pages { peer: Some(peer), streams, ..Pages::guarded(routes, config) }
}

/// Pages of a radiostation: v1.
pub fn radiostation_pages(directory: Arc<dyn Directory>, config: RestConfig) -> Pages {
    let routes = v1_radiostation().with_state(Arc::new(StationApi { directory }));
    Pages::guarded(routes.with_docs(Interface::Radiostation, &config), config)
}

/// Hands whole requests on to somebody who answers them: a proxy.
pub trait Relay: Send + Sync + 'static {
    /// The answer; a refusal is a [`Problem`] made into a response.
    fn relay(self: Arc<Self>, request: Request<Body>) -> BoxFuture<'static, Response>;
}

/// Pages that a relay answers, behind the same gate as a peer's: rates, sizes, times, CORS.
pub fn relay_pages<R: Relay>(relay: Arc<R>, config: RestConfig) -> Pages {
    let streams = Places::new(config.streams);
    let through =
        Arc::new(Through { places: Arc::clone(&streams), config: Arc::new(config.clone()) });
    let answer = move |request| relayed(Arc::clone(&through), Arc::clone(&relay), request);
    let routes = Router::new().fallback(answer);
    let (gate, streams) = (Some(Gate::new(config)), Some(streams));
    Pages { gate, routes, paths: Vec::new(), peer: None, streams }
}

async fn relayed<R: Relay>(
    through: Arc<Through>,
    relay: Arc<R>,
    mut request: Request<Body>,
) -> Response {
    let stopping = request.extensions().get::<Stopping>().cloned().unwrap_or_default();
    let admitted = match through.admit(&mut request) {
        Ok(admitted) => admitted,
        Err(problem) => return problem.into_response(),
    };
    let response = relay.relay(request).await;
    let response = match admitted {
        Some(stream) => stream.answered(response),
        None => response,
    };
    until_stopped(response, stopping)
}

/// An answer of no known length may be a stream, which has no end: it breaks off when the node stops, so
/// that whoever reads it sees that there may be more.
fn until_stopped(response: Response, stopping: Stopping) -> Response {
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    let stopped = async move { stopping.requested().await }.boxed();
    let broken = stream::once(async { Err(axum::Error::new(std::io::Error::other("it stops"))) });
    response.map(|body| {
        let whole = body.into_data_stream().map(Some).chain(stream::once(async { None }));
        let parts = whole.take_until(stopped).chain(broken.map(Some));
        Body::from_stream(parts.take_while(|part| ready(part.is_some())).filter_map(ready))
    })
}

async fn not_found(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(Code::MethodNotAllowed, format!("{} does not take {method}", uri.path()))
}

fn v1_peer() -> Routes<Arc<PeerApi>> {
    Routes::new()
        .route("/api/v1/status/peer", get(v1::status::peer))
        .route("/api/v1/status/score", get(v1::status::score))
        .route("/api/v1/query", post(v1::query::query))
        .route("/api/v1/transactions", get(v1::transactions::get).post(v1::transactions::post))
        .route("/api/v1/transactions/result", get(v1::transactions::result))
        .route("/api/v1/blocks", get(v1::blocks::get))
}

fn v1_radiostation() -> Routes<Arc<StationApi>> {
    use v1::radiostation;
    Routes::new()
        .route("/api/v2/peers", get(v2::directory::peers))
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

fn v2_peer() -> Routes<ToAll> {
    Routes::new()
        .route("/api/v2/channels", get(v2::channels::list))
        .route("/api/v2/channels/{channel}", get(v2::channels::one))
        .route("/api/v2/channels/{channel}/members", get(v2::channels::members))
        .route(
            "/api/v2/channels/{channel}/transactions",
            get(v2::search::page).post(v2::transactions::post),
        )
        .route("/api/v2/channels/{channel}/transactions/bulk", post(v2::bulk::post))
        .route("/api/v2/channels/{channel}/transactions/{hash}", get(v2::transactions::get))
        .route(
            "/api/v2/channels/{channel}/transactions/{hash}/receipt",
            get(v2::transactions::receipt),
        )
        .route("/api/v2/channels/{channel}/transactions/{hash}/journey", get(v2::journey::one))
        .route("/api/v2/channels/{channel}/blocks", get(v2::blocks::page))
        .route("/api/v2/channels/{channel}/blocks/{block}", get(v2::blocks::one))
        .route("/api/v2/channels/{channel}/blocks/{block}/certificate", get(v2::proofs::one))
        .route("/api/v2/channels/{channel}/epochs", get(v2::epochs::list))
        .route("/api/v2/channels/{channel}/genesis", get(v2::epochs::genesis))
        .route("/api/v2/channels/{channel}/events", get(v2::events::page))
        .route("/api/v2/channels/{channel}/events/ws", get(streams::ws::upgrade))
        .route("/api/v2/channels/{channel}/evidence", get(v2::evidence::list))
        .route("/api/v2/channels/{channel}/state/{score}/{key}", get(v2::state::one))
        .route("/api/v2/network", get(v2::network::one))
        .route("/api/v2/network/peers", get(v2::network::peers))
        .route("/api/v2/channels/{channel}/scores", get(v2::scores::list))
        .route("/api/v2/channels/{channel}/scores/{score}", get(v2::scores::one))
        .route("/api/v2/channels/{channel}/scores/{score}/versions", get(v2::scores::versions))
        .route("/api/v2/channels/{channel}/scores/{score}/query", post(v2::scores::query))
}
