//! Opening a channel's store: whose it is, whether its parts agree, and block 0 of a new one.
//!
//! In: a folder and the channel's genesis. Out: a store whose database, segments, marker and state
//! root agree, or the reason why not. It never repairs; that is asked for ([`crate::repair`]).

use super::{ChannelStore, StoreOptions};
use crate::block_record::BlockResult;
use crate::commitment::{StateCommitment, StateTree};

use crate::error::{Part, StoreError};
use crate::reader::{Keyspaces, Shared, Tip};
use crate::schema::{self, HeightRow, TipRow};
use crate::segments::Segments;
use crate::state_cache::StateCache;
use crate::tip_marker::{MarkedTip, TipMarker};
use fjall::{Database, KeyspaceCreateOptions};
use host_types::codec::{Decode, Encode};
use host_types::genesis::ChannelGenesis;
use host_types::{Block, Domain, GenesisHash, Height, RootPair, merkle};
use std::path::Path;
use std::sync::{Arc, RwLock};

/// Name of the folder of the database.
pub(crate) const DATABASE_DIR: &str = "db";
/// Name of the folder of the segments.
pub(crate) const SEGMENTS_DIR: &str = "blocks";
/// Name of the tip marker.
pub(crate) const MARKER_FILE: &str = "tip";

/// What becomes of a database that ends before its tip marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// It is an error.
    Refused,
    /// It is opened as it is, to be brought up to the marker.
    Accepted,
}

pub(crate) fn open(
    dir: &Path,
    genesis: &ChannelGenesis,
    options: &StoreOptions,
    behind: Behind,
) -> Result<ChannelStore, StoreError> {
    let io = |action| StoreError::io(Part::Channel, action, dir);
    std::fs::create_dir_all(dir).map_err(io("make"))?;
    options.disk.create_dir_all(dir).map_err(io("make"))?;
    let (database, keyspaces) = open_database(&dir.join(DATABASE_DIR), options)
        .or_else(|error| begin_anew(dir, options, error))?;
    check_identity(dir, &database, &keyspaces, (genesis, options))?;
    let tip = read_tip(dir, &keyspaces)?;
    let (marker, marked) = TipMarker::open_on(options.disk.as_ref(), &dir.join(MARKER_FILE))?;
    let (height, read_from) = tip.map_or_else(Default::default, |tip| (tip.height, tip.read_from));
    let ahead = marked.filter(|marked| marked.height > height);
    if let Some(marked) = ahead.filter(|_| behind == Behind::Refused) {
        return Err(StoreError::BehindMarker { database: height, marker: marked.height });
    }
    let disk = Arc::clone(&options.disk);
    let segments = Segments::open_on(disk, &dir.join(SEGMENTS_DIR), read_from, height)?;
    let parts = Parts { dir, genesis, options, database, keyspaces, segments, ahead };
    match tip {
        Some(tip) => parts.continue_from(tip, marker, marked),
        None => parts.begin(marker),
    }
}

pub(crate) fn database_error(path: &Path) -> impl Fn(fjall::Error) -> StoreError {
    move |source| StoreError::Database { path: path.to_owned(), source: Box::new(source) }
}

pub(crate) fn open_database(
    path: &Path,
    options: &StoreOptions,
) -> Result<(Database, Keyspaces), StoreError> {
    let failed = database_error(path);
    let database = Database::builder(path)
        .worker_threads(options.worker_threads.max(1))
        .cache_size(options.cache_bytes)
        .open()
        .map_err(&failed)?;
    let keyspace = |name: &str| {
        let create = || KeyspaceCreateOptions::default().max_memtable_size(options.memtable_bytes);
        database.keyspace(name, create).map_err(&failed)
    };
    let keyspaces = Keyspaces {
        meta: keyspace(schema::META)?,
        heights: keyspace(schema::HEIGHTS)?,
        ids: keyspace(schema::IDS)?,
        txs: keyspace(schema::TXS)?,
        state: keyspace(schema::STATE)?,
        undo: keyspace(schema::UNDO)?,
        search: keyspace(schema::SEARCH)?,
    };
    // What a killed process wrote but did not sync is about to be relied on.
    database.persist(options.persist_mode()).map_err(&failed)?;
    Ok((database, keyspaces))
}

