//! The few file operations that the sign log, the segments and the tip marker need, as traits, so
//! that tests can put a disk behind them that fails, tears and forgets.
//!
//! In: paths, offsets, bytes. Out: the operating system's answers. Reads and writes are complete
//! or an error; there is no cursor, no buffering and no retry. The database does its own I/O.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// A place with folders and files.
pub trait Disk: Debug + Send + Sync {
    /// Makes a folder and those above it.
    ///
    /// # Errors
    /// As the operating system says.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Names of the files in a folder, unsorted.
    ///
    /// # Errors
    /// As the operating system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Opens a file that exists.
    ///
    /// # Errors
    /// `NotFound` when it does not; else as the operating system says.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Makes an empty file, also in place of one that exists.
    ///
    /// # Errors
    /// As the operating system says.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Removes a file.
    ///
    /// # Errors
    /// As the operating system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the creations and removals in a folder durable.
    ///
    /// # Errors
    /// As the operating system says.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// An open file.
pub trait DiskFile: Debug + Send + Sync {
    /// Its size, bytes.
    ///
    /// # Errors
    /// As the operating system says.
    fn size(&self) -> io::Result<u64>;

    /// Fills `out` from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file is shorter; else as the operating system says.
    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// As the operating system says; part of it may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts or extends with zeros.
    ///
    /// # Errors
    /// As the operating system says.
    fn set_size(&self, size: u64) -> io::Result<()>;

    /// `fdatasync`: all that was written before is durable when it answers.
    ///
    /// # Errors
    /// As the operating system says; what the disk then holds is unknown.
    fn sync(&self) -> io::Result<()>;
}

/// When something written counts as durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When the disk has it: what was acknowledged survives a loss of power.
    #[default]
    Full,
    /// When the operating system has it: it survives the end of the process only. For development.
    Os,
}

/// The operating system's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk(pub Durability);

#[derive(Debug)]
struct RealFile(File, Durability);

impl Disk for RealDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>()?;
        Ok(entries.iter().map(|e| e.file_name().to_string_lossy().into_owned()).collect())
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Arc::new(RealFile(file, self.0)))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok(Arc::new(RealFile(file, self.0)))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        match self.0 {
            Durability::Full => File::open(dir)?.sync_all(),
            Durability::Os => Ok(()),
        }
    }
}

impl DiskFile for RealFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }

    fn sync(&self) -> io::Result<()> {
        match self.1 {
            Durability::Full => self.0.sync_data(),
            Durability::Os => Ok(()),
        }
    }
}
