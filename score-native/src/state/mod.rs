//! Typed state: fields over ordered bytes.
//!
//! In: a struct of fields under `#[derive(State)]`. Out: host calls with keys that begin with the
//! field's name. An [`Item`] or a [`Counter`] is the key `name`; a [`Map`] or a [`Set`] the keys
//! `name/` and the key's bytes, in the key's order; a [`List`] the keys `name/` (its length) and
//! `name/` with the position. It deliberately keeps nothing in memory: each access is a host call.
//!
//! A query has `&self`, and everything that writes wants `&mut self`:
//!
//! ```compile_fail,E0596
//! # mod visits {
//! use score_native::prelude::*;
//!
//! #[derive(Debug, State)]
//! pub struct Visits {
//!     count: Counter,
//! }
//!
//! #[score(name = "visits")]
//! impl Visits {
//!     pub fn visit(&self) -> u64 {
//!         self.count.next() // cannot borrow `self.count` as mutable
//!     }
//! }
//! # }
//! # fn main() {}
//! ```

mod counter;
mod item;
mod key;
mod list;
mod map;
mod number;
mod scan;
mod set;

pub use counter::Counter;
pub use item::Item;
pub use key::{Key, KeyPrefix};
pub use list::List;
pub use map::{Entries, Map};
pub use number::Number;
pub use set::Set;

/// The state of a SCORE; derived.
pub trait State {
    /// (name, suffix) of each field: the prefixes of all keys.
    const PREFIXES: &'static [(&'static str, &'static str)];
    /// Handles to the fields; nothing is read.
    fn open() -> Self;
}

/// A field of the state: [`Item`], [`Map`], [`Set`], [`List`] or [`Counter`].
pub trait Field {
    /// What follows the field's name in its keys.
    const SUFFIX: &'static str;
    /// A handle; nothing is read.
    fn open(name: &'static str) -> Self;
}
