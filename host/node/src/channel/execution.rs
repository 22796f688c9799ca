//! Executes blocks on their parent's result, before anything is voted on.
//!
//! In: complete blocks in any order of branches, each after its parent; blocks that became final or
//! never will. Out: results, appended to the channel's files.
//! What unfinished blocks wrote is kept in layers over the stored state, because execution before
//! finality is a tree. Deliberately not here: when to execute (the pipeline), what is agreed.

mod batch;
mod layer;

pub use layer::{Layer, LayerView};

use super::files::Committed;
use crate::scores::Scores;
use host_core::input::ExecuteError;
use host_core::system::state::ActiveScore;
use host_identity::Membership;
use host_store::{BlockResult, Segments};
use host_types::block::{Block, RootPair};
use host_types::genesis::ChannelGenesis;
use host_types::receipt::Write;
use host_types::{BlockId, Domain, Encode, ScoreName, merkle};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What execution knows at one block.
#[derive(Clone, Debug)]
pub struct Knowledge {
    /// Members.
    pub membership: Arc<Membership>,
    /// Active SCOREs.
    pub active: Arc<BTreeMap<ScoreName, ActiveScore>>,
    /// The block in which each SCORE ran last.
    pub ran: BTreeMap<ScoreName, BlockId>,
}

/// Executes the blocks of one channel.
#[derive(Debug)]
pub struct Executor {
    genesis: Arc<ChannelGenesis>,
    scores: Arc<Scores>,
    committed: Committed,
    segments: Segments,
    layers: BTreeMap<BlockId, Arc<Layer>>,
    base: Knowledge,
    head: BlockId,
}

impl Executor {
    /// An executor at the last stored block.
    #[must_use]
    pub fn new(
        genesis: Arc<ChannelGenesis>,
        scores: Arc<Scores>,
        committed: Committed,
        segments: Segments,
        (head, base): (BlockId, Knowledge),
    ) -> Self {
        Self { genesis, scores, committed, segments, layers: BTreeMap::new(), base, head }
    }

    /// Executes a block and appends payload and result.
    ///
    /// # Errors
    /// When there is no result here.
    pub async fn execute(&mut self, block: &Block) -> Result<RootPair, ExecuteError> {
        if let Some(layer) = self.layers.get(&block.id()) {
            return Ok(layer.result.roots);
        }
        let parent_id = block.header().parent.block;
        let parent = self.layers.get(&parent_id).cloned();
        if parent.is_none() && parent_id != self.head {
            let why = format!("its parent {parent_id} has no result here");
            return Err(ExecuteError::NoResult(why));
        }
        let knowledge = parent.as_ref().map_or(&self.base, |layer| &layer.knowledge).clone();
        let view = LayerView::new(parent.clone(), self.committed.clone());
        let mut run = batch::Run::new(&self.genesis, &self.scores, block, knowledge, view);
        run.execute().await.map_err(ExecuteError::NoResult)?;
        let batch::Done { receipts, events, writes, knowledge } = run.finish();
        let tree = parent.as_ref().map(|layer| layer.tree.clone());
        let sorted: Vec<Write> = writes
            .iter()
            .map(|((score, key), value)| Write {
                score: score.clone(),
                key: key.clone(),
                value: value.clone(),
            })
            .collect();
        let (state, tree) = self
            .committed
            .apply(tree.as_ref(), &sorted)
            .map_err(|error| ExecuteError::NoResult(error.to_string()))?;
        let encoded = receipts.iter().map(Encode::to_bytes);
        let roots = RootPair { state, receipts: merkle::root(Domain::ReceiptRoot, encoded) };
        let result = Arc::new(BlockResult {
            block: block.id(),
            height: block.header().height,
            roots,
            receipts,
            events,
            writes: sorted,
        });
        self.append(block, &result)?;
        let layer = Layer { parent, writes, tree, result, knowledge };
        self.layers.insert(block.id(), Arc::new(layer));
        Ok(roots)
    }

    fn append(&self, block: &Block, result: &BlockResult) -> Result<(), ExecuteError> {
        self.segments
            .append_block(block)
            .and_then(|_| self.segments.append_result(result))
            .map(drop)
            .map_err(|error| ExecuteError::NoResult(error.to_string()))
    }

    /// What the store needs of a block that is final; none when it was not executed here.
    #[must_use]
    pub fn layer(&self, block: &BlockId) -> Option<Arc<Layer>> {
        self.layers.get(block).cloned()
    }

    /// A block is stored: its layer becomes the base, its workers fold it.
    pub async fn settle(&mut self, block: BlockId) {
        let Some(layer) = self.layers.remove(&block) else { return };
        layer.cut();
        self.base = layer.knowledge.clone();
        self.head = block;
        for name in self.ran_in(&layer, block) {
            if let Some(seat) = self.seat_of(&name).await {
                seat.worker.lock().await.finalize(*block.as_bytes()).await;
            }
        }
    }

    /// A block will never be final.
    pub async fn forget(&mut self, block: BlockId) {
        let Some(layer) = self.layers.remove(&block) else { return };
        for name in self.ran_in(&layer, block) {
            if let Some(seat) = self.seat_of(&name).await {
                seat.worker.lock().await.forget(*block.as_bytes()).await;
            }
        }
    }

    fn ran_in(&self, layer: &Layer, block: BlockId) -> Vec<ScoreName> {
        let ran = layer.knowledge.ran.iter().filter(|(_, at)| **at == block);
        ran.map(|(name, _)| name.clone()).collect()
    }

    async fn seat_of(&self, name: &ScoreName) -> Option<Arc<score_native_link::Seat>> {
        let artefact = self.scores.artefact(&self.base.active.get(name)?.sha256)?;
        self.scores.seat(self.genesis.channel.as_str(), name, &artefact).await.ok()
    }

    /// Members and SCOREs as of the last stored block.
    #[must_use]
    pub const fn base(&self) -> &Knowledge {
        &self.base
    }
}
