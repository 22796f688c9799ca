//! What is loaded, and from where. A plugin that someone dropped into a folder is read once; its
//! bytes are checked, kept as `STORE/SHA256.so` (read-only, written beside and renamed, flushed),
//! and that copy is loaded. The dropped file may then be replaced or cut at will.
//!
//! In come a path and what the channel wants, out comes a [`LoadedRule`] or a [`Refusal`].
//! Deliberately not here: watching the folder, telling rules from SCOREs.

use crate::{
    check, open,
    refusal::{Refusal, one_line, shown},
    rule::LoadedRule,
};
use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// What a channel wants of a rule.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Its `rule`; none to look what is in a file.
    pub id: Option<&'a str>,
    /// Its `rule_sha256`; empty accepts every build (dev networks only, the node sees to that).
    pub accepted: &'a [[u8; 32]],
}

/// The store of a node.
#[derive(Debug)]
pub struct Registry {
    store: PathBuf,
}

/// Rules of this process, by digest. For all registries: the dynamic linker is one per process too.
static LOADED: Mutex<BTreeMap<[u8; 32], LoadedRule>> = Mutex::new(BTreeMap::new());

impl Registry {
    /// The store in `folder`, which is made if it is not there (mode 0700). One that somebody else
    /// owns (but root) or may write to is refused: code is loaded from it.
    ///
    /// # Errors
    /// When it cannot be made or is not safe.
    pub fn at(folder: &Path) -> Result<Self, Refusal> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| store_refusal(folder, &error))?;
        // dlopen looks a bare name up in system folders; a full path has no such meaning.
        let store = fs::canonicalize(folder).map_err(|error| store_refusal(folder, &error))?;
        check_private(&store)?;
        Ok(Self { store })
    }

    /// Loads the rule in `path`, unless this very build is loaded already.
    ///
    /// # Errors
    /// When the file is not what it should be, or not what the channel wants.
    pub fn open(&self, path: &Path, wanted: Wanted<'_>) -> Result<LoadedRule, Refusal> {
        let bytes = check::read(path)?;
        let sha256 = check::digest(&bytes);
        if !wanted.accepted.is_empty() && !wanted.accepted.contains(&sha256) {
            return Err(Refusal::NotAccepted {
                path: shown(path),
                sha256: check::hex(&sha256),
                accepted: wanted.accepted.len(),
            });
        }
        let symbol = check::rule_symbol(path, &bytes)?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let rule = match loaded.get(&sha256) {
            Some(rule) => rule.clone(),
            None => {
                let rule = self.load(&bytes, sha256, &symbol)?;
                loaded.insert(sha256, rule.clone());
                rule
            }
        };
        match wanted.id {
            Some(id) if id != rule.id() => Err(Refusal::OtherRule {
                path: shown(path),
                wanted: id.to_owned(),
                found: one_line(rule.id()),
            }),
            _ => Ok(rule),
        }
    }

    fn load(&self, bytes: &[u8], sha256: [u8; 32], symbol: &str) -> Result<LoadedRule, Refusal> {
        let copy = self.keep(bytes, sha256)?;
        let (module, api) = open::open(&copy, symbol)?;
        let rule = LoadedRule::linked(module, sha256, &copy).built_for(api);
        tracing::info!(
            rule = rule.id(),
            version = rule.version(),
            sha256 = rule.sha256_hex(),
            "rule loaded"
        );
        Ok(rule)
    }

    /// Path of the copy; it is made if it is not there or not whole.
    fn keep(&self, bytes: &[u8], sha256: [u8; 32]) -> Result<PathBuf, Refusal> {
        let name = check::hex(&sha256);
        let copy = self.store.join(format!("{name}.so"));
        if check::read(&copy).is_ok_and(|kept| kept == bytes) {
            return Ok(copy);
        }
        let draft = self.store.join(format!(".{name}.{}.new", std::process::id()));
        let kept = write_draft(&draft, bytes)
            .and_then(|()| fs::rename(&draft, &copy))
            .and_then(|()| File::open(&self.store)?.sync_all());
        kept.map(|()| copy.clone()).map_err(|error| {
            // The draft is of no use; that it cannot be removed is the lesser trouble.
            drop(fs::remove_file(&draft));
            store_refusal(&copy, &error)
        })
    }
}

/// Nobody but this user and root can put a file there.
fn check_private(store: &Path) -> Result<(), Refusal> {
    let io_refusal = |error: io::Error| store_refusal(store, &error);
    let found = fs::metadata(store).map_err(io_refusal)?;
    // A process owns its own entry in /proc.
    let own = fs::metadata("/proc/self").map_err(io_refusal)?.uid();
    let refused = |reason: &str| Refusal::Store { path: shown(store), reason: reason.to_owned() };
    if found.uid() != own && found.uid() != 0 {
        return Err(refused("the folder belongs to another user"));
    }
    if found.mode() & 0o022 != 0 {
        return Err(refused("others may write to the folder (`chmod go-w` it)"));
    }
    Ok(())
}

/// Writes the file under a name that nobody loads.
fn write_draft(draft: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o444).open(draft)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn store_refusal(path: &Path, error: &io::Error) -> Refusal {
    Refusal::Store { path: shown(path), reason: one_line(&error.to_string()) }
}
