//! Schedules: who leads how often, how evenly, and that only the set and the epoch decide.

use super::{Schedule, TURNS_MAX};
use crate::{
    fixture::{group, list, set_of},
    parameters::{Parameters, Turns},
};
use plugin_api::{GroupMode, Validator};
use proptest::prelude::*;

fn equal(count: usize, tenure: u64, epoch: u64) -> Schedule {
    let parameters = Parameters { tenure, ..Parameters::default() };
    Schedule::new(&set_of(&list(&vec![1; count]), &parameters), &parameters, epoch, &[])
}

fn weighted(validators: &[Validator], excluded: &[u16]) -> Schedule {
    let parameters = Parameters { leader: Turns::Weighted, ..Parameters::default() };
    Schedule::new(&set_of(validators, &parameters), &parameters, 0, excluded)
}

fn count(schedule: &Schedule, validators: usize, views: u64) -> Vec<u64> {
    let mut turns = vec![0; validators];
    (0..views).for_each(|view| turns[usize::from(schedule.leader(view))] += 1);
    turns
}

#[test]
fn every_validator_leads_equally_often() {
    for (number, tenure) in [(1, 1), (4, 1), (5, 3), (7, 2)] {
        for epoch in [0, 1, 9] {
            let schedule = equal(number, tenure, epoch);
            let turns = count(&schedule, number, number as u64 * tenure * 10);
            assert!(turns.iter().all(|t| *t == 10 * tenure), "{number} {tenure} {turns:?}");
        }
    }
}

#[test]
fn the_leader_changes_with_every_view_by_default() {
    let schedule = equal(4, 1, 0);
    let leaders: Vec<u16> = (1..=5).map(|view| schedule.leader(view)).collect();
    assert_eq!(leaders, [1, 2, 3, 0, 1]);
    assert_eq!(equal(4, 1, u64::MAX).leader(u64::MAX), 2);
}

#[test]
fn weighted_turns_are_the_smooth_ones() {
    let schedule = weighted(&list(&[5, 1, 1]), &[]);
    let round: Vec<u16> = (0..7).map(|view| schedule.leader(view)).collect();
    assert_eq!(round, [0, 0, 1, 0, 2, 0, 0]);
    // The common factor is taken out; equal weights are plain rotation.
    assert_eq!(weighted(&list(&[10, 2, 2]), &[]), schedule);
    let rotation: Vec<u16> = (0..4).map(|v| weighted(&list(&[9; 4]), &[]).leader(v)).collect();
    assert_eq!(rotation, [0, 1, 2, 3]);
}

#[test]
fn tenure_and_epoch_move_a_weighted_schedule_as_they_move_a_plain_one() {
    let parameters = Parameters { leader: Turns::Weighted, tenure: 3, ..Parameters::default() };
    let set = set_of(&list(&[5, 1, 1]), &parameters);
    let schedule = Schedule::new(&set, &parameters, 2, &[]);
    let leaders: Vec<u16> = (0..9).map(|view| schedule.leader(view)).collect();
    assert_eq!(leaders, [1, 1, 1, 0, 0, 0, 2, 2, 2]);
}

#[test]
fn a_member_of_a_group_leads_for_its_share_of_the_groups_weight() {
    let mut validators = list(&[2, 2, 1, 1, 2]);
    group(&mut validators, &[2, 3, 4], GroupMode::Quorum, 2, 3);
    // Of a weight of 6: two each alone, and 1/2, 1/2, 1 of the group's two.
    assert_eq!(count(&weighted(&validators, &[]), 5, 12), [4, 4, 1, 1, 2]);
}

#[test]
fn who_is_excluded_leads_nothing_unless_nobody_is_left() {
    for turns in [Turns::Equal, Turns::Weighted] {
        let parameters = Parameters { leader: turns, ..Parameters::default() };
        let set = set_of(&list(&[1, 3, 2, 2]), &parameters);
        let without = Schedule::new(&set, &parameters, 0, &[0, 2]);
        let led = count(&without, 4, 500);
        assert_eq!((led[0], led[2]), (0, 0), "{turns:?}");
        assert!(led[1] > 0 && led[3] > 0, "{turns:?}");
        let everyone = Schedule::new(&set, &parameters, 0, &[0, 1, 2, 3]);
        assert_eq!(everyone, Schedule::new(&set, &parameters, 0, &[]));
    }
}

#[test]
fn weights_that_do_not_reduce_make_a_bounded_table_in_about_their_proportion() {
    let schedule = weighted(&list(&[u64::MAX / 2, u64::MAX / 4, 1]), &[]);
    let turns = count(&schedule, 3, TURNS_MAX);
    assert!(turns[0].abs_diff(TURNS_MAX * 2 / 3) <= 2, "{turns:?}");
    assert!(turns[2] >= 1, "{turns:?}");
}

proptest! {
    #[test]
    fn in_a_round_everyone_leads_as_often_as_its_weight_says_and_no_run_is_longer_than_it_must(
        weights in prop::collection::vec(1u64..40, 1..8),
    ) {
        let sum: u64 = weights.iter().sum();
        let schedule = weighted(&list(&weights), &[]);
        prop_assert_eq!(&count(&schedule, weights.len(), sum), &weights);
        for (index, weight) in (0u16..).zip(&weights) {
            let mut led = 0;
            for view in 0..sum {
                led += u64::from(schedule.leader(view) == index);
                // Never more than one turn ahead of, or behind, the even pace.
                let pace = weight * (view + 1);
                prop_assert!(led * sum <= pace + sum * 2 && pace <= led * sum + sum * 2);
            }
        }
    }
}
