//! The files of a trail: `CHANNEL/trail/00000001.trail`, each a row of frames.
//!
//! ```text
//! frame = length u32 | record with its signature
//! ```
//! In: the folder of a channel, bytes of a record. Out: records in order; bytes that are on disk. What a
//! crash left half written at the very end was never answered and is cut off. Deliberately not here: what
//! records say.

use super::{SEGMENT_BYTES_MAX, TRAIL_BYTES_MAX};
use host_types::limits::TRAIL_RECORD_BYTES_MAX;
use host_types::trail::SignedRecord;
use host_types::{Code, Decode, Rejection};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Name of the folder beside a channel's store.
pub const TRAIL_FOLDER: &str = "trail";
const ENDING: &str = "trail";
const HEAD_BYTES: usize = 4;

/// Where the next record goes.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    file: Option<File>,
    segment: u64,
    segment_bytes: u64,
    all_bytes: u64,
}

fn failed(path: &Path, why: impl std::fmt::Display) -> Rejection {
    Rejection::new(Code::TrailFailed, format!("{}: {why}", path.display()))
}

fn path_of(folder: &Path, segment: u64) -> PathBuf {
    folder.join(format!("{segment:08}.{ENDING}"))
}

/// Numbers of the segments that are there, in order.
fn segments(folder: &Path) -> io::Result<Vec<u64>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let is_ours = path.extension().is_some_and(|ending| ending == ENDING);
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        found.extend(number.filter(|_| is_ours));
    }
    found.sort_unstable();
    Ok(found)
}

/// The records of a segment, and the bytes they fill; what is behind that is no record.
fn records(bytes: &[u8]) -> (Vec<SignedRecord>, usize) {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some((head, rest)) = bytes.get(at..).and_then(<[u8]>::split_first_chunk::<HEAD_BYTES>)
    {
        let length = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
        let body = rest.get(..length).filter(|_| (1..=TRAIL_RECORD_BYTES_MAX).contains(&length));
        let Some(record) = body.and_then(|body| SignedRecord::from_bytes(body).ok()) else { break };
        found.push(record);
        at += HEAD_BYTES + length;
    }
    (found, at)
}

/// Whether the end of a file is what a crash in the middle of an append leaves: less than one frame, or
/// room that was never filled.
fn is_torn(rest: &[u8]) -> bool {
    if rest.iter().all(|byte| *byte == 0) {
        return true;
    }
    let Some((head, body)) = rest.split_first_chunk::<HEAD_BYTES>() else { return true };
    let length = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
    (1..=TRAIL_RECORD_BYTES_MAX).contains(&length) && body.len() < length
}

/// All records of a trail, in order, up to the first place that cannot be read; that place in words.
///
/// # Errors
/// `LC5207` when a file cannot be opened.
pub fn read_all(channel: &Path) -> Result<(Vec<SignedRecord>, Option<String>), Rejection> {
    let folder = channel.join(TRAIL_FOLDER);
    let found = segments(&folder).map_err(|error| failed(&folder, error))?;
    let (mut all, last) = (Vec::new(), found.last().copied());
    for segment in found {
        let path = path_of(&folder, segment);
        let bytes = fs::read(&path).map_err(|error| failed(&path, error))?;
        let (records, end) = records(&bytes);
        all.extend(records);
        let rest = bytes.get(end..).unwrap_or_default();
        let is_whole = rest.is_empty() || (Some(segment) == last && is_torn(rest));
        if !is_whole {
            let place = format!("{}: no record at byte {end}", path.display());
            return Ok((all, Some(place)));
        }
    }
    Ok((all, None))
}

impl Files {
    /// The end of the trail of a channel, and its last record.
    pub(super) fn open(channel: &Path) -> Result<(Self, Option<SignedRecord>), Rejection> {
        let folder = channel.join(TRAIL_FOLDER);
        let found = segments(&folder).map_err(|error| failed(&folder, error))?;
        let mut files =
            Self { file: None, segment: 0, segment_bytes: 0, all_bytes: 0, folder: folder.clone() };
        for segment in &found {
            let path = path_of(&folder, *segment);
            files.all_bytes += fs::metadata(&path).map_err(|error| failed(&path, error))?.len();
        }
        // The last segment may have been made and never written to.
        for segment in found.into_iter().rev() {
            let path = path_of(&folder, segment);
            let bytes = fs::read(&path).map_err(|error| failed(&path, error))?;
            let (records, end) = records(&bytes);
            let rest = bytes.get(end..).unwrap_or_default();
            if files.file.is_none() {
                if !is_torn(rest) {
                    return Err(failed(&path, format!("no record at byte {end}")));
                }
                let cut = || {
                    let file = OpenOptions::new().append(true).open(&path)?;
                    file.set_len(end as u64)?;
                    file.sync_all()?;
                    Ok(file)
                };
                files.file = Some(cut().map_err(|error: io::Error| failed(&path, error))?);
                (files.segment, files.segment_bytes) = (segment, end as u64);
                files.all_bytes -= rest.len() as u64;
            } else if !rest.is_empty() {
                return Err(failed(&path, format!("no record at byte {end}")));
            }
            if let Some(last) = records.into_iter().next_back() {
                return Ok((files, Some(last)));
            }
        }
        Ok((files, None))
    }

    /// Adds a frame; it is on disk when this returns.
    pub(super) fn append(&mut self, record: &[u8]) -> io::Result<()> {
        let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
        let frame = [length.to_be_bytes().as_slice(), record].concat();
        let size = frame.len() as u64;
        if record.len() > TRAIL_RECORD_BYTES_MAX {
            return Err(io::Error::other(format!("a record of {} bytes", record.len())));
        }
        if self.all_bytes + size > TRAIL_BYTES_MAX {
            return Err(io::Error::other(format!("it has reached {TRAIL_BYTES_MAX} bytes")));
        }
        if self.file.is_none() || self.segment_bytes + size > SEGMENT_BYTES_MAX {
            self.begin()?;
        }
        let Some(file) = &mut self.file else { return Err(io::Error::other("no segment")) };
        file.write_all(&frame)?;
        file.sync_data()?;
        self.segment_bytes += size;
        self.all_bytes += size;
        Ok(())
    }

    fn begin(&mut self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let path = path_of(&self.folder, self.segment + 1);
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        file.sync_all()?;
        File::open(&self.folder)?.sync_all()?;
        if let Some(channel) = self.folder.parent() {
            File::open(channel)?.sync_all()?;
        }
        self.file = Some(file);
        self.segment += 1;
        self.segment_bytes = 0;
        Ok(())
    }
}
