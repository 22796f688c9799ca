//! A channel's store as it was before one of its blocks, in a copy that nobody else uses.
//!
//! In: the folder of a channel, which a running peer may be writing; a folder for the copy; the
//! choice of a block. Out: a [`Rewound`] store whose state is that of the block's parent, made of
//! the last state by taking the undo records back, and whose root was compared with the parent's.
//! So a copy that was taken while the peer wrote is right, or it is not used.
//! The peer's files are only ever opened for reading. Deliberately not here: executing anything.

mod copy;
#[cfg(test)]
mod tests;

pub use copy::{CopyReport, Told};

use crate::block_record::BlockResult;
use crate::commitment::TreeVersion;
use crate::database::opening::{self, Behind, DATABASE_DIR, MARKER_FILE};
use crate::database::{ChannelStore, StoreOptions};
use crate::disk::{Disk, Durability};
use crate::error::{Part, StoreError};
use crate::reader::{Keyspaces, Shared, Tip};
use crate::schema::{self, HeightRow, TipRow, UndoRow};
use crate::segments::Location;
use crate::tip_marker::{MarkedTip, TipMarker};
use copy::{Copied, CopyDisk};
use fjall::{Database, OwnedWriteBatch};
use host_types::codec::{Decode, Encode};
use host_types::genesis::ChannelGenesis;
use host_types::proof::FinalProof;
use host_types::receipt::Write;
use host_types::{Block, Code, Height, ScoreName};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

/// How often the files of a store are opened until their list stays the same for the milliseconds
/// that this takes. It changes with every flush of a table, seconds apart at the highest load.
const ATTEMPTS_MAX: usize = 256;

/// Why there is no store as it was.
#[derive(Debug, thiserror::Error)]
pub enum RewindError {
    /// The records that lead back there are gone.
    #[error(
        "block {height} is older than the {kept} blocks of history this peer keeps, which begin \
         with block {oldest}"
    )]
    HistoryGone {
        /// The block that was asked for.
        height: Height,
        /// Blocks that are kept.
        kept: u64,
        /// The oldest of them.
        oldest: Height,
    },
    /// No such block yet.
    #[error("there is no block {height} in this store, its last one is block {tip}")]
    AboveTip {
        /// The block that was asked for.
        height: Height,
        /// The last block.
        tip: Height,
    },
    /// The first block was not executed.
    #[error("block 0 is made of the genesis: nothing was executed in it")]
    BlockZero,
    /// The peer writes faster than its store is copied.
    #[error("the peer changed the list of files of {} all the time", path.display())]
    Unsteady {
        /// The channel's folder.
        path: PathBuf,
    },
    /// The copy is not what it should be.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RewindError {
    /// Its number.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::HistoryGone { .. } => Code::HistoryGone,
            Self::AboveTip { .. } => Code::NotFound,
            Self::BlockZero => Code::ReplayImpossible,
            Self::Unsteady { .. } => Code::StoreBusy,
            Self::Store(error) => error.code(),
        }
    }
}

/// The store at its tip, for whoever chooses how far to go back.
#[derive(Clone, Copy)]
pub struct AtTip<'a> {
    /// The last block.
    pub tip: Height,
    /// The oldest block whose parent's state can be had.
    pub oldest: Height,
    dir: &'a Path,
    keyspaces: &'a Keyspaces,
}

impl std::fmt::Debug for AtTip<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tip, oldest, .. } = self;
        f.debug_struct("AtTip").field("tip", tip).field("oldest", oldest).finish_non_exhaustive()
    }
}

impl AtTip<'_> {
    /// The value of a SCORE's key in the last state.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn get(&self, score: &ScoreName, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.keyspaces.state.get(schema::state_key(score, key));
        let value = value.map_err(opening::database_error(self.dir))?;
        Ok(value.map(|value| value.to_vec()))
    }
}

/// Chooses the block before which the store shall be.
pub type Choose<'a> = &'a dyn Fn(&AtTip<'_>) -> Result<Height, RewindError>;

/// A block with what the peer keeps of it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The block.
    pub block: Block,
    /// What it did.
    pub result: BlockResult,
    /// Why it is final; none when that is shown by a later block, and of genesis.
    pub proof: Option<FinalProof>,
}

/// A store as it was, and the blocks after it.
#[derive(Debug)]
pub struct Rewound {
    store: ChannelStore,
    genesis: ChannelGenesis,
    tip: Height,
}

