//! What a rule may ask of its host: check signatures, and write a line to the log. A host
//! implements [`Host`] with typed functions; [`HostFns`] is the same as a table of C functions that
//! crosses the binary interface.
//!
//! Deliberately not here: time, disk, network, randomness and keys. A rule has none of them.

use crate::{rule::VerifyItem, wire};
use abi_stable::{
    StableAbi,
    std_types::{RSlice, RStr},
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How grave a line of the log is.
pub mod level {
    /// Something is broken.
    pub const ERROR: u8 = 1;
    /// Something is odd.
    pub const WARN: u8 = 2;
    /// Something an operator may want to know.
    pub const INFO: u8 = 3;
    /// For people who look for a fault.
    pub const DEBUG: u8 = 4;
    /// Every little thing.
    pub const TRACE: u8 = 5;
}

/// The host's side, typed. Both functions are pure functions of the host program, not of a node:
/// every instance in the process shares them.
pub trait Host: 'static {
    /// True only when every signature is right under the one rule (ZIP 215). Pure.
    fn verify_many(items: &[VerifyItem]) -> bool;

    /// Takes a line of the log; `level` as in [`level`].
    fn log(level: u8, target: &str, line: &str);
}

/// The host's side as it crosses the binary interface.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug)]
pub struct HostFns {
    /// Takes `[format, [items]]` (`wire`); true only when every item is right.
    pub verify_many: extern "C" fn(items: RSlice<'_, u8>) -> bool,
    /// Takes level, target and line.
    pub log: extern "C" fn(level: u8, target: RStr<'_>, line: RStr<'_>),
}

impl HostFns {
    /// The table for a typed host. A panic in it becomes "not verified" or a lost line, it never
    /// crosses the interface.
    #[must_use]
    pub const fn of<H: Host>() -> Self {
        Self { verify_many: verify_many::<H>, log: log::<H> }
    }
}

extern "C" fn verify_many<H: Host>(items: RSlice<'_, u8>) -> bool {
    catch_unwind(|| {
        wire::decode::<Vec<VerifyItem>>(&items).is_ok_and(|items| H::verify_many(&items))
    })
    .unwrap_or(false)
}

extern "C" fn log<H: Host>(level: u8, target: RStr<'_>, line: RStr<'_>) {
    let logged = catch_unwind(AssertUnwindSafe(|| H::log(level, &target, &line)));
    drop(logged);
}
