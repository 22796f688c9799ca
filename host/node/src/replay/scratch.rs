//! The folder that a replay works in: made in the system's folder for temporary files, for this user
//! only, removed with the replay.
//!
//! In: a peer's SCORE files. Out: the same files under a folder that may be written. Deliberately not
//! here: the copy of the store (`host_store::rewind`).

use host_types::{Code, Rejection};
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Folders that this process has made.
static MADE: AtomicU64 = AtomicU64::new(0);

/// The folder.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Rejection {
    move |error| Rejection::new(Code::StoreFailed, format!("{}: {error}", path.display()))
}

impl Scratch {
    pub(crate) fn new() -> Result<Self, Rejection> {
        let (process, number) = (std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(format!("loopchain-replay-{process}-{number}"));
        // What holds state of a channel is for nobody else; one that is there already is refused.
        fs::DirBuilder::new().mode(0o700).create(&path).map_err(failed(&path))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is only untidy.
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Copies the SCORE files; they are written once and never change.
pub(super) fn copy_scores(from: &Path, to: &Path) -> Result<(), Rejection> {
    fs::create_dir_all(to).map_err(failed(to))?;
    let entries = match fs::read_dir(from) {
        // A channel without SCOREs needs none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(failed(from))?,
    };
    for entry in entries {
        let path = entry.map_err(failed(from))?.path();
        let Some(name) = path.file_name() else { continue };
        if path.extension().is_some_and(|ending| ending == "so") {
            fs::copy(&path, to.join(name)).map_err(failed(&path))?;
        }
    }
    Ok(())
}
