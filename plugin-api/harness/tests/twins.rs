//! Twins of the rules `lft` and `simplex`: validators that run twice with one key. `SCENARIOS=50000`
//! runs more than the slice; `FIRST` is where it begins.

#![expect(clippy::print_stdout, reason = "the scenario that was bad is for people")]

use lft::Lft;
use plugin_api::ConsensusRule;
use plugin_api_harness::twins::{Space, run_many};
use simplex::Simplex;

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Patience is short, so that a view that nobody can end costs little.
const SHORT: [(&str, &str); 4] =
    [("delta", "20"), ("execution", "5"), ("timeout_max", "400"), ("block_interval", "0")];

fn parameters_of_lft() -> Vec<Vec<(String, String)>> {
    let variants = [("on", "1"), ("off", "1"), ("on", "2")];
    let variant = |(optimistic, tenure)| {
        [pairs(&SHORT), pairs(&[("optimistic", optimistic), ("tenure", tenure)])].concat()
    };
    variants.map(variant).to_vec()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn check<R: ConsensusRule>(space: &Space, slice: u64) {
    let (first, count) = (number("FIRST").unwrap_or(0), number("SCENARIOS").unwrap_or(slice));
    let totals = run_many::<R>(space, first, count);
    println!("{}: {} scenarios, {} events", R::ID, totals.seeds, totals.events);
    assert!(totals.bad.is_empty(), "{}: {:#?}", R::ID, totals.bad);
    assert!(totals.blocks >= totals.seeds, "{totals:?}");
}

#[test]
fn one_of_four_validators_running_twice_forks_and_stops_nobody() {
    let space = Space { validators: 4, doubled: 1, views: 7, parameters: parameters_of_lft() };
    check::<Lft>(&space, 1_000);
}

#[test]
fn two_of_seven_validators_running_twice_fork_and_stop_nobody() {
    let space = Space { validators: 7, doubled: 2, views: 7, parameters: parameters_of_lft() };
    check::<Lft>(&space, 500);
}

#[test]
fn twins_do_not_fork_or_stop_the_plain_rule_either() {
    let space = Space { validators: 4, doubled: 1, views: 7, parameters: vec![pairs(&SHORT)] };
    check::<Simplex>(&space, 500);
}

/// Planted bugs that need a liar, and are found by twins alone.
#[test]
fn twins_find_planted_bugs() {
    let all = std::env::var("BUGS").unwrap_or_else(|_| {
        "quorum-minus-one vote-twice skip-after-commit commit-after-skip flag-after-skip".to_owned()
    });
    for (bug, within) in all.split(' ').map(|bug| (bug, 400)) {
        let with_bug = |mut list: Vec<(String, String)>| {
            list.extend(pairs(&[("planted_bug", bug)]));
            list
        };
        let parameters = parameters_of_lft().into_iter().map(with_bug).collect();
        let space = Space { validators: 4, doubled: 1, views: 7, parameters };
        let totals = run_many::<Lft>(&space, 0, within);
        let line = totals.bad.first().map_or("NOT FOUND", |(_, line)| line.as_str());
        println!("{bug}: {} scenarios: {line}", totals.seeds);
        assert!(!totals.bad.is_empty(), "{bug} survived {within} scenarios");
    }
}
