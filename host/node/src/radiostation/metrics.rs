//! What monitoring systems read of a radiostation.
//!
//! In: counts of this moment. Out: OpenMetrics text. Deliberately not here: the listener
//! (`host/web`), metrics of peers (`peer/metrics.rs`).

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::sync::{Mutex, PoisonError};

/// The metrics of a radiostation.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    registered: Gauge,
    connected: Gauge,
    channels: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let (registered, connected, channels) =
            (Gauge::default(), Gauge::default(), Gauge::default());
        let mut registry = Registry::with_prefix("loopchain");
        let version = env!("CARGO_PKG_VERSION");
        let build = Info::new([("version", version), ("role", "radiostation")]);
        registry.register("build", "This program", build);
        registry.register(
            "peers_registered",
            "Peers that ever announced themselves and are kept",
            registered.clone(),
        );
        registry.register(
            "peers_connected",
            "Peers that announced themselves in the last 10 s",
            connected.clone(),
        );
        registry.register("channels", "Channels whose genesis is known", channels.clone());
        Self { registry: Mutex::new(registry), registered, connected, channels }
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Metrics {
    /// OpenMetrics text.
    #[must_use]
    pub fn render(&self, registered: usize, connected: usize, channels: usize) -> String {
        self.registered.set(number(registered));
        self.connected.set(number(connected));
        self.channels.set(number(channels));
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a String cannot fail.
        encode(&mut text, &registry).ok();
        text
    }
}
