//! The SDK that an author of a SCORE imports.
//!
//! A SCORE is an ordinary library: a struct of state fields and an `impl` block under
//! [`macro@score`]. `loopchain score build` makes the untrusted `.so` of it; `cargo test` runs the
//! same source natively with `score-native-testkit`.
//!
//! ```
//! # mod counter {
//! use score_native::prelude::*;
//!
//! #[derive(Debug, State)]
//! pub struct Counter {
//!     total: Item<u64>,
//! }
//!
//! #[score(name = "counter")]
//! impl Counter {
//!     pub fn add(&mut self, amount: u64) {
//!         self.total.set(self.total.get() + amount);
//!     }
//!     pub fn total(&self) -> u64 {
//!         self.total.get()
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
pub use context::Cx;
pub use contract::{Answer, Contract, Event, Fault, Invocation, Outcome, Refused};
pub use interface::CallError;
pub use state::{Item, Key, Map, State};
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
