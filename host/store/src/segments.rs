//! Append-only files of one channel: bodies, results and Final proofs of blocks, also of proposals
//! that never become final; the database's index says which are.
//!
//! In: blocks and results, when they are known. Out: where they stand, and the same bytes again,
//! checked. [`Segments::append_block`] and its sisters do not wait for the disk; one
//! [`Segments::sync`] makes everything before it durable. Handles are cheap to clone and share one
//! writer; reads take no lock of the writer. After a failed write or sync nothing more is written.
//! Deliberately not here: what is final, deletion of anything that is.
//!
//! ```text
//! file   = magic 8 | number u64 | record ...
//! record = payload length u32 | CRC-32 of the payload u32 | payload (block_record.rs)
//! ```
//! On opening, only what may belong to unfinished blocks is read: from the place that the last
//! commit noted. The first record there that is not whole ends the last file: it was never
//! acknowledged, because a sync covers all before it.

use crate::block_record::{self as record, BlockResult, Kind, RawBlock};
use crate::disk::{Disk, DiskFile};
use crate::error::{Part, StoreError};
use bytes::Bytes;
use host_types::codec::CodecError;
use host_types::proof::FinalProof;
use host_types::{Block, BlockId, Header, Height, RootPair};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// A file is closed before it grows beyond this, bytes.
pub const SEGMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;
const MAGIC: &[u8; 8] = b"LCSEG001";
const HEADER_BYTES: u32 = 16;
const FRAME_HEAD_BYTES: usize = 8;

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Location {
    /// Number of the file.
    pub segment: u32,
    /// First byte of the record.
    pub offset: u32,
    /// Length of its payload, bytes.
    pub len: u32,
}

/// A block above the tip of which something is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// Its height.
    pub height: Height,
    /// Its body.
    pub block: Option<Location>,
    /// Its result, and where it stands.
    pub result: Option<(RootPair, Location)>,
    /// The record that it is final: a crash came between it and the database.
    pub proof: Option<Location>,
    /// Number of the append that came last.
    appended: u64,
}

#[derive(Debug)]
struct Appender {
    number: u32,
    file: Arc<dyn DiskFile>,
    end: u32,
    unsynced: Vec<Arc<dyn DiskFile>>,
    has_new_file: bool,
    appended: u64,
    unfinished: BTreeMap<BlockId, Unfinished>,
}

#[derive(Clone, Copy, Debug)]
struct Synced {
    /// Number of the last append that is durable.
    appended: u64,
    /// Everything before this place is durable.
    end: Location,
}

#[derive(Debug)]
struct Shared {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    appender: Mutex<Appender>,
    /// What is durable; held while a sync runs.
    synced: Mutex<Synced>,
    files: RwLock<BTreeMap<u32, Arc<dyn DiskFile>>>,
    is_poisoned: AtomicBool,
}

/// A handle to the segments of a channel.
#[derive(Clone, Debug)]
pub struct Segments(Arc<Shared>);

fn name_of(number: u32) -> String {
    format!("{number:06}.seg")
}

pub(crate) fn number_of(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".seg")?;
    (digits.len() == 6).then(|| digits.parse().ok()).flatten()
}

/// A lock that a panicking thread left behind is as good as any: every step below keeps the
/// appender consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Found {
    kind: Kind,
    block: BlockId,
    height: Height,
    location: Location,
}

/// The whole records of a file from `at` on, and where they end.
fn scan(bytes: &[u8], number: u32, mut at: usize) -> (Vec<Found>, usize) {
    let mut found = Vec::new();
    while let Some(payload) = payload_at(bytes, at) {
        let Some((kind, block, height)) = record::read_prefix(payload) else { break };
        let (Ok(offset), Ok(len)) = (u32::try_from(at), u32::try_from(payload.len())) else {
            break;
        };
        found.push(Found {
            kind,
            block,
            height,
            location: Location { segment: number, offset, len },
        });
        at += FRAME_HEAD_BYTES + payload.len();
    }
    (found, at)
}

fn payload_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let word = |at: usize| -> Option<u32> {
        bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
    };
    let len = usize::try_from(word(at)?).ok()?;
    let start = at + FRAME_HEAD_BYTES;
    let payload = bytes.get(start..start.checked_add(len)?)?;
    (crc32fast::hash(payload) == word(at + 4)?).then_some(payload)
}

