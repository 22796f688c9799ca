//! The tip marker: which block was committed last, kept outside the database.
//!
//! In: a tip after each commit. Out: the newest tip that was written whole. Two slots
//! [`SLOT_BYTES`] apart are written in turn, so a torn write never loses the one before.
//! Not here: what a difference from the database means ([`crate::database`]).
//!
//! ```text
//! slot = magic 8 | generation u64 | height u64 | block id 32 | state root 32 | receipts root 32
//!        | CRC-32 of these
//! ```

use crate::disk::{Disk, DiskFile};
use crate::error::{Part, StoreError};
use host_types::{BlockId, Hash32, Height, RootPair};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Distance of the slots: no write of one can tear the other.
pub const SLOT_BYTES: u64 = 4096;
const MAGIC: &[u8; 8] = b"LCTIP001";
const USED_BYTES: usize = 8 + 8 + 8 + 96 + 4;

/// What the marker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkedTip {
    /// Height committed last.
    pub height: Height,
    /// Its block.
    pub block: BlockId,
    /// Its result.
    pub roots: RootPair,
}

/// The file, open for writing.
#[derive(Debug)]
pub struct TipMarker {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    generation: u64,
    is_poisoned: bool,
}

fn encode(generation: u64, tip: &MarkedTip) -> Vec<u8> {
    let mut slot = Vec::with_capacity(USED_BYTES);
    slot.extend_from_slice(MAGIC);
    slot.extend_from_slice(&generation.to_be_bytes());
    slot.extend_from_slice(&tip.height.get().to_be_bytes());
    slot.extend_from_slice(tip.block.as_bytes());
    slot.extend_from_slice(tip.roots.state.as_bytes());
    slot.extend_from_slice(tip.roots.receipts.as_bytes());
    slot.extend_from_slice(&crc32fast::hash(&slot).to_be_bytes());
    slot
}

fn decode(slot: &[u8]) -> Option<(u64, MarkedTip)> {
    let number = |at: usize| -> Option<u64> {
        slot.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes)
    };
    let hash =
        |at: usize| -> Option<Hash32> { slot.get(at..at + 32)?.try_into().ok().map(Hash32::new) };
    let tip = MarkedTip {
        height: Height::new(number(16)?),
        block: BlockId::new(hash(24)?),
        roots: RootPair { state: hash(56)?, receipts: hash(88)? },
    };
    let generation = number(8)?;
    (slot == encode(generation, &tip)).then_some((generation, tip))
}

impl TipMarker {
    /// Opens or makes the marker; gives what it says, `None` when no slot is whole.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn open_on(disk: &dyn Disk, path: &Path) -> Result<(Self, Option<MarkedTip>), StoreError> {
        let io = |action| StoreError::io(Part::Channel, action, path);
        let file = match disk.open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let file = disk.create(path).map_err(io("make"))?;
                let dir = path.parent().unwrap_or(Path::new("."));
                disk.sync_dir(dir).map_err(io("sync the folder of"))?;
                file
            }
            other => other.map_err(io("open"))?,
        };
        if file.size().map_err(io("measure"))? < 2 * SLOT_BYTES {
            file.set_size(2 * SLOT_BYTES).and_then(|()| file.sync()).map_err(io("extend"))?;
        }
        let mut newest: Option<(u64, MarkedTip)> = None;
        for at in [0, SLOT_BYTES] {
            let mut slot = [0; USED_BYTES];
            file.read_at(&mut slot, at).map_err(io("read"))?;
            newest =
                newest.into_iter().chain(decode(&slot)).max_by_key(|(generation, _)| *generation);
        }
        let generation = newest.map_or(0, |(generation, _)| generation);
        let marker = Self { path: path.to_owned(), file, generation, is_poisoned: false };
        Ok((marker, newest.map(|(_, tip)| tip)))
    }

    /// Writes the tip into the older slot and syncs it.
    ///
    /// # Errors
    /// `Poisoned` after any earlier error.
    pub fn write(&mut self, tip: &MarkedTip) -> Result<(), StoreError> {
        if self.is_poisoned {
            return Err(StoreError::Poisoned { part: Part::Channel, path: self.path.clone() });
        }
        let generation = self.generation + 1;
        let at = (generation % 2) * SLOT_BYTES;
        let written =
            self.file.write_at(&encode(generation, tip), at).and_then(|()| self.file.sync());
        self.is_poisoned = written.is_err();
        written.map_err(StoreError::io(Part::Channel, "write", &self.path))?;
        self.generation = generation;
        Ok(())
    }
}
