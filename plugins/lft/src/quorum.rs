//! How much weight suffices: integers computed from the validator set, never a float.
//!
//! In: weights. Out: [`Quorum`]. Not here: who signed what (`tally.rs`), group modes.

use plugin_api::Validator;

/// Why a validator set cannot agree on anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuorumError {
    /// There is no validator.
    Empty,
    /// The validator at this index has weight 0.
    ZeroWeight(usize),
    /// The weights add up to more than a `u64` holds.
    Overflow,
    /// There are more validators than an index (`u16`) can name.
    TooMany(usize),
}

impl core::fmt::Display for QuorumError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Empty => write!(f, "the validator set is empty: add at least one validator"),
            Self::ZeroWeight(index) => {
                write!(f, "validator {index} has weight 0: give it a weight of 1 or more")
            }
            Self::Overflow => {
                write!(f, "the weights add up to more than {}: use smaller weights", u64::MAX)
            }
            Self::TooMany(count) => {
                write!(f, "{count} validators are more than {}: use fewer", u16::MAX)
            }
        }
    }
}

/// The three numbers of a validator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// N: weight of all validators.
    pub total: u64,
    /// f = (N - 1) div 3: weight that may be faulty without harm.
    pub faulty: u64,
    /// q = N - f: weight that a certificate needs.
    pub needed: u64,
}

impl Quorum {
    /// Computes the numbers from weights.
    ///
    /// # Errors
    /// For an empty set, a zero weight, more than 65,535 validators, or a sum above `u64::MAX`.
    pub fn new(weights: &[u64]) -> Result<Self, QuorumError> {
        if weights.is_empty() {
            return Err(QuorumError::Empty);
        }
        if weights.len() > usize::from(u16::MAX) {
            return Err(QuorumError::TooMany(weights.len()));
        }
        if let Some(index) = weights.iter().position(|weight| *weight == 0) {
            return Err(QuorumError::ZeroWeight(index));
        }
        let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
        let total = u64::try_from(sum).map_err(|_| QuorumError::Overflow)?;
        let faulty = (total - 1) / 3;
        Ok(Self { total, faulty, needed: total - faulty })
    }

    /// The same from a validator set.
    ///
    /// # Errors
    /// As [`Quorum::new`].
    pub fn of(validators: &[Validator]) -> Result<Self, QuorumError> {
        let weights: Vec<u64> = validators.iter().map(|validator| validator.weight).collect();
        Self::new(&weights)
    }

    /// True when this weight makes a certificate.
    #[must_use]
    pub fn reached(&self, weight: u64) -> bool {
        weight >= self.needed
    }

    /// True when at least one honest validator is behind this weight.
    #[must_use]
    pub fn surely_honest(&self, weight: u64) -> bool {
        weight > self.faulty
    }
}

#[cfg(test)]
#[path = "quorum_tests.rs"]
mod tests;
