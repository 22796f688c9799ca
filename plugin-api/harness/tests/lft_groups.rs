//! The rule `lft` with weights and groups: who counts, who leads, what a dead member or delegate
//! costs, and what seeds say.

#![expect(clippy::print_stdout, reason = "the line that repeats a bad seed is for people")]
#![expect(clippy::unwrap_used, reason = "small numbers of this file fit")]

mod lft_forger;

use lft::Lft;
use plugin_api::{GroupMode, Unit};
use plugin_api_harness::{
    Options, Plan, Report, campaign,
    campaign::Mix,
    clock::{MS, SECOND},
    cluster::Group,
    villain::{Villain, mute::Mute},
    world::Moment,
};

const DELAY: u64 = 10 * MS;

/// Validator 0 alone with weight 1, and three groups of three with weight 1 each, two of three
/// speaking: N = 4, f = 1.
fn grouped(mode: GroupMode) -> Plan {
    let mut plan = loaded(10);
    let unit = Unit { mode, weight: 1, threshold: 2 };
    plan.groups = [1u16, 4, 7]
        .iter()
        .map(|first| Group { members: (*first..first + 3).collect(), unit })
        .collect();
    plan
}

/// Work for three seconds, sent to each in turn.
fn loaded(count: usize) -> Plan {
    let mut plan = Plan::clean(count, DELAY);
    plan.parameters = vec![("block_interval".to_owned(), "0".to_owned())];
    work(&mut plan, 3);
    plan
}

fn work(plan: &mut Plan, seconds: u64) {
    let count = plan.weights.len();
    let times = 1..seconds * 1_000;
    plan.clients = times.map(|at| (at * MS, usize::try_from(at).unwrap() % count)).collect();
    plan.network.heals_at = (seconds + 1) * SECOND;
}

fn run(plan: &Plan) -> Report {
    let report = campaign::run_plan::<Lft>(plan);
    assert!(report.verdict.is_good(), "{:?}", report.verdict);
    report
}

/// Blocks of 150 delays before the work of so many seconds ends.
fn steady_of(report: &Report, seconds: u64) -> Vec<Moment> {
    let until = seconds * SECOND - 500 * MS;
    let inside = |m: &&Moment| (until - 1_500 * MS..until).contains(&m.proposed) && !m.is_empty;
    report.moments.iter().filter(inside).copied().collect()
}

fn steady(report: &Report) -> Vec<Moment> {
    steady_of(report, 3)
}

fn mute(plan: &mut Plan, who: &[u16]) {
    plan.expect_silence = false;
    for index in who {
        plan.villains.insert(*index, Villain::Mute(Mute::from(0)));
    }
}

#[test]
fn groups_cost_no_delay_a_block_is_final_after_three_and_there_is_one_every_delay() {
    for mode in [GroupMode::Quorum, GroupMode::Delegate] {
        let report = run(&grouped(mode));
        assert!(steady(&report).iter().all(|m| m.finished - m.proposed == 3 * DELAY), "{mode:?}");
        let blocks = steady(&report).len() / 10;
        assert!((149..=151).contains(&blocks), "{mode:?}: {blocks} blocks in 150 delays");
    }
}

#[test]
fn a_member_of_each_group_may_be_dead_in_quorum_mode_and_the_channel_goes_on() {
    let mut plan = grouped(GroupMode::Quorum);
    mute(&mut plan, &[1, 5, 9]);
    // Each dead leader must have missed a turn before it is no longer waited for.
    work(&mut plan, 11);
    let report = run(&plan);
    let blocks = steady_of(&report, 11).len() / 7;
    assert!(blocks >= 40, "{blocks} blocks in 150 delays");
}

#[test]
fn two_dead_members_of_one_group_are_a_dead_group_and_f_tolerates_it() {
    for mode in [GroupMode::Quorum, GroupMode::Delegate] {
        let mut plan = grouped(mode);
        mute(&mut plan, &[4, 5]);
        run(&plan);
    }
}

