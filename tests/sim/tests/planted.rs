//! Tests of the tests: each bug planted in a node must be found.

#![expect(clippy::print_stdout, reason = "which seed found which bug is for people")]

use tests_sim::Bug;
use tests_sim::hunt::hunt;

/// Seeds within which every planted bug must show.
const SEEDS: u64 = 2_000;
/// Where hunts begin.
const FIRST: u64 = 0x0B06_0000;

#[test]
fn every_planted_bug_of_a_node_is_found() {
    let mut survivors = Vec::new();
    for (name, bug) in Bug::ALL {
        let hunt = hunt(bug, FIRST, SEEDS);
        let line = hunt.line.as_deref().unwrap_or("NOT FOUND");
        println!("{name}: {} seeds, {} unclear: {line}", hunt.seeds, hunt.unclear);
        if hunt.line.is_none() {
            survivors.push(name);
        }
    }
    assert!(survivors.is_empty(), "not found: {survivors:?}");
}