/// A database whose making a crash cut short has no version or stands in its own way, and nothing
/// was ever acknowledged of a channel without marker and segments: it is made again. Any other
/// error stays one.
fn begin_anew(
    dir: &Path,
    options: &StoreOptions,
    error: StoreError,
) -> Result<(Database, Keyspaces), StoreError> {
    let StoreError::Database { source, .. } = &error else { return Err(error) };
    let is_half_made = match &**source {
        fjall::Error::InvalidVersion(None) => true,
        fjall::Error::Io(io) => io.kind() == std::io::ErrorKind::AlreadyExists,
        _ => false,
    };
    if !is_half_made || dir.join(MARKER_FILE).exists() || dir.join(SEGMENTS_DIR).exists() {
        return Err(error);
    }
    let path = dir.join(DATABASE_DIR);
    std::fs::remove_dir_all(&path).map_err(StoreError::io(Part::Channel, "remove", &path))?;
    open_database(&path, options)
}

/// The database belongs to this channel and this version, or is new.
fn check_identity(
    dir: &Path,
    database: &Database,
    keyspaces: &Keyspaces,
    (genesis, options): (&ChannelGenesis, &StoreOptions),
) -> Result<(), StoreError> {
    let failed = database_error(dir);
    let meta = &keyspaces.meta;
    let bytes = genesis.to_bytes();
    let format = meta.get(schema::META_FORMAT).map_err(&failed)?;
    let stored = meta.get(schema::META_GENESIS).map_err(&failed)?;
    let (Some(format), Some(stored)) = (format, stored) else {
        let mut batch = database.batch().durability(Some(options.persist_mode()));
        batch.insert(meta, schema::META_FORMAT, schema::FORMAT.to_be_bytes());
        batch.insert(meta, schema::META_GENESIS, bytes);
        return batch.commit().map_err(&failed);
    };
    let found = format.as_ref().try_into().map_or(0, u64::from_be_bytes);
    if found != schema::FORMAT {
        let (part, path, known) = (Part::Channel, dir.to_owned(), schema::FORMAT);
        return Err(StoreError::OtherFormat { part, path, found, known });
    }
    if stored.as_ref() != bytes.as_slice() {
        let found = GenesisHash::new(Domain::Channel.hash(&[&stored]));
        let (path, expected) = (dir.to_owned(), genesis.hash());
        return Err(StoreError::OtherGenesis { path, found, expected });
    }
    Ok(())
}

pub(crate) fn read_tip(dir: &Path, keyspaces: &Keyspaces) -> Result<Option<TipRow>, StoreError> {
    let row = keyspaces.meta.get(schema::META_TIP).map_err(database_error(dir))?;
    row.map(|row| TipRow::from_bytes(&row))
        .transpose()
        .map_err(|e| StoreError::damaged(Part::Channel, dir, 0, format!("the tip's row: {e}")))
}

/// The first block that `search` has: of a new channel block 0; where another version of this program
/// stored the last blocks, those to come.
fn indexed_from(keyspaces: &Keyspaces, tip: Height) -> fjall::Result<Height> {
    let row = keyspaces.meta.get(schema::META_INDEXED)?;
    let known = row.and_then(|row| schema::decode_indexed(&row));
    Ok(match known {
        Some((first, last)) if last == tip => first,
        _ if tip == Height::ZERO => Height::ZERO,
        _ => tip.next(),
    })
}

struct Parts<'a> {
    dir: &'a Path,
    genesis: &'a ChannelGenesis,
    options: &'a StoreOptions,
    database: Database,
    keyspaces: Keyspaces,
    segments: Segments,
    ahead: Option<MarkedTip>,
}

