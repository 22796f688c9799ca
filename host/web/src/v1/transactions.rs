//! `POST` and `GET /api/v1/transactions`, `GET /api/v1/transactions/result`.

use super::payload::{self, NoCall};
use super::signers::Signers;
use super::{
    BAD_PARAMS, FAIL, FAIL_CREATE_TX, FAIL_INVALID_PEER_TARGET, FAIL_VALIDATE_PARAMS, NO_CHANNEL,
    channel, hex_parameter, identity, message, named_channel, reply, unknown_channel,
};
use crate::arguments::CallKind;
use crate::calls;
use crate::gate::ClientAddress;
use crate::json::{Duplicates, Json};
use crate::query::Query;
use crate::router::PeerApi;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{Extensions, HeaderMap};
use axum::response::{IntoResponse, Response};
use host_rpc::gateway::{FinalTx, Gateway, TxState};
use host_types::{ChannelName, Code, Receipt, Rejection, Status, TxId};
use std::sync::Arc;

/// What `POST` says where the channel takes only what its sender signed.
const SIGNED_ONLY: &str = "this channel takes signed transactions only: use /api/v2";
/// What `POST` says when the pool is full.
const POOL_FULL: &str = "this peer has too much tx already!";
/// The SCORE's code for "not invoked", which is also what an unknown hash gets.
const NOT_INVOKED: u32 = 2;
/// The SCORE's code for an exception.
const EXCEPTION: u32 = 9000;

