//! Who counts: single validators, groups that count as one, and sets that are refused.

use super::{Matter, SetError, Validators, Weight};
use crate::{
    fixture::{PREFIX, group, list, set_of},
    parameters::Parameters,
    quorum::QuorumError,
};
use plugin_api::{GroupMode, Validator};
use proptest::prelude::*;

fn new(validators: &[Validator]) -> Result<Validators, SetError> {
    Validators::new(PREFIX, validators, &Parameters::default())
}

/// Two alone, and a group of three that counts 2.
fn grouped(mode: GroupMode, threshold: u64) -> Vec<Validator> {
    let mut validators = list(&[2, 2, 1, 1, 1]);
    group(&mut validators, &[2, 3, 4], mode, 2, threshold);
    validators
}

fn weigh(validators: &[Validator], matter: Matter, signers: &[u16]) -> u64 {
    set_of(validators, &Parameters::default()).weigh(matter, signers.iter().copied())
}

#[test]
fn a_quorum_group_counts_once_and_only_from_its_threshold_on() {
    let set = grouped(GroupMode::Quorum, 2);
    for matter in [Matter::Vote(7), Matter::End(7)] {
        for (signers, weight) in [
            (vec![2u16], 0),
            (vec![2, 3], 2),
            (vec![2, 3, 4], 2),
            (vec![3, 4], 2),
            (vec![0, 4], 2),
            (vec![0, 1, 2, 4], 6),
        ] {
            assert_eq!(weigh(&set, matter, &signers), weight, "{matter:?} {signers:?}");
        }
    }
}

#[test]
fn inner_weights_count_inside_a_group() {
    let mut set = list(&[5, 3, 1, 1]);
    group(&mut set, &[1, 2, 3], GroupMode::Quorum, 4, 4);
    assert_eq!(weigh(&set, Matter::End(1), &[1]), 0);
    assert_eq!(weigh(&set, Matter::End(1), &[1, 3]), 4);
    assert_eq!(weigh(&set, Matter::End(1), &[2, 3]), 0);
    assert_eq!(set_of(&set, &Parameters::default()).quorum().total, 9);
}

#[test]
fn a_vote_of_a_delegate_group_is_its_delegates_alone_and_all_else_takes_the_threshold() {
    let set = grouped(GroupMode::Delegate, 2);
    for (view, delegate) in [(0u64, 2u16), (1, 3), (2, 4), (3, 2), (7, 3)] {
        for signer in 2..5 {
            let weight = weigh(&set, Matter::Vote(view), &[signer]);
            assert_eq!(weight, if signer == delegate { 2 } else { 0 }, "{view} {signer}");
        }
        let others: Vec<u16> = (2..5).filter(|signer| *signer != delegate).collect();
        assert_eq!(weigh(&set, Matter::Vote(view), &others), 0);
        assert_eq!(weigh(&set, Matter::Vote(view), &[2, 3, 4]), 2);
        assert_eq!(weigh(&set, Matter::End(view), &[delegate]), 0);
        assert_eq!(weigh(&set, Matter::End(view), &others), 2);
    }
}

#[test]
fn a_delegate_serves_its_tenure() {
    let parameters = Parameters { delegate_tenure: 10, ..Parameters::default() };
    let set = set_of(&grouped(GroupMode::Delegate, 2), &parameters);
    for (view, delegate) in [(1u64, 2u16), (9, 2), (10, 3), (29, 4), (30, 2)] {
        assert_eq!(set.weigh(Matter::Vote(view), [delegate].into_iter()), 2, "{view}");
    }
}

#[test]
fn groups_that_cannot_speak_for_themselves_are_refused_with_what_would_do() {
    for (threshold, fits) in [(0, false), (1, false), (2, true), (3, true), (4, false)] {
        for mode in [GroupMode::Quorum, GroupMode::Delegate] {
            let made = new(&grouped(mode, threshold));
            assert_eq!(made.is_ok(), fits, "{threshold}");
            if let Err(error) = made {
                assert!(error.to_string().ends_with("give 2 to 3"), "{error}");
            }
        }
    }
    let mut differs = grouped(GroupMode::Quorum, 2);
    differs[3].unit.as_mut().unwrap().weight = 3;
    assert!(matches!(new(&differs), Err(SetError::GroupDiffers(_))));
    let mut half_flat = grouped(GroupMode::Quorum, 2);
    half_flat[4].unit = None;
    assert!(matches!(new(&half_flat), Err(SetError::GroupDiffers(_))));
    let mut nothing = grouped(GroupMode::Quorum, 2);
    nothing.iter_mut().filter_map(|v| v.unit.as_mut()).for_each(|unit| unit.weight = 0);
    assert_eq!(new(&nothing).unwrap_err(), SetError::Quorum(QuorumError::ZeroWeight(2)));
}

