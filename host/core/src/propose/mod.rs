//! PROPOSE: the rule asks for a block, this stage fills it.
//!
//! In: the request, the parent, the pool. Out: a block whose header is ready to be signed.
//! Deliberately not here: when to propose and on what (the rule), execution (a proposer need not
//! have executed its own block).
//! Where to look next: [`mod@assemble`]; [`suspect`] for what follows a block without a result;
//! [`strikes`] for SCOREs that give this node none.

pub mod assemble;
pub mod cost;
pub mod line;
pub mod strikes;
pub mod suspect;

pub use assemble::{Request, assemble};
