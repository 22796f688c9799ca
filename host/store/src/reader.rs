//! What a channel's store tells: blocks, transactions, receipts, state, from any thread.
//!
//! In: heights, ids, keys. Out: what is committed. A [`Reader`] is cheap to clone, never waits for
//! the writer's disk and goes on after the writer stopped. A [`StateView`] shows one moment.
//! Deliberately not here: what is not final.

use crate::block_record::{self as record, BlockResult, RawBlock};
use crate::error::{Part, StoreError};
use crate::schema::{self, HeightRow, UndoRow};
use crate::segments::{Location, Segments};
use crate::state_cache::StateCache;
use fjall::{Database, Keyspace, Readable, Snapshot};
use host_types::codec::{CodecError, Decode};
use host_types::proof::FinalProof;
use host_types::{
    Block, BlockId, BlockTime, Header, Height, Receipt, RootPair, ScoreEvent, ScoreName,
    SignedTransaction, TxId,
};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

/// The last committed block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Its height.
    pub height: Height,
    /// The block.
    pub block: BlockId,
    /// Its result.
    pub roots: RootPair,
    /// Its header.
    pub header: Header,
    /// Transactions of the channel up to and with it.
    pub tx_total: u64,
}

/// A committed block with what belongs to it.
#[derive(Clone, Debug)]
pub struct StoredBlock {
    /// The block.
    pub block: Block,
    /// Its result.
    pub roots: RootPair,
    /// Why it is final; genesis needs none.
    pub proof: Option<FinalProof>,
    /// Transactions of the channel up to and with it.
    pub tx_total: u64,
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxPlace {
    /// Height of its block.
    pub height: Height,
    /// Its index in the block.
    pub index: u32,
}

/// A key of a SCORE and its value.
pub type StateEntry = (Vec<u8>, Vec<u8>);

#[derive(Clone)]
pub(crate) struct Keyspaces {
    pub(crate) meta: Keyspace,
    pub(crate) heights: Keyspace,
    pub(crate) ids: Keyspace,
    pub(crate) txs: Keyspace,
    pub(crate) state: Keyspace,
    pub(crate) undo: Keyspace,
    pub(crate) search: Keyspace,
}

pub(crate) struct Shared {
    pub(crate) path: PathBuf,
    pub(crate) database: Database,
    pub(crate) keyspaces: Keyspaces,
    pub(crate) segments: Segments,
    pub(crate) tip: RwLock<Arc<Tip>>,
    pub(crate) cache: StateCache,
    /// The first block that `search` has.
    pub(crate) indexed_from: Height,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn failed(&self) -> impl Fn(fjall::Error) -> StoreError {
        |source| StoreError::Database { path: self.path.clone(), source: Box::new(source) }
    }

    pub(crate) fn damaged(&self, what: impl Into<String>) -> StoreError {
        StoreError::damaged(Part::Channel, &self.path, 0, what)
    }

    pub(crate) fn bad_row(&self, row: &'static str) -> impl Fn(CodecError) -> StoreError {
        move |e| self.damaged(format!("a row of {row}: {e}"))
    }

    pub(crate) fn height_row(&self, height: Height) -> Result<Option<HeightRow>, StoreError> {
        let row = self.keyspaces.heights.get(schema::height_key(height)).map_err(self.failed())?;
        row.map(|row| HeightRow::from_bytes(&row)).transpose().map_err(self.bad_row("heights"))
    }

    pub(crate) fn made_by(&self, proposer: u16) -> Result<u64, StoreError> {
        let row = self.keyspaces.meta.get(schema::made_key(proposer)).map_err(self.failed())?;
        let Some(row) = row else { return Ok(0) };
        let bytes: [u8; 8] =
            row.as_ref().try_into().map_err(|_| self.damaged("a count of blocks"))?;
        Ok(u64::from_be_bytes(bytes))
    }

    /// The value of a state key in the committed state.
    pub(crate) fn state_value(&self, state_key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let ticket = match self.cache.get(state_key) {
            Ok(value) => return Ok(value),
            Err(ticket) => ticket,
        };
        let value = self.keyspaces.state.get(state_key).map_err(self.failed())?;
        self.cache.offer(ticket, state_key, value.as_deref());
        Ok(value.map(|value| value.to_vec()))
    }

