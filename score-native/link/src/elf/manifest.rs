//! The manifest: what a SCORE offers, as JSON in the section `.loopscore`.
//!
//! In: an [`Image`]. Out: a typed [`Manifest`], so that arguments in JSON can be turned into typed
//! CBOR and a signature list printed. Unknown fields are passed over: a newer SDK may say more.

use super::Finding;
use super::image::Image;
use serde::{Deserialize, Serialize};

/// What a SCORE offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// SCORE ABI it needs, `major.minor`.
    pub abi: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Version of the SDK it was built with.
    pub sdk: String,
    /// What can be called.
    pub methods: Vec<Method>,
    /// What it may emit.
    #[serde(default)]
    pub events: Vec<EventShape>,
    /// How it may refuse.
    #[serde(default)]
    pub faults: Vec<FaultShape>,
    /// Prefixes of its keys in the state.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// Kinds whose unlisted methods go to a catch-all.
    #[serde(default)]
    pub any: Any,
}

/// Something that can be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// Its name.
    pub name: String,
    /// `deploy`, `invoke`, `query` or `migrate`.
    pub kind: String,
    /// Its arguments, in order.
    pub args: Vec<Argument>,
    /// Type of its answer; `()` for none.
    pub returns: String,
}

/// A name and its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// Name.
    pub name: String,
    /// Type, as the SDK writes it (`u128`, `address`, `[text]`, …).
    #[serde(rename = "type")]
    pub kind: String,
}

/// An event a SCORE may emit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventShape {
    /// Its name.
    pub name: String,
    /// Its fields, in order.
    pub fields: Vec<Argument>,
}

/// A fault a SCORE may answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultShape {
    /// Its code in receipts, from 1.
    pub code: u32,
    /// Its name.
    pub name: String,
    /// Its message with `{fields}`.
    pub message: String,
}

/// Kinds whose unlisted methods go to a catch-all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Any {
    /// Transactions.
    #[serde(default)]
    pub invoke: bool,
    /// Questions.
    #[serde(default)]
    pub query: bool,
}

const INSTEAD: &str = "write `#[score]` and build with `loopchain score build`";

pub(super) fn read(image: &Image<'_>) -> Result<Manifest, Finding> {
    let name = score_native_abi::MANIFEST_SECTION;
    let section = image.sections.iter().find(|s| s.name == name);
    let Some(section) = section else {
        return Err(Finding::new(format!("it has no section `{name}`"), INSTEAD));
    };
    let Some(bytes) = image.in_file(section.offset, section.size) else {
        return Err(Finding::new(format!("the section `{name}` is cut off"), INSTEAD));
    };
    serde_json::from_slice(bytes)
        .map_err(|error| Finding::new(format!("its manifest cannot be read ({error})"), INSTEAD))
}
