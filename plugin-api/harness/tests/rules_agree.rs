//! Two rules written apart, `lft` and `simplex`, given the same transactions on a network without
//! faults, must end with the same ledger: the same transactions at the same heights.

#![expect(clippy::unwrap_used, reason = "small numbers of this file fit")]

use lft::Lft;
use plugin_api::ConsensusRule;
use plugin_api_harness::{
    Plan,
    clock::{Chance, MS, SECOND},
    cluster::Cluster,
};
use simplex::Simplex;

/// Transactions of every non-empty block, in order, of every node.
fn ledgers<R: ConsensusRule>(plan: &Plan, until: u64) -> Vec<Vec<Vec<u64>>> {
    let mut cluster = Cluster::<R>::new(plan);
    cluster.until(until, |_| false);
    assert_eq!(cluster.world.broken, None, "{}", R::ID);
    let of = |ledger: &Vec<plugin_api_harness::world::Entry>| {
        ledger.iter().skip(1).map(|entry| entry.block.transactions.clone()).collect()
    };
    cluster.hosts.iter().map(|host| of(&host.disk.ledger)).collect()
}

/// A fault-free plan: weights, delay and costs of a seed, and a transaction every so often.
fn plan(seed: u64, every: u64, count: u64) -> Plan {
    let mut chance = Chance::new(seed);
    let validators = chance.one_of(&[1, 4, 5, 7], 4);
    let mut plan = Plan::clean(validators, chance.between(100, 5_000));
    plan.seed = seed;
    plan.weights = (0..validators).map(|_| chance.between(1, 3)).collect();
    plan.costs.execute_max = chance.one_of(&[0, 2 * MS], 0);
    plan.costs.flush_max = chance.one_of(&[0, 5 * MS], 0);
    let nodes = validators as u64;
    plan.clients = (1..=count)
        .map(|place| (place * every, usize::try_from(chance.below(nodes)).unwrap()))
        .collect();
    plan
}

#[test]
fn without_faults_both_rules_make_the_same_ledger() {
    for seed in 0..60 {
        // Each transaction has time to become final before the next one comes.
        let plan = plan(seed, 500 * MS, 12);
        let until = 10 * SECOND;
        let (lft, simplex) = (ledgers::<Lft>(&plan, until), ledgers::<Simplex>(&plan, until));
        let expected: Vec<Vec<u64>> = (1..=12).map(|transaction| vec![transaction]).collect();
        for (node, ledger) in lft.iter().enumerate() {
            assert_eq!(*ledger, expected, "seed {seed}: lft at node {node}");
        }
        assert_eq!(lft, simplex, "seed {seed}");
    }
}

#[test]
fn under_load_both_rules_finish_the_same_transactions_once_each() {
    for seed in 0..20 {
        let plan = plan(seed, 3 * MS, 400);
        let until = 30 * SECOND;
        let flat = |ledgers: Vec<Vec<Vec<u64>>>| -> Vec<Vec<u64>> {
            let sorted = |ledger: &Vec<Vec<u64>>| {
                let mut all = ledger.concat();
                all.sort_unstable();
                all
            };
            ledgers.iter().map(sorted).collect()
        };
        let (lft, simplex) =
            (flat(ledgers::<Lft>(&plan, until)), flat(ledgers::<Simplex>(&plan, until)));
        assert!(lft.iter().all(|all| all.len() == 400), "seed {seed}");
        assert_eq!(lft, simplex, "seed {seed}");
    }
}
