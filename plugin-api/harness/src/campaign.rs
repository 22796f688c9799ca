//! From a seed to a plan to a verdict: what `cargo sim` and the tests of rules call.
//!
//! In: a seed, and what the campaign varies. Out: a [`Report`]. One seed is one run for ever.
//! Not here: how a run works (`cluster`), printing.

use crate::{
    clock::{Chance, MS, Micros},
    cluster::{Cluster, Plan, Report},
    faults::Faults,
    network::Network,
    signer::Signatures,
    villain::{Villain, forger::MakeForger},
    world::Costs,
};
use plugin_api::ConsensusRule;
use std::collections::BTreeMap;

/// What a campaign varies beyond the seed.
#[derive(Clone, Debug)]
pub struct Options {
    /// Parameters of the rule.
    pub parameters: Vec<(String, String)>,
    /// Numbers of validators to choose from.
    pub sizes: Vec<usize>,
    /// Weights above 1.
    pub weighted: bool,
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
    let count = chance.one_of(&options.sizes, 4);
    let weighted = options.weighted && chance.permille(500);
    let weights: Vec<u64> =
        (0..count).map(|_| if weighted { chance.between(1, 5) } else { 1 }).collect();
    let villains = if options.villains && chance.permille(700) {
        draw_villains(&mut chance, &weights, options.forger.is_some())
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
        weights,
        villains,
        followers,
        parameters: options.parameters.clone(),
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
    }
}

/// Validators that misbehave: together they weigh no more than f.
fn draw_villains(
    chance: &mut Chance,
    weights: &[u64],
    with_forger: bool,
) -> BTreeMap<u16, Villain> {
    let total: u64 = weights.iter().sum();
    let mut budget = total.saturating_sub(1) / 3;
    let mut villains = BTreeMap::new();
    for _ in 0..weights.len() {
        let pick = chance.below(weights.len() as u64);
        let place = usize::try_from(pick).unwrap_or(0);
        let index = u16::try_from(pick).unwrap_or(0);
        let weight = weights.get(place).copied().unwrap_or(u64::MAX);
        if weight <= budget && !villains.contains_key(&index) {
            budget -= weight;
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
