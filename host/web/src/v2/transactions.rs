//! `POST /channels/{c}/transactions` `GET /channels/{c}/transactions/{hash}` and its
//! `/receipt`.

use super::views::TxContext;
use super::{Answer, channel, ok, open_channel, reply, tagged};
use crate::calls;
use crate::json::{Duplicates, Json};
use crate::problem::Problem;
use crate::query::Query;
use crate::receipt::document;
use crate::router::PeerApi;
use crate::seen::Seen;
use crate::ticket::Ticket;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_rpc::gateway::{Access, TxState};
use host_types::codec::{CodecErrorKind, Writer};
use host_types::limits::TX_BYTES_MAX;
use host_types::{CertificateId, ChannelName, Code, Domain, RawTx, SignedTransaction, TxId};
use std::sync::Arc;
use std::time::Duration;

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Takes one signed transaction.
pub(crate) async fn post(Seen(api): Seen, Path(name): Path<String>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    // The gate has read it whole, within the limit.
    let body = axum::body::to_bytes(body, api.config.body_limit).await;
    let body = body.map_err(|error| Problem::parameter(error.to_string()))?;
    take(&api, &name, Request::from_parts(parts, body)).await
}

/// The channel that one transaction is posted to, when its path says so in so many letters: such a
/// request, of which a busy node takes thousands a second, goes past the router to [`take`]. Any other
/// is the router's, and comes to [`post`] all the same.
pub(crate) fn posted_to<B>(request: &Request<B>) -> Option<ChannelName> {
    let rest = request.uri().path().strip_prefix("/api/v2/channels/")?;
    let name = rest.strip_suffix("/transactions").filter(|_| request.method() == Method::POST)?;
    ChannelName::new(name)
}

/// Takes the signed transaction that a request carries.
pub(crate) async fn take(api: &PeerApi, name: &str, request: Request<Bytes>) -> Answer {
    let channel = channel(api.gateway.as_ref(), name)?;
    let Posted { tx, wait, ticket } = Posted::read(request)?;
    let counted = counted(api, &channel, &tx, ticket).await?;
    let (id, state) = api.gateway.submit(&channel, Arc::new(tx), wait).await?;
    if let Some((ticket, signer)) = counted {
        ticket.charge(signer);
    }
    let place = format!("/api/v2/channels/{channel}/transactions/{id}");
    let mut response = match &state {
        TxState::Final(_) => ok(&view(api, &channel, &state).await),
        TxState::Rejected(why) => return Err(why.clone().into()),
        TxState::Pending(_) => reply(StatusCode::ACCEPTED, &accepted(&channel, id)),
    };
    put_place(&mut response, place, wait);
    Ok(response)
}

/// What is left of a request while its transaction is checked: nothing that shares the memory it was
/// read into, which the next request of the connection is read into.
struct Posted {
    tx: SignedTransaction,
    wait: Option<Duration>,
    ticket: Option<Ticket>,
}

impl Posted {
    fn read(request: Request<Bytes>) -> Result<Self, Problem> {
        let (Parts { headers, mut extensions, .. }, body) = request.into_parts();
        let tx = decoded(&envelope(&headers, &body)?)?;
        Ok(Self { tx, wait: wait(&headers)?, ticket: extensions.remove() })
    }
}

/// Whose account a transaction goes on once its signature was found good: its signer's, unless the
/// node knows it already, because then whoever has read it may be sending it.
async fn counted(
    api: &PeerApi,
    channel: &ChannelName,
    tx: &SignedTransaction,
    ticket: Option<Ticket>,
) -> Result<Option<(Ticket, CertificateId)>, Problem> {
    let Some(ticket) = ticket else { return Ok(None) };
    if api.gateway.transaction(channel, tx.id()).await?.is_some() {
        return Ok(None);
    }
    let signer = tx.transaction().signer;
    ticket.admit(signer)?;
    Ok(Some((ticket, signer)))
}

/// What is known of a transaction that was only just taken; the rest is at its `Location`.
fn accepted(channel: &ChannelName, id: TxId) -> Json {
    Json::object([
        ("schema", "loopchain.tx.v1".into()),
        ("hash", id.to_string().into()),
        ("channel", channel.as_str().into()),
        ("state", "pending".into()),
    ])
}

fn put_place(response: &mut Response, place: String, wait: Option<Duration>) {
    let headers = response.headers_mut();
    if let Ok(place) = HeaderValue::try_from(place) {
        headers.insert(header::LOCATION, place);
    }
    let applied = wait.map(|wait| HeaderValue::from_str(&format!("wait={}", wait.as_secs())));
    if let Some(Ok(applied)) = applied {
        headers.insert(PREFERENCE_APPLIED, applied);
    }
}

/// The canonical envelope, from CBOR as it is or from JSON.
fn envelope(headers: &HeaderMap, body: &[u8]) -> Result<RawTx, Problem> {
    if calls::media_type(headers) == "application/cbor" {
        // A transaction waits long: it must not keep the buffer of a whole request.
        return Ok(RawTx(Bytes::copy_from_slice(body)));
    }
    envelope_of(&calls::json_body(headers, body, Duplicates::Refuse)?)
}

