//! C2, C4, C5, P2, P14: what each node stores is a chain without gap, each block on the pair before it
//! and once, each transaction once, with the node's own result equal to the agreed one; and nothing
//! that was stored ever changes.

use crate::store::Stored;
use host_types::block::Pair;
use host_types::{Height, TxId};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
struct Chain {
    pairs: Vec<Pair>,
    seen: BTreeSet<TxId>,
}

/// The chains of all honest nodes.
#[derive(Debug, Default)]
pub struct Chains(BTreeMap<usize, Chain>);

impl Chains {
    /// A node lost its store: it may begin again.
    pub fn forget(&mut self, node: usize) {
        self.0.remove(&node);
    }

    /// A node stored a block; it may be told of one again that survived a crash unacknowledged.
    ///
    /// # Errors
    /// One line.
    pub fn stored(&mut self, node: usize, stored: &Stored) -> Result<(), String> {
        let chain = self.0.entry(node).or_default();
        let (header, pair) = (stored.layer.block.header(), stored.pair);
        let height = header.height;
        if stored.layer.done.roots != pair.roots {
            return Err(format!("stored block {height} with a result that is not its own"));
        }
        let next = Height::new(chain.pairs.len() as u64 + 1);
        if height != next {
            return Err(format!("stored height {height} after {} blocks", chain.pairs.len()));
        }
        if chain.pairs.last().is_some_and(|last| *last != header.parent) {
            return Err(format!("stored block {height} does not stand on the pair before it"));
        }
        for tx in stored.layer.block.transactions().iter() {
            if !chain.seen.insert(tx.id()) {
                return Err(format!("transaction {} is stored twice", tx.id()));
            }
        }
        chain.pairs.push(pair);
        Ok(())
    }

    /// Looks at a node's whole store: it begins with everything that was ever seen of it.
    ///
    /// # Errors
    /// One line.
    pub fn compare(&self, node: usize, ledger: &[Stored]) -> Result<(), String> {
        let seen = self.0.get(&node).map(|chain| chain.pairs.as_slice()).unwrap_or_default();
        let same = ledger.iter().zip(seen).all(|(stored, pair)| stored.pair == *pair);
        if same && ledger.len() >= seen.len() {
            Ok(())
        } else {
            Err(format!("its store of {} blocks is not what it was ({})", ledger.len(), seen.len()))
        }
    }

    /// Takes over blocks that survived a crash without being acknowledged.
    ///
    /// # Errors
    /// As [`Chains::stored`].
    pub fn catch_up(&mut self, node: usize, ledger: &[Stored]) -> Result<(), String> {
        self.compare(node, ledger)?;
        let known = self.0.get(&node).map_or(0, |chain| chain.pairs.len());
        ledger.iter().skip(known).try_for_each(|stored| self.stored(node, stored))
    }
}
