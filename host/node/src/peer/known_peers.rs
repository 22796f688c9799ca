//! The other nodes as their own entries describe them: of each what it said last, also on disk.
//!
//! In: lists of RadioStations, which may lie. Out: entries that their own peers signed, and what is wrong with
//! a list: entries that nobody signed so, that no root of this network stands for, or that are older than
//! what that peer is known to have said since. None of it is taken, and a list that leaves somebody out
//! makes nobody forgotten. The file serves when no RadioStation answers at a start. Deliberately not here:
//! asking RadioStations (`discovery`), connections (`mesh`).

use crate::whole_file::WholeFile;
use host_rpc::Trust;
use host_rpc::directory::{DirectoryReply, EntryError, LISTED_MAX, Listed, VerifiedEntry};
use host_types::{BlockTime, Code, Decode, Encode, NodeName};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The file in the data folder.
const FILE: &str = "peers.list";
/// How often the file is written when nothing but signs of life came.
const WRITE_EVERY: Duration = Duration::from_secs(60);
/// How much older an entry of a peer that is said to be connected may be than the newest one that is known:
/// it announces itself every 3 s and counts as connected for 10 s.
const STALE_US: u64 = 30 * 1_000_000;

/// An entry that is believed.
#[derive(Clone, Debug)]
struct Known {
    listed: Listed,
    verified: VerifiedEntry,
}

/// What is wrong with a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Entries that are not signed with the key of their certificate, for this network.
    pub forged: u64,
    /// Entries whose certificate no organisation of this network stands for.
    pub foreign: u64,
    /// Peers said to be connected, with a word that they have taken back since.
    pub stale: u64,
    /// Of the first one: what is wrong.
    pub first: Option<(Code, String)>,
}

impl Faults {
    /// How many, by the name that the metric gives them.
    #[must_use]
    pub const fn counts(&self) -> [(&'static str, u64); 3] {
        [("forged", self.forged), ("foreign", self.foreign), ("stale", self.stale)]
    }

    fn note(&mut self, code: Code, what: impl std::fmt::Display) {
        self.first.get_or_insert_with(|| (code, what.to_string()));
    }
}

/// What a list said.
#[derive(Debug)]
pub struct Learned {
    /// Entries to meet.
    pub news: Vec<VerifiedEntry>,
    /// Whom it names and is believed about.
    pub names: BTreeSet<NodeName>,
    /// What is wrong with it.
    pub faults: Faults,
}

#[derive(Debug, Default)]
struct Kept {
    peers: BTreeMap<NodeName, Known>,
    written: Option<Instant>,
}

/// All other nodes that are known.
#[derive(Debug)]
pub struct KnownPeers {
    file: Option<WholeFile>,
    kept: Mutex<Kept>,
}

impl KnownPeers {
    /// Nobody yet; what is learned is kept in a file of a data folder.
    #[must_use]
    pub fn open(data: &Path) -> Self {
        Self { file: WholeFile::open(data, FILE).ok(), kept: Mutex::default() }
    }

    /// Those of the file, as far as they are believed now, which takes that channels have begun: their
    /// validators are believed also when their certificates have run out. A file that cannot be read costs
    /// time when every RadioStation is dead, and nothing else.
    pub fn recall(&self, trust: &Trust, now: BlockTime) {
        let bytes = self.file.as_ref().and_then(|file| file.load().ok().flatten());
        let bytes = bytes.unwrap_or_default();
        let listed = match DirectoryReply::from_bytes(&bytes) {
            Ok(DirectoryReply::Peers(listed)) => listed,
            _ => Vec::new(),
        };
        let believed = listed.into_iter().filter_map(|listed| {
            let verified = listed.entry.verify(trust, now).ok()?;
            Some(Known { listed, verified })
        });
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let news = std::mem::take(&mut kept.peers).into_values();
        kept.peers = merged(merged(BTreeMap::new(), believed, now), news, now);
    }

    /// Nobody yet, and nothing on disk.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { file: None, kept: Mutex::default() }
    }

