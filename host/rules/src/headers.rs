//! Hashes, headers and results, both ways.

use host_types::block::{Header, Pair, ProposalKind, RootPair};
use host_types::{BlockId, Hash32};
use plugin_api as api;

/// A hash as a rule sees it.
#[must_use]
pub const fn hash(hash: Hash32) -> api::Hash {
    api::Hash(*hash.as_bytes())
}

/// A block that a rule names.
#[must_use]
pub const fn block_id(hash: api::Hash) -> BlockId {
    BlockId::new(Hash32::new(hash.0))
}

/// A block with its result, as a rule sees it.
#[must_use]
pub const fn to_pair(pair: &Pair) -> api::Pair {
    api::Pair {
        block: hash(pair.block.hash()),
        state_root: hash(pair.roots.state),
        receipts_root: hash(pair.roots.receipts),
    }
}

/// A block with its result, as a rule names it.
#[must_use]
pub const fn from_pair(pair: &api::Pair) -> Pair {
    Pair {
        block: block_id(pair.block),
        roots: RootPair {
            state: Hash32::new(pair.state_root.0),
            receipts: Hash32::new(pair.receipts_root.0),
        },
    }
}

/// What a rule sees of a header.
#[must_use]
pub fn header_view(header: &Header) -> api::HeaderView {
    api::HeaderView {
        id: hash(header.id().hash()),
        epoch: header.epoch.get(),
        view: header.view.get(),
        kind: match header.kind {
            ProposalKind::Norm => api::ProposalKind::Norm,
            ProposalKind::Opt => api::ProposalKind::Opt,
            ProposalKind::Closing => api::ProposalKind::Closing,
        },
        height: header.height.get(),
        parent: to_pair(&header.parent),
        parent_view: header.parent_view.get(),
        proposer: header.proposer,
        carried: hash(header.carried),
        is_empty: header.tx_count == 0,
        is_sealing: header.next_validators.is_some(),
    }
}
