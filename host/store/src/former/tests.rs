//! Keys of former states: proved for every block that is kept, whatever was written since, while
//! commits go on, and refused with what is out of reach.

use super::*;
use crate::database::tests::{genesis, key, next, next_writing, token, vote_for};
use crate::database::{ChannelStore, StoreOptions};
use crate::disk::Durability;
use crate::faulty::{Fault, FaultyDisk};
use host_types::receipt::Write;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

type State = BTreeMap<(ScoreName, Vec<u8>), Vec<u8>>;

fn open(dir: &Path, history_blocks: u64) -> ChannelStore {
    let options = StoreOptions { durability: Durability::Os, ..StoreOptions::default() };
    ChannelStore::open(dir, &genesis(history_blocks), &options).unwrap()
}

fn score(n: u8) -> ScoreName {
    ScoreName::new(["token", "token-two", "x"][usize::from(n) % 3]).unwrap()
}

/// Writes of one block: SCORE, key, value or deletion.
type Seed = Vec<(u8, u8, Option<u8>)>;

fn writes(seed: &Seed) -> Vec<Write> {
    let sorted: BTreeMap<_, _> =
        seed.iter().map(|(s, key, value)| ((score(*s), vec![*key]), *value)).collect();
    let write = |((score, key), value): (_, Option<u8>)| Write {
        score,
        key,
        value: value.map(|value| vec![value]),
    };
    sorted.into_iter().map(write).collect()
}

fn write_to(state: &mut State, writes: &[Write]) {
    for Write { score, key, value } in writes {
        let at = (score.clone(), key.clone());
        match value {
            Some(value) => state.insert(at, value.clone()),
            None => state.remove(&at),
        };
    }
}

/// Blocks and how many of them one commit takes.
fn chains() -> impl Strategy<Value = Vec<(Seed, usize)>> {
    // Few keys, so that they come, go and come again; many enough for branches.
    let seed = vec((0u8..3, 0u8..40, proptest::option::weighted(0.6, 0u8..3)), 0..40);
    vec((seed, 1usize..4), 1..16)
}

/// Commits the blocks; the state after each, genesis first.
fn grow(store: &mut ChannelStore, chain: &[(Seed, usize)]) -> Vec<State> {
    let mut states = vec![State::new()];
    let mut waiting = Vec::new();
    for (number, (seed, at_once)) in chain.iter().enumerate() {
        let commit = next_writing(store, &waiting, |_| writes(seed));
        waiting.push(commit);
        let mut state = states.last().unwrap().clone();
        write_to(&mut state, &writes(seed));
        states.push(state);
        if waiting.len() >= *at_once || number + 1 == chain.len() {
            store.commit(&waiting).unwrap();
            waiting.clear();
        }
    }
    states
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn every_key_is_proved_as_of_every_block_that_is_kept(
        chain in chains(), history in 3u64..12, value in 0u8..3
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path(), history);
        let states = grow(&mut store, &chain);
        let (reader, tree) = (store.reader(), store.tree());
        let tip = reader.tip().height.get();
        for (height, state) in (0..).zip(&states) {
            let at = Height::new(height);
            let pair = reader.pair(at).unwrap().unwrap();
            for (s, key) in (0u8..3).flat_map(|s| (0u8..41).map(move |key| (s, key))) {
                let (name, key) = (score(s), vec![key]);
                let proved = reader.prove_at(&tree, at, &name, &key);
                if height + history < tip {
                    let error = proved.unwrap_err();
                    prop_assert_eq!(error.code(), Code::HistoryGone, "{}", error);
                    continue;
                }
                let proved = proved.unwrap();
                let held = state.get(&(name.clone(), key.clone())).map(Vec::as_slice);
                prop_assert_eq!(proved.value.as_deref(), held);
                prop_assert_eq!((proved.block, proved.state_root), (pair.block, pair.roots.state));
                let verify = |root: Hash32, value: Option<&[u8]>| {
                    proved.proof.verify(root, &name, &key, value)
                };
                prop_assert!(verify(pair.roots.state, held));
                for claim in [None, Some(&[value][..])].into_iter().filter(|c| *c != held) {
                    prop_assert!(!verify(pair.roots.state, claim));
                }
                for (other, of_other) in (0..).zip(&states).filter(|(_, other)| *other != state) {
                    let root = reader.pair(Height::new(other)).unwrap().unwrap().roots.state;
                    prop_assert!(!verify(root, held), "{} {:?}", other, of_other);
                }
            }
        }
    }
}

fn height_error(store: &ChannelStore, bounds: Bounds, height: u64) -> ProveError {
    let at = Height::new(height);
    let (name, key) = (token(), key(1));
    store.reader().prove_within(bounds, &store.tree(), at, (&name, &key)).unwrap_err()
}

