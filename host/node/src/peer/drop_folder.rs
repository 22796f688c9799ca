//! The drop-in folder: SCOREs are checked and kept as they appear; rules are looked up when a
//! channel names one.
//!
//! In: file system events, or nothing for a while. Out: artefacts in the store, one clear line for
//! what was refused, which `score list` shows as long as the file is there. A file is read once it has
//! been still for a moment, and never loaded from here: what becomes of it afterwards changes nothing.
//! Deliberately not here: activation, which the channel votes on.

use super::node::Node;
use crate::scores::{Artefact, Scores};
use host_rules::shelf::libraries;
use host_types::limits::SCORE_BYTES_MAX;
use host_types::{Code, Rejection};
use notify::Watcher;
use notify::event::{AccessKind, AccessMode, EventKind};
use plugin_api_loader::check as rule_check;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, watch};

/// A file whose size and time did not change for so long is whole.
const STILL: Duration = Duration::from_millis(300);
/// Events may be missed: the folder is looked at this often anyway.
const RESCAN: Duration = Duration::from_secs(5);
/// Files of the folder that are looked at: far more than a network runs, and a folder full of others
/// does not keep this node busy.
const FILES_MAX: usize = 256;

/// Length and time of a file: what tells that it has changed.
pub(crate) type Stamp = (u64, Option<SystemTime>);

/// The folder as it was looked at last.
#[derive(Default)]
struct Folder {
    seen: BTreeMap<PathBuf, Stamp>,
    refused: BTreeMap<String, Rejection>,
    is_told: bool,
}

impl Folder {
    /// One look: takes what is new and whole; how many SCOREs that were.
    async fn look(&mut self, path: &Path, scores: &Arc<Scores>, is_dev: bool) -> u64 {
        if let Some(rejection) = exposed(path, own_user()) {
            if !std::mem::replace(&mut self.is_told, true) {
                tracing::warn!(event = "plugin.folder_exposed", code = %rejection.code, "{}", rejection.message);
            }
            if !is_dev {
                let all = BTreeMap::from([("plugins".to_owned(), rejection)]);
                scores.set_refused(all);
                return 0;
            }
        } else {
            self.is_told = false;
        }
        let now = listed(path);
        let is_fresh = |(path, stamp): &(&PathBuf, &Stamp)| self.seen.get(*path) != Some(*stamp);
        let fresh: Vec<PathBuf> = now.iter().filter(is_fresh).map(|(p, _)| p.clone()).collect();
        let mut taken = 0;
        if !fresh.is_empty() {
            tokio::time::sleep(STILL).await;
            let later = listed(path);
            for file in fresh {
                let (before, after) = (now.get(&file), later.get(&file));
                if let Some(stamp) = after.filter(|after| before == Some(*after)) {
                    self.seen.insert(file.clone(), *stamp);
                    taken += u64::from(self.take(file, scores).await);
                }
            }
        }
        self.seen.retain(|path, _| now.contains_key(path));
        let names: BTreeSet<String> = self.seen.keys().map(|path| name_of(path)).collect();
        self.refused.retain(|name, _| names.contains(name));
        scores.set_refused(self.refused.clone());
        taken
    }

    /// Whether it was a SCORE.
    async fn take(&mut self, file: PathBuf, scores: &Arc<Scores>) -> bool {
        let (name, scores) = (name_of(&file), Arc::clone(scores));
        self.refused.remove(&name);
        // Reading, checking and keeping it durably takes a while.
        let looked = tokio::task::spawn_blocking(move || take(&scores, &file)).await;
        match looked {
            Ok(Looked::Score(_)) => return true,
            Ok(Looked::Rule) => {}
            Ok(Looked::Refused(rejection)) => drop(self.refused.insert(name, rejection)),
            Err(error) => {
                // A check that panics must not end the watch.
                tracing::error!(event = "plugin.check_failed", code = %Code::Internal, file = name, "{error}");
                let rejection = Rejection::new(Code::Internal, "its check broke off");
                self.refused.insert(name, rejection);
            }
        }
        false
    }
}

/// Files that may be plugins, the first [`FILES_MAX`] by name.
fn listed(folder: &Path) -> BTreeMap<PathBuf, Stamp> {
    let mut files = libraries(folder);
    files.truncate(FILES_MAX);
    stamps(files)
}

