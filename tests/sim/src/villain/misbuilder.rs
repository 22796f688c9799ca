//! A leader that builds on the wrong parent: an older block that it built on or meant to before, or the
//! right one with a result that nobody agreed on. It signs what it built like any other block.

use host_core::vote::rule::{Rule, RuleFault, RuleInput, RuleOutput, RuleStatus};
use host_types::block::{Header, Pair};
use host_types::{Hash32, View};
use plugin_api_harness::clock::Chance;
use std::collections::VecDeque;

/// Parents it remembers, at most.
const PARENTS_MAX: usize = 8;

/// Builds wrongly this often in a thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misbuilder {
    often: u64,
    salt: u64,
}

impl Misbuilder {
    /// Draws one.
    pub fn draw(chance: &mut Chance) -> Self {
        Self { often: chance.one_of(&[200, 500, 1000], 500), salt: chance.draw() }
    }

    /// The rule of such a leader.
    #[must_use]
    pub fn misled(self, rule: Box<dyn Rule>) -> Box<dyn Rule> {
        let chance = Chance::new(self.salt);
        Box::new(Misled { rule, chance, often: self.often, parents: VecDeque::new() })
    }
}

/// A rule whose wishes to build are changed.
struct Misled {
    rule: Box<dyn Rule>,
    chance: Chance,
    often: u64,
    parents: VecDeque<(Pair, View)>,
}

impl Misled {
    fn mislead(&mut self, parent: &mut Pair, parent_view: &mut View) {
        let right = (*parent, *parent_view);
        if self.chance.permille(self.often) {
            let pick = usize::try_from(self.chance.below(self.parents.len() as u64)).unwrap_or(0);
            match self.parents.get(pick).filter(|_| self.chance.permille(700)) {
                Some((older, view)) => (*parent, *parent_view) = (*older, *view),
                None => parent.roots.state = Hash32::new([5; 32]),
            }
        }
        self.parents.push_back(right);
        if self.parents.len() > PARENTS_MAX {
            self.parents.pop_front();
        }
    }
}

impl Rule for Misled {
    fn step(&mut self, tick_ms: u64, input: RuleInput) -> Result<Vec<RuleOutput>, RuleFault> {
        let mut outputs = self.rule.step(tick_ms, input)?;
        for output in &mut outputs {
            if let RuleOutput::Build { parent, parent_view, .. } = output {
                self.mislead(parent, parent_view);
            }
        }
        Ok(outputs)
    }

    fn status(&self) -> RuleStatus {
        self.rule.status()
    }

    fn verify_final(&self, header: &Header, pair: &Pair, rule_proof: &[u8]) -> bool {
        self.rule.verify_final(header, pair, rule_proof)
    }
}
