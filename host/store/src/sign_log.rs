//! The sign log: the durable record of what this node has signed, one per node, all channels.
//!
//! In: batches of records. Out: after a restart, per channel, everything above its floor in the
//! order it was written. A batch is one write, one checksum and one sync: it is there as a whole or
//! not at all. After any error it answers [`StoreError::Poisoned`] and leaves the disk alone.
//! Deliberately not here: what may be signed ([`crate::guard`]), keys, retries.
//!
//! Files are [`SEGMENT_BYTES`] of zeros from the start, so that a sync never waits for the file
//! system to grow them. A segment is deleted once every channel's floor has passed what it holds;
//! floors that only it holds are written again first. When one quiet channel would pin more than
//! [`SEGMENTS_MAX`] segments, its few records are carried to the end of the log instead.
//!
//! The checksum is the CRC-32 of `crc32fast` (ISO-HDLC, with hardware support): CRC-32C would
//! detect no more of what a torn or damaged write leaves.

mod segment;
#[cfg(test)]
mod tests;

use crate::disk::{Disk, Durability, RealDisk};
use crate::error::{Part, StoreError};
use crate::guard::Position;
use host_types::statement::Slot;
use host_types::{Epoch, GenesisHash, View};
use segment::{Item, Segment};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Size of one file, bytes: about 40,000 votes.
pub const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;
/// More segments than this, and the live records of the oldest are carried to the end.
pub const SEGMENTS_MAX: usize = 4;

/// What a record says about its channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A statement that this node signed: write it before the statement leaves.
    Signed {
        /// Epoch of the slots.
        epoch: Epoch,
        /// Registers it wrote.
        slots: Vec<Slot>,
        /// The rule's bytes.
        body: Vec<u8>,
        /// The signature.
        signature: [u8; 64],
    },
    /// Something the rule wants back after a restart, such as an entry certificate.
    RuleRecord {
        /// Its epoch.
        epoch: Epoch,
        /// Its view.
        view: View,
        /// The rule's bytes.
        bytes: Vec<u8>,
    },
    /// Nothing at or below this place will ever be signed again.
    Floor {
        /// Epoch of the floor.
        epoch: Epoch,
        /// View of the floor.
        view: View,
    },
}

impl Entry {
    /// The highest place it is about: it is dead once the floor has reached it.
    #[must_use]
    pub fn position(&self) -> Position {
        match self {
            Self::Signed { epoch, slots, .. } => {
                (*epoch, slots.iter().map(|s| s.view).max().unwrap_or_default())
            }
            Self::RuleRecord { epoch, view, .. } | Self::Floor { epoch, view } => (*epoch, *view),
        }
    }
}

/// One record: an entry of one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The channel.
    pub channel: GenesisHash,
    /// What about it.
    pub entry: Entry,
}

/// What the log holds of one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelReplay {
    /// Its floor, if one was written.
    pub floor: Option<Position>,
    /// Signed statements and rule records above the floor, in the order they were written.
    pub entries: Vec<Entry>,
}

/// What the log held when it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// By channel.
    pub channels: BTreeMap<GenesisHash, ChannelReplay>,
    /// No log was there: with an old key this node must rejoin before it signs.
    pub is_new: bool,
    /// Bytes of a last batch that was torn by a crash, and never acknowledged.
    pub torn_bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct FloorMark {
    position: Position,
    segment: u64,
}

/// The log, open for writing.
#[derive(Debug)]
pub struct SignLog {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    segment_bytes: u64,
    segments: VecDeque<Segment>,
    next_sequence: u64,
    floors: BTreeMap<GenesisHash, FloorMark>,
    is_poisoned: bool,
}

impl SignLog {
    /// Opens the log of `dir`, making it when there is none.
    ///
    /// # Errors
    /// `Damaged` when anything but a last, unacknowledged batch is not as it was written.
    pub fn open(dir: &Path, durability: Durability) -> Result<(Self, Replay), StoreError> {
        Self::open_on(Arc::new(RealDisk(durability)), dir, SEGMENT_BYTES)
    }

