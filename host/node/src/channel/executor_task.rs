//! The task that executes blocks and hands final ones to the store's thread.
//!
//! In: [`Work`] in order. Out: results to the actor, stored blocks to whoever follows the channel.
//! The store writes block h while h+1 is executed; a failed write halts this channel.

use super::actor::Command;
use super::divergence::Divergences;
use super::execution::{Executor, Knowledge};
use host_core::effect::FinalBlock;
use host_core::input::Input;
use host_core::propose::cost::Cost;
use host_store::{ChannelStore, CommitBlock};
use host_types::block::{Block, RootPair};
use host_types::outcome::BlockOutcome;
use host_types::receipt::Receipt;
use host_types::{BlockId, Height, ScoreName};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Orders that may wait for the executor. The pipeline asks for a handful per view.
pub const WORK_QUEUE_MAX: usize = 1_024;
/// Batches that may wait for the store's thread; execution waits beyond.
const STORE_QUEUE_MAX: usize = 64;

/// What the executor is told.
#[derive(Debug)]
pub enum Work {
    /// Execute a block.
    Execute(Box<Block>),
    /// A block will never be final.
    Forget(BlockId),
    /// Take over an outcome that gives the agreed result.
    Adopt(Box<Adopt>),
    /// Store final blocks.
    Commit(Vec<FinalBlock>),
}

/// An outcome that a peer handed over.
#[derive(Debug)]
pub struct Adopt {
    /// The block.
    pub block: Block,
    /// The agreed result.
    pub agreed: RootPair,
    /// What the block did.
    pub outcome: BlockOutcome,
}

/// Blocks that are stored, and the height of the last.
type Stored = (Vec<BlockId>, Height);

/// What others may know of execution: as of the last stored block.
pub type KnowledgeWatch = watch::Receiver<Knowledge>;

/// Starts executor and store thread; gives the way in.
///
/// # Errors
/// When the thread cannot be started.
pub fn start(
    executor: Executor,
    store: ChannelStore,
    actor: mpsc::Sender<Command>,
    divergences: Arc<Divergences>,
) -> std::io::Result<(mpsc::Sender<Work>, KnowledgeWatch)> {
    let (work, orders) = mpsc::channel(WORK_QUEUE_MAX);
    let (to_store, batches) = mpsc::channel(STORE_QUEUE_MAX);
    // Room for every batch that may be on its way, so that the store's thread never waits for a
    // task that waits for it.
    let (done, stored) = mpsc::channel(2 * STORE_QUEUE_MAX);
    let (knowledge, watch) = watch::channel(executor.base().clone());
    let fate = actor.clone();
    std::thread::Builder::new()
        .name("store".into())
        .spawn(move || write_batches(store, batches, &done, &fate))?;
    let fate = actor.clone();
    let task = tokio::spawn(
        Task { executor, actor, to_store, knowledge, divergences }.run(orders, stored),
    );
    tokio::spawn(async move {
        if let Err(error) = task.await {
            // The actor is gone only when the channel stops.
            fate.send(Command::Halt(format!("execution broke off: {error}"))).await.ok();
        }
    });
    Ok((work, watch))
}

fn write_batches(
    mut store: ChannelStore,
    mut batches: mpsc::Receiver<Vec<CommitBlock>>,
    done: &mpsc::Sender<Stored>,
    actor: &mpsc::Sender<Command>,
) {
    while let Some(mut batch) = batches.blocking_recv() {
        // Blocks that are ready together share one sync.
        while let Ok(more) = batches.try_recv() {
            batch.extend(more);
        }
        match store.commit(&batch) {
            Ok(()) => {
                let ids: Vec<_> = batch.iter().map(|b| b.block.id()).collect();
                let height = batch.last().map_or(Height::ZERO, |b| b.block.header().height);
                if done.blocking_send((ids, height)).is_err() {
                    return;
                }
            }
            Err(error) => {
                // Never a retry: the channel is halted, reads go on.
                actor.blocking_send(Command::Halt(error.to_string())).ok();
                return;
            }
        }
    }
}

