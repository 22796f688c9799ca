//! `Cx`: what a call may know of the world. All of it is part of the block, so every peer sees the
//! same; there is deliberately no clock, no randomness and no network behind it.

use crate::{Address, Event, abi, export};
use alloc::vec::Vec;
use core::fmt;

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something went wrong.
    Error,
    /// Something is odd.
    Warn,
    /// Worth knowing.
    Info,
    /// For the author.
    Debug,
}

impl Level {
    const fn abi(self) -> u32 {
        match self {
            Self::Error => abi::level::ERROR,
            Self::Warn => abi::level::WARN,
            Self::Info => abi::level::INFO,
            Self::Debug => abi::level::DEBUG,
        }
    }
}

/// The surroundings of the running call; given to a method that asks for `cx: &Cx`.
pub struct Cx {
    call: abi::Call,
}

impl Cx {
    pub(crate) const fn new(call: abi::Call) -> Self {
        Self { call }
    }

    /// Who calls: the signer, or the SCORE that calls this one.
    #[must_use]
    pub const fn caller(&self) -> Address {
        Address(self.call.caller)
    }

    /// Who signed the transaction.
    #[must_use]
    pub const fn signer(&self) -> Address {
        Address(self.call.origin)
    }

    /// Role in the signer's certificate; 0 when there is none.
    #[must_use]
    pub const fn role(&self) -> u32 {
        self.call.role
    }

    /// Organisation in the signer's certificate; empty when there is none.
    #[must_use]
    pub fn organisation(&self) -> &str {
        export::text_of(self, self.call.organisation)
    }

    /// Name of the channel.
    #[must_use]
    pub fn channel(&self) -> &str {
        export::text_of(self, self.call.channel)
    }

    /// Height of the block; in a query the height of the state that is read.
    #[must_use]
    pub const fn height(&self) -> u64 {
        self.call.height
    }

    /// Agreed time of the block, in microseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn block_time(&self) -> u64 {
        self.call.time_us
    }

    /// Id of the transaction.
    #[must_use]
    pub const fn tx_hash(&self) -> [u8; 32] {
        self.call.tx_hash
    }

    /// Position of the transaction in its block.
    #[must_use]
    pub const fn tx_index(&self) -> u32 {
        self.call.tx_index
    }

    /// SHA-256 of the block's seed and the transaction's id: different for each transaction, but
    /// **not secret**: whoever proposes the block can predict it.
    #[must_use]
    pub fn seed(&self) -> [u8; 32] {
        let mut both = [0; 64];
        both[..32].copy_from_slice(&self.call.block_seed);
        both[32..].copy_from_slice(&self.call.tx_hash);
        self.hash(&both)
    }

    /// SHA-256.
    #[must_use]
    pub fn hash(&self, data: &[u8]) -> [u8; 32] {
        export::hash(data)
    }

    /// Whether the ed25519 signature of the key over the message is good (ZIP 215, as for blocks).
    #[must_use]
    pub fn verify(&self, key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
        export::verify(key, message, signature)
    }

    /// Records an event in the receipt; dropped when the call fails.
    #[expect(clippy::needless_pass_by_value, reason = "an event is made for this one call")]
    pub fn emit<E: Event>(&self, event: E) {
        let mut data = Vec::with_capacity(64);
        event.encode(&mut data);
        export::emit(E::INFO.name, &data);
    }

    /// A line for the operator's log, worth knowing; not part of the receipt, so it may never matter.
    pub fn log(&self, line: &str) {
        self.log_at(Level::Info, line);
    }

    /// A line for the operator's log at a level of its own.
    pub fn log_at(&self, level: Level, line: &str) {
        export::log(level.abi(), line);
    }
}

impl fmt::Debug for Cx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx")
            .field("caller", &self.caller())
            .field("height", &self.height())
            .finish_non_exhaustive()
    }
}

/// Ends the call when a stored value is not of the field's type: only another version of the SCORE
/// can have written it, and it lacks a migration.
#[cold]
#[expect(clippy::panic, reason = "a panic is the trap by which a SCORE ends")]
pub(crate) fn wrong_state(prefix: &str, reason: crate::args::Malformed) -> ! {
    panic!("state under `{prefix}`: {}", reason.text())
}
