//! The log of a process: pretty for people, one JSON object a line for machines.
//!
//! In: `[log]` of the configuration. Out: lines on stderr. Never payloads, keys or certificates'
//! private parts; control characters are escaped by the formatter. Not here: metrics
//! (`peer/metrics.rs`), shipping to a collector.

use crate::config::{LogConfig, LogFormat};
use host_types::{Code, Rejection};
use std::io::IsTerminal;
use std::str::FromStr;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

/// What libraries say below these levels helps nobody.
const QUIET: [(&str, tracing::Level); 4] = [
    ("tarpc", tracing::Level::WARN),
    ("rustls", tracing::Level::WARN),
    ("lsm_tree", tracing::Level::WARN),
    ("fjall", tracing::Level::WARN),
];

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
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
    // Already set: somebody embeds this node, and keeps its own log.
    tracing::subscriber::set_global_default(subscriber).ok();
    tracing::debug!(node, "log started");
    Ok(())
}
