//! Epochs of the rule `lft` under load: validators join, leave and change weight at sealing blocks,
//! with loss, falls and villains; the schedules in which a sealing block needs closing blocks; and
//! bugs planted in rule and model host, each of which must be found.

#![expect(clippy::print_stdout, reason = "which run found which bug is for people")]

use lft::{
    Lft,
    planted::{Bug, Shows},
};
use plugin_api_harness::{
    Options, Plan, Report, Verdict,
    campaign::{self, run_plan},
    clock::{Chance, MS, SECOND},
    epochs::{EpochPlan, HostBug},
    faults::Fall,
    villain::{Villain, mute::Mute},
};

/// Random runs of the clean rule.
const SEEDS: u64 = 300;
/// Runs within which every planted bug must show.
const SEEDS_BUG: u64 = 60;
const NODES: usize = 5;

/// Node 4 joins; node 0 weighs more; node 3 leaves; node 3 is back and node 0 as before.
fn changes(chance: &mut Chance) -> Vec<EpochPlan> {
    let sets: [[u64; NODES]; 5] =
        [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1], [2, 1, 1, 1, 1], [2, 1, 1, 0, 1], [1, 1, 1, 1, 1]];
    let (mut height, last) = (0, sets.len() - 1);
    let epoch = |(at, weights): (usize, &[u64; NODES])| {
        height += chance.between(1, 6);
        EpochPlan { last_height: (at < last).then_some(height), weights: weights.to_vec() }
    };
    sets.iter().enumerate().map(epoch).collect()
}

/// A villain must be within what every epoch tolerates, and in the last set: f is 1 in all of them.
fn plan(seed: u64, bug: Option<&str>) -> Plan {
    let parameters = bug.map(|name| ("planted_bug".to_owned(), name.to_owned()));
    let options = Options {
        sizes: vec![NODES],
        weighted: false,
        parameters: parameters.into_iter().collect(),
        trouble_max: 10 * SECOND,
        ..Options::default()
    };
    let mut plan = campaign::plan(seed, &options);
    plan.epochs = changes(&mut Chance::new(seed ^ 0xE90C));
    if let Some(villain) = plan.villains.remove(&0) {
        plan.villains.clear();
        plan.villains.insert(1, villain);
    }
    // Enough blocks for every epoch.
    let every = plan.network.heals_at / 60;
    plan.clients.extend((0..60).map(|n: u64| (n * every, 2)));
    plan.late_clients += 8;
    plan
}

fn epochs_of(report: &Report, plan: &Plan) -> usize {
    let ends = plan.epochs.iter().filter_map(|epoch| epoch.last_height);
    ends.filter(|height| *height < report.height).count()
}

#[test]
fn sets_change_under_load_with_loss_falls_and_villains() {
    let (mut changed, mut villains) = (0, 0);
    for seed in 0..SEEDS {
        let plan = plan(seed, None);
        let report = run_plan::<Lft>(&plan);
        assert!(report.verdict.is_good(), "seed {seed}: {:?}", report.verdict);
        changed += epochs_of(&report, &plan);
        villains += usize::from(!plan.villains.is_empty());
    }
    println!("{changed} epochs ended in {SEEDS} runs, {villains} with villains");
    assert!(changed > 3 * SEEDS as usize && villains > 50, "{changed} ends, {villains} villains");
}

/// With fast commit a block may be final by first votes alone, a sealing one too.
#[test]
fn sets_change_with_fast_commit() {
    let (mut changed, mut closed) = (0, 0);
    for seed in 0..SEEDS / 2 {
        let mut plan = plan(seed, None);
        plan.parameters.push(("fast".to_owned(), "0".to_owned()));
        let report = run_plan::<Lft>(&plan);
        assert!(report.verdict.is_good(), "seed {seed}: {:?}", report.verdict);
        changed += epochs_of(&report, &plan);
        closed += report.closed;
    }
    println!("{changed} epochs ended, {closed} times after closing blocks");
    assert!(changed > SEEDS as usize, "{changed} ends");
}

/// The smaller rule changes epochs in the same way.
#[test]
fn simplex_changes_sets_too() {
    let (mut changed, mut closed) = (0, 0);
    for seed in 0..SEEDS / 3 {
        let plan = plan(seed, None);
        let report = run_plan::<simplex::Simplex>(&plan);
        assert!(report.verdict.is_good(), "seed {seed}: {:?}", report.verdict);
        changed += epochs_of(&report, &plan);
        closed += report.closed;
    }
    println!("{changed} epochs ended, {closed} times after closing blocks");
    assert!(changed > SEEDS as usize, "{changed} ends");
}

#[test]
fn a_run_with_epochs_repeats_exactly() {
    for seed in [3, 77] {
        let first = run_plan::<Lft>(&plan(seed, None));
        let second = run_plan::<Lft>(&plan(seed, None));
        assert_eq!((first.trace, first.events), (second.trace, second.events));
    }
}

/// Four nodes, and all but the last seal at height 2; a transaction every 40 ms.
fn clean() -> Plan {
    let mut plan = Plan::clean(4, MS);
    plan.epochs = vec![
        EpochPlan { last_height: Some(2), weights: vec![1; 4] },
        EpochPlan { last_height: None, weights: vec![2, 1, 1, 1] },
    ];
    plan.clients = (0..10).map(|n: u64| (n * 40 * MS, 0)).collect();
    plan.late_clients = 2;
    plan
}

