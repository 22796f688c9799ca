//! A copy of a channel's files beside a peer that may be writing them.
//!
//! In: the channel's folder, a folder for the copy. Out: the database copied file by file, the
//! block files as links that are only read, and whether the list of the database's files stayed the
//! same meanwhile. Tables never change once they are written, and the journal, which grows, comes
//! last: so while the list stays the same, the copy is the database as it was when its journal was
//! read. Deliberately not here: whether the content is right; that its root tells.

use crate::database::opening::{DATABASE_DIR, SEGMENTS_DIR};
use crate::disk::{Disk, DiskFile, Durability, RealDisk};
use crate::error::{Part, StoreError};
use crate::segments::number_of;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Ending of a journal of the database.
const JOURNAL: &str = "jnl";
/// What a running peer holds locked.
const LOCK: &str = "lock";

/// What a copy cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyReport {
    /// Files that were copied.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

pub(super) struct Copied {
    pub(super) report: CopyReport,
    /// The list of files was the same before and after.
    pub(super) is_steady: bool,
    /// Number of the peer's last block file.
    pub(super) last_segment: u32,
}

/// Copies; `None` when a file vanished on the way.
pub(super) fn copy(
    from: &Path,
    to: &Path,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Option<Copied>, StoreError> {
    clear(to).map_err(failed("clear", to))?;
    let (database, copied) = (from.join(DATABASE_DIR), to.join(DATABASE_DIR));
    let before = List::of(&database).map_err(failed("list", &database))?;
    for folder in before.folders.iter().map(|folder| copied.join(folder)) {
        fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
    }
    // Its own, which nobody holds; the database does not make one of its own here.
    let lock = copied.join(LOCK);
    File::create(&lock).map_err(failed("make", &lock))?;
    let Some(report) = copy_files(&database, &copied, &before.files, told)? else {
        return Ok(None);
    };
    let after = List::of(&database).map_err(failed("list", &database))?;
    let last_segment = link_segments(&from.join(SEGMENTS_DIR), &to.join(SEGMENTS_DIR))?;
    Ok(Some(Copied { report, is_steady: before == after, last_segment }))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    StoreError::io(Part::Channel, action, path)
}

fn clear(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::create_dir_all(dir)
}

/// Everything below a folder but the lock, relative to it.
#[derive(Debug, Default, PartialEq, Eq)]
struct List {
    folders: BTreeSet<PathBuf>,
    files: BTreeSet<PathBuf>,
}

impl List {
    fn of(dir: &Path) -> io::Result<Self> {
        let (mut list, mut waiting) = (Self::default(), vec![PathBuf::new()]);
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(dir.join(&folder))? {
                let entry = entry?;
                let path = folder.join(entry.file_name());
                if entry.file_type()?.is_dir() {
                    waiting.push(path);
                } else if path.as_os_str() != LOCK {
                    list.files.insert(path);
                }
            }
            list.folders.insert(folder);
        }
        Ok(list)
    }
}

fn copy_files(
    from: &Path,
    to: &Path,
    list: &BTreeSet<PathBuf>,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Option<CopyReport>, StoreError> {
    let is_journal = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == JOURNAL);
    let (journals, tables): (Vec<_>, Vec<_>) = list.iter().partition(is_journal);
    let size = |path: &PathBuf| fs::metadata(from.join(path)).map_or(0, |file| file.len());
    let total: u64 = list.iter().map(size).sum();
    let mut report = CopyReport::default();
    for path in tables.into_iter().chain(journals) {
        let (source, target) = (from.join(path), to.join(path));
        match fs::copy(&source, &target) {
            Ok(bytes) => report.bytes += bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !source.exists() => {
                return Ok(None);
            }
            Err(error) => return Err(failed("copy", &source)(error)),
        }
        report.files += 1;
        told(report.bytes, total.max(report.bytes));
    }
    Ok(Some(report))
}

fn link_segments(from: &Path, to: &Path) -> Result<u32, StoreError> {
    fs::create_dir_all(to).map_err(failed("make", to))?;
    let from = fs::canonicalize(from).map_err(failed("find", from))?;
    let mut last = 0;
    for entry in fs::read_dir(&from).map_err(failed("list", &from))? {
        let name = entry.map_err(failed("list", &from))?.file_name();
        let Some(number) = name.to_str().and_then(number_of) else { continue };
        let link = to.join(&name);
        std::os::unix::fs::symlink(from.join(&name), &link).map_err(failed("make", &link))?;
        last = last.max(number);
    }
    Ok(last)
}

/// The files of a copy: what is linked belongs to the peer and is opened for reading only.
#[derive(Clone, Copy, Debug)]
pub(super) struct CopyDisk;

const OWN: RealDisk = RealDisk(Durability::Os);

impl Disk for CopyDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        OWN.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        OWN.list(dir)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        if fs::symlink_metadata(path)?.is_symlink() {
            return Ok(Arc::new(PeersFile(File::open(path)?)));
        }
        OWN.open(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
            return Err(refused());
        }
        OWN.create(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        OWN.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        OWN.sync_dir(dir)
    }
}

fn refused() -> io::Error {
    io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "it is a file of the peer")
}

/// A file of the peer.
#[derive(Debug)]
struct PeersFile(File);

impl DiskFile for PeersFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(refused())
    }

    fn set_size(&self, _: u64) -> io::Result<()> {
        Err(refused())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
