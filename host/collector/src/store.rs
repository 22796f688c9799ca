//! The kept lines: files of JSON lines, each headed by the hash of the whole file before it.
//!
//! ```text
//! 000000000001.ndjson   {"schema":"loopchain.log-segment.v1","number":1,"previous":null,"last":{…}}
//!                       {"time_us":…,"level":"info","source":"bank-a/peer0","run":"…","seq":0,…}
//! 000000000002.ndjson   {…,"number":2,"previous":"SHA-256 of all bytes of 1",…}
//! ```
//! In: records. Out: files; what [`Store::append`] returned for is on the disk. `last` tells which
//! number of which run each node had reached where the file begins, so the newest file is enough to
//! know what was kept already. A file that is full is followed by another one; the oldest go when
//! all are too large or too old. Not here: reading ([`crate::read`]), checking ([`crate::chain`]).

use crate::limits::{KEEP_BYTES, KEEP_TIME, SEGMENT_BYTES, SOURCES_MAX};
use crate::moment;
use crate::record::Record;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Names this form.
pub const SCHEMA: &str = "loopchain.log-segment.v1";
const ENDING: &str = ".ndjson";

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreBounds {
    /// A file is followed by another one from this size on, bytes.
    pub segment_bytes: u64,
    /// All files, bytes. More: the oldest goes; the newest never does.
    pub keep_bytes: u64,
    /// Since the last line of a file. Longer: it goes.
    pub keep_time: Duration,
}

impl Default for StoreBounds {
    fn default() -> Self {
        Self { segment_bytes: SEGMENT_BYTES, keep_bytes: KEEP_BYTES, keep_time: KEEP_TIME }
    }
}

/// How far a node was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// Which start of it.
    pub run: String,
    /// Its number.
    pub seq: u64,
}

/// First line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Names the form.
    pub schema: String,
    /// As in the file's name.
    pub number: u64,
    /// SHA-256 of all bytes of the file before; none for the first one.
    pub previous: Option<String>,
    /// When it was begun, microseconds since 1970.
    pub begun_us: u64,
    /// How far each node was kept where it begins.
    pub last: BTreeMap<String, Last>,
}

/// The kept lines, open for more.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    bounds: StoreBounds,
    number: u64,
    file: File,
    bytes: u64,
    digest: Sha256,
    is_torn: bool,
    last: BTreeMap<String, Last>,
    /// Held as long as the store is open: two collectors would write into one file.
    _lock: File,
}

fn hex(digest: Sha256) -> String {
    let digest: [u8; 32] = digest.finalize().into();
    host_types::hash::to_hex(&digest)
}

/// SHA-256 of bytes, hex.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> String {
    hex(Sha256::new_with_prefix(bytes))
}

/// The file of a number.
#[must_use]
pub fn file_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:012}{ENDING}"))
}

/// Numbers of the files of a folder, ascending.
///
/// # Errors
/// The disk.
pub fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(ENDING));
        numbers.extend(digits.filter(|text| text.len() == 12).and_then(|d| d.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn damaged(path: &Path, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()))
}

