//! The drop-in folder: SCOREs are checked and kept as they appear; rules are looked up when a
//! channel names one.
//!
//! In: file system events, or nothing for a while. Out: artefacts in the store, one clear line for
//! what was refused. A file is read once it has been still for a moment, and never loaded from
//! here. Deliberately not here: activation, which the channel votes on.

use super::node::Node;
use super::rules::libraries;
use host_types::limits::SCORE_BYTES_MAX;
use notify::Watcher;
use notify::event::{AccessKind, AccessMode, EventKind};
use plugin_api_loader::check as rule_check;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, watch};

/// A file whose size and time did not change for so long is whole.
const STILL: Duration = Duration::from_millis(300);
/// Events may be missed: the folder is looked at this often anyway.
const RESCAN: Duration = Duration::from_secs(5);

/// Length and time of a file: what tells that it has changed.
pub(super) type Stamp = (u64, Option<SystemTime>);

/// Watches until the node stops. `installed` counts artefacts that were taken.
pub async fn watch(node: Arc<Node>, installed: watch::Sender<u64>) {
    let folder = node.config.plugins.dir.clone();
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
        watcher.watch(&folder, notify::RecursiveMode::NonRecursive).ok()?;
        Some(watcher)
    });
    let mut seen: BTreeMap<PathBuf, Stamp> = BTreeMap::new();
    loop {
        let now = stamps(libraries(&folder));
        let fresh: Vec<PathBuf> = now
            .iter()
            .filter(|(path, stamp)| seen.get(*path) != Some(stamp))
            .map(|(path, _)| path.clone())
            .collect();
        if !fresh.is_empty() {
            tokio::time::sleep(STILL).await;
            let later = stamps(libraries(&folder));
            for path in fresh {
                let (before, after) = (now.get(&path), later.get(&path));
                if before != after {
                    continue;
                }
                if let Some(stamp) = after {
                    seen.insert(path.clone(), *stamp);
                    // Reading, checking and keeping it durably takes a while.
                    let node = Arc::clone(&node);
                    let taken = tokio::task::spawn_blocking(move || take(&node, &path)).await;
                    if taken.unwrap_or_default() {
                        installed.send_modify(|count| *count += 1);
                    }
                }
            }
        }
        seen.retain(|path, _| now.contains_key(path));
        tokio::select! {
            nudged = nudges.recv() => if nudged.is_none() { tokio::time::sleep(RESCAN).await },
            () = tokio::time::sleep(RESCAN) => {}
        }
    }
}

pub(super) fn stamps(files: Vec<PathBuf>) -> BTreeMap<PathBuf, Stamp> {
    let stamp = |path: PathBuf| {
        let meta = std::fs::symlink_metadata(&path).ok()?;
        Some((path, (meta.len(), meta.modified().ok())))
    };
    files.into_iter().filter_map(stamp).collect()
}

/// True when a SCORE was taken.
fn take(node: &Node, path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bytes = match rule_check::read(path) {
        Ok(bytes) => bytes,
        Err(refusal) => {
            tracing::warn!(event = "plugin.refused", code = %host_types::Code::ScoreRefused, file = name, "{refusal}");
            return false;
        }
    };
    if rule_check::rule_symbol(path, &bytes).is_ok() {
        tracing::info!(
            event = "plugin.rule_seen",
            file = name,
            "a consensus rule; channels that name it use it"
        );
        return false;
    }
    if bytes.len() > SCORE_BYTES_MAX {
        tracing::warn!(event = "plugin.refused", code = %host_types::Code::ScoreRefused, file = name, "{} bytes, a SCORE has at most {SCORE_BYTES_MAX}", bytes.len());
        return false;
    }
    match node.scores.install(&bytes) {
        Ok(artefact) => {
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
            true
        }
        Err(rejection) => {
            tracing::warn!(event = "plugin.refused", code = %rejection.code, file = name, "{name} refused: {}", rejection.message);
            false
        }
    }
}
