//! The network with nothing else to do: what it costs, and how long one transaction takes.

use super::client::Client;
use super::network::LocalNetwork;
use crate::cpu::of_process_tree;
use crate::disk::{Times, new_times, note};
use crate::error::BenchError;
use host_types::{RawTx, TxId};
use std::time::{Duration, Instant};

/// Rest between two transactions: every one meets an idle network.
const PAUSE: Duration = Duration::from_millis(20);
/// How long the other peers may take after the first.
const OTHERS_WITHIN: Duration = Duration::from_secs(5);

/// CPU seconds of all peers and the workers of their SCOREs.
pub(super) fn cpu_of_peers(network: &LocalNetwork) -> f64 {
    network.peers.iter().map(|peer| of_process_tree(peer.pid)).sum()
}

/// Percent of one core that a peer uses on average.
pub(super) async fn cpu_percent(network: &LocalNetwork, watch: Duration) -> f64 {
    let (start, before) = (Instant::now(), cpu_of_peers(network));
    tokio::time::sleep(watch).await;
    let used = cpu_of_peers(network) - before;
    used / start.elapsed().as_secs_f64() / network.peers.len() as f64 * 100.0
}

/// Latency of single transactions.
#[derive(Debug)]
pub(super) struct Probes {
    /// Until the peer that took it answers that it is final.
    pub(super) first: Times,
    /// Until every peer says so.
    pub(super) all: Times,
}

async fn until_final(peer: &mut Client, id: &TxId, start: Instant) -> Result<(), BenchError> {
    while !peer.is_final(id).await? {
        if start.elapsed() > OTHERS_WITHIN {
            return Err(BenchError::void("a probe is not final on every peer"));
        }
    }
    Ok(())
}

/// Sends transactions one after another to the peers in turn. When the peer that took one says that
/// it is final, the others are asked, all at once, until they say so too: no peer is polled meanwhile,
/// so the machine stays idle, and the time of the others is at most one round trip too long.
pub(super) async fn probe(
    network: &LocalNetwork,
    transactions: &[(TxId, RawTx)],
) -> Result<Probes, BenchError> {
    let mut clients = Vec::new();
    for peer in &network.peers {
        clients.push(Client::open(&peer.rest).await?);
    }
    let mut probes = Probes { first: new_times()?, all: new_times()? };
    let count = clients.len().max(1);
    for (number, (id, raw)) in transactions.iter().enumerate() {
        let start = Instant::now();
        let Some(taker) = clients.get_mut(number % count) else { break };
        let info = taker.finalise(raw).await?;
        note(&mut probes.first, start);
        if let Some(failure) = info.failure() {
            return Err(BenchError::void(format!("a probe: {failure}")));
        }
        let others = clients.iter_mut().enumerate().filter(|(at, _)| *at != number % count);
        futures::future::try_join_all(others.map(|(_, other)| until_final(other, id, start)))
            .await?;
        note(&mut probes.all, start);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(probes)
}
