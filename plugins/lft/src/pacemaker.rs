//! When to lose patience: timeouts of a view, deadlines, silent leaders.
//!
//! In: the time the host says it is, views entered, who was heard. Out: deadlines. Timers only
//! ever cost or save time: nothing here can break agreement. Not here: what to do when one is due.

use crate::parameters::Parameters;
use std::collections::BTreeMap;

/// Factor of Δk per view without a commit: 3/2.
const GROWTH: (u64, u64) = (3, 2);
/// Exponent at which growth ends even without `timeout_max`.
const GROWTH_STEPS_MAX: u64 = 16;

/// Timeouts of one view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Δk, ms.
    pub delta: u64,
    /// Until a vote must have been cast, ms.
    pub lead: u64,
    /// Until the view must have ended, ms.
    pub certificate: u64,
    /// Until the first repetition, ms.
    pub resend: u64,
}

/// Timeouts after `fails` views without a commit: Δk = Δ0 · 1.5^fails in whole steps, such that
/// t_cert = 3Δk + 2E stays within `timeout_max`.
#[must_use]
pub fn timeouts(parameters: &Parameters, fails: u64) -> Timeouts {
    let budget = parameters.execution * 2;
    let most = (parameters.timeout_max.saturating_sub(budget) / 3).max(parameters.delta);
    let mut micros = u128::from(parameters.delta) * 1000;
    for _ in 0..fails.min(GROWTH_STEPS_MAX) {
        micros = micros * u128::from(GROWTH.0) / u128::from(GROWTH.1);
        if micros >= u128::from(most) * 1000 {
            break;
        }
    }
    let delta = u64::try_from(micros / 1000).unwrap_or(most).clamp(1, most);
    Timeouts {
        delta,
        lead: delta * 2 + parameters.execution,
        certificate: delta * 3 + budget,
        resend: (parameters.delta / 4).max(1),
    }
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// t_lead of the current view.
    Lead,
    /// t_cert of the current view.
    Certificate,
    /// Repeat what others may have missed.
    Resend,
    /// Pull certificates from whoever is ahead.
    Pull,
    /// Look again whether to build.
    Build,
    /// Look again whether to commit the candidate of this view.
    Hold(u64),
}

/// Deadlines of one instance, and the one host timer that stands for the earliest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadlines {
    at: BTreeMap<Due, u64>,
    armed: Option<u64>,
}

impl Deadlines {
    pub(crate) fn set(&mut self, due: Due, at: u64) {
        self.at.insert(due, at);
    }

    /// Sets it unless an earlier one stands.
    pub(crate) fn set_earlier(&mut self, due: Due, at: u64) {
        let known = self.at.entry(due).or_insert(at);
        *known = (*known).min(at);
    }

    pub(crate) fn is_set(&self, due: Due) -> bool {
        self.at.contains_key(&due)
    }

    pub(crate) fn clear(&mut self, due: Due) {
        self.at.remove(&due);
    }

    /// Removes and returns what is due.
    pub(crate) fn take_due(&mut self, now: u64) -> Vec<Due> {
        if self.at.values().all(|at| *at > now) {
            return Vec::new();
        }
        let due: Vec<Due> =
            self.at.iter().filter(|(_, at)| **at <= now).map(|(due, _)| *due).collect();
        for done in &due {
            self.at.remove(done);
        }
        due
    }

    /// Forgets holds of views below `view`.
    pub(crate) fn drop_holds_below(&mut self, view: u64) {
        self.at.retain(|due, _| !matches!(due, Due::Hold(held) if *held < view));
    }

    /// The host's timer fired.
    pub(crate) fn fired(&mut self) {
        self.armed = None;
    }

    /// What to tell the host: milliseconds to wait, or that no timer is needed. A timer that will
    /// fire too early is left alone, so that fast progress costs no timer traffic.
    pub(crate) fn rearm(&mut self, now: u64) -> Option<Arm> {
        match (self.at.values().min().copied(), self.armed) {
            (Some(next), Some(armed)) if armed <= next => None,
            (Some(next), _) => {
                let next = next.max(now);
                self.armed = Some(next);
                Some(Arm::In(next - now))
            }
            (None, Some(_)) => {
                self.armed = None;
                Some(Arm::Never)
            }
            (None, None) => None,
        }
    }
}

/// What to do with the host's timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arm {
    In(u64),
    Never,
}

/// Who was heard when.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    last: Vec<LastWord>,
}

#[derive(Clone, Copy, Debug, Default)]
struct LastWord {
    view: u64,
    at: u64,
    /// Timed out as leader since it was last heard.
    missed_turn: bool,
}

impl Heard {
    pub(crate) fn new(count: usize, view: u64, now: u64) -> Self {
        Self { last: vec![LastWord { view, at: now, missed_turn: false }; count] }
    }

    pub(crate) fn note(&mut self, validator: u16, view: u64, now: u64) {
        if let Some(word) = self.last.get_mut(usize::from(validator)) {
            *word = LastWord { view, at: now, missed_turn: false };
        }
    }

    pub(crate) fn missed_turn(&mut self, validator: u16) {
        if let Some(word) = self.last.get_mut(usize::from(validator)) {
            word.missed_turn = true;
        }
    }

    fn silent_views(&self, validator: u16, view: u64) -> u64 {
        self.last.get(usize::from(validator)).map_or(0, |word| view.saturating_sub(word.view))
    }

    /// Whether waiting for this leader is pointless: not heard for 2n views, or it missed its last
    /// turn and was silent for 2Δk since, and n views at least.
    pub(crate) fn is_inactive(&self, validator: u16, view: u64, now: u64, delta: u64) -> bool {
        let count = self.last.len() as u64;
        let silent = self.silent_views(validator, view);
        let Some(word) = self.last.get(usize::from(validator)) else { return false };
        silent > count * 2
            || (word.missed_turn && silent >= count && now.saturating_sub(word.at) >= delta * 2)
    }

    /// Validators that were heard within the last 2n views.
    pub(crate) fn active(&self, view: u64) -> impl Iterator<Item = u16> {
        let count = self.last.len() as u64;
        let recent = move |word: &LastWord| view.saturating_sub(word.view) <= count * 2;
        let found: Vec<u16> = (0..)
            .zip(&self.last)
            .filter(|(_, word)| recent(word))
            .map(|(index, _)| index)
            .collect();
        found.into_iter()
    }
}

/// A wait that differs from node to node and from time to time, but not from run to run:
/// `base` plus up to a quarter.
pub(crate) fn jitter(base: u64, me: u16, count: u64) -> u64 {
    let mixed = (u64::from(me) + 1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(count.wrapping_mul(0xD1B5_4A32_D192_ED03));
    base + (mixed >> 32) % (base / 4 + 1)
}

#[cfg(test)]
#[path = "pacemaker_tests.rs"]
mod tests;
