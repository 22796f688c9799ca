//! What this node asks and answers about results that differ.
//!
//! In: blocks, results that others signed or agreed on. Out: outcomes that peers hand over, places at
//! which results part; and for peers, digests and outcomes of this node. Deliberately not here: what
//! follows from it (the pipeline), checking an outcome (`execution::adopt`).

use super::ChannelHandle;
use super::links::Links;
use host_store::{BlockResult, Reader, Segments};
use host_types::block::RootPair;
use host_types::limits::{OUTCOME_BYTES_MAX, PART_BYTES_MAX};
use host_types::message::{FetchReply, FetchRequest};
use host_types::outcome::{BlockOutcome, first_parting};
use host_types::{BlockId, Decode, Domain, Encode, Hash32, merkle};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Voters asked for digests of one block: two results that part are enough, and each answer is
/// 32 bytes for each transaction.
const ASKED_MAX: usize = 8;

/// This node's result of a block: not final yet, or stored.
fn result(segments: &Segments, reader: &Reader, block: BlockId) -> Option<BlockResult> {
    let unfinished = segments.unfinished(block).and_then(|unfinished| unfinished.result);
    if let Some((_, location)) = unfinished {
        return segments.read_result(location).ok();
    }
    let height = reader.height_of(block).ok().flatten()?;
    reader.result(height).ok().flatten()
}

/// Answers `Digests`.
#[must_use]
pub fn digests(channel: &ChannelHandle, block: BlockId) -> Option<(RootPair, Vec<Hash32>)> {
    let parts = channel.parts();
    let result = result(&parts.segments, &parts.reader, block)?;
    Some((result.roots, BlockOutcome::digests(&result.receipts)))
}

/// Answers `Outcome`: the part at an offset, and the size of the whole.
#[must_use]
pub fn outcome(
    channel: &ChannelHandle,
    block: BlockId,
    roots: RootPair,
    offset: u64,
) -> Option<(u64, Vec<u8>)> {
    let parts = channel.parts();
    let found = result(&parts.segments, &parts.reader, block)?;
    if found.roots != roots {
        return None;
    }
    let BlockResult { receipts, events, writes, .. } = found;
    let bytes = BlockOutcome { receipts, events, writes }.to_bytes();
    let rest = bytes.get(usize::try_from(offset).ok()?..)?;
    let part = rest.get(..rest.len().min(PART_BYTES_MAX))?.to_vec();
    Some((bytes.len() as u64, part))
}

/// Fetches what a block did from whoever has this result.
///
/// # Errors
/// One line.
pub async fn fetch_outcome(
    links: &Arc<dyn Links>,
    block: BlockId,
    roots: RootPair,
) -> Result<BlockOutcome, String> {
    let mut bytes = Vec::new();
    let mut from = None;
    loop {
        let request = FetchRequest::Outcome { block, roots, offset: bytes.len() as u64 };
        let Some((node, FetchReply::Outcome(Some((size, part))))) =
            links.fetch(from, &request).await
        else {
            return Err("nobody that is connected has it".into());
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size > OUTCOME_BYTES_MAX {
            return Err(format!("it takes {size} bytes, at most {OUTCOME_BYTES_MAX}"));
        }
        // All honest nodes that have this result have the same bytes.
        from = Some(node);
        bytes.extend_from_slice(&part);
        if bytes.len() >= size || part.is_empty() {
            return BlockOutcome::from_bytes(&bytes).map_err(|error| format!("damaged: {error}"));
        }
    }
}

/// What comparing takes.
#[derive(Clone)]
pub struct Comparison {
    /// The other nodes.
    pub links: Arc<dyn Links>,
    /// This node's files.
    pub segments: Segments,
    /// The stored channel.
    pub reader: Reader,
}

impl std::fmt::Debug for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Comparison").finish_non_exhaustive()
    }
}

impl Comparison {
    /// Places at which the results of voters part first from each other, or from the own one. A
    /// voter's digests count when they make the receipts root that it signed.
    pub async fn places(&self, block: BlockId, votes: Vec<(u16, RootPair)>) -> Vec<usize> {
        let own = result(&self.segments, &self.reader, block);
        let mut lists: Vec<Vec<Hash32>> =
            own.iter().map(|own| BlockOutcome::digests(&own.receipts)).collect();
        let mut known: BTreeSet<_> = own.iter().map(|own| own.roots.receipts).collect();
        for (signer, roots) in votes.into_iter().take(ASKED_MAX) {
            if !known.insert(roots.receipts) {
                continue;
            }
            let Some(node) = self.links.validator(signer) else { continue };
            let reply = self.links.fetch(Some(node), &FetchRequest::Digests(block)).await;
            if let Some((_, FetchReply::Digests(Some((_, digests))))) = reply
                && merkle::root_of_leaves(Domain::ReceiptRoot, &digests) == roots.receipts
            {
                lists.push(digests);
            }
        }
        let pairs = lists.iter().enumerate().flat_map(|(i, one)| {
            lists.iter().skip(i + 1).filter_map(|other| first_parting(one, other))
        });
        let places: BTreeSet<usize> = pairs.collect();
        places.into_iter().collect()
    }
}
