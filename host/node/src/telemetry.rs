//! The log of a process: pretty for people, one JSON object a line for machines.
//!
//! In: `[log]` of the configuration. Out: lines on stderr. Never payloads, keys or certificates'
//! private parts; control characters are escaped by the formatter. Not here: metrics
//! (`peer/metrics.rs`); sending lines to a collector is `host/collector`, here they enter its queue.

use crate::config::{LogConfig, LogFormat};
use host_collector::Queue;
use host_collector::ship::{Destination, ship};
use host_rpc::{Expected, Session};
use host_types::{Code, Rejection};
use std::io::{self, IsTerminal};
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

/// What libraries say below these levels helps nobody.
const QUIET: [(&str, tracing::Level); 4] = [
    // That a call failed, and not whose: `host_rpc` tells which connection ended.
    ("tarpc", tracing::Level::ERROR),
    ("rustls", tracing::Level::WARN),
    ("lsm_tree", tracing::Level::WARN),
    ("fjall", tracing::Level::WARN),
];

/// What sending lines says below this level would be sent, too, and say more.
const OWN: [&str; 4] = ["hyper", "rustls", "tokio_rustls", "host_rpc::session"];

/// Lines of this process that wait for a collector; absent when none is configured.
static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();

/// Lines that wait for the collector of this process.
#[must_use]
pub fn queue() -> Option<&'static Arc<Queue>> {
    QUEUE.get()
}

/// Puts each line into a queue; never waits, never fails.
#[derive(Clone, Debug)]
struct IntoQueue(Arc<Queue>);

impl io::Write for IntoQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for IntoQueue {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Sends the lines of this process to its collector, when one is configured.
///
/// # Errors
/// `LC1105` when the collector's name is none.
pub(crate) fn ship_lines(
    log: &LogConfig,
    org: &str,
    session: &Arc<Session>,
    stopped: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) -> Result<(), Rejection> {
    let name = log.collector_name(org).map_err(Rejection::from)?;
    if let (Some(name), Some(queue)) = (name, QUEUE.get()) {
        let address = log.collector.clone();
        let destination = Destination { address, collector: Expected::Name(name) };
        tasks.spawn(ship(Arc::clone(queue), Arc::clone(session), destination, stopped.clone()));
    }
    Ok(())
}

/// Starts logging; a second call in one process changes nothing.
///
/// # Errors
/// `LC1105` when the level is no level.
pub fn init(log: &LogConfig, node: &str) -> Result<(), Rejection> {
    let wanted = Targets::from_str(&log.level).map_err(|error| {
        let message = format!("log.level = \"{}\": {error}", log.level);
        Rejection::new(Code::ConfigBadValue, message)
    })?;
    let named: Vec<String> = wanted.iter().map(|(name, _)| name.to_owned()).collect();
    let quiet = QUIET.into_iter().filter(|(name, _)| !named.iter().any(|n| n == name));
    let filter = quiet.fold(wanted, |filter, (name, level)| filter.with_target(name, level));
    let is_json = match log.format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Pretty => false,
        LogFormat::Json => true,
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = if is_json {
        layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    } else {
        layer.with_ansi(std::io::stderr().is_terminal()).boxed()
    };
    let shipped = (!log.collector.is_empty()).then(|| {
        let queue = QUEUE.get_or_init(|| Arc::new(Queue::default()));
        let own = |filter: Targets, name| filter.with_target(name, tracing::Level::WARN);
        tracing_subscriber::fmt::layer()
            .with_writer(IntoQueue(Arc::clone(queue)))
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_filter(OWN.into_iter().fold(filter.clone(), own))
    });
    let layer = layer.with_filter(filter);
    let subscriber = tracing_subscriber::registry().with(layer).with(shipped);
    // Already set: somebody embeds this node, and keeps its own log.
    tracing::subscriber::set_global_default(subscriber).ok();
    tracing::debug!(node, "log started");
    Ok(())
}
