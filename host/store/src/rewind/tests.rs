//! Stores taken back: every kept block has its parent's state, the rest is told apart, and nothing of
//! the peer's is changed.

use super::*;
use crate::commitment::StateCommitment;
use crate::database::tests::{genesis, next};
use std::collections::BTreeMap;
use std::fs;

const BLOCKS: u64 = 12;

fn chain(dir: &Path, history_blocks: u64) -> ChannelStore {
    let options = StoreOptions::default();
    let mut store = ChannelStore::open(dir, &genesis(history_blocks), &options).unwrap();
    while store.reader().tip().height < Height::new(BLOCKS) {
        let commit = next(&store, &[]);
        store.commit(&[commit]).unwrap();
    }
    store
}

fn before(from: &Path, scratch: &Path, height: u64) -> Result<Rewound, RewindError> {
    let choose = |_: &AtTip<'_>| Ok(Height::new(height));
    rewind(from, scratch, &choose, &mut |_, _| true).map(|(rewound, _)| rewound)
}

/// Every file below a folder with its content.
fn all_of(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => drop(found.insert(path.clone(), fs::read(&path).unwrap())),
            }
        }
    }
    found
}

#[test]
fn before_every_block_is_the_state_of_its_parent_while_the_peer_has_its_store_open() {
    let folder = tempfile::tempdir().unwrap();
    let (from, scratch) = (folder.path().join("peer"), folder.path().join("copy"));
    let peer = chain(&from, 0);
    let files = all_of(&from);
    for height in 1..=BLOCKS {
        let mut rewound = before(&from, &scratch, height).unwrap();
        let (tip, kept) = (rewound.store().reader().tip(), rewound.kept(Height::new(height)));
        let kept = kept.unwrap().unwrap();
        assert_eq!((tip.height.next(), rewound.last()), (Height::new(height), Height::new(BLOCKS)));
        assert_eq!(kept.block.header().parent.roots, tip.roots);
        // And forward again: the state commitment tells that the writes fit.
        let tree = rewound.store().tree();
        let (root, version) = tree.apply(&tree.committed(), &kept.result.writes).unwrap();
        assert_eq!(root, kept.result.roots.state);
        rewound.advance(&kept.block, &kept.result, &version).unwrap();
        assert_eq!(rewound.store().reader().tip().height, Height::new(height));
        for write in &kept.result.writes {
            let now = rewound.store().reader().state_get(&write.score, &write.key).unwrap();
            assert_eq!(now, write.value);
        }
    }
    assert!(all_of(&from) == files, "no file of the peer has changed");
    drop(peer);
}

#[test]
fn what_is_out_of_reach_is_told_with_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (from, scratch) = (folder.path().join("peer"), folder.path().join("copy"));
    drop(chain(&from, 5));
    let said = |height| {
        let error = before(&from, &scratch, height).unwrap_err();
        (error.code(), error.to_string())
    };
    let old = "block 7 is older than the 5 blocks of history this peer keeps, which begin with \
               block 8";
    assert_eq!(said(7), (Code::HistoryGone, old.to_owned()));
    let above = "there is no block 13 in this store, its last one is block 12";
    assert_eq!(said(13), (Code::NotFound, above.to_owned()));
    assert_eq!(said(0).0, Code::ReplayImpossible);
    before(&from, &scratch, 8).unwrap();
}

#[test]
fn a_store_whose_files_go_away_all_the_time_is_busy() {
    let folder = tempfile::tempdir().unwrap();
    let (from, scratch) = (folder.path().join("peer"), folder.path().join("copy"));
    drop(chain(&from, 0));
    // A name without a file, as one that the peer removed between the list and the opening.
    let gone = from.join(crate::database::opening::DATABASE_DIR).join("gone");
    std::os::unix::fs::symlink("/nowhere", gone).unwrap();
    let busy = before(&from, &scratch, BLOCKS).unwrap_err();
    assert_eq!(busy.code(), Code::StoreBusy, "{busy}");
}

#[test]
fn the_choice_sees_the_last_state() {
    let folder = tempfile::tempdir().unwrap();
    let (from, scratch) = (folder.path().join("peer"), folder.path().join("copy"));
    let peer = chain(&from, 0);
    let last = peer.reader().result(Height::new(BLOCKS)).unwrap().unwrap();
    let write = last.writes.iter().find(|write| write.value.is_some()).unwrap();
    let choose = |at: &AtTip<'_>| {
        assert_eq!(at.get(&write.score, &write.key).unwrap(), write.value);
        assert_eq!((at.tip, at.oldest), (Height::new(BLOCKS), Height::new(1)));
        Ok(at.tip)
    };
    let mut copied = (0, 0);
    let (_, report) = rewind(&from, &scratch, &choose, &mut |now, all| {
        copied = (now, all);
        true
    })
    .unwrap();
    assert_eq!(copied, (report.bytes, report.bytes));
    assert!(report.files > 6, "{report:?}");
    let stopped = rewind(&from, &scratch, &choose, &mut |_, _| false).unwrap_err();
    assert_eq!(stopped.code(), Code::StoreFailed, "{stopped}");
}

#[test]
fn a_state_that_is_not_the_parents_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (from, scratch) = (folder.path().join("peer"), folder.path().join("copy"));
    drop(chain(&from, 0));
    {
        let options = StoreOptions::default();
        let copy = Copy::open(&from, &options).unwrap();
        let mut batch = copy.batch();
        let token = ScoreName::new("token").unwrap();
        batch.insert(&copy.keyspaces.state, schema::state_key(&token, b"forged"), b"1".as_slice());
        batch.commit().unwrap();
    }
    let error = before(&from, &scratch, 9).unwrap_err();
    assert_eq!(error.code(), Code::StoreDamaged, "{error}");
    assert!(error.to_string().contains("the state has another root"), "{error}");
}

#[test]
fn a_store_that_its_peer_goes_on_writing_is_copied_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (from, scratch) = (folder.path().join("peer"), folder.path().join("copy"));
    // Tables are written and replaced all the time.
    let options = StoreOptions { memtable_bytes: 4096, ..StoreOptions::default() };
    let mut store = ChannelStore::open(&from, &genesis(0), &options).unwrap();
    let commit = next(&store, &[]);
    store.commit(&[commit]).unwrap();
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                let commit = next(&store, &[]);
                store.commit(&[commit]).unwrap();
            }
        });
        let choose = |at: &AtTip<'_>| Ok(Height::new(at.tip.get().div_ceil(2)));
        for _ in 0..8 {
            let taken = rewind(&from, &scratch, &choose, &mut |_, _| true);
            if taken.is_err() {
                is_done.store(true, std::sync::atomic::Ordering::Relaxed);
            }
            let (rewound, _) = taken.unwrap();
            let half = Height::new(rewound.last().get().div_ceil(2));
            assert_eq!(rewound.store().reader().tip().height.next(), half);
        }
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
