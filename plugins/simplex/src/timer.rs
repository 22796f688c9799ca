//! Patience: how long to wait in a view, and which timers run.
//!
//! Timers only ever cost or save time; nothing here can break agreement. Not here: what to do when
//! one is due (`machine`).

use crate::parameters::Parameters;
use plugin_api::Output;
use std::collections::BTreeMap;

/// Views without a commit after which the wait grows no more, whatever `timeout_max` says.
const GROWTH_STEPS_MAX: u64 = 16;

/// What a timer is for. The numbers are the tokens the host knows them by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u64)]
pub enum Timer {
    /// By now a vote should have been cast.
    Lead = 1,
    /// By now the view should have ended.
    End = 2,
    /// Repeat what others may have missed.
    Repair = 3,
    /// Ask whoever is ahead for certificates.
    Pull = 4,
    /// Look again whether to build a block.
    Build = 5,
}

impl Timer {
    const ALL: [Self; 5] = [Self::Lead, Self::End, Self::Repair, Self::Pull, Self::Build];

    /// The timer of a token.
    #[must_use]
    pub fn of(token: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|timer| *timer as u64 == token)
    }
}

/// The waits of a view, ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// Until a vote must have been cast.
    pub lead: u64,
    /// Until the view must have ended.
    pub end: u64,
    /// Until the first repetition.
    pub repair: u64,
}

/// Waits after so many views without a commit: the bound on a message's delay is thought half as
/// large again with each, so that it is large enough sooner or later, but `end` never passes
/// `timeout_max`.
#[must_use]
pub fn waits(parameters: &Parameters, fails: u64) -> Waits {
    let Parameters { delta, execution, timeout_max, .. } = *parameters;
    let most = (timeout_max.saturating_sub(execution * 2) / 3).max(delta);
    let mut grown = delta;
    for _ in 0..fails.min(GROWTH_STEPS_MAX) {
        grown = (grown + grown.div_ceil(2)).min(most);
    }
    Waits {
        lead: grown * 2 + execution,
        end: grown * 3 + execution * 2,
        repair: (delta / 4).max(1),
    }
}

/// The timers that run, and when they are due.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    due: BTreeMap<Timer, u64>,
}

impl Timers {
    /// Starts a timer; one of the same kind is replaced.
    pub(crate) fn set(&mut self, timer: Timer, now: u64, after_ms: u64, out: &mut Vec<Output>) {
        self.due.insert(timer, now.saturating_add(after_ms));
        out.push(Output::SetTimer { token: timer as u64, after_ms });
    }

    /// Stops it.
    pub(crate) fn stop(&mut self, timer: Timer, out: &mut Vec<Output>) {
        if self.due.remove(&timer).is_some() {
            out.push(Output::CancelTimer { token: timer as u64 });
        }
    }

    /// When it is due, ms; none when it does not run.
    pub(crate) fn due(&self, timer: Timer) -> Option<u64> {
        self.due.get(&timer).copied()
    }

    /// The host says that a timer fired: true when it was due. It may be an old one that was
    /// replaced meanwhile; then the one that replaced it will fire, too.
    pub(crate) fn fired(&mut self, timer: Timer, now: u64) -> bool {
        let is_due = self.due.get(&timer).is_some_and(|at| *at <= now);
        if is_due {
            self.due.remove(&timer);
        }
        is_due
    }
}

/// A wait that differs from node to node and from time to time, so that repetitions do not meet,
/// but not from run to run: `base` and up to a quarter more.
#[must_use]
pub fn jitter(base: u64, me: u16, count: u64) -> u64 {
    let mixed = (u64::from(me) + 1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(count.wrapping_mul(0xD1B5_4A32_D192_ED03));
    base + (mixed >> 32) % (base / 4 + 1)
}

#[cfg(test)]
mod tests {
    use super::{Timer, Timers, jitter, waits};
    use crate::parameters::Parameters;

    #[test]
    fn waits_grow_by_half_with_every_fail_up_to_their_cap() {
        let parameters = Parameters::default();
        let end = |fails| waits(&parameters, fails).end;
        assert_eq!((end(0), end(1), end(2)), (2_000, 2_750, 3_875));
        assert!((0..30).all(|fails| end(fails) <= end(fails + 1)));
        assert!(end(100) <= parameters.timeout_max && end(100) > 9_900);
        assert!(waits(&parameters, 3).lead < end(3));
    }

    #[test]
    fn a_late_firing_of_a_timer_that_was_replaced_is_nothing() {
        let (mut timers, mut out) = (Timers::default(), Vec::new());
        timers.set(Timer::Lead, 0, 10, &mut out);
        timers.set(Timer::Lead, 5, 10, &mut out);
        assert!(!timers.fired(Timer::Lead, 10));
        assert!(timers.fired(Timer::Lead, 15));
        assert!(!timers.fired(Timer::Lead, 16), "it fired already");
        timers.stop(Timer::Lead, &mut out);
        assert_eq!(out.len(), 2, "what does not run needs no stopping");
    }

    #[test]
    fn tokens_and_timers_name_each_other() {
        assert!(Timer::ALL.into_iter().all(|timer| Timer::of(timer as u64) == Some(timer)));
        assert_eq!(Timer::of(0), None);
    }

    #[test]
    fn jitter_stays_within_a_quarter_and_differs_between_nodes() {
        let waits: Vec<u64> = (0..8).map(|me| jitter(1_000, me, 1)).collect();
        assert!(waits.iter().all(|wait| (1_000..=1_250).contains(wait)), "{waits:?}");
        assert!(waits.windows(2).any(|two| two[0] != two[1]));
    }
}
