//! Everything that decides a run: the swarm mix of one seed.
//!
//! In: a seed. Out: a [`Plan`]. Weights, groups, parameters, network and crashes are drawn by the
//! harness, whose mix they share; what only whole nodes have is drawn here. Not here: how a run works
//! (`run`), dropping faults (`shrink`).

use crate::channel::BLOCK_TXS;
use crate::client::Mix as ClientMix;
use crate::planted::{Bug, Seat};
use crate::rule::Kind;
use crate::trouble::{self, Clock, Pause};
use crate::turns::Turn;
use crate::villain::Villain;
use crate::world::Loss;
use plugin_api::Validator;
use plugin_api_harness::campaign::{self, Mix, Options};
use plugin_api_harness::check::quorum;
use plugin_api_harness::clock::{Chance, MS, Micros, SECOND};
use plugin_api_harness::cluster::Group;
use plugin_api_harness::faults::Fall;
use plugin_api_harness::network::Network;
use plugin_api_harness::signer::Signatures;
use plugin_api_harness::villain::Villain as Speaker;
use plugin_api_harness::world::Costs;
use std::collections::{BTreeMap, BTreeSet};

/// One seed of so many signs with real keys and sends real bytes; the others save the time.
const REAL_KEYS_EVERY: u64 = 32;
/// One seed of so many is about the rule `simplex`.
const SIMPLEX_EVERY: u64 = 8;
/// Longest time until everything heals.
const TROUBLE_MAX: Micros = 24 * SECOND;

/// Runs in a thousand in which epochs end.
const TURNS_PERMILLE: u64 = 300;
/// Ends of epochs in such a run, at most.
const TURNS_MAX: u64 = 3;

/// How long after healing everything must be final.
pub const PROGRESS_WITHIN: Micros = 30 * SECOND;
/// The same where some transactions have no result anywhere: every leader finds them for itself, and
/// each try costs a timeout; they are out of the way when they expire.
pub const PROGRESS_WITH_POISON: Micros = 150 * SECOND;

/// Everything that decides a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Seed of all chance.
    pub seed: u64,
    /// Which rule.
    pub kind: Kind,
    /// Weights of the validators.
    pub weights: Vec<u64>,
    /// Groups that count as one.
    pub groups: Vec<Group>,
    /// Parameters of the rule.
    pub parameters: Vec<(String, String)>,
    /// Who misbehaves, and how.
    pub villains: BTreeMap<u16, Villain>,
    /// On whom some calls have another result.
    pub odd: BTreeSet<u16>,
    /// Nodes that only follow.
    pub followers: usize,
    /// The network.
    pub network: Network,
    /// Planned falls, and what each takes beside what was not synced.
    pub falls: Vec<(Fall, Loss)>,
    /// How often in a thousand the power goes at a place where something becomes durable.
    pub die_permille: u64,
    /// How often in a thousand the sync of the sign log answers an error.
    pub disk_error_permille: u64,
    /// Longest pause after such a death.
    pub down_max: Micros,
    /// How long things take.
    pub costs: Costs,
    /// How far each node's clock is off, microseconds.
    pub skews: Vec<i64>,
    /// Clocks that jump, stop or drift, by the number of their node.
    pub clocks: BTreeMap<usize, Clock>,
    /// How often in a thousand the requests of a second channel go down in the same sync.
    pub neighbour_permille: u64,
    /// Processes that stand still.
    pub pauses: Vec<Pause>,
    /// Time between two transactions.
    pub client_every: Micros,
    /// What clients send.
    pub clients: ClientMix,
    /// Transactions after healing that must become final.
    pub late_clients: u64,
    /// How long after healing everything must be final.
    pub settles_within: Micros,
    /// Signatures of validators.
    pub signatures: Signatures,
    /// Changes of validators, weights, parameters, limits or the rule, in order.
    pub turns: Vec<Turn>,
    /// A planted bug.
    pub bug: Option<Bug>,
}

