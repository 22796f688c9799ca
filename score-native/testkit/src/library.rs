//! Finds the `.so` of a SCORE, and builds it when it is a source.

use score_native_link::{
    CheckedScore,
    build::{BuildError, build_score_at, source_tree},
    check,
};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Folders of the loopchain source tree with SCOREs.
const SHELVES: [&str; 3] = ["plugins", "examples", "tests"];

/// Why a SCORE cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LibraryError {
    #[error("no such file or folder, and no such folder in plugins, examples or tests")]
    Unknown,
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("{0}")]
    Load(#[from] libloading::Error),
    #[error("the file is no SCORE: its table does not begin with LOOPSCOR")]
    NoScore,
    #[error(
        "it speaks SCORE ABI {major}.{minor}, this testkit {}.{}",
        score_native_abi::MAJOR,
        score_native_abi::MINOR
    )]
    Abi { major: u16, minor: u16 },
    #[error("a peer refuses it: {0}")]
    Refused(String),
    #[error("the worker does not start: {0}")]
    Worker(String),
}

/// The path of the `.so`; a source is built once in a process.
pub(crate) fn find(score: &str) -> Result<PathBuf, LibraryError> {
    static BUILT: Mutex<BTreeMap<PathBuf, PathBuf>> = Mutex::new(BTreeMap::new());
    let given = Path::new(score);
    if given.is_file() {
        return Ok(given.to_path_buf());
    }
    let folder = folder(given).ok_or(LibraryError::Unknown)?;
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = built.get(&folder) {
        return Ok(path.clone());
    }
    let path = build_score_at(&folder, &mut |_| {})?;
    built.insert(folder, path.clone());
    Ok(path)
}

/// Checks the file as a peer does.
pub(crate) fn checked(so: &[u8]) -> Result<CheckedScore, LibraryError> {
    check(so).map_err(|findings| {
        let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
        LibraryError::Refused(findings.join("; "))
    })
}

fn folder(given: &Path) -> Option<PathBuf> {
    let is_package = |folder: &PathBuf| folder.join("Cargo.toml").is_file();
    let on_shelves = || {
        let tree = source_tree()?;
        SHELVES.iter().map(|shelf| tree.join(shelf).join(given)).find(is_package)
    };
    Some(given.to_path_buf()).filter(is_package).or_else(on_shelves)
}
