//! The pool of one channel.

use crate::ingest::AdmittedTx;
use host_types::genesis::ChannelLimits;
use host_types::{Address, BlockTime, Code, Rejection, ScoreName, TxId};
use std::collections::{BTreeMap, BTreeSet};

/// What became of a transaction that was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It waits now.
    New,
    /// It waited already.
    Known,
}

/// Where a transaction stands in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Transactions that came before it.
    pub ahead: u64,
    /// All that wait.
    pub waiting: u64,
    /// Of these, its signer's.
    pub of_signer: u64,
    /// So many of one signer are taken.
    pub signer_max: u64,
}

#[derive(Clone, Debug)]
struct Waiting {
    tx: AdmittedTx,
    arrival: u64,
}

/// Transactions that wait, in order of arrival.
#[derive(Clone, Debug)]
pub struct Pool {
    by_id: BTreeMap<TxId, Waiting>,
    by_arrival: BTreeMap<u64, TxId>,
    /// Those of SCOREs that are laid aside, which are not in `by_arrival`: whoever fills a block would
    /// pass all of them by, each time.
    aside: BTreeMap<ScoreName, BTreeMap<u64, TxId>>,
    /// With the arrival, which is shorter than the id.
    by_expiry: BTreeSet<(BlockTime, u64)>,
    per_signer: BTreeMap<Address, u64>,
    next_arrival: u64,
    bytes: u64,
    txs_max: u64,
    bytes_max: u64,
    signer_max: u64,
}

impl Pool {
    /// An empty pool with the channel's bounds.
    #[must_use]
    pub fn new(limits: &ChannelLimits) -> Self {
        Self {
            by_id: BTreeMap::new(),
            by_arrival: BTreeMap::new(),
            aside: BTreeMap::new(),
            by_expiry: BTreeSet::new(),
            per_signer: BTreeMap::new(),
            next_arrival: 0,
            bytes: 0,
            txs_max: limits.pool_txs,
            bytes_max: limits.pool_bytes,
            signer_max: (limits.pool_txs * limits.signer_share_percent / 100).max(1),
        }
    }

    /// Puts a transaction in.
    ///
    /// # Errors
    /// `LC3202` when the pool is full, `LC3203` when its signer fills its share.
    pub fn insert(&mut self, tx: AdmittedTx) -> Result<Inserted, Rejection> {
        if self.by_id.contains_key(&tx.id()) {
            return Ok(Inserted::Known);
        }
        let size = tx.transaction().size() as u64;
        if self.by_id.len() as u64 >= self.txs_max || self.bytes + size > self.bytes_max {
            let message = format!(
                "the pool holds {} transactions and {} bytes, at most {} and {}",
                self.by_id.len(),
                self.bytes,
                self.txs_max,
                self.bytes_max
            );
            return Err(Rejection::new(Code::PoolFull, message));
        }
        let of_signer = self.per_signer.entry(tx.signer()).or_default();
        if *of_signer >= self.signer_max {
            let message = format!(
                "{} has {of_signer} transactions waiting, at most {}",
                tx.signer(),
                self.signer_max
            );
            return Err(Rejection::new(Code::SignerQuota, message));
        }
        *of_signer += 1;
        self.bytes += size;
        let (id, expiry) = (tx.id(), tx.transaction().transaction().expiry);
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        let score = &tx.transaction().transaction().score;
        self.aside.get_mut(score).unwrap_or(&mut self.by_arrival).insert(arrival, id);
        self.by_expiry.insert((expiry, arrival));
        self.by_id.insert(id, Waiting { tx, arrival });
        Ok(Inserted::New)
    }

    /// Takes a transaction out.
    pub fn remove(&mut self, id: &TxId) -> Option<AdmittedTx> {
        let Waiting { tx, arrival } = self.by_id.remove(id)?;
        let score = &tx.transaction().transaction().score;
        self.aside.get_mut(score).unwrap_or(&mut self.by_arrival).remove(&arrival);
        self.by_expiry.remove(&(tx.transaction().transaction().expiry, arrival));
        self.bytes -= tx.transaction().size() as u64;
        if let Some(count) = self.per_signer.get_mut(&tx.signer()) {
            *count -= 1;
            if *count == 0 {
                self.per_signer.remove(&tx.signer());
            }
        }
        Some(tx)
    }

    /// Takes out everything that can no longer enter a block after this block time.
    pub fn expire(&mut self, time: BlockTime) -> Vec<TxId> {
        let mut gone = Vec::new();
        while let Some(&(expiry, arrival)) = self.by_expiry.first() {
            let Some(id) = self.at(arrival) else { break };
            if expiry >= time {
                break;
            }
            self.remove(&id);
            gone.push(id);
        }
        gone
    }

    fn at(&self, arrival: u64) -> Option<TxId> {
        let mut queues = std::iter::once(&self.by_arrival).chain(self.aside.values());
        queues.find_map(|queue| queue.get(&arrival)).copied()
    }

    /// From now on the transactions of these SCOREs and of no others are laid aside: they wait, count and
    /// expire, and [`Self::in_order`] does not give them. What comes back stands where it stood.
    pub fn lay_aside(&mut self, scores: &BTreeSet<ScoreName>) {
        if self.aside.keys().eq(scores) {
            return;
        }
        let back = self.aside.extract_if(.., |score, _| !scores.contains(score));
        self.by_arrival.extend(back.flat_map(|(_, queue)| queue));
        for score in scores {
            self.aside.entry(score.clone()).or_default();
        }
        let (by_id, aside) = (&self.by_id, &mut self.aside);
        self.by_arrival.retain(|arrival, id| {
            let score = by_id.get(id).map(|waiting| &waiting.tx.transaction().transaction().score);
            let Some(queue) = score.and_then(|score| aside.get_mut(score)) else { return true };
            queue.insert(*arrival, *id);
            false
        });
    }

    /// A waiting transaction.
    #[must_use]
    pub fn get(&self, id: &TxId) -> Option<&AdmittedTx> {
        self.by_id.get(id).map(|waiting| &waiting.tx)
    }

    /// Where a waiting transaction stands.
    #[must_use]
    pub fn place(&self, id: &TxId) -> Option<Place> {
        let Waiting { tx, arrival } = self.by_id.get(id)?;
        Some(Place {
            ahead: std::iter::once(&self.by_arrival)
                .chain(self.aside.values())
                .map(|queue| queue.range(..arrival).count() as u64)
                .sum(),
            waiting: self.by_id.len() as u64,
            of_signer: self.per_signer.get(&tx.signer()).copied().unwrap_or_default(),
            signer_max: self.signer_max,
        })
    }

    /// Waiting transactions that are not laid aside, in order of arrival.
    pub fn in_order(&self) -> impl Iterator<Item = &AdmittedTx> {
        self.by_arrival.values().filter_map(|id| self.get(id))
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// How many wait that are not laid aside.
    #[must_use]
    pub fn in_order_len(&self) -> usize {
        self.by_arrival.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Bytes that wait.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}
