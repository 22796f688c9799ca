//! One channel of this node: an actor around the pure stages, and the workers it needs.
//!
//! In: transactions from clients and peers, messages of peers. Out: a [`ChannelHandle`] to ask and
//! tell, and what the channel announces.
//! Deliberately not here: what the stages decide (`host/core`), what is on disk (`host/store`),
//! sockets (`host/rpc`), other channels.
//!
//! ```text
//!  REST, peers ──raw──► intake ──admitted──► actor ──effects──► network, signer, executor
//!                     (signatures)            ▲                      │
//!                                             └── signed, executed, stored, fetched
//! ```
//! Where to look next: [`actor`], [`execution`], [`recover`].

pub mod actor;
pub mod agreement;
pub mod divergence;
pub mod epochs;
pub mod events;
pub mod evidence;
pub mod execution;
pub mod executor_task;
pub mod files;
pub mod handle;
pub mod intake;
pub mod journey_view;
pub mod journeys;
pub mod links;
pub mod lookups;
pub mod own_words;
pub mod proof_view;
pub mod questions;
pub mod quorum;
pub mod receipt_view;
pub mod recover;
pub mod relay;
pub mod room;
pub mod serve;
pub mod stream;
pub mod versions;
pub mod views;

pub use actor::Command;
pub use handle::{ChannelHandle, while_joined};
pub use links::Links;
