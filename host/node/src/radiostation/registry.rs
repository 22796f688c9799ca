//! Who announced itself: entries by name, in join order, alive or silent.
//!
//! In: verified entries, moments. Out: [`Record`]s and the bytes that survive a restart. Pure: no
//! clock, no file, no socket. A number is given once, to one name, for ever: also the number of a
//! name that had to make room. Deliberately not here: whether an entry is to be believed
//! (`host_rpc::directory`), where the bytes are kept (`crate::whole_file`).

use host_rpc::directory::{Entry, LISTED_MAX, Listed, SignedEntry, VerifiedEntry};
use host_types::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use host_types::limits::FETCH_BYTES_MAX;
use host_types::{BlockTime, NodeName};
use std::collections::BTreeMap;
use std::time::Duration;

/// Silence after which a peer counts as disconnected: three announcements are missing.
pub const SILENCE: Duration = Duration::from_secs(10);
/// Names kept. One more: the name that was silent for longest makes room, or the newcomer is
/// refused when all are alive.
pub const PEERS_MAX: usize = LISTED_MAX;
/// Bytes of the entries in one list, so that the answer fits a frame with what stands around them.
const LIST_BYTES_MAX: usize = FETCH_BYTES_MAX - 64 * 1024;
/// Bytes around an entry in a list: order, status and its time.
const LISTED_BYTES: usize = 32;
/// 2: entries of format 2.
const FORMAT: u64 = 2;
/// Entries with the names of channels. Nobody believes them any more; the numbers that they had stay used.
const FORMAT_WITH_NAMES: u64 = 1;

/// One moment on two clocks: people read the first, silence is measured by the second, which
/// never steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Microseconds since 1970.
    pub wall: BlockTime,
    /// Since the radiostation started.
    pub steady: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Sign {
    /// Not since the radiostation started.
    None { since: BlockTime },
    /// Without a gap since `first`.
    Heard { first: BlockTime, last: Moment },
}

/// One announced peer.
#[derive(Clone, Debug)]
pub struct Record {
    /// Join order, from 1; never reused.
    pub order: u32,
    /// `ORG/NAME`, as its certificate says.
    pub name: NodeName,
    /// The key in its signing certificate.
    pub public_key: [u8; 32],
    /// What it said last, with its signature.
    pub signed: SignedEntry,
    sign: Sign,
    bytes: usize,
}

impl Record {
    fn new(order: u32, signed: SignedEntry, verified: VerifiedEntry, sign: Sign) -> Self {
        let bytes = signed.to_bytes().len() + LISTED_BYTES;
        let VerifiedEntry { name, public_key, .. } = verified;
        Self { order, name, public_key, signed, sign, bytes }
    }

    /// What it said last.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        self.signed.entry()
    }

    /// Whether it announced itself lately.
    #[must_use]
    pub fn is_connected(&self, now: Moment) -> bool {
        match self.sign {
            Sign::None { .. } => false,
            Sign::Heard { last, .. } => now.steady.saturating_sub(last.steady) <= SILENCE,
        }
    }

    /// When [`Self::is_connected`] last changed.
    #[must_use]
    pub fn status_since(&self, now: Moment) -> BlockTime {
        match self.sign {
            Sign::None { since } => since,
            Sign::Heard { first, .. } if self.is_connected(now) => first,
            Sign::Heard { last, .. } => {
                let silence = u64::try_from(SILENCE.as_micros()).unwrap_or(u64::MAX);
                BlockTime::new(last.wall.get().saturating_add(silence))
            }
        }
    }

    /// As the directory hands it out.
    #[must_use]
    pub fn listed(&self, now: Moment) -> Listed {
        Listed {
            order: self.order,
            is_connected: self.is_connected(now),
            status_since: self.status_since(now),
            entry: self.signed.clone(),
        }
    }

    fn hear(&mut self, now: Moment) {
        let first = match self.sign {
            Sign::Heard { first, .. } if self.is_connected(now) => first,
            _ => now.wall,
        };
        self.sign = Sign::Heard { first, last: now };
    }

    /// When it was last heard, and the newest first among those never heard.
    const fn heard(&self) -> (Option<Duration>, std::cmp::Reverse<u32>) {
        let last = match self.sign {
            Sign::None { .. } => None,
            Sign::Heard { last, .. } => Some(last.steady),
        };
        (last, std::cmp::Reverse(self.order))
    }
}

/// What an announcement did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Join order of the peer.
    pub order: u32,
    /// Whether the name was not known.
    pub is_new: bool,
    /// Whether the file on disk says something else now.
    pub is_changed: bool,
}

