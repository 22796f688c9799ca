//! The thresholds of 2018 and of 2.8.1 with LFT2, as numbers of voters, and for which sizes they are
//! wrong (U7).
//!
//! In: a number of voters, each counting one. Out: how many agree, whether two such sets share an
//! honest voter, whether as many are left when f are silent. Integers only: both ratios have two
//! decimals. Not here: weights, which the old rules did not have.

/// How many may be faulty.
#[must_use]
pub const fn faulty(voters: u64) -> u64 {
    voters.saturating_sub(1) / 3
}

/// 2018: more than 0.66 of the voters.
#[must_use]
pub const fn of_2018(voters: u64) -> u64 {
    voters * 66 / 100 + 1
}

/// 2.8.1 and LFT2: 0.67 of the voters, rounded up.
#[must_use]
pub const fn of_2_8_1(voters: u64) -> u64 {
    (voters * 67).div_ceil(100)
}

/// What LFT3 counts: all but f.
#[must_use]
pub const fn of_lft3(voters: u64) -> u64 {
    voters - faulty(voters)
}

/// Whether any two sets of this size share an honest voter.
#[must_use]
pub const fn is_safe(voters: u64, quorum: u64) -> bool {
    2 * quorum > voters + faulty(voters)
}

/// Whether the honest ones alone are as many.
#[must_use]
pub const fn is_live(voters: u64, quorum: u64) -> bool {
    quorum <= voters - faulty(voters)
}
