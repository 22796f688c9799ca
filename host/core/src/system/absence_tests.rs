//! Who is absent, by tables of who proposed; and one validator through three epochs of a channel.

use super::*;
use crate::system::stage::Stage;
use crate::system::state::all_excluded;
use host_types::change::SystemCall;
use host_types::tolerance::UnitMode;
use host_types::validators::Unit;
use host_types::{Epoch, Weight};

fn set(weights: &[u64]) -> ValidatorSet {
    let validator = |(i, weight): (u8, &u64)| Validator {
        name: NodeName::new(&format!("org{i}/peer{i}")).unwrap(),
        public_key: [i; 32],
        weight: Weight::new(*weight).unwrap(),
        group: format!("group{}", i / 2),
    };
    ValidatorSet::new((0..).zip(weights).map(validator).collect()).unwrap()
}

/// Blocks of those who lead in turn, `tenure` each.
fn blocks(leaders: &[u16], tenure: usize, count: usize) -> Vec<Vec<u16>> {
    vec![(0..count).map(|at| leaders[at / tenure % leaders.len()]).collect()]
}

/// What it is about, weights, proposers, who is excluded.
type Case = (&'static str, &'static [u64], Vec<Vec<u16>>, &'static [u16]);

#[test]
fn who_proposed_nothing_in_many_turns_is_absent() {
    const FOUR: &[u64] = &[1; 4];
    const SEVEN: &[u64] = &[1; 7];
    let cases: &[Case] = &[
        ("all lead", FOUR, blocks(&[0, 1, 2, 3], 1, 64), &[]),
        ("one does not", FOUR, blocks(&[0, 1, 2], 1, 32), &[3]),
        ("too few blocks to tell", FOUR, blocks(&[0, 1, 2], 1, 31), &[]),
        ("it led once", FOUR, [blocks(&[0, 1, 2], 1, 63), vec![vec![3]]].concat(), &[]),
        ("one leads many blocks in a row", FOUR, blocks(&[0, 1, 2], 8, 64), &[]),
        ("one leads all", FOUR, blocks(&[0], 1, 64), &[]),
        ("nothing was proposed", FOUR, Vec::new(), &[]),
        ("two of seven", SEVEN, blocks(&[0, 2, 3, 5, 6], 1, 112), &[1, 4]),
        // A quorum of seven is five: the third one stays, in the order of the set.
        ("three of seven", SEVEN, blocks(&[0, 2, 3, 5], 1, 112), &[1, 4]),
        // Of 100 units of weight, q is 67.
        ("a heavy one must stay", &[40, 20, 20, 20], blocks(&[1, 2, 3], 1, 64), &[]),
        ("a light one may go", &[40, 20, 20, 20], blocks(&[0, 1, 2], 1, 64), &[3]),
        // Where turns follow weights it has none in so few blocks.
        ("a very light one is not to blame", &[97, 97, 97, 3], blocks(&[0, 1, 2], 1, 64), &[]),
        ("three cannot spare one", &[1, 1, 1], blocks(&[0, 1], 1, 48), &[]),
    ];
    for (what, weights, proposers, expected) in cases {
        let set = set(weights);
        assert_eq!(excluded(&set, &[], proposers, &set), *expected, "{what}");
    }
}

#[test]
fn who_led_nothing_by_decision_is_back() {
    let set = set(&[1; 7]);
    let proposers = blocks(&[0, 2, 3, 5, 6], 1, 112);
    assert_eq!(excluded(&set, &[4], &proposers, &set), [1]);
    assert_eq!(excluded(&set, &[1, 4], &proposers, &set), [0_u16; 0]);
}

#[test]
fn indices_are_those_of_the_next_set_and_another_key_is_another_validator() {
    let present = set(&[1; 7]);
    let proposers = blocks(&[0, 2, 3, 5, 6], 1, 112);
    let without_first = ValidatorSet::new(present.all()[1..].to_vec()).unwrap();
    // Of six a quorum is five: one may go.
    assert_eq!(excluded(&present, &[], &proposers, &without_first), [0]);
    let mut all = present.all().to_vec();
    all[1].public_key = [99; 32];
    let new_key = ValidatorSet::new(all).unwrap();
    assert_eq!(excluded(&present, &[], &proposers, &new_key), [4]);
}

#[test]
fn members_of_a_group_that_counts_as_one_bring_their_part_of_it() {
    // Groups 0, 1, 2, 3 of two members each; group 0 counts 1 of 4, its second member a hundredth of that.
    let weight = |n| Weight::new(n).unwrap();
    let unit = |threshold| Unit { mode: UnitMode::Quorum, weight: weight(1), threshold };
    let all = set(&[99, 1, 1, 1, 1, 1, 1, 1]);
    let units = (0..4).map(|i| (format!("group{i}"), unit(weight(if i == 0 { 51 } else { 2 }))));
    let all = all.with_units(units.collect()).unwrap();
    assert_eq!(excluded(&all, &[], &blocks(&[0, 2, 3, 4, 5, 6, 7], 1, 128), &all), [0_u16; 0]);
    // Without it group 3 says nothing; the three others are a quorum.
    assert_eq!(excluded(&all, &[], &blocks(&[0, 1, 2, 3, 4, 5, 6], 1, 128), &all), [7]);
}

#[test]
fn spans_are_all_of_a_short_epoch_and_lie_along_a_long_one() {
    let spans = |root, last| spans(Height::new(root), Height::new(last), 4);
    assert_eq!(spans(10, 12), [11..=12]);
    assert_eq!(spans(10, 74), [11..=74]);
    for last in [75, 100, 1_011, 1_000_000, u64::MAX] {
        let long = spans(10, last);
        assert_eq!(long.len(), 8);
        assert_eq!((*long[0].start(), *long[7].end()), (11, last), "from the first to the last");
        assert!(long.iter().all(|span| span.end() - span.start() == 7));
        assert!(long.is_sorted_by(|a, b| a.start() < b.start()));
    }
}

#[test]
fn an_absent_one_leads_nothing_in_the_next_epoch_and_is_back_in_the_one_after() {
    let mut stage = Stage::new();
    for epoch in 1..=3_u64 {
        for _ in 0..64 {
            stage.height += 1;
            // The last one never leads.
            stage.proposers.insert(stage.height, u16::try_from(stage.height % 3).unwrap());
        }
        let id = stage.propose(0, stage.weigh(1, epoch % 2 + 1)).unwrap();
        for validator in 1..3 {
            stage.call(validator, &SystemCall::Approve { id }).unwrap();
        }
        stage.seal();
        assert_eq!(stage.epoch().epoch, Epoch::new(epoch));
    }
    let expected = [(Epoch::new(1), vec![3]), (Epoch::new(3), vec![3])];
    assert_eq!(all_excluded(&stage.state), expected.into());
    let set = &stage.epoch().validators;
    assert_eq!(names(set, &[3]), [stage.validator(3).name]);
}
