//! U7 measured again: for which numbers of voters the old ratios are unsafe, and for which a channel
//! stops before f are silent. LFT3's integers are right for every number.

use tests_museum::quorum::{is_live, is_safe, of_2_8_1, of_2018, of_lft3};

/// Numbers of voters looked at.
fn sizes() -> core::ops::Range<u64> {
    1..400
}

#[test]
fn more_than_0_66_is_unsafe_for_298_sizes_below_400_the_first_is_53() {
    let unsafe_sizes: Vec<u64> = sizes().filter(|n| !is_safe(*n, of_2018(*n))).collect();
    assert_eq!(unsafe_sizes.len(), 298);
    assert!(unsafe_sizes.starts_with(&[53, 56, 59]), "{unsafe_sizes:?}");
    assert!(sizes().all(|n| is_live(n, of_2018(n))));
}

#[test]
fn a_floating_point_0_66_means_the_same_as_our_integers() {
    for n in sizes() {
        let least = (0..=n).find(|k| *k as f64 > n as f64 * 0.66);
        assert_eq!(least, Some(of_2018(n)), "{n} voters");
    }
}

#[test]
fn rounded_up_0_67_is_safe_but_stops_at_f_silent_from_103_on() {
    assert!(sizes().all(|n| is_safe(n, of_2_8_1(n))));
    let stuck: Vec<u64> = sizes().filter(|n| !is_live(*n, of_2_8_1(*n))).collect();
    assert!(stuck.starts_with(&[103, 106, 109]), "{stuck:?}");
}

#[test]
fn all_but_f_is_safe_and_live_for_every_size() {
    assert!((1..100_000).all(|n| is_safe(n, of_lft3(n)) && is_live(n, of_lft3(n))));
}
