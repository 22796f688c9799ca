//! `/api/v2`: status codes, problem+json, one schema name per document.

pub(crate) mod blocks;
pub(crate) mod bulk;
pub(crate) mod channels;
pub(crate) mod directory;
pub(crate) mod epochs;
pub(crate) mod events;
pub(crate) mod evidence;
pub(crate) mod journey;
pub(crate) mod network;
pub(crate) mod proofs;
pub(crate) mod scores;
pub(crate) mod search;
pub(crate) mod state;
pub(crate) mod transactions;
pub(crate) mod views;

use crate::body;
use crate::cbor::plain_tag;
use crate::json::Json;
use crate::problem::{JSON, Problem};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use host_rpc::gateway::{Access, Gateway};
use host_types::{ChannelName, Code, Hash32};

/// What never changes may be kept for a year.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// What may change is asked for again.
const CHANGING: HeaderValue = HeaderValue::from_static("no-cache");

type Answer = Result<Response, Problem>;

fn reply(status: StatusCode, json: &Json) -> Response {
    let mut response = Response::new(Body::from(body::compact(json)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response.headers_mut().insert(header::CACHE_CONTROL, CHANGING);
    response
}

fn ok(json: &Json) -> Response {
    reply(StatusCode::OK, json)
}

/// Something final with its tag; 304 when the client has it. `is_fixed`: this URL will never show
/// anything else.
fn tagged(headers: &HeaderMap, tag: &Hash32, is_fixed: bool, json: &Json) -> Response {
    let tag = format!("\"{tag}\"");
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok());
    let mut listed = known.flat_map(|value| value.split(',')).map(str::trim);
    let is_known = listed.any(|t| t == "*" || plain_tag(t.strip_prefix("W/").unwrap_or(t)) == tag);
    let mut response = ok(json);
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    if is_fixed {
        response.headers_mut().insert(header::CACHE_CONTROL, IMMUTABLE);
    }
    response
}

/// The channel a path names.
fn channel(gateway: &dyn Gateway, name: &str) -> Result<ChannelName, Problem> {
    ChannelName::new(name).filter(|channel| gateway.has_channel(channel)).ok_or_else(|| {
        Problem::new(Code::ChannelUnknown, format!("this node has no channel `{name}`"))
    })
}

/// The channel a path names, when this is open to whoever asks: to anybody, unless the request is
/// signed (`identified`).
pub(crate) fn open_channel(
    gateway: &dyn Gateway,
    name: &str,
    access: Access,
) -> Result<ChannelName, Problem> {
    let channel = channel(gateway, name)?;
    if gateway.is_open(&channel, access) {
        return Ok(channel);
    }
    let word = match access {
        Access::Read => "read",
        Access::Query => "query",
        Access::Audit => "audit",
    };
    let message = format!(
        "`policy.{word}` of channel {channel} does not open this to you: say who you are by a signed \
         request (`--identity`)"
    );
    Err(Problem::new(Code::RoleRefused, message))
}
