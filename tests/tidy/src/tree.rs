//! The text files of a checkout, by path from its root.
//!
//! In: a folder, or pairs of path and text for tests. Out: [`Tree`]. Build output (`target`), data
//! of a running network (`.loopchain`), git's own folder and files that are not text are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Hidden entries that belong to the tree.
const HIDDEN: [&str; 4] = [".cargo", ".ci", ".github", ".gitignore"];
/// Folders that a build leaves behind.
const BUILT: &str = "target";

/// A checkout.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    files: BTreeMap<String, String>,
    folders: BTreeSet<String>,
}

impl Tree {
    /// Reads the checkout at `root`.
    ///
    /// # Errors
    /// When a file or folder cannot be read.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        Ok(tree)
    }

    /// A tree made of these files.
    #[must_use]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.insert(path, (*text).to_owned());
        }
        tree
    }

    fn insert(&mut self, path: &str, text: String) {
        let mut folder = path;
        while let Some((parent, _)) = folder.rsplit_once('/') {
            self.folders.insert(parent.to_owned());
            folder = parent;
        }
        self.files.insert(path.to_owned(), text);
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_hidden = name.starts_with('.') && !HIDDEN.contains(&name.as_str());
            if is_hidden || name == BUILT {
                continue;
            }
            let path = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                self.read_folder(&entry.path(), &format!("{path}/"))?;
            } else if let Ok(text) = String::from_utf8(fs::read(entry.path())?) {
                self.insert(&path, text);
            } else {
                self.insert(&path, String::new());
            }
        }
        Ok(())
    }

    /// Every file and its text, sorted by path; the text of a binary file is empty.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Files whose name ends in this.
    pub fn ending(&self, end: &str) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(move |(path, _)| path.ends_with(end))
    }

    /// Text of a file.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// True when there is a file or folder of this path.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.files.contains_key(path) || self.folders.contains(path)
    }

    /// Names of the entries of the root.
    #[must_use]
    pub fn root_entries(&self) -> BTreeSet<&str> {
        self.files.keys().filter_map(|path| path.split('/').next()).collect()
    }

    /// The folder of the package that a file belongs to: the nearest one upwards with a
    /// `Cargo.toml`; empty for the root.
    #[must_use]
    pub fn package_of<'a>(&self, path: &'a str) -> &'a str {
        let mut folder = path;
        while let Some((parent, _)) = folder.rsplit_once('/') {
            if self.files.contains_key(&format!("{parent}/Cargo.toml")) {
                return parent;
            }
            folder = parent;
        }
        ""
    }
}

/// The root of the checkout that a test of this package runs in.
#[must_use]
pub fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    package.ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_knows_its_folders_packages_and_root_entries() {
        let tree = Tree::of(&[("host/core/Cargo.toml", ""), ("host/core/src/a/b.rs", "//! x")]);
        assert!(tree.has("host/core/src/a") && tree.has("host/core/src/a/b.rs"));
        assert!(tree.has("host/") && !tree.has("host/core/src/b.rs"));
        assert_eq!(tree.package_of("host/core/src/a/b.rs"), "host/core");
        assert_eq!(tree.root_entries().into_iter().collect::<Vec<_>>(), ["host"]);
    }
}
