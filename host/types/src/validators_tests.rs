//! Sets with groups that count as one: weights, bytes, and what is no set.

use super::{Unit, UnitMode, Validator, ValidatorSet};
use crate::codec::{Decode, Encode, Reader};
use crate::ids::NodeName;
use crate::weight::Weight;
use std::collections::BTreeMap;

/// `a/v0`, `a/v1`, ... with groups and weights.
fn plain(of: &[(&str, u64)]) -> ValidatorSet {
    let validators = (0u8..).zip(of).map(|(index, (group, weight))| Validator {
        name: NodeName::new(&format!("a/v{index}")).unwrap(),
        public_key: [index; 32],
        weight: Weight::new(*weight).unwrap(),
        group: (*group).to_owned(),
    });
    ValidatorSet::new(validators.collect()).unwrap()
}

fn units(of: &[(&str, UnitMode, u64, u64)]) -> BTreeMap<String, Unit> {
    let unit = |mode, weight, threshold| Unit {
        mode,
        weight: Weight::new(weight).unwrap(),
        threshold: Weight::new(threshold).unwrap(),
    };
    of.iter()
        .map(|(name, mode, weight, t)| ((*name).to_owned(), unit(*mode, *weight, *t)))
        .collect()
}

/// Group g (weight 5, three members of inner weight 1, two speak), group h (weight 2, a delegate for
/// its votes, inner weights 1 and 2), and one alone of weight 3.
fn mixed() -> ValidatorSet {
    let set = plain(&[("g", 1), ("h", 1), ("g", 1), ("alone", 3), ("h", 2), ("g", 1)]);
    let of = [("g", UnitMode::Quorum, 5, 2), ("h", UnitMode::Delegate, 2, 2)];
    set.with_units(units(&of)).unwrap()
}

fn decoded(bytes: &[u8]) -> Option<ValidatorSet> {
    ValidatorSet::from_bytes(bytes).ok()
}

#[test]
fn a_group_that_counts_as_one_counts_once() {
    let set = mixed();
    assert_eq!((set.total_weight(), set.quorum_weight()), (10, 7));
    let entities = set.entities();
    let seen: Vec<_> = entities.iter().map(|entity| (entity.name(), entity.weight())).collect();
    assert_eq!(seen, [("g", 5), ("h", 2), ("a/v3", 3)]);
    for (indices, weight) in [
        (&[0u16][..], 0),
        (&[0, 0], 0),
        (&[0, 2], 5),
        (&[0, 2, 5], 5),
        (&[1, 3], 3),
        (&[4, 3], 5),
        (&[0, 1, 2, 3, 4, 5], 10),
        (&[9], 0),
    ] {
        assert_eq!(set.said_by(indices), weight, "{indices:?}");
    }
    assert_eq!(plain(&[("x", 1), ("y", 4)]).said_by(&[1]), 4);
}

#[test]
fn a_threshold_that_two_disjoint_sets_reach_or_nobody_is_no_set() {
    for threshold in 1..5 {
        let of = [("g", UnitMode::Quorum, 1, threshold)];
        let set = plain(&[("g", 1), ("g", 2)]).with_units(units(&of));
        assert_eq!(set.is_some(), (2..=3).contains(&threshold), "{threshold}");
    }
    let nobody = [("h", UnitMode::Quorum, 1, 1)];
    assert_eq!(plain(&[("g", 1)]).with_units(units(&nobody)), None);
}

#[test]
fn a_set_with_units_has_one_form_of_its_own() {
    let (set, bytes) = (mixed(), mixed().to_bytes());
    assert_eq!(decoded(&bytes), Some(set.clone()));
    let flat = plain(&[("g", 1), ("h", 1), ("g", 1), ("alone", 3), ("h", 2), ("g", 1)]);
    assert_eq!(decoded(&flat.to_bytes()), Some(flat.clone()));
    assert_ne!(set.hash(), flat.hash());
    // The unit is the fifth field: [mode, weight, threshold].
    let fifth = [0x83, 0x00, 0x05, 0x02];
    assert_eq!(bytes.windows(4).filter(|window| *window == fifth).count(), 3);
    assert_eq!(bytes.len(), flat.to_bytes().len() + 5 * fifth.len());
    // One member that says another thing of its group, and one that says nothing, are no set.
    let at = bytes.windows(4).position(|window| window == fifth).unwrap();
    let mut other = bytes.clone();
    other[at + 2] = 6;
    assert_eq!(decoded(&other), None);
    let mut mode = bytes.clone();
    mode[at + 1] = 2;
    assert_eq!(decoded(&mode), None);
    let mut silent = bytes;
    silent.drain(at..at + 4);
    silent[1] = 0x84;
    assert_eq!(decoded(&silent), None);
    let mut reader = Reader::new(&silent);
    assert!(ValidatorSet::decode(&mut reader).is_err());
}
