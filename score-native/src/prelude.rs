//! Everything an author usually needs: `use score_native::prelude::*;`.

pub use crate::{
    Address, Cx, Event, Fault, Invocation, Item, Key, Map, State, Value, ensure, score,
};
pub use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
