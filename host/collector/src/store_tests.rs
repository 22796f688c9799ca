//! Tests of the store, the chain and reading.

use super::*;
use crate::chain::{Verdict, verify};
use crate::filter::Filter;
use crate::read::Reader;
use serde_json::json;

fn record(seq: u64) -> Record {
    let line = json!({"message": format!("line {seq}")});
    let record = Record::of_line("bank-a/peer0".to_owned(), Some(seq), line);
    Record { run: Some("07".to_owned()), seq: Some(seq), ..record }
}

fn small() -> StoreBounds {
    StoreBounds { segment_bytes: 600, ..StoreBounds::default() }
}

fn read(folder: &Path) -> Vec<u64> {
    let mut reader = Reader::new(folder);
    let mut found = Vec::new();
    reader.read(&Filter::default(), &mut |record| found.extend(record.seq)).unwrap();
    found
}

#[test]
fn files_follow_each_other_by_size_and_are_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), small()).unwrap();
    for seq in 0..20 {
        store.append(&[record(seq)]).unwrap();
    }
    assert!(numbers(folder.path()).unwrap().len() > 3);
    assert_eq!(read(folder.path()), (0..20).collect::<Vec<_>>());
    let verdict = verify(folder.path()).unwrap();
    assert_eq!((verdict.first, verdict.records, verdict.broken.as_ref()), (1, 20, None));
}

#[test]
fn the_first_broken_file_is_named_whatever_was_done_to_it() {
    type Harm = fn(&Path);
    let cases: [(&str, Harm); 4] = [
        ("changed", |path| {
            let text = std::fs::read_to_string(path).unwrap();
            std::fs::write(path, text.replace("\"line ", "\"lime ")).unwrap();
        }),
        ("cut", |path| {
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() - 9]).unwrap();
        }),
        ("emptied", |path| std::fs::write(path, "").unwrap()),
        ("removed", |path| std::fs::remove_file(path).unwrap()),
    ];
    for (what, harm) in cases {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), small()).unwrap();
        for seq in 0..20 {
            store.append(&[record(seq)]).unwrap();
        }
        harm(&file_of(folder.path(), 2));
        let Verdict { broken, .. } = verify(folder.path()).unwrap();
        assert_eq!(broken.map(|broken| broken.number), Some(2), "{what}");
    }
}

#[test]
fn a_store_goes_on_after_a_crash_and_knows_how_far_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), small()).unwrap();
    for seq in 0..5 {
        store.append(&[record(seq)]).unwrap();
    }
    let newest = file_of(folder.path(), store.number);
    assert!(Store::open(folder.path(), small()).is_err(), "two at once");
    drop(store);
    let mut torn = File::options().append(true).open(&newest).unwrap();
    torn.write_all(br#"{"time_us":9,"sour"#).unwrap();
    let mut store = Store::open(folder.path(), small()).unwrap();
    assert_eq!(store.last_of("bank-a/peer0", "07"), Some(4));
    assert_eq!(store.last_of("bank-a/peer0", "08"), None);
    for seq in 5..20 {
        store.append(&[record(seq)]).unwrap();
    }
    assert_eq!(read(folder.path()), (0..20).collect::<Vec<_>>());
    assert_eq!(verify(folder.path()).unwrap().broken, None);
    // A head that was cut belongs to a file in which nothing was kept.
    let next = store.number + 1;
    drop(store);
    std::fs::write(file_of(folder.path(), next), "{\"schema\":").unwrap();
    let store = Store::open(folder.path(), small()).unwrap();
    assert_eq!(store.last_of("bank-a/peer0", "07"), Some(19));
}

#[test]
fn the_oldest_files_go_by_size_and_by_age_and_the_rest_is_still_a_chain() {
    let folder = tempfile::tempdir().unwrap();
    let bounds = StoreBounds { keep_bytes: 2_000, ..small() };
    let mut store = Store::open(folder.path(), bounds).unwrap();
    for seq in 0..40 {
        store.append(&[record(seq)]).unwrap();
    }
    let all = numbers(folder.path()).unwrap();
    let bytes: u64 = all.iter().map(|n| file_of(folder.path(), *n).metadata().unwrap().len()).sum();
    assert!(all[0] > 1 && bytes <= 2_000 + 700, "{all:?} {bytes}");
    let verdict = verify(folder.path()).unwrap();
    assert_eq!((verdict.first, verdict.broken), (all[0], None));
    assert_eq!(read(folder.path()).last(), Some(&39));
    store.retire(SystemTime::now() + KEEP_TIME + Duration::from_secs(60)).unwrap();
    assert_eq!(numbers(folder.path()).unwrap(), [store.number], "the newest stays");
}

#[test]
fn a_reader_goes_on_where_it_was_over_the_end_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), small()).unwrap();
    let mut reader = Reader::new(folder.path());
    let mut found = Vec::new();
    for seq in 0..20 {
        store.append(&[record(seq)]).unwrap();
        reader.read(&Filter::default(), &mut |record| found.extend(record.seq)).unwrap();
        assert_eq!(found.last(), Some(&seq));
    }
    assert_eq!(found, (0..20).collect::<Vec<_>>());
}
