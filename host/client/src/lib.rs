//! The client of an application: it talks to several peers, signs, waits for finality, and checks what
//! peers say.
//!
//! In: addresses of peers, a channel, keys; answers of peers, which are not trusted. Out: transactions
//! on the chain, typed answers, what a proof or receipt shows. A request that may succeed later is sent
//! again a bounded number of times, to the next peer first: a transaction is the same signed bytes each
//! time, so it enters the chain once. Deliberately not here: the node, files and words for people (the
//! command line is one user of this crate), TLS (a proxy in front of the peer, until there is more).
//!
//! The short way from nothing to a transaction that was checked:
//!
//! ```no_run
//! use host_client::{Client, Identity, Settings};
//! use serde_json::json;
//! use std::{path::Path, time::Duration};
//!
//! # async fn example() -> Result<(), host_client::ClientError> {
//! let peers = ["http://127.0.0.1:9000", "http://127.0.0.1:9001"];
//! let client = Client::new(Settings::new(peers, "demo")?)?;
//! let alice = Identity::load(Path::new("keys/alice.key"), None)?;
//! let call = client.call("token", "transfer", &json!({"to": "bob", "amount": 1})).await?;
//! let signed = call.sign(&alice)?;
//! let (_, done) = client.submit_and_wait(&signed, Duration::from_secs(30)).await?;
//! assert_eq!(done.state, "final");
//! # Ok(()) }
//! ```
//!
//! Where to look next: [`client`], then [`receipt`], [`block_proof`] and [`state_key`].

pub mod answer;
pub mod block_proof;
pub mod client;
mod error;
mod events;
#[cfg(any(test, feature = "test-utils"))]
pub mod fixture;
mod http;
mod identity;
mod page;
mod reader;
pub mod receipt;
mod retry;
mod search;
mod sign;
pub mod state_key;

pub use client::{Client, Settings};
pub use error::ClientError;
pub use events::{EventReader, StreamEvent};
pub use http::Exchange;
pub use identity::{Identity, Signer};
pub use reader::Says;
pub use retry::Retry;
pub use sign::{Call, Signed};
