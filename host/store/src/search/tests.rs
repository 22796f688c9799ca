//! The search against a walk through all blocks, with and without rows.

use super::*;
use crate::database::ChannelStore;
use crate::database::tests::{genesis, grow};
use crate::{Durability, StoreOptions};
use fjall::PersistMode;
use std::path::Path;

/// Every transaction of the test chain has this signer.
fn signer() -> CertificateId {
    CertificateId::new(Hash32::new([3; 32]))
}

fn all() -> TxSearch {
    TxSearch {
        signer: None,
        score: None,
        method: None,
        from: Height::ZERO,
        to: Height::new(u64::MAX),
        before: None,
        limit: 10,
    }
}

fn open(dir: &Path) -> ChannelStore {
    let options = StoreOptions { durability: Durability::Os, ..StoreOptions::default() };
    ChannelStore::open(dir, &genesis(20), &options).unwrap()
}

/// Follows the pages to the end.
fn pages(reader: &Reader, wanted: &TxSearch) -> Vec<(u64, u32)> {
    let (mut found, mut wanted) = (Vec::new(), wanted.clone());
    loop {
        let page = reader.search(&wanted).unwrap();
        assert!(page.places.len() <= wanted.limit);
        found.extend(page.places.iter().map(|place| (place.height.get(), place.index)));
        match page.next {
            Some(next) => wanted.before = Some(next),
            None => return found,
        }
    }
}

/// Three transactions in each block from `first` to `last`, newest first.
fn expected(first: u64, last: u64) -> Vec<(u64, u32)> {
    (first..=last).rev().flat_map(|height| [2, 1, 0].map(|index| (height, index))).collect()
}

#[test]
fn numbers_of_a_row_read_back() {
    for list in [vec![], vec![0], vec![0, 1, 2, 3], vec![5, 200, 201, 70_000, u32::MAX - 1]] {
        let mut row = Row::default();
        list.iter().for_each(|number| row.push(*number));
        assert_eq!(numbers(&row.bytes), Some(list));
    }
    assert_eq!(numbers(&[0x80]), None, "cut off");
    assert_eq!(numbers(&[0xff; 9]), None, "too large");
    let mut row = Row::default();
    (0..1000).for_each(|number| row.push(number));
    assert_eq!(row.bytes.len(), 1000, "neighbours take one byte");
}

#[test]
fn what_is_looked_for_is_found_newest_first_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    grow(&mut store, 7);
    let reader = store.reader();
    let score = ScoreName::new("token");
    let method = Some("transfer".to_owned());
    let some = [
        all(),
        TxSearch { signer: Some(signer()), ..all() },
        TxSearch { score: score.clone(), ..all() },
        TxSearch { score: score.clone(), method: method.clone(), ..all() },
        TxSearch { signer: Some(signer()), score: score.clone(), method, ..all() },
    ];
    for wanted in some {
        for limit in [1, 2, 4, 10, 100] {
            assert_eq!(pages(&reader, &TxSearch { limit, ..wanted.clone() }), expected(1, 7));
        }
        let (from, to) = (Height::new(3), Height::new(5));
        assert_eq!(pages(&reader, &TxSearch { from, to, ..wanted.clone() }), expected(3, 5));
        let from = Height::new(9);
        assert_eq!(pages(&reader, &TxSearch { from, ..wanted }), []);
    }
    let other = CertificateId::new(Hash32::new([4; 32]));
    let none = [
        TxSearch { signer: Some(other), ..all() },
        TxSearch { score: ScoreName::new("tok"), ..all() },
        TxSearch { score: score.clone(), method: Some("mint".into()), ..all() },
        TxSearch { signer: Some(other), score, ..all() },
    ];
    for wanted in none {
        assert_eq!(reader.search(&wanted).unwrap(), FoundTxs::default());
    }
}

#[test]
fn a_page_that_looked_at_enough_says_where_to_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    grow(&mut store, 3);
    let wanted = TxSearch { score: ScoreName::new("token"), ..all() };
    let reader = store.reader();
    let tired = |height| {
        let page = Page { wanted: &wanted, found: Vec::new(), looked_at: LOOKED_AT_MAX };
        page.end(Some(Height::new(height)))
    };
    let before = tired(2).next;
    assert_eq!(before, Some(TxPlace { height: Height::new(2), index: 0 }));
    let rest = TxSearch { before, ..wanted.clone() };
    assert_eq!(pages(&reader, &rest), expected(1, 1));
}

#[test]
fn blocks_without_rows_cost_a_page_as_much_as_is_decoded_of_them() {
    let wanted = all();
    let looked_at = |blocks: usize, transactions| {
        let mut page = Page { wanted: &wanted, found: Vec::new(), looked_at: 0 };
        for _ in 0..blocks {
            page.take(Height::ZERO, &[], cost_of_block(transactions));
        }
        page.is_tired()
    };
    assert!(looked_at(LOOKED_AT_MAX, 0) && !looked_at(LOOKED_AT_MAX - 1, 0));
    let full = host_types::limits::BLOCK_TXS_MAX;
    assert!(looked_at(2, full) && !looked_at(1, full));
}

#[test]
fn blocks_from_before_the_index_are_read_and_the_answer_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    grow(&mut store, 4);
    // As a node without the index has left it: it knows of no rows.
    let shared = store.reader().0;
    let rows: Vec<_> = shared.keyspaces.search.iter().map(|row| row.key().unwrap()).collect();
    assert_eq!(rows.len(), 3 * 4);
    for row in rows {
        shared.keyspaces.search.remove(row).unwrap();
    }
    shared.keyspaces.meta.remove(schema::META_INDEXED).unwrap();
    shared.database.persist(PersistMode::SyncAll).unwrap();
    drop((shared, store));
    let mut store = open(dir.path());
    grow(&mut store, 3);
    let reader = store.reader();
    assert_eq!(reader.0.indexed_from, Height::new(5));
    for limit in [1, 2, 5, 100] {
        let wanted = TxSearch { signer: Some(signer()), limit, ..all() };
        assert_eq!(pages(&reader, &wanted), expected(1, 7));
        let to = Height::new(3);
        assert_eq!(pages(&reader, &TxSearch { to, ..wanted.clone() }), expected(1, 3));
        let from = Height::new(6);
        assert_eq!(pages(&reader, &TxSearch { from, ..wanted }), expected(6, 7));
    }
    // Opened once more, it goes on with the rows it has.
    drop((reader, store));
    assert_eq!(open(dir.path()).reader().0.indexed_from, Height::new(5));
}

#[test]
fn blocks_that_another_version_stored_meanwhile_end_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    grow(&mut store, 2);
    let shared = store.reader().0;
    // It went to block 2, says the row; another version stored one more since.
    let row = schema::indexed_value(Height::ZERO, Height::new(1));
    shared.keyspaces.meta.insert(schema::META_INDEXED, row).unwrap();
    shared.database.persist(PersistMode::SyncAll).unwrap();
    drop((shared, store));
    assert_eq!(open(dir.path()).reader().0.indexed_from, Height::new(3));
}
