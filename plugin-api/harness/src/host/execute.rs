//! Building and executing blocks in a model host.
//!
//! In: wishes to build and to validate. Out: headers and results. Not here: durability.

use super::{Host, Memory};
use crate::{
    chain::{self, ModelBlock},
    epochs::HostBug,
    villain::Villain,
    world::{BuildWish, World},
};
use plugin_api::{ConsensusRule, Hash, HeaderView, Input, ProposalKind, input::Verdict};
use std::collections::BTreeSet;

/// Transactions in one block, at most.
const BLOCK_MAX: usize = 20;

impl<R: ConsensusRule> Host<R> {
    pub(super) fn executed(&mut self, id: Hash, world: &mut World) {
        let salt = match &self.role.villain {
            Some(Villain::Liar(liar)) => liar.salt(&mut world.chance),
            // Lives begin at 1; each fall and each start begins another.
            _ if world.host_bug == Some(HostBug::ExecutesAgain) => self.life - 1,
            _ => 0,
        };
        let Some(memory) = self.memory.as_mut() else { return };
        let verdict = match memory.blocks.get(&id).cloned() {
            None => Verdict::NoResult,
            Some(block) => memory.judge(&block, salt, world),
        };
        if let Verdict::Valid { pair } = &verdict {
            memory.results.insert(id, *pair);
        }
        self.step(Input::Validity { block: id, verdict }, world);
    }

    pub(super) fn built(&mut self, wish: &BuildWish, world: &mut World) {
        let twin = self.role.twin;
        let Some(memory) = self.memory.as_mut() else { return };
        let proposer = memory.place.me.unwrap_or(0);
        let header = memory.assemble(wish, proposer, twin, world);
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

    pub(super) fn judge(&self, block: &ModelBlock, salt: u64, world: &World) -> Verdict {
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
        let header = &block.header;
        if known.is_none_or(|parent| !header.may_follow(parent)) {
            return Verdict::Invalid { reason: "the height or the kind is wrong".to_owned() };
        }
        let seals =
            header.kind != ProposalKind::Closing && world.seals(header.epoch, header.height);
        if header.epoch != self.place.epoch || header.is_sealing != seals {
            return Verdict::Invalid { reason: "the epoch or the seal is wrong".to_owned() };
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
        world: &World,
    ) -> Option<HeaderView> {
        let parent = self.header_of(&wish.parent.block)?.clone();
        let above = self.above(&wish.parent.block)?;
        let mut chosen: Vec<u64> =
            self.pool.iter().filter(|t| !above.contains(t)).copied().collect();
        if twin {
            chosen.reverse();
        }
        chosen.truncate(BLOCK_MAX);
        let epoch = self.place.epoch;
        let closes = parent.epoch == epoch && parent.ends_transactions();
        if closes != (wish.kind == ProposalKind::Closing) {
            return None;
        }
        if closes {
            chosen.clear();
        }
        let height = parent.height + u64::from(!closes);
        let is_sealing = !closes && world.seals(epoch, height);
        if chosen.is_empty() && !wish.allow_empty {
            return None;
        }
        let header = HeaderView {
            id: Hash::ZERO,
            epoch,
            view: wish.view,
            kind: wish.kind,
            height,
            parent: wish.parent,
            parent_view: wish.parent_view,
            proposer,
            carried: wish.carried,
            is_empty: chosen.is_empty(),
            is_sealing,
        };
        let block = chain::seal(header, chosen);
        let header = block.header.clone();
        self.blocks.insert(header.id, block);
        Some(header)
    }
}
