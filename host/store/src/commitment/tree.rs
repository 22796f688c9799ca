//! The tree behind the state commitment: persistent (versions share what they do not change), one
//! per SCORE, updated along the paths that a block's writes touch.
//!
//! In: writes. Out: versions, roots, proofs. A version is cheap to keep and to drop: its nodes are
//! freed when it was abandoned, or when a newer committed version replaced them and nobody looks at
//! the older one any more. Deliberately not here: values, which are the database's.

use super::arena::{Arena, Node, NodeId, Subtree};
use super::former::{self, FormerValues};
use super::{
    BUCKET_KEYS_MAX, Leaf, StateCommitment, StateProof, bit, channel_root, key_hash, value_hash,
};
use crate::error::StoreError;
use host_types::receipt::Write;
use host_types::{Hash32, ScoreName};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Numbers of nodes that nobody can reach any more, until the arena takes them back.
type Garbage = Arc<Mutex<Vec<NodeId>>>;

#[derive(Debug, Default)]
struct Links {
    /// What this version was made of; kept alive until this one is committed.
    parent: Option<TreeVersion>,
    /// The committed version after this one; older versions keep newer ones alive, never the
    /// other way round, so nodes are freed from the oldest version on.
    next: Option<TreeVersion>,
    /// Nodes to free with this version: its own while it is not committed; then those that the
    /// next committed version replaced.
    owned: Vec<NodeId>,
}

#[derive(Debug)]
struct Inner {
    scores: BTreeMap<ScoreName, Subtree>,
    root: Hash32,
    /// Nodes of the parent that are not part of this version.
    replaced: Vec<NodeId>,
    links: Mutex<Links>,
    garbage: Garbage,
}

/// A key and its value.
pub(crate) type KeyAndValue = (Vec<u8>, Vec<u8>);

/// One version of a channel's state tree.
#[derive(Clone, Debug)]
pub struct TreeVersion(Arc<Inner>);

impl TreeVersion {
    /// Its root.
    #[must_use]
    pub fn root(&self) -> Hash32 {
        self.0.root
    }

    pub(super) fn scores(&self) -> &BTreeMap<ScoreName, Subtree> {
        &self.0.scores
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let links = std::mem::take(self.links.get_mut().unwrap_or_else(PoisonError::into_inner));
        lock(&self.garbage).extend(links.owned);
        // One after the other instead of one inside the other: a chain may be long.
        let mut last = [links.parent, links.next];
        while let Some(version) = last.iter_mut().find_map(Option::take) {
            let Some(mut inner) = Arc::into_inner(version.0) else { continue };
            let links =
                std::mem::take(inner.links.get_mut().unwrap_or_else(PoisonError::into_inner));
            lock(&inner.garbage).extend(links.owned);
            last = [links.parent, links.next];
        }
    }
}

/// The trees of a channel.
#[derive(Debug)]
pub struct StateTree {
    arena: Mutex<Arena>,
    committed: Mutex<TreeVersion>,
    garbage: Garbage,
}

impl Default for StateTree {
    fn default() -> Self {
        let garbage = Garbage::default();
        let empty = Inner {
            scores: BTreeMap::new(),
            root: channel_root([]),
            replaced: Vec::new(),
            links: Mutex::default(),
            garbage: Arc::clone(&garbage),
        };
        let committed = Mutex::new(TreeVersion(Arc::new(empty)));
        Self { arena: Mutex::default(), committed, garbage }
    }
}

impl StateTree {
    /// The tree of a whole state, in the order of (score, key) or any other that keeps a SCORE's
    /// keys together.
    ///
    /// # Errors
    /// The first error among the entries.
    pub(crate) fn load<E>(
        entries: impl Iterator<Item = Result<(ScoreName, KeyAndValue), E>>,
    ) -> Result<Self, E> {
        let tree = Self::default();
        let mut scores: BTreeMap<ScoreName, Vec<Update>> = BTreeMap::new();
        let mut last: Option<(ScoreName, Vec<Update>)> = None;
        for entry in entries {
            let (score, (key, value)) = entry?;
            let update = Update { key: key_hash(&key), value: Some(value_hash(&value)) };
            match &mut last {
                Some((name, updates)) if *name == score => updates.push(update),
                _ => {
                    scores.extend(last.replace((score, vec![update])));
                }
            }
        }
        scores.extend(last);
        let mut arena = tree.arena();
        let mut change = Change::on(&mut arena);
        let mut roots = BTreeMap::new();
        for (score, mut updates) in scores {
            updates.sort_unstable_by_key(|update| update.key);
            roots.insert(score, change.update(Subtree::NOTHING, 0, &updates));
        }
        drop(arena);
        *lock(&tree.committed) = tree.version(roots, Vec::new(), Links::default());
        Ok(tree)
    }

