//! How signing begins: with the log of what was signed, or without one that can be trusted.
//!
//! In: the data folder, and whether the operator asked to rejoin. Out: a signer, and what the log holds.
//! Without a trusted log it signs nothing, since what this key has signed before is not known and
//! signing it again differently would be a lie: the node follows and serves reads until it gets its log
//! back, a new key, or the order to rejoin. Deliberately not here: rejoining itself (the rule), the
//! registers (`host/store`).
//!
//! Files of the data folder: `sign/` the log; `sign.distrusted` why it is not trusted; `rejoining` the
//! log is younger than the key, so each epoch of each channel is opened by asking the others.

use crate::config::PeerConfig;
use crate::signer::{Signer, SignerConfig};
use crate::whole_file::WholeFile;
use host_identity::keyfile::{self, KeyFileError};
use host_identity::{SigningKey, password};
use host_store::{Guard, Replay, SignLog};
use host_types::{Code, Rejection, View};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::node::durability;

fn failed(path: &Path, error: &io::Error) -> Rejection {
    Rejection::new(Code::StoreFailed, format!("{}: {error}", path.display()))
}

/// A node's key; its password, when it has one, comes from where nobody needs to be asked.
fn load_key(path: &Path) -> Result<SigningKey, KeyFileError> {
    let password = password::of_node()?;
    keyfile::load_either(path, password.as_ref().map(|text| text.as_str()))
}

/// Where things are.
struct Places {
    log: PathBuf,
    distrusted: WholeFile,
    rejoining: PathBuf,
}

/// The signer with what its log remembers.
///
/// # Errors
/// When the key cannot be read, or rejoining cannot be noted.
pub(super) fn signer(config: &PeerConfig) -> Result<(Signer, Replay), Rejection> {
    let data = &config.data_dir;
    let places = Places {
        log: data.join("sign"),
        distrusted: WholeFile::open(data, "sign.distrusted")?,
        rejoining: data.join("rejoining"),
    };
    let opened = open(config, &places);
    let (log, replay) = match opened {
        Ok(opened) => {
            if config.rejoin && !places.rejoining.exists() {
                tracing::info!("the sign log is whole: there is nothing to rejoin");
            }
            opened
        }
        Err(why) if config.rejoin => begin_again(config, &places, &why)?,
        Err(why) => {
            let why = format!(
                "{why}: nothing is signed with this key; reads and sync go on. Put the log back, give \
                 this node a new key, or start it with --rejoin"
            );
            tracing::error!(code = %Code::SigningStopped, "{why}");
            return Ok((Signer::stopped(&why), Replay::default()));
        }
    };
    let key = load_key(&config.signing.key).map_err(|e| Rejection::new(e.code(), e.to_string()))?;
    let mut guard = Guard::from_replay(&replay);
    let rejoin = places.rejoining.exists().then(|| {
        guard.rejoin();
        let floors =
            replay.channels.iter().filter_map(|(channel, kept)| Some((channel, kept.floor?)));
        let open = floors.filter(|(_, (_, view))| *view > View::ZERO);
        open.map(|(channel, (epoch, _))| (*channel, epoch)).collect()
    });
    let distrusted = places.distrusted;
    let signer = Signer::start(SignerConfig { key, guard, log, rejoin, distrusted })
        .map_err(|error| Rejection::new(Code::Internal, format!("a thread: {error}")))?;
    Ok((signer, replay))
}

/// Opens a log that can be trusted; else one line that says why there is none.
fn open(config: &PeerConfig, places: &Places) -> Result<(SignLog, Replay), String> {
    // Whatever can be read of it: that it is there is what counts.
    if let Some(why) = places.distrusted.load().map_err(|rejection| rejection.message)? {
        let why = String::from_utf8_lossy(&why);
        return Err(format!("the sign log is not trusted ({})", why.trim()));
    }
    let has_files = |folder: &Path| fs::read_dir(folder).is_ok_and(|mut all| all.next().is_some());
    if has_files(&config.data_dir.join("channels")) && !has_files(&places.log) {
        return Err(format!("the sign log {} is gone", places.log.display()));
    }
    SignLog::open(&places.log, durability(config.storage.durability)).map_err(|e| e.to_string())
}

/// Puts the old log aside and begins a new one, after it is noted on disk that it is new.
fn begin_again(
    config: &PeerConfig,
    places: &Places,
    why: &str,
) -> Result<(SignLog, Replay), Rejection> {
    tracing::warn!("{why}: this node rejoins; it signs once the others have said how far they are");
    note(&places.rejoining, why).map_err(|error| failed(&places.rejoining, &error))?;
    if places.log.exists() {
        let aside = free_name(&places.log);
        fs::rename(&places.log, &aside).map_err(|error| failed(&aside, &error))?;
    }
    let distrusted = places.distrusted.path();
    if distrusted.exists() {
        fs::remove_file(&distrusted).map_err(|error| failed(&distrusted, &error))?;
    }
    SignLog::open(&places.log, durability(config.storage.durability))
        .map_err(|error| Rejection::new(error.code(), error.to_string()))
}

/// Durable when this returns, also the name in its folder.
fn note(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// `sign.lost-1`, or the first number that is free.
fn free_name(log: &Path) -> PathBuf {
    (1u32..)
        .map(|n| log.with_extension(format!("lost-{n}")))
        .find(|path| !path.exists())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A power cut while it was written must not bring trust back.
    #[test]
    fn a_note_of_distrust_counts_whatever_stands_in_it() {
        for note in [&b"restored from a copy"[..], b"", b"\xff\xfe torn"] {
            let home = tempfile::tempdir().unwrap();
            let config = PeerConfig { data_dir: home.path().into(), ..PeerConfig::default() };
            let places = || Places {
                log: home.path().join("sign"),
                distrusted: WholeFile::open(home.path(), "sign.distrusted").unwrap(),
                rejoining: home.path().join("rejoining"),
            };
            open(&config, &places()).unwrap();
            places().distrusted.save(note).unwrap();
            let why = open(&config, &places()).unwrap_err();
            assert!(why.starts_with("the sign log is not trusted ("), "{why}");
        }
    }
}
