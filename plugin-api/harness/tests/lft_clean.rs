//! The rule `lft` on a network without trouble: latency in message delays, silence, dead leaders.

#![expect(clippy::unwrap_used, reason = "small numbers of this file fit")]

use lft::Lft;
use plugin_api_harness::{
    Plan, Report, campaign,
    clock::{MS, SECOND},
    faults::{Fall, Faults},
    villain::{Villain, mute::Mute},
    world::Moment,
};

const DELAY: u64 = 10 * MS;

fn parameters(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

fn run(plan: &Plan) -> Report {
    let report = campaign::run_plan::<Lft>(plan);
    assert!(report.verdict.is_good(), "{:?}", report.verdict);
    report
}

/// A plan under constant load for two seconds.
fn loaded(count: usize, optimistic: &str) -> Plan {
    let mut plan = Plan::clean(count, DELAY);
    plan.parameters =
        parameters(&[("block_interval", "0"), ("hold", "0"), ("optimistic", optimistic)]);
    plan.clients = (1..2_000).map(|at| (at * MS, usize::try_from(at).unwrap() % count)).collect();
    plan.network.heals_at = 3 * SECOND;
    plan
}

/// Blocks of the steady middle of a run.
fn steady(report: &Report) -> Vec<Moment> {
    let middle = |m: &&Moment| m.proposed > 500 * MS && m.proposed < 1_500 * MS && !m.is_empty;
    report.moments.iter().filter(middle).copied().collect()
}

fn blocks_in_the_middle(report: &Report) -> usize {
    let mut heights: Vec<u64> = steady(report).iter().map(|m| m.height).collect();
    heights.sort_unstable();
    heights.dedup();
    heights.len()
}

#[test]
fn one_transaction_is_final_after_three_delays_without_a_successor_and_then_all_is_silent() {
    let mut plan = Plan::clean(4, DELAY);
    plan.parameters = parameters(&[("hold", "0"), ("block_interval", "0")]);
    for node in 0..4 {
        plan.clients = vec![(1_000 * MS, node)];
        plan.network.heals_at = 1_500 * MS;
        let report = run(&plan);
        assert_eq!(report.height, 1);
        assert_eq!(report.moments.len(), 4);
        for moment in &report.moments {
            assert_eq!(moment.finished - moment.proposed, 3 * DELAY, "{moment:?}");
            // One more delay for the transaction to reach the leader, none for a timer.
            assert!(moment.finished <= 1_000 * MS + 4 * DELAY, "{moment:?}");
        }
    }
}

#[test]
fn with_optimistic_proposals_there_is_a_block_every_delay_final_after_three() {
    for count in [4, 7] {
        let report = run(&loaded(count, "on"));
        let blocks = blocks_in_the_middle(&report);
        assert!((95..=101).contains(&blocks), "{blocks} blocks in 100 delays");
        for moment in steady(&report) {
            assert!(moment.finished - moment.proposed <= 3 * DELAY, "{moment:?}");
        }
    }
}

#[test]
fn without_optimistic_proposals_there_is_a_block_every_two_delays() {
    let report = run(&loaded(4, "off"));
    let blocks = blocks_in_the_middle(&report);
    assert!((47..=51).contains(&blocks), "{blocks} blocks in 100 delays");
}

#[test]
fn one_validator_alone_goes_on_and_rests() {
    let report = run(&loaded(1, "on"));
    assert!(report.height > 10);
}

#[test]
fn a_dead_validator_stops_nobody_for_three_seconds_and_soon_costs_little() {
    for dead in 0u16..4 {
        let mut plan = Plan::clean(4, MS);
        plan.villains.insert(dead, Villain::Mute(Mute::from(0)));
        plan.expect_silence = false;
        let alive = usize::from((dead + 1) % 4);
        plan.clients = (0..100).map(|place| (place * 100 * MS, alive)).collect();
        plan.network.heals_at = 12 * SECOND;
        let report = run(&plan);
        let mut times: Vec<u64> =
            report.moments.iter().filter(|m| m.node == alive).map(|m| m.finished).collect();
        times.insert(0, 0);
        times.sort_unstable();
        let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| *gap < 3 * SECOND), "dead {dead}: {gaps:?}");
        let late: Vec<u64> = times
            .windows(2)
            .filter(|pair| pair[0] > 6 * SECOND && pair[1] < 9_900 * MS)
            .map(|pair| pair[1] - pair[0])
            .collect();
        assert!(late.iter().all(|gap| *gap < 400 * MS), "dead {dead}: {late:?}");
    }
}

#[test]
fn power_loss_of_all_at_any_moment_of_a_block_loses_nothing_agreed() {
    for at in 0..60 {
        let mut plan = Plan::clean(4, 2 * MS);
        plan.seed = at;
        plan.costs.flush_max = 2 * MS;
        plan.costs.execute_max = 2 * MS;
        plan.clients = vec![(5 * MS, 0), (9 * MS, 1), (14 * MS, 2)];
        plan.faults = Faults {
            falls: vec![Fall { at: 5 * MS + at * 500, who: None, down: 50 * MS }],
            ..Faults::default()
        };
        plan.network.heals_at = 2 * SECOND;
        plan.prunes_head_view = at % 2 == 0;
        plan.late_clients = 2;
        run(&plan);
    }
}
