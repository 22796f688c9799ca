//! When this node saw transactions and blocks pass each stage.
//!
//! In: moments, stamped by the tasks around the pipeline, which has no clock. Out: the stages of one
//! transaction. Memory is bounded: the oldest are forgotten. Everything is written for every
//! transaction and read for the few that somebody asks for: so moments of transactions stand in a list,
//! which is searched then, and of a block's transactions only the block is stamped.
//! Deliberately not here: what the chain tells (`journey_view`).

use host_rpc::journey::Stages;
use host_types::{BlockId, BlockTime, Height, TxId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Transactions of a channel whose times are remembered: as many as its pool may hold; 40 bytes for each
/// of two stages. Of older ones only what the chain tells is known.
pub const JOURNEYS_MAX: usize = host_types::limits::POOL_TXS_MAX;
/// Blocks of a channel whose times are remembered: some minutes at several a second; about 150 bytes
/// each.
pub const BLOCK_JOURNEYS_MAX: usize = 1_024;

const _: () = assert!(BLOCK_JOURNEYS_MAX > host_types::limits::BLOCKS_AHEAD_MAX);

/// When the newest transactions passed one stage, in that order.
#[derive(Debug, Default)]
struct Moments(VecDeque<(TxId, BlockTime)>);

impl Moments {
    fn note(&mut self, ids: impl IntoIterator<Item = TxId>, at: BlockTime) {
        for id in ids {
            if self.0.len() >= JOURNEYS_MAX {
                self.0.pop_front();
            }
            self.0.push_back((id, at));
        }
    }

    /// The first moment of a transaction.
    fn of(&self, id: &TxId) -> Option<BlockTime> {
        self.0.iter().find(|(noted, _)| noted == id).map(|(_, at)| *at)
    }
}

/// The newest entries of a map.
#[derive(Debug)]
struct Newest<K, V> {
    entries: BTreeMap<K, V>,
    order: VecDeque<K>,
    max: usize,
}

impl<K: Ord + Copy, V: Default> Newest<K, V> {
    const fn new(max: usize) -> Self {
        Self { entries: BTreeMap::new(), order: VecDeque::new(), max }
    }

    fn entry(&mut self, key: K) -> &mut V {
        if !self.entries.contains_key(&key) {
            if self.order.len() >= self.max
                && let Some(oldest) = self.order.pop_front()
            {
                self.entries.remove(&oldest);
            }
            self.order.push_back(key);
        }
        self.entries.entry(key).or_default()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct OfBlock {
    proposed: Option<BlockTime>,
    voted: Option<BlockTime>,
    decided: Option<BlockTime>,
    committed: Option<BlockTime>,
}

#[derive(Debug)]
struct Books {
    ingest: Moments,
    mempool: Moments,
    blocks: Newest<BlockId, OfBlock>,
    /// Final, and not stored yet.
    storing: VecDeque<(Height, BlockId)>,
}

/// The times of one channel. Of several moments of one stage the first one counts.
#[derive(Debug)]
pub struct Journeys(Mutex<Books>);

impl Default for Journeys {
    fn default() -> Self {
        Self(Mutex::new(Books {
            ingest: Moments::default(),
            mempool: Moments::default(),
            blocks: Newest::new(BLOCK_JOURNEYS_MAX),
            storing: VecDeque::new(),
        }))
    }
}

impl Journeys {
    fn books(&self) -> MutexGuard<'_, Books> {
        // A panic elsewhere leaves at worst one time unknown.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Transactions that were found good came at this time.
    pub fn came(&self, ids: impl IntoIterator<Item = TxId>, at: BlockTime) {
        self.books().ingest.note(ids, at);
    }

    /// Transactions were put into the pool.
    pub fn pooled(&self, ids: impl IntoIterator<Item = TxId>, at: BlockTime) {
        self.books().mempool.note(ids, at);
    }

    /// A proposed block is whole.
    pub fn proposed(&self, block: BlockId, at: BlockTime) {
        self.books().blocks.entry(block).proposed.get_or_insert(at);
    }

    /// This node votes for blocks.
    pub fn voted(&self, blocks: &[BlockId], at: BlockTime) {
        let mut books = self.books();
        for block in blocks {
            books.blocks.entry(*block).voted.get_or_insert(at);
        }
    }

    /// Blocks are final.
    pub fn decided(&self, blocks: impl IntoIterator<Item = (Height, BlockId)>, at: BlockTime) {
        let mut books = self.books();
        for (height, block) in blocks {
            books.blocks.entry(block).decided.get_or_insert(at);
            if books.storing.len() >= BLOCK_JOURNEYS_MAX {
                books.storing.pop_front();
            }
            books.storing.push_back((height, block));
        }
    }

    /// Blocks up to a height are stored.
    pub fn stored(&self, up_to: Height, at: BlockTime) {
        let mut books = self.books();
        while let Some((_, block)) = books.storing.pop_front_if(|(height, _)| *height <= up_to) {
            books.blocks.entry(block).committed.get_or_insert(at);
        }
    }

    /// The times of a transaction that stands in this block, if it stands in one.
    #[must_use]
    pub fn stages(&self, id: &TxId, block: Option<&BlockId>) -> Stages {
        let books = self.books();
        let block = block.and_then(|block| books.blocks.entries.get(block)).copied();
        let block = block.unwrap_or_default();
        Stages {
            ingest: books.ingest.of(id),
            mempool: books.mempool.of(id),
            proposed: block.proposed,
            voted: block.voted,
            decided: block.decided,
            committed: block.committed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::Hash32;

    fn at(time: u64) -> Option<BlockTime> {
        Some(BlockTime::new(time))
    }

    fn tx(number: usize) -> TxId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        TxId::new(Hash32::new(bytes))
    }

    fn block(byte: u8) -> BlockId {
        BlockId::new(Hash32::new([byte; 32]))
    }

    #[test]
    fn the_first_moment_of_each_stage_counts() {
        let journeys = Journeys::default();
        journeys.came([tx(1)], BlockTime::new(1));
        journeys.came([tx(1)], BlockTime::new(2));
        journeys.pooled([tx(1), tx(2)], BlockTime::new(3));
        journeys.proposed(block(1), BlockTime::new(4));
        journeys.voted(&[block(1)], BlockTime::new(5));
        journeys.voted(&[block(1)], BlockTime::new(6));
        journeys
            .decided([(Height::new(8), block(1)), (Height::new(9), block(2))], BlockTime::new(7));
        journeys.stored(Height::new(8), BlockTime::new(8));
        let stages = journeys.stages(&tx(1), Some(&block(1)));
        let times: Vec<_> = stages.all().into_iter().map(|(_, time)| time).collect();
        assert_eq!(times, [at(1), at(3), at(4), at(5), at(7), at(8)]);
        let stages = journeys.stages(&tx(2), Some(&block(2)));
        assert_eq!((stages.ingest, stages.decided, stages.committed), (None, at(7), None));
        assert_eq!(journeys.stages(&tx(3), None), Stages::default());
    }

    #[test]
    fn the_oldest_are_forgotten_and_no_more_are_kept_than_are_bounded() {
        let journeys = Journeys::default();
        journeys.came((0..JOURNEYS_MAX + 10).map(tx), BlockTime::new(1));
        for number in 0..BLOCK_JOURNEYS_MAX + 10 {
            let id = BlockId::new(tx(number).hash());
            journeys.decided([(Height::new(number as u64), id)], BlockTime::new(1));
        }
        let books = journeys.books();
        assert_eq!(books.ingest.0.len(), JOURNEYS_MAX);
        assert_eq!(books.blocks.entries.len(), BLOCK_JOURNEYS_MAX);
        assert_eq!(books.storing.len(), BLOCK_JOURNEYS_MAX);
        assert_eq!(books.ingest.of(&tx(9)), None);
        assert_eq!(books.ingest.of(&tx(10)), at(1));
    }
}
