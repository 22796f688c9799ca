//! The schedules in which LFT1 and LFT2 forked, played to LFT3: it must not.
//!
//! They are approximated by who hears whom when; each is run with many fine shifts of time.

#![expect(clippy::unwrap_used, reason = "small numbers of this file fit")]

use lft::Lft;
use plugin_api_harness::{
    Plan, campaign,
    clock::Chance,
    clock::{MS, Micros, SECOND},
    network::Partition,
    villain::{Villain, equivocator::Equivocator},
};

fn wall(from: Micros, until: Micros, side: u64, one_way: bool) -> Partition {
    Partition { from, until, side, one_way }
}

/// Four validators, several blocks' worth of work, given walls; ends well with and without fast
/// commit, or the test fails.
fn survives(seed: u64, walls: Vec<Partition>, equivocator: Option<u16>) {
    for fast in ["off", "0"] {
        survives_with(fast, seed, walls.clone(), equivocator);
    }
}

fn survives_with(fast: &str, seed: u64, walls: Vec<Partition>, equivocator: Option<u16>) {
    let mut plan = Plan::clean(4, MS);
    plan.seed = seed;
    plan.network.delay_max = 3 * MS;
    plan.network.partitions = walls;
    plan.network.heals_at = 20 * SECOND;
    plan.network.healed_max = 5 * MS;
    plan.clients = (0..40).map(|n| (n * 50 * MS, usize::try_from(n % 4).unwrap())).collect();
    plan.late_clients = 3;
    plan.parameters = vec![("fast".to_owned(), fast.to_owned())];
    if let Some(index) = equivocator {
        let two = Equivocator::draw(&mut Chance::new(seed), seed);
        plan.villains.insert(index, Villain::Equivocator(two));
        plan.expect_silence = false;
    }
    let report = campaign::run_plan::<Lft>(&plan);
    assert!(report.verdict.is_good(), "fast {fast}, seed {seed}: {}", report.verdict.line(seed));
}

/// LFT1-A: node 0 alone hears all votes and commits; its next words are delayed past the timers of
/// the others, who go on without it.
#[test]
fn a_lonely_committer_whose_words_are_late_does_not_fork() {
    for shift in 0..60 {
        let start = 100 * MS + shift * 500;
        survives(shift, vec![wall(start, start + 8 * SECOND, 0b0001, true)], None);
        survives(shift, vec![wall(start, start + 8 * SECOND, 0b1110, true)], None);
    }
}

/// LFT1-B: one leader sends two blocks in one turn, and children of either to either half.
#[test]
fn a_leader_with_two_blocks_does_not_fork() {
    for seed in 0..60 {
        let index = u16::try_from(seed % 4).unwrap();
        survives(seed, Vec::new(), Some(index));
        let half = wall(seed * 10 * MS, seed * 10 * MS + 3 * SECOND, 0b0011, false);
        survives(seed, vec![half], Some(index));
    }
}

/// LFT2-A: in each of four rounds another node is late, so that quorums exist that nobody saw;
/// late votes then certify two branches.
#[test]
fn quorums_that_nobody_saw_do_not_fork() {
    for shift in 0..60 {
        let turn = 1_300 * MS + shift * 7 * MS;
        let late = [0b0001u64, 0b0010, 0b0100, 0b1000, 0b0001, 0b0010];
        let walls = late.iter().zip(0u64..).flat_map(|(who, place)| {
            let from = 20 * MS + place * turn + shift * 300;
            [
                wall(from, from + turn, *who, true),
                wall(from + turn / 3, from + turn, 0b1111 ^ *who, true),
            ]
        });
        survives(shift, walls.collect(), None);
    }
}
