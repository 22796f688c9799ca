//! Processes killed while transactions flow: the others go on, nothing acknowledged is lost, what
//! was killed catches up and votes again.

use crate::sample;
use std::time::Duration;
use tests::load::{Writers, longest_gap};
use tests::network::CHANNEL;
use tests::{Network, chain, eventually, process};

/// Commits go on within this time after any one peer is killed (`reliability.md` 5.7).
const FAILOVER: Duration = Duration::from_secs(3);
/// How long commits are watched after a kill.
const WATCHED: Duration = Duration::from_secs(5);
/// A peer is started again after 1 s, reads its files and fetches what it missed.
const BACK_WITHIN: Duration = Duration::from_secs(30);
/// Writers rest for good before chains are compared.
const SETTLE: Duration = Duration::from_secs(20);

const NODES: [&str; 4] = ["bank-a/peer0", "bank-b/peer1", "exchange/peer2", "registrar/peer3"];

fn others(peer: u16) -> Vec<u16> {
    (0..4).filter(|other| *other != peer).collect()
}

/// Who leads the profile's channel, as a peer sees it.
fn leader(network: &Network) -> u16 {
    eventually(FAILOVER, "the channel has a leader", || {
        let state = network.channel(0, CHANNEL)?;
        let leader = state["leader"].as_str()?;
        NODES.iter().position(|node| *node == leader)?.try_into().ok()
    })
}

fn kill(network: &Network, peer: u16) -> u32 {
    let pid = network.pid_of(&format!("peer{peer}"));
    process::signal("KILL", &[pid]);
    pid
}

/// The peer runs again under another process, is in step, and its vote is in new Final proofs.
fn is_back(network: &Network, peer: u16, killed: u32) {
    let name = format!("peer{peer}");
    network.said_line(&format!("{name} ended (signal: 9 (SIGKILL))"), FAILOVER);
    network.said_line(&format!("{name} runs again"), FAILOVER);
    let (url, other) = (format!("/api/v2/channels/{CHANNEL}/blocks/latest"), others(peer)[0]);
    let started = network.height(other, CHANNEL).unwrap_or_default();
    eventually(BACK_WITHIN, "it has caught up", || {
        (network.height(peer, CHANNEL)? >= started).then_some(())
    });
    let since = network.height(other, CHANNEL).unwrap_or_default();
    eventually(BACK_WITHIN, "it votes again", || {
        let block = network.get(other, &url).json();
        let signers = block["proof"]["signers"].as_array()?.clone();
        let is_signer = signers.iter().any(|s| s["name"] == NODES[usize::from(peer)]);
        (is_signer && block["height"].as_u64()? > since).then_some(())
    });
    assert_ne!(network.pid_of(&name), killed, "it is another process");
}

#[test]
fn commits_go_on_without_a_follower_and_without_the_leader() {
    let network = Network::up(sample());
    let writers = Writers::start(&network);
    assert!(
        longest_gap(&network, &others(0), Duration::from_secs(2)) < FAILOVER,
        "transactions flow"
    );
    let follower = others(leader(&network))[0];
    let first = kill(&network, follower);
    let gap = longest_gap(&network, &others(follower), WATCHED);
    assert!(gap < FAILOVER, "no block for {gap:?} after the follower peer{follower} died");
    is_back(&network, follower, first);
    let led = leader(&network);
    let second = kill(&network, led);
    let gap = longest_gap(&network, &others(led), WATCHED);
    assert!(gap < FAILOVER, "no block for {gap:?} after the leader peer{led} died");
    is_back(&network, led, second);
    let acknowledged = writers.stop();
    for (peer, by_peer) in acknowledged.iter().enumerate() {
        assert!(by_peer.len() > 5, "peer{peer} acknowledged {}", by_peer.len());
    }
    let (height, _) = network.agreed(CHANNEL, SETTLE);
    let whole = chain::of_all(&network, CHANNEL, height);
    chain::holds_once(&whole, &acknowledged.concat());
    balances_are_conserved(&network);
}

#[test]
fn all_four_killed_at_once_lose_nothing_that_was_acknowledged() {
    let network = Network::up(sample());
    let writers = Writers::start(&network);
    assert!(
        longest_gap(&network, &others(0), Duration::from_secs(3)) < FAILOVER,
        "transactions flow"
    );
    let peers = network.ps().into_iter().filter(|process| process.name != "radiostation");
    let pids: Vec<_> = peers.map(|process| process.pid).collect();
    process::signal("KILL", &pids);
    for peer in 0..4 {
        network.said_line(&format!("peer{peer} runs again"), BACK_WITHIN);
    }
    eventually(BACK_WITHIN, "all four commit again", || {
        let heights: Option<Vec<_>> = (0..4).map(|peer| network.height(peer, CHANNEL)).collect();
        heights
    });
    let before = network.height(0, CHANNEL).unwrap();
    eventually(BACK_WITHIN, "new blocks come", || {
        (network.height(0, CHANNEL)? > before + 3).then_some(())
    });
    let acknowledged = writers.stop().concat();
    assert!(acknowledged.len() > 20, "{} were acknowledged", acknowledged.len());
    let (height, _) = network.agreed(CHANNEL, SETTLE);
    let whole = chain::of_all(&network, CHANNEL, height);
    chain::holds_once(&whole, &acknowledged);
    balances_are_conserved(&network);
}

/// What alice lost bob has, at every peer.
fn balances_are_conserved(network: &Network) {
    for peer in 0..4 {
        let url = network.url(peer, "");
        let balance = |who: &str| -> u128 {
            let who = format!("who={who}");
            let asked = ["query", "token.balance_of", &who, "--endpoint", &url];
            let said = network.cli(&asked);
            said.stdout.trim().trim_matches('"').parse().unwrap_or_else(|_| panic!("{said:?}"))
        };
        assert_eq!(balance("alice") + balance("bob"), 1_000_000, "peer{peer}");
    }
}