struct Task {
    executor: Executor,
    actor: mpsc::Sender<Command>,
    to_store: mpsc::Sender<Vec<CommitBlock>>,
    knowledge: watch::Sender<Knowledge>,
    divergences: Arc<Divergences>,
}

impl Task {
    async fn run(mut self, mut orders: mpsc::Receiver<Work>, mut stored: mpsc::Receiver<Stored>) {
        loop {
            tokio::select! {
                biased;
                Some((blocks, height)) = stored.recv() => self.stored(blocks, height).await,
                order = orders.recv() => match order {
                    Some(Work::Execute(block)) => self.execute(&block).await,
                    Some(Work::Forget(block)) => self.executor.forget(block).await,
                    Some(Work::Adopt(adopt)) => self.adopt(*adopt).await,
                    Some(Work::Commit(blocks)) => self.commit(blocks).await,
                    None => return,
                },
            }
        }
    }

    async fn adopt(&mut self, Adopt { block, agreed, outcome }: Adopt) {
        let id = block.id();
        let taken = self.executor.adopt(&block, agreed, outcome).await;
        self.tell_what_it_led_to(&block).await;
        let result = match (taken, self.executor.layer(&id)) {
            (Ok(own), Some(layer)) => {
                if let Some(own) = own {
                    let active = &layer.knowledge.active;
                    self.divergences.record(&block, &own, &layer.result, active);
                }
                Ok(agreed)
            }
            (Ok(_), None) => Err("it is not kept".to_owned()),
            (Err(why), _) => Err(why),
        };
        self.tell(Command::Input(Input::Repaired { block: id, result })).await;
    }

    async fn execute(&mut self, block: &Block) {
        let result = self.executor.execute(block).await;
        if let Some(score) = self.executor.take_struck() {
            self.tell(Command::Input(Input::Struck { score })).await;
        }
        self.tell_what_it_led_to(block).await;
        let input = Input::Executed { block: block.id(), result };
        self.tell(Command::Input(input)).await;
    }

    /// What the pipeline has to know before it knows a result.
    async fn tell_what_it_led_to(&mut self, block: &Block) {
        if let Some(why) = self.executor.take_failure() {
            self.tell(Command::Halt(why)).await;
        }
        if let Some(layer) = self.executor.layer(&block.id()) {
            if let Some(config) = layer.knowledge.next.clone() {
                let input = Input::NextEpoch { block: block.id(), config };
                self.tell(Command::Input(input)).await;
            }
            let costs = costs(block, &layer.result.receipts);
            self.tell(Command::Input(Input::Costs(costs))).await;
        }
    }

    async fn commit(&self, blocks: Vec<FinalBlock>) {
        let mut batch = Vec::with_capacity(blocks.len());
        for FinalBlock { block, proof, .. } in blocks {
            let Some(layer) = self.executor.layer(&block.id()) else {
                let why = format!("final block {} was not executed here", block.id());
                return self.tell(Command::Halt(why)).await;
            };
            let (result, tree) = (layer.result.clone(), layer.tree.clone());
            batch.push(CommitBlock { block, result, tree, proof });
        }
        // The thread is gone only after it has halted the channel.
        self.to_store.send(batch).await.ok();
    }

    async fn stored(&mut self, blocks: Vec<BlockId>, height: Height) {
        for block in blocks {
            self.executor.settle(block).await;
        }
        self.knowledge.send_replace(self.executor.base().clone());
        self.tell(Command::Stored(height)).await;
    }

    async fn tell(&self, command: Command) {
        // The actor is gone only when the channel stops.
        self.actor.send(command).await.ok();
    }
}

/// The most that a call of each method took in a block.
fn costs(block: &Block, receipts: &[Receipt]) -> Vec<Cost> {
    let mut most: BTreeMap<(&ScoreName, &str), u64> = BTreeMap::new();
    for (tx, receipt) in block.transactions().iter().zip(receipts) {
        let body = tx.transaction();
        let steps = most.entry((&body.score, &body.method)).or_default();
        *steps = receipt.steps.max(*steps);
    }
    let owned = |((score, method), steps): ((&ScoreName, &str), u64)| Cost {
        score: score.clone(),
        method: method.to_owned(),
        steps,
    };
    most.into_iter().map(owned).collect()
}
