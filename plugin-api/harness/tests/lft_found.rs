//! Schedules that forked or stopped an earlier text of the rule `lft`: played to the rule as it is,
//! which goes on, and to the rule or the model host with the old error planted, which does not.
//! The letters are those of `docs/spec/lft-scenarios.md`.

#![expect(clippy::print_stdout, reason = "which run shows the old error is for people")]
#![expect(clippy::unwrap_used, reason = "small numbers of this file fit")]

mod lft_timed;

use lft::{
    Lft,
    planted::{Bug, Shows},
};
use plugin_api_harness::{
    Plan, Verdict,
    campaign::run_plan,
    clock::{MS, SECOND},
    epochs::HostBug,
    faults::Fall,
    network::Partition,
    villain::{Villain, mute::Mute},
};

fn plant(plan: &mut Plan, bug: Option<&str>) {
    plan.parameters.extend(bug.map(|name| ("planted_bug".to_owned(), name.to_owned())));
}

/// Every run ends well without the bug; with it, at least one does not.
fn shows(name: &str, runs: u64, plan: impl Fn(u64, bool) -> Plan) {
    for run in 0..runs {
        let verdict = run_plan::<Lft>(&plan(run, false)).verdict;
        assert_eq!(verdict, Verdict::Agreed, "{name}: run {run} without the error");
    }
    let verdicts = (0..runs).map(|run| run_plan::<Lft>(&plan(run, true)).verdict);
    let bad: Vec<_> = verdicts.enumerate().filter(|(_, verdict)| !verdict.is_good()).collect();
    println!("{name}: {} of {runs} runs show the old error: {:?}", bad.len(), bad.first());
    assert!(!bad.is_empty(), "{name}: {runs} runs do not show the old error");
}

/// Every error that is planted for these schedules, in the order of the tests.
const RULE_ERRORS: [&str; 4] =
    ["opt-after-skip", "payload-after-vote", "forget-certificates", "never-empty"];

#[test]
fn no_error_that_only_a_schedule_shows_is_without_one() {
    let planted = Bug::ALL.iter().filter(|(_, bug)| bug.shows() == Shows::Found);
    assert_eq!(planted.map(|(name, _)| *name).collect::<Vec<_>>(), RULE_ERRORS);
}

/// L1. Delays far below the timeouts; node 0 only times its votes. There is always new work, or a
/// leader would have nothing to propose.
fn livelock(run: u64, bug: Option<&str>) -> Plan {
    let mut plan = Plan::clean(4, (1 + 2 * run) * MS);
    plan.villains.insert(0, Villain::Puppet);
    plan.forger = Some(lft_timed::make);
    plan.expect_silence = false;
    let node = |n: u64| 1 + usize::try_from(n % 3).unwrap();
    plan.clients = (1..1_300).map(|n: u64| (n * 100 * MS, node(n))).collect();
    plan.network.heals_at = 3 * SECOND;
    plan.late_clients = 3;
    plant(&mut plan, bug);
    plan
}

#[test]
fn l1_one_who_only_times_its_votes_costs_no_honest_leader_its_views_for_ever() {
    shows("L1", 8, |run, old| livelock(run, old.then_some(RULE_ERRORS[0])));
}

/// E. All power is lost at some moment around the votes of a block, and from then on one is silent:
/// another one in each run, so also the leader, or one whose vote a certificate needed.
fn power_loss(run: u64) -> Plan {
    let mut plan = Plan::clean(4, 2 * MS);
    plan.seed = run;
    plan.costs.flush_max = 2 * MS;
    plan.costs.execute_max = 2 * MS;
    plan.clients = (1..12).map(|n: u64| (n * 20 * MS, usize::try_from(n % 4).unwrap())).collect();
    let moment = 60 * MS + run / 4 * 700;
    plan.faults.falls = vec![Fall { at: moment, who: None, down: 50 * MS }];
    plan.villains.insert(u16::try_from(run % 4).unwrap(), Villain::Mute(Mute::from(moment)));
    plan.network.heals_at = 3 * SECOND;
    plan.late_clients = 2;
    plan.expect_silence = false;
    plan
}

