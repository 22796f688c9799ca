//! Typed state: fields over ordered bytes.
//!
//! In: a struct of fields under `#[derive(State)]`. Out: host calls with keys that begin with the
//! field's name. An [`Item`] is the key `name`, a [`Map`] the keys `name/` and the key's bytes, in
//! the key's order. It deliberately keeps nothing in memory: each access is a host call.

mod item;
mod key;
mod map;

pub use item::Item;
pub use key::Key;
pub use map::Map;

/// The state of a SCORE; derived.
pub trait State {
    /// (name, suffix) of each field: the prefixes of all keys.
    const PREFIXES: &'static [(&'static str, &'static str)];
    /// Handles to the fields; nothing is read.
    fn open() -> Self;
}

/// A field of the state: [`Item`] or [`Map`].
pub trait Field {
    /// What follows the field's name in its keys.
    const SUFFIX: &'static str;
    /// A handle; nothing is read.
    fn open(name: &'static str) -> Self;
}