/// Two groups that cannot speak are more than f: nothing is final, and nobody says otherwise.
#[test]
fn two_groups_that_cannot_speak_stop_the_channel_without_a_fork() {
    for mode in [GroupMode::Quorum, GroupMode::Delegate] {
        let mut plan = grouped(mode);
        mute(&mut plan, &[1, 2, 4, 5]);
        plan.clients.truncate(10);
        plan.network.heals_at = SECOND;
        let report = campaign::run_plan::<Lft>(&plan);
        assert_eq!(report.height, 0, "{mode:?}");
        assert!(report.verdict.line(0).starts_with("STALLED"), "{:?}", report.verdict);
    }
}

/// A dead delegate costs its views only, since the other members still skip for the group.
#[test]
fn a_dead_delegate_in_two_groups_costs_views_but_does_not_stop_the_channel() {
    let mut plan = grouped(GroupMode::Delegate);
    plan.parameters.push(("delegate_tenure".to_owned(), "1".to_owned()));
    // Members 0 and 1 of two groups: in a third of the views each group's delegate is dead.
    mute(&mut plan, &[1, 5]);
    let report = run(&plan);
    assert!(report.height > 10, "{}", report.height);
}

#[test]
fn turns_follow_weights_and_the_excluded_lead_nothing() {
    let mut plan = loaded(4);
    plan.weights = vec![4, 3, 2, 1];
    plan.parameters.push(("leader".to_owned(), "weighted".to_owned()));
    let leaders = |plan: &Plan| {
        let report = run(plan);
        let mut views: Vec<u64> = steady(&report).iter().map(|m| m.view).collect();
        views.sort_unstable();
        views.dedup();
        (views.len(), report)
    };
    let (blocks, report) = leaders(&plan);
    // A leader of two views in a row may find nothing to propose the second time.
    assert!(blocks >= 100, "{blocks} blocks in 150 delays");
    let signed = |report: &Report, node: usize| {
        let kinds =
            [plugin_api::mirror::class::PROPOSE_OPT, plugin_api::mirror::class::PROPOSE_NORM];
        let own = report.signed.iter().filter(|s| s.node == node);
        own.filter(|s| kinds.contains(&s.classes[0])).count()
    };
    let turns: Vec<usize> = (0..4).map(|node| signed(&report, node)).collect();
    let all: usize = turns.iter().sum();
    for (weight, turns) in plan.weights.iter().zip(&turns) {
        let share = all * usize::try_from(*weight).unwrap() / 10;
        assert!(turns.abs_diff(share) <= 2, "{turns} of {all} for weight {weight}");
    }
    plan.excluded = vec![0, 2];
    let (_, report) = leaders(&plan);
    assert_eq!((signed(&report, 0), signed(&report, 2)), (0, 0));
    let votes = report.signed.iter().filter(|s| s.node == 0).count();
    assert!(votes > 100, "who is excluded still votes: {votes}");
}

#[test]
fn weights_near_the_end_of_the_integers_are_weighed_exactly() {
    let mut plan = loaded(4);
    // A third of each is just below, or just at, what the other three need.
    let quarter = u64::MAX / 4;
    for weights in [vec![quarter; 4], vec![u64::MAX / 3, u64::MAX / 3 - 1, u64::MAX / 3 - 1, 1]] {
        plan.weights = weights;
        let report = run(&plan);
        assert!(report.height > 100, "{}", report.height);
    }
    plan.weights = vec![u64::MAX / 2; 4];
    let line = campaign::run_plan::<Lft>(&plan).verdict.line(0);
    assert!(line.contains("use smaller weights"), "{line}");
}

#[test]
fn fast_commit_with_groups_that_count_as_one_is_refused_in_one_line() {
    let mut plan = grouped(GroupMode::Delegate);
    plan.parameters.push(("fast".to_owned(), "0".to_owned()));
    let line = campaign::run_plan::<Lft>(&plan).verdict.line(0);
    assert!(line.contains("fast commit does not go with group"), "{line}");
}

#[test]
fn seeds_with_groups_agree_and_go_on_after_healing() {
    let mix = Mix { groups: 1000, weighted_leader: 200, ..Mix::default() };
    let options = Options { forger: Some(lft_forger::make), mix, ..Options::default() };
    let totals = campaign::run_seeds::<Lft>(0x6709, &options, |totals| totals.seeds < 40);
    for (_, line) in &totals.bad {
        println!("{line}");
    }
    assert!(totals.bad.is_empty(), "{:#?}", totals.bad);
}
