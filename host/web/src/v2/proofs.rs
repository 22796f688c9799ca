//! `GET /channels/{c}/blocks/{height|hash|latest}/certificate`: why a block is final, for whoever wants to
//! check it without trusting this node.

use super::blocks::reference;
use super::{Answer, open_channel, tagged};
use crate::block_proof::document;
use crate::problem::Problem;
use crate::seen::Seen;
use axum::extract::Path;
use axum::http::HeaderMap;
use host_rpc::gateway::{Access, BlockRef};
use host_types::Domain;

/// The Final proof of a block. What is stored of a final block never changes, so it may be kept for
/// ever; another node may have another proof of the same block, with other signers.
pub(crate) async fn one(
    Seen(api): Seen,
    Path((name, block)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let channel = open_channel(api.gateway.as_ref(), &name, Access::Read)?;
    let wanted = reference(&block)?;
    let found = api.gateway.block_proof(&channel, wanted).await?;
    let found =
        found.ok_or_else(|| Problem::not_found(format!("{channel} has no block {block}")))?;
    // One proof may serve several blocks: the tag names the block too.
    let tag = Domain::Proof.hash(&[found.header.id().as_bytes(), &found.proof.rule_proof]);
    Ok(tagged(&headers, &tag, wanted != BlockRef::Latest, &document(&found)))
}
