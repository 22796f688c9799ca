//! Where the nodes of all versions of the trees live: numbered slots without reference counts.
//!
//! In: new nodes and numbers to free. Out: nodes by number. Who may free a number, and when, is
//! decided in [`super::tree`]; nodes never change.

use super::{EMPTY, Leaf, bucket_hash};

/// Number of a node; 0 is the tree without keys, odd numbers are buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId(u32);

impl NodeId {
    pub(super) const NONE: Self = Self(0);
}

/// A subtree: its root hash, its node, how many keys it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subtree {
    pub(super) hash: [u8; 32],
    pub(super) node: NodeId,
    pub(super) keys: u32,
}

impl Subtree {
    pub(super) const NOTHING: Self = Self { hash: EMPTY, node: NodeId::NONE, keys: 0 };
}

/// A node.
#[derive(Debug)]
pub(super) enum Node<'a> {
    Bucket(&'a [Leaf]),
    Branch(&'a [Subtree; 2]),
}

#[derive(Debug)]
struct Slots<T> {
    slots: Vec<T>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    fn put(&mut self, value: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            if let Some(place) = self.slots.get_mut(slot as usize) {
                *place = value;
            }
            return slot;
        }
        self.slots.push(value);
        // 4 billion nodes would be 200 GiB: memory ends first.
        u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
    }
}

/// The slots.
#[derive(Debug, Default)]
pub(super) struct Arena {
    buckets: Slots<Box<[Leaf]>>,
    branches: Slots<[Subtree; 2]>,
}

impl Arena {
    pub(super) fn get(&self, id: NodeId) -> Node<'_> {
        const NOTHING: [Subtree; 2] = [Subtree::NOTHING; 2];
        let slot = (id.0 >> 1) as usize;
        if id.0 & 1 == 1 {
            Node::Bucket(self.buckets.slots.get(slot).map_or(&[], |leaves| leaves))
        } else if id == NodeId::NONE {
            Node::Bucket(&[])
        } else {
            Node::Branch(self.branches.slots.get(slot - 1).unwrap_or(&NOTHING))
        }
    }

    /// A tree of these leaves, at most a bucketful.
    pub(super) fn put_bucket(&mut self, leaves: &[Leaf]) -> Subtree {
        if leaves.is_empty() {
            return Subtree::NOTHING;
        }
        let hash = bucket_hash(leaves);
        let keys = u32::try_from(leaves.len()).unwrap_or(u32::MAX);
        Subtree { hash, node: NodeId(self.buckets.put(leaves.into()) << 1 | 1), keys }
    }

    pub(super) fn put_branch(&mut self, children: [Subtree; 2]) -> Subtree {
        let [left, right] = &children;
        let hash = super::branch_hash(&left.hash, &right.hash);
        let keys = left.keys + right.keys;
        Subtree { hash, node: NodeId((self.branches.put(children) + 1) << 1), keys }
    }

    pub(super) fn free(&mut self, id: NodeId) {
        let slot = id.0 >> 1;
        if id.0 & 1 == 1 {
            if let Some(leaves) = self.buckets.slots.get_mut(slot as usize) {
                *leaves = Box::default();
            }
            self.buckets.free.push(slot);
        } else if id != NodeId::NONE {
            self.branches.free.push(slot - 1);
        }
    }

    /// Nodes in use.
    pub(super) fn len(&self) -> usize {
        let buckets = self.buckets.slots.len() - self.buckets.free.len();
        buckets + self.branches.slots.len() - self.branches.free.len()
    }
}