#[test]
fn e1_after_a_power_loss_of_all_the_payload_of_what_was_voted_for_is_somewhere() {
    shows("E1", 120, |run, old| {
        let mut plan = power_loss(run);
        plant(&mut plan, old.then_some(RULE_ERRORS[1]));
        plan
    });
}

/// E2. Node 3 hears nobody. Leader 1 and two others vote; those two certify the block and commit it,
/// and then all power is lost and the leader is silent for ever: nobody gives its vote again. Two are
/// bound by their Commit, one by its Skip, so only the certificate leads out of the view.
fn bound(run: u64, bug: Option<&str>) -> Plan {
    let mut plan = Plan::clean(4, 2 * MS);
    plan.parameters =
        [("hold", "0"), ("block_interval", "0")].map(|(n, v)| (n.into(), v.into())).to_vec();
    plan.clients = vec![(10 * MS, 1)];
    plan.villains.insert(1, Villain::Mute(Mute::from(13 * MS)));
    let fall = 12 * MS + run * 250;
    let wall = Partition { from: 0, until: fall, side: 0b0111, one_way: true };
    plan.network.partitions = vec![wall];
    plan.network.heals_at = SECOND;
    plan.network.healed_max = 2 * MS;
    plan.faults.falls = vec![Fall { at: fall, who: None, down: 50 * MS }];
    plan.late_clients = 2;
    plan.expect_silence = false;
    plant(&mut plan, bug);
    plan
}

#[test]
fn e2_after_a_power_loss_of_all_the_certificate_that_bound_a_commit_is_there() {
    shows("E2", 20, |run, old| bound(run, old.then_some(RULE_ERRORS[2])));
}

#[test]
fn e3_after_a_power_loss_of_all_nothing_voted_for_is_executed_again() {
    shows("E3", 40, |run, old| {
        let host_bug = old.then_some(HostBug::ExecutesAgain);
        Plan { host_bug, ..power_loss(run) }
    });
}

/// G1. One transaction, known to one node, whose first offer to the others is lost.
#[test]
fn g1_a_transaction_known_to_one_who_does_not_lead_is_offered_until_it_is_final() {
    shows("G1", 4, |run, old| {
        let node = usize::try_from(run).unwrap();
        let mut plan = Plan::clean(4, 2 * MS);
        plan.clients = vec![(10 * MS, node)];
        let wall = Partition { from: 0, until: 300 * MS, side: 1 << node, one_way: true };
        plan.network.partitions = vec![wall];
        plan.network.heals_at = SECOND;
        plan.host_bug = old.then_some(HostBug::OffersOnce);
        plan
    });
}

/// G2. One transaction; all vote for its block, nobody hears the votes in time, all skip. Then the
/// block is certified and has transactions, nobody may commit it any more, and no work is left.
#[test]
fn g2_a_certified_block_that_all_skipped_is_finished_by_an_empty_one() {
    shows("G2", 30, |run, old| {
        let mut plan = Plan::clean(4, 5 * MS);
        plan.clients = vec![(10 * MS, 1)];
        let pairs = [("delta", "20"), ("execution", "5"), ("block_interval", "0")];
        plan.parameters = pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
        // The proposal is through, the votes are not, until all have given up.
        let from = 11 * MS + run * 100;
        let wall = |side| Partition { from, until: from + 150 * MS, side, one_way: true };
        plan.network.partitions = [0b0001, 0b0010, 0b0100, 0b1000].map(wall).to_vec();
        plan.network.heals_at = SECOND;
        plan.network.healed_max = 5 * MS;
        plant(&mut plan, old.then_some(RULE_ERRORS[3]));
        plan
    });
}