/// `POST /transactions`
pub(crate) async fn post(
    State(api): State<Arc<PeerApi>>,
    headers: HeaderMap,
    extensions: Extensions,
    body: Bytes,
) -> Response {
    let body = match calls::json_body(&headers, &body, Duplicates::LastWins) {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    let client = ClientAddress::of(&extensions);
    let (code, hash, info) = match submit(api.gateway.as_ref(), &body, client).await {
        Ok(id) => (0, id.to_string(), String::new()),
        Err((code, info)) => (code, String::new(), info),
    };
    reply(&Json::object([
        ("response_code", code.to_string().into()),
        ("tx_hash", hash.into()),
        ("more_info", info.into()),
    ]))
}

async fn submit(
    gateway: &dyn Gateway,
    body: &Json,
    client: std::net::IpAddr,
) -> Result<TxId, (i32, String)> {
    let refuse = |code: i32, info: &str| (code, info.to_owned());
    let name = match (body, body.get("channel")) {
        (Json::Object(_), None) => None,
        (Json::Object(_), Some(Json::Text(name))) => Some(name.as_str()),
        _ => return Err(refuse(FAIL_VALIDATE_PARAMS, BAD_PARAMS)),
    };
    let channel =
        named_channel(gateway, name).ok_or_else(|| refuse(FAIL_INVALID_PEER_TARGET, NO_CHANNEL))?;
    let status = gateway.channel(&channel).await.map_err(refusal)?;
    if !status.v1_gateway {
        return Err(refuse(FAIL_VALIDATE_PARAMS, SIGNED_ONLY));
    }
    let call = payload::call(gateway, &channel, CallKind::Transaction, body);
    let call = call.await.map_err(|reason| match reason {
        NoCall::Method | NoCall::Arguments => refuse(FAIL_VALIDATE_PARAMS, BAD_PARAMS),
        NoCall::Score => refuse(FAIL, "this channel has no SCORE"),
    })?;
    let sent = gateway.submit_unsigned(&channel, call.score, call.method, call.args, client);
    sent.await.map_err(refusal)
}

fn refusal(rejection: Rejection) -> (i32, String) {
    match rejection.code {
        Code::PoolFull | Code::SignerQuota | Code::TooManyRequests => {
            (FAIL_CREATE_TX, POOL_FULL.to_owned())
        }
        Code::ChannelUnknown => (FAIL_INVALID_PEER_TARGET, NO_CHANNEL.to_owned()),
        Code::TxMalformed | Code::TxTooLarge | Code::ArgumentsWrong | Code::MethodUnknown => {
            (FAIL_VALIDATE_PARAMS, BAD_PARAMS.to_owned())
        }
        _ => (FAIL, rejection.to_string()),
    }
}

/// `GET /transactions`
pub(crate) async fn get(State(api): State<Arc<PeerApi>>, RawQuery(query): RawQuery) -> Response {
    let gateway = api.gateway.as_ref();
    let query = Query::parse(query.as_deref());
    let Some(channel) = channel(gateway, &query) else { return unknown_channel() };
    let Some(hash) = hex_parameter(&query, "hash") else {
        return message(FAIL_VALIDATE_PARAMS, BAD_PARAMS);
    };
    let code = |code: i32| -> Json {
        if api.config.is_response_code_text { code.to_string().into() } else { code.into() }
    };
    match state(gateway, &channel, hash).await {
        Some(TxState::Final(tx)) => reply(&found(gateway, &channel, code(0), &tx).await),
        _ => reply(&Json::object([
            ("response_code", code(FAIL)),
            ("data", "".into()),
            ("meta", "".into()),
            ("more_info", "fail".into()),
            ("signature", "".into()),
            ("public_key", "".into()),
        ])),
    }
}

async fn state(gateway: &dyn Gateway, channel: &ChannelName, hash: &str) -> Option<TxState> {
    let id = TxId::from_hex(hash)?;
    gateway.transaction(channel, id).await.ok().flatten()
}

async fn found(gateway: &dyn Gateway, channel: &ChannelName, code: Json, tx: &FinalTx) -> Json {
    let scores = gateway.scores(channel).await.unwrap_or_default();
    let signers = Signers::of(gateway, channel).await;
    let transaction = tx.transaction.transaction();
    let public_key = signers.key(&transaction.signer).map(identity::spki).unwrap_or_default();
    let meta = Json::object([
        ("peer_id", signers.peer_id(&transaction.signer).into()),
        ("score_id", transaction.score.as_str().into()),
        ("score_version", tx.artefact.map(|hash| hash.to_hex()).unwrap_or_default().into()),
        ("channel_name", channel.as_str().into()),
    ]);
    Json::object([
        ("response_code", code),
        ("data", payload::parsed(payload::text(&scores, transaction))),
        ("meta", meta),
        ("more_info", "success".into()),
        ("signature", identity::base64(tx.transaction.signature()).into()),
        ("public_key", public_key.into()),
    ])
}

/// `GET /transactions/result`
pub(crate) async fn result(State(api): State<Arc<PeerApi>>, RawQuery(query): RawQuery) -> Response {
    let gateway = api.gateway.as_ref();
    let query = Query::parse(query.as_deref());
    let refuse = |code: i32| {
        let code = code.to_string();
        reply(&Json::object([("response_code", code.into()), ("response", "".into())]))
    };
    let Some(channel) = channel(gateway, &query) else { return refuse(FAIL_INVALID_PEER_TARGET) };
    let Some(hash) = query.get("hash").filter(|hash| !hash.is_empty()) else {
        return refuse(FAIL_VALIDATE_PARAMS);
    };
    let (code, message, status) = match state(gateway, &channel, hash).await {
        None => (NOT_INVOKED, None, "unknown"),
        Some(TxState::Pending(_)) => (NOT_INVOKED, None, "pending"),
        Some(TxState::Rejected(why)) => (EXCEPTION, Some(why.to_string()), "rejected"),
        Some(TxState::Final(tx)) => {
            let (code, message) = outcome(&tx.receipt);
            (code, message, "committed")
        }
    };
    let mut response = Json::object([("code", code.into())]);
    if let Some(message) = message {
        response.push("message", message);
    }
    let response = response.with("jsonrpc", "2.0").with("status", status);
    reply(&Json::object([("response_code", "0".into()), ("response", response)]))
}

fn outcome(receipt: &Receipt) -> (u32, Option<String>) {
    match receipt.status {
        Status::Ok => (0, None),
        Status::Fault => (receipt.code, Some(calls::failure(receipt))),
        Status::Trap | Status::Refused | Status::Crash => {
            (EXCEPTION, Some(calls::failure(receipt)))
        }
    }
}
