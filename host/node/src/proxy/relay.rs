//! What happens to one request: choose peers, ask them in turn, pass the answer on.
//!
//! In: a request that passed the gate, with its whole body. Out: a peer's answer as it is, less the
//! headers that belong to one connection; a kept answer; or a refusal when no peer can answer.
//!
//! A client is sent to the same peer again while that is up, and to one that is as high as what it has
//! seen, so that its reads do not go back in time. Only peers that say so of a channel get requests
//! that they would sign. `X-Forwarded-For` is written anew: what a client says about itself is
//! thrown away, and a peer believes the header of addresses in its `trusted_proxies` only.

use super::cache::{Cache, Kept};
use super::limits::{
    ANSWER_WITHIN, BUFFERED_BYTES_MAX, CLIENTS_MAX, PROXIES_MAX, SEARCHED_BYTES_MAX, WAIT_MAX,
};
use super::route::{self, Kind, Wish};
use super::switch;
use super::upstream::{Known, Upstream};
use crate::config::ProxyConfig;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use host_types::{Code, Rejection};
use host_web::Problem;
use host_web::gate::{ClientAddress, RequestId};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Incoming;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::timeout;

/// A proxy.
#[derive(Debug)]
pub(super) struct Proxy {
    peers: RwLock<Vec<Arc<Upstream>>>,
    default_channel: String,
    cache: Cache,
    /// Height that a client has seen of a channel.
    seen: Mutex<HashMap<(IpAddr, String), u64>>,
    requests: AtomicU64,
    retries: AtomicU64,
    hits: AtomicU64,
    refused: AtomicU64,
}

/// Headers of one connection, and those that only a proxy writes.
const NOT_PASSED: [HeaderName; 14] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::CONTENT_LENGTH,
    header::HOST,
    header::FORWARDED,
    header::ORIGIN,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("x-forwarded-for"),
];
const X_FORWARDED: &str = "x-forwarded-";

/// One request on its way.
struct Asked {
    wish: Wish,
    client: IpAddr,
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Bytes,
    within: Duration,
    /// Whether it becomes a WebSocket.
    is_switch: bool,
}

enum Failed {
    /// Nothing was sent, or it may be sent again.
    Again(io::Error),
    /// It may have been done.
    Unknown(io::Error),
}

