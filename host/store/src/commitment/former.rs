//! Proofs of a state that was: of a version and the former values of the keys that changed since.
//!
//! In: a version, what its keys held before some blocks. Out: the proof of a key in the state before
//! them. Only hashes are computed: no node is made, and a node is read under the lock for the moment
//! that copying it takes, so a commit never waits for a proof. Deliberately not here: where former
//! values come from ([`crate::former`]), whose state it is (whoever verifies the proof finds out).

use super::arena::{Node, NodeId, Subtree};
use super::tree::{StateTree, TreeVersion, Update, merge, split};
use super::{
    BUCKET_KEYS_MAX, Leaf, StateProof, bit, branch_hash, bucket_hash, key_hash, value_hash,
};
use host_types::{Hash32, ScoreName};
use std::collections::{BTreeMap, BTreeSet};

/// What keys held before the blocks that came after a state.
#[derive(Debug, Default)]
pub struct FormerValues(BTreeMap<ScoreName, BTreeMap<[u8; 32], Option<[u8; 32]>>>);

impl FormerValues {
    /// A block replaced this value (`None`: it made the key). Blocks come from the oldest on: of a
    /// key that several of them wrote, what the first one found is what it held.
    pub fn note(&mut self, score: &ScoreName, key: &[u8], value: Option<&[u8]>) {
        let hash = || value.map(value_hash);
        match self.0.get_mut(score) {
            Some(keys) => {
                keys.entry(key_hash(key)).or_insert_with(hash);
            }
            None => {
                self.0.insert(score.clone(), BTreeMap::from([(key_hash(key), hash())]));
            }
        }
    }

    fn of(&self, score: &ScoreName) -> Vec<Update> {
        let keys = self.0.get(score).into_iter().flatten();
        keys.map(|(key, value)| Update { key: *key, value: *value }).collect()
    }
}

pub(super) fn prove(
    tree: &StateTree,
    version: &TreeVersion,
    former: &FormerValues,
    (score, key): (&ScoreName, &[u8]),
) -> StateProof {
    let now = version.scores();
    let names: BTreeSet<_> = now.keys().chain(former.0.keys()).collect();
    let mut past = Past { tree, key: key_hash(key), siblings: Vec::new(), bucket: Vec::new() };
    let mut scores = Vec::with_capacity(names.len());
    for name in names {
        let top = now.get(name).copied().unwrap_or(Subtree::NOTHING);
        let way = Way { depth: 0, is_to_key: name == score };
        let was = past.subtree(top, way, &former.of(name));
        if was.keys > 0 {
            scores.push((name.clone(), Hash32::new(was.hash)));
        }
    }
    let siblings = past.siblings.iter().rev().copied().collect();
    let hashes = |leaf: &Leaf| (Hash32::new(leaf.key), Hash32::new(leaf.value));
    StateProof { scores, siblings, bucket: past.bucket.iter().map(hashes).collect() }
}

/// Where in a tree: how deep, and whether on the way to the key that is proved.
#[derive(Clone, Copy)]
struct Way {
    depth: usize,
    is_to_key: bool,
}

/// A subtree as it was.
struct Was {
    hash: [u8; 32],
    keys: usize,
    few: Few,
}

/// Where the leaves of at most a bucketful are.
enum Few {
    /// In the tree, as they are now.
    Stored(NodeId),
    /// Here; of more than a bucketful nobody needs them.
    Made(Vec<Leaf>),
}

/// A node, copied.
enum Copied {
    Bucket(Vec<Leaf>),
    Branch([Subtree; 2]),
}

/// The going back over one state.
struct Past<'a> {
    tree: &'a StateTree,
    key: [u8; 32],
    /// Beside the way to the key, from its bucket upwards.
    siblings: Vec<Hash32>,
    bucket: Vec<Leaf>,
}

impl Past<'_> {
    fn read(&self, node: NodeId) -> Copied {
        self.tree.read(|arena| match arena.get(node) {
            Node::Bucket(leaves) => Copied::Bucket(leaves.to_vec()),
            Node::Branch(children) => Copied::Branch(*children),
        })
    }

    fn ways(&self, way: Way) -> [Way; 2] {
        let is_right = bit(&self.key, way.depth);
        [!is_right, is_right]
            .map(|is_here| Way { depth: way.depth + 1, is_to_key: way.is_to_key && is_here })
    }

    fn subtree(&mut self, now: Subtree, way: Way, updates: &[Update]) -> Was {
        if updates.is_empty() && !way.is_to_key {
            return Was { hash: now.hash, keys: now.keys as usize, few: Few::Stored(now.node) };
        }
        match self.read(now.node) {
            Copied::Bucket(leaves) => {
                let mut merged = Vec::with_capacity(leaves.len() + updates.len());
                merge(&leaves, updates, &mut merged);
                self.built(&merged, way)
            }
            Copied::Branch([left, right]) => {
                let (of_left, of_right) = updates.split_at(split(updates, way.depth));
                let [to_left, to_right] = self.ways(way);
                let left = self.subtree(left, to_left, of_left);
                let right = self.subtree(right, to_right, of_right);
                self.join([left, right], way)
            }
        }
    }

    /// The tree of these leaves.
    fn built(&mut self, leaves: &[Leaf], way: Way) -> Was {
        if leaves.len() <= BUCKET_KEYS_MAX {
            if way.is_to_key {
                // What stood below became small.
                self.siblings.clear();
                self.bucket = leaves.to_vec();
            }
            let (hash, few) = (bucket_hash(leaves), Few::Made(leaves.to_vec()));
            return Was { hash, keys: leaves.len(), few };
        }
        let at = leaves.partition_point(|leaf| !bit(&leaf.key, way.depth));
        let (left, right) = leaves.split_at(at);
        let [to_left, to_right] = self.ways(way);
        let children = [self.built(left, to_left), self.built(right, to_right)];
        self.join(children, way)
    }

    /// A branch of two trees, or one bucket when they became small.
    fn join(&mut self, [left, right]: [Was; 2], way: Way) -> Was {
        let keys = left.keys + right.keys;
        if keys <= BUCKET_KEYS_MAX {
            let leaves = [self.leaves(left.few), self.leaves(right.few)].concat();
            return self.built(&leaves, way);
        }
        if way.is_to_key {
            let is_right = bit(&self.key, way.depth);
            self.siblings.push(Hash32::new(if is_right { left.hash } else { right.hash }));
        }
        Was { hash: branch_hash(&left.hash, &right.hash), keys, few: Few::Made(Vec::new()) }
    }

    fn leaves(&self, few: Few) -> Vec<Leaf> {
        let node = match few {
            Few::Made(leaves) => return leaves,
            Few::Stored(node) => node,
        };
        match self.read(node) {
            Copied::Bucket(leaves) => leaves,
            // A subtree of so few keys is a bucket.
            Copied::Branch(_) => Vec::new(),
        }
    }
}
