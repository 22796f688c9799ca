//! The log collector as a process: its configuration, its certificate, its listener.
//!
//! In: `log-collector.toml`. Out: a listener that keeps lines until it is asked to stop. What is kept
//! and how is `host/collector`; it is member of no channel and holds no signing key.

use crate::config::{ForwardInput, LogCollectorConfig, StoreConfig};
use crate::peer::start;
use crate::shutdown::Shutdown;
use crate::telemetry;
use host_collector::{Collector, ForwardFrom, Store, StoreBounds};
use host_types::{Code, Rejection};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

fn bounds(config: &StoreConfig) -> StoreBounds {
    StoreBounds {
        segment_bytes: config.segment.0,
        keep_bytes: config.keep.0,
        keep_time: Duration::from_micros(config.keep_time.0),
    }
}

/// Runs a log collector until it is asked to stop.
///
/// # Errors
/// What keeps it from running.
pub async fn run(config: LogCollectorConfig, shutdown: Shutdown) -> Result<(), Rejection> {
    let name = config.node_name().map_err(Rejection::from)?;
    telemetry::init(&config.log, name.as_str())?;
    let session = start::session(&config.network, &config.tls, [config.listen; 3])?;
    let store = Store::open(&config.data_dir, bounds(&config.store)).map_err(|error| {
        let message = format!("the kept lines cannot be opened: {error}");
        Rejection::new(Code::StoreDamaged, message)
    })?;
    let forward = match config.forward {
        ForwardInput::Off => ForwardFrom::Nobody,
        ForwardInput::Loopback => ForwardFrom::Loopback,
        ForwardInput::On => ForwardFrom::Everybody,
    };
    let listener = start::bind(config.listen).await?;
    let collector = Arc::new(Collector::new(store, session, forward));
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(host_collector::serve(listener, collector, stopped));
    tracing::info!(
        event = "collector.started",
        "log collector {name} listens on {}",
        config.listen
    );
    shutdown.requested().await;
    stop.send_replace(true);
    serving.await.map_err(|error| Rejection::new(Code::Internal, error.to_string()))?;
    tracing::info!(event = "collector.stopped", "log collector {name} stops");
    Ok(())
}
