//! What every request passes: request id, CORS, rate, whole body within its limits; and on the way
//! out the form of refusals.
//!
//! In: a request with or without the client's address. Out: the inner router's response with its
//! headers. Deliberately not here: sockets (`server`), routes (`router`).

use crate::config::RestConfig;
use crate::problem::Problem;
use crate::rate::{Buckets, Caller};
use crate::ticket::{self, Ticket};
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use host_types::Code;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Who is at the other end; put into requests by the server. Without one it is this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// Who sent a request.
    #[must_use]
    pub fn of(request: &axum::http::Extensions) -> IpAddr {
        request.get::<Self>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.0)
    }
}

/// Name or number of one request, in logs and refusals.
#[derive(Clone, Debug)]
pub struct RequestId(pub HeaderValue);

/// State of the gate.
#[derive(Debug)]
pub(crate) struct Gate {
    config: RestConfig,
    buckets: Option<Arc<Buckets>>,
    id_base: u64,
    requests: AtomicU64,
}

const REQUEST_ID: &str = "x-request-id";
/// Longest request id taken from a client, bytes.
const REQUEST_ID_BYTES_MAX: usize = 64;

impl Gate {
    pub(crate) fn new(config: RestConfig) -> Arc<Self> {
        use std::hash::{BuildHasher, RandomState};
        let buckets = config.rate.map(|rate| Arc::new(Buckets::new(rate)));
        // Random per process; ids must differ, not be secret.
        let id_base = RandomState::new().hash_one("request id");
        Arc::new(Self { config, buckets, id_base, requests: AtomicU64::new(0) })
    }

    fn request_id(&self, headers: &HeaderMap) -> RequestId {
        let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"._-".contains(b);
        let given = headers.get(REQUEST_ID).filter(|id| {
            let id = id.as_bytes();
            (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.iter().all(is_plain)
        });
        RequestId(given.cloned().unwrap_or_else(|| {
            let number = self.requests.fetch_add(1, Ordering::Relaxed);
            let id = format!("{:016x}", self.id_base.wrapping_add(number));
            HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("0"))
        }))
    }

    /// The token of a request's address; none where nobody is counted.
    fn ticket(&self, address: IpAddr) -> Option<Ticket> {
        let is_exempt = self.config.is_loopback_exempt && address.is_loopback();
        let buckets = self.buckets.as_ref().filter(|_| !is_exempt)?;
        Some(Ticket::take(buckets, Caller::Address(address)))
    }

    /// The client that a trusted proxy names: the last one in its list, which the proxy added itself.
    fn forwarded(&self, request: &Request) -> Option<IpAddr> {
        let proxies = &self.config.trusted_proxies;
        if proxies.is_empty() || !proxies.contains(&ClientAddress::of(request.extensions())) {
            return None;
        }
        let last = request.headers().get_all("x-forwarded-for").iter().next_back()?;
        last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
    }

    async fn admit(
        &self,
        request: Request,
        ticket: Option<&Ticket>,
    ) -> Result<Request<Bytes>, Problem> {
        if ticket.is_some_and(|ticket| !ticket.allowance().is_allowed) {
            return Err(Problem::new(Code::TooManyRequests, "too many requests from this address"));
        }
        if !self.config.v1 && is_v1(request.uri().path()) {
            return Err(Problem::not_found("v1 is not served here: use /api/v2"));
        }
        if !is_utf8_when_decoded(request.uri().path()) {
            return Err(Problem::not_found("the path is not UTF-8"));
        }
        if let Some(coding) = coding(request.headers()) {
            let detail = format!("the body is encoded ({coding}); bodies are taken as they are");
            return Err(Problem::new(Code::ContentType, detail));
        }
        let (parts, body) = request.into_parts();
        let limit = self.body_limit(parts.uri.path());
        let body = self.read(&parts.headers, body, limit).await?;
        Ok(Request::from_parts(parts, body))
    }

    /// Bytes that a body may have: many transactions have more room than one.
    fn body_limit(&self, path: &str) -> usize {
        let is_bulk = !is_v1(path) && path.ends_with("/transactions/bulk");
        if is_bulk { self.config.bulk_limit } else { self.config.body_limit }
    }

    /// The whole body, or 413 and 408.
    async fn read(&self, headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
        let too_large = || {
            Problem::new(Code::BodyTooLarge, format!("the body is over the limit of {limit} bytes"))
        };
        let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok());
        if length.and_then(|v| v.parse::<u64>().ok()).is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let collected = Limited::new(body, limit).collect();
        match tokio::time::timeout(self.config.body_timeout, collected).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => Err(Problem::parameter("the body broke off")),
            Err(_) => {
                let seconds = self.config.body_timeout.as_secs_f64();
                let detail = format!("the body took longer than {seconds} s");
                Err(Problem::parameter(detail).with_status(StatusCode::REQUEST_TIMEOUT))
            }
        }
    }

    /// The value of `Access-Control-Allow-Origin`, when the origin is allowed.
    fn allowed_origin(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        let origins = &self.config.cors_origins;
        if origins.iter().any(|allowed| allowed == "*") {
            return Some(HeaderValue::from_static("*"));
        }
        origin.filter(|origin| origins.iter().any(|o| o.as_bytes() == origin.as_bytes())).cloned()
    }
}

