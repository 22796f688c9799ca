//! One file of the sign log: a header, frames one after the other, then zeros.
//!
//! ```text
//! header = magic 8 | number u64 | first sequence u64 | salt u64 | CRC-32 of these | zeros to 64
//! frame  = length u32 | CRC-32 u32 | sequence u64 | payload | zeros to the next multiple of 8
//! payload = [ item, ... ]       item = [ order, channel, kind, epoch, ... ]
//! ```
//! Integers are big-endian. The CRC of a frame covers salt, length, sequence and payload; the salt
//! differs from file to file, so that bytes which somebody else chose never look like a frame.

use super::{Entry, Record};
use crate::disk::{Disk, DiskFile};
use crate::error::{Part, StoreError};
use crate::guard::Position;
use host_types::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use host_types::limits::{RULE_BYTES_MAX, STATEMENT_BYTES_MAX, STATEMENT_SLOTS_MAX};
use host_types::{Epoch, GenesisHash, View};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"LCSIGN01";
/// Bytes before the first frame.
pub(super) const HEADER_BYTES: usize = 64;
const FRAME_HEAD_BYTES: usize = 16;
const ALIGN: usize = 8;
/// Records of one batch.
const ITEMS_MAX: usize = 1 << 20;

/// A record with its place in the log's order, which it keeps when it is carried on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) order: u64,
    pub(super) record: Record,
}

impl Encode for Item {
    fn encode(&self, w: &mut Writer) {
        let head = |w: &mut Writer, len, kind, epoch: &Epoch| {
            w.array(len);
            w.uint(self.order);
            self.record.channel.encode(w);
            w.uint(kind);
            epoch.encode(w);
        };
        match &self.record.entry {
            Entry::Signed { epoch, slots, body, signature } => {
                head(w, 7, 0, epoch);
                w.list(slots);
                w.bytes(body);
                w.bytes(signature);
            }
            Entry::RuleRecord { epoch, view, bytes } => {
                head(w, 6, 1, epoch);
                view.encode(w);
                w.bytes(bytes);
            }
            Entry::Floor { epoch, view } => {
                head(w, 5, 2, epoch);
                view.encode(w);
            }
        }
    }
}

impl Decode<'_> for Item {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let len = r.array_up_to(7)?;
        let order = r.uint()?;
        let channel = GenesisHash::decode(r)?;
        let kind = r.uint()?;
        let epoch = Epoch::decode(r)?;
        let entry = match (kind, len) {
            (0, 7) => Entry::Signed {
                epoch,
                slots: r.list(STATEMENT_SLOTS_MAX)?,
                body: r.bytes(STATEMENT_BYTES_MAX)?.to_vec(),
                signature: r.bytes_exact::<64>()?,
            },
            (1, 6) => Entry::RuleRecord {
                epoch,
                view: View::decode(r)?,
                bytes: r.bytes(RULE_BYTES_MAX)?.to_vec(),
            },
            (2, 5) => Entry::Floor { epoch, view: View::decode(r)? },
            _ => return Err(r.error(CodecErrorKind::UnknownFormat)),
        };
        Ok(Self { order, record: Record { channel, entry } })
    }
}

/// A frame that lacks only its sequence and checksum.
pub(super) fn encode_frame(items: &[Item]) -> Vec<u8> {
    let mut w = Writer::with_capacity(64 + items.len() * 256);
    w.raw(&[0; FRAME_HEAD_BYTES]);
    w.list(items);
    let mut frame = w.into_bytes();
    let length = u32::try_from(frame.len() - FRAME_HEAD_BYTES).unwrap_or(u32::MAX);
    put(&mut frame, 0, &length.to_be_bytes());
    frame.resize(frame.len().next_multiple_of(ALIGN), 0);
    frame
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    for (to, from) in bytes.iter_mut().skip(at).zip(value) {
        *to = *from;
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes)
}

fn checksum(salt: u64, length: u32, sequence: u64, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&salt.to_be_bytes());
    crc.update(&length.to_be_bytes());
    crc.update(&sequence.to_be_bytes());
    crc.update(payload);
    crc.finalize()
}

struct Frame<'a> {
    sequence: u64,
    payload: &'a [u8],
    end: usize,
}

