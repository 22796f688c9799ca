//! Executes blocks on their parent's result, before anything is voted on.
//!
//! In: complete blocks in any order of branches, each after its parent; blocks that became final or
//! never will. Out: results, appended to the channel's files.
//! What unfinished blocks wrote is kept in layers over the stored state, because execution before
//! finality is a tree. Deliberately not here: when to execute (the pipeline), what is agreed.

mod activate;
mod adopt;
mod batch;
mod callees;
mod layer;
mod offline;

pub(crate) use callees::{as_it_takes, callee};
pub use layer::{Layer, LayerView};
pub use offline::{PATIENCE, Switched};

use super::files::Committed;
use crate::scores::Scores;
use host_core::input::ExecuteError;
use host_core::system::freeze::Frozen;
use host_core::system::revoke::all_revoked;
use host_core::system::state::{ActiveScore, epoch_records, next_epoch};
use host_identity::Membership;
use host_store::{BlockResult, Segments, TreeVersion};
use host_types::block::{Block, RootPair};
use host_types::epoch::{EpochConfig, EpochRun, Epochs};
use host_types::genesis::ChannelGenesis;
use host_types::outcome::BlockOutcome;
use host_types::validators::ValidatorSet;
use host_types::{BlockId, Hash32, Height, Rejection, ScoreName};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What execution knows at one block.
#[derive(Clone, Debug)]
pub struct Knowledge {
    /// Members.
    pub membership: Arc<Membership>,
    /// Active SCOREs.
    pub active: Arc<BTreeMap<ScoreName, ActiveScore>>,
    /// SCOREs that take no transactions.
    pub frozen: Arc<BTreeMap<ScoreName, Frozen>>,
    /// The block in which each SCORE ran last.
    pub ran: BTreeMap<ScoreName, BlockId>,
    /// The epochs so far; the last one is that of the next block.
    pub epochs: Arc<Epochs>,
    /// What the epoch after it runs with, once that is accepted.
    pub next: Option<Arc<EpochConfig>>,
}

impl Knowledge {
    /// What the next block's epoch runs with.
    #[must_use]
    pub fn epoch(&self) -> &EpochConfig {
        &self.epochs.current().config
    }

    /// Its validators.
    #[must_use]
    pub fn validators(&self) -> &ValidatorSet {
        &self.epoch().validators
    }

    /// Whether a SCORE takes transactions.
    ///
    /// # Errors
    /// `LC2120` with the reason.
    pub fn is_not_frozen(&self, score: &ScoreName) -> Result<(), Rejection> {
        self.frozen.get(score).map_or(Ok(()), |frozen| Err(frozen.refusal(score)))
    }

    /// Certificates that a block took back count from the next one on.
    fn look_at_revoked(&mut self, view: &LayerView) {
        let revoked = all_revoked(view);
        if revoked != *self.membership.revoked() {
            let mut membership = (*self.membership).clone();
            membership.set_revoked(revoked);
            self.membership = Arc::new(membership);
        }
    }

    /// After a block whose writes may have said something of epochs.
    fn look_at_epochs(&mut self, view: &LayerView, block: &Block) {
        self.next = next_epoch(view).map(Arc::new);
        let present = self.epoch().epoch;
        let begun = epoch_records(view).pop().filter(|(_, config)| config.epoch > present);
        let Some((root_height, config)) = begun else { return };
        let run = EpochRun { config: Arc::new(config), root: block.id(), root_height };
        if let Some(epochs) = (*self.epochs).clone().with(run) {
            self.epochs = Arc::new(epochs);
        }
    }
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
    base_tree: TreeVersion,
    head: BlockId,
    failure: Option<String>,
    struck: Option<ScoreName>,
    retiring: Vec<Retiring>,
}

/// How many blocks the workers of a version stay after another took its place: a branch, a query
/// or a slow peer's question may still need them.
pub(crate) const RETIRED_AFTER_BLOCKS: u64 = 16;