/// The coding of a body that would have to be unpacked first: a kilobyte of gzip can be a gigabyte.
fn coding(headers: &HeaderMap) -> Option<String> {
    let codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut codings = codings.map(|coding| String::from_utf8_lossy(coding.as_bytes()));
    let is_packed = |coding: &str| !coding.trim().eq_ignore_ascii_case("identity");
    codings
        .find(|coding| is_packed(coding))
        .map(|coding| coding.escape_default().take(32).collect())
}

fn is_utf8_when_decoded(path: &str) -> bool {
    !path.contains('%') || std::str::from_utf8(&crate::query::percent_decode(path)).is_ok()
}

/// Which interface a path belongs to.
pub(crate) fn is_v1(path: &str) -> bool {
    path == "/api/v1" || path.starts_with("/api/v1/")
}

/// Passes a request through the gate, whole, and what `inner` answers out again.
pub(crate) async fn pass<F: Future<Output = Response>>(
    gate: &Gate,
    mut request: Request,
    inner: impl FnOnce(Request<Bytes>) -> F,
) -> Response {
    let id = gate.request_id(request.headers());
    if let Some(client) = gate.forwarded(&request) {
        request.extensions_mut().insert(ClientAddress(client));
    }
    // A relay hands it on, so that both ends speak of one request.
    request.extensions_mut().insert(id.clone());
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let origin = request.headers().get(header::ORIGIN);
    // The old edition told every client; only browsers, which name an origin, need it.
    let is_told = is_v1(&path) || origin.is_some();
    let origin = gate.allowed_origin(origin).filter(|_| is_told);
    let is_cbor = !is_v1(&path) && crate::cbor::is_wanted(request.headers());
    let ticket = gate.ticket(ClientAddress::of(request.extensions()));
    if let Some(ticket) = &ticket {
        request.extensions_mut().insert(ticket.clone());
    }
    let response = match gate.admit(request, ticket.as_ref()).await {
        Ok(request) => inner(request).await,
        Err(problem) => axum::response::IntoResponse::into_response(problem),
    };
    let response = preflight(&method, response);
    let mut response = in_form(&path, &id, response);
    if is_cbor {
        response = crate::cbor::translated(response).await;
    }
    if response.status().is_server_error() {
        tracing::warn!(event = "rest.failed", path, status = response.status().as_u16());
    }
    put_headers(&path, id, origin, response.headers_mut());
    if let Some(ticket) = ticket {
        ticket::put_headers(ticket.allowance(), response.status(), response.headers_mut());
    }
    response
}

/// The router answers `OPTIONS` with 405 and the methods of the route: that is what a preflight asks.
fn preflight(method: &Method, response: Response) -> Response {
    let is_known = response.status() == StatusCode::METHOD_NOT_ALLOWED;
    match response.headers().get(header::ALLOW) {
        Some(allow) if *method == Method::OPTIONS && is_known => {
            let allow = allow.clone();
            let mut preflight = Response::new(Body::empty());
            *preflight.status_mut() = StatusCode::NO_CONTENT;
            preflight.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_METHODS, allow.clone());
            preflight.headers_mut().insert(header::ALLOW, allow);
            preflight
        }
        _ => response,
    }
}

/// Writes the body of a refusal.
fn in_form(path: &str, id: &RequestId, mut response: Response) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let written = if is_v1(path) {
        problem.into_v1()
    } else {
        problem.into_problem_json(id.0.to_str().unwrap_or_default())
    };
    for (name, value) in written.headers() {
        response.headers_mut().insert(name, value.clone());
    }
    let length = header::CONTENT_LENGTH;
    response.headers_mut().remove(length);
    *response.body_mut() = written.into_body();
    response
}

const V1_HEADERS: [(header::HeaderName, &str); 4] = [
    (header::ACCESS_CONTROL_MAX_AGE, "21600"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "ACCEPT, CONTENT-TYPE"),
    (header::HeaderName::from_static("deprecation"), "true"),
    (header::LINK, "</api/v2/channels>; rel=\"successor-version\""),
];

const V2_HEADERS: [(header::HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_MAX_AGE, "21600"),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "Accept, Content-Type, If-None-Match, Loopchain-Read, Prefer, X-Request-Id",
    ),
    (
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        "ETag, Location, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, \
         X-Request-Id",
    ),
];

fn put_headers(path: &str, id: RequestId, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
    headers.insert(REQUEST_ID, id.0);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let is_v1 = is_v1(path);
    let own: &[(header::HeaderName, &'static str)] = if is_v1 { &V1_HEADERS } else { &V2_HEADERS };
    for (name, value) in own {
        let is_cors = name.as_str().starts_with("access-control-");
        if !is_cors || origin.is_some() {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    // A peer behind a proxy has said it already.
    if !is_v1 && !headers.contains_key(header::VARY) {
        headers.append(header::VARY, HeaderValue::from_static("Accept"));
    }
    if let Some(origin) = origin {
        if origin != "*" {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if is_v1 && !headers.contains_key(header::ACCESS_CONTROL_ALLOW_METHODS) {
            let methods = crate::router::v1_methods(path);
            let methods = HeaderValue::from_static(methods);
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
    }
}
