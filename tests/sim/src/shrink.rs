//! Drops the faults of a failing run one by one while it still fails.
//!
//! In: a plan that fails. Out: a plan with fewer faults that fails as well, and what is left in words.
//! Deliberately not here: shorter traffic or other seeds of chance; a fault that is dropped changes
//! every draw after it, so what is left fails for a reason like the first, not for the same events.

use crate::plan::Plan;
use crate::run::run;
use plugin_api_harness::clock::MS;
use plugin_api_harness::world::Costs;

/// Runs that one shrinking may cost, at most.
const RUNS_MAX: usize = 400;

/// One thing that goes wrong in a plan.
type Drop = fn(&Plan) -> Vec<(String, Plan)>;

/// Every way to make a plan simpler, the largest first.
const WAYS: [Drop; 12] = [
    falls,
    deaths,
    villains,
    odd,
    turns,
    walls,
    network,
    clocks,
    wild_clocks,
    pauses,
    clients,
    costs,
];

fn changed(plan: &Plan, what: String, change: impl FnOnce(&mut Plan)) -> (String, Plan) {
    let mut simpler = plan.clone();
    change(&mut simpler);
    (what, simpler)
}

fn falls(plan: &Plan) -> Vec<(String, Plan)> {
    let one = |(place, (fall, loss)): (usize, &(plugin_api_harness::faults::Fall, _))| {
        let who = fall.who.map_or("all".to_owned(), |who| format!("node {who}"));
        let (at, down) = (fall.at / MS, fall.down / MS);
        let what = format!("{who} without power at {at} ms for {down} ms, loss of {loss:?}");
        changed(plan, what, |plan| {
            plan.falls.remove(place);
        })
    };
    plan.falls.iter().enumerate().map(one).collect()
}

fn deaths(plan: &Plan) -> Vec<(String, Plan)> {
    let mut all = Vec::new();
    if plan.die_permille > 0 {
        let what = format!("power goes in {} of 1000 writes", plan.die_permille);
        all.push(changed(plan, what, |plan| plan.die_permille = 0));
    }
    if plan.disk_error_permille > 0 {
        let what = format!("{} of 1000 syncs fail", plan.disk_error_permille);
        all.push(changed(plan, what, |plan| plan.disk_error_permille = 0));
    }
    all
}

fn villains(plan: &Plan) -> Vec<(String, Plan)> {
    let one = |(index, villain)| {
        changed(plan, format!("validator {index} is {villain:?}"), |plan| {
            // Clocks go by number, and a second half takes one.
            plan.villains.remove(index);
        })
    };
    plan.villains.iter().map(one).collect()
}

fn odd(plan: &Plan) -> Vec<(String, Plan)> {
    let one = |index| {
        let what = format!("validator {index} has other results");
        changed(plan, what, |plan| {
            plan.odd.remove(index);
        })
    };
    let mut all: Vec<_> = plan.odd.iter().map(one).collect();
    if plan.followers > 0 {
        all.push(changed(plan, format!("{} followers", plan.followers), |plan| plan.followers = 0));
    }
    all
}

fn turns(plan: &Plan) -> Vec<(String, Plan)> {
    let one = |(place, turn): (usize, &crate::turns::Turn)| {
        let what = format!("{turn:?}");
        changed(plan, what, |plan| {
            plan.turns.remove(place);
        })
    };
    plan.turns.iter().enumerate().map(one).collect()
}

fn walls(plan: &Plan) -> Vec<(String, Plan)> {
    let one = |(place, wall): (usize, &plugin_api_harness::network::Partition)| {
        let (from, until) = (wall.from / MS, wall.until / MS);
        let way = if wall.one_way { "one-way" } else { "two-way" };
        let what = format!("{way} wall around {:b} from {from} to {until} ms", wall.side);
        changed(plan, what, |plan| {
            plan.network.partitions.remove(place);
        })
    };
    plan.network.partitions.iter().enumerate().map(one).collect()
}

