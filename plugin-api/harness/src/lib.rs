//! Runs n nodes of a consensus rule in virtual time, with faults and villains.
//!
//! One seed is one run for ever: [`campaign::run_seed`] draws a plan and runs it, and says
//! `Agreed`, `Stalled` or `Diverged` with the line that repeats it. What a run is made of:
//! [`cluster`] (phases), [`host`] (a model node with a disk), [`world`] (what they share),
//! [`network`], [`faults`], [`villain`], [`check`].
//!
//! Deliberately not here: real time, real sockets, real disks, and any knowledge of a rule's
//! formats.

pub mod campaign;
pub mod chain;
pub mod check;
pub mod clock;
pub mod cluster;
pub mod epochs;
pub mod faults;
pub mod host;
pub mod network;
pub mod signer;
pub mod twins;
pub mod verdict;
pub mod villain;
pub mod world;

pub use campaign::{Options, run_seed};
pub use cluster::{Plan, Report};
pub use verdict::Verdict;