    /// All that is known.
    #[must_use]
    pub fn all(&self) -> Vec<VerifiedEntry> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.peers.values().map(|known| known.verified.clone()).collect()
    }

    /// Takes what a RadioStation says, entry by entry, and keeps it beside what is known already.
    pub fn learn(&self, trust: &Trust, now: BlockTime, listed: Vec<Listed>) -> Learned {
        let mut faults = Faults::default();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut believed = Vec::new();
        for listed in listed {
            match listed.entry.verify(trust, now) {
                Ok(verified) => {
                    if is_stale(&kept.peers, &listed, &verified, now) {
                        faults.stale += 1;
                        let name = &verified.name;
                        faults.note(Code::JoinRefused, format_args!("an old entry of {name}"));
                    }
                    believed.push(Known { listed, verified });
                }
                Err(error) => judge(&error, &mut faults),
            }
        }
        let names = believed.iter().map(|known| known.verified.name.clone()).collect();
        let news = believed.iter().map(|known| known.verified.clone()).collect();
        let old = std::mem::take(&mut kept.peers);
        let before = places(&old);
        kept.peers = merged(old, believed, now);
        let is_due = kept.written.is_none_or(|at| at.elapsed() >= WRITE_EVERY);
        if is_due || places(&kept.peers) != before {
            kept.written = Some(Instant::now());
            self.write(&kept.peers);
        }
        Learned { news, names, faults }
    }

    fn write(&self, peers: &BTreeMap<NodeName, Known>) {
        let list = peers.values().map(|known| known.listed.clone()).collect();
        let bytes = DirectoryReply::Peers(list).to_bytes();
        // Losing it only costs time when the RadioStation is dead at the next start.
        if let Some(file) = &self.file {
            file.save(&bytes).ok();
        }
    }
}

/// What is worth a write: who is where, on which channels.
fn places(peers: &BTreeMap<NodeName, Known>) -> Vec<(NodeName, host_rpc::directory::Entry)> {
    let said = |known: &Known| host_rpc::directory::Entry {
        issued: BlockTime::default(),
        ..known.verified.entry.clone()
    };
    peers.iter().map(|(name, known)| (name.clone(), said(known))).collect()
}

/// Whether a peer that was heard just now, as the list says, has said something else long since. A word
/// from the future proves nothing: its peer's clock was wrong.
fn is_stale(
    peers: &BTreeMap<NodeName, Known>,
    listed: &Listed,
    verified: &VerifiedEntry,
    now: BlockTime,
) -> bool {
    let Some(known) = peers.get(&verified.name) else { return false };
    let (newest, issued) = (known.verified.entry.issued, verified.entry.issued);
    listed.is_connected && newest <= now && newest.get().saturating_sub(issued.get()) > STALE_US
}

/// A certificate that ended or was taken back is no lie of who lists it: it may not know yet.
fn judge(error: &EntryError, faults: &mut Faults) {
    match error.code() {
        Code::CertificateExpired | Code::CertificateTooEarly | Code::CertificateRevoked => return,
        Code::CertificateUntrusted | Code::CertificateChainBroken => faults.foreign += 1,
        _ => faults.forged += 1,
    }
    faults.note(error.code(), error);
}

/// Of each name what it said last. When there are too many, those who spoke last. A word from the future
/// counts until the next one: a clock that was wrong once must not bind its peer to an old address.
fn merged(
    old: BTreeMap<NodeName, Known>,
    news: impl IntoIterator<Item = Known>,
    now: BlockTime,
) -> BTreeMap<NodeName, Known> {
    let mut all = old;
    for known in news {
        let issued = known.verified.entry.issued;
        let is_older = all.get(&known.verified.name).is_some_and(|other| {
            let kept = other.verified.entry.issued;
            kept > issued && kept <= now
        });
        if !is_older {
            all.insert(known.verified.name.clone(), known);
        }
    }
    while all.len() > LISTED_MAX {
        let oldest = all.iter().min_by_key(|(_, known)| known.verified.entry.issued);
        let Some(name) = oldest.map(|(name, _)| name.clone()) else { break };
        all.remove(&name);
    }
    all
}

#[cfg(test)]
#[path = "known_peers_tests.rs"]
mod tests;
