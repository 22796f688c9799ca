//! LFT: Byzantine agreement without forks, a rotating leader, free weights.
//!
//! The rules and their numbers stand in `SPEC.md`; [`machine`] runs them. Each file in front of
//! it holds one idea and can be read alone: [`quorum`] and [`leader`] (who counts, who leads),
//! [`statement`] and [`certificate`] (what is signed, what it proves), [`pacemaker`] (when to lose
//! patience), [`evidence`] (who cheated), [`peer`] (helper messages).
//!
//! Deliberately not here: clocks, sockets, disks, keys, payloads. The same crate is linked by the
//! simulator and loaded by a node.

pub mod certificate;
pub mod evidence;
pub mod export;
#[cfg(test)]
mod fixture;
pub mod leader;
pub mod machine;
pub mod pacemaker;
pub mod parameters;
pub mod peer;
#[cfg(feature = "planted-bugs")]
pub mod planted;
pub mod quorum;
pub mod statement;
mod tally;
pub mod validators;

pub use machine::Lft;
