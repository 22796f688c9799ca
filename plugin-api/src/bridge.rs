//! Carries what happens inside a rule's `.so` to the host's log: `tracing` events, and panics. A
//! `.so` has its own copy of `tracing` and of the panic hook; both are set on the first call.
//!
//! In a program that links a rule statically there is one copy of each, so both act only while a
//! call into a rule is under way, and leave everything else as it was.

use crate::{
    host::{HostFns, level},
    rule::VerifyItem,
};
use std::{
    cell::Cell,
    fmt::{Debug, Write},
    sync::Once,
};
use tracing_core::{
    Dispatch, Event, Level, LevelFilter, Metadata, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::Interest,
};

thread_local! {
    static HOST: Cell<Option<HostFns>> = const { Cell::new(None) };
}

/// The host of the call that this thread is in; when dropped, the one before is back.
pub(crate) struct HostOfCall {
    before: Option<HostFns>,
}

impl HostOfCall {
    /// A call begins.
    pub(crate) fn enter(host: HostFns) -> Self {
        Self { before: HOST.replace(Some(host)) }
    }

    /// The host of the current call.
    pub(crate) fn get() -> Option<HostFns> {
        HOST.get()
    }
}

impl Drop for HostOfCall {
    fn drop(&mut self) {
        HOST.set(self.before);
    }
}

/// A host for calls that need none: nothing verifies, nothing is logged.
pub(crate) const SILENT: HostFns = HostFns::of::<Silence>();

struct Silence;

impl crate::host::Host for Silence {
    fn verify_many(_: &[VerifyItem]) -> bool {
        false
    }
    fn log(_: u8, _: &str, _: &str) {}
}

/// Sends a line to the host of the current call, if there is one. What the host itself logs
/// meanwhile does not come back here.
fn log(level: u8, target: &str, line: &str) -> bool {
    let Some(host) = HOST.take() else { return false };
    (host.log)(level, target.into(), line.into());
    HOST.set(Some(host));
    true
}

/// Sets panic hook and `tracing` default, once.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !log(level::ERROR, "panic", &info.to_string().replace('\n', " ")) {
                before(info);
            }
        }));
        // Another default (a simulator's) stays; then its owner sees the events.
        drop(tracing_core::dispatcher::set_global_default(Dispatch::new(Bridge)));
    });
}

/// The `tracing` subscriber of a plugin: events only, spans are not kept.
struct Bridge;

impl Subscriber for Bridge {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::DEBUG && HOST.get().is_some()
    }
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        let metadata = event.metadata();
        log(number_of(*metadata.level()), metadata.target(), line.0.trim_end());
    }
}

fn number_of(level: Level) -> u8 {
    match level {
        Level::ERROR => level::ERROR,
        Level::WARN => level::WARN,
        Level::INFO => level::INFO,
        Level::DEBUG => level::DEBUG,
        _ => level::TRACE,
    }
}

/// Message first as it is, then `name=value`.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let written = match field.name() {
            "message" => write!(self.0, "{value:?} "),
            name => write!(self.0, "{name}={value:?} "),
        };
        debug_assert!(written.is_ok(), "a String takes every character");
    }
}