#[test]
fn members_of_a_flat_group_count_each_for_itself() {
    let mut validators = list(&[1; 4]);
    validators.iter_mut().for_each(|validator| validator.group = "all".to_owned());
    let set = new(&validators).unwrap();
    assert_eq!((set.quorum().total, set.quorum().needed), (4, 3));
    assert_eq!(set.weigh(Matter::Vote(1), [0, 2].into_iter()), 2);
}

#[test]
fn fast_commit_with_a_group_that_counts_as_one_is_refused_in_one_line() {
    let parameters = Parameters { fast: Some(0), ..Parameters::default() };
    for mode in [GroupMode::Quorum, GroupMode::Delegate] {
        let error = Validators::new(PREFIX, &grouped(mode, 2), &parameters).unwrap_err();
        let line = error.to_string();
        assert!(line.contains("make it flat or set fast = off"), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
    let too_much = Parameters { fast: Some(2), ..Parameters::default() };
    let error = Validators::new(PREFIX, &list(&[1; 4]), &too_much).unwrap_err();
    assert!(error.to_string().contains("fast = 2"), "{error}");
}

proptest! {
    /// What is raised one by one in any order weighs what the model says.
    #[test]
    fn groups_weigh_as_the_model_says_in_any_order(
        inner in prop::collection::vec(1u64..5, 3..6),
        alone in prop::collection::vec(1u64..5, 0..4),
        share in any::<u64>(),
        order in any::<u64>(),
        mask in any::<u16>(),
    ) {
        let sum: u64 = inner.iter().sum();
        let threshold = sum / 2 + 1 + share % (sum - sum / 2);
        let weights = [alone.clone(), inner.clone()].concat();
        let first = u16::try_from(alone.len()).unwrap();
        let members: Vec<u16> = (first..).take(inner.len()).collect();
        let mut validators = list(&weights);
        group(&mut validators, &members, GroupMode::Quorum, 7, threshold);
        let set = set_of(&validators, &Parameters::default());
        let mut signers: Vec<u16> =
            (0u16..).take(weights.len()).filter(|i| mask >> i & 1 == 1).collect();
        let turn = order as usize % signers.len().max(1);
        signers.rotate_left(turn);
        let mut weight = Weight::default();
        signers.iter().for_each(|signer| set.raise(&mut weight, Matter::End(3), *signer));
        let of = |index: &u16| weights[usize::from(*index)];
        let inside: u64 = signers.iter().filter(|i| **i >= first).map(of).sum();
        let outside: u64 = signers.iter().filter(|i| **i < first).map(of).sum();
        prop_assert_eq!(weight.said(), outside + if inside >= threshold { 7 } else { 0 });
    }

    /// Two conflicting statements of a group need a member that signed both: the members that are
    /// honest and sign only one cannot make the group say two things.
    #[test]
    fn a_correct_group_says_one_of_two_things_only(
        inner in prop::collection::vec(1u64..5, 3..7),
        share in any::<u64>(),
        says in any::<u16>(),
        liars in any::<u16>(),
    ) {
        let sum: u64 = inner.iter().sum();
        let threshold = sum / 2 + 1 + share % (sum - sum / 2);
        let lies = |place: usize| liars >> place & 1 == 1;
        let weigh = |pick: &dyn Fn(usize) -> bool| -> u64 {
            inner.iter().enumerate().filter(|(i, _)| pick(*i)).map(|(_, w)| *w).sum()
        };
        // `lft.md` 3.2: correct while its Byzantine inner weight is at most 2t - M - 1.
        if weigh(&|i| lies(i)) < 2 * threshold - sum {
            let this = weigh(&|i| lies(i) || says >> i & 1 == 1);
            let that = weigh(&|i| lies(i) || says >> i & 1 == 0);
            prop_assert!(this < threshold || that < threshold);
        }
    }
}
