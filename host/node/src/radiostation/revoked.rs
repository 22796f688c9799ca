//! What organisations have taken back, as far as this RadioStation knows: numbers of their lists, serial numbers.
//!
//! In: revocation lists, from peers and from the operator's folder; whoever brings one need not be believed, a
//! root signed it. Out: certificates that open no session and stand in no directory, also after a restart. A
//! list that is not newer than the one known changes nothing, and what was taken back once never comes back,
//! also when a later list leaves it out. Deliberately not here: sessions and the registry (`station`).

use crate::whole_file::WholeFile;
use host_identity::{Crl, CrlError, Root, Serial};
use host_rpc::directory::ROOTS_MAX;
use host_types::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use host_types::{Code, Hash32, Rejection};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The file in the data folder.
const FILE: &str = "revoked";
const FORMAT: u64 = 1;
/// Serial numbers kept of one root: ten full lists. More: the list is refused.
const SERIALS_MAX: usize = 10_000;

/// What one root has taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Taken {
    root: Hash32,
    number: u64,
    serials: BTreeSet<Serial>,
}

impl Encode for Taken {
    fn encode(&self, w: &mut Writer) {
        w.array(3);
        w.bytes(self.root.as_bytes());
        w.uint(self.number);
        w.array(self.serials.len());
        self.serials.iter().for_each(|serial| w.bytes(serial.as_bytes()));
    }
}

impl Decode<'_> for Taken {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(3)?;
        let (root, number) = (Hash32::new(r.bytes_exact::<32>()?), r.uint()?);
        let count = r.array_up_to(SERIALS_MAX)?;
        let mut serials = BTreeSet::new();
        for _ in 0..count {
            let error = r.error(CodecErrorKind::OutOfRange);
            serials.insert(Serial::new(r.bytes(Serial::BYTES_MAX)?).ok_or(error)?);
        }
        Ok(Self { root, number, serials })
    }
}

/// All that was taken back.
#[derive(Debug)]
pub struct Revocations {
    file: WholeFile,
    taken: Mutex<BTreeMap<Hash32, Taken>>,
}

fn read(bytes: &[u8]) -> Result<Vec<Taken>, CodecError> {
    let mut r = Reader::new(bytes);
    r.array(2)?;
    let unknown = r.error(CodecErrorKind::UnknownFormat);
    if r.uint()? != FORMAT {
        return Err(unknown);
    }
    let all = r.list(ROOTS_MAX)?;
    r.finish()?;
    Ok(all)
}

impl Revocations {
    /// Reads what was known before.
    ///
    /// # Errors
    /// `LC5206` when the file is damaged: without it what was taken back would count again. `LC5205` when it
    /// cannot be read.
    pub fn open(data: &Path) -> Result<Self, Rejection> {
        let file = WholeFile::open(data, FILE)?;
        let all = match file.load()? {
            None => Vec::new(),
            Some(bytes) => read(&bytes).map_err(|error| {
                let message = format!("{}: {error}", file.path().display());
                Rejection::new(Code::StoreDamaged, message)
            })?,
        };
        let taken = all.into_iter().map(|taken| (taken.root, taken)).collect();
        Ok(Self { file, taken: Mutex::new(taken) })
    }

    /// Takes a list of one of the roots. It is durable when this returns with true; false: it is known.
    ///
    /// # Errors
    /// `LC4121` when it is none, no root signed it, it is older than the one known, or too much is taken back;
    /// `LC5205` when it cannot be kept, and nothing has changed then.
    pub fn take(&self, der: &[u8], roots: &[Root]) -> Result<bool, Rejection> {
        let refused = |error: CrlError| Rejection::new(error.code(), error.to_string());
        let crl = Crl::parse(der, roots).map_err(refused)?;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let known = taken.get(&crl.root);
        if known.is_some_and(|known| is_same(known, &crl)) {
            return Ok(false);
        }
        crl.follows(known.map_or(0, |known| known.number)).map_err(refused)?;
        let mut serials = crl.serials;
        serials.extend(known.iter().flat_map(|known| known.serials.iter().cloned()));
        if serials.len() > SERIALS_MAX {
            let message =
                format!("{} certificates are taken back, at most {SERIALS_MAX}", serials.len());
            return Err(Rejection::new(Code::CrlRefused, message));
        }
        let mut next = taken.clone();
        next.insert(crl.root, Taken { root: crl.root, number: crl.number, serials });
        if next.len() > ROOTS_MAX {
            let message =
                format!("{ROOTS_MAX} roots have taken certificates back, and no more fit");
            return Err(Rejection::new(Code::CrlRefused, message));
        }
        let all: Vec<_> = next.values().cloned().collect();
        let mut w = Writer::default();
        w.array(2);
        w.uint(FORMAT);
        w.list(&all);
        self.file.save(&w.into_bytes())?;
        *taken = next;
        Ok(true)
    }

