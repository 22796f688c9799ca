//! `POST /channels/{c}/transactions/bulk`: many signed transactions in one request, one line of
//! answer for each, in their order.
//!
//! In: envelopes, one a line (NDJSON) or one after the other (a CBOR sequence). Out: NDJSON, written
//! as the node takes them: `hash` and `state`, or the `error` of one that was refused; a refused one
//! keeps nobody else's from being taken. Deliberately not here: waiting until they are final, which
//! is asked for by their hashes.

use super::transactions::{decoded, envelope_of};
use super::{Answer, channel};
use crate::body::compact;
use crate::calls;
use crate::json::{Duplicates, Json, parse};
use crate::problem::Problem;
use crate::router::PeerApi;
use crate::seen::Seen;
use crate::ticket::OfMany;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures::StreamExt;
use futures::stream;
use host_rpc::gateway::TxState;
use host_types::codec::Reader;
use host_types::{ChannelName, Code, RawTx, TxId};
use std::convert::Infallible;
use std::sync::Arc;

/// Transactions of one request: as many as a block holds.
const BULK_TXS_MAX: usize = 10_000;
/// Transactions of one request that are looked at together: what a node checks at once.
const AT_ONCE: usize = 256;
/// Arrays within arrays of an envelope, arguments included.
const DEPTH_MAX: usize = 64;

const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");

/// An envelope, or why there is none.
type Item = Result<RawTx, Problem>;

/// Takes many.
pub(crate) async fn post(Seen(api): Seen, Path(name): Path<String>, request: Request) -> Answer {
    let channel = channel(api.gateway.as_ref(), &name)?;
    let (parts, body) = request.into_parts();
    // The gate has read it whole, within the limit.
    let body = axum::body::to_bytes(body, api.config.bulk_limit).await;
    let body = body.map_err(|error| Problem::parameter(error.to_string()))?;
    let items = match calls::media_type(&parts.headers).as_str() {
        "application/cbor" | "application/cbor-seq" => of_sequence(&body),
        "application/x-ndjson" | "application/jsonl" | "application/json" => of_lines(&body),
        _ => {
            let detail = "the body is application/x-ndjson or application/cbor-seq";
            return Err(Problem::new(Code::ContentType, detail));
        }
    };
    if items.is_empty() {
        return Err(Problem::parameter("the body holds no transaction"));
    }
    if items.len() > BULK_TXS_MAX {
        let detail = format!("{} transactions are more than {BULK_TXS_MAX}", items.len());
        return Err(Problem::new(Code::BodyTooLarge, detail));
    }
    let payer = OfMany::new(parts.extensions.get().cloned());
    let lines = stream::iter(items.into_iter().enumerate())
        .map(move |(index, item)| {
            let (api, channel, payer) = (Arc::clone(&api), channel.clone(), payer.clone());
            async move {
                let became = taken(&api, &channel, &payer, item).await;
                Ok::<_, Infallible>(line(index, became))
            }
        })
        .buffered(AT_ONCE);
    let mut response = Response::new(Body::from_stream(lines));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, NDJSON);
    response.headers_mut().insert(header::CACHE_CONTROL, super::CHANGING);
    Ok(response)
}

/// Lines of JSON; empty ones are passed over.
fn of_lines(body: &[u8]) -> Vec<Item> {
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines = lines.filter(|line| !line.is_empty());
    lines
        .map(|line| envelope_of(&parse(line, Duplicates::Refuse)?))
        // One more than allowed tells that there are too many.
        .take(BULK_TXS_MAX + 1)
        .collect()
}

/// Items of a CBOR sequence (RFC 8742). Behind one that cannot be read nothing can be found.
fn of_sequence(body: &Bytes) -> Vec<Item> {
    let mut items = Vec::new();
    let mut at = 0;
    while let Some(rest) = body.get(at..).filter(|rest| !rest.is_empty()) {
        if items.len() > BULK_TXS_MAX {
            break;
        }
        match Reader::new(rest).value(DEPTH_MAX) {
            Ok(item) => {
                items.push(Ok(RawTx(body.slice(at..at + item.len()))));
                at += item.len();
            }
            Err(error) => {
                let detail = format!(
                    "the item at byte {at} is malformed, and what follows was not looked at: {error}"
                );
                items.push(Err(Problem::new(Code::TxMalformed, detail)));
                break;
            }
        }
    }
    items
}

fn line(index: usize, became: Result<(TxId, TxState), Problem>) -> Bytes {
    let mut json = Json::object([("index", index.into())]);
    match became {
        Ok((id, state)) => {
            json.push("hash", id.to_string());
            match state {
                TxState::Final(tx) => {
                    json.push("state", "final");
                    json.push("height", tx.height.get());
                }
                _ => json.push("state", "pending"),
            }
        }
        Err(problem) => {
            json.push("state", "rejected");
            json.push(
                "error",
                Json::object([
                    ("code", problem.code.to_string().into()),
                    ("message", problem.detail.into()),
                    ("help", problem.help.iter().map(|line| Json::from(line.as_str())).collect()),
                    ("retryable", problem.code.is_retryable().into()),
                ]),
            );
        }
    }
    Bytes::from(compact(&json) + "\n")
}

async fn taken(
    api: &PeerApi,
    channel: &ChannelName,
    payer: &OfMany,
    item: Item,
) -> Result<(TxId, TxState), Problem> {
    let tx = decoded(&item?)?;
    let signer = tx.transaction().signer;
    payer.admit(signer)?;
    let is_known = api.gateway.transaction(channel, tx.id()).await?.is_some();
    let submitted = api.gateway.submit(channel, Arc::new(tx), None).await;
    payer.pay((submitted.is_ok() && !is_known).then_some(signer));
    let (id, state) = submitted?;
    match state {
        TxState::Rejected(why) => Err(why.into()),
        state => Ok((id, state)),
    }
}
