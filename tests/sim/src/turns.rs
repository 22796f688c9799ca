//! The epochs of a run: what each runs with, and where those that have begun stand.
//!
//! In: validators, rule and limits of the genesis, the planned [`Turn`]s; the root on which nodes begin
//! an epoch. Out: sets, prefixes of statements, who sits where. Every seat of the genesis keeps its key
//! and its number in the run; its index in a later set may be another. Deliberately not here: when an
//! epoch ends (`bank` says what the state holds, `host/core` what comes of it).

use crate::rule::Kind;
use host_types::epoch::EpochConfig;
use host_types::statement::StatementPrefix;
use host_types::{BlockId, Epoch, GenesisHash};
use plugin_api_harness::clock::Micros;
use std::sync::Arc;

/// One planned change of what a channel runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// When an admin asks for it.
    pub at: Micros,
    /// Weights from then on, one for each validator of the genesis; 0: it no longer votes.
    pub weights: Vec<u64>,
    /// Which rule from then on.
    pub kind: Kind,
    /// Its parameters.
    pub parameters: Vec<(String, String)>,
    /// Transactions of a block from then on.
    pub block_txs: u64,
}

/// What one epoch runs with.
#[derive(Debug)]
pub struct EpochPlan {
    /// Its configuration.
    pub config: Arc<EpochConfig>,
    /// Which rule.
    pub kind: Kind,
    /// Its validators as the rule sees them.
    pub validators: Vec<plugin_api::Validator>,
    /// Number in the run of each of them.
    pub members: Vec<u16>,
}

impl EpochPlan {
    /// The index of a seat of the run.
    #[must_use]
    pub fn index_of(&self, number: u16) -> Option<u16> {
        let place = self.members.iter().position(|member| *member == number)?;
        u16::try_from(place).ok()
    }
}

/// All epochs of a run.
#[derive(Debug)]
pub struct EpochPlans {
    genesis: GenesisHash,
    all: Vec<EpochPlan>,
    begun: Vec<(BlockId, StatementPrefix)>,
}

impl EpochPlans {
    /// The epochs of a channel, of which the first has begun.
    #[must_use]
    pub fn new(genesis: GenesisHash, all: Vec<EpochPlan>, root: BlockId) -> Self {
        let mut epochs = Self { genesis, all, begun: Vec::new() };
        let begins = epochs.begin(Epoch::ZERO, root);
        debug_assert_eq!(begins, Ok(()), "the genesis begins the first epoch");
        epochs
    }

    /// What an epoch runs with; none when no such epoch was planned.
    #[must_use]
    pub fn get(&self, epoch: Epoch) -> Option<&EpochPlan> {
        self.all.get(usize::try_from(epoch.get()).ok()?)
    }

    /// What statements of an epoch begin with; none before it begins anywhere.
    #[must_use]
    pub fn prefix(&self, epoch: Epoch) -> Option<&StatementPrefix> {
        Some(&self.begun.get(usize::try_from(epoch.get()).ok()?)?.1)
    }

    /// A node begins an epoch on a block.
    ///
    /// # Errors
    /// One line: it begins on another block elsewhere, or nobody planned it.
    pub fn begin(&mut self, epoch: Epoch, root: BlockId) -> Result<(), String> {
        let place = usize::try_from(epoch.get()).unwrap_or(usize::MAX);
        if let Some((known, _)) = self.begun.get(place) {
            let is_same = *known == root;
            return is_same.then_some(()).ok_or_else(|| {
                format!("epoch {epoch} begins on {root} here and on {known} elsewhere")
            });
        }
        let plan = self.all.get(place).filter(|_| place == self.begun.len());
        let plan = plan.ok_or_else(|| format!("epoch {epoch} begins, and none is due"))?;
        self.begun.push((root, plan.config.statement_prefix(self.genesis, root)));
        Ok(())
    }

    /// The last planned epoch.
    #[must_use]
    pub fn last(&self) -> Epoch {
        Epoch::new((self.all.len() as u64).saturating_sub(1))
    }

    /// How many have begun somewhere.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun.len() as u64
    }
}
