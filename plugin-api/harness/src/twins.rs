//! Twins: validators that run twice with one key, and for each view who hears whom. Every Byzantine
//! behaviour that two honest instances of one key can show, by enumeration instead of by chance.
//!
//! In: a [`Space`] and a number. Out: a [`Scenario`], the same for ever, and its [`Verdict`]. For
//! some views a partition of the hosts stands: what is said in a view reaches only hosts of the
//! speaker's part, the rest is lost, until repetition ends a view that nobody could. Then everything heals, and new transactions must become final
//! everywhere. Partitions are canonical (no two are renamings of each other), numbers do not meet
//! in one scenario before the space is used up, and who leads is chosen by who is doubled and by the
//! parameters. A message's view is that of its registers; a helper message is of its sender's view.
//!
//! Not here: formats of a rule; delays (each message takes one millisecond), crashes, loss by chance
//! (`campaign`).

use crate::{
    campaign::Totals,
    check::progress,
    clock::{MS, Micros, SECOND, mix},
    cluster::{Cluster, Plan},
    verdict::Verdict,
    villain::{Villain, equivocator::Equivocator},
    world::{Event, Wire},
};
use plugin_api::{ConsensusRule, Statement};
use std::collections::{BTreeMap, BTreeSet};

/// Parts a partition has, at most: two quorums never fit in more.
const PARTS_MAX: u8 = 3;
/// How long the partition of a view stands since something was first said in it: longer than honest
/// patience, so that all of them give up while it stands; then what they repeat ends the view.
const PARTITION_LASTS: Micros = 120 * MS;
/// How long the views with partitions may take; then everything heals, however far they came.
const TROUBLE_MAX: Micros = 4 * SECOND;
/// How long after healing everything must be final.
const PROGRESS_WITHIN: Micros = 20 * SECOND;
/// Transactions before and after healing.
const TRANSACTIONS: u64 = 6;

/// A family of scenarios.
#[derive(Clone, Debug)]
pub struct Space {
    /// Number of validators, each of weight 1.
    pub validators: u16,
    /// How many of them run twice: no more than may be faulty.
    pub doubled: usize,
    /// Views with a partition.
    pub views: u32,
    /// Sets of parameters of the rule; the choice is part of the scenario.
    pub parameters: Vec<Vec<(String, String)>>,
}

/// One scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Who runs twice. The second halves are the hosts behind the validators, in this order.
    pub doubled: Vec<u16>,
    /// For each view from 1 on, the part each host is in.
    pub parts: Vec<Vec<u8>>,
    /// Parameters of the rule.
    pub parameters: Vec<(String, String)>,
}

impl Space {
    /// A scenario of this space; the same number is the same scenario for ever.
    #[must_use]
    pub fn scenario(&self, number: u64) -> Scenario {
        let hosts = usize::from(self.validators) + self.doubled;
        let partitions = partitions(hosts);
        let choices = subsets(self.validators, self.doubled);
        let radix = [choices.len(), self.parameters.len().max(1)];
        let mut size = radix.iter().fold(1u128, |size, more| size * *more as u128);
        for _ in 0..self.views {
            size = size.saturating_mul(partitions.len() as u128);
        }
        // Strides through the space, so that a first thousand is no corner of it.
        let mut rest = u128::from(number).wrapping_mul(stride(size)) % size.max(1);
        let mut digit = |count: usize| {
            let count = (count as u128).max(1);
            let place = usize::try_from(rest % count).unwrap_or(0);
            rest /= count;
            place
        };
        let doubled = choices.get(digit(choices.len())).cloned().unwrap_or_default();
        let place = digit(self.parameters.len());
        let parameters = self.parameters.get(place).cloned().unwrap_or_default();
        let parts = (0..self.views)
            .map(|_| partitions.get(digit(partitions.len())).cloned().unwrap_or_default());
        Scenario { parts: parts.collect(), doubled, parameters }
    }
}

/// A number without a common divisor with `size`, about 0.618 of it.
fn stride(size: u128) -> u128 {
    let start = (size / 1_000 * 618 + size % 1_000 * 618 / 1_000) | 1;
    (start..).find(|candidate| greatest_common(*candidate, size) == 1).unwrap_or(1)
}

