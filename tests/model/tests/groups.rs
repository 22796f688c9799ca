//! Groups that count as one: what a CI run exhausts of them; the longer command is in `README.md`.

#![expect(clippy::print_stdout, reason = "numbers of states are for people")]

use tests_model::{Bounds, Shape, check, walk};

/// More states than any of these bounds has.
const ALL: usize = 50_000_000;

/// Two that count alone, a liar that does, and a group of three, of which two speak for it. To a depth:
/// what `tests/proof.rs` exhausts, once more with all nodes at once.
#[test]
fn in_one_view_with_a_group_nothing_bad_is_reachable_within_so_many_steps() {
    for (shape, depth) in [(Shape::Quorum, Some(8)), (Shape::Delegate, Some(7))] {
        let bounds = Bounds { shape, depth, ..Bounds::default() };
        let checked = check(&bounds, ALL);
        println!("{} states, depth {}: {bounds:?}", checked.states, checked.depth);
        assert_eq!(checked.found, Vec::<String>::new(), "{bounds:?}");
        assert!(checked.states > 1_000, "{bounds:?}");
    }
}

#[test]
fn random_walks_with_a_group_find_nothing_bad() {
    for shape in [Shape::Quorum, Shape::Delegate] {
        for byzantine in 0..3 {
            let bounds = Bounds {
                shape,
                byzantine,
                views: 4,
                optimistic: true,
                power_losses: 1,
                ..Bounds::default()
            };
            let checked = walk(&bounds, 13, 50);
            println!("{} states, depth {}: {bounds:?}", checked.states, checked.depth);
            assert_eq!(checked.found, Vec::<String>::new(), "{bounds:?}");
        }
    }
}
