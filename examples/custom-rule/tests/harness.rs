//! The rule on simulated networks: loss, crashes, partitions, power loss of all.

use fixed_leader::FixedLeader;
use plugin_api::ConsensusRule;
use plugin_api_harness::{
    Options, Plan, campaign,
    clock::{MS, SECOND},
    villain::{Villain, mute::Mute},
};

/// This rule promises to go on only while its leader is honest; crashes and a bad network it must
/// survive all the same.
fn honest() -> Options {
    Options { villains: false, ..Options::default() }
}

#[test]
fn seeds_agree_and_go_on_after_healing() {
    let totals = campaign::run_seeds::<FixedLeader>(0, &honest(), |totals| totals.seeds < 150);
    assert!(totals.bad.is_empty(), "{:#?}", totals.bad);
    assert!(totals.blocks > totals.seeds);
    campaign::check_determinism::<FixedLeader>(3, &honest()).unwrap();
}

/// With liars it may stop, and says so; it must not fork.
#[test]
fn villains_may_stop_it_and_never_fork_it() {
    let totals =
        campaign::run_seeds::<FixedLeader>(1_000, &Options::default(), |totals| totals.seeds < 40);
    for (_, line) in &totals.bad {
        assert!(line.starts_with("STALLED"), "{line}");
    }
}

#[test]
fn a_silent_follower_stops_nobody_and_a_silent_leader_everybody() {
    for (who, goes_on) in [(3, true), (1, false)] {
        let mut plan = Plan::clean(4, MS);
        plan.parameters = vec![("leader".to_owned(), "1".to_owned())];
        plan.villains.insert(who, Villain::Mute(Mute::from(0)));
        plan.clients = vec![(10 * MS, 0), (500 * MS, 2)];
        plan.network.heals_at = SECOND;
        plan.expect_silence = false;
        let report = campaign::run_plan::<FixedLeader>(&plan);
        assert_eq!(report.verdict.is_good(), goes_on, "{:?}", report.verdict);
        assert_eq!(report.height > 0, goes_on);
    }
}

#[test]
fn its_parameter_is_described_and_read() {
    let [parameter] = FixedLeader::parameters().try_into().unwrap();
    assert_eq!((parameter.name.as_str(), parameter.default.as_str()), ("leader", "0"));
    let mut plan = Plan::clean(4, MS);
    plan.parameters = vec![("leader".to_owned(), "4".to_owned())];
    let report = campaign::run_plan::<FixedLeader>(&plan);
    assert!(!report.verdict.is_good(), "there is no validator 4");
}
