//! Opens a consensus rule, checks it, or says in one line why not.
//!
//! How a node uses it:
//!
//! ```no_run
//! use plugin_api::{InitCfg, Input, LogRecord, VerifyItem, host::{Host, HostFns}};
//! use plugin_api_loader::{Registry, StepError, Wanted};
//!
//! struct Node;
//! impl Host for Node {
//!     fn verify_many(items: &[VerifyItem]) -> bool {
//!         items.is_empty() // the node's one signature rule stands here
//!     }
//!     fn log(_level: u8, _target: &str, _line: &str) {} // and its log here
//! }
//!
//! # fn run(cfg: InitCfg, log: Vec<LogRecord>, accepted: Vec<[u8; 32]>) -> Result<(), Box<dyn std::error::Error>> {
//! let registry = Registry::at("data/plugins/store".as_ref())?;
//! let so = plugin_api_loader::make::find_rule_so("lft", &mut |_line| {})?; // or a dropped file
//! let rule = registry.open(&so, Wanted { id: Some("lft"), accepted: &accepted })?;
//!
//! // One instance per channel and epoch. It is `Send`; the channel's actor owns it.
//! let (mut instance, outputs) =
//!     rule.create(&cfg, &log, HostFns::of::<Node>()).map_err(|error| error.message)?;
//! // … carry `outputs` out in order, then:
//! match instance.step(0, &Input::Start) {
//!     Ok(outputs) => { /* carry them out in order */ }
//!     Err(StepError::Rejected(why)) => { /* log it, penalise the sender */ }
//!     Err(StepError::Poisoned(why)) => { /* the channel stops signing; the node goes on */ }
//! }
//! # Ok(()) }
//! ```
//!
//! The way of a file: [`check`] reads it and looks at its bytes, [`registry`] keeps a private copy
//! named by its digest, `open` loads that copy and compares the interface, [`rule`] is the typed
//! face of it, [`refusal`] says what was wrong. [`make`] builds the rules of a source tree.
//! Deliberately not here: sandboxing (a rule is trusted code of the operator), unloading (a loaded
//! rule stays until the process ends).

pub mod check;
pub mod make;
mod open;
pub mod refusal;
pub mod registry;
pub mod rule;

pub use refusal::Refusal;
pub use registry::{Registry, Wanted};
pub use rule::{LoadedRule, RuleInstance, StepError, final_claim};
