//! The smallest SCORE worth reading: a guest book.
//!
//! In: `greet(name)`. Out: how often each name was greeted, the event `greeted`, and one fault. See
//! README.md beside this folder's Cargo.toml.
#![no_std]
use score_native::prelude::*;

/// What the guest book remembers.
#[derive(Debug, State)]
pub struct Hello {
    greetings: Item<u64>,
    by_name: Map<String, u64>,
}

/// Somebody was greeted.
#[derive(Debug, Event)]
pub struct Greeted {
    /// Who.
    pub name: String,
    /// How often so far.
    pub times: u64,
}

/// Why nobody was greeted.
#[derive(Debug, Fault)]
pub enum Error {
    /// The name is empty.
    #[msg("a greeting needs a name")]
    NoName,
}

#[score]
impl Hello {
    /// A transaction: it takes `&mut self`.
    ///
    /// # Errors
    /// [`Error::NoName`]
    pub fn greet(&mut self, cx: &Cx, name: String) -> Result<u64, Error> {
        ensure!(!name.is_empty(), Error::NoName);
        let times = self.by_name.add(&name, 1);
        self.greetings.add(1);
        cx.emit(Greeted { name, times });
        Ok(times)
    }

    /// A query: it takes `&self`.
    pub fn greetings_of(&self, name: String) -> u64 {
        self.by_name.get(&name)
    }

    /// All greetings together.
    pub fn greetings(&self) -> u64 {
        self.greetings.get()
    }
}
