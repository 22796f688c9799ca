//! A register of documents: who registered which one first, and who holds it now.
//!
//! In: `register(id, hash)`, `hand_over(id, to)` and the queries. Out: one entry for each id, the
//! events `registered` and `handed_over`, three faults. It keeps digests only: a document itself
//! belongs to whoever has it.
#![no_std]
use score_native::prelude::*;

/// What the SCORE remembers: ordered bytes, the same on every peer.
#[derive(Debug, State)]
pub struct TemplateRegistry {
    entries: Map<String, Entry>,
}

/// One document.
#[derive(Debug, Clone, PartialEq, Eq, Value)]
pub struct Entry {
    /// SHA-256 of the document.
    pub hash: [u8; 32],
    /// Who holds it.
    pub holder: Address,
    /// When it was registered: agreed time of its block, microseconds since 1970-01-01 UTC.
    pub since_us: u64,
}

/// A document is known from now on.
#[derive(Debug, Event)]
pub struct Registered {
    /// Its id.
    pub id: String,
    /// Its digest.
    pub hash: [u8; 32],
}

/// A document has another holder.
#[derive(Debug, Event)]
pub struct HandedOver {
    /// Its id.
    pub id: String,
    /// The new holder.
    pub to: Address,
}

/// Why nothing was done: the transaction is in the block, and changed nothing.
#[derive(Debug, Fault)]
pub enum Error {
    /// An id stands for one document for ever.
    #[msg("`{id}` is registered")]
    Taken {
        /// The id.
        id: String,
    },
    /// There is no such document.
    #[msg("`{id}` is not registered")]
    Unknown {
        /// The id.
        id: String,
    },
    /// It belongs to somebody else.
    #[msg("only its holder hands `{id}` over")]
    NotHolder {
        /// The id.
        id: String,
    },
}

#[score]
impl TemplateRegistry {
    /// Registers a document for the caller.
    ///
    /// # Errors
    /// [`Error::Taken`]
    pub fn register(&mut self, cx: &Cx, id: String, hash: [u8; 32]) -> Result<(), Error> {
        ensure!(!self.entries.contains(&id), Error::Taken { id });
        let entry = Entry { hash, holder: cx.caller(), since_us: cx.block_time() };
        self.entries.set(&id, entry);
        cx.emit(Registered { id, hash });
        Ok(())
    }

    /// Gives a document of the caller to another holder.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::NotHolder`]
    pub fn hand_over(&mut self, cx: &Cx, id: String, to: Address) -> Result<(), Error> {
        let Some(mut entry) = self.entries.try_get(&id) else {
            return Err(Error::Unknown { id });
        };
        ensure!(entry.holder == cx.caller(), Error::NotHolder { id });
        entry.holder = to;
        self.entries.set(&id, entry);
        cx.emit(HandedOver { id, to });
        Ok(())
    }

    /// One document, if it is registered.
    pub fn find(&self, id: String) -> Option<Entry> {
        self.entries.try_get(&id)
    }
}