impl Segments {
    /// Opens the files of `dir`, making the first. `from` is the place that the last commit noted
    /// ([`Segments::oldest_unfinished`]) and `tip` its height.
    ///
    /// # Errors
    /// When the operating system refuses, or a file is none of ours.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        from: Location,
        tip: Height,
    ) -> Result<Self, StoreError> {
        let io = |action| StoreError::io(Part::Channel, action, dir);
        disk.create_dir_all(dir).map_err(io("make"))?;
        let names = disk.list(dir).map_err(io("list"))?;
        let mut numbers: Vec<u32> = names.iter().filter_map(|name| number_of(name)).collect();
        numbers.sort_unstable();
        let (mut files, mut unfinished, mut last) = (BTreeMap::new(), BTreeMap::new(), None);
        for number in numbers {
            let path = dir.join(name_of(number));
            let file = disk.open(&path).map_err(io("open a file of"))?;
            files.insert(number, Arc::clone(&file));
            if number >= from.segment {
                let start = if number == from.segment { from.offset } else { 0 };
                let (found, end) = load(&path, file.as_ref(), number, start)?;
                found.iter().filter(|f| f.height > tip).for_each(|f| note(&mut unfinished, f, 0));
                last = Some((number, file, end));
            }
        }
        let (number, file, end) = match last {
            Some((number, file, end)) => {
                settle(&dir.join(name_of(number)), file.as_ref(), number, end)?;
                (number, file, end)
            }
            None => {
                let number = from.segment.max(files.keys().next_back().map_or(1, |last| last + 1));
                let file = make(disk.as_ref(), dir, number)?;
                files.insert(number, Arc::clone(&file));
                (number, file, HEADER_BYTES)
            }
        };
        // What a killed process wrote but did not sync is about to be relied on.
        files.range(from.segment..).try_for_each(|(_, file)| file.sync()).map_err(io("sync"))?;
        disk.sync_dir(dir).map_err(io("sync"))?;
        let synced = Synced { appended: 0, end: Location { segment: number, offset: end, len: 0 } };
        let appender = Appender {
            number,
            file,
            end,
            unsynced: Vec::new(),
            has_new_file: false,
            appended: 0,
            unfinished,
        };
        let segments = Self(Arc::new(Shared {
            disk,
            dir: dir.to_owned(),
            appender: Mutex::new(appender),
            synced: Mutex::new(synced),
            files: RwLock::new(files),
            is_poisoned: AtomicBool::new(false),
        }));
        segments.read_results_of_unfinished()?;
        Ok(segments)
    }

    /// Completes the roots of the results that opening found.
    fn read_results_of_unfinished(&self) -> Result<(), StoreError> {
        let mut unfinished = lock(&self.0.appender).unfinished.clone();
        for entry in unfinished.values_mut() {
            if let Some((roots, location)) = &mut entry.result {
                *roots = self.decode(*location, |payload| record::decode_roots(payload))?;
            }
        }
        lock(&self.0.appender).unfinished = unfinished;
        Ok(())
    }

    /// Appends a block's body, or finds it already there. Durable after the next
    /// [`Segments::sync`].
    ///
    /// # Errors
    /// `Poisoned` after an earlier error; `TooLarge` when it fits no file.
    pub fn append_block(&self, block: &Block) -> Result<Location, StoreError> {
        if let Some(known) = self.unfinished(block.id()).and_then(|u| u.block) {
            return Ok(known);
        }
        self.append(&record::encode_block(block))
    }

    /// Appends a block's result, or finds it already there. Durable after the next
    /// [`Segments::sync`].
    ///
    /// # Errors
    /// As [`Segments::append_block`].
    pub fn append_result(&self, result: &BlockResult) -> Result<Location, StoreError> {
        match self.unfinished(result.block).and_then(|u| u.result) {
            Some((roots, known)) if roots == result.roots => Ok(known),
            _ => self.append(&record::encode_result(result)),
        }
    }

    /// Appends the proof that a block is final, so that the files alone tell which blocks are.
    pub(crate) fn append_final(
        &self,
        block: BlockId,
        height: Height,
        proof: Option<&FinalProof>,
    ) -> Result<Location, StoreError> {
        self.append(&record::encode_final(block, height, proof))
    }

    fn append(&self, payload: &[u8]) -> Result<Location, StoreError> {
        let mut appender = lock(&self.0.appender);
        self.check_poison()?;
        let outcome = self.append_locked(&mut appender, payload);
        if outcome.as_ref().is_err_and(|e| !matches!(e, StoreError::TooLarge { .. })) {
            self.0.is_poisoned.store(true, Ordering::SeqCst);
        }
        outcome
    }

    fn append_locked(&self, to: &mut Appender, payload: &[u8]) -> Result<Location, StoreError> {
        let size = payload.len() + FRAME_HEAD_BYTES;
        let max = usize::try_from(SEGMENT_BYTES_MAX).unwrap_or(usize::MAX) - 16;
        let (Ok(len), Ok(grown)) = (u32::try_from(payload.len()), u32::try_from(size)) else {
            return Err(StoreError::TooLarge { size, max });
        };
        if size > max {
            return Err(StoreError::TooLarge { size, max });
        }
        if u64::from(to.end) + u64::from(grown) > SEGMENT_BYTES_MAX {
            to.file = make(self.0.disk.as_ref(), &self.0.dir, to.number + 1)?;
            to.number += 1;
            to.end = HEADER_BYTES;
            to.has_new_file = true;
            let mut files = self.0.files.write().unwrap_or_else(PoisonError::into_inner);
            files.insert(to.number, Arc::clone(&to.file));
        }
        let mut frame = Vec::with_capacity(size);
        frame.extend_from_slice(&len.to_be_bytes());
        frame.extend_from_slice(&crc32fast::hash(payload).to_be_bytes());
        frame.extend_from_slice(payload);
        let path = self.0.dir.join(name_of(to.number));
        to.file.write_at(&frame, u64::from(to.end)).map_err(StoreError::io(
            Part::Channel,
            "write",
            &path,
        ))?;
        let location = Location { segment: to.number, offset: to.end, len };
        to.end += grown;
        to.appended += 1;
        if to.unsynced.last().is_none_or(|file| !Arc::ptr_eq(file, &to.file)) {
            to.unsynced.push(Arc::clone(&to.file));
        }
        if let Some((kind, block, height)) = record::read_prefix(payload) {
            let appended = to.appended;
            note(&mut to.unfinished, &Found { kind, block, height, location }, appended);
            if let (Kind::Result, Some(entry)) = (kind, to.unfinished.get_mut(&block)) {
                let roots = record::decode_roots(payload).unwrap_or_default();
                entry.result = Some((roots, location));
            }
        }
        Ok(location)
    }

    /// Makes everything appended before this call durable.
    ///
    /// # Errors
    /// Poisons the segments: what the disk holds is unknown until the node is restarted.
    pub fn sync(&self) -> Result<(), StoreError> {
        let mut synced = lock(&self.0.synced);
        // Who waited here while another sync failed must not take its files for synced.
        self.check_poison()?;
        let (files, has_new_file, covered) = {
            let mut appender = lock(&self.0.appender);
            let end = Location { segment: appender.number, offset: appender.end, len: 0 };
            let covered = Synced { appended: appender.appended, end };
            let has_new_file = std::mem::take(&mut appender.has_new_file);
            (std::mem::take(&mut appender.unsynced), has_new_file, covered)
        };
        let outcome = files
            .iter()
            .try_for_each(|file| file.sync())
            .and_then(|()| if has_new_file { self.0.disk.sync_dir(&self.0.dir) } else { Ok(()) });
        if outcome.is_err() {
            self.0.is_poisoned.store(true, Ordering::SeqCst);
        } else {
            *synced = covered;
        }
        outcome.map_err(StoreError::io(Part::Channel, "sync", &self.0.dir))
    }

    /// Syncs unless body and result of this block are durable already.
    pub(crate) fn sync_block(&self, block: BlockId) -> Result<(), StoreError> {
        let appended = self.unfinished(block).map_or(u64::MAX, |entry| entry.appended);
        if lock(&self.0.synced).appended >= appended { self.check_poison() } else { self.sync() }
    }

    fn check_poison(&self) -> Result<(), StoreError> {
        if self.0.is_poisoned.load(Ordering::SeqCst) {
            return Err(StoreError::Poisoned { part: Part::Channel, path: self.0.dir.clone() });
        }
        Ok(())
    }

    /// What is stored of a block above the tip.
    #[must_use]
    pub fn unfinished(&self, block: BlockId) -> Option<Unfinished> {
        lock(&self.0.appender).unfinished.get(&block).cloned()
    }

    /// Everything stored above the tip: after a restart, what this node may have voted for.
    #[must_use]
    pub fn all_unfinished(&self) -> Vec<(BlockId, Unfinished)> {
        lock(&self.0.appender).unfinished.iter().map(|(id, u)| (*id, u.clone())).collect()
    }

    /// Where the next opening must begin to read, once everything up to `tip` is final.
    #[must_use]
    pub fn oldest_unfinished(&self, tip: Height) -> Location {
        let synced_end = lock(&self.0.synced).end;
        let appender = lock(&self.0.appender);
        let above = appender.unfinished.values().filter(|entry| entry.height > tip);
        let places = above.flat_map(|entry| [entry.block, entry.result.map(|(_, at)| at)]);
        places.flatten().fold(synced_end, Location::min)
    }

    /// Forgets that blocks up to the tip were unfinished.
    pub(crate) fn forget_up_to(&self, tip: Height) {
        lock(&self.0.appender).unfinished.retain(|_, entry| entry.height > tip);
    }

    /// The payload of a record, checked.
    pub(crate) fn read(&self, location: Location) -> Result<Bytes, StoreError> {
        let path = self.0.dir.join(name_of(location.segment));
        let file = {
            let files = self.0.files.read().unwrap_or_else(PoisonError::into_inner);
            files.get(&location.segment).cloned()
        };
        let missing = || StoreError::damaged(Part::Channel, &path, 0, "the file is missing");
        let mut bytes = vec![0; FRAME_HEAD_BYTES + location.len as usize];
        file.ok_or_else(missing)?
            .read_at(&mut bytes, u64::from(location.offset))
            .map_err(StoreError::io(Part::Channel, "read", &path))?;
        match payload_at(&bytes, 0) {
            Some(payload) if payload.len() == location.len as usize => {
                Ok(Bytes::from(bytes).slice(FRAME_HEAD_BYTES..))
            }
            _ => Err(self.damaged(location, "the record's checksum does not fit")),
        }
    }

    fn damaged(&self, location: Location, what: &str) -> StoreError {
        let path = self.0.dir.join(name_of(location.segment));
        StoreError::damaged(Part::Channel, &path, u64::from(location.offset), what)
    }

    pub(crate) fn decode<T>(
        &self,
        location: Location,
        decode: impl FnOnce(&Bytes) -> Result<T, CodecError>,
    ) -> Result<T, StoreError> {
        let payload = self.read(location)?;
        decode(&payload).map_err(|e| self.damaged(location, &e.to_string()))
    }

    /// The block stored here, undecoded.
    ///
    /// # Errors
    /// `Damaged` when the bytes changed since they were written.
    pub fn read_block(&self, location: Location) -> Result<RawBlock, StoreError> {
        self.decode(location, record::decode_block)
    }

    /// The header of the block stored here.
    ///
    /// # Errors
    /// As [`Segments::read_block`].
    pub fn read_header(&self, location: Location) -> Result<Header, StoreError> {
        self.decode(location, |payload| record::decode_header(payload))
    }

    /// The Final proof stored here; `None` when a later block's covers it.
    ///
    /// # Errors
    /// As [`Segments::read_block`].
    pub fn read_proof(&self, location: Location) -> Result<Option<FinalProof>, StoreError> {
        self.decode(location, |payload| record::decode_final(payload))
    }

    /// The result stored here.
    ///
    /// # Errors
    /// As [`Segments::read_block`].
    pub fn read_result(&self, location: Location) -> Result<BlockResult, StoreError> {
        self.decode(location, |payload| record::decode_result(payload))
    }
}

