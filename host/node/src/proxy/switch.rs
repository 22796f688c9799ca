//! Requests that become a WebSocket: what is asked of the peer, and what of its answer goes back.
//!
//! In: a request that the gate let in as one. Out: the handshake as both ends need it. The bytes behind
//! it are `host_web`'s to hand on; the key and what is made of it pass unchanged, so the two ends shake
//! hands with each other.

use axum::body::Body;
use axum::http::response::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, header};
use axum::response::Response;
use host_web::ToWebSocket;
use hyper::upgrade::OnUpgrade;

const UPGRADE: HeaderValue = HeaderValue::from_static("upgrade");
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// Whether a request is to be handed on with its upgrade.
pub(super) fn is_wanted(request: &Extensions) -> bool {
    request.get::<ToWebSocket>().is_some()
}

/// What belongs to one connection, said anew for the next one.
pub(super) fn put_headers(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, UPGRADE);
    headers.insert(header::UPGRADE, WEBSOCKET);
}

/// The answer of a peer that switched, with its end of the connection; none when it left none.
pub(super) fn answer(mut parts: Parts, mut headers: HeaderMap) -> Option<Response> {
    let other = parts.extensions.remove::<OnUpgrade>()?;
    put_headers(&mut headers);
    let mut response = super::relay::response(parts.status, headers, Body::empty());
    response.extensions_mut().insert(other);
    Some(response)
}
