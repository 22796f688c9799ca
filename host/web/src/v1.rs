//! The interface of the 2017-18 edition, to the letter: paths, key names and their order, text or
//! integer types, codes, separators. `docs/spec/rest.md` says where it differs and why.
//!
//! No input makes a 5xx here: what the old edition let through as an internal error has a body with
//! a `response_code`.

pub(crate) mod blocks;
pub(crate) mod certificates;
pub(crate) mod identity;
pub(crate) mod payload;
pub(crate) mod query;
pub(crate) mod radiostation;
pub(crate) mod signers;
pub(crate) mod status;
pub(crate) mod transactions;

use crate::body;
use crate::json::Json;
use crate::problem::JSON;
use crate::query::Query;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use host_rpc::gateway::{Access, Gateway};
use host_types::{ChannelName, hash};

/// 200 with a body as Python wrote it.
fn reply(json: &Json) -> Response {
    reply_with(StatusCode::OK, json)
}

fn reply_with(status: StatusCode, json: &Json) -> Response {
    let mut response = Response::new(Body::from(body::python(json) + "\n"));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// `{"response_code": CODE, "message": MESSAGE}`
fn message(code: i32, message: &str) -> Response {
    reply(&Json::object([("response_code", code.into()), ("message", message.into())]))
}

const FAIL: i32 = -1;
const FAIL_WRONG_BLOCK_HASH: i32 = -4;
const FAIL_NO_LEADER: i32 = -5;
const FAIL_VALIDATE_PARAMS: i32 = -6;
const FAIL_CREATE_TX: i32 = -11;
const FAIL_INVALID_PEER_TARGET: i32 = -12;
const TIMEOUT_EXCEED: i32 = -900;

const NO_CHANNEL: &str = "fail invalid peer target for channel";
const BAD_PARAMS: &str = "fail validate params";

fn unknown_channel() -> Response {
    message(FAIL_INVALID_PEER_TARGET, NO_CHANNEL)
}

/// The channel that a `GET` names, or the default; none when this node is not in it, or when its
/// policy does not open it to anybody.
fn channel(gateway: &dyn Gateway, query: &Query) -> Option<ChannelName> {
    open_channel(gateway, query.get("channel"), Access::Read)
}

fn open_channel(gateway: &dyn Gateway, name: Option<&str>, access: Access) -> Option<ChannelName> {
    named_channel(gateway, name).filter(|channel| gateway.is_open(channel, access))
}

fn named_channel(gateway: &dyn Gateway, name: Option<&str>) -> Option<ChannelName> {
    let channel = match name {
        Some(name) => ChannelName::new(name)?,
        None => gateway.default_channel(),
    };
    gateway.has_channel(&channel).then_some(channel)
}

/// A `hash` parameter: none, not hexadecimal, or hexadecimal.
fn hex_parameter<'a>(query: &'a Query, name: &str) -> Option<&'a str> {
    let is_hex = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    query.get(name).filter(is_hex)
}

fn lower_hex(bytes: &[u8]) -> Json {
    hash::to_hex(bytes).into()
}
