//! The files of a SCORE's folder, and whether one of them was saved.
//!
//! In: a folder. Out: size and time of each source file. Files are looked at often instead of being
//! subscribed to: editors save in many ways (write, rename, both), and all of them show here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often they are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// More files are no source of a SCORE; the rest is not watched.
const FILES_MAX: usize = 10_000;
/// What belongs to the source.
const SOURCES: [&str; 5] = ["Cargo.toml", "Cargo.lock", "build.rs", "src", "tests"];

/// Size and time of each file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Saved(BTreeMap<PathBuf, (u64, SystemTime)>);

impl Saved {
    /// As they are now.
    pub(super) fn now(folder: &Path) -> Self {
        let mut files = Self::default();
        let mut open: Vec<_> = SOURCES.iter().map(|source| folder.join(source)).collect();
        while let Some(path) = open.pop() {
            // A link may lead around in a circle: what it points to is watched, not what is below.
            let is_link = path.symlink_metadata().is_ok_and(|about| about.is_symlink());
            let Ok(about) = path.metadata() else { continue };
            if about.is_dir() && !is_link {
                let below = std::fs::read_dir(&path).into_iter().flatten().flatten();
                open.extend(below.map(|entry| entry.path()).filter(|path| !is_hidden(path)));
            } else if let Ok(modified) = about.modified()
                && files.0.len() < FILES_MAX
            {
                files.0.insert(path, (about.len(), modified));
            }
        }
        files
    }

    /// True when a file is another than in `self`, and has been the same twice since; false when nobody
    /// waits for it any more.
    pub(super) fn changed(&self, folder: &Path, is_awaited: impl Fn() -> bool) -> bool {
        let mut last = self.clone();
        while is_awaited() {
            std::thread::sleep(LOOK);
            let now = Self::now(folder);
            if now == last && now != *self {
                return true;
            }
            last = now;
        }
        false
    }
}

/// What editors put beside a file while they write it.
fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(b".") || name.ends_with(b"~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_source_shows_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("src/lib.rs", "a");
        let before = Saved::now(folder.path());
        for other in ["target/x", "README.md", "src/.lib.rs.swp", "src/lib.rs~"] {
            write(other, "x");
            assert_eq!(Saved::now(folder.path()), before, "{other}");
        }
        for source in ["Cargo.toml", "src/state/item.rs", "tests/story.rs", "src/lib.rs"] {
            let before = Saved::now(folder.path());
            write(source, "longer than before");
            assert_ne!(Saved::now(folder.path()), before, "{source}");
        }
    }

    #[test]
    fn a_link_in_a_circle_ends() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        std::os::unix::fs::symlink("..", folder.path().join("src/up")).unwrap();
        assert_eq!(Saved::now(folder.path()).0.len(), 1);
    }
}
