//! A model checker on the *shipped* step function of `plugins/lft`: not a model of the rule, the
//! rule itself, with everything around it chosen by the checker.
//!
//! In: [`Bounds`]. Out: whether something that must never happen is reachable within them, and how
//! many states were seen. Three honest validators of four run the real `Lft`; the fourth is
//! Byzantine and has signed everything for everybody. What was ever said stays said: any node may
//! hear any part of it at any time, which includes every order, delay, loss and repetition.
//!
//! What is abstracted, and why nothing is lost:
//! * A node hears votes, skips and commits in bundles that reach a quorum, and the leader's own vote
//!   alone. Fewer change nothing but when to skip, and a node may give up at any time (`Wait`).
//! * Time is one step: everything due falls due at once. Only patience depends on time.
//! * The host answers at once: blocks are built, executed, fetched and durable within the step.
//!   Power may still be lost between steps; then only what the log held at the last signature stays.
//! * Two states are one when every node has the same [`node::Node::key`]: what it signed, learned
//!   and took, its view and head. `tests/check.rs` tests that a key determines the future.
//!
//! Read [`node`] (one honest node with its host), then [`world`] (what was said, what it certifies),
//! then [`model`] (states, actions, properties). Not here: liveness, more than four validators.

pub mod judge;
pub mod model;
pub mod node;
pub mod rejoin;
pub mod run;
pub mod shape;
pub mod symmetry;
pub mod world;

pub use model::Bounds;
pub use run::{Checked, check, walk};
pub use shape::Shape;
