//! Requests that say who asks: `Loopchain-Read`, base64 of a signed request.
//!
//! In: a request with that header, whose whole body the gate has read. Out: what the handlers answer of the
//! node as its signer may see it; for who is audited, only once the node has noted it. The one place that
//! compares a signature's words with the request that it came with. Deliberately not here: whether the
//! signer may read, time and repetition (`Gateway::identified`).

use crate::gate::RequestId;
use crate::problem::Problem;
use crate::server::tunnel::Tunnel;
use crate::ticket::Ticket;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_rpc::gateway::{Caller, Gateway};
use host_types::limits::READ_TARGET_BYTES_MAX;
use host_types::read_request::SignedRead;
use host_types::{ChannelName, Code, Decode, Hash32};
use http_body_util::BodyExt;
use std::sync::Arc;

/// The header.
pub const SIGNED_READ: &str = "loopchain-read";
/// Longest value of it, bytes: base64 of the longest target with what stands around it.
const HEADER_BYTES_MAX: usize = 2 * READ_TARGET_BYTES_MAX;
/// What was answered to one caller is no other's, and no cache's.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-store");

/// Whether a request says who asks.
pub(crate) fn is_signed(headers: &HeaderMap) -> bool {
    headers.contains_key(SIGNED_READ)
}

/// Answers one; `routed` is what answers of a node.
pub(crate) async fn answer<F: Future<Output = Response>>(
    gateway: Arc<dyn Gateway>,
    request: Request<Bytes>,
    routed: impl FnOnce(Arc<dyn Gateway>, Request) -> F,
) -> Response {
    let id = request.extensions().get::<RequestId>().cloned();
    let caller = match identified(gateway, &request) {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let mut request = request.map(Body::from);
    if caller.is_audited() {
        // It gets no stream: what follows on its connection are requests still.
        request.extensions_mut().remove::<Tunnel>();
    }
    let response = routed(caller.gateway(), request).await;
    noted(caller.as_ref(), written(response, id.as_ref())).await
}

/// A refusal gets its body here: it is part of what is noted.
fn written(mut response: Response, id: Option<&RequestId>) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let id = id.and_then(|id| id.0.to_str().ok()).unwrap_or_default();
    problem.into_problem_json(id)
}

fn identified(
    gateway: Arc<dyn Gateway>,
    request: &Request<Bytes>,
) -> Result<Arc<dyn Caller>, Problem> {
    let asked = asked(request.headers())?;
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    let signed = &asked.request;
    let another = |what: &str| {
        let message = format!("`Loopchain-Read` was signed for another {what}");
        Problem::new(Code::SignatureWrong, message)
    };
    if signed.method != request.method().as_str() {
        return Err(another("method"));
    }
    if signed.target != target {
        return Err(another("path or query"));
    }
    if signed.body != Hash32::sha256(request.body()) {
        return Err(another("body"));
    }
    let rest = request.uri().path().strip_prefix("/api/v2/channels/").unwrap_or_default();
    let name = rest.split('/').next().unwrap_or_default();
    let channel = ChannelName::new(name)
        .ok_or_else(|| Problem::parameter("a signed request is about one channel, in v2"))?;
    if !gateway.has_channel(&channel) {
        let message = format!("this node has no channel `{channel}`");
        return Err(Problem::new(Code::ChannelUnknown, message));
    }
    // Before the signature is checked; and its signer pays only once it was good.
    let ticket = request.extensions().get::<Ticket>();
    ticket.map_or(Ok(()), |ticket| ticket.admit(signed.signer))?;
    let caller = gateway.identified(&channel, &asked)?;
    if let Some(ticket) = ticket {
        ticket.charge(signed.signer);
    }
    Ok(caller)
}

fn asked(headers: &HeaderMap) -> Result<SignedRead, Problem> {
    let malformed =
        || Problem::parameter("`Loopchain-Read` is base64 of a signed request (docs/spec/rest.md)");
    let mut given = headers.get_all(SIGNED_READ).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return Err(malformed()) };
    let text = value.as_bytes();
    let bytes = (text.len() <= HEADER_BYTES_MAX).then(|| STANDARD.decode(text).ok()).flatten();
    SignedRead::from_bytes(&bytes.ok_or_else(malformed)?).map_err(|_| malformed())
}

/// The answer, once the node has noted it where it must.
async fn noted(caller: &dyn Caller, response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(header::CACHE_CONTROL, PRIVATE);
    if !caller.is_audited() {
        return Response::from_parts(parts, body);
    }
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let has_end = parts.status != StatusCode::SWITCHING_PROTOCOLS
        && !kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
    if !has_end {
        let message = "what an auditor reads is noted before it is answered: ask for a page";
        return Problem::parameter(message).into_response();
    }
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Problem::new(Code::Internal, "the answer broke off").into_response(),
    };
    match caller.answered(parts.status.as_u16(), Hash32::sha256(&body)).await {
        Ok(()) => Response::from_parts(parts, Body::from(body)),
        Err(refused) => Problem::from(refused).into_response(),
    }
}
