//! Where the words of the plugin interface become the host's and back, and nowhere else; and a rule from
//! a file as one that the stages step.
//!
//! In and out: headers, statements, inputs and outputs of a rule in either form. A rule from a file
//! (`host/node`) and one that is linked in (the simulator) pass through the same translation, so a new
//! word is written once. [`shelf`] finds the file of a rule, [`plugged`] steps it. Deliberately not here:
//! opening a library (`plugin-api-loader`), any decision.

pub mod headers;
pub mod inputs;
pub mod outputs;
pub mod plugged;
pub mod shelf;
pub mod statements;

pub use headers::{from_pair, header_view, to_pair};
pub use inputs::to_input;
pub use outputs::from_output;
pub use plugged::PluggedRule;
pub use shelf::{RuleShelf, Rules};
pub use statements::{from_statement, to_record, to_statement, to_validators};