fn frame_at(bytes: &[u8], at: usize, salt: u64) -> Option<Frame<'_>> {
    let length = u32_at(bytes, at).filter(|length| *length > 0)?;
    let (crc, sequence) = (u32_at(bytes, at + 4)?, u64_at(bytes, at + 8)?);
    let start = at + FRAME_HEAD_BYTES;
    let payload = bytes.get(start..start.checked_add(usize::try_from(length).ok()?)?)?;
    let end = (start + payload.len()).next_multiple_of(ALIGN);
    (checksum(salt, length, sequence, payload) == crc).then_some(Frame { sequence, payload, end })
}

/// What reading a segment gave.
pub(super) struct Scan {
    pub(super) items: Vec<Item>,
    pub(super) next_sequence: u64,
    pub(super) torn_bytes: u64,
}

/// One open file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    /// Highest place of each channel in it, floors aside.
    pub(super) highest: BTreeMap<GenesisHash, Position>,
    file: Arc<dyn DiskFile>,
    first_sequence: u64,
    salt: u64,
    size: u64,
    /// Where the next frame goes.
    pub(super) end: u64,
}

/// The number in a file's name.
pub(super) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    (digits.len() == 6).then(|| digits.parse().ok()).flatten()
}

fn header(number: u64, first_sequence: u64, salt: u64) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    put(&mut bytes, 0, MAGIC);
    put(&mut bytes, 8, &number.to_be_bytes());
    put(&mut bytes, 16, &first_sequence.to_be_bytes());
    put(&mut bytes, 24, &salt.to_be_bytes());
    let crc = crc32fast::hash(&bytes[..32]);
    put(&mut bytes, 32, &crc.to_be_bytes());
    bytes
}

impl Segment {
    /// Makes a file of zeros with a header, durable before it is used.
    pub(super) fn make(
        disk: &dyn Disk,
        dir: &Path,
        (number, first_sequence): (u64, u64),
        size: u64,
    ) -> Result<Self, StoreError> {
        let path = dir.join(format!("{number:06}.log"));
        let salt = RandomState::new().build_hasher().finish();
        let zeros = vec![0; 1 << 20];
        let made = (|| {
            let file = disk.create(&path)?;
            let mut at = 0;
            while at < size {
                let part = usize::try_from(size - at).unwrap_or(usize::MAX).min(zeros.len());
                file.write_at(zeros.get(..part).unwrap_or(&zeros), at)?;
                at += part as u64;
            }
            file.sync()?;
            file.write_at(&header(number, first_sequence, salt), 0)?;
            file.sync()?;
            disk.sync_dir(dir)?;
            Ok(file)
        })();
        let file = made.map_err(StoreError::io(Part::SignLog, "make", &path))?;
        let (highest, end) = (BTreeMap::new(), HEADER_BYTES as u64);
        Ok(Self { number, path, highest, file, first_sequence, salt, size, end })
    }

    /// Reads a file. `None` when it was never finished being made (only the last may be so).
    pub(super) fn load(
        disk: &dyn Disk,
        path: &Path,
        expected_sequence: Option<u64>,
        is_last: bool,
    ) -> Result<Option<(Self, Scan)>, StoreError> {
        let read = |action| StoreError::io(Part::SignLog, action, path);
        let damaged = |at: u64, what: &str| StoreError::damaged(Part::SignLog, path, at, what);
        let file = disk.open(path).map_err(read("open"))?;
        let size = file.size().map_err(read("measure"))?;
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        file.read_at(&mut bytes, 0).map_err(read("read"))?;
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let number = number_of(&name).unwrap_or_default();
        let body_is_zero = bytes.iter().skip(HEADER_BYTES).all(|byte| *byte == 0);
        let (first_sequence, salt) = match (u64_at(&bytes, 16), u64_at(&bytes, 24)) {
            (Some(first), Some(salt))
                if bytes.get(..HEADER_BYTES) == Some(&header(number, first, salt)) =>
            {
                (first, salt)
            }
            _ if is_last && body_is_zero => return Ok(None),
            _ => return Err(damaged(0, "its header is not that of this segment")),
        };
        if expected_sequence.is_some_and(|expected| expected != first_sequence) {
            return Err(damaged(16, "records before this segment are missing"));
        }
        let highest = BTreeMap::new();
        let path = path.to_owned();
        let mut segment = Self { number, path, highest, file, first_sequence, salt, size, end: 0 };
        let scan = segment.scan(&bytes, is_last)?;
        if scan.torn_bytes > 0 {
            segment.wipe(segment.end, scan.torn_bytes)?;
        }
        if is_last {
            // What a killed process wrote but did not sync is about to be relied on.
            segment.file.sync().map_err(StoreError::io(Part::SignLog, "sync", &segment.path))?;
        }
        Ok(Some((segment, scan)))
    }