fn note(unfinished: &mut BTreeMap<BlockId, Unfinished>, found: &Found, appended: u64) {
    let entry = unfinished.entry(found.block).or_default();
    entry.height = found.height;
    match found.kind {
        Kind::Block => entry.block = Some(found.location),
        Kind::Result => entry.result = Some((RootPair::default(), found.location)),
        Kind::Final => entry.proof = Some(found.location),
    }
    if found.kind != Kind::Final {
        entry.appended = appended;
    }
}

fn header(number: u32) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&u64::from(number).to_be_bytes());
    header
}

fn make(disk: &dyn Disk, dir: &Path, number: u32) -> Result<Arc<dyn DiskFile>, StoreError> {
    let path = dir.join(name_of(number));
    let made = disk.create(&path).and_then(|file| file.write_at(&header(number), 0).map(|()| file));
    made.map_err(StoreError::io(Part::Channel, "make", &path))
}

fn load(
    path: &Path,
    file: &dyn DiskFile,
    number: u32,
    from: u32,
) -> Result<(Vec<Found>, u32), StoreError> {
    let read = |action| StoreError::io(Part::Channel, action, path);
    let size = file.size().map_err(read("measure"))?;
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
    file.read_at(&mut bytes, 0).map_err(read("read"))?;
    let is_ours = bytes.get(..8) == Some(MAGIC);
    if !is_ours && size >= u64::from(HEADER_BYTES) && bytes.iter().any(|byte| *byte != 0) {
        return Err(StoreError::damaged(Part::Channel, path, 0, "it is no block segment"));
    }
    let (found, end) = scan(&bytes, number, from.max(HEADER_BYTES) as usize);
    Ok((found, u32::try_from(end).unwrap_or(u32::MAX)))
}

/// Drops what follows the last whole record of the last file, and completes a file whose making a
/// crash cut short.
fn settle(path: &Path, file: &dyn DiskFile, number: u32, end: u32) -> Result<(), StoreError> {
    let io = |action| StoreError::io(Part::Channel, action, path);
    if file.size().map_err(io("measure"))? > u64::from(end) {
        file.set_size(u64::from(end)).map_err(io("cut the torn tail of"))?;
    }
    if end == HEADER_BYTES {
        file.write_at(&header(number), 0).map_err(io("write the header of"))?;
    }
    Ok(())
}
