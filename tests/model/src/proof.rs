//! Both halves of a proof: what one node says, whatever it is shown, and what all can say who say only
//! that.
//!
//! In: [`Claim`]. Out: [`Proof`], with what was seen and what was found. Not here: either half (`alone`,
//! `together`).

use crate::{
    alone::{Alone, Habits},
    deed::Deeds,
    run::Checked,
    shape::Shape,
    together::Together,
    weights::Weights,
};
use std::time::{Duration, Instant};

/// What is to be shown.
#[derive(Clone, Debug)]
pub struct Claim {
    /// One node: which one is left open, and its views are these or fewer.
    pub alone: Alone,
    /// Views of all together.
    pub views: usize,
    /// Who lies.
    pub liars: Vec<u16>,
}

impl Claim {
    /// Nothing bad in so many views, when the last of a set lie who may.
    #[must_use]
    pub fn of(shape: Shape, views: u64) -> Self {
        let alone = Alone { shape, views, ..Alone::default() };
        Self { alone, views: usize::try_from(views).unwrap_or(0), liars: shape.liars() }
    }

    /// The same with a planted bug, and what makes it show.
    #[must_use]
    pub fn with_bug(self, bug: &'static str) -> Self {
        let restarts = u8::from(["forget-log", "forget-certificates"].contains(&bug));
        let of_epochs = ["transactions-after-seal", "speaks-after-end", "never-closes"];
        let seals_at = of_epochs.contains(&bug).then_some(1);
        Self { alone: Alone { bug: Some(bug), restarts, seals_at, ..self.alone }, ..self }
    }
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// All that a node ever says.
    pub deeds: Deeds,
    /// States of one node, of every one that leads in these views and of one that does not.
    pub alone: usize,
    /// Inputs they were given.
    pub steps: usize,
    /// How long that took.
    pub alone_time: Duration,
    /// All together.
    pub together: Checked,
    /// How long that took.
    pub together_time: Duration,
    /// What must never be and is.
    pub found: Vec<String>,
}

impl Alone {
    /// What any of the validators says.
    ///
    /// # Errors
    /// When the parameters are none of the rule's.
    pub fn anybody(&self) -> Result<Habits, String> {
        let last = self.shape.validators() - 1;
        let leading = u16::try_from(self.views).unwrap_or(last);
        let mut all = Habits::default();
        // Those who lead one of the views, the next one, or none of them.
        let mut roles: Vec<u16> = (0..=(leading + 1).min(last)).chain([last]).collect();
        roles.dedup();
        for index in roles {
            let one = Self { index, ..self.clone() }.explore()?;
            all.states += one.states;
            all.steps += one.steps;
            all.deeds.extend(&one.deeds);
            if let Some(why) = one.broken {
                all.broken = Some(format!("{why} ({index})"));
                break;
            }
        }
        Ok(all)
    }
}

/// Shows a claim, or why not.
///
/// # Errors
/// When the parameters are none of the rule's.
pub fn prove(claim: &Claim) -> Result<Proof, String> {
    let start = Instant::now();
    let habits = claim.alone.anybody()?;
    let mut proof = Proof {
        deeds: habits.deeds,
        alone: habits.states,
        steps: habits.steps,
        alone_time: start.elapsed(),
        found: habits.broken.into_iter().collect(),
        ..Proof::default()
    };
    if proof.found.is_empty() {
        let start = Instant::now();
        let shape = claim.alone.shape;
        let views = u64::try_from(claim.views).unwrap_or(0);
        let weights = Weights::ask(shape, views, claim.alone.bug)?;
        proof.found.extend(weights.broken.clone());
        let all = Together::new(shape, claim.views, &claim.liars, proof.deeds.clone(), weights);
        proof.together = all.check();
        proof.together_time = start.elapsed();
        proof.found.extend(proof.together.found.iter().cloned());
    }
    Ok(proof)
}
