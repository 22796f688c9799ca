//! Sets computed by hand: quorums, and the fewest nodes that halt or fork. The exact search is
//! compared with trying every subset.

use super::{Bounds, Entity, Node, Tolerance, UnitMode};
use proptest::prelude::*;

fn node(name: &str, weight: u64) -> Node {
    Node { name: name.to_owned(), weight }
}

fn alone(weights: &[u64]) -> Vec<Entity> {
    let named =
        (0..).zip(weights).map(|(i, weight)| Entity::Alone(node(&format!("v{i}"), *weight)));
    named.collect()
}

/// Members m0, m1 ... of inner weight 1 each.
fn group(name: &str, weight: u64, mode: UnitMode, threshold: u64, members: usize) -> Entity {
    let members = (0..members).map(|i| node(&format!("{name}/m{i}"), 1)).collect();
    Entity::Group { name: name.to_owned(), weight, mode, threshold, members }
}

fn names(nodes: &[Node]) -> Vec<&str> {
    nodes.iter().map(|node| node.name.as_str()).collect()
}

struct Case {
    weights: &'static [u64],
    fast: Option<u64>,
    /// N, f, q.
    bounds: (u128, u128, u128),
    halt: &'static [&'static str],
    fork: &'static [&'static str],
}

#[test]
fn validators_alone_by_hand() {
    let cases = [
        // f + 1 = 2 halt; two quorums of 3 among 4 share 2.
        Case {
            weights: &[1, 1, 1, 1],
            fast: None,
            bounds: (4, 1, 3),
            halt: &["v0", "v1"],
            fork: &["v0", "v1"],
        },
        // 4 halt: 3 + 3; 2q - N = 5 fork: 3 + 3.
        Case {
            weights: &[3, 2, 2, 1, 3],
            fast: None,
            bounds: (11, 3, 8),
            halt: &["v0", "v4"],
            fork: &["v0", "v4"],
        },
        // One of 5 among 8: f = 2, so it halts alone; 2q - N = 4, so it forks alone.
        Case {
            weights: &[1, 5, 1, 1],
            fast: None,
            bounds: (8, 2, 6),
            halt: &["v1"],
            fork: &["v1"],
        },
        // Seven: 3 halt, 2q - N = 3 fork.
        Case {
            weights: &[1; 7],
            fast: None,
            bounds: (7, 2, 5),
            halt: &["v0", "v1", "v2"],
            fork: &["v0", "v1", "v2"],
        },
        // Three: nobody may fail, all must lie.
        Case {
            weights: &[1, 1, 1],
            fast: None,
            bounds: (3, 0, 3),
            halt: &["v0"],
            fork: &["v0", "v1", "v2"],
        },
        // Fast with p = 1 among six: f = 1, q = 4.
        Case {
            weights: &[1; 6],
            fast: Some(1),
            bounds: (6, 1, 4),
            halt: &["v0", "v1"],
            fork: &["v0", "v1"],
        },
        // Without fast commit six tolerate one as well, and 2q - N = 4 are needed to fork.
        Case {
            weights: &[1; 6],
            fast: None,
            bounds: (6, 1, 5),
            halt: &["v0", "v1"],
            fork: &["v0", "v1", "v2", "v3"],
        },
    ];
    for Case { weights, fast, bounds: (total, faulty_max, quorum), halt, fork } in cases {
        let found = Tolerance::of(&alone(weights), fast).unwrap();
        let fast_quorum = fast.map(|p| total - u128::from(p));
        assert_eq!(found.bounds, Bounds { total, faulty_max, quorum, fast_quorum }, "{weights:?}");
        assert_eq!(names(&found.halt.nodes), halt, "{weights:?}");
        assert_eq!(names(&found.fork.nodes), fork, "{weights:?}");
    }
}

#[test]
fn a_p_that_leaves_nothing_is_none() {
    assert_eq!(Bounds::of(0, None), None);
    assert_eq!(Bounds::of(4, Some(2)), None);
    assert_eq!(Bounds::of(5, Some(2)).map(|bounds| bounds.quorum), Some(3));
    assert_eq!(Bounds::of(4, Some(u64::MAX)), None);
}

#[test]
fn groups_that_count_as_one_by_hand() {
    // Four groups of three, each of weight 1: f = 1, two groups halt or fork.
    let of = |mode, threshold| {
        let groups: Vec<_> =
            ["a", "b", "c", "d"].map(|name| group(name, 1, mode, threshold, 3)).into();
        Tolerance::of(&groups, None).unwrap()
    };
    // 2 of 3: two members silence a group, one that lies on both sides corrupts it (2t - M = 1).
    let majority = of(UnitMode::Quorum, 2);
    assert_eq!(names(&majority.halt.nodes), ["a/m0", "a/m1", "b/m0", "b/m1"]);
    assert_eq!(names(&majority.fork.nodes), ["a/m0", "b/m0"]);
    assert_eq!((majority.halt.weight, majority.fork.weight), (2, 2));
    // 3 of 3: one member silences a group, all three must lie.
    let all = of(UnitMode::Quorum, 3);
    assert_eq!(names(&all.halt.nodes), ["a/m0", "b/m0"]);
    assert_eq!(all.fork.nodes.len(), 6);
    // A delegate speaks alone.
    let delegate = of(UnitMode::Delegate, 2);
    assert_eq!(names(&delegate.halt.nodes), ["a/m0", "b/m0"]);
    assert_eq!(names(&delegate.fork.nodes), ["a/m0", "b/m0"]);
}

#[test]
fn the_cheapest_mix_is_found_where_the_heaviest_first_would_not() {
    // N = 13, f = 4, to halt 5: the group of 5 costs three nodes, two validators of 3 cost two.
    let mut set = vec![group("g", 5, UnitMode::Quorum, 3, 5)];
    set.extend(alone(&[3, 3, 1, 1]));
    let found = Tolerance::of(&set, None).unwrap();
    assert_eq!(names(&found.halt.nodes), ["v0", "v1"]);
    // 2q - N = 5: one member of the group that says both (2t - M = 1).
    assert_eq!(names(&found.fork.nodes), ["g/m0"]);
}

proptest! {
    #[test]
    fn no_smaller_set_exists(weights in proptest::collection::vec(1u64..9, 1..9)) {
        let found = Tolerance::of(&alone(&weights), None).unwrap();
        let needed = 2 * found.bounds.quorum - found.bounds.total;
        let smallest = |needed: u128| {
            (0u32..1 << weights.len())
                .filter(|subset| {
                    let chosen = (0..).zip(&weights).filter(|(i, _)| subset >> i & 1 == 1);
                    chosen.map(|(_, weight)| u128::from(*weight)).sum::<u128>() >= needed
                })
                .map(u32::count_ones)
                .min()
                .unwrap() as usize
        };
        prop_assert_eq!(found.fork.nodes.len(), smallest(needed));
        prop_assert_eq!(found.halt.nodes.len(), smallest(found.bounds.faulty_max + 1));
    }
}
