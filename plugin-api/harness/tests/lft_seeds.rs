//! Seeds of the rule `lft` in the simulator.

#![expect(clippy::print_stdout, reason = "the line that repeats a bad seed is for people")]

mod lft_forger;

use lft::Lft;
use plugin_api_harness::{Options, campaign, campaign::Mix, run_seed};

#[test]
fn seeds_agree_and_go_on_after_healing() {
    let first: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    let count: u64 = std::env::var("SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(200);
    let options = Options { forger: Some(lft_forger::make), mix: Mix::SWARM, ..Options::default() };
    let totals = campaign::run_seeds::<Lft>(first, &options, |totals| totals.seeds < count);
    for (_, line) in &totals.bad {
        println!("{line}");
    }
    println!("{} seeds {} blocks {} events", totals.seeds, totals.blocks, totals.events);
    assert!(totals.bad.is_empty(), "{:#?}", totals.bad);
    assert!(run_seed::<Lft>(first, &options).verdict.is_good());
}
