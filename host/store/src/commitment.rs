//! The state commitment: one root over the whole state of a channel, and proofs against it.
//!
//! In: a version of the state's tree and the writes of a block. Out: the new root and the new
//! version; proofs that a key has a value or is absent. The rules of hashing, and the check of a
//! proof, are in `host_types::state_proof`; the tree that follows them is in [`tree`]. Deliberately
//! not here: the values themselves, which block a version belongs to.
//!
//! A root depends on what the state holds, never on the order in which it came to hold it.

mod arena;
mod former;
#[cfg(test)]
mod tests;
pub mod tree;

use crate::error::StoreError;
pub use former::FormerValues;
use host_types::receipt::Write;
pub use host_types::state_proof::{BUCKET_KEYS_MAX, StateProof};
use host_types::state_proof::{
    EMPTY, Leaf, bit, branch_hash, bucket_hash, channel_root, key_hash, value_hash,
};
use host_types::{Hash32, ScoreName};
pub use tree::{StateTree, TreeVersion};

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

    /// As [`StateCommitment::prove`], in the state that came before the blocks whose former values
    /// these are; this version is what they made of it.
    ///
    /// # Errors
    /// When the tree's own records cannot be read.
    fn prove_former(
        &self,
        version: &Self::Version,
        former: &FormerValues,
        score: &ScoreName,
        key: &[u8],
    ) -> Result<StateProof, StoreError>;
}
