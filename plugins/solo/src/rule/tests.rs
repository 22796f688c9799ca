//! The rule against a host of a few lines (`stage`).

mod checks;
mod follower;
mod signer;
mod stage;