/// A version that is active no more.
#[derive(Debug)]
struct Retiring {
    due: Height,
    score: ScoreName,
    sha256: Hash32,
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
        let base_tree = committed.version();
        let layers = BTreeMap::new();
        let (failure, retiring) = (None, Vec::new());
        Self {
            genesis,
            scores,
            committed,
            segments,
            layers,
            base,
            base_tree,
            head,
            failure,
            struck: None,
            retiring,
        }
    }

    /// Executes a block and appends payload and result.
    ///
    /// # Errors
    /// When there is no result here.
    pub async fn execute(&mut self, block: &Block) -> Result<RootPair, ExecuteError> {
        if let Some(layer) = self.layers.get(&block.id()) {
            return Ok(layer.result.roots);
        }
        if let Some(why) = self.scores.closed() {
            return Err(ExecuteError::NoResult(why.to_string()));
        }
        let parent_id = block.header().parent.block;
        let parent = self.layers.get(&parent_id).cloned();
        if parent.is_none() && parent_id != self.head {
            let why = format!("its parent {parent_id} has no result here");
            return Err(ExecuteError::NoResult(why));
        }
        let knowledge = parent.as_ref().map_or(&self.base, |layer| &layer.knowledge).clone();
        let tree = parent.as_ref().map_or(&self.base_tree, |layer| &layer.tree).clone();
        let view = LayerView::new(parent.clone(), self.committed.clone());
        let done = match self.stored_result(block)? {
            Some(result) => batch::Done::from_stored(&result, view, knowledge, block),
            None => {
                let mut run = batch::Run::new(&self.genesis, &self.scores, block, knowledge, view);
                let ended = run.execute().await;
                self.struck = run.struck.take();
                ended.map_err(ExecuteError::NoResult)?;
                run.finish()
            }
        };
        let (layer, roots) = self.seal(block, parent, &tree, done, None)?;
        self.layers.insert(block.id(), Arc::new(layer));
        Ok(roots)
    }

    /// The result this node appended before a restart: a pair it may have voted for is never
    /// executed again.
    fn stored_result(&self, block: &Block) -> Result<Option<BlockResult>, ExecuteError> {
        let Some((_, location)) = self.segments.unfinished(block.id()).and_then(|u| u.result)
        else {
            return Ok(None);
        };
        self.segments
            .read_result(location)
            .map(Some)
            .map_err(|error| ExecuteError::NoResult(error.to_string()))
    }

    fn seal(
        &mut self,
        block: &Block,
        parent: Option<Arc<Layer>>,
        tree: &TreeVersion,
        done: batch::Done,
        agreed: Option<RootPair>,
    ) -> Result<(Layer, RootPair), ExecuteError> {
        let batch::Done { receipts, events, writes, knowledge } = done;
        let (state, tree) = self
            .committed
            .apply(tree, &writes)
            .map_err(|error| ExecuteError::NoResult(error.to_string()))?;
        if let Some(failure) = self.committed.take_failure() {
            return Err(ExecuteError::NoResult(failure));
        }
        let roots = RootPair { state, receipts: BlockOutcome::root_of(&receipts) };
        if agreed.is_some_and(|agreed| agreed != roots) {
            let why = format!("it gives state {}, receipts {}", roots.state, roots.receipts);
            return Err(ExecuteError::NoResult(why));
        }
        let result = Arc::new(BlockResult {
            block: block.id(),
            height: block.header().height,
            roots,
            receipts,
            events,
            writes,
        });
        self.append(block, &result)?;
        Ok((Layer::new(parent, block.header().proposer, tree, result, knowledge), roots))
    }

    fn append(&mut self, block: &Block, result: &BlockResult) -> Result<(), ExecuteError> {
        let appended =
            self.segments.append_block(block).and_then(|_| self.segments.append_result(result));
        appended.map(drop).map_err(|error| {
            self.failure = Some(error.to_string());
            ExecuteError::NoResult(error.to_string())
        })
    }

    /// Why the channel's files took no more, if they did not: it has to halt.
    pub const fn take_failure(&mut self) -> Option<String> {
        self.failure.take()
    }

    /// The SCORE that gave no result in time in the last block, if one did.
    pub const fn take_struck(&mut self) -> Option<ScoreName> {
        self.struck.take()
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
        self.note_switches(&layer);
        self.base = layer.knowledge.clone();
        self.base_tree = layer.tree.clone();
        self.head = block;
        for name in self.ran_in(&layer, block) {
            if let Some(seat) = self.seat_of(&name).await {
                seat.worker.lock().await.finalize(*block.as_bytes()).await;
            }
        }
        self.retire(layer.result.height).await;
    }

    /// Remembers versions that this block replaced.
    fn note_switches(&mut self, layer: &Layer) {
        let (before, after) = (&self.base.active, &layer.knowledge.active);
        if Arc::ptr_eq(before, after) {
            return;
        }
        let due = Height::new(layer.result.height.get() + RETIRED_AFTER_BLOCKS);
        let sha256_after = |score| after.get(score).map(|active| active.sha256);
        let gone = before.iter().filter(|(score, old)| sha256_after(*score) != Some(old.sha256));
        self.retiring.extend(gone.map(|(score, old)| Retiring {
            due,
            score: score.clone(),
            sha256: old.sha256,
        }));
    }

    async fn retire(&mut self, height: Height) {
        let due: Vec<_> = self.retiring.extract_if(.., |old| old.due <= height).collect();
        for Retiring { score, sha256, .. } in due {
            let is_back = self.base.active.get(&score).is_some_and(|now| now.sha256 == sha256);
            if !is_back {
                self.scores.retire(self.genesis.channel.as_str(), &score, sha256).await;
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
        self.scores.seat(&self.genesis, name, &artefact).await.ok()
    }

    /// Members and SCOREs as of the last stored block.
    #[must_use]
    pub const fn base(&self) -> &Knowledge {
        &self.base
    }
}

#[cfg(test)]
#[path = "execution/revoked_tests.rs"]
mod revoked_tests;
