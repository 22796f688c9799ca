//! One channel's store: its database, segments, tip marker and state tree, and the one commit that
//! moves all of them on.
//!
//! In: final blocks with result, state version and proof. Out: the same for readers, after it is
//! durable. A commit is: bodies and results durable in the segments, one atomic batch with a sync
//! in the database, then the tip marker. After an error the store is poisoned: commits answer
//! [`StoreError::Poisoned`], readers go on.
//! Deliberately not here: whether a block is final (the caller verified the proof), threads (one
//! dedicated thread calls [`ChannelStore::commit`]).
//!
//! At the start the database's tip must be the marker's, or the one commit after it that a crash
//! kept from the marker; a database that ends before its marker lost acknowledged blocks (`LC5203`),
//! and [`crate::repair`] rebuilds it from the segments.

#[cfg(test)]
mod crash_tests;
pub(crate) mod opening;
#[cfg(test)]
pub(crate) mod tests;

use crate::block_record::BlockResult;
use crate::commitment::{StateTree, TreeVersion};
use crate::disk::{Disk, Durability, RealDisk};
use crate::error::{Part, StoreError};
use crate::reader::{Reader, Shared, Tip};
use crate::schema::{self, HeightRow, TipRow, UndoRow};
use crate::segments::{Location, Segments};
use crate::tip_marker::{MarkedTip, TipMarker};
use fjall::{OwnedWriteBatch, PersistMode};
use host_types::codec::Encode;
use host_types::genesis::ChannelGenesis;
use host_types::proof::FinalProof;
use host_types::receipt::Write;
use host_types::{Block, Height};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, Weak};

/// Channels of a node beyond which each database has a single thread, so that their number stays
/// bounded.
pub const CHANNELS_THREADED_MAX: usize = 8;

/// What an operator or a test chooses.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Where segments and tip marker are; the database is always on the real one.
    pub disk: Arc<dyn Disk>,
    /// When the database's batches count as durable.
    pub durability: Durability,
    /// State of the channel at height 0, sorted by (score, key), each once.
    pub initial_state: Vec<Write>,
    /// The database's cache of blocks, bytes.
    pub cache_bytes: u64,
    /// Values of the state kept in memory, bytes.
    pub state_cache_bytes: usize,
    /// One keyspace's table in memory, bytes.
    pub memtable_bytes: u64,
    /// Threads of the database for flushing and compaction.
    pub worker_threads: usize,
}

impl StoreOptions {
    /// What follows from an operator's wishes: the cache of all databases is shared out over the
    /// channels, and many of them run their databases with one thread each.
    #[must_use]
    pub fn shared_out(durability: Durability, cache_bytes: u64, channels: usize) -> Self {
        let share = cache_bytes / u64::try_from(channels.max(1)).unwrap_or(u64::MAX);
        // Two thirds are for the database's blocks, the rest for values of the state.
        let state_cache_bytes = usize::try_from(share / 3).unwrap_or(usize::MAX);
        let usual = Self::default();
        let worker_threads =
            if channels > CHANNELS_THREADED_MAX { 1 } else { usual.worker_threads };
        Self {
            disk: Arc::new(RealDisk(durability)),
            durability,
            cache_bytes: share - share / 3,
            state_cache_bytes,
            worker_threads,
            ..usual
        }
    }

    /// How a batch of the database is written.
    pub(crate) const fn persist_mode(&self) -> PersistMode {
        match self.durability {
            Durability::Full => PersistMode::SyncAll,
            Durability::Os => PersistMode::Buffer,
        }
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            disk: Arc::new(RealDisk::default()),
            durability: Durability::default(),
            initial_state: Vec::new(),
            cache_bytes: 32 * 1024 * 1024,
            state_cache_bytes: 16 * 1024 * 1024,
            memtable_bytes: 8 * 1024 * 1024,
            worker_threads: 2,
        }
    }
}

/// A final block and all that a commit stores with it.
#[derive(Clone, Debug)]
pub struct CommitBlock {
    /// The block, child of the one before.
    pub block: Block,
    /// What it did. Written to the segments here unless it is there already.
    pub result: Arc<BlockResult>,
    /// Version of the state tree after it, made of the version after its parent.
    pub tree: TreeVersion,
    /// Why it is final; none when a later block's proof covers it.
    pub proof: Option<FinalProof>,
}

/// The store of one channel, open for writing.
#[derive(Debug)]
pub struct ChannelStore {
    shared: Arc<Shared>,
    tree: Arc<StateTree>,
    marker: TipMarker,
    /// The marker while the database is behind it: it is not written again before the database
    /// has the very block that it names.
    ahead: Option<MarkedTip>,
    history_blocks: u64,
    persist_mode: PersistMode,
    is_poisoned: bool,
}

/// Tells whether a store is still held open by anybody; it holds nothing itself.
#[derive(Clone)]
pub struct Lease {
    shared: Weak<Shared>,
    tree: Weak<StateTree>,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lease(open: {})", self.is_open())
    }
}

impl Lease {
    /// Whether a writer, a reader or the state tree is still there.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.shared.strong_count() + self.tree.strong_count() > 0
    }
}

