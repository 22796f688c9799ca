//! Fast commit: what a CI run exhausts of it; the longer command is in `README.md`.

#![expect(clippy::print_stdout, reason = "numbers of states are for people")]

use tests_model::{Bounds, Shape, check, run, walk};

/// More states than any of these bounds has.
const ALL: usize = 50_000_000;

fn bounds(byzantine: u16) -> Bounds {
    Bounds { shape: Shape::Fast, byzantine, ..Bounds::default() }
}

#[test]
fn in_one_view_with_fast_commit_nothing_bad_is_reachable() {
    for byzantine in [1, 2] {
        let bounds = bounds(byzantine);
        let checked = check(&bounds, ALL);
        println!("{} states, depth {}: {bounds:?}", checked.states, checked.depth);
        assert_eq!(checked.found, Vec::<String>::new(), "{bounds:?}");
        assert!(checked.is_exhausted && checked.states > 1_000, "{bounds:?}");
    }
}

#[test]
fn in_two_views_with_fast_commit_nothing_bad_is_reachable_within_so_many_steps() {
    for (byzantine, depth) in [(1, 5), (2, 4)] {
        let bounds = Bounds { views: 2, depth: Some(depth), ..bounds(byzantine) };
        let checked = check(&bounds, ALL);
        println!("{} states, depth {}: {bounds:?}", checked.states, checked.depth);
        assert_eq!(checked.found, Vec::<String>::new(), "{bounds:?}");
    }
}

#[test]
fn random_walks_with_fast_commit_find_nothing_bad() {
    for byzantine in 0..4 {
        let bounds = Bounds { views: 4, optimistic: true, power_losses: 1, ..bounds(byzantine) };
        let checked = walk(&bounds, 11, 120);
        println!("{} states, depth {}: {bounds:?}", checked.states, checked.depth);
        assert_eq!(checked.found, Vec::<String>::new(), "{bounds:?}");
    }
}

/// States of one key must have successors of one key, action by action.
#[test]
fn a_key_determines_the_future_with_fast_commit() {
    for byzantine in [1, 2] {
        let bounds = Bounds { views: 2, optimistic: true, ..bounds(byzantine) };
        let met = run::compare_keys(&bounds, 3, 60);
        assert_eq!(met.differences, Vec::<String>::new());
        assert!(met.again > 20, "{met:?}");
    }
}
