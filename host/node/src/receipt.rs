//! Portable receipts, made of a stored block.
//!
//! In: a block with its receipts and its proof. Out: the view. Deliberately not here: checking one
//! (`host-client`), the JSON form (`host-web`).

use host_rpc::gateway::{ProofView, ReceiptView};
use host_types::genesis::ChannelGenesis;
use host_types::{Block, Encode, Receipt, merkle};
use std::sync::Arc;

/// What is stored of a transaction and its block.
#[derive(Clone, Debug)]
pub struct Stored<'a> {
    /// Its block.
    pub block: &'a Block,
    /// The receipts of that block, in order.
    pub receipts: &'a [Receipt],
    /// Its place.
    pub index: usize,
    /// The certificate of its signer, DER.
    pub certificate: Vec<u8>,
}

/// Makes the receipt; none when there is no transaction at that place.
#[must_use]
pub fn assemble(
    stored: Stored<'_>,
    genesis: Arc<ChannelGenesis>,
    proof: ProofView,
) -> Option<ReceiptView> {
    let Stored { block, receipts, index, certificate } = stored;
    let transactions = block.transactions();
    let ids = transactions.iter().map(|tx| *tx.id().as_bytes());
    Some(ReceiptView {
        transaction: (**transactions.get(index)?).clone(),
        certificate,
        receipt: receipts.get(index)?.clone(),
        included: merkle::prove(ids, index)?,
        resulted: merkle::prove(receipts.iter().map(Encode::to_bytes), index)?,
        genesis,
        proof,
    })
}
