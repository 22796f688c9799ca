//! From a seed to a plan to a verdict: what `cargo sim` and the tests of rules call.
//!
//! In: a seed, and what the campaign varies. Out: a [`Report`]. One seed is one run for ever.
//! Not here: how a run works (`cluster`), printing.

use crate::{
    check::quorum,
    clock::{Chance, MS, Micros},
    cluster::{Cluster, Group, Plan, Report},
    faults::Faults,
    network::Network,
    signer::Signatures,
    villain::{Villain, forger::MakeForger},
    world::Costs,
};
use plugin_api::{ConsensusRule, GroupMode, Unit};
use std::collections::BTreeMap;

/// What a campaign varies of what only some rules know, each how often in a thousand. Drawn apart
/// from all else: a seed that draws none of it is the same run as without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mix {
    /// Groups that count as one; with them the parameter `delegate_tenure`.
    pub groups: u64,
    /// The parameter `fast`, where there are no such groups.
    pub fast: u64,
    /// The parameter `leader` = weighted.
    pub weighted_leader: u64,
}

impl Mix {
    /// Half of the runs as before, the rest divided.
    pub const SWARM: Self = Self { groups: 100, fast: 350, weighted_leader: 150 };
}

/// What a campaign varies beyond the seed.
#[derive(Clone, Debug)]
pub struct Options {
    /// Parameters of the rule.
    pub parameters: Vec<(String, String)>,
    /// Numbers of validators to choose from.
    pub sizes: Vec<usize>,
    /// Weights above 1.
    pub weighted: bool,
    /// What only some rules know.
    pub mix: Mix,
    /// Misbehaving validators within what the rule tolerates.
    pub villains: bool,
    /// Crashes and power loss.
    pub crashes: bool,
    /// A bad network until it heals.
    pub bad_network: bool,
    /// Longest time until everything heals.
    pub trouble_max: Micros,
    /// The hosts' guard refuses to sign twice.
    pub guarded: bool,
    /// Signatures.
    pub signatures: Signatures,
    /// Makes villains that know the rule's formats.
    pub forger: Option<MakeForger>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            parameters: Vec::new(),
            sizes: vec![1, 4, 4, 5, 7],
            weighted: true,
            mix: Mix::default(),
            villains: true,
            crashes: true,
            bad_network: true,
            trouble_max: 20_000 * MS,
            guarded: true,
            signatures: Signatures::Hash,
            forger: None,
        }
    }
}

/// Draws the plan of a seed.
#[must_use]
pub fn plan(seed: u64, options: &Options) -> Plan {
    let mut chance = Chance::new(seed ^ 0x10F7_C4A1_0000_0000);
    let mut mixed = Chance::new(seed ^ 0x61C8_8646_80B5_83EB);
    let set = draw_set(&mut chance, &mut mixed, options);
    let count = set.weights.len();
    let parameters = draw_parameters(&mut mixed, &set, options);
    let (weights, groups) = (set.weights, set.groups);
    let draft = Plan { weights, groups, parameters, ..Plan::clean(count, MS) };
    let villains = if options.villains && chance.permille(700) {
        draw_villains(&mut chance, &draft, options.forger.is_some())
    } else {
        BTreeMap::new()
    };
    let followers = usize::from(chance.permille(150));
    let twins = villains.values().filter(|v| matches!(v, Villain::Equivocator(_))).count();
    let nodes = count + twins + followers;
    let heals_at = chance.between(options.trouble_max / 10, options.trouble_max);
    let network = if options.bad_network && chance.permille(850) {
        Network::draw(&mut chance, nodes, heals_at)
    } else {
        Network { heals_at, ..Network::perfect(chance.between(50, 5_000)) }
    };
    let crashes = options.crashes && chance.permille(600);
    let faults =
        if crashes { Faults::draw(&mut chance, nodes, heals_at) } else { Faults::default() };
    let every = chance.one_of(&[5 * MS, 50 * MS, 300 * MS, 2_000 * MS], 100 * MS);
    let clients = draw_clients(&mut chance, heals_at, every, count);
    Plan {
        seed,
        expect_silence: villains.is_empty(),
        villains,
        followers,
        network,
        faults,
        costs: Costs {
            execute_max: chance.one_of(&[0, MS, 30 * MS, 150 * MS], MS),
            flush_max: chance.one_of(&[0, 500, 5 * MS, 30 * MS], MS),
            build_max: chance.one_of(&[0, MS, 20 * MS], MS),
            timer_late_max: chance.one_of(&[0, 1_000, 20 * MS], MS),
        },
        clients,
        signatures: options.signatures,
        guarded: options.guarded,
        prunes_head_view: chance.permille(500),
        late_clients: chance.between(1, 8),
        forger: options.forger,
        ..draft
    }
}

/// Weights, and which of them are inner weights of a group.
struct Set {
    weights: Vec<u64>,
    groups: Vec<Group>,
}