/// Every place is taken by a peer that is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{PEERS_MAX} peers are connected, and there is no place for more")]
pub struct Full;

/// All announced peers.
#[derive(Clone, Debug)]
pub struct Registry {
    records: BTreeMap<NodeName, Record>,
    next_order: u32,
}

impl Default for Registry {
    fn default() -> Self {
        Self { records: BTreeMap::new(), next_order: 1 }
    }
}

impl Registry {
    /// Takes an entry; what a peer says last replaces what it said before.
    ///
    /// # Errors
    /// When all places are taken by peers that are alive.
    pub fn announce(
        &mut self,
        signed: SignedEntry,
        verified: VerifiedEntry,
        now: Moment,
    ) -> Result<Announced, Full> {
        if let Some(record) = self.records.get_mut(&verified.name) {
            let is_changed = is_other(record.entry(), signed.entry());
            record.hear(now);
            let replacement = Record::new(record.order, signed, verified, record.sign);
            *record = replacement;
            return Ok(Announced { order: record.order, is_new: false, is_changed });
        }
        if self.records.len() >= PEERS_MAX {
            self.make_room(now)?;
        }
        let order = self.next_order;
        self.next_order = order.checked_add(1).ok_or(Full)?;
        let sign = Sign::Heard { first: now.wall, last: now };
        let name = verified.name.clone();
        self.records.insert(name, Record::new(order, signed, verified, sign));
        Ok(Announced { order, is_new: true, is_changed: true })
    }

    /// Forgets a name; its number stays used. Whether it was there.
    pub fn strike(&mut self, name: &NodeName) -> bool {
        self.records.remove(name).is_some()
    }

    /// Forgets those that `is_kept` does not want any more; their numbers stay used. Who they are.
    pub fn retain(&mut self, is_kept: impl Fn(&Record) -> bool) -> Vec<NodeName> {
        let gone = self.records.extract_if(.., |_, record| !is_kept(record));
        gone.map(|(name, _)| name).collect()
    }

    fn make_room(&mut self, now: Moment) -> Result<(), Full> {
        let silent = self.records.values().filter(|record| !record.is_connected(now));
        let name = silent.min_by_key(|record| record.heard()).ok_or(Full)?.name.clone();
        self.records.remove(&name);
        Ok(())
    }

    /// Peers that `is_wanted`, in join order.
    pub fn records(&self, is_wanted: impl Fn(&Record) -> bool) -> Vec<&Record> {
        let mut records: Vec<_> = self.records.values().filter(|r| is_wanted(r)).collect();
        records.sort_by_key(|record| record.order);
        records
    }

    /// Peers that `is_wanted`, in join order, as many as fit one answer; those that are alive go
    /// before the others.
    #[must_use]
    pub fn list(&self, now: Moment, is_wanted: impl Fn(&Record) -> bool) -> Vec<Listed> {
        let mut records = self.records(is_wanted);
        records.sort_by_key(|record| !record.is_connected(now));
        let mut bytes = 0;
        let fitting = records.into_iter().take_while(|record| {
            bytes += record.bytes;
            bytes <= LIST_BYTES_MAX
        });
        let mut listed: Vec<_> = fitting.map(|record| record.listed(now)).collect();
        listed.sort_by_key(|one| one.order);
        listed
    }

    /// What [`Self::restore`] reads.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let records = self.records(|_| true);
        let kept: Vec<_> = records
            .into_iter()
            .map(|record| Kept { order: record.order, entry: record.signed.clone() })
            .collect();
        let mut w = Writer::default();
        w.array(3);
        w.uint(FORMAT);
        w.uint(u64::from(self.next_order));
        w.list(&kept);
        w.into_bytes()
    }

    /// The registry as it was kept; everybody is silent until heard again. Entries that `check`
    /// does not believe any more are left out, and their numbers stay used: all of a file of format 1.
    ///
    /// # Errors
    /// When the bytes are no registry.
    pub fn restore(
        bytes: &[u8],
        now: Moment,
        check: impl Fn(&SignedEntry) -> Option<VerifiedEntry>,
    ) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        let r = &mut reader;
        r.array(3)?;
        let unknown = r.error(CodecErrorKind::UnknownFormat);
        let format = r.uint()?;
        if format != FORMAT && format != FORMAT_WITH_NAMES {
            return Err(unknown);
        }
        let out_of_range = r.error(CodecErrorKind::OutOfRange);
        let next_order: u32 = r.uint_as()?;
        if format == FORMAT_WITH_NAMES {
            return Ok(Self { records: BTreeMap::new(), next_order: next_order.max(1) });
        }
        let kept: Vec<Kept> = r.list(PEERS_MAX)?;
        r.finish()?;
        if kept.iter().any(|one| one.order == 0 || one.order >= next_order) {
            return Err(out_of_range);
        }
        let sign = Sign::None { since: now.wall };
        let records = kept.into_iter().filter_map(|one| {
            let verified = check(&one.entry)?;
            Some((verified.name.clone(), Record::new(one.order, one.entry, verified, sign)))
        });
        Ok(Self { records: records.collect(), next_order })
    }
}

