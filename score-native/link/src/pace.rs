//! Who uses the processor for long gives way: a worker with heavy calls runs at a lower priority.
//!
//! In: a process, looked at while it is at work and after. Out: whether it used much of the processor lately;
//! it yields from then on. A process never gets its priority back (the kernel asks for a privilege), so its
//! owner replaces it when nothing heavy has come for [`YIELDS_FOR`]. Ordinary calls stay far below
//! [`HEAVY`], in one batch or in many; all workers yielding always would starve the channel they belong
//! to. Deliberately not here: deadlines and steps, which bound a call; this is about who waits meanwhile.

use crate::spawn::cpu_time;
use std::time::{Duration, Instant};

/// Processor time within [`WINDOW`] after which a worker yields: some ten thousand token transfers.
const HEAVY: Duration = Duration::from_millis(30);
/// How far back its processor time counts: a fifth of a core is heavy, in one batch or in many short ones.
const WINDOW: Duration = Duration::from_millis(150);
/// How often a worker is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// How long after something heavy the worker of a SCORE goes on to yield, also one that is new.
pub(crate) const YIELDS_FOR: Duration = Duration::from_secs(1);

/// What one process used lately.
#[derive(Debug)]
pub(crate) struct Pace {
    process: u32,
    looked: Instant,
    /// Since when it is counted, and what the process had used then.
    since: Instant,
    before: Duration,
}

impl Pace {
    /// Of a process that begins.
    pub(crate) fn of(process: u32) -> Self {
        let now = Instant::now();
        let before = cpu_time(process).unwrap_or_default();
        Self { process, looked: now, since: now, before }
    }

    /// Whether it used much lately; never where its time cannot be read. Looks at most once in [`LOOK`].
    pub(crate) fn is_heavy(&mut self) -> bool {
        let now = Instant::now();
        if now.duration_since(self.looked) < LOOK {
            return false;
        }
        self.looked = now;
        let Some(used) = cpu_time(self.process) else { return false };
        let (lately, span) = (used.saturating_sub(self.before), now.duration_since(self.since));
        if span >= WINDOW {
            (self.since, self.before) = (now, used);
        }
        is_much(lately, span)
    }

    /// Returns when it used much.
    pub(crate) async fn until_heavy(&mut self) {
        loop {
            tokio::time::sleep(LOOK).await;
            if self.is_heavy() {
                return;
            }
        }
    }
}

/// Whether so much processor time in such a span is heavy: as much in a longer one is none.
fn is_much(used: Duration, span: Duration) -> bool {
    let windows = (span.as_secs_f64() / WINDOW.as_secs_f64()).max(1.0);
    used >= HEAVY.mul_f64(windows)
}

#[cfg(test)]
mod tests {
    use super::is_much;
    use std::time::Duration;

    #[test]
    fn a_fifth_of_a_core_is_heavy_and_a_short_moment_is_not() {
        // Milliseconds used, within so many.
        let table = [
            (29, 40, false),
            (30, 40, true),
            (30, 150, true),
            (29, 150, false),
            (59, 300, false),
            (60, 300, true),
            (300, 10_000, false),
        ];
        for (used, span, expected) in table {
            let found = is_much(Duration::from_millis(used), Duration::from_millis(span));
            assert_eq!(found, expected, "{used} of {span} ms");
        }
    }
}
