//! Whole nodes minus sockets and disk, in virtual time: what `cargo sim` runs.
//!
//! Each node is the real `host/core` pipeline with a real, linked rule, the real signing guard and the
//! real sign log on a disk that tears and forgets; files, database and SCORE are models. One seed is
//! one run for ever. What a run is made of: [`mod@plan`] (the mix), [`mod@run`] (phases), [`node`], [`world`]
//! (what nodes share), [`turns`] (its epochs), [`villain`], [`check`], [`planted`] (tests of the tests).
//!
//! Deliberately not here: sockets, TLS, real files, workers, more than one channel; and the simulator
//! of the rule alone (`plugin-api/harness`), which this shares network, clock and villains with.

pub mod bank;
pub mod campaign;
pub mod channel;
pub mod check;
pub mod client;
pub mod hunt;
pub mod neighbour;
pub mod node;
pub mod plan;
pub mod planted;
pub mod rule;
pub mod run;
pub mod shrink;
pub mod signer;
pub mod store;
pub mod trouble;
pub mod turns;
pub mod villain;
pub mod world;

pub use plan::{Plan, plan};
pub use planted::Bug;
pub use run::{Report, run};