#[test]
fn without_faults_an_epoch_ends_without_a_closing_block_and_the_next_starts_at_its_root() {
    let report = run_plan::<Lft>(&clean());
    assert_eq!(report.verdict, Verdict::Agreed);
    let views = |height: u64| report.moments.iter().filter(move |m| m.height == height);
    assert!(views(2).all(|moment| moment.view == 2), "{:?}", report.moments);
    assert!(views(3).all(|moment| moment.view == 1), "the first view of the next epoch");
    assert_eq!(views(3).count(), 4);
    // One round of Commits ends the epoch; two hops later the next one has its first vote.
    let end = views(2).map(|moment| moment.finished).max().unwrap();
    let begin = views(3).map(|moment| moment.proposed).min().unwrap();
    assert!(begin - end < 45 * MS, "{begin} after {end}");
}

/// The schedule B1 and B2, again and again: one node is down and another gives up on the view of a
/// sealing block, which then cannot become final alone. A closing block makes it final; it is not in
/// the ledger, and heights go on without it. Every second block seals.
fn stuck(seed: u64, bug: Option<&str>) -> Plan {
    let mut plan = clean();
    plan.seed = seed;
    plan.epochs = (1..=12)
        .map(|n: u64| EpochPlan {
            last_height: Some(2 * n).filter(|_| n < 12),
            weights: vec![1 + n % 2, 1, 1, 1],
        })
        .collect();
    plan.network.delay_max = 12 * MS;
    plan.network.loss_permille = 150;
    plan.network.heals_at = 8 * SECOND;
    plan.clients = (0..80).map(|n: u64| (n * 100 * MS, (n % 3) as usize)).collect();
    plan.faults.falls.push(Fall { at: 60 * MS, who: Some(3), down: 6 * SECOND });
    let bug = bug.map(|name| ("planted_bug", name));
    let pairs = [("delta", "20"), ("execution", "5")].into_iter().chain(bug);
    plan.parameters = pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    plan
}

#[test]
fn a_sealing_block_that_cannot_become_final_alone_is_closed_and_heights_go_on() {
    let mut closed = 0;
    for seed in 0..40 {
        let report = run_plan::<Lft>(&stuck(seed, None));
        assert_eq!(report.verdict, Verdict::Agreed, "seed {seed}");
        assert!(report.height > 22, "seed {seed}: {}", report.height);
        closed += report.closed;
    }
    println!("{closed} times a sealing block took closing blocks");
    assert!(closed > 10, "{closed}");
}

fn finds(name: &str, run: impl Fn(u64) -> Plan) -> bool {
    for seed in 0..SEEDS_BUG {
        let verdict = run_plan::<Lft>(&run(seed)).verdict;
        if !verdict.is_good() {
            println!("{name}: run {seed}: {verdict:?}");
            return true;
        }
    }
    println!("{name}: NOT FOUND");
    false
}

#[test]
fn every_bug_of_epochs_planted_in_the_rule_is_found() {
    let bugs = Bug::ALL.iter().filter(|(_, bug)| bug.shows() == Shows::Epochs);
    let missed: Vec<&str> = bugs
        .filter(|(name, _)| {
            !finds(name, |seed| stuck(seed, Some(name))) && !finds(name, |s| plan(s, Some(name)))
        })
        .map(|(name, _)| *name)
        .collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[test]
fn every_bug_of_epochs_planted_in_the_host_is_found() {
    let bugs = [HostBug::ClosingInLedger, HostBug::SetOfOldEpoch, HostBug::NewestIsRoot];
    for bug in bugs {
        let name = format!("{bug:?}");
        let closing = |seed| Plan { host_bug: Some(bug), ..stuck(seed, None) };
        let joining = |seed| Plan { host_bug: Some(bug), ..plan(seed, None) };
        assert!(finds(&name, closing) || finds(&name, joining), "{name}");
    }
}

/// A node that slept through two epochs, and one that was no validator when it fell, come back.
#[test]
fn who_slept_through_epochs_comes_back_through_the_end_proofs() {
    let mut plan = Plan::clean(NODES, MS);
    plan.epochs = changes(&mut Chance::new(5));
    plan.clients = (0..60).map(|n: u64| (n * 300 * MS, 1)).collect();
    plan.faults.falls =
        [2, 4].map(|who| Fall { at: 20 * MS, who: Some(who), down: 5 * SECOND }).to_vec();
    plan.network.heals_at = 18 * SECOND;
    plan.late_clients = 3;
    let report = run_plan::<Lft>(&plan);
    assert_eq!(report.verdict, Verdict::Agreed);
    assert_eq!(epochs_of(&report, &plan), 4, "height {}", report.height);
}

#[test]
fn a_villain_who_leaves_the_set_does_no_more_harm() {
    let mut plan = clean();
    plan.epochs[1].weights = vec![1, 1, 1, 0];
    plan.villains.insert(3, Villain::Mute(Mute::from(0)));
    plan.expect_silence = false;
    let report = run_plan::<Lft>(&plan);
    assert_eq!(report.verdict, Verdict::Agreed);
}
