//! Revocation lists that the operator of a RadioStation puts into a folder.
//!
//! In: `pki/crl/*.pem` in the home, looked at every second. Out: lists for the station, each once until its
//! file changes. For organisations whose list no channel has taken yet; what channels have taken comes from
//! their peers. Deliberately not here: whether a list is believed (`revoked`).

use super::station::Station;
use crate::peer::drop_folder::{Stamp, stamps};
use host_identity::bundle;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often the folder is looked at: sessions end within 5 s of a list's coming.
const LOOK: Duration = Duration::from_secs(1);
/// Files looked at: one for each root of a network.
const FILES_MAX: usize = host_rpc::directory::ROOTS_MAX;

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "pem")).collect();
    files.sort();
    files.truncate(FILES_MAX);
    files
}

/// Follows the folder until the RadioStation stops.
pub(super) async fn follow(station: Arc<Station>) {
    let folder = station.config.home.join("pki/crl");
    let mut seen: BTreeMap<PathBuf, Stamp> = BTreeMap::new();
    loop {
        let now = stamps(files(&folder));
        for (path, stamp) in &now {
            if seen.get(path) != Some(stamp) {
                take(&station, path).await;
            }
        }
        seen = now;
        tokio::time::sleep(LOOK).await;
    }
}

async fn take(station: &Station, path: &Path) {
    let blocks = match bundle::load(path) {
        Ok(blocks) => blocks,
        Err(error) => {
            tracing::error!(event = "revocations.refused", code = %error.code(), "{error}");
            return;
        }
    };
    for block in blocks.iter().filter(|block| block.label == bundle::CRL) {
        if let Err(rejection) = station.revoke(&block.der).await {
            tracing::error!(event = "revocations.refused", code = %rejection.code, "{}: {}", path.display(), rejection.message);
        }
    }
}