/// Draws the plan of a seed.
#[must_use]
pub fn plan(seed: u64, bug: Option<Bug>) -> Plan {
    let mut chance = Chance::new(seed ^ 0x5349_4D5F_4E4F_4445);
    let kind = if seed % SIMPLEX_EVERY == 5 { Kind::Simplex } else { Kind::Lft };
    let signatures =
        if seed.is_multiple_of(REAL_KEYS_EVERY) { Signatures::Ed25519 } else { Signatures::Hash };
    let mix = if kind == Kind::Lft { Mix::SWARM } else { Mix::default() };
    let mix = match bug {
        Some(Bug::GroupOverlap) => Mix { groups: 1_000, ..mix },
        _ => mix,
    };
    let options = Options {
        sizes: vec![1, 4, 4, 4, 5, 7, 10],
        mix,
        villains: false,
        trouble_max: TROUBLE_MAX,
        ..Options::default()
    };
    let base = campaign::plan(seed, &options);
    let heals_at = base.network.heals_at;
    let mut parameters = base.parameters;
    if kind == Kind::Lft {
        parameters.extend(draw_pace(&mut chance));
        if let Some(Seat::Rule(name)) = bug.map(Bug::seat) {
            parameters.push(("planted_bug".to_owned(), name.to_owned()));
        }
        parameters.sort();
    }
    let mut plan = Plan {
        seed,
        kind,
        weights: base.weights,
        groups: base.groups,
        parameters,
        villains: BTreeMap::new(),
        odd: BTreeSet::new(),
        followers: base.followers,
        network: base.network,
        falls: base.faults.falls.into_iter().map(|fall| (fall, Loss::Nothing)).collect(),
        die_permille: base.faults.die_before_permille,
        disk_error_permille: if chance.permille(100) { 2 } else { 0 },
        down_max: base.faults.down_max.max(MS),
        costs: base.costs,
        skews: Vec::new(),
        clocks: BTreeMap::new(),
        neighbour_permille: 0,
        pauses: Vec::new(),
        client_every: chance.one_of(&[30 * MS, 100 * MS, 400 * MS, 2_000 * MS], 100 * MS),
        clients: draw_clients(&mut chance),
        late_clients: base.late_clients,
        settles_within: PROGRESS_WITHIN,
        signatures,
        turns: Vec::new(),
        bug,
    };
    plan.turns = turns(&plan, heals_at);
    draw_faulty(&mut plan, &mut chance, heals_at);
    draw_skews(&mut plan, &mut chance);
    trouble::draw(&mut plan);
    if plan.clients.boom + plan.clients.slow > 0 {
        plan.settles_within = PROGRESS_WITH_POISON;
    }
    plan
}

/// Ends of epochs: who votes with which weight, parameters, limits and the rule change. They have a
/// chance of their own, so that plans without them stay what they were.
fn turns(plan: &Plan, heals_at: Micros) -> Vec<Turn> {
    let mut chance = Chance::new(plan.seed ^ 0x5349_4D5F_5455_524E);
    if plan.bug.is_some() || !chance.permille(TURNS_PERMILLE) {
        return Vec::new();
    }
    let first = Turn {
        at: 0,
        weights: plan.weights.clone(),
        kind: plan.kind,
        parameters: plan.parameters.clone(),
        block_txs: BLOCK_TXS,
    };
    let mut all = vec![first];
    for _ in 0..chance.between(1, TURNS_MAX) {
        let before = all.last().cloned().into_iter();
        all.extend(before.map(|before| turn(plan, before, &mut chance)));
    }
    all.remove(0);
    let mut times: Vec<Micros> = all.iter().map(|_| chance.below(heals_at)).collect();
    times.sort_unstable();
    for (turn, at) in all.iter_mut().zip(times) {
        turn.at = at;
    }
    all
}

