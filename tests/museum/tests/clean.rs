//! The exhibits work: without trouble LFT1 and LFT2 make blocks on every node, and agree. Else their
//! forks would prove nothing.

use plugin_api::ConsensusRule;
use plugin_api_harness::{
    Plan,
    clock::{MS, SECOND},
    cluster::Cluster,
};
use tests_museum::{Lft1, Lft2};

/// Heights of all nodes after a minute with some work.
fn heights<R: ConsensusRule>(count: usize) -> Vec<u64> {
    let mut plan = Plan::clean(count, 10 * MS);
    plan.network.delay_max = 15 * MS;
    plan.network.healed_max = 15 * MS;
    plan.clients = (0..40).map(|n: usize| (n as u64 * SECOND, n % count)).collect();
    let mut cluster = Cluster::<R>::new(&plan);
    cluster.until(60 * SECOND, |_| false);
    assert_eq!(cluster.world.broken, None, "{} with {count}", R::ID);
    for host in &cluster.hosts {
        assert_eq!(host.included().len(), 40, "{} with {count}: work is done", R::ID);
    }
    cluster.hosts.iter().map(plugin_api_harness::host::Host::height).collect()
}

#[test]
fn lft1_makes_a_block_every_two_seconds_and_changes_its_leader_every_ten() {
    for count in [4, 5, 7] {
        let heights = heights::<Lft1>(count);
        assert!(heights.iter().all(|height| (25..=30).contains(height)), "{count}: {heights:?}");
    }
}

#[test]
fn lft2_makes_a_block_every_two_delays() {
    for count in [4, 5, 7] {
        let heights = heights::<Lft2>(count);
        assert!(heights.iter().all(|height| *height > 1_500), "{count}: {heights:?}");
    }
}
