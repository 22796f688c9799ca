//! Quorum arithmetic, by properties and at the limits of the integers.

use super::{Quorum, QuorumError};
use proptest::prelude::*;

#[test]
fn the_numbers_are_those_of_the_specification() {
    for (weights, faulty, needed) in [
        (vec![1], 0, 1),
        (vec![1; 2], 0, 2),
        (vec![1; 3], 0, 3),
        (vec![1; 4], 1, 3),
        (vec![1; 5], 1, 4),
        (vec![1; 6], 1, 5),
        (vec![1; 7], 2, 5),
        (vec![1; 10], 3, 7),
        (vec![1; 53], 17, 36),
        (vec![1; 103], 34, 69),
        (vec![3, 2, 2, 1, 3], 3, 8),
        (vec![u64::MAX], (u64::MAX - 1) / 3, u64::MAX - (u64::MAX - 1) / 3),
    ] {
        let quorum = Quorum::new(&weights).unwrap();
        assert_eq!((quorum.faulty, quorum.needed), (faulty, needed), "{weights:?}");
    }
}

#[test]
fn sets_that_cannot_agree_are_refused() {
    assert_eq!(Quorum::new(&[]), Err(QuorumError::Empty));
    assert_eq!(Quorum::new(&[1, 0, 1]), Err(QuorumError::ZeroWeight(1)));
    assert_eq!(Quorum::new(&[u64::MAX, 1]), Err(QuorumError::Overflow));
    assert_eq!(Quorum::new(&vec![1; 70_000]), Err(QuorumError::TooMany(70_000)));
}

proptest! {
    #[test]
    fn two_quorums_share_an_honest_validator(
        weights in prop::collection::vec(1u64..1_000_000, 1..12),
        first in any::<u16>(),
        second in any::<u16>(),
    ) {
        let quorum = Quorum::new(&weights).unwrap();
        let weigh = |mask: u16| -> u64 {
            weights.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, w)| *w).sum()
        };
        if quorum.reached(weigh(first)) && quorum.reached(weigh(second)) {
            prop_assert!(quorum.surely_honest(weigh(first & second)));
        }
    }

    #[test]
    fn the_honest_weight_alone_is_a_quorum(total in 1u64..) {
        let quorum = Quorum::new(&[total]).unwrap();
        prop_assert!(quorum.reached(total - quorum.faulty));
        prop_assert!(!quorum.reached(quorum.faulty) || total == 0);
        prop_assert!(u128::from(quorum.needed) * 2 > u128::from(total) + u128::from(quorum.faulty));
    }
}
