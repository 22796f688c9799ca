//! Hardships beside crashes and villains: an old copy of a whole disk is put back, a clock jumps,
//! stops or drifts, a process stands still, a second channel uses the same signer.
//!
//! In: the plan of a seed. Out: what happens to whom, drawn with a chance of its own, so that plans
//! without hardships stay what they were. Not here: how nodes take it (`node`, `world`).

use crate::plan::Plan;
use crate::world::Loss;
use plugin_api_harness::clock::{Chance, MS, Micros, SECOND};
use plugin_api_harness::faults::Fall;
use std::collections::BTreeSet;

/// Runs in a thousand with hardships.
const HARD_PERMILLE: u64 = 250;
/// Hardships of such a run, at most.
const HARD_MAX: u64 = 4;
/// A clock jumps by at most an hour, either way.
const JUMP_MAX: Micros = 3_600 * SECOND;
/// A clock gains or loses at most so many thousandths.
const DRIFT_MAX_PERMILLE: i64 = 50;
/// A process stands still for at most so long.
const PAUSE_MAX: Micros = 30 * SECOND;

/// What is wrong with a clock until all heals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// From a time on it is off by so much, microseconds.
    Jumps {
        /// From when on.
        at: Micros,
        /// By how much.
        by: i64,
    },
    /// It shows one time for ever.
    Stops {
        /// Which.
        at: Micros,
    },
    /// It gains (or loses) so many thousandths of the time that passes.
    Drifts {
        /// How many.
        permille: i64,
    },
}

impl Clock {
    /// How far it is off at a time, microseconds.
    #[must_use]
    pub fn off(self, now: Micros) -> i64 {
        let signed = |time: Micros| i64::try_from(time).unwrap_or(i64::MAX);
        match self {
            Self::Jumps { at, by } if now >= at => by,
            Self::Stops { at } if now >= at => -signed(now - at),
            Self::Jumps { .. } | Self::Stops { .. } => 0,
            Self::Drifts { permille } => signed(now) / 1_000 * permille,
        }
    }
}

/// A process that stands still: what comes meanwhile waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Which node.
    pub node: usize,
    /// From when on.
    pub from: Micros,
    /// Until when.
    pub until: Micros,
}

/// Adds the hardships of a seed to its plan.
pub fn draw(plan: &mut Plan) {
    let mut chance = Chance::new(plan.seed ^ 0x5349_4D5F_4841_5244);
    if plan.bug.is_some() || !chance.permille(HARD_PERMILLE) {
        return;
    }
    for _ in 0..chance.between(1, HARD_MAX) {
        match chance.below(5) {
            0 => old_disk(plan, &mut chance),
            1 => wild_clock(plan, &mut chance),
            2 => drift(plan, &mut chance),
            3 => plan.neighbour_permille = 300,
            _ => pause(plan, &mut chance),
        }
    }
}

/// Who does not count as right any more.
fn spoiled(plan: &Plan) -> BTreeSet<u16> {
    let lost = plan.falls.iter().filter(|(_, loss)| *loss != Loss::Nothing);
    let lost = lost.filter_map(|(fall, _)| plan.index_of(fall.who?));
    let wild = plan.clocks.iter().filter(|(_, clock)| !matches!(clock, Clock::Drifts { .. }));
    let wild = wild.filter_map(|(node, _)| plan.index_of(*node));
    plan.villains.keys().chain(&plan.odd).copied().chain(lost).chain(wild).collect()
}

/// A validator that may still be spoiled: all that are weigh no more than the rule tolerates.
fn victim(plan: &Plan, chance: &mut Chance) -> Option<u16> {
    let mut spoiled = spoiled(plan);
    let index = u16::try_from(chance.below(plan.weights.len() as u64)).ok()?;
    let is_new = spoiled.insert(index);
    (is_new && !plan.is_too_much(&|other| spoiled.contains(&other))).then_some(index)
}

fn old_disk(plan: &mut Plan, chance: &mut Chance) {
    let Some(index) = victim(plan, chance) else { return };
    let at = chance.below(plan.network.heals_at);
    let copied = chance.below(at + 1);
    let fall = Fall { at, who: Some(usize::from(index)), down: chance.between(MS, 5 * SECOND) };
    plan.falls.push((fall, Loss::OldDisk { copied }));
}

fn wild_clock(plan: &mut Plan, chance: &mut Chance) {
    let Some(index) = victim(plan, chance) else { return };
    let at = chance.below(plan.network.heals_at);
    let by = i64::try_from(chance.between(0, 2 * JUMP_MAX)).unwrap_or(0)
        - i64::try_from(JUMP_MAX).unwrap_or(0);
    let clock = if chance.permille(500) { Clock::Jumps { at, by } } else { Clock::Stops { at } };
    plan.clocks.insert(usize::from(index), clock);
}

fn drift(plan: &mut Plan, chance: &mut Chance) {
    let node = usize::try_from(chance.below(plan.nodes() as u64)).unwrap_or(0);
    let most = DRIFT_MAX_PERMILLE.unsigned_abs();
    let permille = i64::try_from(chance.between(0, 2 * most)).unwrap_or(0) - DRIFT_MAX_PERMILLE;
    plan.clocks.entry(node).or_insert(Clock::Drifts { permille });
}

fn pause(plan: &mut Plan, chance: &mut Chance) {
    let node = usize::try_from(chance.below(plan.nodes() as u64)).unwrap_or(0);
    let heals_at = plan.network.heals_at;
    let from = chance.below(heals_at);
    let until = (from + chance.between(10 * MS, PAUSE_MAX)).min(heals_at);
    plan.pauses.push(Pause { node, from, until });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_off_as_it_says_and_only_from_then_on() {
        let cases = [
            (Clock::Jumps { at: 5, by: -7 }, 4, 0),
            (Clock::Jumps { at: 5, by: -7 }, 5, -7),
            (Clock::Stops { at: 5 }, 4, 0),
            (Clock::Stops { at: 5 }, 9, -4),
            (Clock::Drifts { permille: 50 }, SECOND, 50_000),
            (Clock::Drifts { permille: -50 }, 2 * SECOND, -100_000),
        ];
        for (clock, now, off) in cases {
            assert_eq!(clock.off(now), off, "{clock:?} at {now}");
        }
    }

    #[test]
    fn every_hardship_is_drawn_and_never_more_than_the_rule_tolerates() {
        let mut seen = BTreeSet::new();
        for seed in 0..2_000 {
            let plan = crate::plan::plan(seed, None);
            let bad = spoiled(&plan);
            assert!(!plan.is_too_much(&|index| bad.contains(&index)), "seed {seed}");
            let old = |(_, loss): &(Fall, Loss)| matches!(loss, Loss::OldDisk { .. });
            let kind = |clock: &Clock| match clock {
                Clock::Jumps { .. } => "jumps",
                Clock::Stops { .. } => "stops",
                Clock::Drifts { .. } => "drifts",
            };
            seen.extend(plan.falls.iter().filter(|fall| old(fall)).map(|_| "old disk"));
            seen.extend(plan.clocks.values().map(kind));
            seen.extend(plan.pauses.iter().map(|_| "pause"));
            seen.extend((plan.neighbour_permille > 0).then_some("neighbour"));
        }
        let all = ["drifts", "jumps", "neighbour", "old disk", "pause", "stops"];
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), all);
    }
}
