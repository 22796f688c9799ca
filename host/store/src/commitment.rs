//! The state commitment: one root over the whole state of a channel, and proofs against it.
//!
//! In: a version of the state's tree and the writes of a block. Out: the new root and the new
//! version; proofs that a key has a value or is absent. The rules of hashing stand here; the tree
//! that follows them is in [`tree`]. Deliberately not here: the values themselves, which block a
//! version belongs to.
//!
//! ```text
//! key hash    = SHA-256(0x02 | key)             value hash = SHA-256(0x03 | value)
//! tree of no keys                  = 32 zero bytes
//! tree of 1 to 8 keys (a bucket)   = SHA-256(0x00 | key hash | value hash | ...), by key hash
//! tree of more, split at the next bit of the key hashes = SHA-256(0x01 | tree of 0 | tree of 1)
//! root of a channel = RFC 6962 root, domain State, over [score name, root of its tree] by name,
//!                     SCOREs without keys left out
//! ```
//! So a root depends on what the state holds, never on the order in which it came to hold it.

mod arena;
pub mod proof;
#[cfg(test)]
mod tests;
pub mod tree;

use crate::error::StoreError;
use host_types::codec::{Encode, Writer};
use host_types::receipt::Write;
use host_types::{Domain, Hash32, ScoreName, merkle};
pub use proof::StateProof;
use sha2::{Digest, Sha256};
pub use tree::{StateTree, TreeVersion};

/// Keys of a tree that is not split further.
pub const BUCKET_KEYS_MAX: usize = 8;

/// Computes roots of versions of a state.
pub trait StateCommitment {
    /// A state of the past, present or one possible future.
    type Version: Clone;

    /// The version that is committed.
    fn committed(&self) -> Self::Version;

    /// The version that `writes` (sorted by score and key, each key once) make of `parent`, and its
    /// root. Several versions may grow from one parent; none changes it.
    ///
    /// # Errors
    /// When the tree's own records cannot be read.
    fn apply(
        &self,
        parent: &Self::Version,
        writes: &[Write],
    ) -> Result<(Hash32, Self::Version), StoreError>;

    /// The proof that a key has the value it has in this version, or that it is absent.
    ///
    /// # Errors
    /// When the tree's own records cannot be read.
    fn prove(
        &self,
        version: &Self::Version,
        score: &ScoreName,
        key: &[u8],
    ) -> Result<StateProof, StoreError>;
}

/// One key of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) key: [u8; 32],
    pub(crate) value: [u8; 32],
}

pub(crate) const EMPTY: [u8; 32] = [0; 32];

pub(crate) fn key_hash(key: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([2]).chain_update(key).finalize().into()
}

pub(crate) fn value_hash(value: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([3]).chain_update(value).finalize().into()
}

pub(crate) fn bucket_hash(leaves: &[Leaf]) -> [u8; 32] {
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

pub(crate) fn branch_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut both = [1; 65];
    let (_, hashes) = both.split_at_mut(1);
    let (first, second) = hashes.split_at_mut(32);
    first.copy_from_slice(left);
    second.copy_from_slice(right);
    Sha256::digest(both).into()
}

/// Bit `depth` of a key hash, the most significant first.
pub(crate) fn bit(key: &[u8; 32], depth: usize) -> bool {
    key.get(depth / 8).is_some_and(|byte| byte >> (7 - depth % 8) & 1 == 1)
}

/// Root of a channel over the roots of its SCOREs' trees, sorted by name, none of them empty.
pub(crate) fn channel_root<'a>(
    scores: impl IntoIterator<Item = (&'a ScoreName, Hash32)>,
) -> Hash32 {
    let leaves = scores.into_iter().map(|(score, root)| {
        let mut w = Writer::with_capacity(128);
        w.array(2);
        score.encode(&mut w);
        root.encode(&mut w);
        w.into_bytes()
    });
    merkle::root(Domain::State, leaves)
}