impl Parts<'_> {
    fn damaged(&self, what: impl Into<String>) -> StoreError {
        StoreError::damaged(Part::Channel, self.dir, 0, what)
    }

    fn row(&self, height: Height) -> Result<HeightRow, StoreError> {
        let row = self.keyspaces.heights.get(schema::height_key(height));
        let row = row.map_err(database_error(self.dir))?;
        let row = row.ok_or_else(|| self.damaged(format!("no row of height {height}")))?;
        HeightRow::from_bytes(&row).map_err(|e| self.damaged(format!("row of {height}: {e}")))
    }

    /// A new channel: block 0 is stored like any other.
    fn begin(self, mut marker: TipMarker) -> Result<ChannelStore, StoreError> {
        let tree = StateTree::default();
        let (state, version) = tree.apply(&tree.committed(), &self.options.initial_state)?;
        tree.commit(&version)?;
        let receipts = merkle::root(Domain::ReceiptRoot, std::iter::empty::<&[u8]>());
        let roots = RootPair { state, receipts };
        let header = self.genesis.header();
        let block = Block::assemble(header.clone(), Arc::new([]))
            .ok_or_else(|| self.damaged("the genesis has transactions"))?;
        let result = BlockResult {
            block: block.id(),
            height: Height::ZERO,
            roots,
            receipts: Vec::new(),
            events: Vec::new(),
            writes: self.options.initial_state.clone(),
        };
        let body = self.segments.append_block(&block)?;
        let at = self.segments.append_result(&result)?;
        self.segments.sync()?;
        self.segments.forget_up_to(Height::ZERO);
        let row =
            HeightRow { block: block.id(), roots, body, result: at, tx_total: 0, proof: None };
        let read_from = self.segments.oldest_unfinished(Height::ZERO);
        let tip = TipRow { height: Height::ZERO, previous: Height::ZERO, read_from };
        let key = schema::height_key(Height::ZERO);
        let mut batch = self.database.batch().durability(Some(self.options.persist_mode()));
        batch.insert(&self.keyspaces.heights, key, row.to_bytes());
        batch.insert(&self.keyspaces.ids, *block.id().as_bytes(), key);
        for write in &self.options.initial_state {
            if let Some(value) = &write.value {
                let key = schema::state_key(&write.score, &write.key);
                batch.insert(&self.keyspaces.state, key, value.as_slice());
            }
        }
        batch.insert(&self.keyspaces.meta, schema::META_TIP, tip.to_bytes());
        batch.commit().map_err(database_error(self.dir))?;
        if self.ahead.is_none() {
            marker.write(&MarkedTip { height: Height::ZERO, block: block.id(), roots })?;
        }
        let tip = Tip { height: Height::ZERO, block: block.id(), roots, header, tx_total: 0 };
        self.finish(tip, tree, marker)
    }

    /// A channel that is here already: every part must agree with the database's tip.
    fn continue_from(
        self,
        tip: TipRow,
        mut marker: TipMarker,
        marked: Option<MarkedTip>,
    ) -> Result<ChannelStore, StoreError> {
        let row = self.row(tip.height)?;
        let at_tip = MarkedTip { height: tip.height, block: row.block, roots: row.roots };
        match marked {
            Some(marked) if marked == at_tip || self.ahead.is_some() => {}
            // The commit after the marker survived a crash before the marker was written.
            Some(marked) if marked.height == tip.previous && marked.height < tip.height => {
                let before = self.row(marked.height)?;
                if (before.block, before.roots) != (marked.block, marked.roots) {
                    return Err(self.damaged("the tip marker names a block of another chain"));
                }
                marker.write(&at_tip)?;
            }
            None if tip.height == Height::ZERO => marker.write(&at_tip)?,
            Some(marked) => {
                let (at, height) = (marked.height, tip.height);
                let what = format!("the tip marker says {at}, the database {height}");
                return Err(self.damaged(what));
            }
            None => return Err(self.damaged("the tip marker is missing")),
        }
        let header = self.segments.read_header(row.body)?;
        if header.id() != row.block || header.height != tip.height {
            return Err(self.damaged("the body of the last block is another block's"));
        }
        let tree = self.load_tree()?;
        if tree.committed().root() != row.roots.state {
            return Err(self.damaged("the state has another root than the last block's result"));
        }
        let (height, block, roots) = (tip.height, row.block, row.roots);
        let tip = Tip { height, block, roots, header, tx_total: row.tx_total };
        self.finish(tip, tree, marker)
    }

    fn load_tree(&self) -> Result<StateTree, StoreError> {
        let entries = self.keyspaces.state.iter().map(|guard| {
            let (key, value) = guard.into_inner().map_err(database_error(self.dir))?;
            let (score, key) = schema::decode_state_key(&key)
                .ok_or_else(|| self.damaged("a key of the state has no SCORE"))?;
            Ok((score, (key.to_vec(), value.to_vec())))
        });
        StateTree::load(entries)
    }

    fn finish(
        self,
        tip: Tip,
        tree: StateTree,
        marker: TipMarker,
    ) -> Result<ChannelStore, StoreError> {
        let indexed_from =
            indexed_from(&self.keyspaces, tip.height).map_err(database_error(self.dir))?;
        let shared = Shared {
            path: self.dir.to_owned(),
            database: self.database,
            keyspaces: self.keyspaces,
            segments: self.segments,
            tip: RwLock::new(Arc::new(tip)),
            cache: StateCache::new(self.options.state_cache_bytes),
            indexed_from,
        };
        Ok(ChannelStore {
            shared: Arc::new(shared),
            tree: Arc::new(tree),
            marker,
            ahead: self.ahead,
            history_blocks: self.genesis.limits.history_blocks,
            persist_mode: self.options.persist_mode(),
            is_poisoned: false,
        })
    }
}
