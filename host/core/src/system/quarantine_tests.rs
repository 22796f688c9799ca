//! Crashes over many blocks, on a map in the place of a state.

use crate::system::crashed;
use crate::system::freeze::{Why, all_frozen};
use crate::system::stage::Stage;
use host_types::change::{Change, SystemCall};
use host_types::{Height, ScoreName};
use std::collections::BTreeMap;

fn score() -> ScoreName {
    ScoreName::new("evil").unwrap()
}

/// Blocks from the second on, each with so many crashes; the height at which it is suspended.
fn run(stage: &mut Stage, crashes: &[u64]) -> Option<u64> {
    for count in crashes {
        let events = stage.begin().events;
        if let Some(event) = events.first() {
            assert_eq!((events.len(), event.name.as_str()), (1, "score-suspended"));
            return Some(stage.height);
        }
        let counts = BTreeMap::from([(score(), *count)]);
        let writes = crashed(&counts, Height::new(stage.height), &stage.state);
        assert_eq!(writes.len(), usize::from(*count > 0));
        stage.apply(writes);
    }
    None
}

fn spread(crashes: &[(usize, u64)], blocks: usize) -> Vec<u64> {
    let mut all = vec![0; blocks];
    crashes.iter().for_each(|(at, count)| all[*at] = *count);
    all
}

#[test]
fn eight_crashes_within_sixteen_blocks_suspend_in_the_next_block() {
    // Crashes at places of a run of 40 blocks that begins with block 2; the height of the record.
    type Row<'a> = (&'a [(usize, u64)], Option<u64>);
    let table: [Row<'_>; 8] = [
        (&[], None),
        (&[(0, 7)], None),
        (&[(0, 8)], Some(3)),
        (&[(5, 200)], Some(8)),
        (&[(0, 4), (1, 3), (2, 1)], Some(5)),
        // The last of sixteen blocks, and one too late.
        (&[(0, 1), (15, 7)], Some(18)),
        (&[(0, 1), (16, 7)], None),
        (&[(0, 4), (10, 3), (16, 3), (17, 2)], Some(20)),
    ];
    for (crashes, expected) in table {
        let mut stage = Stage::new();
        stage.activate("evil");
        assert_eq!(run(&mut stage, &spread(crashes, 40)), expected, "{crashes:?}");
        let frozen = all_frozen(&stage.state);
        assert_eq!(frozen.get(&score()).map(|f| f.since.get()), expected, "{crashes:?}");
        if let Some(frozen) = frozen.get(&score()) {
            assert_eq!(frozen.why, Why::Crashes);
            assert!(frozen.reason.starts_with("it crashed "), "{}", frozen.reason);
        }
        let left = stage.state.0.keys().filter(|key| key.starts_with(b"crashes/")).count();
        assert_eq!(left, 0, "nothing is left of it: {crashes:?}");
    }
}

#[test]
fn unfreeze_lifts_it_and_the_crashes_before_count_no_more() {
    let mut stage = Stage::new();
    stage.activate("evil");
    assert_eq!(run(&mut stage, &[8, 0]), Some(3));
    let id = stage.propose(0, Change::Unfreeze { score: score() }).unwrap();
    for validator in 1..3 {
        stage.call(validator, &SystemCall::Approve { id }).unwrap();
    }
    assert!(all_frozen(&stage.state).is_empty());
    assert_eq!(run(&mut stage, &[7, 0]), None);
    assert_eq!(run(&mut stage, &[1, 0]), Some(stage.height));
}

#[test]
fn who_is_frozen_already_is_not_suspended_beside() {
    let mut stage = Stage::new();
    stage.activate("evil");
    let writes = crashed(&BTreeMap::from([(score(), 9)]), Height::new(1), &stage.state);
    stage.apply(writes);
    stage.accept(Change::Freeze { score: score() }).unwrap();
    assert!(stage.begin().events.is_empty());
    assert_eq!(all_frozen(&stage.state)[&score()].why, Why::Change);
}
