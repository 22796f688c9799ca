//! Support of the tests of the whole: networks of real processes, and what asks them.
//!
//! In: what a test wants (channels, how to start). Out: a running [`Network`] with ports of its own,
//! whose processes end with the test however it ends, and whose logs stand in the output of a test
//! that fails. Deliberately not here: any check of the product; a wrong step of the support panics.
//!
//! Where to look next: [`network`], [`http`], [`wallet`] (signed transactions), [`chain`] (reads all
//! blocks of all peers), [`load`] (writers and what was acknowledged), [`tools`] (strace, unshare).

#![expect(clippy::expect_used, clippy::panic, reason = "a wrong step of the support ends the test")]

pub mod chain;
pub mod http;
pub mod load;
pub mod memory;
pub mod network;
pub mod ports;
pub mod process;
pub mod stream;
pub mod tools;
pub mod wallet;
pub mod websocket;

pub use http::Answer;
pub use network::{Lease, Network, Options, Shared};
pub use wallet::Wallet;

use std::time::{Duration, Instant};

/// How often a state is looked at while a test waits for it.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Waits until `look` finds what a test needs.
///
/// # Panics
/// When that takes longer than `within`.
pub fn eventually<T>(within: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not within {} s: {what}", within.as_secs_f32());
        std::thread::sleep(LOOK_EVERY);
    }
}
