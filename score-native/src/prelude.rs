//! Everything an author usually needs: `use score_native::prelude::*;`.

pub use crate::{
    Address, CallError, Counter, Cx, Event, Fault, Invocation, Item, Key, KeyPrefix, Level, List,
    Map, Number, Set, State, Value, ensure, score, score_interface,
};
pub use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