impl Store {
    /// Opens the store of a folder, or begins one. The end of a line that was cut by a crash is
    /// taken away: nobody was told that it is kept.
    ///
    /// # Errors
    /// The disk, a newest file that is none of ours, or another process that has the store open.
    pub fn open(folder: &Path, bounds: StoreBounds) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.try_lock().map_err(|_| damaged(folder, "another collector writes here"))?;
        let numbers = numbers(folder)?;
        let Some(newest) = numbers.last().copied() else {
            return Self::begin(folder, bounds, lock, 1, None, BTreeMap::new());
        };
        let path = file_of(folder, newest);
        let mut bytes = std::fs::read(&path)?;
        bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1));
        if bytes.is_empty() {
            // It was cut before its first line was whole; the one before is the newest.
            std::fs::remove_file(&path)?;
            drop(lock);
            return Self::open(folder, bounds);
        }
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let head: Head = serde_json::from_slice(lines.next().unwrap_or_default())
            .map_err(|_| damaged(&path, "its first line is not that of a log segment"))?;
        let mut last = head.last;
        for line in lines {
            if let Ok(Record { source, run: Some(run), seq: Some(seq), .. }) =
                serde_json::from_slice(line)
            {
                last.insert(source, Last { run, seq });
            }
        }
        let file = File::options().append(true).open(&path)?;
        file.set_len(bytes.len() as u64)?;
        Ok(Self {
            folder: folder.to_owned(),
            bounds,
            number: newest,
            file,
            bytes: bytes.len() as u64,
            digest: Sha256::new_with_prefix(&bytes),
            is_torn: false,
            last,
            _lock: lock,
        })
    }

    fn begin(
        folder: &Path,
        bounds: StoreBounds,
        lock: File,
        number: u64,
        previous: Option<String>,
        last: BTreeMap<String, Last>,
    ) -> io::Result<Self> {
        let (file, head) = begun(folder, number, previous, &last)?;
        Ok(Self {
            folder: folder.to_owned(),
            bounds,
            number,
            file,
            bytes: head.len() as u64,
            digest: Sha256::new_with_prefix(&head),
            is_torn: false,
            last,
            _lock: lock,
        })
    }

    /// How far a run of a node is kept.
    #[must_use]
    pub fn last_of(&self, source: &str, run: &str) -> Option<u64> {
        self.last.get(source).filter(|last| last.run == run).map(|last| last.seq)
    }

    /// Keeps records: when this returns they are on the disk.
    ///
    /// # Errors
    /// The disk; then none of them counts as kept.
    pub fn append(&mut self, records: &[Record]) -> io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        if self.is_torn {
            self.file.set_len(self.bytes)?;
            self.is_torn = false;
        }
        if self.bytes >= self.bounds.segment_bytes {
            self.rotate()?;
        }
        let mut text = Vec::new();
        for record in records {
            serde_json::to_writer(&mut text, record)?;
            text.push(b'\n');
        }
        self.is_torn = true;
        self.file.write_all(&text)?;
        self.file.sync_data()?;
        self.is_torn = false;
        self.digest.update(&text);
        self.bytes += text.len() as u64;
        for record in records {
            if let (Some(run), Some(seq)) = (&record.run, record.seq) {
                self.last.insert(record.source.clone(), Last { run: run.clone(), seq });
            }
        }
        while self.last.len() > SOURCES_MAX {
            self.last.pop_first();
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let previous = hex(self.digest.clone());
        let (file, head) = begun(&self.folder, self.number + 1, Some(previous), &self.last)?;
        self.number += 1;
        self.file = file;
        self.bytes = head.len() as u64;
        self.digest = Sha256::new_with_prefix(&head);
        self.retire(SystemTime::now())
    }

    /// Removes files that are too many or too old; the newest stays.
    ///
    /// # Errors
    /// The disk.
    pub fn retire(&self, now: SystemTime) -> io::Result<()> {
        let mut kept = Vec::new();
        for number in numbers(&self.folder)?.into_iter().filter(|number| *number < self.number) {
            let path = file_of(&self.folder, number);
            let about = path.metadata()?;
            let age = now.duration_since(about.modified()?).unwrap_or_default();
            kept.push((path, about.len(), age));
        }
        let mut all = self.bytes + kept.iter().map(|(_, bytes, _)| bytes).sum::<u64>();
        for (path, bytes, age) in kept {
            if all <= self.bounds.keep_bytes && age <= self.bounds.keep_time {
                break;
            }
            std::fs::remove_file(&path)?;
            tracing::info!(event = "collector.retired", "{} was removed", path.display());
            all -= bytes;
        }
        Ok(())
    }
}

/// A new file with its first line, on the disk.
fn begun(
    folder: &Path,
    number: u64,
    previous: Option<String>,
    last: &BTreeMap<String, Last>,
) -> io::Result<(File, Vec<u8>)> {
    let begun_us = moment::now_us();
    let head = Head { schema: SCHEMA.to_owned(), number, previous, begun_us, last: last.clone() };
    let mut head = serde_json::to_vec(&head)?;
    head.push(b'\n');
    let path = file_of(folder, number);
    let mut file = File::options().create_new(true).append(true).open(&path)?;
    let written = file.write_all(&head).and_then(|()| file.sync_data());
    if let Err(error) = written {
        // Half a head must not be what the next start finds.
        std::fs::remove_file(&path).ok();
        return Err(error);
    }
    File::open(folder)?.sync_data()?;
    Ok((file, head))
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
