//! A guestbook: people sign it with a note.
//!
//! In: `sign(name, note)`. Out: entries in order, the event `signed`, one fault.
#![no_std]
use score_native::prelude::*;

/// What the SCORE remembers.
#[derive(Debug, State)]
pub struct Guestbook {
    ids: Counter,
    entries: Map<u64, Entry>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Value)]
pub struct Entry {
    /// Who signed, in their own words.
    pub name: String,
    /// What they wrote.
    pub note: String,
    /// Agreed time of the block, microseconds since 1970-01-01 UTC.
    pub at_us: u64,
    /// Whose key signed the transaction.
    pub by: Address,
}

/// Somebody signed.
#[derive(Debug, Event)]
pub struct Signed {
    /// Number of the entry.
    pub id: u64,
}

/// Why nobody signed.
#[derive(Debug, Fault)]
pub enum Error {
    /// A note is short.
    #[msg("the note has {bytes} bytes, at most 280 are taken")]
    TooLong {
        /// How long it is.
        bytes: u64,
    },
}

#[score]
impl Guestbook {
    /// Adds an entry and answers its number.
    ///
    /// # Errors
    /// [`Error::TooLong`]
    pub fn sign(&mut self, cx: &Cx, name: String, note: String) -> Result<u64, Error> {
        ensure!(note.len() <= 280, Error::TooLong { bytes: note.len() as u64 });
        let id = self.ids.next();
        self.entries.set(&id, Entry { name, note, at_us: cx.block_time(), by: cx.caller() });
        cx.emit(Signed { id });
        Ok(id)
    }

    /// The newest entries, newest first.
    pub fn list(&self, limit: u32) -> Vec<Entry> {
        self.entries.values().rev().take(limit as usize).collect()
    }
}
