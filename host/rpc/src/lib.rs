//! tarpc over mutual TLS 1.3 between peers, and the trait through which REST sees a node.
//!
//! In: bytes to send, certificates that say who may talk. Out: bytes from peers whose name is
//! proven, coded errors. tarpc stays inside this package: peers call four methods (`hello`,
//! `deliver`, `fetch`, `status`), and no byte of theirs reaches it before the session is
//! authenticated and the frame passed the guard.
//! Deliberately not here: what the bytes mean (`host/types/message.rs`), what happens with them
//! (`host/node`), HTTP (`host/web`).
//!
//! Where to look next: [`session`], [`server`], [`client`], [`directory`], [`gateway`].

pub mod backoff;
pub mod client;
pub mod directory;
mod doorman;
pub mod error;
pub mod events;
mod frame;
pub mod gateway;
pub mod greeting;
pub mod journey;
pub mod limits;
mod link;
pub mod lookups;
mod pace;
pub mod proofs;
mod queue;
pub mod scores;
pub mod server;
mod service;
pub mod session;
pub mod stream;
pub mod trust;

#[cfg(test)]
mod tests;

pub use client::{LinkMetrics, PeerClient, Target};
pub use error::{CallError, ConnectError, RpcError, SendError};
pub use greeting::Class;
pub use limits::ServerLimits;
pub use server::{PeerHandler, serve};
pub use service::{HelloReply, HelloRequest};
pub use session::Session;
pub use trust::{Expected, PeerIdentity, Trust};