    fn version(
        &self,
        scores: BTreeMap<ScoreName, Subtree>,
        replaced: Vec<NodeId>,
        links: Links,
    ) -> TreeVersion {
        let root = channel_root(scores.iter().map(|(name, tree)| (name, Hash32::new(tree.hash))));
        let (links, garbage) = (Mutex::new(links), Arc::clone(&self.garbage));
        TreeVersion(Arc::new(Inner { scores, root, replaced, links, garbage }))
    }

    /// Makes a version the committed one.
    ///
    /// # Errors
    /// `StaleVersion` when it was not made of the committed one.
    pub(crate) fn commit(&self, version: &TreeVersion) -> Result<(), StoreError> {
        let mut committed = lock(&self.committed);
        let mut links = lock(&version.0.links);
        if !links.parent.as_ref().is_some_and(|parent| Arc::ptr_eq(&parent.0, &committed.0)) {
            return Err(StoreError::StaleVersion);
        }
        let parent = links.parent.take();
        links.owned = Vec::new();
        drop(links);
        let mut old = lock(&committed.0.links);
        old.next = Some(version.clone());
        old.owned.clone_from(&version.0.replaced);
        drop(old);
        *committed = version.clone();
        drop(committed);
        drop(parent);
        Ok(())
    }

    /// Nodes in memory, of all versions.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.arena().len()
    }

    /// Nodes of a version that the caller holds, so that none of them is freed meanwhile.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Arena) -> T) -> T {
        look(&lock(&self.arena))
    }

    fn arena(&self) -> MutexGuard<'_, Arena> {
        let mut arena = lock(&self.arena);
        for node in std::mem::take(&mut *lock(&self.garbage)) {
            arena.free(node);
        }
        arena
    }
}

impl StateCommitment for StateTree {
    type Version = TreeVersion;

    fn committed(&self) -> TreeVersion {
        lock(&self.committed).clone()
    }

    fn apply(
        &self,
        parent: &TreeVersion,
        writes: &[Write],
    ) -> Result<(Hash32, TreeVersion), StoreError> {
        let mut arena = self.arena();
        let mut change = Change::on(&mut arena);
        let mut scores = parent.0.scores.clone();
        for of_score in writes.chunk_by(|a, b| a.score == b.score) {
            let Some(score) = of_score.first().map(|write| &write.score) else { continue };
            let updates = updates_of(of_score);
            let before = scores.get(score).copied().unwrap_or(Subtree::NOTHING);
            let after = change.update(before, 0, &updates);
            if after.keys == 0 {
                scores.remove(score);
            } else {
                scores.insert(score.clone(), after);
            }
        }
        let (made, replaced) = (change.made, change.replaced);
        drop(arena);
        let links = Links { parent: Some(parent.clone()), next: None, owned: made };
        let version = self.version(scores, replaced, links);
        Ok((version.root(), version))
    }

    fn prove(
        &self,
        version: &TreeVersion,
        score: &ScoreName,
        key: &[u8],
    ) -> Result<StateProof, StoreError> {
        let scores = version.0.scores.iter();
        let scores = scores.map(|(name, tree)| (name.clone(), Hash32::new(tree.hash))).collect();
        let mut proof = StateProof { scores, siblings: Vec::new(), bucket: Vec::new() };
        let key = key_hash(key);
        let arena = self.arena();
        let mut node = version.0.scores.get(score).map_or(NodeId::NONE, |tree| tree.node);
        loop {
            match arena.get(node) {
                Node::Bucket(leaves) => {
                    let hashes = |leaf: &Leaf| (Hash32::new(leaf.key), Hash32::new(leaf.value));
                    proof.bucket = leaves.iter().map(hashes).collect();
                    return Ok(proof);
                }
                Node::Branch([left, right]) => {
                    let is_right = bit(&key, proof.siblings.len());
                    let (way, beside) = if is_right { (right, left) } else { (left, right) };
                    proof.siblings.push(Hash32::new(beside.hash));
                    node = way.node;
                }
            }
        }
    }

    fn prove_former(
        &self,
        version: &TreeVersion,
        former: &FormerValues,
        score: &ScoreName,
        key: &[u8],
    ) -> Result<StateProof, StoreError> {
        Ok(former::prove(self, version, former, (score, key)))
    }
}

