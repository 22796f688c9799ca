//! What monitoring systems read of a radiostation.
//!
//! In: the station at this moment. Out: OpenMetrics text. Deliberately not here: the listener
//! (`host/web`), metrics of peers (`peer/metrics.rs`).

use super::station::Station;
use crate::peer::certificates;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
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
    revoked: Gauge,
    /// By `use`.
    certificate_expiry: Family<Vec<(String, String)>, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        let (registered, connected, channels, revoked) =
            (Gauge::default(), Gauge::default(), Gauge::default(), Gauge::default());
        let certificate_expiry: Family<Vec<(String, String)>, Gauge> = Family::default();
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
        registry.register(
            "certificates_revoked",
            "Certificates that organisations have taken back and that open no session here",
            revoked.clone(),
        );
        registry.register(
            "certificate_expiry_timestamp_seconds",
            "When a certificate of this node runs out, seconds since 1970",
            certificate_expiry.clone(),
        );
        let registry = Mutex::new(registry);
        Self { registry, registered, connected, channels, revoked, certificate_expiry }
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Metrics {
    /// OpenMetrics text of this moment.
    #[must_use]
    pub fn render(&self, station: &Station) -> String {
        let now = station.now();
        {
            let registry = station.registry();
            self.registered.set(number(registry.records(|_| true).len()));
            self.connected.set(number(registry.records(|one| one.is_connected(now)).len()));
        }
        self.channels.set(number(station.channels.names().len()));
        self.revoked.set(number(station.revoked.all().len()));
        for own in certificates::told(station) {
            let label = vec![("use".to_owned(), own.key_use.to_owned())];
            let seconds = own.not_after.get() / 1_000_000;
            let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
            self.certificate_expiry.get_or_create(&label).set(seconds);
        }
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a String cannot fail.
        encode(&mut text, &registry).ok();
        text
    }
}
