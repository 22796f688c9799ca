//! The contract of consensus rules: what a rule is told, what it may ask for, and how both cross a
//! stable binary interface as bytes.
//!
//! A rule is a pure state machine. It is stepped with one [`Input`] at a time and answers with
//! [`Output`]s; it has no clock, no socket, no disk, no randomness and no keys. The same type is
//! linked statically by simulators and model checkers and loaded as a `.so` by a node.
//!
//! Deliberately not here: what a transaction is, how a header is encoded, where things are stored.
//! The host owns those; a rule sees [`mirror::HeaderView`] and ids.
//!
//! Where to look next: [`rule`] for the trait, [`input`] and [`output`] for the messages; then
//! [`root`] for the table of C functions, [`wire`] for the bytes that cross, [`canonical`] for those
//! of a rule itself, [`host`] for what a rule may ask
//! of its host, [`export`] for what `export_rule!` makes of a rule, [`version`] for who fits whom.

mod bridge;
pub mod canonical;
pub mod export;
pub mod host;
pub mod input;
pub mod mirror;
pub mod output;
pub mod root;
pub mod rule;
pub mod version;
pub mod wire;

pub use input::Input;
pub use mirror::{
    GroupMode, Hash, HeaderView, InitCfg, Pair, ProposalKind, Slot, Statement, Unit, Validator,
};
pub use output::{Output, Then, To};
pub use rule::{
    ConsensusRule, Inspect, LogRecord, Parameter, ProofError, RuleError, Verify, VerifyItem,
};
pub use wire::FinalClaim;
