//! Proof that a key of a channel's state has a value, or has none.
//!
//! In: a root that somebody trusts, a key, the value claimed. Out: whether the proof shows it.
//! Needs nothing of the tree, so a light client can use it as it stands.

use super::{Leaf, bit, branch_hash, bucket_hash, channel_root, key_hash, value_hash};
use host_types::{Hash32, ScoreName};

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
