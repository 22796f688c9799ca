//! `GET /api/v1/blocks`, with and without a hash.

use super::payload;
use super::signers::Signers;
use super::{FAIL_WRONG_BLOCK_HASH, channel, lower_hex, message, reply, unknown_channel};
use crate::json::Json;
use crate::query::Query;
use crate::router::PeerApi;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use host_rpc::gateway::{BlockRef, BlockView, Gateway};
use host_types::{BlockId, ChannelName, Height};
use std::sync::Arc;

/// `GET /blocks`
pub(crate) async fn get(State(api): State<Arc<PeerApi>>, RawQuery(query): RawQuery) -> Response {
    let gateway = api.gateway.as_ref();
    let query = Query::parse(query.as_deref());
    let Some(channel) = channel(gateway, &query) else { return unknown_channel() };
    let wanted = match query.get("hash") {
        None => Some(BlockRef::Latest),
        Some(hash) => BlockId::from_hex(hash).map(BlockRef::Id),
    };
    let found = match wanted {
        Some(wanted) => gateway.block(&channel, wanted).await.ok().flatten(),
        None => None,
    };
    let Some(block) = found else {
        return message(FAIL_WRONG_BLOCK_HASH, "fail wrong block hash");
    };
    let signers = Signers::of(gateway, &channel).await;
    let (hash, data) = (lower_hex(block.id.as_bytes()), data(&block, &signers));
    reply(&if wanted == Some(BlockRef::Latest) {
        Json::object([("response_code", 0.into()), ("block_hash", hash), ("block_data_json", data)])
    } else {
        let transactions = transactions(gateway, &channel, &block, &signers).await;
        Json::object([
            ("block_hash", hash),
            ("block_data_json", data),
            ("tx_data_json", transactions),
        ])
    })
}

/// Every value is text. Genesis has neither parent nor root, time nor proposer here.
fn data(block: &BlockView, signers: &Signers) -> Json {
    let header = &block.header;
    let is_genesis = header.height == Height::ZERO;
    let unless_genesis = |value: Json| if is_genesis { "".into() } else { value };
    let time = if is_genesis { 0 } else { header.time.get() };
    Json::object([
        ("prev_block_hash", unless_genesis(lower_hex(header.parent.block.as_bytes()))),
        ("merkle_tree_root_hash", unless_genesis(lower_hex(header.tx_root.as_bytes()))),
        ("time_stamp", time.to_string().into()),
        ("height", header.height.to_string().into()),
        ("peer_id", unless_genesis(signers.peer_id_of(block.proposer.as_ref()).into())),
    ])
}

/// The transactions; an empty text, not an empty array, when there are none.
async fn transactions(
    gateway: &dyn Gateway,
    channel: &ChannelName,
    block: &BlockView,
    signers: &Signers,
) -> Json {
    if block.transactions.is_empty() {
        return "".into();
    }
    let scores = gateway.scores(channel).await.unwrap_or_default();
    let entry = |tx: &host_types::SignedTransaction| {
        let transaction = tx.transaction();
        Json::object([
            ("tx_hash", lower_hex(tx.id().as_bytes())),
            ("timestamp", block.header.time.get().into()),
            ("data_string", payload::text(&scores, transaction).into()),
            ("peer_id", signers.peer_id(&transaction.signer).into()),
        ])
    };
    block.transactions.iter().map(entry).collect()
}
