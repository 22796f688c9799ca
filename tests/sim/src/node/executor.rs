//! Executes blocks on their parent's result, one order after the other, as the node's executor does.
//!
//! In: orders of the pipeline. Out: results as inputs, batches for the database. What unfinished
//! blocks did is kept in layers over the stored state. Not here: what a SCORE does (`bank`).

use super::Node;
use crate::bank::{self, Quirk, State};
use crate::planted::Bug;
use crate::store::{Layer, Stored};
use crate::villain::Villain;
use crate::world::{Event, World};
use host_core::effect::FinalBlock;
use host_core::input::{ExecuteError, Input};
use host_types::BlockId;
use host_types::block::{Block, RootPair};
use plugin_api_harness::villain::Villain as Speaker;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

/// One order.
#[derive(Clone, Debug)]
pub(super) enum Order {
    Execute(Box<Block>),
    Forget(BlockId),
    /// Take over what those did who have this result: the honest outcome, as peers would hand it over.
    Adopt(Box<Block>, RootPair),
    Commit(Vec<FinalBlock>),
}

/// Layers over the stored state.
#[derive(Debug)]
pub(super) struct Executor {
    pub(super) orders: VecDeque<Order>,
    pub(super) is_busy: bool,
    layers: BTreeMap<BlockId, Rc<Layer>>,
    tried: BTreeSet<BlockId>,
    head: BlockId,
    base: State,
}

impl Executor {
    pub(super) fn new(head: BlockId, base: State) -> Self {
        Self {
            orders: VecDeque::new(),
            is_busy: false,
            layers: BTreeMap::new(),
            tried: BTreeSet::new(),
            head,
            base,
        }
    }

    pub(super) fn order(&mut self, order: Order) {
        self.orders.push_back(order);
    }

    /// A block is stored: its layer becomes the base.
    pub(super) fn settle(&mut self, block: BlockId) {
        if let Some(layer) = self.layers.remove(&block) {
            self.base = layer.done.state.clone();
            self.head = block;
        }
    }

    fn parent(&self, of: &Block) -> Result<State, String> {
        let parent = of.header().parent.block;
        match self.layers.get(&parent) {
            Some(layer) => Ok(layer.done.state.clone()),
            None if parent == self.head => Ok(self.base.clone()),
            None => Err(format!("its parent {parent} has no result here")),
        }
    }
}

impl Node {
    pub(super) fn start_work(&mut self, world: &mut World) {
        let (node, life) = (self.role.number, self.life);
        let Some(memory) = self.memory.as_mut() else { return };
        let executor = &mut memory.executor;
        if executor.is_busy || executor.orders.is_empty() {
            return;
        }
        executor.is_busy = true;
        let takes = matches!(executor.orders.front(), Some(Order::Execute(_) | Order::Adopt(..)));
        let cost = if takes { world.up_to(world.plan.costs.execute_max) } else { 0 };
        world.agenda.put(cost, Event::Work { node, life });
    }

    pub(super) fn work(&mut self, world: &mut World) {
        let Some(memory) = self.memory.as_mut() else { return };
        memory.executor.is_busy = false;
        match memory.executor.orders.pop_front() {
            Some(Order::Execute(block)) => {
                let result = self.execute(&block, world).map_err(ExecuteError::NoResult);
                self.tell_next_epoch(block.id(), world);
                self.input(Input::Executed { block: block.id(), result }, world);
            }
            Some(Order::Adopt(block, agreed)) => {
                let result = self.adopt(&block, agreed);
                self.tell_next_epoch(block.id(), world);
                self.input(Input::Repaired { block: block.id(), result }, world);
            }
            Some(Order::Forget(block)) => drop(memory.executor.layers.remove(&block)),
            Some(Order::Commit(blocks)) => self.queue_batch(blocks, world),
            None => {}
        }
    }

    /// The pipeline hears what the next epoch runs with before it hears the result.
    fn tell_next_epoch(&mut self, block: BlockId, world: &mut World) {
        let Some(memory) = self.memory.as_mut() else { return };
        let layer = memory.executor.layers.get(&block);
        let Some(config) = layer.and_then(|layer| layer.done.state.next(&world.channel)) else {
            return;
        };
        self.input(Input::NextEpoch { block, config }, world);
    }

    fn execute(&mut self, block: &Block, world: &mut World) -> Result<RootPair, String> {
        let quirk = self.quirk(block.id(), world);
        let Some(memory) = self.memory.as_mut() else { return Err("down".into()) };
        let executor = &mut memory.executor;
        if let Some(layer) = executor.layers.get(&block.id()) {
            return Ok(layer.done.roots);
        }
        let parent = executor.parent(block)?;
        executor.tried.insert(block.id());
        let kept = self.store.result(&block.id()).cloned();
        let layer = match kept {
            // A pair it may have voted for is never executed again.
            Some(kept) if world.plan.bug == Some(Bug::ApplyTwice) => {
                let done = bank::execute(block, &kept.done.state, quirk)?;
                Rc::new(Layer { block: block.clone(), done })
            }
            Some(kept) => kept,
            None => {
                let done = bank::execute(block, &parent, quirk)?;
                Rc::new(Layer { block: block.clone(), done })
            }
        };
        self.store.append_result(&layer);
        executor.layers.insert(block.id(), Rc::clone(&layer));
        Ok(layer.done.roots)
    }

    fn adopt(&mut self, block: &Block, agreed: RootPair) -> Result<RootPair, String> {
        let Some(memory) = self.memory.as_mut() else { return Err("down".into()) };
        let executor = &mut memory.executor;
        if executor.layers.get(&block.id()).is_some_and(|layer| layer.done.roots == agreed) {
            return Ok(agreed);
        }
        let parent = executor.parent(block)?;
        let sound = Quirk { noise: 0, salt: 0, is_retry: true, clock: None };
        let done = bank::execute(block, &parent, sound)?;
        if done.roots != agreed {
            return Err("nobody has that result".into());
        }
        let layer = Rc::new(Layer { block: block.clone(), done });
        self.store.append_result(&layer);
        executor.layers.insert(block.id(), layer);
        Ok(agreed)
    }

    fn quirk(&self, block: BlockId, world: &mut World) -> Quirk {
        let salt = match &self.role.villain {
            Some(Villain::Speaker(Speaker::Liar(liar))) => liar.salt(&mut world.chance),
            _ => 0,
        };
        let tried = self.memory.as_ref().is_some_and(|m| m.executor.tried.contains(&block));
        let clock = world.wall(self.role.number).get();
        Quirk {
            noise: if self.role.odd { 1 + self.role.number as u64 } else { 0 },
            salt,
            is_retry: tried || world.is_healed(),
            clock: (world.plan.bug == Some(Bug::UnsignedTime)).then_some(clock),
        }
    }

    fn queue_batch(&mut self, blocks: Vec<FinalBlock>, world: &mut World) {
        let Some(memory) = self.memory.as_mut() else { return };
        let mut batch = Vec::with_capacity(blocks.len());
        for FinalBlock { block, pair, proof } in blocks {
            let Some(layer) = memory.executor.layers.get(&block.id()).cloned() else {
                return world.blame(self.role.number, "a final block was not executed here");
            };
            batch.push(Stored { pair, proof, layer });
        }
        memory.to_store.push_back(batch);
    }
}
