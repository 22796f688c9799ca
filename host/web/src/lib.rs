//! REST: v1 to the letter, v2, the operations listener.
//!
//! In: HTTP from anyone. Out: what a [`host_rpc::gateway::Gateway`] or
//! [`host_rpc::gateway::Directory`] answers, as JSON. No input is trusted, none gives a 5xx on v1.
//! Deliberately not here: channels, keys, storage; pages for people (the explorer).
//!
//! Where to look next: [`router`] (which path leads where), [`server`] (sockets and their bounds),
//! [`arguments`] (JSON as typed arguments, also for the command line).

pub mod arguments;
pub mod block_proof;
pub mod body;
pub mod cbor;
pub mod config;
pub mod gate;
pub mod json;
pub mod openapi;
pub mod ops;
pub mod problem;
pub mod query;
pub mod rate;
pub mod receipt;
pub mod router;
pub mod server;
pub mod state_key;
pub mod stream;
pub mod time;

mod calls;
mod identified;
mod seen;
mod ticket;
mod v1;
mod v2;

pub use config::RestConfig;
pub use identified::SIGNED_READ;
pub use ops::{OpsSource, ops_pages};
pub use problem::Problem;
pub use router::{Pages, Relay, peer_pages, radiostation_pages, relay_pages};
pub use server::{ServerLimits, serve};
pub use stream::ToWebSocket;
