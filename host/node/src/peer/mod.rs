//! The peer: one process, many channels.
//!
//! In: `peer.toml`, genesis files, the drop-in folder, sockets. Out: a running node until it is
//! asked to stop. Deliberately not here: what a channel does (`channel`), how pages look
//! (`host/web`), who starts whom (`loopchain up`).
//! Where to look next: [`start`], [`mesh`], [`gateway`].

pub mod accuse;
mod admin;
mod caller;
pub mod certificates;
pub mod chosen;
mod dev_only;
mod discovery;
pub mod drop_folder;
pub mod gateway;
pub mod handler;
pub mod known_peers;
mod many_channels;
pub mod mesh;
pub mod metrics;
mod narrowed;
pub mod node;
mod offences;
mod past_turns;
pub mod quota;
pub mod radiostations;
pub mod readiness;
pub(crate) mod renewal;
pub mod revocations;
mod scans;
mod settings;
mod sign_start;
mod signed_reads;
pub mod start;
mod station_metrics;
pub mod status_wire;
mod trail_root;
mod warm;

pub use node::Node;
pub use start::run;
