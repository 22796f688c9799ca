//! COMMIT: blocks that are final are stored in order, each with the agreed result.
//!
//! In: final pairs from the rule or from sync. Out: batches for the store.
//! Deliberately not here: storing (an effect), deciding finality (the rule).
//! Where to look next: [`queue`].

pub mod queue;

pub use queue::{Agreed, FinalQueue};
