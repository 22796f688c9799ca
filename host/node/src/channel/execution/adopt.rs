//! Taking over what others agreed that a block did, when this node's own result is another one or
//! missing.
//!
//! In: a block, the agreed result, and an outcome that a peer handed over. Out: the same layer that
//! executing the block would have given on an agreeing node. Nothing of the peer is believed: the
//! events and receipts must give the agreed receipts root, and the writes, on the parent's state, the
//! agreed state root. Deliberately not here: fetching, and telling people (`divergence`).

use super::{Executor, LayerView, batch};
use host_store::BlockResult;
use host_types::block::{Block, RootPair};
use host_types::outcome::BlockOutcome;
use std::sync::Arc;

impl Executor {
    /// Keeps the outcome as this node's result. Gives the own result that it replaces, when there
    /// was another one.
    ///
    /// # Errors
    /// One line: why it is not the agreed outcome, or cannot be checked yet.
    pub async fn adopt(
        &mut self,
        block: &Block,
        agreed: RootPair,
        outcome: BlockOutcome,
    ) -> Result<Option<Arc<BlockResult>>, String> {
        let id = block.id();
        let own = self.layers.get(&id).map(|layer| Arc::clone(&layer.result));
        if own.as_ref().is_some_and(|own| own.roots == agreed) {
            return Ok(None);
        }
        let fits = outcome.receipts.len() == block.transactions().len()
            && outcome.is_coherent()
            && outcome.receipts_root() == agreed.receipts;
        if !fits {
            return Err("the receipts handed over are not the agreed ones".into());
        }
        let parent_id = block.header().parent.block;
        let parent = self.layers.get(&parent_id).cloned();
        if parent.is_none() && parent_id != self.head {
            return Err(format!("its parent {parent_id} has no result here"));
        }
        let knowledge = parent.as_ref().map_or(&self.base, |layer| &layer.knowledge).clone();
        let tree = parent.as_ref().map_or(&self.base_tree, |layer| &layer.tree).clone();
        let view = LayerView::new(parent.clone(), self.committed.clone());
        let result = BlockResult {
            block: id,
            height: block.header().height,
            roots: agreed,
            receipts: outcome.receipts,
            events: outcome.events,
            writes: outcome.writes,
        };
        let done = batch::Done::from_stored(&result, view, knowledge, block);
        let sealed = self.seal(block, parent, &tree, done, Some(agreed));
        let (layer, _) = sealed.map_err(|error| format!("{error:?}"))?;
        // Its workers forget the own result; whoever runs next reads state anew.
        self.forget(id).await;
        self.layers.insert(id, Arc::new(layer));
        Ok(own)
    }
}
