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
        let quorum = Quorum::new(&weights, None).unwrap();
        assert_eq!((quorum.faulty, quorum.needed), (faulty, needed), "{weights:?}");
    }
}

#[test]
fn sets_that_cannot_agree_are_refused() {
    assert_eq!(Quorum::new(&[], None), Err(QuorumError::Empty));
    assert_eq!(Quorum::new(&[1, 0, 1], None), Err(QuorumError::ZeroWeight(1)));
    assert_eq!(Quorum::new(&[u64::MAX, 1], None), Err(QuorumError::Overflow));
    assert_eq!(Quorum::new(&vec![1; 70_000], None), Err(QuorumError::TooMany(70_000)));
}

#[test]
fn the_numbers_of_fast_commit_are_those_of_the_specification() {
    for (total, slack, faulty, needed, fast) in [
        (4, 0, 1, 3, 4),
        (6, 1, 1, 4, 5),
        (7, 0, 2, 5, 7),
        (4, 1, 0, 3, 3),
        (11, 1, 2, 8, 10),
        (1, 0, 0, 1, 1),
        (u64::MAX, u64::MAX / 2, 0, u64::MAX - u64::MAX / 2, u64::MAX - u64::MAX / 2),
    ] {
        let quorum = Quorum::new(&[total], Some(slack)).unwrap();
        let numbers = (quorum.faulty, quorum.needed, quorum.fast.unwrap().needed);
        assert_eq!(numbers, (faulty, needed, fast), "N = {total}, p = {slack}");
    }
}

#[test]
fn a_slack_that_leaves_f_negative_is_refused_with_the_largest_that_works() {
    for (total, most) in [(1u64, 0u64), (2, 0), (3, 1), (4, 1), (u64::MAX, u64::MAX / 2)] {
        assert!(Quorum::new(&[total], Some(most)).is_ok());
        let error = Quorum::new(&[total], Some(most + 1)).unwrap_err();
        assert_eq!(error, QuorumError::FastTooLarge { slack: most + 1, total });
        assert!(error.to_string().ends_with(&format!("at most {most}")), "{error}");
    }
}

proptest! {
    /// `lft.md` 2.6: what a fast final leaves to others is less than F1 and F2 ask for, what q
    /// Commits leave is no quorum, and the honest weight always finds one of them.
    #[test]
    fn fast_numbers_leave_no_room_for_a_second_block_and_always_a_way_out(
        total in 1u64..,
        share in any::<u64>(),
    ) {
        let slack = share % ((total - 1) / 2 + 1);
        let quorum = Quorum::new(&[total], Some(slack)).unwrap();
        let (n, f, p) = (u128::from(total), u128::from(quorum.faulty), u128::from(slack));
        let q = u128::from(quorum.needed);
        prop_assert!(n > 3 * f + 2 * p);
        // Fast final: at most p honest and f faulty said otherwise.
        prop_assert!(!quorum.falls_back(quorum.faulty + slack));
        prop_assert!(quorum.falls_back(quorum.faulty + slack + 1));
        // Slow final: q - f honest said nothing but this block.
        prop_assert!(n - (q - f) < q);
        // Liveness: all honest first statements, and every block has f + p of them or less.
        prop_assert!(n - f - (f + p) > f + p);
        prop_assert!(quorum.reached(total - quorum.faulty));
    }

    #[test]
    fn two_quorums_share_an_honest_validator(
        weights in prop::collection::vec(1u64..1_000_000, 1..12),
        first in any::<u16>(),
        second in any::<u16>(),
    ) {
        let quorum = Quorum::new(&weights, None).unwrap();
        let weigh = |mask: u16| -> u64 {
            weights.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, w)| *w).sum()
        };
        if quorum.reached(weigh(first)) && quorum.reached(weigh(second)) {
            prop_assert!(quorum.surely_honest(weigh(first & second)));
        }
    }

    #[test]
    fn the_honest_weight_alone_is_a_quorum(total in 1u64..) {
        let quorum = Quorum::new(&[total], None).unwrap();
        prop_assert!(quorum.reached(total - quorum.faulty));
        prop_assert!(!quorum.reached(quorum.faulty) || total == 0);
        prop_assert!(u128::from(quorum.needed) * 2 > u128::from(total) + u128::from(quorum.faulty));
    }
}
