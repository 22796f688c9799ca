//! LFT1 and LFT2 as they were published, written anew as rules of today's interface, and the
//! schedules in which they fork. Test-only: no node can load them.
//!
//! In: the inputs of `plugin_api`, so that they run in the same harness as the rules we ship. Out:
//! the outputs of that interface, forks included. [`lft1`] and [`lft2`] are the exhibits, [`quorum`]
//! the thresholds they counted with, [`schedule`] who hears whom and when, [`player`] plays a
//! schedule to any rule, [`spoken`] tells it what a message is.
//!
//! Deliberately not here: anything copied from the old code, its networks and storage, and what does
//! not matter to agreement (the vote timer of 300 s, block sync, the rollback of committed blocks,
//! which today's interface has no word for).

pub mod lft1;
pub mod lft2;
pub mod player;
pub mod quorum;
pub mod said;
pub mod schedule;
pub mod set;
pub mod spoken;

pub use lft1::Lft1;
pub use lft2::Lft2;