fn draw_set(chance: &mut Chance, mixed: &mut Chance, options: &Options) -> Set {
    let count = chance.one_of(&options.sizes, 4);
    let weighted = options.weighted && chance.permille(500);
    let weight = |chance: &mut Chance| if weighted { chance.between(1, 5) } else { 1 };
    if !mixed.permille(options.mix.groups) {
        return Set { weights: (0..count).map(|_| weight(chance)).collect(), groups: Vec::new() };
    }
    // Four or five units, two of them groups: few validators, or a run takes long.
    let mut weights: Vec<u64> = Vec::new();
    let mut groups = Vec::new();
    let alone = chance.between(2, 3);
    weights.extend((0..alone).map(|_| weight(chance)));
    for _ in 0..2 {
        let first = weights.len();
        let count = chance.one_of(&[3, 3, 4], 3);
        weights.extend((0..count).map(|_| if weighted { chance.between(1, 2) } else { 1 }));
        let sum: u64 = weights.iter().skip(first).sum();
        let mode = chance.one_of(&[GroupMode::Quorum, GroupMode::Delegate], GroupMode::Quorum);
        // Crash trust (more than a half) or Byzantine inside (more than two thirds).
        let threshold = chance.one_of(&[sum / 2 + 1, sum * 2 / 3 + 1], sum);
        let unit = Unit { mode, weight: weight(chance), threshold };
        let members = (0u16..).take(weights.len()).skip(first).collect();
        groups.push(Group { members, unit });
    }
    Set { weights, groups }
}

fn draw_parameters(chance: &mut Chance, set: &Set, options: &Options) -> Vec<(String, String)> {
    let mut parameters = options.parameters.clone();
    let mut say = |name: &str, value: String| {
        if !parameters.iter().any(|(known, _)| known == name) {
            parameters.push((name.to_owned(), value));
        }
    };
    if set.groups.is_empty() && chance.permille(options.mix.fast) {
        let total: u64 = set.weights.iter().sum();
        let most = (total - 1) / 2;
        say("fast", chance.one_of(&[0, 0, 1], 0).min(most).to_string());
    }
    if chance.permille(options.mix.weighted_leader) {
        say("leader", "weighted".to_owned());
    }
    if !set.groups.is_empty() {
        say("delegate_tenure", chance.one_of(&[1, 3, 10], 1).to_string());
    }
    parameters.sort();
    parameters
}

/// p of the fast commit that a plan switches on.
fn slack_of(parameters: &[(String, String)]) -> u128 {
    let fast = parameters.iter().find(|(name, _)| name == "fast");
    fast.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
}

/// Validators that misbehave: together with the groups that they spoil they weigh no more than f.
fn draw_villains(chance: &mut Chance, draft: &Plan, with_forger: bool) -> BTreeMap<u16, Villain> {
    let validators = draft.validators();
    let total = quorum::faulty_weight(&validators, |_| true);
    let budget = total.saturating_sub(1 + 2 * slack_of(&draft.parameters)) / 3;
    let mut villains = BTreeMap::new();
    for _ in 0..validators.len() {
        let pick = chance.below(validators.len() as u64);
        let index = u16::try_from(pick).unwrap_or(0);
        let weight = quorum::faulty_weight(&validators, |other| {
            other == index || villains.contains_key(&other)
        });
        if weight <= budget && !villains.contains_key(&index) {
            let honest = chance.draw();
            villains.insert(index, Villain::draw(chance, honest, with_forger));
        }
    }
    villains
}

/// Transactions a run gets until it heals, at most.
const CLIENTS_MAX: usize = 200;

fn draw_clients(
    chance: &mut Chance,
    until: Micros,
    every: Micros,
    count: usize,
) -> Vec<(Micros, usize)> {
    let mut clients = Vec::new();
    let mut at = chance.below(every + 1);
    while at < until && clients.len() < CLIENTS_MAX {
        let node = usize::try_from(chance.below(count as u64)).unwrap_or(0);
        clients.push((at, node));
        at += chance.between(1, every * 2);
    }
    clients
}

/// Runs one seed.
#[must_use]
pub fn run_seed<R: ConsensusRule>(seed: u64, options: &Options) -> Report {
    run_plan::<R>(&plan(seed, options))
}

/// Runs one plan.
#[must_use]
pub fn run_plan<R: ConsensusRule>(plan: &Plan) -> Report {
    Cluster::<R>::new(plan).run(plan)
}

/// Runs a seed twice and compares everything that happened.
///
/// # Errors
/// One line, when the two runs differ: the rule or the simulator is not deterministic.
pub fn check_determinism<R: ConsensusRule>(seed: u64, options: &Options) -> Result<(), String> {
    let first = run_seed::<R>(seed, options);
    let second = run_seed::<R>(seed, options);
    if (first.trace, first.events) == (second.trace, second.events) {
        Ok(())
    } else {
        Err(format!("seed {seed:#x} ran differently: {first:?} and {second:?}"))
    }
}

/// Totals of a campaign.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Seeds run.
    pub seeds: u64,
    /// Final blocks.
    pub blocks: u64,
    /// Events.
    pub events: u64,
    /// Virtual time.
    pub virtual_micros: u64,
    /// Bad seeds with their lines.
    pub bad: Vec<(u64, String)>,
}

/// Runs seeds from `first` on while `go_on` says so.
pub fn run_seeds<R: ConsensusRule>(
    first: u64,
    options: &Options,
    mut go_on: impl FnMut(&Totals) -> bool,
) -> Totals {
    let mut totals = Totals::default();
    while go_on(&totals) {
        let seed = first.wrapping_add(totals.seeds);
        let report = run_seed::<R>(seed, options);
        totals.seeds += 1;
        totals.blocks += report.height;
        totals.events += report.events;
        totals.virtual_micros += report.lasted;
        if !report.verdict.is_good() {
            totals.bad.push((seed, report.verdict.line(seed)));
        }
    }
    totals
}
