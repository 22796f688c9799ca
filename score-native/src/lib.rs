//! The SDK that an author of a SCORE imports.
//!
//! A SCORE is an ordinary library: a struct of state fields and an `impl` block under
//! [`macro@score`]. `loopchain score build` makes the untrusted `.so` of it; `cargo test` runs the
//! same source natively with `score-native-testkit`.
//!
//! ```
//! # mod guestbook {
//! use score_native::prelude::*;
//!
//! #[derive(Debug, State)]
//! pub struct Guestbook {
//!     ids: Counter,
//!     entries: Map<u64, Entry>,
//! }
//!
//! #[derive(Debug, Value)]
//! pub struct Entry {
//!     pub note: String,
//!     pub at: u64,
//!     pub by: Address,
//! }
//!
//! #[derive(Debug, Event)]
//! pub struct Signed {
//!     pub id: u64,
//! }
//!
//! #[derive(Debug, Fault)]
//! pub enum Error {
//!     #[msg("note is {len} bytes, at most 280")]
//!     TooLong { len: u64 },
//! }
//!
//! #[score(name = "guestbook")]
//! impl Guestbook {
//!     pub fn sign(&mut self, cx: &Cx, note: String) -> Result<u64, Error> {
//!         ensure!(note.len() <= 280, Error::TooLong { len: note.len() as u64 });
//!         let id = self.ids.next();
//!         self.entries.set(&id, Entry { note, at: cx.block_time(), by: cx.caller() });
//!         cx.emit(Signed { id });
//!         Ok(id)
//!     }
//!     pub fn list(&self, limit: u32) -> Vec<Entry> {
//!         self.entries.values().rev().take(limit as usize).collect()
//!     }
//! }
//! # }
//! # fn main() {}
//! ```
//!
//! In: the calls of the worker, through the table of `score-native-abi`. Out: host calls, one
//! outcome per call, and the manifest. It deliberately offers nothing that two peers could see
//! differently: no clock, no randomness, no files, no threads, no hash maps.
//!
//! The crate is `no_std`; only in a build that unwinds (tests) it links `std` to catch panics. The
//! `.so` build is the one with `panic = "abort"` and the feature `export`.
#![no_std]

#[doc(hidden)]
pub extern crate alloc;
#[cfg(not(panic = "abort"))]
extern crate std;

pub use score_native_abi as abi;
pub use score_native_macros::{Event, Fault, State, Value, score, score_interface};

mod address;
pub mod args;
mod context;
pub mod contract;
pub mod export;
pub mod interface;
pub mod manifest;
pub mod prelude;
pub mod state;
mod value;

pub use address::Address;
pub use context::{Cx, Level};
pub use contract::{Answer, Contract, Event, Fault, Invocation, Outcome, ReadAs, Refused, Untyped};
pub use interface::CallError;
pub use state::{Counter, Item, Key, KeyPrefix, List, Map, Number, Set, State};
pub use value::Value;

/// Ends a method with an error unless the condition holds: `ensure!(have >= need, Error::Poor)`.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $error:expr $(,)?) => {
        if !$condition {
            return ::core::result::Result::Err(::core::convert::Into::into($error));
        }
    };
}
