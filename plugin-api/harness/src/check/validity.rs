//! A ledger is a chain: each block on the pair before it, each transaction once.

use crate::chain::ModelBlock;
use plugin_api::{HeaderView, Pair, ProposalKind};
use std::collections::BTreeSet;

/// Checks that `block` follows the last final block and repeats no transaction.
///
/// # Errors
/// One line: what is wrong.
pub fn follows(
    tip: &HeaderView,
    tip_pair: &Pair,
    block: &ModelBlock,
    before: &BTreeSet<u64>,
) -> Result<(), String> {
    let header = &block.header;
    if header.kind == ProposalKind::Closing {
        return Err(format!("a closing block entered the ledger at height {}", header.height));
    }
    let (epoch, parent_view) = match tip.is_sealing {
        true => (tip.epoch + 1, 0),
        false => (tip.epoch, tip.view),
    };
    if header.epoch != epoch || (tip.is_sealing && header.parent_view != parent_view) {
        return Err(format!("block {} is of epoch {}, not {epoch}", header.height, header.epoch));
    }
    if header.parent != *tip_pair {
        return Err(format!("block {} does not stand on the last final pair", header.height));
    }
    if header.height != tip.height + 1 || header.view <= header.parent_view {
        return Err(format!("block {} has a wrong height or view", header.height));
    }
    let mut seen = BTreeSet::new();
    let twice = |t: &&u64| before.contains(*t) || !seen.insert(**t);
    match block.transactions.iter().find(twice) {
        Some(twice) => Err(format!("transaction {twice} is final twice")),
        None => Ok(()),
    }
}