fn greatest_common(mut a: u128, mut b: u128) -> u128 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// All partitions of so many hosts: the first host is in part 0, and a new part gets the next
/// number, so that each partition is listed once.
fn partitions(hosts: usize) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new()];
    for _ in 0..hosts {
        all = all
            .into_iter()
            .flat_map(|begun: Vec<u8>| {
                let used = begun.iter().max().map_or(0, |most| most + 1);
                (0..=used.min(PARTS_MAX - 1)).map(move |part| {
                    let mut longer = begun.clone();
                    longer.push(part);
                    longer
                })
            })
            .collect();
    }
    all
}

/// All ways to choose `count` of the validators.
fn subsets(validators: u16, count: usize) -> Vec<Vec<u16>> {
    let mut all = vec![Vec::new()];
    for validator in 0..validators {
        let longer: Vec<Vec<u16>> = all
            .iter()
            .filter(|begun| begun.len() < count)
            .map(|begun| [begun.as_slice(), &[validator]].concat())
            .collect();
        all.extend(longer);
    }
    all.retain(|chosen| chosen.len() == count);
    all
}

/// Runs a scenario.
#[must_use]
pub fn run<R: ConsensusRule>(validators: u16, scenario: &Scenario) -> (Verdict, Totals) {
    let mut stage = Stage::<R>::new(validators, scenario);
    let verdict = stage.judge();
    let totals = Totals {
        seeds: 1,
        blocks: stage.cluster.world.agreement.height(),
        events: stage.cluster.world.events,
        virtual_micros: stage.cluster.world.agenda.now(),
        bad: Vec::new(),
    };
    (verdict, totals)
}

/// Runs scenarios `first..first + count` of a space; the first bad one ends it.
#[must_use]
pub fn run_many<R: ConsensusRule>(space: &Space, first: u64, count: u64) -> Totals {
    let mut totals = Totals::default();
    for number in first..first.saturating_add(count) {
        let scenario = space.scenario(number);
        let (verdict, ran) = run::<R>(space.validators, &scenario);
        totals.seeds += ran.seeds;
        totals.blocks += ran.blocks;
        totals.events += ran.events;
        totals.virtual_micros += ran.virtual_micros;
        if !verdict.is_good() {
            totals.bad.push((number, format!("{verdict:?} in scenario {number}: {scenario:?}")));
            break;
        }
    }
    totals
}

struct Stage<'a, R> {
    cluster: Cluster<R>,
    scenario: &'a Scenario,
    has_healed: bool,
    /// When something was first said in a view.
    begun: BTreeMap<u64, Micros>,
    sent: BTreeSet<u64>,
}

impl<'a, R: ConsensusRule> Stage<'a, R> {
    fn new(validators: u16, scenario: &'a Scenario) -> Self {
        let mut plan = Plan::clean(usize::from(validators), MS);
        plan.seed = mix(u64::from(validators));
        plan.parameters.clone_from(&scenario.parameters);
        let double = |index: &u16| (*index, Villain::Equivocator(Equivocator::OPEN));
        plan.villains = scenario.doubled.iter().map(double).collect();
        // The guard of honest hosts stays: a rule that leans on it is found out.
        let cluster = Cluster::new(&plan);
        Self { cluster, scenario, has_healed: false, begun: BTreeMap::new(), sent: BTreeSet::new() }
    }

    fn judge(&mut self) -> Verdict {
        self.send(0);
        let views = self.scenario.parts.len() as u64;
        self.until(TROUBLE_MAX, |stage| stage.lowest_view() > views);
        self.has_healed = true;
        self.send(TRANSACTIONS);
        let end = self.cluster.world.agenda.now() + PROGRESS_WITHIN;
        self.until(end, |stage| stage.missing().is_none());
        let honest = |index: &u16| !self.scenario.doubled.contains(index);
        if let Some(broken) = &self.cluster.world.broken {
            return Verdict::Diverged(broken.clone());
        }
        if let Some(innocent) = self.cluster.world.accused.keys().find(|index| honest(index)) {
            return Verdict::Diverged(format!("honest validator {innocent} is accused"));
        }
        self.missing().map_or(Verdict::Agreed, Verdict::Stalled)
    }

