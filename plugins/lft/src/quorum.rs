//! How much weight suffices: integers computed from the validator set, never a float.
//!
//! In: weights, and `fast`. Out: [`Quorum`]. Not here: who signed what (`tally.rs`), who speaks for
//! a group (`validators.rs`).

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
    /// `fast` leaves no weight that may be faulty: f would be negative.
    FastTooLarge {
        /// p.
        slack: u64,
        /// N.
        total: u64,
    },
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
            Self::FastTooLarge { slack, total } => {
                let most = (total - 1) / 2;
                write!(f, "fast = {slack} is too much for a weight of {total}: at most {most}")
            }
        }
    }
}

/// The numbers of fast commit (`lft.md` 2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fast {
    /// p: weight that may be missing and still a block is final after two delays.
    pub slack: u64,
    /// fq = N - p: weight of first votes that makes a block final.
    pub needed: u64,
}

/// The numbers of a validator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// N: weight of all validators.
    pub total: u64,
    /// f = (N - 1) div 3, with fast commit (N - 1 - 2p) div 3: weight that may be faulty without
    /// harm.
    pub faulty: u64,
    /// q = N - f, with fast commit N - f - p: weight that a certificate needs.
    pub needed: u64,
    /// None when fast commit is off.
    pub fast: Option<Fast>,
}

impl Quorum {
    /// Computes the numbers from weights and p; none is fast commit off.
    ///
    /// # Errors
    /// For an empty set, a zero weight, more than 65,535 validators, a sum above `u64::MAX`, or a
    /// p above (N - 1) div 2.
    pub fn new(weights: &[u64], slack: Option<u64>) -> Result<Self, QuorumError> {
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
        let Some(slack) = slack else {
            let faulty = (total - 1) / 3;
            return Ok(Self { total, faulty, needed: total - faulty, fast: None });
        };
        if slack > (total - 1) / 2 {
            return Err(QuorumError::FastTooLarge { slack, total });
        }
        let faulty = (total - 1 - 2 * slack) / 3;
        let fast = Some(Fast { slack, needed: total - slack });
        Ok(Self { total, faulty, needed: total - faulty - slack, fast })
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

    /// F1, F2: true when this weight is f + p + 1, so that nothing else can be final fast.
    #[must_use]
    pub fn falls_back(&self, weight: u64) -> bool {
        let slack = self.fast.map_or(0, |fast| fast.slack);
        u128::from(weight) > u128::from(self.faulty) + u128::from(slack)
    }

    /// True when first votes of this weight make a block final.
    #[must_use]
    pub fn reached_fast(&self, weight: u64) -> bool {
        self.fast.is_some_and(|fast| weight >= fast.needed)
    }
}

#[cfg(test)]
#[path = "quorum_tests.rs"]
mod tests;
