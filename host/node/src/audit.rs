//! Everything that can be checked of a channel without asking anybody: on a copy of a peer's store.
//!
//! In: the folder of a channel, which a running peer may be using; the rules. Out: [`Findings`] with
//! what was counted, and any block again as a portable receipt. The walk goes from the genesis up and
//! believes nothing that the store says of itself: epochs come from sealing blocks, members from
//! registrations, what was taken back from the writes of blocks. Executing blocks again is
//! [`crate::replay`]'s. Deliberately not here: what people see of it (the command line).

mod store;
#[cfg(test)]
mod tests;
mod trail;
mod walk;

pub use host_store::Kept;
pub use store::AuditStore;
pub use trail::TrailSeen;
pub use walk::Walk;

use host_types::{Code, Epoch, Height, Rejection};
use std::collections::BTreeMap;

/// Findings that are kept, at most: a store that is no chain at all would fill the memory with them.
pub const FINDINGS_MAX: usize = 1_000;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The block.
    pub height: Height,
    /// What, and why.
    pub what: Rejection,
}

/// The weakest proof of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Least {
    /// Weight of those who signed it.
    pub weight: u128,
    /// Weight that decides.
    pub quorum: u64,
    /// Weight of all.
    pub total: u64,
    /// Its block.
    pub height: Height,
}

/// What was checked, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Blocks whose links and Merkle roots were looked at.
    pub blocks: u64,
    /// Final proofs that hold.
    pub proofs: u64,
    /// Blocks that a later block's proof covers.
    pub covered: u64,
    /// Transactions whose signature was checked.
    pub transactions: u64,
    /// The weakest proof of each epoch.
    pub least: BTreeMap<Epoch, Least>,
    /// In the order of blocks.
    pub list: Vec<Finding>,
    /// Findings beyond [`FINDINGS_MAX`].
    pub more: u64,
}

impl Findings {
    /// Adds one.
    pub fn add(&mut self, height: Height, code: Code, message: impl Into<String>) {
        if self.list.len() < FINDINGS_MAX {
            self.list.push(Finding { height, what: Rejection::new(code, message) });
        } else {
            self.more += 1;
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.list.len() as u64 + self.more
    }
}
