//! The five stages of a channel as pure state machines.
//!
//! ```text
//!  bytes from REST or a peer
//!    │ RawTx
//!    ▼
//!  INGEST    decode → member? role? → signature → expiry          ingest::admit (runs in a pool)
//!    │ AdmittedTx                                                 link ingest_mempool
//!    ▼
//!  MEMPOOL   seen? quota? → order of arrival, bounds, expiry      mempool::Pool
//!    │ transactions
//!    ▼
//!  PROPOSE   the rule asks for a block → select → header          propose::assemble
//!    │ Proposal
//!    ▼
//!  VOTE      complete? valid? → execute (effect) → step the rule  vote::BlockTree, vote::rule
//!    │ final blocks with results and proof
//!    ▼
//!  COMMIT    in order, executed, equal to the agreed result → one atomic batch (effect)
//!    │ Committed
//!    └────────► back to every stage as the next input
//! ```
//!
//! In: [`input::Input`] with the time in it. Out: [`effect::Effect`]s, carried out in order by
//! whoever drives the channel: the node's actor or a simulator.
//! Deliberately not here: clocks, sockets, files, randomness, threads, keys, HTTP, the formats of a
//! consensus rule, the workers that run SCOREs.
//!
//! Where to look next: [`effect`], then [`pipeline`], then `plugins/lft/src/machine.rs`.

#![warn(clippy::indexing_slicing)]

pub mod clock;
pub mod commit;
pub mod effect;
#[cfg(test)]
mod fixture;
pub mod ingest;
pub mod input;
pub mod mempool;
pub mod pipeline;
#[cfg(feature = "planted-bugs")]
pub mod planted;
pub mod propose;
pub mod sync;
pub mod system;
pub mod vote;

pub use clock::Now;
pub use effect::Effect;
pub use ingest::AdmittedTx;
pub use input::Input;
pub use pipeline::{ChannelConfig, Pipeline};