impl Proxy {
    /// Of a configuration; no peer is known to be up yet.
    pub(super) fn new(config: &ProxyConfig) -> Result<Self, Rejection> {
        let authorities = config.authorities().map_err(Rejection::from)?.into_iter();
        Ok(Self {
            peers: RwLock::new(authorities.map(|a| Arc::new(Upstream::new(a))).collect()),
            default_channel: config.rest.v1_default_channel.clone(),
            cache: Cache::new(usize::try_from(config.proxy.cache.0).unwrap_or(usize::MAX)),
            seen: Mutex::default(),
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// All that may be asked: those of the file, and those that RadioStations named.
    pub(super) fn peers(&self) -> Vec<Arc<Upstream>> {
        self.peers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn peer(&self, authority: &str) -> Option<Arc<Upstream>> {
        self.peers().into_iter().find(|peer| peer.authority == authority)
    }

    pub(super) fn has(&self, authority: &str) -> bool {
        self.peer(authority).is_some()
    }

    pub(super) fn is_up(&self, authority: &str) -> bool {
        self.peer(authority).is_some_and(|peer| peer.is_up())
    }

    pub(super) fn add(&self, peer: Arc<Upstream>) {
        self.peers.write().unwrap_or_else(PoisonError::into_inner).push(peer);
    }

    /// Requests under way to it end as they would anyway.
    pub(super) fn remove(&self, authority: &str) {
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        peers.retain(|peer| peer.authority != authority);
    }

    /// Why it can answer nothing.
    pub(super) fn not_ready(&self) -> Vec<String> {
        let is_any = self.peers().iter().any(|peer| peer.is_up());
        if is_any { Vec::new() } else { vec!["no peer answers".to_owned()] }
    }

    /// OpenMetrics text of this moment.
    pub(super) fn metrics(&self) -> String {
        let count = |name: &str, help: &str, value: &AtomicU64| {
            let (name, value) = (format!("loopchain_proxy_{name}"), value.load(Ordering::Relaxed));
            format!("# HELP {name} {help}.\n# TYPE {name} counter\n{name}_total {value}\n")
        };
        let mut text = count("requests", "Requests of clients", &self.requests)
            + &count("retries", "Requests that another peer was asked", &self.retries)
            + &count("cache_hits", "Answers that were kept", &self.hits)
            + &count("refused", "Requests that no peer could answer", &self.refused);
        let bytes = self.cache.bytes();
        text += &format!(
            "# TYPE loopchain_proxy_cache_bytes gauge\nloopchain_proxy_cache_bytes {bytes}\n"
        );
        text += "# TYPE loopchain_proxy_peer_up gauge\n";
        for peer in self.peers() {
            let (name, is_up) = (&peer.authority, u8::from(peer.is_up()));
            text += &format!("loopchain_proxy_peer_up{{peer=\"{name}\"}} {is_up}\n");
        }
        text + "# EOF\n"
    }

    async fn answer(&self, request: Request<Body>) -> Response {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let (parts, body) = request.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return Problem::parameter("the body broke off").into_response(),
        };
        if parts.headers.get_all(header::VIA).iter().count() >= PROXIES_MAX {
            let detail = "this request passed too many proxies: do they ask each other?";
            return Problem::new(Code::Unreachable, detail).into_response();
        }
        let asked = self.asked(&parts, body);
        let key = cache_key(&asked);
        if let Some(kept) = key.as_ref().and_then(|key| self.cache.get(key)) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return from_kept(kept, &parts.headers);
        }
        match self.ask_in_turn(&asked, key.as_deref()).await {
            Ok(response) => response,
            Err(problem) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                problem.into_response()
            }
        }
    }

    fn asked(&self, parts: &request::Parts, body: Bytes) -> Asked {
        let (uri, method) = (&parts.uri, parts.method.clone());
        let client = ClientAddress::of(&parts.extensions);
        let wish = route::read(&method, uri.path(), uri.query(), &body, &self.default_channel);
        let mut headers = passed(&parts.headers);
        if let Some(RequestId(id)) = parts.extensions.get::<RequestId>() {
            headers.insert("x-request-id", id.clone());
        }
        let quoted =
            if client.is_ipv6() { format!("for=\"[{client}]\"") } else { format!("for={client}") };
        for (name, text) in [("x-forwarded-for", client.to_string()), ("forwarded", quoted)] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(name, value);
            }
        }
        headers.append(header::VIA, HeaderValue::from_static("1.1 loopchain"));
        let is_switch = switch::is_wanted(&parts.extensions);
        if is_switch {
            switch::put_headers(&mut headers);
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let within = ANSWER_WITHIN + wait(&parts.headers);
        Asked { wish, client, method, target, headers, body, within, is_switch }
    }

    /// Peers that may answer, best first.
    fn candidates(&self, asked: &Asked) -> Result<Vec<Arc<Upstream>>, Problem> {
        let up: Vec<_> = self.peers().into_iter().filter(|peer| peer.is_up()).collect();
        let unreachable = || Problem::new(Code::Unreachable, "no peer behind this proxy answers");
        if up.is_empty() {
            return Err(unreachable());
        }
        let Some(channel) = &asked.wish.channel else { return Ok(self.spread(asked, up, None)) };
        let known: Vec<_> = up
            .iter()
            .filter_map(|peer| peer.known(channel).map(|known| (Arc::clone(peer), known)))
            .collect();
        if known.is_empty() {
            // Any peer says that there is no such channel.
            return Ok(self.spread(asked, up, None));
        }
        if asked.wish.kind != Kind::Read && known.iter().all(|(_, known)| !known.has_quorum) {
            let detail = format!("too few validators of {channel} are connected to decide");
            return Err(Problem::new(Code::NoQuorum, detail));
        }
        let is_unsigned = asked.wish.kind == Kind::Unsigned;
        let fit = |known: &Known| !is_unsigned || known.signs;
        let fitting: Vec<_> = known.into_iter().filter(|(_, known)| fit(known)).collect();
        if fitting.is_empty() {
            let detail = format!(
                "no peer signs for clients on {channel}: send signed transactions to /api/v2"
            );
            return Err(Problem::new(Code::RoleRefused, detail));
        }
        let needed = asked.wish.height.unwrap_or_default().max(self.seen(asked, channel));
        let (peers, heights): (Vec<_>, Vec<_>) = fitting.into_iter().unzip();
        let ranks = heights.iter().map(|known| rank(known, needed)).collect();
        Ok(self.spread(asked, peers, Some(ranks)))
    }

