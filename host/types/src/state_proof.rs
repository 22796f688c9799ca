//! Proof that a key of a channel's state has a value, or has none, and the rules of its hashes.
//!
//! In: a root that somebody trusts, a key, the value claimed. Out: whether the proof shows it; for who
//! keeps a state, the hashes that make its root. Needs nothing of the tree, so a light client uses it
//! as it stands. Deliberately not here: the tree (`host/store/src/commitment`), whose root it is.
//!
//! ```text
//! key hash    = SHA-256(0x02 | key)             value hash = SHA-256(0x03 | value)
//! tree of no keys                  = 32 zero bytes
//! tree of 1 to 8 keys (a bucket)   = SHA-256(0x00 | key hash | value hash | ...), by key hash
//! tree of more, split at the next bit of the key hashes = SHA-256(0x01 | tree of 0 | tree of 1)
//! root of a channel = RFC 6962 root, domain State, over [score name, root of its tree] by name,
//!                     SCOREs without keys left out
//! ```

use crate::codec::{Encode, Writer};
use crate::{Domain, Hash32, ScoreName, merkle};
use sha2::{Digest, Sha256};

/// Keys of a tree that is not split further.
pub const BUCKET_KEYS_MAX: usize = 8;

/// One key of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// [`key_hash`] of it.
    pub key: [u8; 32],
    /// [`value_hash`] of its value.
    pub value: [u8; 32],
}

/// Root of a tree without keys.
pub const EMPTY: [u8; 32] = [0; 32];

/// Hash of a key.
#[must_use]
pub fn key_hash(key: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([2]).chain_update(key).finalize().into()
}

/// Hash of a value.
#[must_use]
pub fn value_hash(value: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([3]).chain_update(value).finalize().into()
}

/// Root of a tree of at most [`BUCKET_KEYS_MAX`] keys, which come by their hashes.
#[must_use]
pub fn bucket_hash(leaves: &[Leaf]) -> [u8; 32] {
    if leaves.is_empty() {
        return EMPTY;
    }
    let mut hasher = Sha256::new().chain_update([0]);
    for leaf in leaves {
        hasher.update(leaf.key);
        hasher.update(leaf.value);
    }
    hasher.finalize().into()
}

/// Root of a tree of two others.
#[must_use]
pub fn branch_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut both = [1; 65];
    let (_, hashes) = both.split_at_mut(1);
    let (first, second) = hashes.split_at_mut(32);
    first.copy_from_slice(left);
    second.copy_from_slice(right);
    Sha256::digest(both).into()
}

/// Bit `depth` of a key hash, the most significant first.
#[must_use]
pub fn bit(key: &[u8; 32], depth: usize) -> bool {
    key.get(depth / 8).is_some_and(|byte| byte >> (7 - depth % 8) & 1 == 1)
}

/// Root of a channel over the roots of its SCOREs' trees, sorted by name, none of them empty.
#[must_use]
pub fn channel_root<'a>(scores: impl IntoIterator<Item = (&'a ScoreName, Hash32)>) -> Hash32 {
    let leaves = scores.into_iter().map(|(score, root)| {
        let mut w = Writer::with_capacity(128);
        w.array(2);
        score.encode(&mut w);
        root.encode(&mut w);
        w.into_bytes()
    });
    merkle::root(Domain::State, leaves)
}

/// The bucket where a key is or would be, and the way from it to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateProof {
    /// Every SCORE that has state, with the root of its tree, by name.
    pub scores: Vec<(ScoreName, Hash32)>,
    /// Hashes beside the way, from the root of the SCORE's tree downwards.
    pub siblings: Vec<Hash32>,
    /// Key hash and value hash of every key of the bucket.
    pub bucket: Vec<(Hash32, Hash32)>,
}

impl StateProof {
    /// True when it shows that in the state with this root, `key` has this value (`None`: is
    /// absent).
    #[must_use]
    pub fn verify(
        &self,
        root: Hash32,
        score: &ScoreName,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> bool {
        let is_sorted = self.scores.is_sorted_by(|a, b| a.0 < b.0);
        let is_of_root = channel_root(self.scores.iter().map(|(name, at)| (name, *at))) == root;
        let Some((_, score_root)) = self.scores.iter().find(|(name, _)| name == score) else {
            return is_sorted && is_of_root && value.is_none();
        };
        let key = key_hash(key);
        let leaves: Vec<_> = self
            .bucket
            .iter()
            .map(|(key, value)| Leaf { key: *key.as_bytes(), value: *value.as_bytes() })
            .collect();
        let mut hash = bucket_hash(&leaves);
        for (depth, sibling) in self.siblings.iter().enumerate().rev() {
            hash = if bit(&key, depth) {
                branch_hash(sibling.as_bytes(), &hash)
            } else {
                branch_hash(&hash, sibling.as_bytes())
            };
        }
        let held = leaves.iter().find(|leaf| leaf.key == key).map(|leaf| leaf.value);
        let is_on_the_way = Hash32::new(hash) == *score_root;
        is_sorted && is_of_root && is_on_the_way && held == value.map(value_hash)
    }
}
