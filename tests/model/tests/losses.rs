//! One node that stops, that loses its log, or that has other results: what a CI run exhausts of it;
//! the longer command is in `README.md`.

#![expect(clippy::print_stdout, reason = "numbers of states are for people")]

use tests_model::{Bounds, Checked, check, run, walk};

/// More states than any of these bounds has.
const ALL: usize = 50_000_000;

fn good(bounds: &Bounds, checked: &Checked) {
    println!("{} states, depth {}: {bounds:?}", checked.states, checked.depth);
    assert_eq!(checked.found, Vec::<String>::new(), "{bounds:?}");
}

fn exhausted(bounds: &Bounds) {
    let checked = check(bounds, ALL);
    good(bounds, &checked);
    assert!(checked.is_exhausted && checked.states > 1_000, "{bounds:?}");
}

/// It comes back where it was when it signed last, and never signs anything else.
#[test]
fn a_node_that_stops_anywhere_in_one_view_comes_back_with_what_it_signed() {
    // To a depth: `tests/proof.rs` exhausts two views.
    for byzantine in [1, 2] {
        let bounds = Bounds { byzantine, crashes: 1, depth: Some(6), ..Bounds::default() };
        good(&bounds, &check(&bounds, ALL));
    }
    // With votes that commit their parents.
    for byzantine in 0..4 {
        let bounds =
            Bounds { views: 4, byzantine, optimistic: true, crashes: 3, ..Bounds::default() };
        good(&bounds, &walk(&bounds, 17, 100));
    }
}

/// Whatever it signed is closed, and it signs nothing of that.
#[test]
fn a_node_that_loses_its_log_anywhere_in_one_view_closes_what_it_signed() {
    exhausted(&Bounds { byzantine: 2, log_losses: 1, ..Bounds::default() });
    let lying = Bounds { log_losses: 1, depth: Some(7), ..Bounds::default() };
    good(&lying, &check(&lying, ALL));
}

/// Three views further than an earlier answer, so that one that counts twice would close too little.
#[test]
fn a_node_that_loses_its_log_is_not_misled_by_earlier_answers() {
    let bounds =
        Bounds { byzantine: 0, log_losses: 1, views: 4, starts_at: 4, ..Bounds::default() };
    let few = Bounds { depth: Some(6), ..bounds };
    good(&few, &check(&few, ALL));
    // It signs again above what it closed, on parents below it.
    for byzantine in 1..4 {
        for starts_at in [1, 4] {
            let bounds = Bounds {
                byzantine,
                log_losses: 1,
                views: 9,
                starts_at,
                optimistic: true,
                ..Bounds::default()
            };
            good(&bounds, &walk(&bounds, 19, 100));
        }
    }
}

/// No two pairs are final, and it votes for no child of a result that it does not have.
#[test]
fn a_node_whose_results_differ_waits_until_it_is_put_right() {
    for byzantine in [1, 2] {
        exhausted(&Bounds { byzantine, odd_one: Some(0), repairs: true, ..Bounds::default() });
        let two = Bounds {
            views: 2,
            byzantine,
            odd_one: Some(0),
            repairs: true,
            depth: Some(5),
            ..Bounds::default()
        };
        good(&two, &check(&two, ALL));
    }
}

/// States of one key must have successors of one key, action by action.
#[test]
fn a_key_determines_the_future_of_who_comes_back() {
    let two = || Bounds { views: 2, byzantine: 2, ..Bounds::default() };
    let rejoins = Bounds { log_losses: 1, ..two() };
    let stops = Bounds { crashes: 1, ..two() };
    let odd = Bounds { odd_one: Some(0), repairs: true, ..two() };
    for bounds in [rejoins, stops, odd] {
        let met = run::compare_keys(&bounds, 3, 60);
        assert_eq!(met.differences, Vec::<String>::new());
        assert!(met.again > 20, "{met:?}");
    }
}
