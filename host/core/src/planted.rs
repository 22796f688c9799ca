//! Known-bad variants of the stages, to test that the tests find them. Compiled only with the feature
//! `planted-bugs` and chosen with [`crate::Pipeline::plant`]; never in a shipped build.

/// One planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Take a block although its header names another result of its parent, or no fit parent.
    SkipParentCheck,
    /// Take a transaction that is final already, in the pool and in a block.
    AcceptDuplicate,
    /// Store a final block whatever its result is here.
    NoResultCompare,
}
