//! Work of SCOREs whose cost is measured, with and without counting of steps: `loopchain bench score`.
//!
//! In: how often. Out: a number that the work led to, so that no compiler leaves it out. It
//! deliberately touches no state: what is measured is code between host calls.
#![no_std]
use score_native::prelude::*;

/// A SCORE has some state; this one only to be a SCORE.
#[derive(Debug, State)]
pub struct Kernels {
    idle: Item<u64>,
}

/// Numbers that look random and are the same everywhere.
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

#[score(name = "kernels")]
impl Kernels {
    /// Always 0.
    pub fn idle(&self) -> u64 {
        self.idle.get()
    }

    /// Mixes words as a hash function does: long blocks without a branch.
    pub fn mix(&mut self, times: u64) -> u64 {
        let mut words = [0x6a09_e667_f3bc_c908_u64; 8];
        for round in 0..times * 4_000 {
            for at in 0..8 {
                let (a, b) = (words[at], words[(at + 3) % 8]);
                words[at] = a.rotate_right(19) ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ round;
            }
        }
        words.iter().fold(0, |all, word| all ^ word)
    }

    /// Sorts numbers.
    pub fn sort(&mut self, times: u64) -> u64 {
        let (mut seed, mut all) = (88_172_645_463_325_252, 0);
        for _ in 0..times {
            let mut numbers: Vec<u64> = (0..4_000).map(|_| next(&mut seed)).collect();
            numbers.sort_unstable();
            all ^= numbers[numbers.len() / 2];
        }
        all
    }

    /// Fills an ordered map and reads it back.
    pub fn tree(&mut self, times: u64) -> u64 {
        let (mut seed, mut all) = (88_172_645_463_325_252, 0_u64);
        for _ in 0..times {
            let mut map = BTreeMap::new();
            for at in 0..1_000_u64 {
                map.insert(next(&mut seed), at);
            }
            all ^= map.values().fold(0, |sum: u64, value| sum.wrapping_add(*value));
        }
        all
    }

    /// Follows the longest of many short walks: nothing but branches.
    pub fn collatz(&mut self, times: u64) -> u64 {
        let mut longest = 0;
        for start in 1..times * 1_000 {
            let (mut at, mut steps) = (start, 0_u64);
            while at != 1 {
                at = if at % 2 == 0 { at / 2 } else { at.wrapping_mul(3).wrapping_add(1) };
                steps += 1;
            }
            longest = longest.max(steps);
        }
        longest
    }

    /// Writes numbers as text.
    pub fn text(&mut self, times: u64) -> u64 {
        (0..times * 500).map(|number| format!("{number} of {times}").len() as u64).sum()
    }
}
