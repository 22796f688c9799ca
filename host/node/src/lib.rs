//! The roles: peer and radiostation; channel actors, configuration, telemetry.

pub mod config;
pub mod shutdown;

pub use shutdown::{Shutdown, Trigger};
