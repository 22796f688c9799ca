//! Who leads which view: plain rotation, LFT's spinning leader, or turns in proportion to weight.
//!
//! In: the set of the epoch, `leader`, `tenure`, and who is excluded. Out: a leader for every view.
//! Depends on epoch and view only, so every node computes it alone. A wrong answer costs progress,
//! never agreement. Not here: skipping a silent leader (`pacemaker.rs`), whom to exclude (the host).

use crate::{
    parameters::{Parameters, Turns},
    validators::Validators,
};
use core::cmp::Reverse;

/// Turns in one round of a weighted schedule, at most, but one for each validator in any case:
/// weights that do not reduce to fewer are rounded. Bounds the table, and the time to make it.
pub const TURNS_MAX: u64 = 4096;

/// The schedule of one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// One round: whose turn it is, at least one.
    turns: Vec<u16>,
    /// Consecutive views of one turn, at least 1.
    tenure: u64,
    /// Where this epoch starts, so that epochs do not always begin with the same leader.
    offset: u64,
}

impl Schedule {
    /// The schedule of an epoch. Validators in `excluded` get no turn, unless nobody else is left:
    /// a channel without leaders would stand for ever.
    #[must_use]
    pub fn new(set: &Validators, parameters: &Parameters, epoch: u64, excluded: &[u16]) -> Self {
        let everyone: Vec<u16> = (0u16..).take(set.count().max(1)).collect();
        let mut leaders: Vec<u16> =
            everyone.iter().copied().filter(|index| !excluded.contains(index)).collect();
        if leaders.is_empty() {
            leaders = everyone;
        }
        let turns = match parameters.leader {
            Turns::Equal => leaders,
            Turns::Weighted => {
                let shares: Vec<_> = leaders.iter().map(|index| set.share(*index)).collect();
                spread(&leaders, &in_turns(&whole(&shares)))
            }
        };
        let offset = epoch % (turns.len() as u64).max(1);
        Self { turns, tenure: parameters.tenure.max(1), offset }
    }

    /// Index of the leader of a view.
    #[must_use]
    pub fn leader(&self, view: u64) -> u16 {
        let count = (self.turns.len() as u64).max(1);
        let turn = ((view / self.tenure) % count + self.offset) % count;
        let place = usize::try_from(turn).unwrap_or(0);
        self.turns.get(place).copied().unwrap_or(0)
    }
}

/// Shares as whole numbers in the same proportions. A member's share of its group's weight may be
/// a fraction, so all are taken times a million first, as far as that fits.
fn whole(shares: &[Option<(u128, u128)>]) -> Vec<u128> {
    const FINE: u128 = 1_000_000;
    let fits = shares.iter().flatten().all(|(above, _)| above.checked_mul(FINE).is_some());
    let fine = if fits { FINE } else { 1 };
    let one = |(above, below): (u128, u128)| (above * fine / below.max(1)).max(1);
    shares.iter().map(|share| share.map_or(1, one)).collect()
}

/// Turns in a round: the shares reduced by their common factor, or scaled to [`TURNS_MAX`].
fn in_turns(shares: &[u128]) -> Vec<u64> {
    let common = shares.iter().fold(0, |common, share| gcd(common, *share)).max(1);
    let reduced: Vec<u128> = shares.iter().map(|share| share / common).collect();
    let sum = reduced.iter().fold(0u128, |sum, share| sum.saturating_add(*share)).max(1);
    let most = u128::from(TURNS_MAX);
    // Halved until the product below fits; proportions stay.
    let shift = 13u32.saturating_sub(sum.leading_zeros());
    let turns = reduced.iter().map(|share| {
        let turns = if sum <= most { *share } else { (share >> shift) * most / (sum >> shift) };
        u64::try_from(turns).unwrap_or(1).max(1)
    });
    turns.collect()
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Smooth weighted round robin: each step everyone gains its turns, the richest leads and pays the
/// sum. Nobody waits longer than its share makes it.
fn spread(leaders: &[u16], turns: &[u64]) -> Vec<u16> {
    let sum: i128 = turns.iter().map(|turns| i128::from(*turns)).sum();
    let mut credit = vec![0i128; turns.len()];
    let mut round = Vec::new();
    for _ in 0..sum {
        for (credit, turns) in credit.iter_mut().zip(turns) {
            *credit += i128::from(*turns);
        }
        // Of equals, the one with the lowest index.
        let richest = credit.iter().enumerate().max_by_key(|(place, own)| (**own, Reverse(*place)));
        let Some((place, _)) = richest else { break };
        if let Some(paid) = credit.get_mut(place) {
            *paid -= sum;
        }
        round.extend(leaders.get(place));
    }
    round
}

#[cfg(test)]
#[path = "leader_tests.rs"]
mod tests;
