//! A black box for results that differ: what this node computed, what the others agreed on, and where
//! the two part.
//!
//! In: a block with both results. Out: one JSON file for each such block in the channel's folder
//! `divergence`, an error in the log, a count for the status. It is for people: the node has already
//! taken over the agreed result when it is written, and a file that cannot be written stops nothing.
//! Deliberately not here: finding out whose fault it is.

use host_core::system::state::ActiveScore;
use host_store::BlockResult;
use host_types::block::{Block, RootPair};
use host_types::outcome::{BlockOutcome, first_parting};
use host_types::receipt::{Receipt, Write};
use host_types::{Code, ScoreName, hash};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Folder in the channel's folder.
const FOLDER: &str = "divergence";
/// Files kept; the first ones, because they show when it began.
const FILES_MAX: usize = 64;
/// Keys listed in a file; the number of all is told.
const KEYS_MAX: usize = 256;

/// What was recorded since the start, for the status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How many blocks.
    pub count: u64,
    /// The newest, one line.
    pub last: Option<String>,
}

/// The black box of one channel.
#[derive(Debug)]
pub struct Divergences {
    channel: String,
    folder: PathBuf,
    seen: Mutex<Seen>,
}

impl Divergences {
    /// Records in this channel folder.
    #[must_use]
    pub fn new(channel: &str, folder: &Path) -> Self {
        let folder = folder.join(FOLDER);
        Self { channel: channel.to_owned(), folder, seen: Mutex::default() }
    }

    /// What was recorded since the start.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records one block. It waits for the disk, once per block that differs.
    pub fn record(
        &self,
        block: &Block,
        own: &BlockResult,
        agreed: &BlockResult,
        active: &BTreeMap<ScoreName, ActiveScore>,
    ) {
        let found = Parting::find(block, own, agreed);
        let height = own.height;
        let line = format!("block {height}: {}", found.line(block));
        let file = self.folder.join(format!("{height}-{}.json", own.block));
        let json = found.json(&self.channel, block, (own, agreed), active);
        let told = match self.write(&file, &json) {
            Ok(true) => format!("see {}", file.display()),
            Ok(false) => format!("{FILES_MAX} records are kept already"),
            Err(error) => format!("no record of it: {}: {error}", file.display()),
        };
        tracing::error!(
            code = %Code::Diverged,
            block = %own.block,
            "own result differs from the agreed one, which stands here now; {line}; {told}"
        );
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.count += 1;
        seen.last = Some(format!("{line}; {told}"));
    }

    /// False when enough are kept.
    fn write(&self, file: &Path, json: &Value) -> std::io::Result<bool> {
        std::fs::create_dir_all(&self.folder)?;
        if std::fs::read_dir(&self.folder)?.count() >= FILES_MAX && !file.exists() {
            return Ok(false);
        }
        std::fs::write(file, format!("{json:#}\n"))?;
        Ok(true)
    }
}

/// Bytes of a value that a line for people shows.
const SHOWN_BYTES_MAX: usize = 48;

/// Bytes for people: hex, cut.
pub(crate) fn hex_short(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN_BYTES_MAX) {
        Some(shown) if bytes.len() > SHOWN_BYTES_MAX => {
            format!("{}… ({} bytes)", hash::to_hex(shown), bytes.len())
        }
        _ => hash::to_hex(bytes),
    }
}

/// A key to which both wrote, or one of them, and not the same.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Key<'a> {
    pub(crate) score: &'a ScoreName,
    key: &'a [u8],
    own: Option<&'a Write>,
    agreed: Option<&'a Write>,
}

/// Where two results of one block part.
#[derive(Debug)]
pub(crate) struct Parting<'a> {
    /// Place of the first transaction whose receipts differ; none when only writes outside of
    /// transactions do.
    place: Option<usize>,
    /// Keys in order, all of them.
    keys: Vec<Key<'a>>,
}

impl<'a> Parting<'a> {
    pub(crate) fn find(block: &Block, own: &'a BlockResult, agreed: &'a BlockResult) -> Self {
        let digests = |result: &BlockResult| BlockOutcome::digests(&result.receipts);
        let place = first_parting(&digests(own), &digests(agreed));
        let place = place.filter(|at| *at < block.transactions().len());
        Self { place, keys: keys(&own.writes, &agreed.writes) }
    }

    pub(crate) const fn place(&self) -> Option<usize> {
        self.place
    }

