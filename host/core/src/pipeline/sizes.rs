//! How much a pipeline holds, for who watches its bounds.

use super::Pipeline;

/// Numbers of things held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Transactions waiting.
    pub pool: usize,
    /// Blocks above the last final one.
    pub tree: usize,
    /// Final blocks that wait to be stored.
    pub finals: usize,
    /// Blocks that lack bodies.
    pub missing: usize,
    /// Proposals that the rule has not looked at.
    pub offered: usize,
    /// Headers that are asked for.
    pub unknown: usize,
    /// Transactions that failed alone and are left out while they wait in the pool.
    pub held: usize,
    /// Statements under way to the signer.
    pub signing: usize,
}

impl Pipeline {
    /// How much it holds now.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        Sizes {
            pool: self.pool.len(),
            tree: self.tree.len(),
            finals: self.finals.len(),
            missing: self.missing.len(),
            offered: self.offered.len(),
            unknown: self.unknown.len(),
            held: self.suspects.held(self.epoch.tick_ms),
            signing: self.signing.len(),
        }
    }
}