    pub(crate) fn tip(&self) -> Arc<Tip> {
        Arc::clone(&self.tip.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads a channel's store.
#[derive(Clone, Debug)]
pub struct Reader(pub(crate) Arc<Shared>);

impl Reader {
    /// The last committed block.
    #[must_use]
    pub fn tip(&self) -> Arc<Tip> {
        self.0.tip()
    }

    /// How many blocks with transactions the validator of this index has proposed; a commit that is
    /// under way may be counted already.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn made_by(&self, proposer: u16) -> Result<u64, StoreError> {
        self.0.made_by(proposer)
    }

    /// Nothing above the tip is shown, even while a commit is under way.
    fn row(&self, height: Height) -> Result<Option<HeightRow>, StoreError> {
        if height > self.tip().height {
            return Ok(None);
        }
        self.0.height_row(height)
    }

    fn full(&self, row: HeightRow) -> Result<StoredBlock, StoreError> {
        let raw = self.0.segments.read_block(row.body)?;
        let block =
            raw.decode().map_err(|e| self.0.damaged(format!("block {}: {e}", row.block)))?;
        if block.id() != row.block {
            return Err(self
                .0
                .damaged(format!("block {} stands where {} should", raw.id, row.block)));
        }
        Ok(StoredBlock { block, roots: row.roots, proof: row.proof, tx_total: row.tx_total })
    }

    /// The block at a height.
    ///
    /// # Errors
    /// When the store cannot be read, or what it holds changed.
    pub fn block_by_height(&self, height: Height) -> Result<Option<StoredBlock>, StoreError> {
        self.row(height)?.map(|row| self.full(row)).transpose()
    }

    /// The block with an id.
    ///
    /// # Errors
    /// As [`Reader::block_by_height`].
    pub fn block_by_id(&self, id: BlockId) -> Result<Option<StoredBlock>, StoreError> {
        match self.height_of(id)? {
            Some(height) => self.block_by_height(height),
            None => Ok(None),
        }
    }

    /// Height of a committed block.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn height_of(&self, id: BlockId) -> Result<Option<Height>, StoreError> {
        let value = self.0.keyspaces.ids.get(id.as_bytes()).map_err(self.0.failed())?;
        let Some(value) = value else { return Ok(None) };
        let bytes = value.as_ref().try_into().map_err(|_| self.0.damaged("a row of ids"))?;
        let height = Height::new(u64::from_be_bytes(bytes));
        Ok((height <= self.tip().height).then_some(height))
    }

    /// The block at a height as it is stored, undecoded: for peers that catch up.
    ///
    /// # Errors
    /// As [`Reader::block_by_height`].
    pub fn raw_block(&self, height: Height) -> Result<Option<RawBlock>, StoreError> {
        self.row(height)?.map(|row| self.0.segments.read_block(row.body)).transpose()
    }

    /// Id and result of the block at a height.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn pair(&self, height: Height) -> Result<Option<host_types::Pair>, StoreError> {
        let row = self.row(height)?;
        Ok(row.map(|row| host_types::Pair { block: row.block, roots: row.roots }))
    }

    /// The header at a height.
    ///
    /// # Errors
    /// As [`Reader::block_by_height`].
    pub fn header(&self, height: Height) -> Result<Option<Header>, StoreError> {
        self.row(height)?.map(|row| self.0.segments.read_header(row.body)).transpose()
    }

    /// Why the block at a height is final; `None` for genesis and above the tip.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn proof(&self, height: Height) -> Result<Option<FinalProof>, StoreError> {
        Ok(self.row(height)?.and_then(|row| row.proof))
    }

    /// What the block at a height did.
    ///
    /// # Errors
    /// As [`Reader::block_by_height`].
    pub fn result(&self, height: Height) -> Result<Option<BlockResult>, StoreError> {
        self.row(height)?.map(|row| self.0.segments.read_result(row.result)).transpose()
    }

