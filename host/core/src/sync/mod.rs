//! SYNC: a node that is behind fetches final blocks in ranges, each proved by one Final proof.
//!
//! In: a hint that somebody is ahead, ranges. Out: fetch requests; agreed blocks for COMMIT.
//! A claimed height is never trusted: only a range with a valid proof moves anything.
//! Deliberately not here: state sync by snapshot. Where to look next: [`mod@accept`].

pub mod accept;
pub mod plan;

pub use accept::{AcceptedBlock, accept};
pub use plan::SyncPlan;
