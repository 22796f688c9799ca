//! A copy of a channel's files beside a peer that may be writing them.
//!
//! In: the channel's folder, a folder for the copy. Out: the database copied file by file, and the
//! block files as links that are only read. First every file is opened, which takes milliseconds;
//! when the list of files is the same after it, they are the database of that moment and stay so,
//! whatever the peer removes while they are copied: tables never change, and what a journal gets
//! later is a later moment of all keyspaces alike. Deliberately not here: whether the content is
//! right; that its root tells.

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

/// What a running peer holds locked.
const LOCK: &str = "lock";

/// Hears bytes copied so far and in all; false stops the copy.
pub type Told<'a> = &'a mut dyn FnMut(u64, u64) -> bool;

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
    /// Number of the peer's last block file.
    pub(super) last_segment: u32,
}

/// Copies; `None` when the peer changed the list of files in the moment of opening them.
pub(super) fn copy(from: &Path, to: &Path, told: Told<'_>) -> Result<Option<Copied>, StoreError> {
    let database = from.join(DATABASE_DIR);
    let Some((list, opened)) = open_all(&database)? else { return Ok(None) };
    clear(to).map_err(failed("clear", to))?;
    let copied = to.join(DATABASE_DIR);
    for folder in list.folders.iter().map(|folder| copied.join(folder)) {
        fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
    }
    // Its own, which nobody holds: the database expects one.
    let lock = copied.join(LOCK);
    File::create(&lock).map_err(failed("make", &lock))?;
    let report = copy_files(&copied, opened, told)?;
    let last_segment = link_segments(&from.join(SEGMENTS_DIR), &to.join(SEGMENTS_DIR))?;
    Ok(Some(Copied { report, last_segment }))
}

/// Files of one moment, relative to the database's folder.
type Opened = Vec<(PathBuf, File)>;

fn open_all(database: &Path) -> Result<Option<(List, Opened)>, StoreError> {
    let (before, mut opened) = match List::of(database) {
        Ok(list) => (list, Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && database.is_dir() => {
            return Ok(None);
        }
        Err(error) => return Err(failed("list", database)(error)),
    };
    for path in &before.files {
        let place = database.join(path);
        match File::open(&place) {
            Ok(file) => opened.push((path.clone(), file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open", &place)(error)),
        }
    }
    let is_same = List::of(database).is_ok_and(|after| after == before);
    Ok(is_same.then_some((before, opened)))
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

fn copy_files(to: &Path, opened: Opened, told: Told<'_>) -> Result<CopyReport, StoreError> {
    let size = |(_, file): &(PathBuf, File)| file.metadata().map_or(0, |facts| facts.len());
    let total: u64 = opened.iter().map(size).sum();
    let mut report = CopyReport::default();
    for (path, mut source) in opened {
        let target = to.join(&path);
        let copied = File::create(&target).and_then(|mut file| io::copy(&mut source, &mut file));
        report.bytes += copied.map_err(failed("copy to", &target))?;
        report.files += 1;
        if !told(report.bytes, total.max(report.bytes)) {
            let stopped = io::Error::from(io::ErrorKind::Interrupted);
            return Err(failed("go on copying", &target)(stopped));
        }
    }
    Ok(report)
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
