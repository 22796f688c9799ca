//! An executor that works on a copy of a channel's store, for replay and rehearsal.
//!
//! In: final blocks, one after the other, each on the state before it. Out: what they do here, which
//! may be another thing than what is agreed. It is the executor of a node, told to take one
//! transaction at a time. Deliberately not here: going on to the next state (the copy's owner does),
//! comparing.

use super::batch::{Called, Done, Run};
use super::{Executor, Layer, LayerView};
use host_core::input::ExecuteError;
use host_types::block::Block;
use host_types::change::Deploy;
use host_types::receipt::Write;
use host_types::{BlockId, Hash32, Rejection, ScoreName};
use score_native_link::Worker;
use std::sync::Arc;
use std::time::Duration;

/// How long one block may take: long after a node would have given up, short enough that nobody
/// waits for ever.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What a new version wrote in `migrate`, with the state commitment after it; the error inside says
/// why it failed.
pub type Switched = Result<(Vec<Write>, host_store::TreeVersion), String>;

impl Executor {
    /// Runs another artefact in place of a SCORE's own from the next block on, without a word to it.
    pub fn replace(&mut self, score: &ScoreName, sha256: Hash32) {
        let mut active = (*self.base.active).clone();
        if let Some(record) = active.get_mut(score) {
            record.sha256 = sha256;
        }
        self.base.active = Arc::new(active);
        self.base.ran.remove(score);
    }

    /// Executes the child of the last stored block, whatever is stored of it. Gives its layer, and
    /// the time of each transaction.
    ///
    /// # Errors
    /// When there is no result here.
    pub async fn replay(
        &mut self,
        block: &Block,
    ) -> Result<(Arc<Layer>, Vec<Duration>), ExecuteError> {
        let mut run = self.offline_run(block, PATIENCE);
        run.execute().await.map_err(ExecuteError::NoResult)?;
        let (took, tree) = (run.took(), self.base_tree.clone());
        let done = run.finish();
        let (layer, _) = self.seal(block, None, &tree, done, None)?;
        let layer = Arc::new(layer);
        self.layers.insert(block.id(), Arc::clone(&layer));
        Ok((layer, took))
    }

    /// Calls what the transaction at `index` says in this worker, on the state that the ones before
    /// it leave behind.
    ///
    /// # Errors
    /// Why it runs in no worker, or why there is no result.
    pub async fn call_in(
        &self,
        worker: &mut Worker,
        (block, index): (&Block, usize),
        patience: Duration,
    ) -> Result<Called, Rejection> {
        let no_result = |why| Rejection::new(host_types::Code::ReplayNoResult, why);
        let mut run = self.offline_run(block, patience);
        run.execute_before(index).await.map_err(no_result)?;
        let tx = block.transactions().get(index).cloned();
        let tx = tx.ok_or_else(|| no_result(format!("there is no transaction {index}")))?;
        run.call_in(worker, &tx, index).await
    }

    /// The artefact that the transaction at `index` runs, as the ones before it leave things.
    ///
    /// # Errors
    /// Why there is no result.
    pub async fn artefact_at(&self, block: &Block, index: usize) -> Result<Option<Hash32>, String> {
        let mut run = self.offline_run(block, PATIENCE);
        run.execute_before(index).await?;
        let Done { knowledge, .. } = run.finish();
        let score = block.transactions().get(index).map(|tx| tx.transaction().score.clone());
        Ok(score.and_then(|score| knowledge.active.get(&score).map(|active| active.sha256)))
    }

    /// Makes a version active as if right before the transactions of `block`; only its own writes
    /// are given, not what `system` records.
    ///
    /// # Errors
    /// Why there is no result.
    pub async fn switch_to(&mut self, deploy: &Deploy, block: &Block) -> Result<Switched, String> {
        let mut run = self.offline_run(block, PATIENCE);
        if let Err(why) = run.switch_to(deploy).await? {
            return Ok(Err(why));
        }
        let Done { writes, .. } = run.finish();
        let own = writes.into_iter().filter(|write| write.score == deploy.score);
        let writes: Vec<Write> = own.collect();
        let (_, tree) =
            self.committed.apply(&self.base_tree, &writes).map_err(|error| error.to_string())?;
        self.base_tree = tree.clone();
        // The worker must not remember the block in which it migrated.
        self.replace(&deploy.score, deploy.sha256);
        Ok(Ok((writes, tree)))
    }

    /// The last block that is settled.
    #[must_use]
    pub const fn head(&self) -> BlockId {
        self.head
    }

    fn offline_run<'a>(&'a self, block: &'a Block, patience: Duration) -> Run<'a> {
        let view = LayerView::new(None, self.committed.clone());
        Run::new(&self.genesis, &self.scores, block, self.base.clone(), view).one_by_one(patience)
    }
}