/// Copies the store in `from` to the empty or missing folder `scratch` and takes the copy back to
/// where `choose` says. `told` hears of the copy.
///
/// # Errors
/// When the block is out of reach, or the store cannot be copied or is damaged.
pub fn rewind(
    from: &Path,
    scratch: &Path,
    choose: Choose<'_>,
    told: Told<'_>,
) -> Result<(Rewound, CopyReport), RewindError> {
    for _ in 0..ATTEMPTS_MAX {
        if let Some(Copied { report, last_segment }) = copy::copy(from, scratch, told)? {
            return Ok((take_back(scratch, last_segment, choose)?, report));
        }
    }
    Err(RewindError::Unsteady { path: from.to_owned() })
}

/// The copy dies with its process: nothing waits for the disk.
fn options(disk: Arc<dyn Disk>) -> StoreOptions {
    StoreOptions { disk, durability: Durability::Os, ..StoreOptions::default() }
}

fn take_back(
    scratch: &Path,
    last_segment: u32,
    choose: Choose<'_>,
) -> Result<Rewound, RewindError> {
    let disk: Arc<dyn Disk> = Arc::new(CopyDisk);
    let options = options(Arc::clone(&disk));
    let copy = Copy::open(scratch, &options)?;
    let (genesis, tip) = (copy.genesis()?, copy.tip()?);
    let oldest = oldest_kept(tip, genesis.limits.history_blocks);
    let at_tip = AtTip { tip, oldest, dir: scratch, keyspaces: &copy.keyspaces };
    let height = choose(&at_tip)?;
    check_reach(height, &at_tip)?;
    // Appends go to a new file: the peer's own are never written.
    let read_from = Location { segment: last_segment + 1, offset: 0, len: 0 };
    let parent = copy.take_back(height, tip, read_from)?;
    drop(copy);
    let (mut marker, _) = TipMarker::open_on(disk.as_ref(), &scratch.join(MARKER_FILE))?;
    marker.write(&parent)?;
    // Compares the root of the state with the parent's.
    let store = opening::open(scratch, &genesis, &options, Behind::Refused)?;
    Ok(Rewound { store, genesis, tip })
}

/// A commit removes the undo record `history_blocks` below its own.
const fn oldest_kept(tip: Height, history_blocks: u64) -> Height {
    let oldest = match history_blocks {
        0 => 1,
        kept => tip.get().saturating_sub(kept) + 1,
    };
    Height::new(oldest)
}

fn check_reach(height: Height, at: &AtTip<'_>) -> Result<(), RewindError> {
    let (tip, oldest) = (at.tip, at.oldest);
    if height == Height::ZERO {
        return Err(RewindError::BlockZero);
    }
    if height > tip {
        return Err(RewindError::AboveTip { height, tip });
    }
    if height < oldest {
        let kept = tip.get() + 1 - oldest.get();
        return Err(RewindError::HistoryGone { height, kept, oldest });
    }
    Ok(())
}

/// The copied database while it is taken back.
struct Copy<'a> {
    dir: &'a Path,
    database: Database,
    keyspaces: Keyspaces,
}

impl<'a> Copy<'a> {
    fn open(dir: &'a Path, options: &StoreOptions) -> Result<Self, StoreError> {
        let (database, keyspaces) = opening::open_database(&dir.join(DATABASE_DIR), options)?;
        Ok(Self { dir, database, keyspaces })
    }

    fn damaged(&self, what: impl Into<String>) -> StoreError {
        StoreError::damaged(Part::Channel, self.dir, 0, what)
    }

    fn genesis(&self) -> Result<ChannelGenesis, StoreError> {
        let row = self.keyspaces.meta.get(schema::META_GENESIS);
        let row = row.map_err(opening::database_error(self.dir))?;
        let row = row.ok_or_else(|| self.damaged("it has no genesis: is it a channel's store?"))?;
        ChannelGenesis::from_bytes(&row).map_err(|e| self.damaged(format!("the genesis: {e}")))
    }

    fn tip(&self) -> Result<Height, StoreError> {
        let tip = opening::read_tip(self.dir, &self.keyspaces)?;
        tip.map(|tip| tip.height).ok_or_else(|| self.damaged("it has no block"))
    }

    fn batch(&self) -> OwnedWriteBatch {
        self.database.batch()
    }