fn turn(plan: &Plan, before: Turn, chance: &mut Chance) -> Turn {
    let mut turn = before.clone();
    let has_fast = plan.parameters.iter().any(|(name, _)| name == "fast");
    // A threshold of a group, and how many fast commit needs, fit the set they were drawn for.
    if plan.groups.is_empty() && !has_fast && chance.permille(700) {
        reweigh(&mut turn.weights, &plan.weights, chance);
        if plan.kind == Kind::Lft && chance.permille(200) {
            (turn.kind, turn.parameters) = match before.kind {
                Kind::Lft => (Kind::Simplex, Vec::new()),
                Kind::Simplex => (Kind::Lft, plan.parameters.clone()),
            };
        }
    }
    if turn.kind == Kind::Lft && chance.permille(500) {
        let pace = draw_pace(chance);
        let is_pace = |name: &String| pace.iter().any(|(known, _)| known == name);
        turn.parameters.retain(|(name, _)| !is_pace(name));
        turn.parameters.extend(pace);
        turn.parameters.sort();
    }
    // Something has to change.
    let same = Turn { block_txs: turn.block_txs, ..before };
    if turn == same || chance.permille(300) {
        turn.block_txs = if turn.block_txs == BLOCK_TXS { BLOCK_TXS / 3 } else { BLOCK_TXS };
    }
    turn
}

/// One validator leaves, comes back or gets another weight; at least three stay.
fn reweigh(weights: &mut [u64], first: &[u64], chance: &mut Chance) {
    let voting = weights.iter().filter(|weight| **weight > 0).count();
    let pick = usize::try_from(chance.below(weights.len() as u64)).unwrap_or(0);
    let (Some(weight), Some(origin)) = (weights.get_mut(pick), first.get(pick)) else { return };
    *weight = match *weight {
        0 => *origin,
        _ if voting > 3 && chance.permille(500) => 0,
        _ => chance.between(1, 3),
    };
}

/// Timers: the default ones, or shorter ones that end more often.
fn draw_pace(chance: &mut Chance) -> Vec<(String, String)> {
    let paces = [[500, 250, 10_000], [200, 150, 4_000], [100, 60, 2_000], [50, 20, 1_500]];
    let names = ["delta", "execution", "timeout_max"];
    let pace = chance.one_of(&paces, [500, 250, 10_000]);
    names.iter().zip(pace).map(|(name, value)| ((*name).to_owned(), value.to_string())).collect()
}

fn draw_clients(chance: &mut Chance) -> ClientMix {
    ClientMix {
        again: chance.one_of(&[0, 100, 300], 100),
        bad: chance.one_of(&[0, 50, 200], 50),
        boom: chance.one_of(&[0, 0, 0, 20], 0),
        slow: chance.one_of(&[0, 0, 30], 0),
        noise: 0,
    }
}

/// Who misbehaves, who is odd and who loses a disk: together with the groups that they spoil they
/// weigh no more than the rule tolerates.
fn draw_faulty(plan: &mut Plan, chance: &mut Chance, heals_at: Micros) {
    let count = plan.weights.len() as u64;
    if chance.permille(250) {
        return;
    }
    let mut spoiled: BTreeSet<u16> = BTreeSet::new();
    for _ in 0..count {
        let index = u16::try_from(chance.below(count)).unwrap_or(0);
        let bad = |other| other == index || spoiled.contains(&other);
        if spoiled.contains(&index) || plan.is_too_much(&bad) {
            continue;
        }
        spoiled.insert(index);
        match chance.below(10) {
            0 => drop(plan.odd.insert(index)),
            1 => plan.falls.push(lost(chance, index, heals_at, Loss::Log)),
            2 => plan.falls.push(lost(chance, index, heals_at, Loss::Store)),
            3 => plan.falls.push(lost(chance, index, heals_at, Loss::NewestBlocks)),
            _ => drop(plan.villains.insert(index, Villain::draw(chance))),
        }
    }
    if !plan.odd.is_empty() {
        plan.clients.noise = 30;
    }
}

fn lost(chance: &mut Chance, index: u16, heals_at: Micros, loss: Loss) -> (Fall, Loss) {
    let at = chance.below(heals_at);
    (Fall { at, who: Some(usize::from(index)), down: chance.between(MS, 5 * SECOND) }, loss)
}

