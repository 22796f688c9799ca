//! The rule `lft` with fast commit: two delays when all vote, three when not, and what seeds say.

#![expect(clippy::print_stdout, reason = "the line that repeats a bad seed is for people")]
#![expect(clippy::unwrap_used, reason = "small numbers of this file fit")]

mod lft_forger;
mod lft_splitter;

use lft::Lft;
use plugin_api::mirror::class;
use plugin_api_harness::{
    Options, Plan, Report, campaign,
    campaign::Mix,
    clock::{MS, SECOND},
    faults::{Fall, Faults},
    villain::{Villain, forger::MakeForger, mute::Mute},
    world::Moment,
};

const DELAY: u64 = 10 * MS;

/// A plan under constant load for two seconds; nobody asks validators from `up` on.
fn loaded(weights: &[u64], up: usize, fast: &str) -> Plan {
    let mut plan = Plan::clean(weights.len(), DELAY);
    plan.weights = weights.to_vec();
    let pairs = [("block_interval", "0"), ("fast", fast)];
    plan.parameters = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    plan.clients = (1..4_000).map(|at| (at * MS, usize::try_from(at).unwrap() % up)).collect();
    plan.network.heals_at = 5 * SECOND;
    plan
}

fn run(plan: &Plan) -> Report {
    let report = campaign::run_plan::<Lft>(plan);
    assert!(report.verdict.is_good(), "{:?}", report.verdict);
    report
}

/// Blocks of the steady part of a run, after the dead are noticed.
fn steady(report: &Report) -> Vec<Moment> {
    let inside = |m: &&Moment| (2 * SECOND..3_500 * MS).contains(&m.proposed) && !m.is_empty;
    report.moments.iter().filter(inside).copied().collect()
}