/// Watches until the node stops. `installed` counts artefacts that were taken. On a network of
/// developers (`is_dev`) a folder that others can write is told, but used.
pub async fn watch(node: Arc<Node>, installed: watch::Sender<u64>, is_dev: bool) {
    let path = node.config.plugins.dir.clone();
    let (nudge, mut nudges) = mpsc::channel(1);
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Our own looks are events too; only what changes the folder is of interest. One nudge is
        // enough: the whole folder is looked at.
        let is_change = event.as_ref().is_ok_and(|event| {
            let written = AccessKind::Close(AccessMode::Write);
            !event.kind.is_access() || event.kind == EventKind::Access(written)
        });
        if is_change || event.is_err() {
            nudge.try_send(()).ok();
        }
    });
    // Without a watcher the regular look still finds everything.
    let _watcher = watcher.ok().and_then(|mut watcher| {
        watcher.watch(&path, notify::RecursiveMode::NonRecursive).ok()?;
        Some(watcher)
    });
    let mut folder = Folder::default();
    loop {
        let taken = folder.look(&path, &node.scores, is_dev).await;
        if taken > 0 {
            installed.send_modify(|count| *count += taken);
        }
        tokio::select! {
            nudged = nudges.recv() => if nudged.is_none() { tokio::time::sleep(RESCAN).await },
            () = tokio::time::sleep(RESCAN) => {}
        }
    }
}

pub(crate) fn stamps(files: Vec<PathBuf>) -> BTreeMap<PathBuf, Stamp> {
    let stamp = |path: PathBuf| {
        let meta = std::fs::symlink_metadata(&path).ok()?;
        Some((path, (meta.len(), meta.modified().ok())))
    };
    files.into_iter().filter_map(stamp).collect()
}

/// What a file of the folder turned out to be.
#[derive(Debug)]
enum Looked {
    /// A SCORE; it is kept.
    Score(Arc<Artefact>),
    /// A consensus rule: channels that name it use it.
    Rule,
    /// Nothing that is used.
    Refused(Rejection),
}

/// Reads, checks and keeps a file. Links are not followed, and nothing that is no file is waited for.
fn look(scores: &Scores, path: &Path) -> Looked {
    let refused = |why: String| Looked::Refused(Rejection::new(Code::ScoreRefused, why));
    let bytes = match rule_check::read(path) {
        Ok(bytes) => bytes,
        Err(refusal) => return refused(refusal.to_string()),
    };
    if rule_check::rule_symbol(path, &bytes).is_ok() {
        return Looked::Rule;
    }
    if bytes.len() > SCORE_BYTES_MAX {
        let size = bytes.len();
        return refused(format!("{size} bytes, a SCORE has at most {SCORE_BYTES_MAX}"));
    }
    match scores.install(&bytes) {
        Ok(artefact) => Looked::Score(artefact),
        Err(rejection) => Looked::Refused(rejection),
    }
}

/// Takes a file, and says in one line what it is.
fn take(scores: &Scores, path: &Path) -> Looked {
    let name = name_of(path);
    let looked = look(scores, path);
    match &looked {
        Looked::Rule => tracing::info!(
            event = "plugin.rule_seen",
            file = name,
            "a consensus rule; channels that name it use it"
        ),
        Looked::Score(artefact) => {
            let manifest = &artefact.manifest;
            tracing::info!(
                event = "score.installed",
                file = name,
                score = manifest.name,
                version = manifest.version,
                sha256 = %artefact.sha256,
                "SCORE {} {} installed",
                manifest.name,
                manifest.version
            );
        }
        Looked::Refused(rejection) => {
            tracing::warn!(event = "plugin.refused", code = %rejection.code, file = name, "{name} refused: {}", rejection.message);
        }
    }
    looked
}

/// The name of a file as it may stand in a line.
fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.escape_debug().to_string()
}

/// Why nothing is taken from the folder: others could put files there, or change those that are.
fn exposed(folder: &Path, own: u32) -> Option<Rejection> {
    let about = std::fs::metadata(folder).ok()?;
    let shown = folder.display();
    let (mode, owner) = (about.mode() & 0o777, about.uid());
    let why = if mode & 0o022 != 0 {
        format!("{shown} can be written by others (mode {mode:o}): `chmod go-w {shown}`")
    } else if owner != own && owner != 0 {
        format!("{shown} belongs to user {owner}, this peer runs as {own}: `chown {own} {shown}`")
    } else {
        return None;
    };
    Some(Rejection::new(Code::ScoreRefused, why))
}

/// The user that this process is: the owner of what stands for it under `/proc`.
fn own_user() -> u32 {
    std::fs::metadata("/proc/self").map_or(0, |about| about.uid())
}

#[cfg(test)]
#[path = "drop_folder_tests.rs"]
mod tests;