    /// Best rank first; among equals the order that this client always gets.
    #[expect(clippy::unused_self, reason = "reads better as a step of the proxy")]
    fn spread(
        &self,
        asked: &Asked,
        peers: Vec<Arc<Upstream>>,
        ranks: Option<Vec<u64>>,
    ) -> Vec<Arc<Upstream>> {
        let place = |peer: &Upstream| {
            let mut hasher = DefaultHasher::new();
            (asked.client, &asked.wish.channel, &peer.authority).hash(&mut hasher);
            hasher.finish()
        };
        let ranks = ranks.unwrap_or_else(|| vec![0; peers.len()]);
        let mut ranked: Vec<_> = ranks.into_iter().zip(peers).collect();
        ranked.sort_by_key(|(rank, peer)| (*rank, place(peer)));
        ranked.into_iter().map(|(_, peer)| peer).collect()
    }

    fn seen(&self, asked: &Asked, channel: &str) -> u64 {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&(asked.client, channel.to_owned())).copied().unwrap_or_default()
    }

    fn note_height(&self, asked: &Asked, body: &[u8]) {
        let (Some(channel), Some(height)) = (&asked.wish.channel, height_in(body)) else { return };
        // A SCORE may write what looks like a height: no peer is believed to be above what peers say.
        let peers = self.peers();
        let heights = peers.iter().filter_map(|peer| peer.known(channel));
        let highest = heights.map(|known| known.height).max().unwrap_or_default();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= CLIENTS_MAX {
            seen.clear();
        }
        let height_seen = seen.entry((asked.client, channel.clone())).or_default();
        *height_seen = (*height_seen).max(height.min(highest));
    }

    async fn ask_in_turn(&self, asked: &Asked, key: Option<&str>) -> Result<Response, Problem> {
        let mut last = None;
        let mut failure = None;
        for (number, peer) in self.candidates(asked)?.iter().enumerate() {
            if number > 0 {
                self.retries.fetch_add(1, Ordering::Relaxed);
            }
            match self.ask(peer, asked, key).await {
                Ok(response) if is_worth_another(asked, &response) => last = Some(response),
                Ok(response) => return Ok(response),
                Err(Failed::Again(error)) => {
                    peer.set_down(&error);
                    failure = Some(error);
                }
                Err(Failed::Unknown(error)) => {
                    peer.set_down(&error);
                    let detail = format!(
                        "the peer went away, and it may have taken the transaction: {error}"
                    );
                    return Err(Problem::new(Code::Unreachable, detail));
                }
            }
        }
        last.ok_or_else(|| {
            let why = failure.map_or_else(String::new, |error| format!(": {error}"));
            Problem::new(Code::Unreachable, format!("no peer behind this proxy answers{why}"))
        })
    }

    async fn ask(
        &self,
        peer: &Upstream,
        asked: &Asked,
        key: Option<&str>,
    ) -> Result<Response, Failed> {
        let (mut connection, is_old) = peer.connection().await.map_err(Failed::Again)?;
        let again = |error: io::Error| match asked.wish.kind {
            Kind::Read | Kind::Signed => Failed::Again(error),
            Kind::Unsigned => Failed::Unknown(error),
        };
        let mut sent = peer.exchange(&mut connection, request_to(peer, asked), asked.within).await;
        if sent.is_err() && is_old && asked.wish.kind != Kind::Unsigned {
            // The peer may just have closed a connection that nobody used.
            connection = peer.connect().await.map_err(Failed::Again)?;
            sent = peer.exchange(&mut connection, request_to(peer, asked), asked.within).await;
        }
        let answer = sent.map_err(again)?;
        let (parts, body) = answer.into_parts();
        let headers = passed_back(&parts.headers);
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            let switched = switch::answer(parts, headers).filter(|_| asked.is_switch);
            return switched.ok_or_else(|| again(io::Error::other("it speaks another protocol")));
        }
        if !is_short(&parts.headers, &asked.method) {
            return Ok(response(parts.status, headers, Body::new(body)));
        }
        let body = timeout(asked.within, whole(body)).await;
        let body = body.map_err(io::Error::from).and_then(|body| body).map_err(again)?;
        peer.give_back(connection);
        self.note_height(asked, &body);
        if let Some(key) = key {
            self.cache.offer(key, parts.status, &headers, &body);
        }
        Ok(response(parts.status, headers, Body::from(body)))
    }
}

