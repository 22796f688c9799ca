//! C11, P11: what a pipeline holds stays within its bounds after every input.

use crate::channel::POOL_TXS;
use host_core::pipeline::Sizes;
use host_types::limits::{BLOCKS_AHEAD_MAX, PROPOSALS_KEPT_MAX};

/// Blocks above the head: proposals that are kept, and final ones that wait.
const TREE_MAX: usize = PROPOSALS_KEPT_MAX + BLOCKS_AHEAD_MAX;
/// Headers asked for at a time: one a statement at most, forgotten at every look.
const UNKNOWN_MAX: usize = 256;
/// Statements under way to the signer.
const SIGNING_MAX: usize = 1_024;

/// The largest sizes of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Largest {
    /// Transactions in a pool.
    pub pool: usize,
    /// Blocks above a head.
    pub tree: usize,
}

impl Largest {
    /// Looks at one pipeline.
    ///
    /// # Errors
    /// One line: which bound is broken.
    pub fn see(&mut self, sizes: &Sizes) -> Result<(), String> {
        self.pool = self.pool.max(sizes.pool);
        self.tree = self.tree.max(sizes.tree);
        let pool_max = usize::try_from(POOL_TXS).unwrap_or(usize::MAX);
        let table = [
            ("transactions wait", sizes.pool, pool_max),
            ("blocks above the head", sizes.tree, TREE_MAX),
            ("final blocks wait", sizes.finals, TREE_MAX),
            ("blocks lack bodies", sizes.missing, TREE_MAX),
            ("offers wait", sizes.offered, PROPOSALS_KEPT_MAX),
            ("headers are asked for", sizes.unknown, UNKNOWN_MAX),
            ("transactions are left out of the pool's", sizes.held, sizes.pool),
            ("statements wait for the signer", sizes.signing, SIGNING_MAX),
        ];
        match table.iter().find(|(_, size, most)| size > most) {
            None => Ok(()),
            Some((what, size, most)) => Err(format!("{size} {what}, at most {most}")),
        }
    }
}
