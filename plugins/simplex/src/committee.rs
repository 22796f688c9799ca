//! The validators of an epoch: how much each counts, how much is enough, who leads which view.
//!
//! Integers only, from the channel's own validator set only. Not here: who said what (`tally`).

use crate::{certificate::Signed, statement::Body};
use plugin_api::{Validator, Verify};

/// The validators of an epoch.
#[derive(Clone, Debug)]
pub struct Committee {
    /// What every signature covers first: channel, rule, epoch.
    prefix: Vec<u8>,
    members: Vec<([u8; 32], u64)>,
    /// N: the weight of all.
    total: u64,
    /// Where the rotation of this epoch begins.
    offset: u64,
}

impl Committee {
    /// Takes the set of an epoch and the prefix of its statements.
    ///
    /// # Errors
    /// For an empty set, a weight of 0, groups that count as one, or more than `u16` validators or `u64` weight.
    pub fn new(prefix: &[u8], validators: &[Validator], epoch: u64) -> Result<Self, String> {
        let count = u16::try_from(validators.len())
            .map_err(|_| format!("{} validators are more than {}", validators.len(), u16::MAX))?;
        if count == 0 {
            return Err("the validator set is empty: add at least one validator".to_owned());
        }
        if let Some(index) = validators.iter().position(|validator| validator.weight == 0) {
            return Err(format!("validator {index} has weight 0: give it a weight of 1 or more"));
        }
        if let Some(index) = validators.iter().position(|validator| validator.unit.is_some()) {
            return Err(format!(
                "validator {index} counts with its group, which rule simplex does not know: use lft"
            ));
        }
        let total = validators
            .iter()
            .try_fold(0u64, |sum, validator| sum.checked_add(validator.weight))
            .ok_or("the weights add up to more than 64 bits hold: use smaller ones")?;
        Ok(Self {
            prefix: prefix.to_vec(),
            members: validators.iter().map(|v| (v.public_key, v.weight)).collect(),
            total,
            offset: epoch % u64::from(count),
        })
    }

    /// How many validators there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// Weight of a validator, 0 for an index nobody has.
    #[must_use]
    pub fn weight(&self, validator: u16) -> u64 {
        self.members.get(usize::from(validator)).map_or(0, |(_, weight)| *weight)
    }

    /// N: the weight of all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// f: the weight that may lie without harm.
    #[must_use]
    pub fn faulty(&self) -> u64 {
        (self.total - 1) / 3
    }

    /// q: the weight of a certificate. Two certificates share more than f.
    #[must_use]
    pub fn quorum(&self) -> u64 {
        self.total - self.faulty()
    }

    /// The leader of a view: plain rotation. A wrong answer would cost progress, never agreement.
    #[must_use]
    pub fn leader(&self, view: u64) -> u16 {
        let count = self.members.len() as u64;
        u16::try_from((view % count + self.offset) % count).unwrap_or(0)
    }

    /// Checks that known signers, each once and ascending, weigh a quorum and signed this body.
    ///
    /// # Errors
    /// One line: what does not hold.
    pub fn check(&self, body: &Body, signed: &[Signed], verify: Verify) -> Result<(), String> {
        let mut weight = 0u64;
        let mut last = None;
        let mut items = Vec::new();
        for Signed { signer, signature } in signed {
            if last.is_some_and(|last| last >= *signer) {
                return Err(format!("signer {signer} is out of order or counted twice"));
            }
            last = Some(*signer);
            let Some((key, own)) = self.members.get(usize::from(*signer)) else {
                return Err(format!("there is no validator {signer}"));
            };
            weight = weight.saturating_add(*own);
            items.push(body.verify_item(&self.prefix, *key, signature));
        }
        if weight < self.quorum() {
            return Err(format!("weight {weight} is below the quorum {}", self.quorum()));
        }
        if verify(&items) { Ok(()) } else { Err("a signature is wrong".to_owned()) }
    }
}

#[cfg(test)]
#[path = "committee_tests.rs"]
mod tests;