#[test]
fn beyond_the_bound_nothing_is_proved() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 0);
    for _ in 0..9 {
        let commit = next(&store, &[]);
        store.commit(&[commit]).unwrap();
    }
    let is_proved = |bounds, height| {
        let (name, key) = (token(), key(1));
        let (reader, tree) = (store.reader(), store.tree());
        reader.prove_within(bounds, &tree, Height::new(height), (&name, &key)).is_ok()
    };
    // Each block writes four keys.
    let exact = Bounds { writes: 4 * 5, ..BOUNDS };
    assert!(is_proved(exact, 5) && is_proved(exact, 9));
    let error = height_error(&store, exact, 4);
    assert_eq!(error.code(), Code::ProofTooFar);
    let told = "more was written since block 4 than a proof goes back over: 1048576 writes or 256 \
                MiB, here those of about 4 blocks";
    assert_eq!(error.to_string(), told);
    let bytes = |height| {
        let row = store.reader().0.keyspaces.undo.get(schema::height_key(Height::new(height)));
        row.unwrap().unwrap().len()
    };
    let exact = Bounds { bytes: bytes(8) + bytes(9), ..BOUNDS };
    assert!(is_proved(exact, 7));
    assert_eq!(height_error(&store, exact, 6).code(), Code::ProofTooFar);
    assert_eq!(height_error(&store, BOUNDS, 10).code(), Code::NotFound);
}

#[test]
fn a_changed_undo_record_is_damage_and_never_a_proof() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 0);
    for _ in 0..4 {
        let commit = next(&store, &[]);
        store.commit(&[commit]).unwrap();
    }
    let undo = store.reader().0.keyspaces.undo.clone();
    let row = schema::height_key(Height::new(3));
    let kept = undo.get(row).unwrap().unwrap();
    let changed = |other: schema::UndoRow| {
        undo.insert(row, host_types::Encode::to_bytes(&other)).unwrap();
        height_error(&store, BOUNDS, 2).code()
    };
    let mut other = schema::UndoRow::from_bytes(&kept).unwrap();
    other.0.last_mut().unwrap().1 = Some(vec![99]);
    assert_eq!(changed(other), Code::StoreDamaged);
    assert_eq!(changed(schema::UndoRow(vec![(b"no-score".to_vec(), None)])), Code::StoreDamaged);
    undo.remove(row).unwrap();
    assert_eq!(height_error(&store, BOUNDS, 2).code(), Code::HistoryGone);
    let proved = store.reader().prove_at(&store.tree(), Height::new(3), &token(), &key(1));
    assert_eq!(proved.unwrap().block, store.reader().pair(Height::new(3)).unwrap().unwrap().block);
}

/// A commit that stops between its rows and its versions leaves the tree behind the database.
#[test]
fn rows_that_are_ahead_of_the_tree_change_no_proof() {
    let mut was_ahead = false;
    for operation in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::default();
        let options = StoreOptions { disk: Arc::new(disk.clone()), ..StoreOptions::default() };
        let mut store = ChannelStore::open(folder.path(), &genesis(0), &options).unwrap();
        disk.fail_at(disk.operations() + operation, Fault::Error);
        let failed = (0..3).any(|_| {
            let commit = next(&store, &[]);
            vote_for(&store, &commit).and_then(|()| store.commit(&[commit])).is_err()
        });
        let (reader, tree) = (store.reader(), store.tree());
        let tip = reader.tip().height;
        was_ahead |= reader.state().height().unwrap() > tip;
        for height in 0..=tip.get() {
            for n in 0..9 {
                let at = Height::new(height);
                let proved = reader.prove_at(&tree, at, &token(), &key(n)).unwrap();
                assert_eq!(Some(proved.value), reader.state_at(at, &token(), &key(n)).unwrap());
            }
        }
        if !failed {
            break;
        }
    }
    assert!(was_ahead);
}

#[test]
fn proofs_are_made_while_blocks_are_committed() {
    const BLOCKS: u64 = 200;
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 0);
    let (reader, tree) = (store.reader(), store.tree());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..BLOCKS {
                let commit = next(&store, &[]);
                store.commit(&[commit]).unwrap();
            }
        });
        let mut proofs = 0;
        while reader.tip().height.get() < BLOCKS {
            let tip = reader.tip().height;
            for at in [tip, Height::new(tip.get() / 2), Height::ZERO] {
                reader.prove_at(&tree, at, &token(), &key(proofs % 9)).unwrap();
            }
            proofs += 1;
        }
        assert!(proofs > 0);
    });
}