/// Whether an entry says something else than that the peer is still there.
fn is_other(old: &Entry, new: &Entry) -> bool {
    let said = |entry: &Entry| Entry { issued: BlockTime::default(), ..entry.clone() };
    said(old) != said(new)
}

/// One peer on disk.
struct Kept {
    order: u32,
    entry: SignedEntry,
}

impl Encode for Kept {
    fn encode(&self, w: &mut Writer) {
        w.array(2);
        w.uint(u64::from(self.order));
        self.entry.encode(w);
    }
}

impl Decode<'_> for Kept {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(2)?;
        Ok(Self { order: r.uint_as()?, entry: SignedEntry::decode(r)? })
    }
}

#[cfg(test)]
mod tests {
    use super::{Announced, Full, Moment, PEERS_MAX, Registry, SILENCE};
    use host_identity::SigningKey;
    use host_rpc::directory::{Entry, SignedEntry, VerifiedEntry};
    use host_types::{BlockTime, NetworkId, NodeName};
    use std::time::Duration;

    const START_US: u64 = 1_700_000_000_000_000;

    fn at(seconds: u64) -> Moment {
        let wall = BlockTime::new(START_US + seconds * 1_000_000);
        Moment { wall, steady: Duration::from_secs(seconds) }
    }

    /// The "certificate" is the name: whether certificates are good is not this module's matter.
    fn entry(name: &str, target: &str, issued: u64) -> (SignedEntry, VerifiedEntry) {
        let entry = Entry {
            certificate: name.as_bytes().to_vec(),
            rpc_target: target.to_owned(),
            rest_target: String::new(),
            channels: Vec::new(),
            issued: BlockTime::new(issued),
        };
        let signed = entry.sign(NetworkId::default(), &SigningKey::from_seed([1; 32]));
        let verified = believe(&signed).unwrap();
        (signed, verified)
    }

    fn believe(signed: &SignedEntry) -> Option<VerifiedEntry> {
        let entry = signed.entry().clone();
        let name = NodeName::new(std::str::from_utf8(&entry.certificate).ok()?)?;
        Some(VerifiedEntry { entry, name, public_key: [1; 32] })
    }

    fn announce(registry: &mut Registry, name: &str, now: Moment) -> Result<Announced, Full> {
        let (signed, verified) = entry(name, "127.0.0.1:7100", now.wall.get());
        registry.announce(signed, verified, now)
    }

    fn orders(registry: &Registry) -> Vec<(u32, String)> {
        let records = registry.records(|_| true);
        records.iter().map(|r| (r.order, r.name.as_str().to_owned())).collect()
    }

    #[test]
    fn peers_are_numbered_as_they_join_and_keep_their_number() {
        let mut registry = Registry::default();
        for (second, name) in [(0, "bank-b/peer0"), (1, "bank-a/peer0"), (2, "bank-b/peer0")] {
            announce(&mut registry, name, at(second)).unwrap();
        }
        let expected = [(1, "bank-b/peer0".to_owned()), (2, "bank-a/peer0".to_owned())];
        assert_eq!(orders(&registry), expected);
    }

    #[test]
    fn only_news_is_worth_a_write() {
        let mut registry = Registry::default();
        let first = announce(&mut registry, "bank-a/peer0", at(0)).unwrap();
        assert_eq!(first, Announced { order: 1, is_new: true, is_changed: true });
        let again = announce(&mut registry, "bank-a/peer0", at(3)).unwrap();
        assert_eq!(again, Announced { order: 1, is_new: false, is_changed: false });
        let (signed, verified) = entry("bank-a/peer0", "127.0.0.1:7200", 5);
        let moved = registry.announce(signed, verified, at(6)).unwrap();
        assert_eq!(moved, Announced { order: 1, is_new: false, is_changed: true });
        assert_eq!(registry.records(|_| true)[0].entry().rpc_target, "127.0.0.1:7200");
    }

