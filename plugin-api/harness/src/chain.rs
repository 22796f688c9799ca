//! The model of a chain: blocks of numbered transactions whose result is a hash.
//!
//! In: parents and transactions. Out: headers, results. It is deterministic, so two honest nodes
//! always agree on a result. Not here: real transactions, real state.

use plugin_api::{Hash, HeaderView, Pair, ProposalKind};
use sha2::{Digest, Sha256};
use std::rc::Rc;

/// A block with its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelBlock {
    /// What the rule sees.
    pub header: HeaderView,
    /// The payload.
    pub transactions: Vec<u64>,
}

/// SHA-256 of framed parts.
fn hash(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}

/// The first block.
#[must_use]
pub fn genesis() -> ModelBlock {
    let header = HeaderView {
        id: hash(&[b"genesis"]),
        epoch: 0,
        view: 0,
        kind: ProposalKind::Norm,
        height: 0,
        parent: Pair::default(),
        parent_view: 0,
        proposer: 0,
        carried: Hash::ZERO,
        is_empty: true,
        is_sealing: false,
    };
    ModelBlock { header, transactions: Vec::new() }
}

/// Result of the first block.
#[must_use]
pub fn genesis_pair() -> Pair {
    Pair {
        block: genesis().header.id,
        state_root: hash(&[b"state"]),
        receipts_root: hash(&[b"receipts"]),
    }
}

/// Computes the id and freezes a block.
#[must_use]
pub fn seal(mut header: HeaderView, transactions: Vec<u64>) -> Rc<ModelBlock> {
    let list: Vec<u8> = transactions.iter().flat_map(|t| t.to_be_bytes()).collect();
    let place = [header.epoch, header.view, header.height, header.parent_view];
    let place: Vec<u8> = place.iter().flat_map(|n| n.to_be_bytes()).collect();
    let kind = [u8::from(header.kind == ProposalKind::Opt)
        + 2 * u8::from(header.kind == ProposalKind::Closing)
        + 4 * u8::from(header.is_sealing)];
    header.is_empty = transactions.is_empty();
    header.id = hash(&[
        &place,
        &kind,
        &header.parent.block.0,
        &header.parent.state_root.0,
        &header.parent.receipts_root.0,
        &header.proposer.to_be_bytes(),
        &header.carried.0,
        &list,
    ]);
    Rc::new(ModelBlock { header, transactions })
}

/// The result of a block on its parent's result. A salt other than 0 gives a wrong one.
#[must_use]
pub fn execute(block: &ModelBlock, salt: u64) -> Pair {
    let wrong = if salt == 0 { Vec::new() } else { salt.to_be_bytes().to_vec() };
    let parent = &block.header.parent;
    if block.header.kind == ProposalKind::Closing && salt == 0 {
        return Pair { block: block.header.id, ..*parent };
    }
    Pair {
        block: block.header.id,
        state_root: hash(&[b"state", &parent.state_root.0, &block.header.id.0, &wrong]),
        receipts_root: hash(&[b"receipts", &block.header.id.0, &wrong]),
    }
}