fn network(plan: &Plan) -> Vec<(String, Plan)> {
    let network = &plan.network;
    let mut all = Vec::new();
    if network.loss_permille > 0 {
        let what = format!("{} of 1000 messages lost", network.loss_permille);
        all.push(changed(plan, what, |plan| plan.network.loss_permille = 0));
    }
    if network.repeat_permille > 0 {
        let what = format!("{} of 1000 messages repeated", network.repeat_permille);
        all.push(changed(plan, what, |plan| plan.network.repeat_permille = 0));
    }
    if network.tail_permille > 0 {
        let (often, most) = (network.tail_permille, network.tail_max / MS);
        let what = format!("{often} of 1000 messages up to {most} ms late");
        all.push(changed(plan, what, |plan| plan.network.tail_permille = 0));
    }
    all
}

fn clocks(plan: &Plan) -> Vec<(String, Plan)> {
    let skewed = plan.skews.iter().any(|skew| *skew != 0);
    let what = format!("clocks off by {:?} us", plan.skews);
    let plain = changed(plan, what, |plan| plan.skews.iter_mut().for_each(|skew| *skew = 0));
    if skewed { vec![plain] } else { Vec::new() }
}

fn wild_clocks(plan: &Plan) -> Vec<(String, Plan)> {
    let one = |(node, clock)| {
        changed(plan, format!("the clock of node {node}: {clock:?}"), |plan| {
            plan.clocks.remove(node);
        })
    };
    plan.clocks.iter().map(one).collect()
}

fn pauses(plan: &Plan) -> Vec<(String, Plan)> {
    let one = |(place, pause): (usize, &crate::trouble::Pause)| {
        let (from, until) = (pause.from / MS, pause.until / MS);
        let what = format!("node {} stands still from {from} to {until} ms", pause.node);
        changed(plan, what, |plan| {
            plan.pauses.remove(place);
        })
    };
    let mut all: Vec<_> = plan.pauses.iter().enumerate().map(one).collect();
    if plan.neighbour_permille > 0 {
        let what = "a second channel uses the signer".to_owned();
        all.push(changed(plan, what, |plan| plan.neighbour_permille = 0));
    }
    all
}

fn clients(plan: &Plan) -> Vec<(String, Plan)> {
    let mix = plan.clients;
    let mut all = Vec::new();
    let mut offer = |often: u64, what: &str, change: fn(&mut Plan)| {
        if often > 0 {
            all.push(changed(plan, format!("{often} of 1000 transactions {what}"), change));
        }
    };
    offer(mix.again, "are repeats", |plan| plan.clients.again = 0);
    offer(mix.bad, "are bad", |plan| plan.clients.bad = 0);
    offer(mix.boom, "have no result", |plan| plan.clients.boom = 0);
    offer(mix.slow, "have no result at first", |plan| plan.clients.slow = 0);
    offer(mix.noise, "are not deterministic", |plan| plan.clients.noise = 0);
    all
}

fn costs(plan: &Plan) -> Vec<(String, Plan)> {
    let Costs { execute_max, flush_max, build_max, timer_late_max } = plan.costs;
    if execute_max + flush_max + build_max + timer_late_max == 0 {
        return Vec::new();
    }
    let what = format!("{:?} us", plan.costs);
    vec![changed(plan, what, |plan| plan.costs = Costs::NONE)]
}

/// Every fault of a plan in words.
#[must_use]
pub fn faults(plan: &Plan) -> Vec<String> {
    WAYS.iter().flat_map(|way| way(plan)).map(|(what, _)| what).collect()
}

/// Drops what a failing plan does not need to fail. Gives the plan and the runs it took.
#[must_use]
pub fn shrink(plan: &Plan) -> (Plan, usize) {
    let (mut least, mut runs) = (plan.clone(), 0);
    loop {
        let simpler = WAYS.iter().flat_map(|way| way(&least)).map(|(_, plan)| plan);
        let mut found = None;
        for candidate in simpler {
            if runs >= RUNS_MAX {
                return (least, runs);
            }
            runs += 1;
            if !run(candidate.clone(), false).verdict.is_good() {
                found = Some(candidate);
                break;
            }
        }
        match found {
            Some(candidate) => least = candidate,
            None => return (least, runs),
        }
    }
}
