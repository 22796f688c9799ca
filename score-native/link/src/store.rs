//! SCORE files by content: `<sha256>.so`, read-only, written once.
//!
//! In: bytes. Out: their SHA-256, and the bytes again, checked against it. Bytes are synced under
//! another name before they get their own, so a power cut leaves the whole file or none. It does
//! not look inside the file; that is [`crate::elf`].

use crate::limits::SCORE_BYTES_MAX;
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Files that this process has staged.
static STAGED: AtomicU64 = AtomicU64::new(0);

/// SHA-256 of a SCORE file.
pub type ArtefactId = [u8; 32];

/// The store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The file is not what its name says: the disk or someone changed it.
    #[error("{path}: its SHA-256 is {found}; remove the file, peers give it again")]
    Changed {
        /// Which file.
        path: PathBuf,
        /// SHA-256 of what is there.
        found: String,
    },
    /// The file is longer than a SCORE may be.
    #[error("{bytes} bytes, a SCORE has at most {SCORE_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: u64,
    },
}

/// A folder of SCORE files.
#[derive(Debug, Clone)]
pub struct ArtefactStore {
    dir: PathBuf,
}

impl ArtefactStore {
    /// Opens the folder, and makes it when it is not there.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let dir = dir.into();
        fs::create_dir_all(&dir).map_err(|source| io_error(&dir, source))?;
        Ok(Self { dir })
    }

    /// Keeps the bytes and answers their SHA-256; bytes that are there already are left alone.
    ///
    /// # Errors
    /// When they are too many or cannot be made durable.
    pub fn put(&self, bytes: &[u8]) -> Result<ArtefactId, StoreError> {
        if bytes.len() > SCORE_BYTES_MAX {
            return Err(StoreError::TooLong { bytes: bytes.len() as u64 });
        }
        let id: ArtefactId = Sha256::digest(bytes).into();
        if !matches!(self.get(id), Ok(Some(_))) {
            // Its own name for each writer: a drop and a peer's answer may bring the same file at once.
            let (process, number) = (std::process::id(), STAGED.fetch_add(1, Ordering::Relaxed));
            let staged = self.dir.join(format!(".{}.{process}.{number}.tmp", hex(&id)));
            let done = self.stage(&staged, bytes).and_then(|()| fs::rename(&staged, self.path(id)));
            if let Err(source) = done {
                drop(fs::remove_file(&staged));
                return Err(io_error(&staged, source));
            }
            let folder = File::open(&self.dir).and_then(|folder| folder.sync_all());
            folder.map_err(|source| io_error(&self.dir, source))?;
        }
        Ok(id)
    }

    fn stage(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o444).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    /// The bytes with this SHA-256, if they are kept here.
    ///
    /// # Errors
    /// When the file cannot be read or is not what its name says.
    pub fn get(&self, id: ArtefactId) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(id);
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(&path);
        let file = match file {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io_error(&path, source)),
        };
        let mut bytes = Vec::new();
        let read = file.take(SCORE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|source| io_error(&path, source))?;
        let found: ArtefactId = Sha256::digest(&bytes).into();
        if found == id {
            Ok(Some(bytes))
        } else {
            Err(StoreError::Changed { path, found: hex(&found) })
        }
    }

    /// What is kept here, ascending; files of other names are passed over.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<ArtefactId>, StoreError> {
        let entries = fs::read_dir(&self.dir).map_err(|source| io_error(&self.dir, source))?;
        let mut ids = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| io_error(&self.dir, source))?;
            ids.extend(entry.file_name().to_str().and_then(id_of_name));
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// Where the bytes with this SHA-256 are, or would be.
    #[must_use]
    pub fn path(&self, id: ArtefactId) -> PathBuf {
        self.dir.join(format!("{}.so", hex(&id)))
    }
}

fn io_error(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { path: path.to_path_buf(), source }
}

/// Lower-case hexadecimal, as in file names and messages.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('?');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn id_of_name(name: &str) -> Option<ArtefactId> {
    let digits = name.strip_suffix(".so")?.as_bytes();
    let mut id = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in id.iter_mut().zip(digits.chunks(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(id)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{ArtefactStore, StoreError, hex};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn store() -> (tempfile::TempDir, ArtefactStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = ArtefactStore::open(dir.path().join("store")).unwrap();
        (dir, store)
    }

    #[test]
    fn what_is_put_is_given_back_under_its_hash() {
        let (_dir, store) = store();
        let id = store.put(b"abc").unwrap();
        assert_eq!(hex(&id), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(store.get(id).unwrap().unwrap(), b"abc");
        assert_eq!(store.put(b"abc").unwrap(), id);
        assert_eq!(store.list().unwrap(), [id]);
        let mode = fs::metadata(store.path(id)).unwrap().permissions().mode();
        assert_eq!(mode & 0o222, 0, "nobody may write it");
    }

    #[test]
    fn the_same_bytes_may_be_put_by_several_at_once() {
        let (_dir, store) = store();
        let bytes = vec![7; 100_000];
        for round in 0u8..20 {
            let bytes = [&bytes[..], &[round]].concat();
            let together = std::sync::Barrier::new(4);
            let put = || {
                together.wait();
                store.put(&bytes).map_err(|error| error.to_string())
            };
            let answers: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(put)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");
            let left = fs::read_dir(&store.dir).unwrap().count();
            assert_eq!(left, store.list().unwrap().len(), "nothing half written is left");
        }
    }

    #[test]
    fn an_unknown_hash_is_not_there() {
        let (_dir, store) = store();
        assert!(store.get([7; 32]).unwrap().is_none());
    }

    #[test]
    fn a_changed_file_is_noticed_and_put_again() {
        let (_dir, store) = store();
        let id = store.put(b"abc").unwrap();
        fs::remove_file(store.path(id)).unwrap();
        fs::write(store.path(id), b"abd").unwrap();
        assert!(matches!(store.get(id), Err(StoreError::Changed { .. })));
        store.put(b"abc").unwrap();
        assert_eq!(store.get(id).unwrap().unwrap(), b"abc");
    }

    #[test]
    fn other_files_in_the_folder_are_passed_over() {
        let (_dir, store) = store();
        fs::write(store.path([0; 32]).with_file_name("README"), b"x").unwrap();
        fs::write(store.path([0; 32]).with_file_name("zz.so"), b"x").unwrap();
        assert!(store.list().unwrap().is_empty());
    }
}
