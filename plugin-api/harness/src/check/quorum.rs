//! A Final proof names each signer once and weighs a quorum of what can speak: single validators and
//! groups that count as one.
//!
//! In: signers, the set, p of fast commit. Out: what is wrong. Computed from the specification,
//! independently of any rule. Not here: signatures.

use plugin_api::{GroupMode, Validator};
use std::collections::{BTreeMap, BTreeSet};

/// Checks the signers of a proof against the set.
///
/// # Errors
/// One line: what is wrong.
pub fn enough(
    signers: &[(u16, u64)],
    validators: &[Validator],
    slack: Option<u64>,
) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for (signer, weight) in signers {
        let known = validators.get(usize::from(*signer)).map(|validator| validator.weight);
        if known != Some(*weight) || !seen.insert(*signer) {
            return Err(format!("a proof counts validator {signer} twice or wrongly"));
        }
    }
    let mut inner: BTreeMap<&str, u128> = BTreeMap::new();
    let mut total = 0u128;
    let mut sum = 0u128;
    for (index, validator) in (0u16..).zip(validators) {
        let weight = u128::from(validator.weight);
        let own = if seen.contains(&index) { weight } else { 0 };
        let Some(unit) = validator.unit else {
            total += weight;
            sum += own;
            continue;
        };
        let before = inner.get(validator.group.as_str()).copied();
        let after = before.unwrap_or(0) + own;
        inner.insert(&validator.group, after);
        if before.is_none() {
            total += u128::from(unit.weight);
        }
        let threshold = u128::from(unit.threshold);
        if before.unwrap_or(0) < threshold && after >= threshold {
            sum += u128::from(unit.weight);
        }
    }
    let slack = u128::from(slack.unwrap_or(0));
    let faulty = total.saturating_sub(1 + 2 * slack) / 3;
    let needed = total - faulty - slack;
    if sum >= needed { Ok(()) } else { Err(format!("a proof weighs {sum} of {total}")) }
}

/// Weight of the units whose word is no longer theirs alone, or that cannot speak, when these
/// validators misbehave or are silent: what must stay within f.
#[must_use]
pub fn faulty_weight(validators: &[Validator], is_faulty: impl Fn(u16) -> bool) -> u128 {
    let mut groups: BTreeMap<&str, (u128, u128)> = BTreeMap::new();
    let mut faulty = 0u128;
    for (index, validator) in (0u16..).zip(validators) {
        let weight = u128::from(validator.weight);
        let bad = if is_faulty(index) { weight } else { 0 };
        if validator.unit.is_some() {
            let (sum, wrong) = groups.entry(&validator.group).or_default();
            *sum += weight;
            *wrong += bad;
        } else {
            faulty += bad;
        }
    }
    for (name, (sum, wrong)) in groups {
        let Some(unit) = validators.iter().find(|v| v.group == name).and_then(|v| v.unit) else {
            continue;
        };
        let threshold = u128::from(unit.threshold);
        let tolerates = match unit.mode {
            GroupMode::Quorum => (2 * threshold).saturating_sub(sum + 1).min(sum - threshold),
            GroupMode::Delegate => 0,
        };
        if wrong > tolerates {
            faulty += u128::from(unit.weight);
        }
    }
    faulty
}

#[cfg(test)]
mod tests {
    use super::{enough, faulty_weight};
    use plugin_api::{GroupMode, Unit, Validator};

    fn validators(weights: &[u64]) -> Vec<Validator> {
        let one = |(index, weight): (usize, &u64)| Validator {
            name: format!("v{index}"),
            public_key: [0; 32],
            weight: *weight,
            group: format!("v{index}"),
            unit: None,
        };
        weights.iter().enumerate().map(one).collect()
    }

    /// Two alone and three that count 2 together.
    fn grouped(mode: GroupMode, threshold: u64) -> Vec<Validator> {
        let mut set = validators(&[2, 2, 1, 1, 1]);
        for member in &mut set[2..] {
            member.group = "g".to_owned();
            member.unit = Some(Unit { mode, weight: 2, threshold });
        }
        set
    }

    #[test]
    fn two_thirds_are_not_enough_and_nobody_counts_twice() {
        assert!(enough(&[(0, 1), (1, 1), (2, 1)], &validators(&[1; 4]), None).is_ok());
        assert!(enough(&[(0, 1), (1, 1)], &validators(&[1; 3]), None).is_err());
        assert!(enough(&[(0, 1), (0, 1), (1, 1)], &validators(&[1; 3]), None).is_err());
        assert!(enough(&[(0, 9)], &validators(&[1; 1]), None).is_err());
    }

    #[test]
    fn fast_commit_lowers_the_quorum_by_p() {
        let four = [(0, 1), (1, 1), (2, 1), (3, 1)];
        assert!(enough(&four, &validators(&[1; 6]), None).is_err());
        assert!(enough(&four, &validators(&[1; 6]), Some(1)).is_ok());
        assert!(enough(&four[..3], &validators(&[1; 6]), Some(1)).is_err());
    }

    #[test]
    fn a_group_counts_from_its_threshold_on() {
        let set = grouped(GroupMode::Quorum, 2);
        assert!(enough(&[(0, 2), (1, 2), (2, 1)], &set, None).is_err());
        assert!(enough(&[(0, 2), (1, 2), (2, 1), (4, 1)], &set, None).is_ok());
        assert!(enough(&[(0, 2), (2, 1), (3, 1), (4, 1)], &set, None).is_err());
    }

    #[test]
    fn a_group_is_faulty_beyond_what_its_threshold_tolerates() {
        let weigh = |mode, threshold, faulty: &[u16]| {
            faulty_weight(&grouped(mode, threshold), |index| faulty.contains(&index))
        };
        assert_eq!(weigh(GroupMode::Quorum, 2, &[2]), 2, "2 of 3 are crash trust");
        assert_eq!(weigh(GroupMode::Delegate, 2, &[2]), 2);
        assert_eq!(weigh(GroupMode::Delegate, 2, &[0]), 2);
        let mut four = validators(&[1; 4]);
        for member in &mut four {
            member.group = "g".to_owned();
            member.unit = Some(Unit { mode: GroupMode::Quorum, weight: 5, threshold: 3 });
        }
        assert_eq!(faulty_weight(&four, |index| index < 1), 0);
        assert_eq!(faulty_weight(&four, |index| index < 2), 5);
    }
}
