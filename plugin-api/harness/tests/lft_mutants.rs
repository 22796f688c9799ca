//! Tests of the tests: each bug planted in the rule `lft` must be found, in the configuration in
//! which it shows.

#![expect(clippy::print_stdout, reason = "which seed found which bug is for people")]

mod lft_forger;
mod lft_splitter;

use lft::{
    Lft,
    planted::{Bug, Shows},
};
use plugin_api::{GroupMode, Unit};
use plugin_api_harness::{
    Options, Plan, campaign,
    campaign::Mix,
    clock::{MS, SECOND},
    cluster::Group,
    villain::Villain,
};

/// Seeds within which every planted bug must show.
const SEEDS: u64 = 400;
/// Runs within which a bug that takes a leader who splits groups must show.
const SPLITS: u64 = 20;

fn mix(bug: Bug) -> Mix {
    match bug.shows() {
        Shows::Core | Shows::Epochs => Mix::default(),
        Shows::Fast => Mix { fast: 1000, ..Mix::default() },
        Shows::Groups | Shows::Split => Mix { groups: 1000, ..Mix::default() },
    }
}

fn parameters(name: &str, bug: Bug) -> Vec<(String, String)> {
    let mut pairs = vec![("planted_bug", name)];
    if bug == Bug::CoreSkipWithFast {
        // Timers that often end before the votes are here.
        pairs.extend([("delta", "20"), ("execution", "5")]);
    }
    pairs.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

/// Looks for a bug.
fn find(name: &str, bug: Bug, guarded: bool) -> bool {
    if bug.shows() == Shows::Split {
        return find_by_splitting(name);
    }
    let options = Options {
        parameters: parameters(name, bug),
        guarded,
        forger: Some(lft_forger::make),
        mix: mix(bug),
        ..Options::default()
    };
    let go_on = |totals: &campaign::Totals| totals.bad.is_empty() && totals.seeds < SEEDS;
    let totals = campaign::run_seeds::<Lft>(0xB06, &options, go_on);
    let line = totals.bad.first().map_or("NOT FOUND", |(_, line)| line.as_str());
    println!("{name}, guarded {guarded}: {} seeds: {line}", totals.seeds);
    !totals.bad.is_empty()
}

/// Two alone, one of them the leader who splits, and two delegate groups: N = 4, f = 1.
fn split(seed: u64, bug: Option<&str>) -> Plan {
    let mut plan = Plan::clean(8, MS);
    plan.seed = seed;
    let unit = Unit { mode: GroupMode::Delegate, weight: 1, threshold: 2 };
    let members = |first: u16| (first..first + 3).collect();
    plan.groups = [2, 5].map(|first| Group { members: members(first), unit }).to_vec();
    plan.villains.insert(1, Villain::Puppet);
    plan.forger = Some(lft_splitter::make);
    plan.expect_silence = false;
    plan.network.delay_max = 20 * MS;
    plan.network.heals_at = 5 * SECOND;
    plan.network.healed_max = 20 * MS;
    plan.clients = (0..100).map(|n: u64| (n * 40 * MS, 0)).collect();
    plan.late_clients = 2;
    let bug = bug.map(|name| ("planted_bug", name));
    let pairs = [("delta", "100")].into_iter().chain(bug);
    plan.parameters = pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    plan
}

fn find_by_splitting(name: &str) -> bool {
    for seed in 0..SPLITS {
        let verdict = campaign::run_plan::<Lft>(&split(seed, Some(name))).verdict;
        if !verdict.is_good() {
            println!("{name}: split {seed}: {verdict:?}");
            return true;
        }
    }
    println!("{name}: NOT FOUND in {SPLITS} runs");
    false
}

fn missed(guarded: bool, which: impl Fn(&str) -> bool) -> Vec<&'static str> {
    // Those of epochs have plans of their own: `lft_epochs.rs`.
    let all = Bug::ALL.iter().filter(|(name, bug)| which(name) && bug.shows() != Shows::Epochs);
    all.filter(|(name, bug)| !find(name, *bug, guarded)).map(|(name, _)| *name).collect()
}

#[test]
fn every_planted_bug_is_found() {
    let missed = missed(true, |_| true);
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[test]
fn without_the_guard_what_it_stops_is_found_by_its_consequences() {
    let stopped = ["skip-after-commit", "commit-after-skip", "vote-twice", "forget-log"];
    let missed = missed(false, |name| stopped.contains(&name));
    assert!(missed.is_empty(), "not found: {missed:?}");
}

/// What finds a bug by splitting must find nothing without one.
#[test]
fn a_leader_who_splits_delegates_from_their_groups_forks_nothing() {
    for seed in 0..SPLITS {
        let verdict = campaign::run_plan::<Lft>(&split(seed, None)).verdict;
        assert!(verdict.is_good(), "split {seed}: {verdict:?}");
    }
}
