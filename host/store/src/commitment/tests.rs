//! The tree against the plain rule of hashing, under any history and any forks.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

type State = BTreeMap<(ScoreName, Vec<u8>), Vec<u8>>;

fn score(n: u8) -> ScoreName {
    ScoreName::new(["system", "token", "x"][n as usize % 3]).unwrap()
}

/// The rule of the module's head, read literally.
fn naive_tree(leaves: &[Leaf], depth: usize) -> [u8; 32] {
    if leaves.len() <= BUCKET_KEYS_MAX {
        return bucket_hash(leaves);
    }
    let (right, left): (Vec<_>, Vec<_>) = leaves.iter().partition(|leaf| bit(&leaf.key, depth));
    branch_hash(&naive_tree(&left, depth + 1), &naive_tree(&right, depth + 1))
}

fn naive_root(state: &State) -> Hash32 {
    let names: BTreeSet<_> = state.keys().map(|(score, _)| score.clone()).collect();
    let roots: Vec<_> = names
        .iter()
        .map(|name| {
            let own = state.iter().filter(|((score, _), _)| score == name);
            let mut leaves: Vec<_> = own
                .map(|((_, key), value)| Leaf { key: key_hash(key), value: value_hash(value) })
                .collect();
            leaves.sort_by_key(|leaf| leaf.key);
            (name, Hash32::new(naive_tree(&leaves, 0)))
        })
        .collect();
    channel_root(roots)
}

