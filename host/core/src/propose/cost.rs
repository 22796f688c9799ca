//! What calls cost lately, so that a proposer does not fill a block beyond its steps.
//!
//! In: the steps of calls that were executed here. Out: an estimate for the next call of the same
//! method. Volatile and of this node only: an estimate that is wrong costs a refused call
//! (`LC2115`), never agreement. Deliberately not here: the bound itself, which execution keeps.

use host_types::ScoreName;
use std::collections::BTreeMap;

/// Methods whose cost is remembered; at the bound everything is forgotten and learnt anew.
const METHODS_MAX: usize = 4_096;

/// The most that one call of a method took in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The SCORE.
    pub score: ScoreName,
    /// The method.
    pub method: String,
    /// Steps.
    pub steps: u64,
}

/// Estimates by SCORE and method.
#[derive(Clone, Debug, Default)]
pub struct Costs {
    known: BTreeMap<ScoreName, BTreeMap<String, u64>>,
    methods: usize,
}

impl Costs {
    /// Learns from a block. A higher cost counts at once; a lower one lets the estimate sink by an
    /// eighth, so that heavy calls are not forgotten for a few light ones.
    pub fn learn(&mut self, costs: Vec<Cost>) {
        for Cost { score, method, steps } in costs {
            if self.methods >= METHODS_MAX {
                *self = Self::default();
            }
            let of_score = self.known.entry(score).or_default();
            let before = of_score.len();
            let known = of_score.entry(method).or_default();
            *known = steps.max(*known - known.div_ceil(8));
            self.methods += of_score.len() - before;
        }
    }

    /// What a call may cost; nothing is known of a method that was never called.
    #[must_use]
    pub fn of(&self, score: &ScoreName, method: &str) -> u64 {
        self.known.get(score).and_then(|of_score| of_score.get(method)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cost, Costs, METHODS_MAX};
    use host_types::ScoreName;

    fn cost(method: &str, steps: u64) -> Cost {
        Cost { score: ScoreName::new("token").unwrap(), method: method.to_owned(), steps }
    }

    #[test]
    fn a_higher_cost_counts_at_once_and_a_lower_one_bit_by_bit() {
        let token = ScoreName::new("token").unwrap();
        for (seen, expected) in [
            (&[][..], 0),
            (&[800][..], 800),
            (&[800, 900][..], 900),
            (&[800, 100][..], 700),
            (&[800, 100, 650][..], 650),
            (&[1, 0][..], 0),
        ] {
            let mut costs = Costs::default();
            for steps in seen {
                costs.learn(vec![cost("spin", *steps)]);
            }
            assert_eq!(costs.of(&token, "spin"), expected, "{seen:?}");
            assert_eq!(costs.of(&token, "other"), 0);
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut costs = Costs::default();
        costs.learn((0..=METHODS_MAX).map(|n| cost(&n.to_string(), 7)).collect());
        assert_eq!(costs.methods, 1);
    }
}