    /// As [`SignLog::open`], on any disk and with any size of segments, bytes.
    ///
    /// # Errors
    /// As [`SignLog::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        dir: &Path,
        segment_bytes: u64,
    ) -> Result<(Self, Replay), StoreError> {
        let io = |action| StoreError::io(Part::SignLog, action, dir);
        disk.create_dir_all(dir).map_err(io("make"))?;
        let mut names = disk.list(dir).map_err(io("list"))?;
        names.retain(|name| segment::number_of(name).is_some());
        names.sort_unstable();
        let (mut segments, mut items, mut torn_bytes) = (VecDeque::new(), Vec::new(), 0);
        let mut next_sequence = None;
        for (i, name) in names.iter().enumerate() {
            let is_last = i + 1 == names.len();
            let path = dir.join(name);
            match Segment::load(disk.as_ref(), &path, next_sequence, is_last)? {
                Some((segment, scan)) => {
                    next_sequence = Some(scan.next_sequence);
                    torn_bytes += scan.torn_bytes;
                    items.extend(scan.items.into_iter().map(|item| (segment.number, item)));
                    segments.push_back(segment);
                }
                // A crash while the file was being made: nothing was ever in it.
                None => disk.remove(&path).map_err(io("remove a file of"))?,
            }
        }
        let mut log = Self {
            disk,
            dir: dir.to_owned(),
            segment_bytes,
            segments,
            next_sequence: next_sequence.unwrap_or(1),
            floors: BTreeMap::new(),
            is_poisoned: false,
        };
        let is_new = log.segments.is_empty();
        if is_new {
            log.rotate()?;
        }
        let replay = Replay { channels: log.take_in(items), is_new, torn_bytes };
        Ok((log, replay))
    }

    /// Sorts what was read by channel and drops what lies at or below the floors.
    fn take_in(&mut self, mut items: Vec<(u64, Item)>) -> BTreeMap<GenesisHash, ChannelReplay> {
        items.sort_by_key(|(_, item)| item.order);
        drop_repeated(&mut items);
        for (segment, item) in &items {
            self.note(*segment, &item.record);
        }
        let mut channels: BTreeMap<GenesisHash, ChannelReplay> = BTreeMap::new();
        for (_, Item { record, .. }) in items {
            let floor = self.floors.get(&record.channel).map(|mark| mark.position);
            let kept = channels.entry(record.channel).or_default();
            kept.floor = floor;
            let is_floor = matches!(record.entry, Entry::Floor { .. });
            if !is_floor && floor.is_none_or(|floor| record.entry.position() > floor) {
                kept.entries.push(record.entry);
            }
        }
        channels
    }

    fn note(&mut self, number: u64, record: &Record) {
        let position = record.entry.position();
        if matches!(record.entry, Entry::Floor { .. }) {
            let fresh = FloorMark { position, segment: number };
            let mark = self.floors.entry(record.channel).or_insert(fresh);
            if position >= mark.position {
                *mark = fresh;
            }
        } else if let Some(segment) = self.segments.iter_mut().find(|s| s.number == number) {
            let highest = segment.highest.entry(record.channel).or_insert(position);
            *highest = position.max(*highest);
        }
    }

    /// Writes records as one batch and syncs it. When it answers `Ok`, they are durable.
    ///
    /// # Errors
    /// `TooLarge` when they do not fit a segment (nothing was written); any other error poisons
    /// the log: nothing may be signed until the node is restarted.
    pub fn append_batch(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let order = self.next_sequence;
        let items: Vec<_> =
            records.iter().map(|record| Item { order, record: record.clone() }).collect();
        self.append(&items)?;
        if records.iter().any(|r| matches!(r.entry, Entry::Floor { .. })) {
            self.retire_passed()?;
        }
        Ok(())
    }

    /// Writes a channel's floor, syncs it, and deletes the segments that all channels have passed.
    ///
    /// # Errors
    /// As [`SignLog::append_batch`].
    pub fn floor(
        &mut self,
        channel: GenesisHash,
        epoch: Epoch,
        view: View,
    ) -> Result<(), StoreError> {
        self.append_batch(&[Record { channel, entry: Entry::Floor { epoch, view } }])
    }

    /// What it holds of one channel now, read from its files: for a channel that is taken up again by
    /// the process that signed in it before.
    ///
    /// # Errors
    /// `Damaged` when a file is not as it was written, `Io` when it cannot be read.
    pub fn replay_of(&self, channel: GenesisHash) -> Result<ChannelReplay, StoreError> {
        let mut items = Vec::new();
        for segment in &self.segments {
            let all = segment.read_items()?.into_iter();
            let of_channel = all.filter(|item| item.record.channel == channel);
            items.extend(of_channel.map(|item| (segment.number, item)));
        }
        items.sort_by_key(|(_, item)| item.order);
        drop_repeated(&mut items);
        let live = items.into_iter().filter(|(_, item)| self.is_live(item));
        let entries = live.map(|(_, item)| item.record.entry).collect();
        let floor = self.floors.get(&channel).map(|mark| mark.position);
        Ok(ChannelReplay { floor, entries })
    }

    /// True after an error: every call answers `Poisoned`.
    #[must_use]
    pub const fn is_poisoned(&self) -> bool {
        self.is_poisoned
    }

    fn append(&mut self, items: &[Item]) -> Result<(), StoreError> {
        if self.is_poisoned {
            return Err(StoreError::Poisoned { part: Part::SignLog, path: self.dir.clone() });
        }
        if items.is_empty() {
            return Ok(());
        }
        let frame = segment::encode_frame(items);
        let max = usize::try_from(self.segment_bytes).unwrap_or(usize::MAX) - segment::HEADER_BYTES;
        if frame.len() > max {
            return Err(StoreError::TooLarge { size: frame.len(), max });
        }
        let outcome = self.write(frame);
        self.is_poisoned |= outcome.is_err();
        let number = outcome?;
        for item in items {
            self.note(number, &item.record);
        }
        Ok(())
    }

    fn write(&mut self, frame: Vec<u8>) -> Result<u64, StoreError> {
        if self.segments.back().is_none_or(|active| !active.has_room(frame.len())) {
            self.rotate()?;
            self.carry_oldest()?;
            // What was carried may have left too little room.
            if self.segments.back().is_none_or(|active| !active.has_room(frame.len())) {
                self.rotate()?;
            }
        }
        let sequence = self.next_sequence;
        let Some(active) = self.segments.back_mut() else {
            return Err(StoreError::Poisoned { part: Part::SignLog, path: self.dir.clone() });
        };
        active.write(frame, sequence)?;
        self.next_sequence += 1;
        Ok(active.number)
    }

    fn rotate(&mut self) -> Result<(), StoreError> {
        let number = self.segments.back().map_or(1, |s| s.number + 1);
        let outcome = Segment::make(
            self.disk.as_ref(),
            &self.dir,
            (number, self.next_sequence),
            self.segment_bytes,
        );
        self.is_poisoned |= outcome.is_err();
        self.segments.push_back(outcome?);
        Ok(())
    }

    /// True when every channel's floor has reached all that this segment holds.
    fn is_passed(&self, segment: &Segment) -> bool {
        segment.highest.iter().all(|(channel, highest)| {
            self.floors.get(channel).is_some_and(|mark| mark.position >= *highest)
        })
    }

    fn retire_passed(&mut self) -> Result<(), StoreError> {
        while self.segments.len() > 1 && self.segments.front().is_some_and(|s| self.is_passed(s)) {
            self.retire_oldest(Vec::new())?;
        }
        Ok(())
    }

    /// Bounds the log when a quiet channel would pin it: carries the few live records on.
    fn carry_oldest(&mut self) -> Result<(), StoreError> {
        let Some(oldest) = self.segments.front().filter(|_| self.segments.len() > SEGMENTS_MAX)
        else {
            return Ok(());
        };
        let live: Vec<Item> =
            oldest.read_items()?.into_iter().filter(|i| self.is_live(i)).collect();
        let size = segment::encode_frame(&live).len() as u64;
        if size > self.segment_bytes / 2 {
            return Ok(());
        }
        self.retire_oldest(live)
    }

    fn is_live(&self, item: &Item) -> bool {
        let is_floor = matches!(item.record.entry, Entry::Floor { .. });
        let floor = self.floors.get(&item.record.channel).map(|mark| mark.position);
        !is_floor && floor.is_none_or(|floor| item.record.entry.position() > floor)
    }

    /// Writes again what only the oldest segment holds, then deletes it.
    fn retire_oldest(&mut self, mut carried: Vec<Item>) -> Result<(), StoreError> {
        let Some(number) = self.segments.front().map(|s| s.number) else { return Ok(()) };
        let order = self.next_sequence;
        let only_here = self.floors.iter().filter(|(_, mark)| mark.segment == number);
        carried.extend(only_here.map(|(channel, mark)| {
            let (epoch, view) = mark.position;
            let record = Record { channel: *channel, entry: Entry::Floor { epoch, view } };
            Item { order, record }
        }));
        self.append(&carried)?;
        let Some(oldest) = self.segments.pop_front() else { return Ok(()) };
        let outcome = self
            .disk
            .remove(&oldest.path)
            .and_then(|()| self.disk.sync_dir(&self.dir))
            .map_err(StoreError::io(Part::SignLog, "remove", &oldest.path));
        self.is_poisoned |= outcome.is_err();
        outcome
    }
}

/// A crash between carrying records on and deleting their old segment leaves them twice.
fn drop_repeated(sorted: &mut Vec<(u64, Item)>) {
    let mut of_one_order: Vec<Item> = Vec::new();
    sorted.retain(|(_, item)| {
        if of_one_order.first().is_some_and(|first| first.order != item.order) {
            of_one_order.clear();
        }
        let is_new = !of_one_order.contains(item);
        if is_new {
            of_one_order.push(item.clone());
        }
        is_new
    });
}