    /// What became of the first key, own and agreed, short; none when the same keys were written.
    pub(crate) fn both(&self) -> Option<[String; 2]> {
        let key = self.keys.first()?;
        let told = |write: Option<&Write>| match write.map(|write| &write.value) {
            None => "not written".to_owned(),
            Some(None) => "removed".to_owned(),
            Some(Some(value)) => hex_short(value),
        };
        Some([told(key.own), told(key.agreed)])
    }

    pub(crate) fn line(&self, block: &Block) -> String {
        let tx = self.place.and_then(|at| block.transactions().get(at));
        let first = tx.map_or_else(
            || "no transaction differs by itself".to_owned(),
            |tx| format!("transaction {} of {} differs first", tx.id(), tx.transaction().score),
        );
        match self.keys.first() {
            None => format!("{first}, the same keys were written"),
            Some(key) => {
                let text = String::from_utf8_lossy(key.key);
                format!("{first}, key {} ({text:?}) of {}", hash::to_hex(key.key), key.score)
            }
        }
    }

    pub(crate) fn json(
        &self,
        channel: &str,
        block: &Block,
        (own, agreed): (&BlockResult, &BlockResult),
        active: &BTreeMap<ScoreName, ActiveScore>,
    ) -> Value {
        let first = self.place.and_then(|at| {
            let tx = block.transactions().get(at)?;
            let body = tx.transaction();
            Some(json!({
                "index": at,
                "tx": tx.id().to_string(),
                "score": body.score.as_str(),
                "method": &*body.method,
                "args": hash::to_hex(&body.args),
                "artefact": active.get(&body.score).map(|score| score.sha256.to_string()),
                "own": own.receipts.get(at).map(receipt),
                "agreed": agreed.receipts.get(at).map(receipt),
            }))
        });
        let listed = self.keys.iter().take(KEYS_MAX).map(Key::json);
        json!({
            "schema": "loopchain.divergence.v1",
            "channel": channel,
            "height": own.height.get(),
            "block": own.block.to_string(),
            "own": roots(own.roots),
            "agreed": roots(agreed.roots),
            "first_transaction": first,
            "keys": listed.collect::<Vec<_>>(),
            "keys_total": self.keys.len(),
            "version": env!("CARGO_PKG_VERSION"),
            "arch": std::env::consts::ARCH,
            "kernel": kernel(),
        })
    }
}

impl Key<'_> {
    pub(crate) fn json(&self) -> Value {
        let written = |write: Option<&Write>| match write {
            None => json!("not written"),
            Some(Write { value: None, .. }) => json!("removed"),
            Some(Write { value: Some(value), .. }) => json!({ "value": hash::to_hex(value) }),
        };
        json!({
            "score": self.score.as_str(),
            "key": hash::to_hex(self.key),
            "own": written(self.own),
            "agreed": written(self.agreed),
        })
    }
}

/// Keys whose last value is not the same; both lists are sorted.
pub(crate) fn keys<'a>(own: &'a [Write], agreed: &'a [Write]) -> Vec<Key<'a>> {
    type Both<'a> = (Option<&'a Write>, Option<&'a Write>);
    let mut all: BTreeMap<(&ScoreName, &[u8]), Both<'_>> = BTreeMap::new();
    for write in own {
        all.entry((&write.score, &write.key)).or_default().0 = Some(write);
    }
    for write in agreed {
        all.entry((&write.score, &write.key)).or_default().1 = Some(write);
    }
    let differ = all.into_iter().filter(|(_, (own, agreed))| own != agreed);
    differ.map(|((score, key), (own, agreed))| Key { score, key, own, agreed }).collect()
}

fn roots(roots: RootPair) -> Value {
    json!({ "state_root": roots.state.to_string(), "receipts_root": roots.receipts.to_string() })
}

pub(crate) fn receipt(receipt: &Receipt) -> Value {
    json!({
        "status": receipt.status.word(),
        "code": receipt.code,
        "output": hash::to_hex(&receipt.output),
        "events_root": receipt.events_root.to_string(),
        "writes_digest": receipt.writes_digest.to_string(),
        "steps": receipt.steps,
    })
}

/// What the kernel calls itself, where it says.
fn kernel() -> Option<String> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    Some(release.trim().to_owned())
}

#[cfg(test)]
#[path = "divergence_tests.rs"]
mod tests;
