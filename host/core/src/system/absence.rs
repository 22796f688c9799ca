//! Who led nothing in an epoch that ends, and therefore leads nothing in the next one.
//!
//! In: the set of the ending epoch, who led nothing in it by decision, who proposed its blocks, the next
//! set. Out: indices in the next set. Every node computes the same from headers alone. It knows no
//! schedule of any rule: a validator is absent when it proposed none of many blocks, though it had
//! often been its turn whether turns are equal or follow weights. Deliberately not here: what a rule
//! does with it, votes (who leads nothing votes and counts as ever). Why:
//! `docs/adr/0011-absent-leaders-by-proposed-blocks.md`.

use host_types::validators::{Validator, ValidatorSet};
use host_types::{Height, NodeName};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Turns that a validator must have missed, all of them, to be absent.
const TURNS: u64 = 8;
/// Spans of an epoch that are looked at: all along it, so that who was there at any time is seen.
const SPANS: u64 = TURNS;
/// Blocks of one span for each validator: two rounds, so that nobody who leads is missed by chance.
const ROUNDS: u64 = 2;

/// Heights whose proposers are looked at: all of an epoch, or spans of a long one, evenly spread from
/// its first block to its last. So the end of an epoch costs the same however long it was.
pub(super) fn spans(root: Height, last: Height, validators: usize) -> Vec<RangeInclusive<u64>> {
    let (first, last) = (root.get().saturating_add(1), last.get());
    let blocks = last.saturating_sub(root.get());
    let size = ROUNDS * validators as u64;
    if blocks <= SPANS * size {
        return vec![first..=last];
    }
    let room = blocks - size;
    let start =
        |span: u64| first + room / (SPANS - 1) * span + room % (SPANS - 1) * span / (SPANS - 1);
    (0..SPANS).map(|span| start(span)..=start(span) + (size - 1)).collect()
}

/// Who is excluded from leading in the next epoch: indices in `next`, ascending.
pub(super) fn excluded(
    present: &ValidatorSet,
    excluded_now: &[u16],
    proposers: &[Vec<u16>],
    next: &ValidatorSet,
) -> Vec<u16> {
    let absent = absent(present, proposers).into_iter();
    // Who led nothing by decision was not absent: it is back in the next epoch.
    let absent = absent.filter(|index| !excluded_now.contains(index));
    let candidates: BTreeSet<u16> = absent.filter_map(|i| place(present.get(i)?, next)).collect();
    let count = u16::try_from(next.all().len()).unwrap_or(u16::MAX);
    let mut leaders: Vec<u16> = (0..count).collect();
    for candidate in candidates {
        let rest: Vec<u16> = leaders.iter().copied().filter(|index| *index != candidate).collect();
        // A quorum must be able to lead, whoever is blamed.
        if next.said_by(&rest) >= next.quorum_weight() {
            leaders = rest;
        }
    }
    (0..count).filter(|index| !leaders.contains(index)).collect()
}

/// Where a validator stands in another set; another key is another validator.
pub(super) fn place(validator: &Validator, set: &ValidatorSet) -> Option<u16> {
    let place = set.index_of(&validator.name)?;
    (set.get(place)?.public_key == validator.public_key).then_some(place)
}

/// Those that proposed no block although it had been their turn `TURNS` times.
fn absent(set: &ValidatorSet, proposers: &[Vec<u16>]) -> Vec<u16> {
    let blocks: u64 = proposers.iter().map(|span| span.len() as u64).sum();
    // Changes of the leader, not blocks: a rule may let one lead many blocks in a row.
    let turns: u64 = proposers.iter().map(|span| runs(span)).sum();
    if turns < TURNS.saturating_mul(set.all().len() as u64) {
        return Vec::new();
    }
    let led: BTreeSet<u16> = proposers.iter().flatten().copied().collect();
    let missed = |validator: &Validator| {
        let (part, whole) = share(set, validator);
        u128::from(blocks) * part >= u128::from(TURNS) * whole
    };
    let absent = (0..).zip(set.all()).filter(|(i, v)| !led.contains(i) && missed(v));
    absent.map(|(index, _)| index).collect()
}

/// How often the proposer changes, and once for the first.
fn runs(span: &[u16]) -> u64 {
    let changes = span.windows(2).filter(|pair| pair.first() != pair.last()).count();
    changes as u64 + u64::from(!span.is_empty())
}

/// What part of all weight a validator brings: a member of a group that counts as one, its part of that.
fn share(set: &ValidatorSet, validator: &Validator) -> (u128, u128) {
    let weight = |v: &Validator| u128::from(v.weight.get());
    let total = set.total_weight();
    match set.unit_of(validator) {
        None => (weight(validator), total),
        Some(unit) => {
            let members = set.all().iter().filter(|other| other.group == validator.group);
            let inner: u128 = members.map(weight).sum();
            let part = u128::from(unit.weight.get()).saturating_mul(weight(validator));
            (part, total.saturating_mul(inner))
        }
    }
}

/// Names of indices in a set.
#[must_use]
pub fn names(set: &ValidatorSet, indices: &[u16]) -> Vec<NodeName> {
    indices.iter().filter_map(|index| Some(set.get(*index)?.name.clone())).collect()
}

#[cfg(test)]
#[path = "absence_tests.rs"]
mod tests;
