//! The rule `lft` on a perfect network: latency in message delays, silence, dead leaders.

use lft::Lft;
use plugin_api_harness::{Plan, campaign, clock::MS};

const DELAY: u64 = 10 * MS;

fn parameters(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

#[test]
fn one_transaction_is_final_after_three_delays_without_a_successor_and_then_all_is_silent() {
    let mut plan = Plan::clean(4, DELAY);
    plan.parameters = parameters(&[("hold", "0"), ("block_interval", "0")]);
    for node in 0..4 {
        plan.clients = vec![(1_000 * MS, node)];
        plan.network.heals_at = 1_500 * MS;
        let report = campaign::run_plan::<Lft>(&plan);
        assert!(report.verdict.is_good(), "{:?}", report.verdict);
        assert_eq!(report.height, 1);
        assert_eq!(report.moments.len(), 4);
        for moment in &report.moments {
            assert_eq!(moment.finished - moment.proposed, 3 * DELAY, "{moment:?}");
        }
    }
}
