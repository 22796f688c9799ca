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

/// Transactions that wait, in order of arrival.
#[derive(Clone, Debug)]
pub struct Pool {
    /// A leader goes through these for every block, so that they need no look at the ids.
    by_arrival: BTreeMap<u64, AdmittedTx>,
    /// Those of SCOREs that are laid aside, which are not in `by_arrival`: whoever fills a block would
    /// pass all of them by, each time.
    aside: BTreeMap<ScoreName, BTreeMap<u64, AdmittedTx>>,
    /// The arrival of each.
    by_id: BTreeMap<TxId, u64>,
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
            by_arrival: BTreeMap::new(),
            aside: BTreeMap::new(),
            by_id: BTreeMap::new(),
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
        self.by_id.insert(id, arrival);
        self.by_expiry.insert((expiry, arrival));
        let score = &tx.transaction().transaction().score;
        self.aside.get_mut(score).unwrap_or(&mut self.by_arrival).insert(arrival, tx);
        Ok(Inserted::New)
    }

    /// Takes a transaction out.
    pub fn remove(&mut self, id: &TxId) -> Option<AdmittedTx> {
        let arrival = self.by_id.remove(id)?;
        let mut queues = std::iter::once(&mut self.by_arrival).chain(self.aside.values_mut());
        let tx = queues.find_map(|queue| queue.remove(&arrival))?;
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
            let Some(id) = self.at(arrival).map(AdmittedTx::id) else { break };
            if expiry >= time {
                break;
            }
            self.remove(&id);
            gone.push(id);
        }
        gone
    }

    fn queues(&self) -> impl Iterator<Item = &BTreeMap<u64, AdmittedTx>> {
        std::iter::once(&self.by_arrival).chain(self.aside.values())
    }

    fn at(&self, arrival: u64) -> Option<&AdmittedTx> {
        self.queues().find_map(|queue| queue.get(&arrival))
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
        let is_aside =
            |tx: &AdmittedTx| self.aside.contains_key(&tx.transaction().transaction().score);
        let gone: Vec<_> = self.by_arrival.extract_if(.., |_, tx| is_aside(tx)).collect();
        for (arrival, tx) in gone {
            if let Some(queue) = self.aside.get_mut(&tx.transaction().transaction().score) {
                queue.insert(arrival, tx);
            }
        }
    }

    /// A waiting transaction.
    #[must_use]
    pub fn get(&self, id: &TxId) -> Option<&AdmittedTx> {
        self.at(*self.by_id.get(id)?)
    }

    /// Where a waiting transaction stands.
    #[must_use]
    pub fn place(&self, id: &TxId) -> Option<Place> {
        let arrival = *self.by_id.get(id)?;
        let tx = self.at(arrival)?;
        Some(Place {
            ahead: self.queues().map(|queue| queue.range(..arrival).count() as u64).sum(),
            waiting: self.by_id.len() as u64,
            of_signer: self.per_signer.get(&tx.signer()).copied().unwrap_or_default(),
            signer_max: self.signer_max,
        })
    }

    /// Waiting transactions that are not laid aside, in order of arrival.
    pub fn in_order(&self) -> impl Iterator<Item = &AdmittedTx> {
        self.by_arrival.values()
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether it waits and is not laid aside.
    #[must_use]
    pub fn is_in_order(&self, id: &TxId) -> bool {
        self.by_id.get(id).is_some_and(|arrival| self.by_arrival.contains_key(arrival))
    }

    /// Those of these transactions that wait and are not laid aside, in order of arrival.
    pub fn in_order_of(&self, ids: &BTreeSet<TxId>) -> impl Iterator<Item = &AdmittedTx> {
        let mut arrivals: Vec<u64> =
            ids.iter().filter_map(|id| self.by_id.get(id).copied()).collect();
        arrivals.sort_unstable();
        arrivals.into_iter().filter_map(|arrival| self.by_arrival.get(&arrival))
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

    /// How much of its bounds is in use, percent.
    #[must_use]
    pub fn filled_percent(&self) -> u64 {
        let of = |part: u64, whole: u64| part.saturating_mul(100) / whole.max(1);
        of(self.by_id.len() as u64, self.txs_max).max(of(self.bytes, self.bytes_max))
    }

    /// Bytes that wait.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}
