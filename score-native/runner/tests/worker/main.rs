//! The worker as its peer meets it: real processes, real SCORE files, the whole sandbox.
//!
//! `attacks`: what a hostile SCORE gets. `batches`: blocks, branches, restarts, questions.
//! `calls`: SCOREs that call each other. `forgeries`: what a lying worker gets.
//! `deploy_check`: what the check says about real files and about broken ones.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends so")]

mod attacks;
mod batches;
mod calls;
mod deploy_check;
mod forgeries;
mod stage;