/// State keys of a commit with their last values: a key may stand in a batch only once.
type LastValues<'a> = HashMap<Vec<u8>, Option<&'a [u8]>>;

impl ChannelStore {
    /// Opens the store of `dir`, making it when there is none.
    ///
    /// # Errors
    /// `BehindMarker` when the database lost committed blocks; `OtherGenesis`, `OtherFormat`,
    /// `Damaged` when the files are not this channel's or not whole; else what the disk says.
    pub fn open(
        dir: &Path,
        genesis: &ChannelGenesis,
        options: &StoreOptions,
    ) -> Result<Self, StoreError> {
        opening::open(dir, genesis, options, opening::Behind::Refused)
    }

    /// The tip marker, while the database is behind it: blocks up to it must come from peers.
    #[must_use]
    pub const fn ahead(&self) -> Option<MarkedTip> {
        self.ahead
    }

    /// A reader for any thread.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader(Arc::clone(&self.shared))
    }

    /// Tells when nobody holds the store open any more.
    #[must_use]
    pub fn lease(&self) -> Lease {
        Lease { shared: Arc::downgrade(&self.shared), tree: Arc::downgrade(&self.tree) }
    }

    /// The segments, for the vote path.
    #[must_use]
    pub fn segments(&self) -> Segments {
        self.shared.segments.clone()
    }

    /// The state tree, for execution.
    #[must_use]
    pub fn tree(&self) -> Arc<StateTree> {
        Arc::clone(&self.tree)
    }

    /// Folder of the store.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.shared.path.clone()
    }

    /// True after an error: every commit answers `Poisoned`.
    #[must_use]
    pub const fn is_poisoned(&self) -> bool {
        self.is_poisoned
    }

    /// Commits final blocks, oldest first: all of them or none, durable when it answers `Ok`.
    ///
    /// # Errors
    /// `NotNext` when a block does not follow the one before, or its result does not fit it
    /// (nothing was written); any other error poisons the store.
    pub fn commit(&mut self, blocks: &[CommitBlock]) -> Result<(), StoreError> {
        if self.is_poisoned {
            let path = self.shared.path.clone();
            return Err(StoreError::Poisoned { part: Part::Channel, path });
        }
        let Some(last) = blocks.last() else { return Ok(()) };
        self.check_chain(blocks)?;
        let outcome = self.write(blocks, last);
        self.is_poisoned = outcome.is_err();
        outcome
    }

    fn check_chain(&self, blocks: &[CommitBlock]) -> Result<(), StoreError> {
        let tip = self.shared.tip();
        let mut before = (tip.height, tip.block, tip.roots);
        for CommitBlock { block, result, tree, .. } in blocks {
            let header = block.header();
            let after = before.0;
            let wrong = |why| StoreError::NotNext { tip: after, got: header.height, why };
            if header.height != before.0.next() {
                return Err(wrong("its height is not the next"));
            }
            if header.parent.block != before.1 || header.parent.roots != before.2 {
                return Err(wrong("its parent is another block or result"));
            }
            if result.block != block.id() || result.height != header.height {
                return Err(wrong("the result is of another block"));
            }
            if result.receipts.len() != block.transactions().len()
                || result.events.len() != result.receipts.len()
            {
                return Err(wrong("it has not one receipt and one list of events a transaction"));
            }
            let is_before = |a: &Write, b: &Write| (&a.score, &a.key) < (&b.score, &b.key);
            if !result.writes.is_sorted_by(is_before) {
                return Err(wrong("its writes are not sorted, or name a key twice"));
            }
            if tree.root() != result.roots.state {
                return Err(wrong("the state version has another root than the result"));
            }
            before = (header.height, block.id(), result.roots);
            let named = self.ahead.filter(|marked| marked.height == before.0);
            if named.is_some_and(|marked| (marked.block, marked.roots) != (before.1, before.2)) {
                return Err(wrong("the tip marker names another block of this height"));
            }
        }
        Ok(())
    }

    fn write(&mut self, blocks: &[CommitBlock], last: &CommitBlock) -> Result<(), StoreError> {
        let segments = &self.shared.segments;
        let places = self.place(blocks)?;
        let height = last.block.header().height;
        let mut batch = self.shared.database.batch().durability(Some(self.persist_mode));
        let tx_total = self.index_blocks(&mut batch, blocks, &places);
        let keyspaces = &self.shared.keyspaces;
        crate::search::index(&mut batch, keyspaces, blocks.iter().map(|commit| &commit.block));
        let indexed = schema::indexed_value(self.shared.indexed_from, height);
        batch.insert(&keyspaces.meta, schema::META_INDEXED, indexed);
        self.count_made(&mut batch, blocks)?;
        let written = self.write_state(&mut batch, blocks)?;
        let previous = self.shared.tip().height;
        let tip = TipRow { height, previous, read_from: segments.oldest_unfinished(height) };
        batch.insert(&self.shared.keyspaces.meta, schema::META_TIP, tip.to_bytes());
        // Without a sync of their own: they only help a repair, and peers have them too.
        for CommitBlock { block, proof, .. } in blocks {
            segments.append_final(block.id(), block.header().height, proof.as_ref())?;
        }
        self.shared.cache.begin_commit();
        batch.commit().map_err(self.shared.failed())?;
        self.shared.cache.end_commit(written.iter().map(|(key, value)| (key.as_slice(), *value)));
        let roots = last.result.roots;
        self.ahead = self.ahead.filter(|marked| marked.height > height);
        if self.ahead.is_none() {
            self.marker.write(&MarkedTip { height, block: last.block.id(), roots })?;
        }
        for CommitBlock { tree, .. } in blocks {
            self.tree.commit(tree)?;
        }
        segments.forget_up_to(height);
        let header = last.block.header().clone();
        let tip = Tip { height, block: last.block.id(), roots, header, tx_total };
        *self.shared.tip.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tip);
        Ok(())
    }

    /// Counts the blocks with transactions by who proposed them.
    fn count_made(
        &self,
        batch: &mut OwnedWriteBatch,
        blocks: &[CommitBlock],
    ) -> Result<(), StoreError> {
        let mut made: BTreeMap<u16, u64> = BTreeMap::new();
        let headers = blocks.iter().map(|commit| commit.block.header());
        for header in headers.filter(|header| header.tx_count > 0) {
            *made.entry(header.proposer).or_default() += 1;
        }
        for (proposer, more) in made {
            let count = self.shared.made_by(proposer)? + more;
            let key = schema::made_key(proposer);
            batch.insert(&self.shared.keyspaces.meta, key, count.to_be_bytes());
        }
        Ok(())
    }

    /// Sees to it that bodies and results are in the segments, durable.
    fn place(&self, blocks: &[CommitBlock]) -> Result<Vec<(Location, Location)>, StoreError> {
        let segments = &self.shared.segments;
        let mut places = Vec::with_capacity(blocks.len());
        for CommitBlock { block, result, .. } in blocks {
            places.push((segments.append_block(block)?, segments.append_result(result)?));
        }
        blocks.iter().try_for_each(|commit| segments.sync_block(commit.block.id()))?;
        Ok(places)
    }

    fn index_blocks(
        &self,
        batch: &mut OwnedWriteBatch,
        blocks: &[CommitBlock],
        places: &[(Location, Location)],
    ) -> u64 {
        let keyspaces = &self.shared.keyspaces;
        let mut tx_total = self.shared.tip().tx_total;
        let mut txs = Vec::new();
        for (CommitBlock { block, result, proof, .. }, (body, at)) in blocks.iter().zip(places) {
            let height = block.header().height;
            tx_total += block.transactions().len() as u64;
            let row = HeightRow {
                block: block.id(),
                roots: result.roots,
                body: *body,
                result: *at,
                tx_total,
                proof: proof.clone(),
            };
            let key = schema::height_key(height);
            batch.insert(&keyspaces.heights, key, row.to_bytes());
            batch.insert(&keyspaces.ids, *block.id().as_bytes(), key);
            let places = (0u32..).map(|index| schema::tx_value(height, index));
            txs.extend(block.transactions().iter().map(|t| schema::tx_key(&t.id())).zip(places));
        }
        // Sorted keys go into the memtable faster, and no key may stand in a batch twice.
        txs.sort_unstable();
        txs.dedup_by_key(|(key, _)| *key);
        for (key, value) in txs {
            batch.insert(&keyspaces.txs, key, value);
        }
        tx_total
    }

    /// State and undo records of the blocks, and the removal of undo records out of their time.
    /// Gives the keys written with their last values.
    fn write_state<'a>(
        &self,
        batch: &mut OwnedWriteBatch,
        blocks: &'a [CommitBlock],
    ) -> Result<LastValues<'a>, StoreError> {
        let keyspaces = &self.shared.keyspaces;
        let mut last_values = LastValues::new();
        for CommitBlock { block, result, .. } in blocks {
            let mut undo = UndoRow(Vec::with_capacity(result.writes.len()));
            for Write { score, key, value } in &result.writes {
                // Sorted by (score, key) is sorted by state key: 0x00 is less than any letter.
                let key = schema::state_key(score, key);
                let former = match last_values.insert(key.clone(), value.as_deref()) {
                    Some(former) => former.map(<[u8]>::to_vec),
                    None => self.shared.state_value(&key)?,
                };
                undo.0.push((key, former));
            }
            let height = block.header().height;
            batch.insert(&keyspaces.undo, schema::height_key(height), undo.to_bytes());
            self.drop_undo(batch, height);
        }
        let mut sorted: Vec<_> = last_values.iter().collect();
        sorted.sort_unstable();
        for (key, value) in sorted {
            match value {
                Some(value) => batch.insert(&keyspaces.state, key.as_slice(), *value),
                None => batch.remove(&keyspaces.state, key.as_slice()),
            }
        }
        Ok(last_values)
    }

    fn drop_undo(&self, batch: &mut OwnedWriteBatch, height: Height) {
        let oldest = height.get().checked_sub(self.history_blocks);
        if let Some(old) = oldest.filter(|_| self.history_blocks > 0) {
            batch.remove(&self.shared.keyspaces.undo, schema::height_key(Height::new(old)));
        }
    }
}
