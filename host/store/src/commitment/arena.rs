//! Where the nodes of all versions of the trees live: numbered slots without reference counts.
//!
//! In: new nodes and numbers to free. Out: nodes by number. Buckets of each size have slots of that
//! size, so a key costs its two hashes and no allocation. Nodes never change. Who may free a
//! number, and when, is decided in [`super::tree`].

use super::{BUCKET_KEYS_MAX, EMPTY, Leaf, bucket_hash};

/// Number of a node. The low four bits say how many keys its bucket holds, or 0 for a branch; the
/// others its slot among those. 0 is the tree without keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId(u32);

const SIZE_BITS: u32 = 4;

impl NodeId {
    pub(super) const NONE: Self = Self(0);

    fn new(size: usize, slot: usize) -> Self {
        // 2^28 nodes of one size would be 20 GiB and more: memory ends first.
        let number = slot << SIZE_BITS | size;
        Self(u32::try_from(number).unwrap_or(u32::MAX))
    }

    const fn size(self) -> usize {
        (self.0 & ((1 << SIZE_BITS) - 1)) as usize
    }

    const fn slot(self) -> usize {
        (self.0 >> SIZE_BITS) as usize
    }
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

/// Buckets of one size, one after the other.
#[derive(Debug, Default)]
struct Buckets {
    leaves: Vec<Leaf>,
    free: Vec<NodeId>,
}

/// The slots.
#[derive(Debug, Default)]
pub(super) struct Arena {
    /// By size; the first holds none.
    buckets: [Buckets; BUCKET_KEYS_MAX + 1],
    branches: Vec<[Subtree; 2]>,
    free_branches: Vec<NodeId>,
}

impl Arena {
    pub(super) fn get(&self, id: NodeId) -> Node<'_> {
        const NOTHING: [Subtree; 2] = [Subtree::NOTHING; 2];
        let size = id.size();
        if id == NodeId::NONE {
            Node::Bucket(&[])
        } else if size == 0 {
            Node::Branch(self.branches.get(id.slot() - 1).unwrap_or(&NOTHING))
        } else {
            let start = id.slot() * size;
            let of_size = self.buckets.get(size);
            let leaves = of_size.and_then(|buckets| buckets.leaves.get(start..start + size));
            Node::Bucket(leaves.unwrap_or_default())
        }
    }

    /// A tree of these leaves, at most a bucketful.
    pub(super) fn put_bucket(&mut self, leaves: &[Leaf]) -> Subtree {
        let size = leaves.len();
        let Some(buckets) = self.buckets.get_mut(size).filter(|_| size > 0) else {
            return Subtree::NOTHING;
        };
        let node = match buckets.free.pop() {
            Some(node) => {
                let places = buckets.leaves.iter_mut().skip(node.slot() * size);
                places.zip(leaves).for_each(|(place, leaf)| *place = *leaf);
                node
            }
            None => {
                buckets.leaves.extend_from_slice(leaves);
                NodeId::new(size, buckets.leaves.len() / size - 1)
            }
        };
        let keys = u32::try_from(size).unwrap_or(u32::MAX);
        Subtree { hash: bucket_hash(leaves), node, keys }
    }

    pub(super) fn put_branch(&mut self, children: [Subtree; 2]) -> Subtree {
        let [left, right] = &children;
        let hash = super::branch_hash(&left.hash, &right.hash);
        let keys = left.keys + right.keys;
        let node = self.free_branches.pop().unwrap_or_else(|| {
            self.branches.push([Subtree::NOTHING; 2]);
            NodeId::new(0, self.branches.len())
        });
        if let Some(place) = self.branches.get_mut(node.slot() - 1) {
            *place = children;
        }
        Subtree { hash, node, keys }
    }

    pub(super) fn free(&mut self, id: NodeId) {
        if id == NodeId::NONE {
            return;
        }
        match id.size() {
            0 => self.free_branches.push(id),
            size => self.buckets.iter_mut().skip(size).take(1).for_each(|b| b.free.push(id)),
        }
    }

    /// Nodes in use.
    pub(super) fn len(&self) -> usize {
        let buckets = self.buckets.iter().enumerate().skip(1);
        let buckets: usize = buckets.map(|(size, b)| b.leaves.len() / size - b.free.len()).sum();
        buckets + self.branches.len() - self.free_branches.len()
    }
}
