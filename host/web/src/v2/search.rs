//! `GET /channels/{c}/transactions?signer=&score=&method=&from=&to=&cursor=&limit=`: final
//! transactions by who signed them and what they called, newest first.

use super::{Answer, ok, open_channel};
use crate::json::Json;
use crate::problem::Problem;
use crate::query::Query;
use crate::seen::Seen;
use crate::time;
use axum::extract::{Path, RawQuery};
use host_rpc::gateway::{Access, Gateway, MemberView};
use host_rpc::lookups::{FoundTx, TxFilter, TxPosition};
use host_types::limits::METHOD_BYTES_MAX;
use host_types::{CertificateId, ChannelName, Height, ScoreName};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Transactions of a page when the client names no number.
const PAGE_DEFAULT: u32 = 20;
/// Most transactions of a page.
const PAGE_MAX: u32 = 100;

/// A page; `next_cursor` asks for the next one, null once everything was looked at.
pub(crate) async fn page(
    Seen(api): Seen,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let gateway = api.gateway.as_ref();
    let channel = open_channel(gateway, &name, Access::Read)?;
    let query = Query::parse(query.as_deref());
    let mut filter = filter(&query)?;
    if let Some(text) = query.get("signer") {
        filter.signer = Some(signer(gateway, &channel, text).await?);
    }
    let page = gateway.search(&channel, filter).await?;
    let mut members: BTreeMap<CertificateId, Option<MemberView>> = BTreeMap::new();
    for found in &page.found {
        let signer = found.transaction.transaction().signer;
        if let Entry::Vacant(vacant) = members.entry(signer) {
            vacant.insert(gateway.member(&channel, &signer).await?);
        }
    }
    let item = |found: &FoundTx| {
        let signer = members.get(&found.transaction.transaction().signer);
        item(found, signer.and_then(Option::as_ref))
    };
    Ok(ok(&Json::object([
        ("schema", "loopchain.txs.v1".into()),
        ("channel", channel.as_str().into()),
        ("transactions", page.found.iter().map(item).collect()),
        ("next_cursor", page.next.map(cursor).into()),
    ])))
}

fn cursor(position: TxPosition) -> String {
    format!("{}.{}", position.height.get(), position.index)
}

/// Digits and nothing else.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn position(text: &str) -> Option<TxPosition> {
    let (height, index) = text.split_once('.')?;
    Some(TxPosition { height: Height::new(number(height)?), index: number(index)? })
}

fn filter(query: &Query) -> Result<TxFilter, Problem> {
    let height = |name: &str| match query.get(name) {
        None => Ok(None),
        Some(text) => number(text)
            .map(|height| Some(Height::new(height)))
            .ok_or_else(|| Problem::parameter(format!("`{name}` is a height"))),
    };
    let score = query.get("score").map(|text| {
        ScoreName::new(text).ok_or_else(|| Problem::parameter("`score` is the name of a SCORE"))
    });
    let method = query.get("method").map(|text| match text.len() {
        1..=METHOD_BYTES_MAX => Ok(text.to_owned()),
        _ => Err(Problem::parameter("`method` is the name of a method")),
    });
    let before = query.get("cursor").map(|text| {
        position(text).ok_or_else(|| Problem::parameter("`cursor` is what `next_cursor` told"))
    });
    let limit = query.get("limit").map(|text| {
        let limit = number(text).filter(|limit| (1..=PAGE_MAX).contains(limit));
        limit.ok_or_else(|| Problem::parameter(format!("`limit` is a number from 1 to {PAGE_MAX}")))
    });
    let (score, method) = (score.transpose()?, method.transpose()?);
    if method.is_some() && score.is_none() {
        return Err(Problem::parameter("`method` is looked for together with its `score`"));
    }
    Ok(TxFilter {
        signer: None,
        score,
        method,
        from: height("from")?.unwrap_or(Height::ZERO),
        to: height("to")?.unwrap_or(Height::new(u64::MAX)),
        before: before.transpose()?,
        limit: limit.transpose()?.unwrap_or(PAGE_DEFAULT),
    })
}

/// A certificate, or the one certificate of a member's name or address.
async fn signer(
    gateway: &dyn Gateway,
    channel: &ChannelName,
    text: &str,
) -> Result<CertificateId, Problem> {
    if let Some(id) = CertificateId::from_hex(text) {
        return Ok(id);
    }
    let is_address = text.starts_with("hx");
    let members = gateway.members(channel, (!is_address).then_some(text)).await?;
    let mut named = members.iter().filter(|one| !is_address || one.address.to_string() == text);
    match (named.next(), named.next()) {
        (Some(only), None) => Ok(only.certificate),
        (None, _) => Err(Problem::parameter(format!(
            "`signer` is a certificate of 64 hex digits, or the address or name of a member; nobody \
             of {channel} is called `{text}`"
        ))),
        _ => Err(Problem::parameter(format!(
            "`{text}` has several certificates in {channel}: name one by its 64 hex digits \
             (`members?name=`)"
        ))),
    }
}

fn item(found: &FoundTx, signer: Option<&MemberView>) -> Json {
    let tx = found.transaction.transaction();
    let time = found.time.get();
    Json::object([
        ("hash", found.transaction.id().to_string().into()),
        ("height", found.position.height.get().into()),
        ("index", found.position.index.into()),
        ("block_hash", found.block.to_string().into()),
        ("time_us", time.into()),
        ("time", time::rfc3339(time).into()),
        ("score", tx.score.as_str().into()),
        ("method", tx.method.as_str().into()),
        ("signer", tx.signer.to_string().into()),
        ("signer_name", signer.map(|member| member.name.as_str()).into()),
        ("status", found.receipt.status.word().into()),
        ("code", found.receipt.code.into()),
        ("size", found.transaction.size().into()),
    ])
}
