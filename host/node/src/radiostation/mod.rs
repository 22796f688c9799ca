//! The radiostation: the directory through which peers find each other.

use crate::config::RadioStationConfig;
use crate::shutdown::Shutdown;
use host_types::Rejection;

/// Runs a radiostation until it is asked to stop.
///
/// # Errors
/// What keeps it from running.
pub async fn run(_config: RadioStationConfig, shutdown: Shutdown) -> Result<(), Rejection> {
    shutdown.requested().await;
    Ok(())
}