    /// Puts back what the blocks from the tip down to `height` replaced, newest first; gives the
    /// parent of the block at `height`.
    fn take_back(
        &self,
        height: Height,
        tip: Height,
        read_from: Location,
    ) -> Result<MarkedTip, StoreError> {
        let failed = opening::database_error(self.dir);
        for undone in (height.get()..=tip.get()).rev() {
            let row = self.keyspaces.undo.get(schema::height_key(Height::new(undone)));
            let row = row.map_err(&failed)?;
            let row =
                row.ok_or_else(|| self.damaged(format!("block {undone} has no undo record")))?;
            let row = UndoRow::from_bytes(&row)
                .map_err(|e| self.damaged(format!("undo record {undone}: {e}")))?;
            let mut batch = self.batch();
            for (key, former) in row.0 {
                match former {
                    Some(value) => batch.insert(&self.keyspaces.state, key, value),
                    None => batch.remove(&self.keyspaces.state, key),
                }
            }
            batch.commit().map_err(&failed)?;
        }
        let parent = Height::new(height.get() - 1);
        let row = self.keyspaces.heights.get(schema::height_key(parent)).map_err(&failed)?;
        let row = row.ok_or_else(|| self.damaged(format!("there is no block {parent}")))?;
        let row = HeightRow::from_bytes(&row)
            .map_err(|e| self.damaged(format!("row of block {parent}: {e}")))?;
        let mut batch = self.batch();
        let tip = TipRow { height: parent, previous: parent, read_from };
        batch.insert(&self.keyspaces.meta, schema::META_TIP, tip.to_bytes());
        batch.commit().map_err(&failed)?;
        Ok(MarkedTip { height: parent, block: row.block, roots: row.roots })
    }
}

impl Rewound {
    /// The channel's genesis, as its database holds it.
    #[must_use]
    pub const fn genesis(&self) -> &ChannelGenesis {
        &self.genesis
    }

    /// The last block that the peer had when its store was copied.
    #[must_use]
    pub const fn last(&self) -> Height {
        self.tip
    }

    /// The copy; its tip is where it has been taken to.
    #[must_use]
    pub const fn store(&self) -> &ChannelStore {
        &self.store
    }

    fn shared(&self) -> Arc<Shared> {
        self.store.reader().0
    }

    /// A block of the peer, also above the tip of the copy.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn kept(&self, height: Height) -> Result<Option<Kept>, StoreError> {
        let shared = self.shared();
        if height > self.tip {
            return Ok(None);
        }
        let Some(row) = shared.height_row(height)? else { return Ok(None) };
        let raw = shared.segments.read_block(row.body)?;
        let block = raw.decode().map_err(|e| shared.damaged(format!("block {height}: {e}")))?;
        let result = shared.segments.read_result(row.result)?;
        if block.id() != row.block || result.block != row.block || result.roots != row.roots {
            return Err(shared.damaged(format!("what is kept of block {height} is another's")));
        }
        Ok(Some(Kept { block, result, proof: row.proof }))
    }

    /// Changes the copy's state, whatever any chain says of it. `tree` was made of these writes.
    ///
    /// # Errors
    /// When the copy cannot be written; then it is of no more use.
    pub fn apply(&mut self, writes: &[Write], tree: &TreeVersion) -> Result<(), StoreError> {
        let shared = self.shared();
        let mut batch = shared.database.batch();
        let keyed: Vec<_> = writes
            .iter()
            .map(|write| (schema::state_key(&write.score, &write.key), write.value.as_deref()))
            .collect();
        for (key, value) in &keyed {
            match value {
                Some(value) => batch.insert(&shared.keyspaces.state, key.as_slice(), *value),
                None => batch.remove(&shared.keyspaces.state, key.as_slice()),
            }
        }
        shared.cache.begin_commit();
        batch.commit().map_err(shared.failed())?;
        shared.cache.end_commit(keyed.iter().map(|(key, value)| (key.as_slice(), *value)));
        self.store.tree().commit(tree)
    }

    /// Goes on to the child of the tip with this result of it, which need not be the agreed one.
    ///
    /// # Errors
    /// As [`Rewound::apply`].
    pub fn advance(
        &mut self,
        block: &Block,
        result: &BlockResult,
        tree: &TreeVersion,
    ) -> Result<(), StoreError> {
        self.apply(&result.writes, tree)?;
        let shared = self.shared();
        let header = block.header().clone();
        let tx_total = shared.tip().tx_total + block.transactions().len() as u64;
        let (height, roots) = (header.height, result.roots);
        shared.segments.forget_up_to(height);
        let tip = Tip { height, block: block.id(), roots, header, tx_total };
        *shared.tip.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tip);
        Ok(())
    }
}