    #[test]
    fn a_silent_peer_is_disconnected_and_comes_back_under_its_number() {
        let mut registry = Registry::default();
        announce(&mut registry, "bank-a/peer0", at(5)).unwrap();
        announce(&mut registry, "bank-a/peer0", at(8)).unwrap();
        let seen = |registry: &Registry, second| {
            let one = &registry.list(at(second), |_| true)[0];
            (one.order, one.is_connected, (one.status_since.get() - START_US) / 1_000_000)
        };
        assert_eq!(seen(&registry, 18), (1, true, 5));
        assert_eq!(seen(&registry, 19), (1, false, 8 + SILENCE.as_secs()));
        announce(&mut registry, "bank-a/peer0", at(30)).unwrap();
        assert_eq!(seen(&registry, 31), (1, true, 30));
    }

    #[test]
    fn a_step_of_the_wall_clock_disconnects_nobody() {
        let mut registry = Registry::default();
        announce(&mut registry, "bank-a/peer0", at(5)).unwrap();
        let stepped = Moment { wall: BlockTime::new(START_US * 2), ..at(6) };
        assert!(registry.list(stepped, |_| true)[0].is_connected);
        let back = Moment { wall: BlockTime::new(0), ..at(16) };
        assert!(!registry.list(back, |_| true)[0].is_connected);
    }

    #[test]
    fn a_restart_keeps_numbers_and_waits_for_signs_of_life() {
        let mut registry = Registry::default();
        for name in ["bank-b/peer0", "bank-a/peer0", "bank-c/peer0"] {
            announce(&mut registry, name, at(0)).unwrap();
        }
        // What is not believed any more is gone, but its number is not given again.
        let check = |signed: &SignedEntry| {
            believe(signed).filter(|verified| verified.name.as_str() != "bank-c/peer0")
        };
        let mut again = Registry::restore(&registry.to_bytes(), at(0), check).unwrap();
        assert_eq!(orders(&again), orders(&registry)[..2]);
        assert!(again.list(at(0), |_| true).iter().all(|one| !one.is_connected));
        assert_eq!(announce(&mut again, "bank-a/peer0", at(1)).unwrap().order, 2);
        assert_eq!(announce(&mut again, "bank-d/peer0", at(1)).unwrap().order, 4);
    }

    #[test]
    fn of_a_file_of_the_format_before_only_the_numbers_count() {
        let mut registry = Registry::default();
        for name in ["bank-b/peer0", "bank-a/peer0"] {
            announce(&mut registry, name, at(0)).unwrap();
        }
        let mut bytes = registry.to_bytes();
        assert_eq!(bytes[1], 2);
        bytes[1] = 1;
        let mut again = Registry::restore(&bytes, at(0), believe).unwrap();
        assert_eq!(orders(&again), []);
        assert_eq!(announce(&mut again, "bank-a/peer0", at(1)).unwrap().order, 3);
        bytes[1] = 3;
        assert!(Registry::restore(&bytes, at(0), believe).is_err());
    }

    #[test]
    fn damaged_bytes_are_no_registry() {
        let mut registry = Registry::default();
        announce(&mut registry, "bank-a/peer0", at(0)).unwrap();
        let bytes = registry.to_bytes();
        for end in 0..bytes.len() {
            assert!(Registry::restore(&bytes[..end], at(0), believe).is_err());
        }
        // The next number may not be one that is taken.
        let mut reused = bytes;
        assert_eq!(reused[2], 2);
        reused[2] = 1;
        assert!(Registry::restore(&reused, at(0), believe).is_err());
    }

    #[test]
    fn the_longest_silent_makes_room_and_nobody_who_is_alive() {
        let mut registry = Registry::default();
        for number in 0..PEERS_MAX {
            announce(&mut registry, &format!("bank-a/peer{number}"), at(0)).unwrap();
        }
        assert_eq!(announce(&mut registry, "bank-b/late", at(1)), Err(Full));
        for number in (0..PEERS_MAX).filter(|number| *number != 7) {
            announce(&mut registry, &format!("bank-a/peer{number}"), at(9)).unwrap();
        }
        let late = announce(&mut registry, "bank-b/late", at(11)).unwrap();
        assert_eq!(usize::try_from(late.order).unwrap(), PEERS_MAX + 1);
        let names: Vec<_> = orders(&registry).into_iter().map(|(_, name)| name).collect();
        assert!(!names.contains(&"bank-a/peer7".to_owned()));
        assert_eq!(announce(&mut registry, "bank-a/peer7", at(12)), Err(Full));
    }
}