/// What becomes of one key of a tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Update {
    pub(super) key: [u8; 32],
    pub(super) value: Option<[u8; 32]>,
}

fn updates_of(writes: &[Write]) -> Vec<Update> {
    let mut updates: Vec<_> = writes
        .iter()
        .map(|write| Update {
            key: key_hash(&write.key),
            value: write.value.as_deref().map(value_hash),
        })
        .collect();
    updates.sort_unstable_by_key(|update| update.key);
    updates
}

/// The making of one version.
struct Change<'a> {
    arena: &'a mut Arena,
    made: Vec<NodeId>,
    replaced: Vec<NodeId>,
    /// Room for merging.
    merged: Vec<Leaf>,
}

impl<'a> Change<'a> {
    const fn on(arena: &'a mut Arena) -> Self {
        Self { arena, made: Vec::new(), replaced: Vec::new(), merged: Vec::new() }
    }

    fn update(&mut self, tree: Subtree, depth: usize, updates: &[Update]) -> Subtree {
        if updates.is_empty() {
            return tree;
        }
        match self.arena.get(tree.node) {
            Node::Bucket(leaves) => {
                let mut merged = std::mem::take(&mut self.merged);
                merge(leaves, updates, &mut merged);
                let is_same = merged == leaves;
                let fresh = if is_same {
                    tree
                } else {
                    self.replaced.push(tree.node);
                    self.build(&merged, depth)
                };
                self.merged = merged;
                fresh
            }
            Node::Branch(children) => {
                let children = *children;
                let (left, right) = updates.split_at(split(updates, depth));
                let [old_left, old_right] = children;
                let fresh = [
                    self.update(old_left, depth + 1, left),
                    self.update(old_right, depth + 1, right),
                ];
                if fresh == children {
                    return tree;
                }
                self.replaced.push(tree.node);
                self.join(children, fresh)
            }
        }
    }

    /// A branch of two trees in the place of `old` ones, or one bucket when they became small.
    fn join(&mut self, old: [Subtree; 2], fresh: [Subtree; 2]) -> Subtree {
        let [left, right] = fresh;
        if (left.keys + right.keys) as usize > BUCKET_KEYS_MAX {
            return self.branch(fresh);
        }
        // Few keys: both are buckets.
        let mut leaves = Vec::with_capacity(BUCKET_KEYS_MAX);
        for (before, now) in old.into_iter().zip(fresh) {
            if let Node::Bucket(part) = self.arena.get(now.node) {
                leaves.extend_from_slice(part);
            }
            if before.node == now.node {
                self.replaced.push(now.node);
            } else if let Some(at) = self.made.iter().rposition(|made| *made == now.node) {
                // This change itself made it a moment ago.
                self.made.swap_remove(at);
                self.arena.free(now.node);
            }
        }
        self.bucket(&leaves)
    }

    fn branch(&mut self, children: [Subtree; 2]) -> Subtree {
        let branch = self.arena.put_branch(children);
        self.made.push(branch.node);
        branch
    }

    fn bucket(&mut self, leaves: &[Leaf]) -> Subtree {
        let bucket = self.arena.put_bucket(leaves);
        self.made.push(bucket.node);
        bucket
    }

    fn build(&mut self, leaves: &[Leaf], depth: usize) -> Subtree {
        if leaves.len() <= BUCKET_KEYS_MAX {
            return self.bucket(leaves);
        }
        let (left, right) = leaves.split_at(leaves.partition_point(|leaf| !bit(&leaf.key, depth)));
        let children = [self.build(left, depth + 1), self.build(right, depth + 1)];
        self.branch(children)
    }
}

pub(super) fn split(updates: &[Update], depth: usize) -> usize {
    updates.partition_point(|update| !bit(&update.key, depth))
}

pub(super) fn merge(leaves: &[Leaf], updates: &[Update], merged: &mut Vec<Leaf>) {
    merged.clear();
    let (mut leaves, mut updates) = (leaves.iter().peekable(), updates.iter().peekable());
    loop {
        let is_leaf_first = match (leaves.peek(), updates.peek()) {
            (Some(leaf), Some(update)) => leaf.key < update.key,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return,
        };
        if is_leaf_first {
            merged.extend(leaves.next().copied());
        } else if let Some(update) = updates.next() {
            leaves.next_if(|leaf| leaf.key == update.key);
            merged.extend(update.value.map(|value| Leaf { key: update.key, value }));
        }
    }
}