    fn damaged(&self, at: usize, what: &str) -> StoreError {
        StoreError::damaged(Part::SignLog, &self.path, at as u64, what)
    }

    fn scan(&mut self, bytes: &[u8], is_last: bool) -> Result<Scan, StoreError> {
        let (mut at, mut sequence, mut items) = (HEADER_BYTES, self.first_sequence, Vec::new());
        while let Some(frame) = frame_at(bytes, at, self.salt).filter(|f| f.sequence == sequence) {
            let mut r = Reader::new(frame.payload);
            let batch = r.list(ITEMS_MAX).and_then(|batch: Vec<Item>| r.finish().map(|()| batch));
            items.extend(batch.map_err(|e| self.damaged(at, &e.to_string()))?);
            (at, sequence) = (frame.end, sequence + 1);
        }
        self.end = at as u64;
        let tail = bytes.get(at..).unwrap_or_default();
        let torn = tail.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let is_later = |f: Frame<'_>| f.sequence >= sequence;
        let is_followed = (at..at + torn)
            .step_by(ALIGN)
            .any(|later| frame_at(bytes, later, self.salt).is_some_and(is_later));
        if torn > 0 && (is_followed || !is_last) {
            return Err(self.damaged(at, "a record is damaged and others follow it"));
        }
        Ok(Scan { items, next_sequence: sequence, torn_bytes: torn as u64 })
    }

    fn wipe(&self, at: u64, len: u64) -> Result<(), StoreError> {
        let zeros = vec![0; usize::try_from(len).unwrap_or_default()];
        let wiped = self.file.write_at(&zeros, at).and_then(|()| self.file.sync());
        wiped.map_err(StoreError::io(Part::SignLog, "clear the torn tail of", &self.path))
    }

    /// True when a frame of this length fits.
    pub(super) const fn has_room(&self, frame_bytes: usize) -> bool {
        self.end + frame_bytes as u64 <= self.size
    }

    /// Finishes a frame, writes and syncs it.
    pub(super) fn write(&mut self, mut frame: Vec<u8>, sequence: u64) -> Result<(), StoreError> {
        let length = u32_at(&frame, 0).unwrap_or_default();
        let end = FRAME_HEAD_BYTES + usize::try_from(length).unwrap_or_default();
        let payload = frame.get(FRAME_HEAD_BYTES..end).unwrap_or_default();
        let crc = checksum(self.salt, length, sequence, payload);
        put(&mut frame, 4, &crc.to_be_bytes());
        put(&mut frame, 8, &sequence.to_be_bytes());
        self.file
            .write_at(&frame, self.end)
            .and_then(|()| self.file.sync())
            .map_err(StoreError::io(Part::SignLog, "write", &self.path))?;
        self.end += frame.len() as u64;
        Ok(())
    }

    /// Reads its records again.
    pub(super) fn read_items(&self) -> Result<Vec<Item>, StoreError> {
        let mut bytes = vec![0; usize::try_from(self.end).unwrap_or_default()];
        self.file.read_at(&mut bytes, 0).map_err(StoreError::io(
            Part::SignLog,
            "read",
            &self.path,
        ))?;
        let (mut at, mut items) = (HEADER_BYTES, Vec::new());
        while at < bytes.len() {
            let frame = frame_at(&bytes, at, self.salt)
                .ok_or_else(|| self.damaged(at, "a record changed since it was written"))?;
            let batch: Vec<Item> = Reader::new(frame.payload)
                .list(ITEMS_MAX)
                .map_err(|e| self.damaged(at, &e.to_string()))?;
            items.extend(batch);
            at = frame.end;
        }
        Ok(items)
    }
}
