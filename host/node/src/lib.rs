//! The roles: peer and radiostation; channel actors, configuration, telemetry.
//!
//! In: configuration, sockets, files. Out: a running node. Here the floors below are wired
//! together, and the words of the two plugin interfaces are translated ([`plugins`], [`scores`]).
//! Deliberately not here: what a block, a vote or a page is; the command line.
//!
//! Where to look next: [`peer`], [`channel`].

pub mod audit;
pub mod block_proof;
pub mod channel;
pub mod config;
pub mod peer;
pub mod plugins;
pub mod radiostation;
pub mod receipt;
pub mod replay;
pub mod scores;
pub mod shutdown;
pub mod signer;
pub mod telemetry;
pub mod whole_file;

pub use shutdown::{Shutdown, Trigger};
