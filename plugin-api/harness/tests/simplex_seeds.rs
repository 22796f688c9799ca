//! The rule `simplex` in the simulator: seeds, and what it costs on a network without trouble.

#![expect(clippy::print_stdout, reason = "the line that repeats a bad seed is for people")]

use plugin_api_harness::{
    Options, Plan, campaign,
    clock::{MS, SECOND},
    faults::{Fall, Faults},
};
use simplex::Simplex;

const DELAY: u64 = 10 * MS;

fn at_once() -> Vec<(String, String)> {
    vec![("block_interval".to_owned(), "0".to_owned())]
}

#[test]
fn seeds_agree_and_go_on_after_healing() {
    let first: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    let count: u64 = std::env::var("SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(200);
    let go_on = |totals: &campaign::Totals| totals.seeds < count;
    let totals = campaign::run_seeds::<Simplex>(first, &Options::default(), go_on);
    println!("{} seeds {} blocks {} events", totals.seeds, totals.blocks, totals.events);
    assert!(totals.bad.is_empty(), "{:#?}", totals.bad);
    assert!(totals.blocks > totals.seeds, "{totals:?}");
    campaign::check_determinism::<Simplex>(first, &Options::default()).unwrap();
}

#[test]
fn one_transaction_is_final_after_three_delays_and_then_all_is_silent() {
    for node in 0..4 {
        let mut plan = Plan::clean(4, DELAY);
        plan.parameters = at_once();
        plan.clients = vec![(1_000 * MS, node)];
        plan.network.heals_at = 1_500 * MS;
        let report = campaign::run_plan::<Simplex>(&plan);
        assert!(report.verdict.is_good(), "{:?}", report.verdict);
        assert_eq!((report.height, report.moments.len()), (1, 4));
        for moment in &report.moments {
            assert_eq!(moment.finished - moment.proposed, 3 * DELAY, "{moment:?}");
        }
    }
}

#[test]
fn under_load_there_is_a_block_every_two_delays() {
    let mut plan = Plan::clean(4, DELAY);
    plan.parameters = at_once();
    plan.clients = (1..2_000).map(|at| (at * MS, usize::try_from(at % 4).unwrap())).collect();
    plan.network.heals_at = 3 * SECOND;
    let report = campaign::run_plan::<Simplex>(&plan);
    assert!(report.verdict.is_good(), "{:?}", report.verdict);
    let middle = report.moments.iter().filter(|m| (500 * MS..1_500 * MS).contains(&m.proposed));
    let mut heights: Vec<u64> = middle.map(|moment| moment.height).collect();
    heights.sort_unstable();
    heights.dedup();
    assert!((47..=51).contains(&heights.len()), "{} blocks in 100 delays", heights.len());
}

#[test]
fn power_loss_of_all_at_any_moment_of_a_block_loses_nothing_agreed() {
    for at in 0..60 {
        let mut plan = Plan::clean(4, 2 * MS);
        plan.seed = at;
        plan.costs.flush_max = 2 * MS;
        plan.costs.execute_max = 2 * MS;
        plan.clients = vec![(5 * MS, 0), (9 * MS, 1), (14 * MS, 2)];
        let fall = Fall { at: 5 * MS + at * 500, who: None, down: 50 * MS };
        plan.faults = Faults { falls: vec![fall], ..Faults::default() };
        plan.network.heals_at = 2 * SECOND;
        plan.prunes_head_view = at % 2 == 0;
        plan.late_clients = 2;
        let report = campaign::run_plan::<Simplex>(&plan);
        assert!(report.verdict.is_good(), "at {at}: {:?}", report.verdict);
    }
}
