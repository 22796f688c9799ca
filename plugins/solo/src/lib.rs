//! `solo`: the consensus rule with one signer, for development and tests. The only validator builds
//! a block, has it executed, and signs block and result: that one signature is proposal, vote and
//! Final proof. One signature and one flush to disk for each block; silent when there is no work.
//!
//! It tolerates no fault at all: when its signer stops, the channel stops. Deliberately not here:
//! agreement between several validators (rule `lft`); with more than one validator it refuses to
//! start. Read [`rule`] for the state machine, [`statement`] for what is signed and proved,
//! [`parameters`] for what the channel can set.

pub mod parameters;
pub mod rule;
pub mod statement;

pub use rule::Solo;

plugin_api::export_rule!(Solo, "loopchain_rule_solo");
