//! What a valid block is, as far as it can be told without executing it.

use crate::ingest::dedup::Window;
use host_types::block::{Block, ProposalKind};
use host_types::genesis::ChannelLimits;
use host_types::limits::DRIFT_US_MAX;
use host_types::{BlockTime, Epoch, GenesisHash, Hash32, Header, TxId};

/// What a header must fit.
#[derive(Clone, Copy, Debug)]
pub struct HeaderContext<'a> {
    /// The channel.
    pub genesis: GenesisHash,
    /// Its epoch.
    pub epoch: Epoch,
    /// Hash of the validator set.
    pub validators: Hash32,
    /// Number of validators.
    pub validator_count: usize,
    /// Its limits.
    pub limits: &'a ChannelLimits,
}

/// Checks a header for itself: right channel, set, proposer, counts.
///
/// # Errors
/// One line.
pub fn check_header(header: &Header, context: HeaderContext<'_>) -> Result<(), String> {
    if header.genesis != context.genesis {
        return Err(format!("the header is of channel {}", header.genesis));
    }
    if header.epoch != context.epoch {
        return Err(format!("the header is of epoch {}", header.epoch));
    }
    if header.validators != context.validators {
        return Err("the header names another validator set".into());
    }
    if usize::from(header.proposer) >= context.validator_count {
        return Err(format!("there is no validator {}", header.proposer));
    }
    if u64::from(header.tx_count) > context.limits.block_txs {
        return Err(format!(
            "{} transactions, at most {}",
            header.tx_count, context.limits.block_txs
        ));
    }
    if header.kind == ProposalKind::Closing
        && (header.tx_count > 0 || header.next_validators.is_some())
    {
        return Err("a closing block has no transactions and seals nothing".into());
    }
    Ok(())
}

/// Checks a header against its parent: what is wrong here is wrong for ever.
///
/// # Errors
/// One line.
pub fn check_place(header: &Header, parent: &Header) -> Result<(), String> {
    if header.height != parent.height.next() {
        return Err(format!("height {} on a parent of height {}", header.height, parent.height));
    }
    if header.time <= parent.time {
        return Err(format!("time {} is not after the parent's {}", header.time, parent.time));
    }
    Ok(())
}

/// Checks a header against this node's clock. It may be right a moment later: no vote now, and no
/// verdict on the block, or a node whose clock was behind would refuse it and all that follows for ever.
///
/// # Errors
/// One line.
pub fn check_clock(header: &Header, wall: BlockTime) -> Result<(), String> {
    let ahead = header.time.get().saturating_sub(wall.get());
    if ahead > DRIFT_US_MAX {
        return Err(format!(
            "time {} is {ahead} us ahead of this node's clock, at most {DRIFT_US_MAX}",
            header.time
        ));
    }
    Ok(())
}

/// Checks the transactions of a complete block: size, expiry, and that each is there once in the
/// whole branch. `ancestors` are sorted.
///
/// # Errors
/// One line.
pub fn check_payload(
    block: &Block,
    ancestors: &[TxId],
    window: &Window,
    limits: &ChannelLimits,
) -> Result<(), String> {
    let mut bytes = 0u64;
    let mut ids: Vec<TxId> = block.transactions().iter().map(|tx| tx.id()).collect();
    ids.sort_unstable();
    if let Some(pair) = ids.windows(2).find(|pair| pair.first() == pair.last()) {
        return Err(format!("transaction {:?} stands twice in the block", pair.first()));
    }
    for tx in block.transactions().iter() {
        bytes += tx.size() as u64;
        let id = tx.id();
        if ancestors.binary_search(&id).is_ok() || window.contains(&id) {
            return Err(format!("transaction {id} stands twice in the chain"));
        }
        if tx.transaction().expiry < block.header().time {
            return Err(format!("transaction {id} had expired"));
        }
        if tx.transaction().genesis != block.header().genesis {
            return Err(format!("transaction {id} is of another channel"));
        }
    }
    if bytes > limits.block_bytes {
        return Err(format!("{bytes} bytes of transactions, at most {}", limits.block_bytes));
    }
    Ok(())
}
