//! RFC 6962 Merkle trees: leaf and node hashes carry different prefixes, odd nodes are promoted,
//! never duplicated. The root that goes into a header also covers the number of leaves and its
//! domain.

use crate::codec::{Encode, Writer};
use crate::hash::{Domain, Hash32};
use sha2::{Digest, Sha256};

fn leaf_hash(leaf: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

fn node_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

fn level_up(level: &[[u8; 32]]) -> Vec<[u8; 32]> {
    level
        .chunks(2)
        .map(|pair| match pair {
            [left, right] => node_hash(left, right),
            [only] => *only,
            _ => [0; 32],
        })
        .collect()
}

/// RFC 6962 tree head; the hash of nothing for no leaves.
fn tree_head(mut level: Vec<[u8; 32]>) -> [u8; 32] {
    while level.len() > 1 {
        level = level_up(&level);
    }
    level.first().copied().unwrap_or_else(|| Sha256::digest([]).into())
}

fn bind(domain: Domain, leaves: u64, head: &[u8; 32]) -> Hash32 {
    domain.hash(&[&leaves.to_be_bytes(), head])
}

/// Root of the leaves under a domain.
#[must_use]
pub fn root<L: AsRef<[u8]>>(domain: Domain, leaves: impl IntoIterator<Item = L>) -> Hash32 {
    let level: Vec<_> = leaves.into_iter().map(|leaf| leaf_hash(leaf.as_ref())).collect();
    let count = level.len() as u64;
    bind(domain, count, &tree_head(level))
}

/// Root of the encodings of values: equal to [`root`] of their bytes. Each is written to `scratch`, so
/// that many of them need no memory of their own.
#[must_use]
pub fn root_of_values<T: Encode>(domain: Domain, values: &[T], scratch: &mut Writer) -> Hash32 {
    let mut leaf = |value: &T| {
        scratch.clear();
        value.encode(scratch);
        leaf_hash(scratch.as_bytes())
    };
    let level: Vec<_> = values.iter().map(&mut leaf).collect();
    bind(domain, values.len() as u64, &tree_head(level))
}

/// Hash of one leaf, as it enters the tree.
#[must_use]
pub fn leaf(leaf: &[u8]) -> Hash32 {
    Hash32::new(leaf_hash(leaf))
}

/// Root of leaves of which only the hashes are known: equal to [`root`] of what they were made of.
#[must_use]
pub fn root_of_leaves(domain: Domain, leaves: &[Hash32]) -> Hash32 {
    let level: Vec<_> = leaves.iter().map(|leaf| *leaf.as_bytes()).collect();
    bind(domain, leaves.len() as u64, &tree_head(level))
}

/// The way from one leaf to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// Position of the leaf.
    pub index: u64,
    /// Number of leaves.
    pub leaves: u64,
    /// Sibling hashes, from the leaf upwards.
    pub path: Vec<Hash32>,
}

/// The inclusion proof of the leaf at `index`; `None` when there is no such leaf.
#[must_use]
pub fn prove<L: AsRef<[u8]>>(
    leaves: impl IntoIterator<Item = L>,
    index: usize,
) -> Option<Inclusion> {
    let mut level: Vec<_> = leaves.into_iter().map(|leaf| leaf_hash(leaf.as_ref())).collect();
    let count = level.len();
    if index >= count {
        return None;
    }
    let (mut at, mut path) = (index, Vec::new());
    while level.len() > 1 {
        if let Some(sibling) = level.get(at ^ 1) {
            path.push(Hash32::new(*sibling));
        }
        level = level_up(&level);
        at /= 2;
    }
    Some(Inclusion { index: index as u64, leaves: count as u64, path })
}

impl Inclusion {
    /// True when `leaf` at this place is part of the tree with this root.
    #[must_use]
    pub fn verify(&self, domain: Domain, leaf: &[u8], root: Hash32) -> bool {
        if self.index >= self.leaves {
            return false;
        }
        let (mut at, mut last) = (self.index, self.leaves - 1);
        let mut hash = leaf_hash(leaf);
        let mut path = self.path.iter();
        while last > 0 {
            if at % 2 == 1 {
                let Some(left) = path.next() else { return false };
                hash = node_hash(left.as_bytes(), &hash);
            } else if at < last {
                let Some(right) = path.next() else { return false };
                hash = node_hash(&hash, right.as_bytes());
            }
            at /= 2;
            last /= 2;
        }
        path.next().is_none() && bind(domain, self.leaves, &hash) == root
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TxId;
    use proptest::prelude::*;

    #[test]
    fn the_tree_head_of_rfc_6962_examples() {
        // Certificate Transparency reference vectors: leaves "", 00, 10, 2021, 3031, 40414243, ...
        let leaves: [&[u8]; 4] = [b"", &[0], &[0x10], &[0x20, 0x21]];
        let heads = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ];
        for (n, head) in heads.iter().enumerate() {
            let level = leaves[..=n].iter().map(|l| leaf_hash(l)).collect();
            assert_eq!(crate::hash::to_hex(&tree_head(level)), *head);
        }
    }

    #[test]
    fn the_number_of_leaves_is_part_of_the_root() {
        let one = root(Domain::TxRoot, [[1u8; 32]]);
        let two = root(Domain::TxRoot, [[1u8; 32], [1u8; 32]]);
        let three = root(Domain::TxRoot, [[1u8; 32], [1u8; 32], [1u8; 32]]);
        assert!(one != two && two != three);
        assert_ne!(root(Domain::TxRoot, [[1u8; 32]]), root(Domain::ReceiptRoot, [[1u8; 32]]));
    }

    proptest! {
        #[test]
        fn every_leaf_is_proved_and_no_other_is(n in 1usize..70, pick in 0usize..70, bit in 0u8..8) {
            let index = pick % n;
            let leaves: Vec<[u8; 8]> = (0..n as u64).map(u64::to_be_bytes).collect();
            let root = root(Domain::TxRoot, &leaves);
            let hashes: Vec<_> = leaves.iter().map(|l| leaf(l)).collect();
            prop_assert_eq!(root_of_leaves(Domain::TxRoot, &hashes), root);
            let values: Vec<_> = leaves.iter().map(|l| TxId::new(Hash32::sha256(l))).collect();
            let encoded = super::root(Domain::TxRoot, values.iter().map(Encode::to_bytes));
            let mut scratch = Writer::default();
            scratch.text("what was written before");
            prop_assert_eq!(root_of_values(Domain::TxRoot, &values, &mut scratch), encoded);
            let proof = prove(&leaves, index).unwrap();
            prop_assert!(proof.verify(Domain::TxRoot, &leaves[index], root));
            let mut other = leaves[index];
            other[0] ^= 1 << bit;
            prop_assert!(!proof.verify(Domain::TxRoot, &other, root));
            let wrong_place = Inclusion { index: (proof.index + 1) % n as u64, ..proof.clone() };
            prop_assert!(n == 1 || !wrong_place.verify(Domain::TxRoot, &leaves[index], root));
            let wrong_count = Inclusion { leaves: n as u64 + 1, ..proof };
            prop_assert!(!wrong_count.verify(Domain::TxRoot, &leaves[index], root));
        }
    }
}