    /// Every certificate that was taken back: its root and its serial number.
    #[must_use]
    pub fn all(&self) -> BTreeSet<(Hash32, Serial)> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_root = |one: &Taken| {
            let root = one.root;
            one.serials.iter().map(move |serial| (root, serial.clone())).collect::<Vec<_>>()
        };
        taken.values().flat_map(of_root).collect()
    }

    /// Numbers of the newest lists, by root.
    #[must_use]
    pub fn numbers(&self) -> Vec<(Hash32, u64)> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.values().map(|one| (one.root, one.number)).collect()
    }
}

/// The same list again: every peer of a channel brings it.
fn is_same(known: &Taken, crl: &Crl) -> bool {
    known.number == crl.number && crl.serials.is_subset(&known.serials)
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_identity::{Authority, Revoked, Validity};
    use host_types::BlockTime;

    const NOW: BlockTime = BlockTime::new(1_700_000_000_000_000);

    fn serial(byte: u8) -> Serial {
        Serial::new(&[byte]).unwrap()
    }

    fn list(authority: &Authority, number: u64, bytes: &[u8]) -> Vec<u8> {
        let revoked: Vec<_> =
            bytes.iter().map(|byte| Revoked { serial: serial(*byte), at: NOW }).collect();
        authority.issue_crl(number, NOW, &revoked).unwrap()
    }

    #[test]
    fn lists_only_grow_and_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("bank-a", Validity::days_from_now(30)).unwrap();
        let roots = [authority.root().clone()];
        let root = roots[0].fingerprint();
        let known = Revocations::open(folder.path()).unwrap();
        assert_eq!(known.take(&list(&authority, 3, &[1, 2]), &roots), Ok(true));
        assert_eq!(known.take(&list(&authority, 3, &[1, 2]), &roots), Ok(false));
        for (number, serials) in [(2, vec![]), (3, vec![1, 9]), (0, vec![1])] {
            let rollback = known.take(&list(&authority, number, &serials), &roots).unwrap_err();
            assert_eq!(rollback.code, Code::CrlRefused, "{number}");
        }
        let again = Revocations::open(folder.path()).unwrap();
        assert_eq!(again.numbers(), [(root, 3)]);
        // A later list leaves out what ran out: it stays taken back.
        assert_eq!(again.take(&list(&authority, 4, &[7]), &roots), Ok(true));
        let all = [1, 2, 7].map(|byte| (root, serial(byte)));
        assert_eq!(again.all(), all.into());
        assert_eq!(Revocations::open(folder.path()).unwrap().all(), again.all());
    }

    /// Roots come and go with the configuration, and what they took back stays: one more than fits would
    /// leave a file that the next start refuses.
    #[test]
    fn no_more_roots_are_kept_than_the_file_can_hold() {
        let folder = tempfile::tempdir().unwrap();
        let known = Revocations::open(folder.path()).unwrap();
        let take = |number: usize| {
            let name = format!("bank-{number}");
            let authority = Authority::new(&name, Validity::days_from_now(30)).unwrap();
            known.take(&list(&authority, 1, &[1]), &[authority.root().clone()])
        };
        for number in 0..ROOTS_MAX {
            assert_eq!(take(number), Ok(true));
        }
        assert_eq!(take(ROOTS_MAX).unwrap_err().code, Code::CrlRefused);
        assert_eq!(Revocations::open(folder.path()).unwrap().all().len(), ROOTS_MAX);
    }

    #[test]
    fn lists_of_strangers_and_damaged_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [own, stranger] =
            ["bank-a", "bank-b"].map(|n| Authority::new(n, Validity::days_from_now(30)).unwrap());
        let roots = [own.root().clone()];
        let known = Revocations::open(folder.path()).unwrap();
        for der in [list(&stranger, 1, &[1]), b"no list".to_vec()] {
            assert_eq!(known.take(&der, &roots).unwrap_err().code, Code::CrlRefused);
        }
        assert_eq!(known.all(), BTreeSet::new());
        std::fs::write(folder.path().join(FILE), b"\x82\x02\x80").unwrap();
        assert_eq!(Revocations::open(folder.path()).unwrap_err().code, Code::StoreDamaged);
    }
}
