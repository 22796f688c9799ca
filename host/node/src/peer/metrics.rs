//! What monitoring systems read. Names: `docs/spec/rest.md`.

use super::certificates;
use super::node::Node;
use super::station_metrics::StationMetrics;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfChannel {
    channel: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPeer {
    peer: String,
}

type Gauges = Family<OfChannel, Gauge>;

/// The registry of a peer.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    height: Gauges,
    transactions: Gauges,
    made_blocks: Gauges,
    degraded: Gauges,
    connected: Family<OfPeer, Gauge>,
    signing_stopped: Gauge,
    /// By `use`.
    certificate_expiry: Family<Vec<(String, String)>, Gauge>,
    stations: StationMetrics,
    lines_shipped: Counter,
    lines_dropped: Counter,
    lines_waiting: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("loopchain")),
            height: Family::default(),
            transactions: Family::default(),
            made_blocks: Family::default(),
            degraded: Family::default(),
            connected: Family::default(),
            signing_stopped: Gauge::default(),
            certificate_expiry: Family::default(),
            stations: StationMetrics::default(),
            lines_shipped: Counter::default(),
            lines_dropped: Counter::default(),
            lines_waiting: Gauge::default(),
        };
        {
            let mut registry = metrics.registry.lock().unwrap_or_else(PoisonError::into_inner);
            registry.register("block_height", "Last final height stored", metrics.height.clone());
            registry.register(
                "block_transactions_sum",
                "Transactions in final blocks since genesis",
                metrics.transactions.clone(),
            );
            registry.register(
                "blocks_proposed",
                "Blocks with transactions that this peer proposed since it started",
                metrics.made_blocks.clone(),
            );
            registry.register(
                "storage_degraded",
                "1 when the channel is halted on this peer",
                metrics.degraded.clone(),
            );
            registry.register(
                "peer_connected",
                "1 while there is an open session for consensus",
                metrics.connected.clone(),
            );
            registry.register(
                "signing_stopped",
                "1 when the sign log failed: nothing is signed until restart",
                metrics.signing_stopped.clone(),
            );
            registry.register(
                "certificate_expiry_timestamp_seconds",
                "When a certificate of this node runs out, seconds since 1970",
                metrics.certificate_expiry.clone(),
            );
            metrics.stations.register(&mut registry);
            registry.register(
                "log_lines_shipped",
                "Log lines that the log collector has acknowledged",
                metrics.lines_shipped.clone(),
            );
            registry.register(
                "log_lines_dropped",
                "Log lines dropped because the queue to the log collector was full",
                metrics.lines_dropped.clone(),
            );
            registry.register(
                "log_lines_waiting",
                "Log lines that wait for the log collector",
                metrics.lines_waiting.clone(),
            );
        }
        metrics
    }
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Metrics {
    /// OpenMetrics text of this moment.
    #[must_use]
    pub fn render(&self, node: &Node) -> String {
        // A channel that was left has no line any more, nor has a peer that was forgotten.
        for family in [&self.height, &self.transactions, &self.made_blocks, &self.degraded] {
            family.clear();
        }
        self.connected.clear();
        for channel in node.channels() {
            let label = OfChannel { channel: channel.genesis().channel.as_str().to_owned() };
            let tip = channel.reader().tip();
            let made = channel.parts().made_blocks.load(std::sync::atomic::Ordering::Relaxed);
            self.height.get_or_create(&label).set(number(tip.height.get()));
            self.transactions.get_or_create(&label).set(number(tip.tx_total));
            self.made_blocks.get_or_create(&label).set(number(made));
            self.degraded.get_or_create(&label).set(i64::from(channel.halted().is_some()));
        }
        for (name, is_connected) in node.mesh.connections() {
            let label = OfPeer { peer: name.as_str().to_owned() };
            self.connected.get_or_create(&label).set(i64::from(is_connected));
        }
        self.signing_stopped.set(i64::from(node.signer.is_stopped()));
        for own in certificates::told(node) {
            let label = vec![("use".to_owned(), own.key_use.to_owned())];
            let seconds = number(own.not_after.get() / 1_000_000);
            self.certificate_expiry.get_or_create(&label).set(seconds);
        }
        self.stations.set(&node.stations);
        if let Some(queue) = crate::telemetry::queue() {
            self.lines_shipped.inner().store(queue.shipped(), Ordering::Relaxed);
            self.lines_dropped.inner().store(queue.dropped(), Ordering::Relaxed);
            self.lines_waiting.set(i64::try_from(queue.waiting().0).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a String cannot fail.
        encode(&mut text, &registry).ok();
        text
    }
}
