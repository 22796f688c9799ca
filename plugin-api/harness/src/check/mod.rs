//! What must hold in every run, looked at after every event that could break it.
//!
//! In: final blocks, proofs, evidence, refusals. Out: the first thing that is wrong, as one line.
//! Each check is a small file; none looks into a rule.

pub mod agreement;
pub mod progress;
pub mod quorum;
pub mod validity;
