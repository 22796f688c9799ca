//! What a SCORE says about itself: its methods, events and faults with their types. REST and the
//! command line turn people's JSON into typed arguments from it.

use serde::{Deserialize, Serialize};

/// One named, typed place: an argument, a field of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type: `u8` .. `u128`, `i64`, `i128`, `bool`, `text`, `bytes`, `hash`, `address`, `[T]`, `T?`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// One method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// Its name.
    pub name: String,
    /// `invoke`, `query`, `deploy` or `migrate`.
    pub kind: String,
    /// Its arguments in order.
    pub args: Vec<Field>,
    /// Type of what it returns.
    pub returns: String,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventKind {
    /// Its name.
    pub name: String,
    /// Its fields in order.
    pub fields: Vec<Field>,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultKind {
    /// Its number.
    pub code: u32,
    /// Its name.
    pub name: String,
    /// Its message, with places in braces.
    pub message: String,
}

/// What a SCORE takes that it has no method for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatchAll {
    /// Any transaction: the argument is its name and its JSON text.
    #[serde(default)]
    pub invoke: bool,
    /// Any query: likewise.
    #[serde(default)]
    pub query: bool,
}

/// The manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the SCORE ABI, `major.minor`.
    pub abi: String,
    /// Name of the SCORE.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Version of the SDK it was built with.
    #[serde(default)]
    pub sdk: String,
    /// Its methods.
    pub methods: Vec<Method>,
    /// Its events.
    #[serde(default)]
    pub events: Vec<EventKind>,
    /// Its faults.
    #[serde(default)]
    pub faults: Vec<FaultKind>,
    /// What it takes besides.
    #[serde(default)]
    pub any: CatchAll,
}

impl Manifest {
    /// The method of a name and kind.
    #[must_use]
    pub fn method(&self, name: &str, kind: &str) -> Option<&Method> {
        self.methods.iter().find(|m| m.name == name && m.kind == kind)
    }
}