    /// Transactions to honest validators in turn; all are different, so that halves of a validator
    /// build different blocks.
    fn send(&mut self, above: u64) {
        let honest: Vec<usize> = self.honest().collect();
        for transaction in above + 1..=above + TRANSACTIONS {
            let place = usize::try_from(transaction).unwrap_or(0) % honest.len().max(1);
            let Some(node) = honest.get(place).copied() else { return };
            self.sent.insert(transaction);
            self.cluster.world.agenda.put(transaction * MS, Event::Client { node, transaction });
        }
    }

    fn honest(&self) -> impl Iterator<Item = usize> {
        let hosts = self.cluster.hosts.iter().filter(|host| host.is_honest());
        hosts.map(|host| host.role.number)
    }

    fn lowest_view(&self) -> u64 {
        let views = self.cluster.hosts.iter().filter(|host| host.is_honest());
        views.filter_map(|host| host.inspect()).map(|inspect| inspect.view).min().unwrap_or(0)
    }

    fn until(&mut self, end: Micros, is_done: impl Fn(&Self) -> bool) {
        let mut handled = 0u64;
        while self.cluster.world.broken.is_none() {
            // The condition is dear, so it is looked at now and then.
            if handled.is_multiple_of(32) && is_done(self) {
                return;
            }
            handled += 1;
            let Some(event) = self.cluster.world.agenda.next(end) else { return };
            self.cluster.world.events += 1;
            if !self.stops(&event) {
                self.cluster.handle(event);
            }
        }
    }

    /// Whether a message crosses the partition of the view it is of.
    fn stops(&mut self, event: &Event) -> bool {
        let Event::Deliver { from, to, wire } = event else { return false };
        if self.has_healed || matches!(wire, Wire::Transactions(_)) {
            return false;
        }
        let of = |statement: &Statement| statement.slots.iter().map(|slot| slot.view).max();
        let view = match wire {
            Wire::Statement(statement) | Wire::Proposal(_, statement, _) => of(statement),
            _ => self.cluster.hosts.get(*from).and_then(|host| host.inspect()).map(|i| i.view),
        };
        let Some(view) = view else { return false };
        let now = self.cluster.world.agenda.now();
        if now >= *self.begun.entry(view).or_insert(now) + PARTITION_LASTS {
            return false;
        }
        let place = view.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let parts = place.and_then(|place| self.scenario.parts.get(place));
        parts.is_some_and(|parts| parts.get(*from) != parts.get(*to))
    }

    fn missing(&self) -> Option<String> {
        let top = self.cluster.world.agreement.height();
        for host in self.cluster.hosts.iter().filter(|host| host.is_honest()) {
            let number = host.role.number;
            if let Err(why) = progress::all_final(number, &self.sent, &host.included()) {
                return Some(why);
            }
            if host.height() != top {
                return Some(format!("node {number} is at height {} of {top}", host.height()));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Space, partitions, subsets};
    use std::collections::BTreeSet;

    #[test]
    fn partitions_are_all_there_is_and_each_once() {
        // Sums of Stirling numbers of the second kind, up to three parts.
        for (hosts, count) in [(1, 1), (2, 2), (3, 5), (5, 41), (9, 3_281)] {
            let all = partitions(hosts);
            assert_eq!(all.len(), count, "{hosts} hosts");
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), count);
        }
        assert_eq!(subsets(7, 2).len(), 21);
        assert_eq!(subsets(4, 1), [[0], [1], [2], [3]]);
    }

    #[test]
    fn numbers_do_not_meet_before_the_space_is_used_up() {
        let space = Space { validators: 3, doubled: 1, views: 1, parameters: Vec::new() };
        // 3 choices of the doubled one, 14 partitions of 4 hosts.
        let all: Vec<String> = (0..42).map(|n| format!("{:?}", space.scenario(n))).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 42);
        assert_eq!(space.scenario(42), space.scenario(0));
    }
}