fn draw_skews(plan: &mut Plan, chance: &mut Chance) {
    let most = chance.one_of(&[0, 0, 50 * MS, 240 * MS, 2 * SECOND], 0);
    let half = i64::try_from(most).unwrap_or(0);
    for number in 0..plan.nodes() {
        let draw = i64::try_from(chance.between(0, 2 * most)).unwrap_or(0) - half;
        let index = plan.index_of(number);
        let villain = index.and_then(|index| plan.villains.get(&index));
        let skew = match villain {
            Some(Villain::TimeLiar(liar)) => liar.skew,
            _ => draw,
        };
        plan.skews.push(skew);
    }
}

impl Plan {
    /// The validator set of each epoch, as the harness counts it, every seat at its number: who does
    /// not vote in it weighs nothing.
    #[must_use]
    pub fn sets(&self) -> Vec<Vec<Validator>> {
        let set = |weights: &Vec<u64>| {
            let clean = plugin_api_harness::Plan::clean(weights.len(), MS);
            let groups = self.groups.clone();
            plugin_api_harness::Plan { weights: weights.clone(), groups, ..clean }.validators()
        };
        let later = self.turns.iter().map(|turn| &turn.weights);
        std::iter::once(&self.weights).chain(later).map(set).collect()
    }

    /// Whether validators weigh more than the rule tolerates in the set of any epoch.
    #[must_use]
    pub fn is_too_much(&self, bad: &dyn Fn(u16) -> bool) -> bool {
        let fast = self.parameters.iter().find(|(name, _)| name == "fast");
        let slack: u128 = fast.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
        self.sets().iter().any(|set| {
            let total = quorum::faulty_weight(set, |_| true);
            quorum::faulty_weight(set, bad) > total.saturating_sub(1 + 2 * slack) / 3
        })
    }

    /// Whether an old copy of a validator's disk is put back: it may sign another thing again.
    #[must_use]
    pub fn may_forget(&self, index: u16) -> bool {
        let is_old = |loss: &Loss| matches!(loss, Loss::OldDisk { .. });
        self.falls.iter().any(|(fall, loss)| fall.who == Some(usize::from(index)) && is_old(loss))
    }

    /// Until when a node stands still now.
    #[must_use]
    pub fn pauses_until(&self, node: usize, now: Micros) -> Option<Micros> {
        let holds = |pause: &&Pause| pause.node == node && pause.from <= now && now < pause.until;
        self.pauses.iter().filter(holds).map(|pause| pause.until).max()
    }

    /// Indices of villains that run twice.
    pub fn twins(&self) -> impl Iterator<Item = u16> {
        self.villains.iter().filter(|(_, villain)| villain.is_twin()).map(|(index, _)| *index)
    }

    /// Nodes: validators, then second halves of villains, then followers.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.weights.len() + self.twins().count() + self.followers
    }

    /// A node's index in the validator set.
    #[must_use]
    pub fn index_of(&self, node: usize) -> Option<u16> {
        match node.checked_sub(self.weights.len()) {
            None => u16::try_from(node).ok(),
            Some(place) => self.twins().nth(place),
        }
    }

    /// Whether a node is a villain.
    #[must_use]
    pub fn is_villain(&self, node: usize) -> bool {
        self.index_of(node).is_some_and(|index| self.villains.contains_key(&index))
    }

    /// Whether messages travel as bytes.
    #[must_use]
    pub fn is_true_to_bytes(&self) -> bool {
        self.signatures == Signatures::Ed25519
    }

    /// Whether somebody speaks although nothing is to be done.
    #[must_use]
    pub fn is_noisy(&self) -> bool {
        let late = |villain: &Villain| !matches!(villain, Villain::Speaker(Speaker::Mute(_)));
        self.villains.values().any(late)
            || !self.villains.is_empty()
            || self.clients.boom + self.clients.slow > 0
    }
}
