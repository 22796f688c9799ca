//! A counter that everybody may add to.
//!
//! In: `add(by)`. Out: the sum and what each signer added to it, the event `added`, one fault.
#![no_std]
use score_native::prelude::*;

/// What the SCORE remembers: ordered bytes, the same on every peer.
#[derive(Debug, State)]
pub struct TemplateCounter {
    total: Item<u64>,
    added_by: Map<Address, u64>,
}

/// Somebody added to the counter.
#[derive(Debug, Event)]
pub struct Added {
    /// Who.
    pub who: Address,
    /// How much.
    pub by: u64,
    /// What the counter shows now.
    pub total: u64,
}

/// Why nothing was added: the transaction is in the block, and changed nothing.
#[derive(Debug, Fault)]
pub enum Error {
    /// There is nothing to add.
    #[msg("adding 0 changes nothing")]
    Nothing,
}

#[score]
impl TemplateCounter {
    /// A transaction, because it takes `&mut self`. Whoever signed it is `cx.caller()`.
    ///
    /// # Errors
    /// [`Error::Nothing`]
    pub fn add(&mut self, cx: &Cx, by: u64) -> Result<u64, Error> {
        ensure!(by > 0, Error::Nothing);
        // A sum too large is a panic: the transaction fails and nothing it wrote stays.
        let total = self.total.add(by);
        self.added_by.add(&cx.caller(), by);
        cx.emit(Added { who: cx.caller(), by, total });
        Ok(total)
    }

    /// A query, because it takes `&self`.
    pub fn total(&self) -> u64 {
        self.total.get()
    }

    /// What one signer added.
    pub fn added_by(&self, who: Address) -> u64 {
        self.added_by.get(&who)
    }
}
