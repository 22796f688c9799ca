//! C1, P1: one pair per height, on every honest node, for ever.

use host_types::block::{Block, Pair};
use host_types::{Height, TxId};
use std::collections::BTreeMap;

/// Every final pair of the run, and the place of every final transaction.
#[derive(Debug, Default)]
pub struct Agreement {
    pairs: BTreeMap<Height, (Pair, usize)>,
    /// Where each transaction is final.
    pub places: BTreeMap<TxId, Height>,
}

impl Agreement {
    /// A node says that a pair is final at a height.
    ///
    /// # Errors
    /// When another one was, or a transaction is final at two heights.
    pub fn note(&mut self, node: usize, block: &Block, pair: Pair) -> Result<(), String> {
        let height = block.header().height;
        let (known, first) = *self.pairs.entry(height).or_insert((pair, node));
        if known != pair {
            let (a, b) = (known.block, pair.block);
            return Err(format!(
                "fork at height {height}: node {first} has {a} with state {}, node {node} has {b} with state {}",
                known.roots.state, pair.roots.state
            ));
        }
        for tx in block.transactions().iter() {
            let place = *self.places.entry(tx.id()).or_insert(height);
            if place != height {
                return Err(format!("transaction {} is final at {place} and {height}", tx.id()));
            }
        }
        Ok(())
    }

    /// Highest final height of any node.
    #[must_use]
    pub fn height(&self) -> Height {
        self.pairs.last_key_value().map_or(Height::ZERO, |(height, _)| *height)
    }

    /// What was agreed at a height.
    #[must_use]
    pub fn at(&self, height: Height) -> Option<Pair> {
        self.pairs.get(&height).map(|(pair, _)| *pair)
    }
}
