//! A trail survives restarts and torn writes, and every change of it is found.

use super::judge::{Known, judge};
use super::*;
use host_core::system::trail::TrailRoot;
use host_types::read_request::ReadRequest;
use host_types::{CertificateId, Decode, GenesisHash};
use std::fs;
use std::path::PathBuf;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn answered(number: u64) -> Answered {
    let request = ReadRequest {
        genesis: GenesisHash::new(Hash32::sha256(b"genesis")),
        method: "GET".into(),
        target: format!("/api/v2/channels/demo/blocks/{number}"),
        body: Hash32::sha256(b""),
        signer: CertificateId::new(Hash32::sha256(b"audit0")),
        nonce: number,
        expiry: BlockTime::new(9),
    };
    let signature = key(2).sign(&request.signing_message());
    Answered {
        request: SignedRead { request, signature },
        reader: NodeName::new("fss/audit0").unwrap(),
        grant: "fss/audit0".into(),
        height: Height::new(number + 10),
        time: BlockTime::new(7),
        status: 200,
        answer: Hash32::sha256(&number.to_be_bytes()),
    }
}

fn trail(folder: &Path, records: std::ops::RangeInclusive<u64>) -> Trail {
    let trail = Trail::open(folder, Arc::new(key(1))).unwrap();
    records.for_each(|number| trail.add(answered(number)).unwrap());
    trail
}

fn segment(folder: &Path) -> PathBuf {
    folder.join(TRAIL_FOLDER).join("00000001.trail")
}

fn found(folder: &Path, roots: &[TrailRoot]) -> Vec<(u64, Code)> {
    let (records, odd) = read_all(folder).unwrap();
    let known = Known {
        genesis: GenesisHash::new(Hash32::sha256(b"genesis")),
        peer: vec![key(1).public()],
        key_of: &|_| Some(key(2).public()),
        roots,
    };
    let mut found: Vec<_> =
        judge(&records, &known).into_iter().map(|(at, why)| (at.get(), why.code)).collect();
    found.extend(odd.map(|_| (0, Code::StoreDamaged)));
    found
}

#[test]
fn records_follow_each_other_over_restarts_and_a_torn_write_was_never_answered() {
    let folder = tempfile::tempdir().unwrap();
    let first = trail(folder.path(), 1..=2).reached();
    assert_eq!(first.count, 2);
    let whole = fs::read(segment(folder.path())).unwrap();
    for torn in [&[0u8, 0, 1][..], &[0, 0, 1, 0, 0x82], &[0; 700]] {
        fs::write(segment(folder.path()), [&whole, torn].concat()).unwrap();
        assert_eq!(found(folder.path(), &[]), []);
        let trail = Trail::open(folder.path(), Arc::new(key(1))).unwrap();
        assert_eq!(trail.reached(), first);
        assert_eq!(fs::read(segment(folder.path())).unwrap(), whole);
    }
    let reached = trail(folder.path(), 3..=3).reached();
    let (records, odd) = read_all(folder.path()).unwrap();
    let numbers: Vec<_> = records.iter().map(|one| one.record.number).collect();
    assert_eq!((numbers, odd), (vec![1, 2, 3], None));
    assert_eq!(records[2].record.previous, first.root);
    let root = TrailRoot { height: Height::new(50), count: 3, root: reached.root };
    assert_eq!(found(folder.path(), &[root]), []);
}

#[test]
fn every_byte_that_is_changed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let reached = trail(folder.path(), 1..=3).reached();
    let root = TrailRoot { height: Height::new(50), count: 3, root: reached.root };
    let whole = fs::read(segment(folder.path())).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(segment(folder.path()), changed).unwrap();
        assert!(!found(folder.path(), &[root]).is_empty(), "byte {at}");
    }
}

#[test]
fn records_that_are_cut_off_or_made_anew_differ_from_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let reached = trail(folder.path(), 1..=3).reached();
    let root = TrailRoot { height: Height::new(50), count: 3, root: reached.root };
    fs::remove_file(segment(folder.path())).unwrap();
    assert_eq!(found(folder.path(), &[root]), [(50, Code::TrailMissing)]);
    trail(folder.path(), 1..=2);
    assert_eq!(found(folder.path(), &[root]), [(50, Code::TrailMissing)]);
    // The peer itself signs another third record: only the chain knows better.
    trail(folder.path(), 4..=4);
    assert_eq!(found(folder.path(), &[root]), [(50, Code::TrailMissing)]);
    assert_eq!(found(folder.path(), &[]), []);
}

#[test]
fn a_record_by_another_peer_or_of_another_channel_is_told_with_its_height() {
    let folder = tempfile::tempdir().unwrap();
    let other = Trail::open(folder.path(), Arc::new(key(9))).unwrap();
    other.add(answered(1)).unwrap();
    assert_eq!(found(folder.path(), &[]), [(11, Code::TrailBroken)]);
}

#[test]
fn a_write_that_fails_ends_the_answers_and_a_full_segment_begins_the_next() {
    let folder = tempfile::tempdir().unwrap();
    // A file stands where the folder of the trail belongs.
    fs::write(folder.path().join(TRAIL_FOLDER), b"").unwrap();
    assert_eq!(Trail::open(folder.path(), Arc::new(key(1))).unwrap_err().code, Code::TrailFailed);
    fs::remove_file(folder.path().join(TRAIL_FOLDER)).unwrap();
    let trail = Trail::open(folder.path(), Arc::new(key(1))).unwrap();
    fs::write(folder.path().join(TRAIL_FOLDER), b"").unwrap();
    assert_eq!(trail.add(answered(1)).unwrap_err().code, Code::TrailFailed);
    // Not even when the disk is well again: what was refused is not known to be missing.
    fs::remove_file(folder.path().join(TRAIL_FOLDER)).unwrap();
    assert_eq!(trail.add(answered(1)).unwrap_err().code, Code::TrailFailed);
    assert_eq!(trail.reached(), Reached::default());
}

#[test]
fn a_record_reads_back_and_every_cut_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    trail(folder.path(), 1..=1);
    let bytes = read_all(folder.path()).unwrap().0[0].to_bytes();
    for length in 0..bytes.len() {
        assert!(SignedRecord::from_bytes(&bytes[..length]).is_err());
    }
}
