//! The blocks above the last final one: a tree, because execution before finality is one.
//!
//! Each node of the tree goes `Header → Complete → Executing → Executed | Invalid | NoResult`, and
//! only forwards. Bounded by `BLOCKS_AHEAD_MAX`; what leaves the branch of the head is dropped.

use host_types::block::{Block, RootPair, TxIds};
use host_types::epoch::EpochConfig;
use host_types::{BlockId, Header, TxId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How far a block has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Header and ids are known; bodies may be missing.
    Header,
    /// All bodies are here and fit the header.
    Complete,
    /// Being executed.
    Executing,
    /// Executed, with this result.
    Executed(RootPair),
    /// Breaks a rule of the host.
    Invalid(String),
    /// No result here.
    NoResult(String),
}

/// One block of the tree.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its header.
    pub header: Header,
    /// Ids of its transactions.
    pub tx_ids: TxIds,
    /// The block, once it is complete.
    pub block: Option<Block>,
    /// How far it is.
    pub progress: Progress,
    /// Whether the rule waits for a verdict.
    pub is_wanted: bool,
    /// Whether it is known to be final.
    pub is_final: bool,
    /// Results that a certificate names, the newest last. One, but with fast commit.
    pub certified: Vec<RootPair>,
    /// The result that is final.
    pub settled: Option<RootPair>,
    /// What the next epoch runs with, in the state after it; told before its result.
    pub next: Option<Arc<EpochConfig>>,
}

/// Certificates of several results of one block, at most: fast commit allows two while neither is
/// final.
const CERTIFIED_MAX: usize = 4;

impl Entry {
    /// A certificate names this result.
    pub fn certify(&mut self, roots: RootPair) {
        self.certified.retain(|known| *known != roots);
        if self.certified.len() < CERTIFIED_MAX {
            self.certified.push(roots);
        }
    }

    /// The agreed result, when it is one that this node does not have.
    #[must_use]
    pub fn other_result(&self) -> Option<RootPair> {
        let agreed = self.settled.or_else(|| self.certified.last().copied())?;
        match &self.progress {
            Progress::Executed(own) if *own == agreed => None,
            Progress::Executed(own) if self.settled.is_none() && self.certified.contains(own) => {
                None
            }
            Progress::Executed(_) | Progress::NoResult(_) => Some(agreed),
            Progress::Header | Progress::Complete | Progress::Executing | Progress::Invalid(_) => {
                None
            }
        }
    }
}

/// Blocks above the last final one.
#[derive(Clone, Debug, Default)]
pub struct BlockTree {
    entries: BTreeMap<BlockId, Entry>,
}

impl BlockTree {
    /// Adds a header with the ids of its transactions; keeps what is already there.
    pub fn insert_header(&mut self, id: BlockId, header: Header, tx_ids: TxIds) -> &mut Entry {
        self.entries.entry(id).or_insert_with(|| Entry {
            header,
            tx_ids,
            block: None,
            progress: Progress::Header,
            is_wanted: false,
            is_final: false,
            certified: Vec::new(),
            settled: None,
            next: None,
        })
    }

    /// Adds a complete block.
    pub fn insert_block(&mut self, block: Block) -> &mut Entry {
        let (header, ids) = (block.header().clone(), block.tx_ids().clone());
        let entry = self.insert_header(block.id(), header, ids);
        if entry.progress == Progress::Header {
            entry.progress = Progress::Complete;
            entry.block = Some(block);
        }
        entry
    }

    /// A block.
    #[must_use]
    pub fn get(&self, id: &BlockId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// A block, to change.
    pub fn get_mut(&mut self, id: &BlockId) -> Option<&mut Entry> {
        self.entries.get_mut(id)
    }

    /// How many blocks are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every block.
    pub fn iter(&self) -> impl Iterator<Item = (&BlockId, &Entry)> {
        self.entries.iter()
    }

    /// From a block down to the first that is not in the tree, newest first.
    pub fn branch(&self, tip: BlockId) -> impl Iterator<Item = (BlockId, &Entry)> {
        let mut next = Some(tip);
        std::iter::from_fn(move || {
            let id = next?;
            let entry = self.entries.get(&id)?;
            next = Some(entry.header.parent.block);
            Some((id, entry))
        })
    }

    /// The transactions of the branch that ends in `tip`, sorted.
    #[must_use]
    pub fn branch_ids(&self, tip: BlockId) -> Vec<TxId> {
        let ids = self.branch(tip).flat_map(|(_, entry)| entry.tx_ids.iter().copied());
        let mut ids: Vec<TxId> = ids.collect();
        ids.sort_unstable();
        ids
    }

    /// Removes a block that became final and everything that cannot follow it: blocks at its
    /// height or below, and the descendants of those. Gives what was dropped without being final.
    pub fn settle(&mut self, id: BlockId) -> Vec<BlockId> {
        let Some(settled) = self.entries.remove(&id) else { return Vec::new() };
        let height = settled.header.height;
        let mut dropped: Vec<BlockId> = Vec::new();
        loop {
            let stale: Vec<BlockId> = self
                .entries
                .iter()
                .filter(|(_, entry)| {
                    entry.header.height <= height || dropped.contains(&entry.header.parent.block)
                })
                .map(|(id, _)| *id)
                .collect();
            if stale.is_empty() {
                return dropped;
            }
            for id in stale {
                self.entries.remove(&id);
                dropped.push(id);
            }
        }
    }

    /// Drops blocks that nobody waits for, lowest view first, until at most `max` are kept or only
    /// such are left that are final, wanted, being executed, or on the branch that ends in `tip`.
    /// Gives what was dropped.
    pub fn shrink(&mut self, max: usize, tip: BlockId) -> Vec<BlockId> {
        let mut dropped = Vec::new();
        if self.entries.len() <= max {
            return dropped;
        }
        let branch: BTreeSet<BlockId> = self.branch(tip).map(|(id, _)| id).collect();
        let is_needed = |entry: &Entry| {
            entry.is_final || entry.is_wanted || entry.progress == Progress::Executing
        };
        while self.entries.len() > max {
            let oldest = self
                .entries
                .iter()
                .filter(|(id, entry)| !is_needed(entry) && !branch.contains(*id))
                .min_by_key(|(_, entry)| entry.header.view)
                .map(|(id, _)| *id);
            let Some(id) = oldest else { break };
            self.entries.remove(&id);
            dropped.push(id);
        }
        dropped
    }
}
