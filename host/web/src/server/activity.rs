//! What a connection is doing, told by its socket and its requests, read by its watcher.

use super::ServerLimits;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bytes that a client which was slow must take within the time for writing, or all that are left: two
/// KiB a second with the default of 30 s, less than any line that people use.
const TAKEN_MIN: u64 = 64 * 1024;

/// Moments of one connection. Each is milliseconds since its start plus one; 0 is "not now".
#[derive(Debug)]
pub(super) struct Activity {
    start: Instant,
    last: AtomicU64,
    head_since: AtomicU64,
    stalled_since: AtomicU64,
    /// Bytes taken since then.
    taken: AtomicU64,
    lingering_since: AtomicU64,
    requests: AtomicU64,
    is_tunnel: AtomicBool,
}

/// A request that is being answered; over when dropped.
#[derive(Debug)]
pub(super) struct Running(Arc<Activity>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.touch();
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            last: AtomicU64::new(1),
            head_since: AtomicU64::new(0),
            stalled_since: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            lingering_since: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            is_tunnel: AtomicBool::new(false),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn begin(&self, moment: &AtomicU64) {
        // Only the first of several calls counts.
        moment.compare_exchange(0, self.now(), Ordering::Relaxed, Ordering::Relaxed).ok();
    }

    /// Bytes came or went.
    pub(super) fn touch(&self) {
        self.last.store(self.now(), Ordering::Relaxed);
    }

    /// Part of a head is here.
    pub(super) fn begin_head(&self) {
        self.begin(&self.head_since);
    }

    /// The head is complete.
    pub(super) fn end_head(&self) {
        self.head_since.store(0, Ordering::Relaxed);
    }

    /// The client takes nothing.
    pub(super) fn begin_stall(&self) {
        self.begin(&self.stalled_since);
    }

    /// The client took so many bytes. A few do not end a stall: whoever takes an answer byte by byte
    /// holds it as long as whoever takes none.
    pub(super) fn took(&self, bytes: usize) {
        self.touch();
        if self.stalled_since.load(Ordering::Relaxed) != 0 {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            if self.taken.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) >= TAKEN_MIN {
                self.end_stall();
            }
        }
    }

    /// The client took all that there was.
    pub(super) fn end_stall(&self) {
        self.stalled_since.store(0, Ordering::Relaxed);
        self.taken.store(0, Ordering::Relaxed);
    }

    /// All is answered; what still comes is thrown away.
    pub(super) fn begin_linger(&self) {
        self.begin(&self.lingering_since);
    }

    /// The client's bytes are no requests any more.
    pub(super) fn begin_tunnel(&self) {
        self.is_tunnel.store(true, Ordering::Relaxed);
    }

    /// Whether they are not.
    pub(super) fn is_tunnel(&self) -> bool {
        self.is_tunnel.load(Ordering::Relaxed)
    }

    /// Whether the client has taken nothing for so long.
    pub(super) fn is_stalled(&self, limit: Duration) -> bool {
        let since = self.stalled_since.load(Ordering::Relaxed);
        since != 0 && Duration::from_millis(self.now().saturating_sub(since)) > limit
    }

    /// A request has come.
    pub(super) fn begin_request(self: &Arc<Self>) -> Running {
        self.requests.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(self))
    }

    /// Why the connection should be closed, if it should.
    pub(super) fn overdue(&self, limits: &ServerLimits) -> Option<&'static str> {
        let now = self.now();
        let is_over = |moment: &AtomicU64, limit: Duration| {
            let since = moment.load(Ordering::Relaxed);
            since != 0 && Duration::from_millis(now.saturating_sub(since)) > limit
        };
        if is_over(&self.lingering_since, limits.linger) {
            return Some("closed after its answer");
        }
        if self.is_stalled(limits.write_timeout) {
            return Some("it takes no answer");
        }
        if is_over(&self.head_since, limits.header_timeout) {
            return Some("its request has no end");
        }
        let is_answering = self.requests.load(Ordering::Relaxed) > 0;
        (!is_answering && is_over(&self.last, limits.idle_timeout)).then_some("it is idle")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets at least two milliseconds go by.
    fn later(activity: &Activity) {
        let before = activity.now();
        while activity.now() < before + 2 {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn a_sip_does_not_end_a_stall_but_enough_or_all_does() {
        let limits = ServerLimits { write_timeout: Duration::ZERO, ..ServerLimits::default() };
        let activity = Activity::new();
        activity.begin_stall();
        later(&activity);
        let min = usize::try_from(TAKEN_MIN).unwrap();
        activity.took(min - 1);
        activity.begin_stall();
        assert_eq!(activity.overdue(&limits), Some("it takes no answer"));
        activity.took(1);
        assert_eq!(activity.overdue(&limits), None, "enough was taken");
        activity.begin_stall();
        later(&activity);
        activity.took(min - 1);
        assert!(activity.overdue(&limits).is_some(), "what was taken before does not count");
        activity.end_stall();
        assert_eq!(activity.overdue(&limits), None, "all was taken");
    }
}
