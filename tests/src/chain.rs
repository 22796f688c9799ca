//! The whole chain of every peer, read and compared.
//!
//! In: a network whose peers are at one height. Out: which transactions are in it and how often;
//! a panic when two peers show different blocks.

use crate::network::Network;
use serde_json::Value;
use std::collections::BTreeMap;

/// Most blocks of one page of the REST interface.
const PAGE: u64 = 100;

/// All blocks of one peer up to a height: hash and transactions of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Block hashes from height 0.
    pub hashes: Vec<String>,
    /// Transactions: id, then the heights it stands at.
    pub transactions: BTreeMap<String, Vec<u64>>,
}

impl Chain {
    /// How often a transaction is in it.
    #[must_use]
    pub fn count(&self, id: &str) -> usize {
        self.transactions.get(id).map_or(0, Vec::len)
    }
}

/// Reads the chain of a peer, checks that each block names the one before it.
///
/// # Panics
/// When a block is not there or does not fit.
#[must_use]
pub fn of_peer(network: &Network, peer: u16, channel: &str, height: u64) -> Chain {
    let mut chain = Chain::default();
    let base = format!("/api/v2/channels/{channel}/blocks");
    for start in (0..=height).step_by(usize::try_from(PAGE).unwrap_or(1)) {
        let end = (start + PAGE).min(height + 1);
        let page = network.get(peer, &format!("{base}?before={end}&limit={}", end - start)).json();
        let mut blocks = page["blocks"].as_array().cloned().expect("a page of blocks");
        blocks.reverse();
        assert_eq!(blocks.len() as u64, end - start, "peer{peer} has all blocks below {end}");
        for (at, block) in (start..end).zip(&blocks) {
            assert_eq!(block["height"], at, "peer{peer} gives blocks in order");
            if let Some(before) = chain.hashes.last() {
                assert_eq!(block["parent_hash"], before.as_str(), "peer{peer}, block {at}");
            }
            chain.hashes.push(block["hash"].as_str().unwrap_or_default().to_owned());
            if block["tx_count"] != 0 {
                let block = network.get(peer, &format!("{base}/{at}")).json();
                note(&mut chain, at, &block);
            }
        }
    }
    chain
}

fn note(chain: &mut Chain, at: u64, block: &Value) {
    let transactions = block["transactions"].as_array().cloned().unwrap_or_default();
    assert_eq!(block["tx_count"], transactions.len() as u64, "block {at} is whole");
    for transaction in transactions {
        let id = transaction["hash"].as_str().unwrap_or_default().to_owned();
        chain.transactions.entry(id).or_default().push(at);
    }
}

/// The one chain of all four peers.
///
/// # Panics
/// When two differ.
#[must_use]
pub fn of_all(network: &Network, channel: &str, height: u64) -> Chain {
    let first = of_peer(network, 0, channel, height);
    for peer in 1..4 {
        assert_eq!(of_peer(network, peer, channel, height), first, "peer{peer} and peer0 agree");
    }
    first
}

/// Every transaction acknowledged as final is in the chain exactly once.
///
/// # Panics
/// When one is lost or doubled.
pub fn holds_once(chain: &Chain, acknowledged: &[String]) {
    let wrong: Vec<_> = acknowledged.iter().filter(|id| chain.count(id) != 1).collect();
    assert!(
        wrong.is_empty(),
        "{} of {} acknowledged transactions are not there exactly once: {wrong:?}",
        wrong.len(),
        acknowledged.len()
    );
    let doubled: Vec<_> = chain.transactions.iter().filter(|(_, at)| at.len() > 1).collect();
    assert!(doubled.is_empty(), "transactions that stand in two places: {doubled:?}");
}