fn latencies(report: &Report) -> Vec<u64> {
    let mut all: Vec<u64> = steady(report).iter().map(|m| m.finished - m.proposed).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// P9: 2 delays, a block every delay, one vote of each and nothing else.
#[test]
fn when_all_vote_a_block_is_final_after_two_delays_and_there_is_one_every_delay() {
    for weights in [vec![1; 4], vec![1; 7], vec![1; 10], vec![5, 3, 2, 2, 1]] {
        let report = run(&loaded(&weights, weights.len(), "0"));
        assert_eq!(latencies(&report), [2 * DELAY], "{weights:?}");
        let blocks = steady(&report).len() / weights.len();
        assert!((149..=151).contains(&blocks), "{weights:?}: {blocks} blocks in 150 delays");
        let inside = |at| (2 * SECOND..3_500 * MS).contains(&at);
        let said: Vec<_> = report.signed.iter().filter(|s| inside(s.at)).collect();
        let proposals = [vec![class::PROPOSE_OPT], vec![class::PROPOSE_NORM]];
        let votes = said.iter().filter(|s| !proposals.contains(&s.classes));
        let flagged = vec![class::FIRST, class::FIRST, class::END];
        assert!(votes.clone().all(|s| s.classes == flagged), "{weights:?}");
        assert_eq!(votes.count(), 150 * weights.len(), "{weights:?}");
    }
}

#[test]
fn one_transaction_is_final_after_two_delays_without_a_successor_and_then_all_is_silent() {
    let mut plan = loaded(&[1; 4], 4, "0");
    plan.clients = vec![(1_000 * MS, 2)];
    let report = run(&plan);
    assert_eq!(report.height, 1);
    assert!(report.moments.iter().all(|m| m.finished - m.proposed == 2 * DELAY));
}

#[test]
fn with_more_missing_than_p_a_block_takes_three_delays() {
    let mut plan = loaded(&[1; 4], 3, "0");
    plan.villains.insert(3, Villain::Mute(Mute::from(0)));
    plan.expect_silence = false;
    // A Commit alone before the dead leader's view waits for a child that does not come.
    plan.parameters.push(("hold".to_owned(), "0".to_owned()));
    assert_eq!(latencies(&run(&plan)), [3 * DELAY]);
}

#[test]
fn with_p_missing_a_block_still_takes_two_delays() {
    let mut plan = loaded(&[1; 6], 5, "1");
    plan.villains.insert(5, Villain::Mute(Mute::from(0)));
    plan.expect_silence = false;
    assert_eq!(latencies(&run(&plan)), [2 * DELAY]);
}

#[test]
fn power_loss_of_all_at_any_moment_of_a_block_loses_nothing_agreed() {
    for at in 0..60 {
        let mut plan = Plan::clean(4, 2 * MS);
        plan.seed = at;
        plan.parameters = vec![("fast".to_owned(), "0".to_owned())];
        plan.costs.flush_max = 2 * MS;
        plan.costs.execute_max = 2 * MS;
        plan.clients = vec![(5 * MS, 0), (9 * MS, 1), (14 * MS, 2)];
        let fall = Fall { at: 5 * MS + at * 500, who: None, down: 50 * MS };
        plan.faults = Faults { falls: vec![fall], ..Faults::default() };
        plan.network.heals_at = 2 * SECOND;
        plan.prunes_head_view = at % 2 == 0;
        plan.late_clients = 2;
        run(&plan);
    }
}

/// Seven, one of them a leader of this kind, twenty runs: how often somebody supported or fell back.
fn led_astray(make: MakeForger) -> usize {
    let mut second_thoughts = 0;
    for seed in 0..20 {
        let mut plan = Plan::clean(7, MS);
        plan.seed = seed;
        plan.villains.insert(6, Villain::Puppet);
        plan.forger = Some(make);
        plan.expect_silence = false;
        plan.network.delay_max = 20 * MS;
        plan.network.heals_at = 5 * SECOND;
        plan.network.healed_max = 20 * MS;
        plan.clients = (0..100).map(|n: u64| (n * 40 * MS, 0)).collect();
        plan.late_clients = 2;
        let pairs = [("delta", "100"), ("fast", "0")];
        plan.parameters = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let report = run(&plan);
        // Nobody but a supporter, or who falls back, writes END alone.
        second_thoughts += report.signed.iter().filter(|s| s.classes == [class::END]).count();
    }
    second_thoughts
}

/// One half is shown another block than the other: three first votes each, so everyone supports the
/// other block as well, and both are certified. Nothing forks, and the channel goes on from either.
#[test]
fn a_leader_who_splits_its_view_gets_two_candidates_and_nothing_forks() {
    let certified_twice = led_astray(lft_splitter::make);
    assert!(certified_twice > 100, "{certified_twice} supports and fallbacks in twenty runs");
}

/// A block that the leader alone voted for earns no support, so there is far less to do than when
/// the view is split; every run ends well.
#[test]
fn a_leader_who_votes_for_another_block_where_it_likes_leads_few_astray() {
    let (few, many) = (led_astray(lft_splitter::make_two_faced), led_astray(lft_splitter::make));
    assert!(few * 4 < many, "{few} supports and fallbacks, and {many} when the view is split");
}

#[test]
fn a_slack_beyond_the_weights_is_refused_in_one_line() {
    let report = campaign::run_plan::<Lft>(&loaded(&[1; 4], 4, "2"));
    let line = report.verdict.line(0);
    assert!(line.contains("fast = 2 is too much for a weight of 4: at most 1"), "{line}");
}

#[test]
fn seeds_with_fast_commit_agree_and_go_on_after_healing() {
    let mix = Mix { fast: 1000, weighted_leader: 200, ..Mix::default() };
    let options = Options { forger: Some(lft_forger::make), mix, ..Options::default() };
    let totals = campaign::run_seeds::<Lft>(0xFA57, &options, |totals| totals.seeds < 200);
    for (_, line) in &totals.bad {
        println!("{line}");
    }
    assert!(totals.bad.is_empty(), "{:#?}", totals.bad);
}
