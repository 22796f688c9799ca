//! The rule `lft` on a network without trouble: latency in message delays, silence, dead leaders.

#![expect(clippy::unwrap_used, reason = "small numbers of this file fit")]

use lft::Lft;
use plugin_api::mirror::class;
use plugin_api_harness::{
    Plan, Report, campaign,
    clock::{MS, SECOND},
    faults::{Fall, Faults},
    network::Partition,
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
    for (count, node) in [4, 7, 10].iter().flat_map(|count| (0..*count).map(move |n| (*count, n))) {
        let mut plan = Plan::clean(count, DELAY);
        plan.parameters = parameters(&[("hold", "0"), ("block_interval", "0")]);
        plan.clients = vec![(1_000 * MS, node)];
        plan.network.heals_at = 1_500 * MS;
        let report = run(&plan);
        assert_eq!(report.height, 1);
        assert_eq!(report.moments.len(), count);
        for moment in &report.moments {
            assert_eq!(moment.finished - moment.proposed, 3 * DELAY, "{moment:?}");
            // One more delay for the transaction to reach the leader, none for a timer.
            assert!(moment.finished <= 1_000 * MS + 4 * DELAY, "{moment:?}");
        }
    }
}

#[test]
fn with_optimistic_proposals_there_is_a_block_every_delay_final_after_three() {
    for count in [4, 7, 10] {
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

/// P9: while children keep coming, each validator says one thing per block, a vote that commits
/// the parent; no Commit alone, no Skip.
#[test]
fn a_block_costs_each_validator_one_vote_and_no_commit_while_children_come() {
    for count in [4usize, 7] {
        let mut plan = loaded(count, "on");
        // The default `hold`: a Cand and the child that carries the Commit come the same moment.
        plan.parameters = parameters(&[("block_interval", "0")]);
        let report = run(&plan);
        let (from, until) = (500 * MS, 1_500 * MS);
        let said = |classes: &[u8]| {
            let inside = report.signed.iter().filter(|s| (from..until).contains(&s.at));
            inside.filter(|s| s.classes == classes).count()
        };
        let delays = usize::try_from((until - from) / DELAY).unwrap();
        assert_eq!(said(&[class::VOTE, class::END]), delays * count, "votes with the flag");
        assert_eq!(said(&[class::VOTE]), 0, "votes without the flag");
        assert_eq!(said(&[class::END]), 0, "a Commit alone, or a Skip");
        assert_eq!(said(&[class::PROPOSE_OPT]) + said(&[class::PROPOSE_NORM]), delays);
        // On the wire: a vote of each to each other, and a proposal to each other.
        let others = u64::try_from(count - 1).unwrap();
        let transactions = u64::try_from(plan.clients.len()).unwrap() * others;
        let whole = (report.sent - transactions) / report.height;
        let exact = others * (others + 1) + others;
        // The start and the end of the run weigh less than one message a block.
        assert!((exact..=exact + 1).contains(&whole), "{whole} messages for a block of {count}");
    }
}

/// P10: an idle channel sends nothing, writes nothing and makes no block, however long it idles.
#[test]
fn an_idle_channel_sends_nothing_and_writes_nothing_for_an_hour() {
    let mut plan = Plan::clean(4, DELAY);
    plan.clients = vec![(1_000 * MS, 2)];
    plan.network.heals_at = 3_600 * SECOND;
    let report = run(&plan);
    assert_eq!(report.height, 1);
    let last = report.signed.iter().map(|s| s.at).max().unwrap();
    assert!(last < 1_100 * MS, "something was signed at {last} us");
    assert!(report.sent < 200, "{} messages", report.sent);
}

/// All are cut off from each other for a time; the work that came meanwhile is then final within
/// two of the longest timers, with messages in proportion to validators, not to the outage.
#[test]
fn after_any_outage_the_next_block_comes_within_two_capped_timers() {
    let capped = 10 * SECOND;
    for outage in [1, 7, 60, 600, 3_600] {
        let mut plan = Plan::clean(4, DELAY);
        let (from, until) = (500 * MS, 500 * MS + outage * SECOND);
        // Each alone: four walls around one node each.
        let wall = |side| Partition { from, until, side, one_way: false };
        plan.network.partitions = vec![wall(1), wall(2), wall(4), wall(8)];
        plan.network.heals_at = until;
        plan.clients = (0..4).map(|node| (600 * MS + (node as u64) * MS, node)).collect();
        let report = run(&plan);
        let done = report.moments.iter().map(|m| m.finished).max().unwrap();
        assert!(done <= until + 2 * capped, "{outage} s: {} us after", done - until);
        let views = report.moments.iter().map(|m| m.view).max().unwrap();
        assert!(views <= 8, "{outage} s: view {views}");
        // The same few rounds of repetition, however long it took.
        let spoken = report.spoken_healed;
        assert!(spoken <= 150, "{outage} s: {spoken} messages to recover");
    }
}

/// One of four is dead: once that is noticed, no timer is waited for, and a block costs two delays
/// on average (`lft.md` 2.7: 15.2 before, 2.05 after).
#[test]
fn a_dead_leader_makes_blocks_cost_two_delays_once_it_is_noticed() {
    for dead in 0u16..4 {
        let mut plan = loaded(4, "on");
        plan.villains.insert(dead, Villain::Mute(Mute::from(0)));
        plan.expect_silence = false;
        plan.clients = (1..9_000)
            .map(|at| (at * MS, (usize::try_from(at).unwrap() + usize::from(dead)) % 4))
            .filter(|(_, node)| *node != usize::from(dead))
            .collect();
        plan.network.heals_at = 10 * SECOND;
        let report = run(&plan);
        let node = usize::from((dead + 1) % 4);
        let mut late: Vec<Moment> =
            report.moments.iter().filter(|m| m.node == node).copied().collect();
        late.retain(|m| (5 * SECOND..8 * SECOND).contains(&m.finished));
        let blocks = u64::try_from(late.len()).unwrap();
        let delays = 3 * SECOND / DELAY;
        assert!(blocks * 2 + 2 >= delays, "dead {dead}: {blocks} blocks in {delays} delays");
    }
}
