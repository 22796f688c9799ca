//! The address of a SCORE: whom those see as their caller that it calls.
//!
//! In: a name. Out: 20 bytes, as every node computes them (`docs/spec/wire.md`).

use sha2::{Digest as _, Sha256};

const TAG: &str = "loopchain/score-address/v1";

/// The address of the SCORE of this name.
pub(crate) fn of_score(name: &str) -> [u8; 20] {
    let mut hash = Sha256::new();
    for part in [TAG, name] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash = hash.finalize();
    std::array::from_fn(|at| hash[at])
}
