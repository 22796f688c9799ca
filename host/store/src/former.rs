//! A key of the state as it was after a block, with the proof against the root that the block names.
//!
//! In: a height whose later blocks have their undo records, a SCORE's key. Out: value, block and
//! proof, which was verified here. It is made of the newest tree by going back over what was written
//! since, so it costs what that is: bounded by [`FORMER_WRITES_MAX`] and [`FORMER_BYTES_MAX`]. It may
//! take a second: call it where waiting is allowed. Deliberately not here: how many may be made at
//! once, and the going back itself ([`crate::commitment`]).

#[cfg(test)]
mod tests;

use crate::commitment::{FormerValues, StateCommitment, StateProof, StateTree};
use crate::error::StoreError;
use crate::reader::{Reader, StateView};
use crate::schema::{self, HeightRow};
use fjall::Readable;
use host_types::codec::Decode;
use host_types::limits::{BLOCKS_AHEAD_MAX, FORMER_BYTES_MAX, FORMER_WRITES_MAX};
use host_types::{BlockId, Code, Hash32, Height, ScoreName};

/// A key, as it was after a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvedKey {
    /// Its value; none when it was not there.
    pub value: Option<Vec<u8>>,
    /// The block.
    pub block: BlockId,
    /// The root of the state after it, as the block's result has it.
    pub state_root: Hash32,
    /// That the key had this value, or none, under that root.
    pub proof: StateProof,
}

/// Why a key is not proved.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// There is no such block yet.
    #[error("there is no block {0} yet")]
    AboveTip(Height),
    /// Undo records of blocks after it are gone.
    #[error("this peer does not keep what block {0} left any more")]
    HistoryGone(Height),
    /// Too much was written since.
    #[error(
        "more was written since block {height} than a proof goes back over: \
         {} writes or {} MiB, here those of about {reach} blocks",
        FORMER_WRITES_MAX,
        FORMER_BYTES_MAX >> 20
    )]
    TooFar {
        /// The block.
        height: Height,
        /// Blocks after it that were within the bound.
        reach: u64,
    },
    /// Too many blocks were committed while this began.
    #[error("the state changes faster than a proof of it is read: ask again")]
    Busy,
    /// The store cannot be read, or does not hold what it should.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ProveError {
    /// Its number.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::AboveTip(_) => Code::NotFound,
            Self::HistoryGone(_) => Code::HistoryGone,
            Self::TooFar { .. } => Code::ProofTooFar,
            Self::Busy => Code::StoreBusy,
            Self::Store(error) => error.code(),
        }
    }
}

/// What a proof may go back over.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Writes, and one for each block.
    writes: usize,
    /// Bytes of undo records.
    bytes: usize,
}

const BOUNDS: Bounds = Bounds { writes: FORMER_WRITES_MAX, bytes: FORMER_BYTES_MAX };

impl Reader {
    /// A key as it was after the block at `height`; `tree` is that of this channel.
    ///
    /// # Errors
    /// When there is no such block yet, its state is out of reach, or the store cannot be read.
    pub fn prove_at(
        &self,
        tree: &StateTree,
        height: Height,
        score: &ScoreName,
        key: &[u8],
    ) -> Result<ProvedKey, ProveError> {
        self.prove_within(BOUNDS, tree, height, (score, key))
    }

    fn prove_within(
        &self,
        bounds: Bounds,
        tree: &StateTree,
        height: Height,
        (score, key): (&ScoreName, &[u8]),
    ) -> Result<ProvedKey, ProveError> {
        if height > self.tip().height {
            return Err(ProveError::AboveTip(height));
        }
        // A commit writes its rows, then takes its versions, then shows its tip. So the version is of
        // this block or a later one, and the rows have the version's block and perhaps later ones.
        let version = tree.committed();
        let rows = self.state();
        let newest = rows.height()?;
        let of_version = rows.height_of_root(height, newest, version.root())?;
        let of_version = of_version.ok_or(ProveError::Busy)?;
        let mut back = Back {
            wanted: schema::state_key(score, key),
            held: None,
            former: FormerValues::default(),
            of_version,
        };
        back.over(&rows, height, newest, bounds)?;
        let value = match back.held {
            Some(former) => former,
            None => rows.get(score, key)?,
        };
        let proof = tree.prove_former(&version, &back.former, score, key)?;
        let row = rows.block(height)?;
        let state_root = row.roots.state;
        if !proof.verify(state_root, score, key, value.as_deref()) {
            let what = format!("undo records lead to another state than the one of block {height}");
            return Err(self.0.damaged(what).into());
        }
        Ok(ProvedKey { value, block: row.block, state_root, proof })
    }
}

impl StateView {
    fn block(&self, height: Height) -> Result<HeightRow, StoreError> {
        let row = self.snapshot.get(&self.shared.keyspaces.heights, schema::height_key(height));
        let row = row.map_err(self.shared.failed())?;
        let row = row.ok_or_else(|| self.shared.damaged(format!("there is no block {height}")))?;
        HeightRow::from_bytes(&row).map_err(self.shared.bad_row("heights"))
    }

    /// The newest block from `newest` down to `oldest` that left a state with this root.
    fn height_of_root(
        &self,
        oldest: Height,
        newest: Height,
        root: Hash32,
    ) -> Result<Option<Height>, StoreError> {
        for height in (oldest.get()..=newest.get()).rev().take(BLOCKS_AHEAD_MAX) {
            let height = Height::new(height);
            if self.block(height)?.roots.state == root {
                return Ok(Some(height));
            }
        }
        Ok(None)
    }
}

/// The way back from the newest block.
struct Back {
    /// The state key that is asked for.
    wanted: Vec<u8>,
    /// What it held, once a block was seen that wrote it.
    held: Option<Option<Vec<u8>>>,
    former: FormerValues,
    /// The block of the tree; what later ones wrote is not in it.
    of_version: Height,
}

impl Back {
    /// Takes in the undo records of the blocks after `height`, from the oldest on.
    fn over(
        &mut self,
        view: &StateView,
        height: Height,
        newest: Height,
        bounds: Bounds,
    ) -> Result<(), ProveError> {
        if height == newest {
            return Ok(());
        }
        let shared = &view.shared;
        let (mut writes, mut bytes) = (0, 0);
        let first = schema::height_key(height.next());
        let mut rows = view.snapshot.range(&shared.keyspaces.undo, first..);
        for later in height.get() + 1..=newest.get() {
            let row = rows.next().map(fjall::Guard::into_inner).transpose();
            let row = row.map_err(shared.failed())?;
            let later = Height::new(later);
            let Some((_, row)) = row.filter(|(key, _)| **key == schema::height_key(later)) else {
                return Err(ProveError::HistoryGone(height));
            };
            bytes += row.len();
            let entries = schema::undo_entries(&row).map_err(shared.bad_row("undo"))?;
            writes += entries.len() + 1;
            if writes > bounds.writes || bytes > bounds.bytes {
                let reach = later.get() - height.get() - 1;
                return Err(ProveError::TooFar { height, reach });
            }
            self.take(later, &entries, shared)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        height: Height,
        entries: &[schema::UndoEntry<'_>],
        shared: &crate::reader::Shared,
    ) -> Result<(), StoreError> {
        for (key, former) in entries {
            if *key == self.wanted {
                self.held.get_or_insert_with(|| former.map(<[u8]>::to_vec));
            }
            if height <= self.of_version {
                let (score, key) = schema::decode_state_key(key)
                    .ok_or_else(|| shared.damaged("a key of an undo record"))?;
                self.former.note(&score, key, *former);
            }
        }
        Ok(())
    }
}
