//! Tests of the tests: each bug planted in the rule `lft` must be found.

#![expect(clippy::print_stdout, reason = "which seed found which bug is for people")]

mod lft_forger;

use lft::{Lft, planted::Bug};
use plugin_api_harness::{Options, campaign};

/// Seeds within which every planted bug must show.
const SEEDS: u64 = 400;

/// Looks for a bug.
fn find(name: &str, guarded: bool) -> bool {
    let options = Options {
        parameters: vec![("planted_bug".to_owned(), name.to_owned())],
        guarded,
        forger: Some(lft_forger::make),
        ..Options::default()
    };
    let go_on = |totals: &campaign::Totals| totals.bad.is_empty() && totals.seeds < SEEDS;
    let totals = campaign::run_seeds::<Lft>(0xB06, &options, go_on);
    let line = totals.bad.first().map_or("NOT FOUND", |(_, line)| line.as_str());
    println!("{name}, guarded {guarded}: {} seeds: {line}", totals.seeds);
    !totals.bad.is_empty()
}

#[test]
fn every_planted_bug_is_found() {
    let missed: Vec<&str> =
        Bug::ALL.iter().map(|(name, _)| *name).filter(|name| !find(name, true)).collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[test]
fn without_the_guard_what_it_stops_is_found_by_its_consequences() {
    let stopped = ["skip-after-commit", "commit-after-skip", "vote-twice", "forget-log"];
    let missed: Vec<&&str> = stopped.iter().filter(|name| !find(name, false)).collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}
