//! Checks a range of blocks: linked to this node's head, bodies fit headers, one Final proof for
//! the last. Results of all but the last stand in the header after them.

use crate::commit::Agreed;
use crate::vote::rule::Rule;
use host_types::block::{Block, Header, Pair, ProposalKind, RootPair};
use host_types::message::BlockRange;
use host_types::proof::FinalProof;
use host_types::{BlockId, Epoch, Height, SignedTransaction};
use std::sync::Arc;

/// A block of a proved range.
#[derive(Clone, Debug)]
pub struct AcceptedBlock {
    /// The block.
    pub block: Block,
    /// What was agreed about it.
    pub agreed: Agreed,
}

/// Checks a range that should follow `head`, all of it of one epoch: a sealing block ends it.
///
/// # Errors
/// One line: what the sender did wrong.
pub fn accept(
    range: &BlockRange,
    (head, height, roots): (BlockId, Height, RootPair),
    epoch: Epoch,
    rule: &dyn Rule,
) -> Result<Vec<AcceptedBlock>, String> {
    let blocks = decode(range)?;
    let (mut parent, mut at, mut parent_roots) = (head, height, Some(roots));
    for block in &blocks {
        let header = block.header();
        let fits = header.parent.block == parent
            && header.height == at.next()
            && parent_roots.is_none_or(|roots| roots == header.parent.roots);
        if !fits {
            return Err(format!("block {} does not follow {parent}", block.id()));
        }
        if header.epoch != epoch || header.kind == ProposalKind::Closing {
            return Err(format!("block {} is not of epoch {epoch}", block.id()));
        }
        (parent, at, parent_roots) = (block.id(), header.height, None);
    }
    let last = blocks.last().ok_or("an empty range")?;
    let above = blocks.get(..blocks.len() - 1).unwrap_or_default();
    if above.iter().any(|block| block.header().next_validators.is_some()) {
        return Err("a range goes on after a sealing block".into());
    }
    check_proof(last.header(), range.roots, &range.proof, rule)?;
    Ok(with_results(blocks, range))
}

/// Checks a Final proof of one block with its result.
///
/// # Errors
/// One line.
pub fn check_proof(
    header: &Header,
    roots: RootPair,
    proof: &FinalProof,
    rule: &dyn Rule,
) -> Result<(), String> {
    let target = proof.target(header, roots).ok_or("the headers of the proof do not link")?;
    let pair = Pair { block: target.id(), roots: proof.roots };
    if rule.verify_final(target, &pair, &proof.rule_proof) {
        Ok(())
    } else {
        Err(format!("the proof of block {} does not verify", header.id()))
    }
}

fn decode(range: &BlockRange) -> Result<Vec<Block>, String> {
    range
        .blocks
        .iter()
        .map(|(header, raw)| {
            let transactions = raw
                .iter()
                .map(|raw| SignedTransaction::decode(raw).map(Arc::new))
                .collect::<Result<Arc<[_]>, _>>()
                .map_err(|error| format!("a transaction of block {}: {error}", header.id()))?;
            Block::assemble(header.clone(), transactions)
                .ok_or_else(|| format!("the transactions of block {} do not fit it", header.id()))
        })
        .collect()
}

/// Each block with its result; the proof goes with the last.
fn with_results(blocks: Vec<Block>, range: &BlockRange) -> Vec<AcceptedBlock> {
    let parents: Vec<RootPair> = blocks.iter().map(|b| b.header().parent.roots).collect();
    blocks
        .into_iter()
        .enumerate()
        .map(|(i, block)| {
            let next = parents.get(i + 1);
            let agreed = Agreed {
                block: block.id(),
                height: block.header().height,
                roots: next.copied().unwrap_or(range.roots),
                proof: next.is_none().then(|| range.proof.clone()),
            };
            AcceptedBlock { block, agreed }
        })
        .collect()
}
