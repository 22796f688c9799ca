//! `GET /channels/{c}/blocks` and `/blocks/{height|hash|latest}`.

use super::{Answer, ok, open_channel, tagged, views};
use crate::json::Json;
use crate::problem::Problem;
use crate::query::Query;
use crate::seen::Seen;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use host_rpc::gateway::{Access, BlockRef};
use host_types::{BlockId, Height};

/// Blocks of a page when the client names no number.
const PAGE_DEFAULT: u32 = 20;
/// Most blocks of a page.
const PAGE_MAX: u32 = 100;

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

pub(super) fn reference(text: &str) -> Result<BlockRef, Problem> {
    if text == "latest" {
        return Ok(BlockRef::Latest);
    }
    let height = number(text).map(|height| BlockRef::Height(Height::new(height)));
    height.or_else(|| BlockId::from_hex(text).map(BlockRef::Id)).ok_or_else(|| {
        Problem::parameter("a block is named by its height, its hash of 64 hex digits, or `latest`")
    })
}

/// One block. A final block never changes, so it may be kept for ever.
pub(crate) async fn one(
    Seen(api): Seen,
    Path((name, block)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let channel = open_channel(api.gateway.as_ref(), &name, Access::Read)?;
    let wanted = reference(&block)?;
    let found = api.gateway.block(&channel, wanted).await?;
    let found =
        found.ok_or_else(|| Problem::not_found(format!("{channel} has no block {block}")))?;
    let mut json = Json::object([
        ("schema", "loopchain.block.v1".into()),
        ("channel", channel.as_str().into()),
    ]);
    if let (Json::Object(all), Json::Object(fields)) = (&mut json, views::block(&found)) {
        all.extend(fields);
    }
    Ok(tagged(&headers, &found.id.hash(), wanted != BlockRef::Latest, &json))
}

/// A page of blocks, newest first.
pub(crate) async fn page(
    Seen(api): Seen,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let channel = open_channel(api.gateway.as_ref(), &name, Access::Read)?;
    let query = Query::parse(query.as_deref());
    let before = query.get("before").map(|text| {
        number(text).map(Height::new).ok_or_else(|| Problem::parameter("`before` is a height"))
    });
    let before = before.transpose()?;
    let in_range = |limit: &u32| (1..=PAGE_MAX).contains(limit);
    let limit = match query.get("limit") {
        None => PAGE_DEFAULT,
        Some(text) => number(text).filter(in_range).ok_or_else(|| {
            Problem::parameter(format!("`limit` is a number from 1 to {PAGE_MAX}"))
        })?,
    };
    let blocks = api.gateway.blocks(&channel, before, limit).await?;
    let oldest = blocks.last().map(|block| block.header.height.get());
    Ok(ok(&Json::object([
        ("schema", "loopchain.blocks.v1".into()),
        ("channel", channel.as_str().into()),
        ("blocks", blocks.iter().map(views::block_summary).collect()),
        ("next_before", oldest.filter(|height| *height > 0).into()),
    ])))
}