impl host_web::Relay for Proxy {
    fn relay(self: Arc<Self>, request: Request<Body>) -> BoxFuture<'static, Response> {
        async move { self.answer(request).await }.boxed()
    }
}

async fn whole(body: Incoming) -> io::Result<Bytes> {
    body.collect().await.map(|body| body.to_bytes()).map_err(io::Error::other)
}

/// Peers that are as high as is needed first, then the highest; a halted one last.
fn rank(known: &Known, needed: u64) -> u64 {
    let missing = needed.saturating_sub(known.height);
    if known.is_normal { missing } else { missing.saturating_add(u64::MAX / 2) }
}

/// Whether another peer may have a better answer: this one is ill, or does not have the block yet.
fn is_worth_another(asked: &Asked, response: &Response) -> bool {
    let is_ill = matches!(
        response.status(),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    );
    let is_behind = response.status() == StatusCode::NOT_FOUND && asked.wish.kind == Kind::Read;
    (is_ill && asked.wish.kind != Kind::Unsigned) || is_behind
}

fn is_short(headers: &HeaderMap, method: &Method) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = length.and_then(|text| text.parse::<u64>().ok());
    *method == Method::HEAD || length.is_some_and(|length| length <= BUFFERED_BYTES_MAX)
}

fn request_to(peer: &Upstream, asked: &Asked) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(asked.body.clone()));
    *request.method_mut() = asked.method.clone();
    // The target came out of a URI, so it is one.
    *request.uri_mut() = asked.target.parse().unwrap_or_default();
    *request.headers_mut() = asked.headers.clone();
    if let Ok(host) = HeaderValue::from_str(&peer.authority) {
        request.headers_mut().insert(header::HOST, host);
    }
    request
}

/// Headers that go on: without those of one connection, and those that `Connection` names.
fn passed(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<_> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let is_passed = |name: &HeaderName| {
        !NOT_PASSED.contains(name)
            && !name.as_str().starts_with(X_FORWARDED)
            && !named.iter().any(|known| known == name.as_str())
    };
    let kept = headers.iter().filter(|(name, _)| is_passed(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The same for an answer; which origins may read it is this proxy's to say.
fn passed_back(headers: &HeaderMap) -> HeaderMap {
    let mut kept = passed(headers);
    kept.remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    kept
}

pub(super) fn response(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Reads of v2 may be kept; another `Accept` is another answer.
fn cache_key(asked: &Asked) -> Option<String> {
    // A signed request is between the caller and a peer, which notes it.
    let is_signed = asked.headers.contains_key(host_web::SIGNED_READ);
    let is_read = asked.method == Method::GET && asked.wish.kind == Kind::Read && !is_signed;
    let accept = asked.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let is_v2 = asked.target.starts_with("/api/v2/channels/");
    (is_read && is_v2).then(|| format!("{} {}", asked.target, accept.unwrap_or_default()))
}

fn from_kept(kept: Kept, headers: &HeaderMap) -> Response {
    let tag = kept.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default();
    let listed = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok());
    let mut listed = listed.flat_map(|value| value.split(',')).map(str::trim);
    let is_known = listed.any(|t| t == "*" || t.strip_prefix("W/").unwrap_or(t) == tag);
    if is_known {
        return response(StatusCode::NOT_MODIFIED, kept.headers, Body::empty());
    }
    response(StatusCode::OK, kept.headers, Body::from(kept.body))
}

/// The first `"height":` of a JSON answer.
fn height_in(body: &[u8]) -> Option<u64> {
    const KEY: &[u8] = b"\"height\":";
    let searched = body.get(..body.len().min(SEARCHED_BYTES_MAX))?;
    let at = searched.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let digits: Vec<_> =
        searched.get(at..)?.iter().copied().take_while(u8::is_ascii_digit).collect();
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

/// How long the client wants the peer to wait: `Prefer: wait=N`.
fn wait(headers: &HeaderMap) -> Duration {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let waits = values.flat_map(|value| value.split([',', ';'])).filter_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().parse().ok()).flatten()
    });
    Duration::from_secs(waits.max().unwrap_or_default()).min(WAIT_MAX)
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
