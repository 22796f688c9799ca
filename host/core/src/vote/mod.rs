//! VOTE: proposals are completed, validated and executed; the rule is stepped.
//!
//! In: proposals, bodies, results. Out: verdicts for the rule, effects.
//! Deliberately not here: who leads, quorums, certificates, timers (the rule); keys and the signing
//! guard (the node); execution itself (an effect).
//! Where to look next: [`rule`] for the seam, [`tree`] for what is kept, [`validate`].

pub mod rule;
pub mod tree;
pub mod validate;

pub use tree::{BlockTree, Progress};
