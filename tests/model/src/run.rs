//! What runs the checker: breadth first, at random, or comparing keys.
//!
//! In: [`Bounds`]. Out: [`Checked`]: how many states, and what was found. Not here: states and actions
//! (`model`), what must hold (`judge`).

use crate::{
    deed::{Deeds, Heard, deeds_of},
    judge::SOMETHING,
    model::{Action, Bounds, Rule},
    node::name_of,
};
use stateright::{Checker, Model, Property};
use std::collections::BTreeMap;

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Different states.
    pub states: usize,
    /// Longest way to one of them.
    pub depth: usize,
    /// Everything within the bounds was seen.
    pub is_exhausted: bool,
    /// What must never be and is, with the way there; or what should be and is not.
    pub found: Vec<String>,
}

/// Sees everything within the bounds, up to a number of states. Stops at what must never be.
#[must_use]
pub fn check(bounds: &Bounds, states_max: usize) -> Checked {
    let mut options = Rule::new(bounds.clone()).checker().target_state_count(states_max);
    if let Some(depth) = bounds.depth {
        options = options.target_max_depth(depth);
    }
    let checker = options.spawn_bfs().join();
    let discoveries = checker.discoveries();
    let mut found: Vec<String> = discoveries
        .iter()
        .filter(|(name, _)| **name != SOMETHING)
        .map(|(name, path)| format!("not so: {name}: {:?}", path.clone().into_actions()))
        .collect();
    let states = checker.unique_state_count();
    // The bound is on states generated, the same one counted as often as it was reached.
    let is_exhausted = checker.state_count() < states_max && bounds.depth.is_none();
    if is_exhausted && !discoveries.contains_key(SOMETHING) {
        found.push(format!("never: {SOMETHING}"));
    }
    Checked { states, depth: checker.max_depth(), is_exhausted, found }
}

/// Walks at random within the bounds, so many times from the start; the same seed is the same walks.
#[must_use]
pub fn walk(bounds: &Bounds, seed: u64, walks: u64) -> Checked {
    let rule = Rule::new(bounds.clone());
    let mut checked = Checked::default();
    let mut chance = seed;
    let mut finals = 0u64;
    for _ in 0..walks {
        let Some(mut state) = rule.init_states().pop() else { break };
        let mut steps = 0;
        loop {
            let mut actions = Vec::new();
            rule.actions(&state, &mut actions);
            chance = name_of(&(chance, steps));
            let place = usize::try_from(chance % actions.len().max(1) as u64).unwrap_or(0);
            let Some(action) = actions.get(place) else { break };
            rule.apply(&mut state, action);
            steps += 1;
            checked.states += 1;
            let properties = rule.properties();
            let is_wrong =
                |p: &&Property<Rule>| p.name != SOMETHING && !(p.condition)(&rule, &state);
            if let Some(wrong) = properties.iter().find(is_wrong) {
                checked.found.push(format!("not so: {} after {steps} steps", wrong.name));
                return checked;
            }
            if steps >= WALK_STEPS {
                break;
            }
        }
        checked.depth = checked.depth.max(steps);
        finals += u64::from(state.nodes.iter().any(|node| !node.delivered.is_empty()));
    }
    if finals == 0 {
        checked.found.push(format!("never: {SOMETHING}"));
    }
    checked
}

/// Walks at random and compares what is said with what `alone` saw a node say. Out: how many statements
/// were compared, and the first that is none of those.
#[must_use]
pub fn obey(bounds: &Bounds, deeds: &Deeds, seed: u64, walks: u64) -> (usize, Option<String>) {
    let rule = Rule::new(bounds.clone());
    let mut chance = seed;
    let mut compared = 0;
    for _ in 0..walks {
        let Some(mut state) = rule.init_states().pop() else { break };
        for step in 0..WALK_STEPS {
            let mut actions = Vec::new();
            rule.actions(&state, &mut actions);
            chance = name_of(&(chance, step));
            let place = usize::try_from(chance % actions.len().max(1) as u64).unwrap_or(0);
            let Some(action) = actions.get(place) else { break };
            rule.apply(&mut state, action);
        }
        for node in &state.nodes {
            for end in 1..=node.said.len() {
                let said = node.said.get(..end).unwrap_or_default();
                // What it heard first is not taken down here: as if it were everything.
                for (view, deed) in deeds_of(said, |_| Heard::ALL) {
                    compared += 1;
                    if !deeds.allow(&deed) {
                        return (compared, Some(format!("{deed} in view {view}")));
                    }
                }
            }
        }
    }
    (compared, None)
}

/// Steps of a walk, at most.
const WALK_STEPS: usize = 120;

/// What [`compare_keys`] saw.
#[derive(Clone, Debug, Default)]
pub struct Met {
    /// States met that were met before.
    pub again: u64,
    /// Those whose successors were others.
    pub differences: Vec<String>,
}

/// Walks at random and compares, for states that count as one, what every action makes of them: a
/// test of [`crate::node::Node::key`], on which everything the checker says rests.
#[must_use]
pub fn compare_keys(bounds: &Bounds, seed: u64, walks: u64) -> Met {
    let rule = Rule::new(bounds.clone());
    let mut known: BTreeMap<u64, BTreeMap<String, u64>> = BTreeMap::new();
    let mut met = Met::default();
    let mut chance = seed;
    for _ in 0..walks {
        let Some(mut state) = rule.init_states().pop() else { break };
        for step in 0..WALK_STEPS {
            let mut actions = Vec::new();
            rule.actions(&state, &mut actions);
            let after = |action: &Action| {
                let mut next = state.clone();
                rule.apply(&mut next, action);
                (format!("{action:?}"), name_of(&next))
            };
            let future: BTreeMap<String, u64> = actions.iter().map(after).collect();
            match known.get(&name_of(&state)) {
                Some(before) if *before != future => {
                    met.differences.push(format!("{before:?} and {future:?}"));
                    return met;
                }
                Some(_) => met.again += 1,
                None => {
                    known.insert(name_of(&state), future);
                }
            }
            chance = name_of(&(chance, step));
            let place = usize::try_from(chance % actions.len().max(1) as u64).unwrap_or(0);
            let Some(action) = actions.get(place) else { break };
            rule.apply(&mut state, action);
        }
    }
    met
}
