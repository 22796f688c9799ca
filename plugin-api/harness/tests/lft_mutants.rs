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
    network::Partition,
    villain::Villain,
};

/// Seeds within which every planted bug must show.
const SEEDS: u64 = 400;
/// Runs within which a bug that takes a scene of its own must show.
const SCENES: u64 = 60;

fn mix(bug: Bug) -> Mix {
    match bug.shows() {
        Shows::Core | Shows::Epochs | Shows::Rejoin | Shows::Found => Mix::default(),
        Shows::Fast => Mix { fast: 1000, ..Mix::default() },
        _ => Mix { groups: 1000, ..Mix::default() },
    }
}

/// The scene that shows a bug which random runs show too seldom.
fn scene(bug: Bug) -> Option<fn(u64, Option<&str>) -> Plan> {
    match bug.shows() {
        Shows::Split => Some(split_groups),
        Shows::FastSplit => Some(split_tongue),
        Shows::FastWall => Some(walls),
        Shows::Core
        | Shows::Fast
        | Shows::Groups
        | Shows::Epochs
        | Shows::Rejoin
        | Shows::Found => None,
    }
}

fn parameters(pairs: &[(&str, &str)], bug: Option<&str>) -> Vec<(String, String)> {
    let bug = bug.map(|name| ("planted_bug", name));
    let pairs = pairs.iter().copied().chain(bug);
    pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

/// Looks for a bug.
fn find(name: &str, bug: Bug, guarded: bool) -> bool {
    if let Some(scene) = scene(bug) {
        return find_in_scenes(name, scene);
    }
    let options = Options {
        parameters: parameters(&[], Some(name)),
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

/// Under load, against a leader who splits, for five seconds.
fn split(seed: u64, count: usize) -> Plan {
    let mut plan = Plan::clean(count, MS);
    plan.seed = seed;
    plan.villains.insert(1, Villain::Puppet);
    plan.forger = Some(lft_splitter::make);
    plan.expect_silence = false;
    plan.network.delay_max = 20 * MS;
    plan.network.heals_at = 5 * SECOND;
    plan.network.healed_max = 20 * MS;
    plan.clients = (0..100).map(|n: u64| (n * 40 * MS, 0)).collect();
    plan.late_clients = 2;
    plan
}

/// Two alone, one of them the leader who splits, and two delegate groups: N = 4, f = 1.
fn split_groups(seed: u64, bug: Option<&str>) -> Plan {
    let mut plan = split(seed, 8);
    let unit = Unit { mode: GroupMode::Delegate, weight: 1, threshold: 2 };
    let members = |first: u16| (first..first + 3).collect();
    plan.groups = [2, 5].map(|first| Group { members: members(first), unit }).to_vec();
    plan.parameters = parameters(&[("delta", "100")], bug);
    plan
}

/// Four alone, one of them the leader who tells node 0 one thing and the others another.
fn split_tongue(seed: u64, bug: Option<&str>) -> Plan {
    let mut plan = split(seed, 4);
    plan.forger = Some(lft_splitter::make_two_faced);
    let pairs = [("delta", "100"), ("fast", "0"), ("optimistic", "off")];
    plan.parameters = parameters(&pairs, bug);
    plan
}

/// All vote for a block. Node 0 alone hears it, and so finishes it in two delays; the others lose
/// patience, and when they hear each other again they still do not hear node 0.
fn walls(seed: u64, bug: Option<&str>) -> Plan {
    let mut plan = Plan::clean(4, 5 * MS);
    plan.seed = seed;
    let pairs = [("delta", "20"), ("execution", "5"), ("fast", "0"), ("block_interval", "0")];
    plan.parameters = parameters(&pairs, bug);
    let from = SECOND + seed * MS;
    let wall = |side, until| Partition { from, until: from + until, side, one_way: true };
    plan.network.partitions = vec![
        wall(0b1101, 150 * MS),
        wall(0b1011, 150 * MS),
        wall(0b0111, 150 * MS),
        wall(0b0001, 3 * SECOND),
    ];
    plan.network.loss_permille = 300;
    plan.network.heals_at = 5 * SECOND;
    plan.clients = (0..600).map(|n: u64| (n * 2 * MS, 1)).collect();
    plan.late_clients = 2;
    plan
}

fn find_in_scenes(name: &str, scene: fn(u64, Option<&str>) -> Plan) -> bool {
    for seed in 0..SCENES {
        let verdict = campaign::run_plan::<Lft>(&scene(seed, Some(name))).verdict;
        if !verdict.is_good() {
            println!("{name}: scene {seed}: {verdict:?}");
            return true;
        }
    }
    println!("{name}: NOT FOUND in {SCENES} scenes");
    false
}

fn missed(guarded: bool, which: impl Fn(&str) -> bool) -> Vec<&'static str> {
    // Others have plans of their own: `lft_epochs.rs`, `lft_rejoin.rs`, `lft_found.rs`.
    let elsewhere = [Shows::Epochs, Shows::Rejoin, Shows::Found];
    let is_here = |bug: &Bug| !elsewhere.contains(&bug.shows());
    let all = Bug::ALL.iter().filter(|(name, bug)| which(name) && is_here(bug));
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

/// What shows a bug must show nothing without one.
#[test]
fn scenes_end_well_without_a_bug() {
    for scene in [split_groups, split_tongue, walls] {
        for seed in 0..SCENES {
            let verdict = campaign::run_plan::<Lft>(&scene(seed, None)).verdict;
            assert!(verdict.is_good(), "scene {seed}: {verdict:?}");
        }
    }
}