/// The canonical envelope of `{"transaction": base64, "signature": base64}`.
pub(super) fn envelope_of(json: &Json) -> Result<RawTx, Problem> {
    let Json::Object(fields) = json else {
        return Err(Problem::parameter("the body is an object with `transaction` and `signature`"));
    };
    let is_key = |key: &str| key == "transaction" || key == "signature";
    if let Some((key, _)) = fields.iter().find(|(key, _)| !is_key(key)) {
        return Err(Problem::parameter(format!(
            "the body has no key `{key}`: its keys are `transaction` and `signature`"
        )));
    }
    let bytes = |key: &str| {
        let text = json.get(key).and_then(Json::as_str);
        text.and_then(|text| STANDARD.decode(text).ok())
            .ok_or_else(|| Problem::parameter(format!("`{key}` is base64 in a text")))
    };
    let (transaction, signature) = (bytes("transaction")?, bytes("signature")?);
    let mut w = Writer::with_capacity(transaction.len() + signature.len() + 8);
    w.array(2);
    w.raw(&transaction);
    w.bytes(&signature);
    Ok(RawTx(w.into_bytes().into()))
}

/// Its form; the signature is the node's to check.
pub(super) fn decoded(raw: &RawTx) -> Result<SignedTransaction, Problem> {
    match SignedTransaction::decode(raw) {
        Ok(tx) => Ok(tx),
        Err(error) if error.kind == CodecErrorKind::TooLong && raw.0.len() > TX_BYTES_MAX => {
            let (size, max) = (raw.0.len(), TX_BYTES_MAX);
            let detail = format!("the transaction has {size} bytes, at most {max} are allowed");
            Err(Problem::new(Code::TxTooLarge, detail))
        }
        Err(error) => {
            Err(Problem::new(Code::TxMalformed, format!("the transaction is malformed: {error}")))
        }
    }
}

/// Seconds of `Prefer: wait=N` (RFC 7240); other preferences are passed over.
fn wait(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let values = headers.get_all(PREFER).iter().filter_map(|v| v.to_str().ok());
    let preferences = values.flat_map(|value| value.split([',', ';'])).map(str::trim);
    for preference in preferences {
        let Some((name, value)) = preference.split_once('=') else { continue };
        if name.trim().eq_ignore_ascii_case("wait") {
            let seconds: u32 = value.trim().trim_matches('"').parse().map_err(|_| {
                Problem::parameter("`Prefer: wait=N` takes a whole number of seconds")
            })?;
            return Ok((seconds > 0).then(|| Duration::from_secs(seconds.into())));
        }
    }
    Ok(None)
}

/// Where a transaction is.
pub(crate) async fn get(
    Seen(api): Seen,
    Path((name, hash)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let channel = open_channel(api.gateway.as_ref(), &name, Access::Read)?;
    let id = TxId::from_hex(&hash)
        .ok_or_else(|| Problem::parameter("a transaction is named by 64 hex digits"))?;
    let is_proof_wanted = match Query::parse(query.as_deref()).get("proof") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::parameter("`proof` is `true` or `false`")),
    };
    let state = api.gateway.transaction(&channel, id).await?;
    let state = state
        .ok_or_else(|| Problem::not_found(format!("this node never heard of transaction {id}")))?;
    Ok(match &state {
        TxState::Final(_) if is_proof_wanted => {
            let receipt = api.gateway.receipt(&channel, id).await?;
            let proof = receipt.as_ref().map(document);
            ok(&view(&api, &channel, &state).await.with("proof", proof))
        }
        TxState::Final(_) => {
            tagged(&headers, &id.hash(), true, &view(&api, &channel, &state).await)
        }
        TxState::Pending(_) => ok(&view(&api, &channel, &state).await),
        TxState::Rejected(_) => {
            ok(&view(&api, &channel, &state).await.with("hash", id.to_string()))
        }
    })
}

/// The portable receipt of a final transaction: with it, whoever trusts the channel's genesis and has
/// its rule needs no network. Another node may have another proof of the same block.
pub(crate) async fn receipt(
    Seen(api): Seen,
    Path((name, hash)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let channel = open_channel(api.gateway.as_ref(), &name, Access::Read)?;
    let id = TxId::from_hex(&hash)
        .ok_or_else(|| Problem::parameter("a transaction is named by 64 hex digits"))?;
    let found = api.gateway.receipt(&channel, id).await?;
    let found = found
        .ok_or_else(|| Problem::not_found(format!("{channel} has no final transaction {id}")))?;
    let proof = &found.proof.proof.rule_proof;
    let tag = Domain::Proof.hash(&[id.as_bytes(), proof]);
    Ok(tagged(&headers, &tag, true, &document(&found)))
}

async fn view(api: &PeerApi, channel: &ChannelName, state: &TxState) -> Json {
    let transaction = match state {
        TxState::Pending(transaction) => transaction,
        TxState::Final(tx) => &tx.transaction,
        TxState::Rejected(why) => {
            let error = Json::object([
                ("code", why.code.to_string().into()),
                ("message", why.message.as_str().into()),
                ("help", Json::from(vec![why.code.help().into()])),
            ]);
            return Json::object([
                ("schema", "loopchain.tx.v1".into()),
                ("channel", channel.as_str().into()),
                ("state", "rejected".into()),
                ("error", error),
            ]);
        }
    };
    let called = transaction.transaction();
    let score = api.gateway.score(channel, &called.score).await.ok().flatten();
    let signer = api.gateway.member(channel, &called.signer).await.ok().flatten();
    let mut scores: Vec<_> = score.into_iter().collect();
    if let TxState::Final(tx) = state {
        // SCOREs that it reached through the one it called.
        for event in &tx.events {
            if scores.iter().all(|score| score.name != event.score)
                && let Ok(Some(score)) = api.gateway.score(channel, &event.score).await
            {
                scores.push(score);
            }
        }
    }
    let context = TxContext { channel, scores: &scores, signer: signer.as_ref() };
    match state {
        TxState::Final(tx) => context.final_tx(tx),
        _ => context.transaction(transaction, "pending"),
    }
}
