//! A model checker on the *shipped* step function of `plugins/lft`: not a model of the rule, the
//! rule itself, with everything around it chosen by the checker. There are two ways to look at it.
//!
//! # One node, then all
//!
//! In: [`proof::Claim`]. Out: [`proof::Proof`]. Nodes have nothing to do with each other but that they
//! hear what was said. So [`alone`] runs one node under everything that it could ever be shown and takes
//! down what it says: [`deed::Deed`]s, seen from the pair they are about. [`weights`] asks the rule whose
//! signatures it takes for a certificate. [`together`] then exhausts what can be said by nodes that say
//! only that, view by view. Why nothing is lost:
//! * What was said stays said, and may be heard at any time. A node does not depend on who else heard
//!   what; what it does not hear now it can hear later.
//! * `together` can do more than nodes can: who spoke in one view is nobody in particular in the next,
//!   a flag is a Commit of its own, any leader may show two blocks on any ground, and a certificate that
//!   exists is held by whoever needs it. So one run stands for a liar in any place, for losses of power
//!   (each node stops for itself), and for results that differ (two results of a block are two pairs).
//! * `alone` is not shown what cannot be: two certificates that exclude each other, or one without the
//!   ground it stands on. `together` proves that there is none, of nodes that were shown none so far.
//! * Blocks have no names: what a node does about one depends on where it stands and what was said of it.
//!   So a deed is the same for every block, and moments in which blocks only have other names are one
//!   ([`stage::Stage::key`]; `tests/proof.rs` tests that a key determines the future).
//! * Two blocks are in a view. Who votes for a third could as well have voted for none of the two.
//! * A node hears what statements make: certificates, and with fast commit so many first statements.
//!   Fewer, and the flags of others, change nothing but when to skip, and it may give up at any time.
//! * What makes a node say nothing, nor move, is shown to it only with what then does. `tests/proof.rs`
//!   compares that with showing it one by one.
//!
//! Every statement of the second way is a deed of the first one (`tests/proof.rs`, at random).
//!
//! # All nodes at once
//!
//! In: [`Bounds`]. Out: whether something that must never happen is reachable within them, and how
//! many states were seen. Honest validators run the real `Lft`: three of four, with or without fast
//! commit, or five of six, three of which are a group. The last one is Byzantine and has signed
//! everything for everybody. What was ever said stays said: any node may hear any part of it at any
//! time, which includes every order, delay, loss and repetition. It has more states, and all that joins
//! nodes in more than statements: nodes that lose their log and ask the others.
//!
//! What is abstracted here, the last two points also for a node alone, and why nothing is lost:
//! * A node hears votes, skips and commits in bundles that reach a quorum, and the leader's own vote
//!   alone. Fewer change nothing but when to skip, and a node may give up at any time (`Wait`).
//! * With fast commit less than a quorum counts, too: every set of first statements that makes a node
//!   say something, with all that the liar can say first. The rest it can hear later, all at once.
//! * In one view of fast commit or of a group, nodes hear no null certificate, and one of them hears
//!   that something is final: both only stop a node from speaking. Nodes may change places.
//! * A node without its log hears each answer when it is given: see [`rejoin`].
//! * Two states are one when every node has the same [`node::Node::key`]: what it signed, learned
//!   and took, its view and head. `tests/check.rs` tests that a key determines the future.
//! * Time is one step: everything due falls due at once. Only patience depends on time.
//! * The host answers at once: blocks are built, executed, fetched and durable within the step (alone, a
//!   node's host may also take its time to check a block).
//!   Power may still be lost between steps; then only what the log held at the last signature stays.
//!
//! Read [`node`] (one honest node with its host), then [`world`] (what was said, what it certifies),
//! then [`alone`] and [`together`], or [`model`] (states, actions) and [`judge`] (properties). Not here:
//! liveness, and more views than are counted in `README.md`.

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