fn block(seed: &[(u8, u16, Option<u8>)]) -> Vec<Write> {
    let sorted: BTreeMap<_, _> = seed
        .iter()
        .map(|(s, key, value)| ((score(*s), key.to_be_bytes().to_vec()), value.map(|v| vec![v])))
        .collect();
    sorted.into_iter().map(|((score, key), value)| Write { score, key, value }).collect()
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

fn blocks() -> impl Strategy<Value = Vec<Vec<(u8, u16, Option<u8>)>>> {
    vec(vec((0u8..3, 0u16..150, proptest::option::weighted(0.7, 0u8..3)), 0..60), 1..12)
}

proptest! {
    #[test]
    fn the_root_follows_from_the_content_alone(blocks in blocks()) {
        let (tree, mut state) = (StateTree::default(), State::new());
        for seed in &blocks {
            let writes = block(seed);
            let (root, version) = tree.apply(&tree.committed(), &writes).unwrap();
            tree.commit(&version).unwrap();
            write_to(&mut state, &writes);
            prop_assert_eq!(root, naive_root(&state));
        }
        let entries = state.iter().map(|((s, k), v)| Ok::<_, ()>((s.clone(), (k.clone(), v.clone()))));
        let loaded = StateTree::load(entries).unwrap();
        prop_assert_eq!(loaded.committed().root(), naive_root(&state));
        // Nothing is left of the versions that nobody holds.
        prop_assert_eq!(tree.node_count(), loaded.node_count());
    }

    #[test]
    fn unfinished_blocks_fork_without_disturbing_each_other(
        blocks in blocks(),
        parents in vec(0usize..100, 12),
        commits in vec(0usize..100, 12),
    ) {
        let tree = StateTree::default();
        let mut versions = vec![(tree.committed(), State::new(), 0)];
        for (seed, parent) in blocks.iter().zip(parents) {
            let parent = parent % versions.len();
            let (version, mut state, _) = versions[parent].clone();
            let writes = block(seed);
            let (root, version) = tree.apply(&version, &writes).unwrap();
            write_to(&mut state, &writes);
            prop_assert_eq!(root, naive_root(&state));
            versions.push((version, state, parent));
        }
        let mut tip = 0;
        for pick in commits {
            let pick = pick % versions.len();
            let (version, state, parent) = versions[pick].clone();
            let outcome = tree.commit(&version);
            prop_assert_eq!(outcome.is_ok(), parent == tip && pick != 0);
            if outcome.is_ok() {
                tip = pick;
                prop_assert_eq!(tree.committed().root(), naive_root(&state));
            }
        }
        let (version, state, _) = versions[tip].clone();
        drop(versions);
        let (root, _) = tree.apply(&version, &block(&[(0, 9_999, Some(1))])).unwrap();
        let mut state = state;
        write_to(&mut state, &block(&[(0, 9_999, Some(1))]));
        prop_assert_eq!(root, naive_root(&state));
    }

    #[test]
    fn every_key_is_proved_present_or_absent_and_nothing_else_is(
        blocks in blocks(), s in 0u8..3, key in 0u16..150, value in 0u8..3
    ) {
        let (tree, mut state) = (StateTree::default(), State::new());
        let mut version = tree.committed();
        for seed in &blocks {
            version = tree.apply(&version, &block(seed)).unwrap().1;
            write_to(&mut state, &block(seed));
        }
        let (name, key) = (score(s), key.to_be_bytes().to_vec());
        let held = state.get(&(name.clone(), key.clone())).map(Vec::as_slice);
        let proof = tree.prove(&version, &name, &key).unwrap();
        prop_assert!(proof.verify(version.root(), &name, &key, held));
        let claims = [None, Some(&[value][..])];
        for claim in claims.into_iter().filter(|claim| *claim != held) {
            prop_assert!(!proof.verify(version.root(), &name, &key, claim));
        }
        prop_assert!(!proof.verify(Hash32::ZERO, &name, &key, held));
        if held.is_some() {
            let mut hidden = proof.clone();
            hidden.bucket.retain(|(hash, _)| *hash.as_bytes() != key_hash(&key));
            prop_assert!(!hidden.verify(version.root(), &name, &key, None));
            let mut without = proof;
            without.scores.retain(|(other, _)| *other != name);
            prop_assert!(!without.verify(version.root(), &name, &key, None));
        }
    }

    #[test]
    fn a_former_state_is_proved_as_it_was_when_it_was_the_last(
        blocks in blocks(), way_back in 0usize..12, s in 0u8..3, key in 0u16..150
    ) {
        let (tree, mut state) = (StateTree::default(), State::new());
        let wanted = (score(s), key.to_be_bytes().to_vec());
        let mut former = FormerValues::default();
        let mut was = None;
        for (number, seed) in blocks.iter().enumerate() {
            let before = tree.committed();
            if number + way_back + 1 == blocks.len() {
                was = Some((tree.prove(&before, &wanted.0, &wanted.1).unwrap(), before.root()));
            }
            let writes = block(seed);
            if was.is_some() {
                for Write { score, key, .. } in &writes {
                    let held = state.get(&(score.clone(), key.clone()));
                    former.note(score, key, held.map(Vec::as_slice));
                }
            }
            let (_, version) = tree.apply(&before, &writes).unwrap();
            tree.commit(&version).unwrap();
            write_to(&mut state, &writes);
        }
        let now = tree.committed();
        let nodes = tree.node_count();
        let proof = tree.prove_former(&now, &former, &wanted.0, &wanted.1).unwrap();
        prop_assert_eq!(tree.node_count(), nodes);
        let root = channel_root(proof.scores.iter().map(|(name, root)| (name, *root)));
        match was {
            Some(was) => prop_assert_eq!((proof, root), was),
            None => prop_assert_eq!(proof, tree.prove(&now, &wanted.0, &wanted.1).unwrap()),
        }
    }
}

#[test]
fn the_format_of_the_root_does_not_change() {
    let tree = StateTree::default();
    let empty = "258654ac9330f4f7386b3a14ee05c14969cdc9a73ad4a7b5673043f0b9a60d4a";
    let full = "d819e0e943ca63611057425aa493ea0fa6bb4d06aae54cbe360820d73f30ffd4";
    let writes: Vec<_> = (0..1000u16).map(|key| (0, key, Some(1))).collect();
    let (root, _) = tree.apply(&tree.committed(), &block(&writes)).unwrap();
    assert_eq!(tree.committed().root().to_hex(), empty);
    assert_eq!(root.to_hex(), full);
}

#[test]
fn a_long_chain_of_old_versions_is_dropped_without_recursion() {
    let tree = StateTree::default();
    let oldest = tree.committed();
    for i in 0..50_000u32 {
        let key = (i % 3) as u16;
        let (_, version) =
            tree.apply(&tree.committed(), &block(&[(0, key, Some(i as u8))])).unwrap();
        tree.commit(&version).unwrap();
    }
    assert!(tree.node_count() > 40_000);
    drop(oldest);
    assert_eq!(tree.node_count(), 1);
    let mut version = tree.committed();
    for i in 0..50_000u32 {
        version = tree.apply(&version, &block(&[(0, 1, Some(i as u8))])).unwrap().1;
    }
    drop(version);
    assert_eq!(tree.node_count(), 1);
}
