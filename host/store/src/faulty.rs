//! A disk in memory that fails when told to and forgets what was not synced, for tests.
//!
//! In: the same calls as a real disk, the number of the operation that goes wrong, and how. Out:
//! errors, and after [`FaultyDisk::restart`] a disk as a power loss may leave it: any subset of the
//! 512-byte sectors and of the folder entries that were written and not synced.
//! Deliberately not here: read errors, and disks that lie about a sync.

use crate::disk::{Disk, DiskFile};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Sectors are written whole or not at all, bytes.
const SECTOR: usize = 512;

/// How an operation goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It answers an error and did nothing; later ones work again.
    Error,
    /// It did half of its work and answers an error; later ones work again.
    Torn,
    /// The power goes: it and all later ones answer an error.
    PowerLoss,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Size(usize),
}

#[derive(Clone, Debug, Default)]
struct Content {
    durable: Vec<u8>,
    current: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug, Default)]
struct State {
    files: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    operations: u64,
    fault: Option<(u64, Fault)>,
    has_power_loss: bool,
}

/// The disk. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct FaultyDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    index: usize,
}

/// The numbers of a seed; the same ones every time.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn is_heads(&mut self) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) & 1 == 1
    }
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Size(size) => content.resize(*size, 0),
        Change::Write { at, bytes } => {
            content.resize(content.len().max(at + bytes.len()), 0);
            content.splice(*at..at + bytes.len(), bytes.iter().copied());
        }
    }
}

/// The sectors of a write, each a write of its own.
fn sectors(change: &Change) -> Vec<Change> {
    let Change::Write { at, bytes } = change else { return vec![change.clone()] };
    let (mut parts, mut from) = (Vec::new(), 0);
    while from < bytes.len() {
        let until = (from + SECTOR - (at + from) % SECTOR).min(bytes.len());
        let part = bytes.get(from..until).unwrap_or_default().to_vec();
        parts.push(Change::Write { at: at + from, bytes: part });
        from = until;
    }
    parts
}

impl State {
    /// Counts an operation that changes something; says what goes wrong with it.
    fn step(&mut self) -> io::Result<Option<Fault>> {
        let operation = self.operations;
        self.operations += 1;
        if self.has_power_loss {
            return Err(io::Error::other("the power is off"));
        }
        let fault = self.fault.filter(|(at, _)| *at == operation).map(|(_, fault)| fault);
        self.has_power_loss |= fault == Some(Fault::PowerLoss);
        Ok(fault)
    }

    fn content(&mut self, index: usize) -> io::Result<&mut Content> {
        self.files.get_mut(index).ok_or_else(|| io::Error::other("no such file"))
    }
}

fn failed<T>() -> io::Result<T> {
    Err(io::Error::other("injected"))
}

impl FaultyDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the operation with this number (from 0, only those that change something) go wrong.
    pub fn fail_at(&self, operation: u64, fault: Fault) {
        self.state().fault = Some((operation, fault));
    }

    /// Operations so far that change something.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// The disk after a power loss: of what was not synced, the seed chooses what is there.
    #[must_use]
    pub fn restart(&self, seed: u64) -> Self {
        let state = self.state();
        let mut dice = Dice(seed);
        let mut names = state.durable_names.clone();
        for (path, index) in &state.names {
            if !names.contains_key(path) && dice.is_heads() {
                names.insert(path.clone(), *index);
            }
        }
        names.retain(|path, _| state.names.contains_key(path) || dice.is_heads());
        let mut files = Vec::new();
        for content in &state.files {
            let mut left = content.durable.clone();
            for change in content.unsynced.iter().flat_map(sectors) {
                if dice.is_heads() {
                    apply(&mut left, &change);
                }
            }
            files.push(Content { durable: left.clone(), current: left, unsynced: Vec::new() });
        }
        let durable_names = names.clone();
        Self(Arc::new(Mutex::new(State { files, names, durable_names, ..State::default() })))
    }

    /// Changes bytes behind everybody's back, durably.
    ///
    /// # Errors
    /// `NotFound` when there is no such file.
    pub fn corrupt(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut state = self.state();
        let index = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        let content = state.content(index)?;
        change(&mut content.current);
        content.durable.clone_from(&content.current);
        content.unsynced.clear();
        Ok(())
    }
}

impl Disk for FaultyDisk {
    fn create_dir_all(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        let inside = state.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside
            .filter_map(|path| path.file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect())
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let index = *self.state().names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(FaultyFile { disk: self.clone(), index }))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        let fault = state.step()?;
        let index = state.files.len();
        if fault != Some(Fault::Error) {
            state.files.push(Content::default());
            state.names.insert(path.to_owned(), index);
        }
        if fault.is_some() {
            return failed();
        }
        Ok(Arc::new(FaultyFile { disk: self.clone(), index }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.step()?;
        if fault != Some(Fault::Error) && state.names.remove(path).is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        if fault.is_some() { failed() } else { Ok(()) }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        if state.step()?.is_some() {
            return failed();
        }
        let State { names, durable_names, .. } = &mut *state;
        durable_names.retain(|path, _| path.parent() != Some(dir));
        let inside = names.iter().filter(|(path, _)| path.parent() == Some(dir));
        durable_names.extend(inside.map(|(path, index)| (path.clone(), *index)));
        Ok(())
    }
}

impl DiskFile for FaultyFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.state().content(self.index)?.current.len() as u64)
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let content = state.content(self.index)?;
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = content.current.get(at..).and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let fault = state.step()?;
        let written = match fault {
            Some(Fault::Error) => return failed(),
            Some(Fault::Torn) => bytes.get(..bytes.len() / 2).unwrap_or_default(),
            Some(Fault::PowerLoss) | None => bytes,
        };
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let change = Change::Write { at, bytes: written.to_vec() };
        let content = state.content(self.index)?;
        apply(&mut content.current, &change);
        content.unsynced.push(change);
        if fault.is_some() { failed() } else { Ok(()) }
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.step()?.is_some() {
            return failed();
        }
        let change = Change::Size(usize::try_from(size).unwrap_or(usize::MAX));
        let content = state.content(self.index)?;
        apply(&mut content.current, &change);
        content.unsynced.push(change);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.step()?.is_some() {
            return failed();
        }
        let content = state.content(self.index)?;
        content.unsynced.clear();
        content.durable = content.current.clone();
        Ok(())
    }
}
