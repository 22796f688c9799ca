//! The roles: peer, radiostation, proxy, log collector; channel actors, configuration, telemetry.
//!
//! In: configuration, sockets, files. Out: a running node. Here the floors below are wired
//! together, and the words of the two plugin interfaces are translated ([`plugins`], [`scores`]).
//! Deliberately not here: what a block, a vote or a page is; the command line.
//!
//! Where to look next: [`peer`], [`channel`].

pub mod admin;
pub mod audit;
pub mod channel;
pub mod config;
pub mod front;
pub mod log_collector;
pub mod peer;
#[cfg(test)]
mod plugged_tests;
pub mod proxy;
pub mod radiostation;
pub mod receipt;
pub mod replay;
mod rest;
pub mod scores;
pub mod shutdown;
pub mod signer;
pub mod station_page;
pub mod telemetry;
pub mod trail;
pub mod versions;
pub mod whole_file;

pub use host_rules::plugged as plugins;
pub use shutdown::{Shutdown, Trigger};
