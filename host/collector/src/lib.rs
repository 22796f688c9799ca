//! The log collector: receives lines of nodes, keeps them in a chain of files, finds them.
//!
//! In: batches of lines over mutual TLS ([`ship`] sends them, [`receive`] takes them), events of the
//! fluentd forward protocol ([`forward`]). Out: files that each name the hash of the one before
//! ([`store`], [`chain`]), and the records that a [`filter::Filter`] asks for ([`read`]).
//!
//! Deliberately not here: what a line says, who prints it, configuration files. Nothing here may
//! slow a node: its side is a queue that drops its oldest lines and counts them ([`queue`]).
//!
//! Where to look next: [`limits`], [`record`].

pub mod chain;
pub mod filter;
pub mod forward;
pub mod limits;
pub mod moment;
pub mod msgpack;
pub mod queue;
pub mod read;
pub mod receive;
pub mod record;
pub mod ship;
pub mod store;

pub use filter::Filter;
pub use queue::Queue;
pub use receive::{Collector, ForwardFrom, serve};
pub use record::Record;
pub use store::{Store, StoreBounds};

#[cfg(test)]
mod shipping_tests;