    /// Where a committed transaction stands.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn tx(&self, id: &TxId) -> Result<Option<TxPlace>, StoreError> {
        Ok(self.transaction(id)?.map(|(place, _)| place))
    }

    /// Where a committed transaction probably stands: half of its id was compared, which no two
    /// transactions share unless somebody spent 2^64 hashes to make them. Costs one look-up.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn tx_probably(&self, id: &TxId) -> Result<Option<TxPlace>, StoreError> {
        let value = self.0.keyspaces.txs.get(schema::tx_key(id)).map_err(self.0.failed())?;
        let Some(value) = value else { return Ok(None) };
        let place =
            schema::decode_tx_value(&value).ok_or_else(|| self.0.damaged("a row of txs"))?;
        let (height, index) = place;
        Ok((height <= self.tip().height).then_some(TxPlace { height, index }))
    }

    /// A committed transaction and where it stands.
    ///
    /// # Errors
    /// As [`Reader::block_by_height`].
    pub fn transaction(
        &self,
        id: &TxId,
    ) -> Result<Option<(TxPlace, SignedTransaction)>, StoreError> {
        let Some(place) = self.tx_probably(id)? else { return Ok(None) };
        let Some(raw) = self.raw_block(place.height)? else { return Ok(None) };
        let Some(raw) = raw.transactions.get(place.index as usize) else {
            return Err(self.0.damaged(format!("transaction {id} is not in its block")));
        };
        let decoded = SignedTransaction::decode(raw)
            .map_err(|e| self.0.damaged(format!("transaction {id}: {e}")))?;
        Ok((decoded.id() == *id).then_some((place, decoded)))
    }

    /// Receipt and events of a transaction.
    ///
    /// # Errors
    /// As [`Reader::block_by_height`].
    pub fn receipt(
        &self,
        place: TxPlace,
    ) -> Result<Option<(Receipt, Vec<ScoreEvent>)>, StoreError> {
        let Some(row) = self.row(place.height)? else { return Ok(None) };
        let index = place.index as usize;
        self.0.segments.decode(row.result, |payload| record::decode_receipt(payload, index))
    }

    /// The value of a SCORE's key in the committed state. While a commit is under way it may
    /// already be the next one: execution on top of unfinished blocks looks at their writes first,
    /// so to it both are the same. For anything else use [`Reader::state`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn state_get(&self, score: &ScoreName, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.state_value(&schema::state_key(score, key))
    }

    /// The state at one moment; keep it short, it holds back the database's cleaning.
    #[must_use]
    pub fn state(&self) -> StateView {
        // Commits publish the tip after the batch: the snapshot may be one commit newer, its own
        // tip row is what counts, and it is read from the snapshot itself.
        StateView { shared: Arc::clone(&self.0), snapshot: self.0.database.snapshot() }
    }

    /// At most `limit` entries of a SCORE whose keys begin with `prefix` and come after `after`, in
    /// the order of keys.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn state_scan(
        &self,
        score: &ScoreName,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<StateEntry>, StoreError> {
        self.state().scan(score, prefix, after, limit)
    }

    /// The value that a key had after the block at `height`. `None` in the outer option: undo
    /// records of that time are gone, or the height is above the tip.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn state_at(
        &self,
        height: Height,
        score: &ScoreName,
        key: &[u8],
    ) -> Result<Option<Option<Vec<u8>>>, StoreError> {
        self.state().at(height, score, key)
    }

    /// Time of the last block.
    #[must_use]
    pub fn time(&self) -> BlockTime {
        self.tip().header.time
    }

    /// Where the body and the result of the block at a height stand.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn locations(&self, height: Height) -> Result<Option<(Location, Location)>, StoreError> {
        Ok(self.row(height)?.map(|row| (row.body, row.result)))
    }
}

/// The state of one moment.
pub struct StateView {
    pub(crate) shared: Arc<Shared>,
    pub(crate) snapshot: Snapshot,
}

impl std::fmt::Debug for StateView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateView").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

impl StateView {
    /// Height of the last block in it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn height(&self) -> Result<Height, StoreError> {
        let row = self.snapshot.get(&self.shared.keyspaces.meta, schema::META_TIP);
        let row = row.map_err(self.shared.failed())?;
        let row = row.ok_or_else(|| self.shared.damaged("there is no tip"))?;
        let row = schema::TipRow::from_bytes(&row).map_err(self.shared.bad_row("meta"))?;
        Ok(row.height)
    }

    /// The value of a SCORE's key.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn get(&self, score: &ScoreName, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let key = schema::state_key(score, key);
        let value = self.snapshot.get(&self.shared.keyspaces.state, key);
        Ok(value.map_err(self.shared.failed())?.map(|value| value.to_vec()))
    }

    /// As [`Reader::state_scan`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn scan(
        &self,
        score: &ScoreName,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<StateEntry>, StoreError> {
        let first = schema::state_key(score, prefix);
        let skip = schema::state_key(score, &[]).len();
        let start = match after {
            // The smallest key after `after` is `after` and a zero byte.
            Some(after) => [&schema::state_key(score, after)[..], &[0]].concat().max(first.clone()),
            None => first.clone(),
        };
        let mut entries = Vec::new();
        for guard in self.snapshot.range(&self.shared.keyspaces.state, start..).take(limit) {
            let (key, value) = guard.into_inner().map_err(self.shared.failed())?;
            if !key.starts_with(&first) {
                break;
            }
            entries.push((key.get(skip..).unwrap_or_default().to_vec(), value.to_vec()));
        }
        Ok(entries)
    }

    /// As [`Reader::state_at`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn at(
        &self,
        height: Height,
        score: &ScoreName,
        key: &[u8],
    ) -> Result<Option<Option<Vec<u8>>>, StoreError> {
        let (shared, tip) = (&self.shared, self.height()?);
        if height > tip {
            return Ok(None);
        }
        let state_key = schema::state_key(score, key);
        for later in height.get() + 1..=tip.get() {
            let row_key = schema::height_key(Height::new(later));
            let row =
                self.snapshot.get(&shared.keyspaces.undo, row_key).map_err(shared.failed())?;
            let Some(row) = row else { return Ok(None) };
            let row = UndoRow::from_bytes(&row).map_err(shared.bad_row("undo"))?;
            if let Some(former) = row.former(&state_key) {
                return Ok(Some(former.map(<[u8]>::to_vec)));
            }
        }
        self.get(score, key).map(Some)
    }
}
