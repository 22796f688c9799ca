//! A model checker on the *shipped* step function of `plugins/lft`: not a model of the rule, the
//! rule itself, with everything around it chosen by the checker.
//!
//! In: [`Bounds`]. Out: whether something that must never happen is reachable within them, and how
//! many states were seen. Honest validators run the real `Lft`: three of four, with or without fast
//! commit, or five of six, three of which are a group. The last one is Byzantine and has signed
//! everything for everybody. What was ever said stays said: any node may hear any part of it at any
//! time, which includes every order, delay, loss and repetition.
//!
//! What is abstracted, and why nothing is lost:
//! * A node hears votes, skips and commits in bundles that reach a quorum, and the leader's own vote
//!   alone. Fewer change nothing but when to skip, and a node may give up at any time (`Wait`).
//! * With fast commit less than a quorum counts, too: every set of first statements that makes a node
//!   say something, with all that the liar can say first. The rest it can hear later, all at once.
//! * In one view of fast commit or of a group, nodes hear no null certificate, and one of them hears
//!   that something is final: both only stop a node from speaking. Nodes may change places.
//! * A node without its log hears each answer when it is given: see [`rejoin`].
//! * Time is one step: everything due falls due at once. Only patience depends on time.
//! * The host answers at once: blocks are built, executed, fetched and durable within the step.
//!   Power may still be lost between steps; then only what the log held at the last signature stays.
//! * Two states are one when every node has the same [`node::Node::key`]: what it signed, learned
//!   and took, its view and head. `tests/check.rs` tests that a key determines the future.
//!
//! Read [`node`] (one honest node with its host), then [`world`] (what was said, what it certifies),
//! then [`model`] (states, actions) and [`judge`] (properties). Not here: liveness, other sets.

pub mod alone;
pub mod deed;
pub mod judge;
pub mod model;
pub mod node;
pub mod proof;
pub mod rejoin;
pub mod run;
pub mod shape;
pub mod showing;
pub mod shows;
pub mod stage;
pub mod symmetry;
pub mod telling;
pub mod together;
pub mod weights;
pub mod world;

pub use model::Bounds;
pub use run::{Checked, check, walk};
pub use shape::Shape;
