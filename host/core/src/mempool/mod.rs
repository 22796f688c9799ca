//! MEMPOOL: admitted transactions that wait for a block.
//!
//! In: admitted transactions, ids that became final, block time. Out: transactions in order of
//! arrival, skipping those that a branch already holds.
//! Bounds: count, bytes, share of one signer; at each a coded refusal, nothing is evicted for a
//! newcomer. Deliberately not here: signatures, execution, who is told.
//! Where to look next: [`pool`].

pub mod pool;
#[cfg(test)]
mod tests;

pub use pool::{Inserted, Place, Pool};
