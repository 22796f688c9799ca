//! Building and executing blocks in a model host.
//!
//! In: wishes to build and to validate. Out: headers and results. Not here: durability.

use super::{Host, Memory};
use crate::{
    chain::{self, ModelBlock},
    villain::Villain,
    world::{BuildWish, World},
};
use plugin_api::{ConsensusRule, Hash, HeaderView, Input, input::Verdict};
use std::collections::BTreeSet;

/// Transactions in one block, at most.
const BLOCK_MAX: usize = 20;

impl<R: ConsensusRule> Host<R> {
    pub(super) fn executed(&mut self, id: Hash, world: &mut World) {
        let salt = match &self.role.villain {
            Some(Villain::Liar(liar)) => liar.salt(&mut world.chance),
            _ => 0,
        };
        let Some(memory) = self.memory.as_mut() else { return };
        let verdict = match memory.blocks.get(&id).cloned() {
            None => Verdict::NoResult,
            Some(block) => memory.judge(&block, salt),
        };
        if let Verdict::Valid { pair } = &verdict {
            memory.results.insert(id, *pair);
        }
        self.step(Input::Validity { block: id, verdict }, world);
    }

    pub(super) fn built(&mut self, wish: &BuildWish, world: &mut World) {
        let proposer = self.role.index.unwrap_or(0);
        let twin = self.role.twin;
        let Some(memory) = self.memory.as_mut() else { return };
        let header = memory.assemble(wish, proposer, twin);
        self.step(Input::Built { request: wish.request, header }, world);
    }
}

impl<R> Memory<R> {
    /// Transactions in the blocks above the ledger that end with `block`.
    pub(super) fn above(&self, block: &Hash) -> Option<BTreeSet<u64>> {
        let tip = self.ledger.last()?;
        let mut found = BTreeSet::new();
        let mut id = *block;
        while id != tip.pair.block {
            let known = self.blocks.get(&id)?;
            if known.header.height <= tip.block.header.height {
                return None;
            }
            found.extend(known.transactions.iter().copied());
            id = known.header.parent.block;
        }
        Some(found)
    }

    pub(super) fn judge(&self, block: &ModelBlock, salt: u64) -> Verdict {
        let parent = block.header.parent;
        if self.results.get(&parent.block) != Some(&parent)
            && self.ledger.last().map(|entry| entry.pair) != Some(parent)
        {
            return Verdict::NoResult;
        }
        let Some(above) = self.above(&parent.block) else { return Verdict::NoResult };
        let known = self.header_of(&parent.block);
        let repeats = |t: &u64| self.included.contains(t) || above.contains(t);
        if block.transactions.iter().any(repeats) {
            return Verdict::Invalid { reason: "a transaction is repeated".to_owned() };
        }
        if known.is_none_or(|parent| parent.height + 1 != block.header.height) {
            return Verdict::Invalid { reason: "the height is wrong".to_owned() };
        }
        if let Some(pair) = self.results.get(&block.header.id) {
            return Verdict::Valid { pair: *pair };
        }
        Verdict::Valid { pair: chain::execute(block, salt) }
    }

    pub(super) fn header_of(&self, id: &Hash) -> Option<&HeaderView> {
        self.blocks
            .get(id)
            .map(|block| &block.header)
            .or_else(|| self.ledger.last().map(|e| &e.block.header).filter(|h| h.id == *id))
    }

    pub(super) fn assemble(
        &mut self,
        wish: &BuildWish,
        proposer: u16,
        twin: bool,
    ) -> Option<HeaderView> {
        let parent = self.header_of(&wish.parent.block)?.clone();
        let above = self.above(&wish.parent.block)?;
        let mut chosen: Vec<u64> =
            self.pool.iter().filter(|t| !above.contains(t)).copied().collect();
        if twin {
            chosen.reverse();
        }
        chosen.truncate(BLOCK_MAX);
        if chosen.is_empty() && !wish.allow_empty {
            return None;
        }
        let header = HeaderView {
            id: Hash::ZERO,
            epoch: 0,
            view: wish.view,
            kind: wish.kind,
            height: parent.height + 1,
            parent: wish.parent,
            parent_view: wish.parent_view,
            proposer,
            carried: wish.carried,
            is_empty: chosen.is_empty(),
        };
        let block = chain::seal(header, chosen);
        let header = block.header.clone();
        self.blocks.insert(header.id, block);
        Some(header)
    }
}
