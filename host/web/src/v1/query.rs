//! `POST /api/v1/query`: the whole body, or its typed part, to the SCORE's query.

use super::payload::{self, Call, NoCall};
use super::{FAIL, FAIL_VALIDATE_PARAMS, TIMEOUT_EXCEED, open_channel, reply};
use crate::arguments::{self, CallKind};
use crate::calls;
use crate::json::{Duplicates, Json, parse};
use crate::router::PeerApi;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use host_rpc::gateway::Access;
use host_types::value::Value;
use host_types::{Code, Decode, Receipt, Status};
use std::sync::Arc;

/// The SCORE's code for "it raised an exception".
const EXCEPTION: i32 = 9000;

/// `POST /query`
pub(crate) async fn query(
    State(api): State<Arc<PeerApi>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = match calls::json_body(&headers, &body, Duplicates::LastWins) {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let channel = match (&body, body.get("channel")) {
        (Json::Object(_), None) => None,
        (Json::Object(_), Some(Json::Text(name))) => Some(name.as_str()),
        _ => return code(FAIL_VALIDATE_PARAMS),
    };
    let gateway = api.gateway.as_ref();
    let Some(channel) = open_channel(gateway, channel, Access::Query) else { return code(FAIL) };
    let call = match payload::call(gateway, &channel, CallKind::Query, &body).await {
        Ok(call) => call,
        Err(NoCall::Arguments) => return code(FAIL_VALIDATE_PARAMS),
        Err(NoCall::Method | NoCall::Score) => return code(FAIL),
    };
    let asked = gateway.query(&channel, &call.score, &call.method, call.args.clone());
    match tokio::time::timeout(api.config.query_timeout, asked).await {
        Err(_) => code(TIMEOUT_EXCEED),
        Ok(Err(why)) if why.code == Code::QueryTimeout => code(TIMEOUT_EXCEED),
        Ok(Err(_)) => code(FAIL),
        Ok(Ok(answer)) => {
            let id = body.get("id").cloned().unwrap_or(Json::Null);
            response(&call, &answer.receipt, id).map_or_else(
                || code(FAIL),
                |response| {
                    reply(&Json::object([("response_code", "0".into()), ("response", response)]))
                },
            )
        }
    }
}

/// `{"response_code": "CODE", "response": ""}`
fn code(code: i32) -> Response {
    let code = code.to_string();
    reply(&Json::object([("response_code", code.into()), ("response", "".into())]))
}

/// What the SCORE said; none when that is no JSON.
fn response(call: &Call, receipt: &Receipt, id: Json) -> Option<Json> {
    match receipt.status {
        Status::Ok => match &call.returns {
            Some(kind) => Some(Json::object([
                ("jsonrpc", "2.0".into()),
                ("code", 0.into()),
                ("response", arguments::decode_value(kind, &receipt.output)?),
                ("id", id),
            ])),
            None => passed_through(&receipt.output),
        },
        Status::Fault => Some(Json::object([
            ("jsonrpc", "2.0".into()),
            ("code", receipt.code.into()),
            ("message", calls::failure(receipt).into()),
            ("id", id),
        ])),
        Status::Trap | Status::Refused | Status::Crash => {
            let message = format!("Query Raise Exception : {}", calls::failure(receipt));
            Some(Json::object([("code", EXCEPTION.into()), ("message", message.into())]))
        }
    }
}

/// The JSON text that a catch-all answered, as bytes or text; one that echoes what it was called
/// with answers the array its body came in.
fn passed_through(output: &[u8]) -> Option<Json> {
    let text = match Value::from_bytes(output).ok()? {
        Value::Bytes(bytes) => arguments::catch_all_text(&bytes).map_or(bytes, String::into_bytes),
        Value::Text(text) => text.into_bytes(),
        _ => return None,
    };
    parse(&text, Duplicates::LastWins).ok()
}
