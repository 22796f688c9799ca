//! What survives a restart in one small file, replaced as a whole.
//!
//! In and out: bytes. A reader finds the old ones or the new ones, never a mixture, also after a
//! power cut. Deliberately not here: what the bytes say and when they are written (`radiostation`,
//! `channel::evidence`).

use host_types::{Code, Rejection};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file in a data folder.
#[derive(Clone, Debug)]
pub struct WholeFile {
    folder: PathBuf,
    name: &'static str,
}

fn failed(path: &Path, error: &io::Error) -> Rejection {
    Rejection::new(Code::StoreFailed, format!("{}: {error}", path.display()))
}

impl WholeFile {
    /// The file of this name in this folder, which is made when it is missing.
    ///
    /// # Errors
    /// `LC5205` when the folder cannot be made.
    pub fn open(folder: &Path, name: &'static str) -> Result<Self, Rejection> {
        fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
        Ok(Self { folder: folder.to_owned(), name })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join(self.name)
    }

    /// What was kept last; none before the first time.
    ///
    /// # Errors
    /// `LC5205` when it is there and cannot be read.
    pub fn load(&self) -> Result<Option<Vec<u8>>, Rejection> {
        match fs::read(self.path()) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&self.path(), &error)),
        }
    }

    /// Replaces it; durable when this returns.
    ///
    /// # Errors
    /// `LC5205` with what the system said; the old bytes are still there.
    pub fn save(&self, bytes: &[u8]) -> Result<(), Rejection> {
        let part = self.folder.join(format!("{}.part", self.name));
        let write = || {
            let mut file = File::create(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&part, self.path())?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|error| failed(&self.path(), &error))
    }
}

#[cfg(test)]
mod tests {
    use super::WholeFile;
    use host_types::Code;

    const NAME: &str = "kept";
    const PART: &str = "kept.part";

    #[test]
    fn what_was_kept_last_is_found_and_a_torn_write_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = WholeFile::open(&folder.path().join("data"), NAME).unwrap();
        assert_eq!(file.load().unwrap(), None);
        file.save(b"one").unwrap();
        file.save(b"two").unwrap();
        // A write that a power cut ended.
        std::fs::write(folder.path().join("data").join(PART), b"thr").unwrap();
        let again = WholeFile::open(&folder.path().join("data"), NAME).unwrap();
        assert_eq!(again.load().unwrap().as_deref(), Some(b"two".as_slice()));
        again.save(b"three").unwrap();
        assert_eq!(again.load().unwrap().as_deref(), Some(b"three".as_slice()));
    }

    #[test]
    fn a_failed_write_is_told_and_keeps_the_old_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let file = WholeFile::open(folder.path(), NAME).unwrap();
        file.save(b"one").unwrap();
        std::fs::create_dir(folder.path().join(PART)).unwrap();
        assert_eq!(file.save(b"two").unwrap_err().code, Code::StoreFailed);
        assert_eq!(file.load().unwrap().as_deref(), Some(b"one".as_slice()));
    }
}
