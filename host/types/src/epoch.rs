//! What an epoch runs with, and how a `configure` change makes the next one of it.
//!
//! In: a genesis (epoch 0), or the configuration of an epoch and a [`Configure`]. Out: the
//! configuration of the next epoch, or the reason why there is none. Deliberately not here: who has to
//! approve (`host/core/src/system`), whether a rule takes its parameters (only the rule can say).

use crate::block::Header;
use crate::change::{Configure, ValidatorChange};
use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use crate::genesis::{ChannelGenesis, ChannelLimits, Policies, RuleConfig};
use crate::hash::{Domain, Hash32};
use crate::height::{Epoch, Height};
use crate::ids::{BlockId, GenesisHash};
use crate::limits::{BLOCK_BYTES_MAX, BLOCK_TXS_MAX, STEPS_PER_BLOCK};
use crate::statement::StatementPrefix;
use crate::validators::ValidatorSet;
use std::sync::Arc;

const FORMAT: u64 = 1;
/// With policies that are not those of the genesis, at the end.
const FORMAT_WITH_POLICIES: u64 = 2;

/// Everything that may be another in the next epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochConfig {
    /// Its number.
    pub epoch: Epoch,
    /// Who votes.
    pub validators: ValidatorSet,
    /// By which rule.
    pub rule: RuleConfig,
    /// How large blocks may be. The other limits stay those of the genesis.
    pub limits: ChannelLimits,
    /// Who may do what; none: as the genesis says.
    pub policies: Option<Policies>,
}

impl EpochConfig {
    /// Epoch 0.
    #[must_use]
    pub fn of_genesis(genesis: &ChannelGenesis) -> Self {
        Self {
            epoch: Epoch::ZERO,
            validators: genesis.validators.clone(),
            rule: genesis.rule.clone(),
            limits: genesis.limits,
            policies: None,
        }
    }

    /// Who may do what.
    #[must_use]
    pub const fn policies<'a>(&'a self, genesis: &'a ChannelGenesis) -> &'a Policies {
        match &self.policies {
            Some(policies) => policies,
            None => &genesis.policies,
        }
    }

    /// Its hash, as a sealing block names the next one.
    #[must_use]
    pub fn hash(&self) -> Hash32 {
        Domain::Epoch.hash(&[&self.to_bytes()])
    }

    /// What statements begin with.
    #[must_use]
    pub fn statement_prefix(&self, genesis: GenesisHash, root: BlockId) -> StatementPrefix {
        StatementPrefix::new(genesis, &self.rule.id, self.epoch, root)
    }

    /// The configuration of the epoch after `epoch`, which is that of the change, when the change is
    /// made on top of this one (that epoch's own, or what was accepted for the next one already).
    ///
    /// # Errors
    /// One line: what is wrong with the change.
    pub fn changed_by(&self, epoch: Epoch, change: &Configure) -> Result<Self, String> {
        if change.epoch != epoch {
            return Err(format!("it is about epoch {}, the channel is in {epoch}", change.epoch));
        }
        let next = Self {
            epoch: epoch.next(),
            validators: self.changed_set(&change.validators)?,
            rule: change.rule.clone().unwrap_or_else(|| self.rule.clone()),
            limits: match change.limits {
                Some(limits) => limits.over(self.limits)?,
                None => self.limits,
            },
            policies: change.policies.as_deref().or(self.policies.as_ref()).cloned(),
        };
        if next == (Self { epoch: next.epoch, ..self.clone() }) {
            return Err("it changes nothing".into());
        }
        Ok(next)
    }

    fn changed_set(&self, changes: &[ValidatorChange]) -> Result<ValidatorSet, String> {
        let mut all = self.validators.all().to_vec();
        let mut units = self.validators.units().clone();
        for change in changes {
            match change {
                ValidatorChange::Remove(name) => {
                    let before = all.len();
                    all.retain(|validator| validator.name != *name);
                    if all.len() == before {
                        return Err(format!("{name} is no validator"));
                    }
                }
                ValidatorChange::Set { validator, unit } => {
                    match unit {
                        Some(unit) => drop(units.insert(validator.group.clone(), *unit)),
                        None => drop(units.remove(&validator.group)),
                    }
                    match all.iter_mut().find(|known| known.name == validator.name) {
                        Some(known) => *known = validator.clone(),
                        None => all.push(validator.clone()),
                    }
                }
            }
        }
        units.retain(|group, _| all.iter().any(|validator| validator.group == *group));
        let set = ValidatorSet::new(all).ok_or(
            "no validators would be left, or too many, or a name or key would stand there twice",
        )?;
        let set = set.with_units(units).ok_or(
            "the threshold of a group that counts as one would not be more than half of its members",
        )?;
        if set.total_weight() > u128::from(u64::MAX) {
            return Err("the weights add up to more than 2^64 - 1".into());
        }
        Ok(set)
    }
}

/// Limits of blocks that a change may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLimits {
    /// Transactions of a block, bytes.
    pub block_bytes: u64,
    /// Transactions of a block.
    pub block_txs: u64,
    /// Basic blocks of a block.
    pub steps_per_block: u64,
}

impl BlockLimits {
    /// The block limits of a channel.
    #[must_use]
    pub const fn of(limits: &ChannelLimits) -> Self {
        Self {
            block_bytes: limits.block_bytes,
            block_txs: limits.block_txs,
            steps_per_block: limits.steps_per_block,
        }
    }

    /// Every transaction that was admitted under the limits of the genesis must still fit a block.
    fn over(self, limits: ChannelLimits) -> Result<ChannelLimits, String> {
        let within = |name, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(value);
            }
            Err(format!("{name} = {value} is not between {least} and {most}"))
        };
        let bytes_max = BLOCK_BYTES_MAX as u64;
        let (least, most) = (limits.steps_per_tx, STEPS_PER_BLOCK.max(limits.steps_per_tx));
        Ok(ChannelLimits {
            block_bytes: within("block_bytes", self.block_bytes, limits.tx_bytes, bytes_max)?,
            block_txs: within("block_txs", self.block_txs, 1, BLOCK_TXS_MAX as u64)?,
            steps_per_block: within("steps_per_block", self.steps_per_block, least, most)?,
            ..limits
        })
    }
}

impl Encode for BlockLimits {
    fn encode(&self, w: &mut Writer) {
        w.list(&[self.block_bytes, self.block_txs, self.steps_per_block]);
    }
}

impl Decode<'_> for BlockLimits {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(3)?;
        Ok(Self { block_bytes: r.uint()?, block_txs: r.uint()?, steps_per_block: r.uint()? })
    }
}

impl Encode for EpochConfig {
    fn encode(&self, w: &mut Writer) {
        let has_policies = self.policies.is_some();
        w.array(if has_policies { 6 } else { 5 });
        w.uint(if has_policies { FORMAT_WITH_POLICIES } else { FORMAT });
        self.epoch.encode(w);
        self.validators.encode(w);
        self.rule.encode(w);
        self.limits.encode(w);
        if let Some(policies) = &self.policies {
            policies.encode(w);
        }
    }
}

impl Decode<'_> for EpochConfig {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let items = r.array_up_to(6)?;
        let unknown = r.error(CodecErrorKind::UnknownFormat);
        let has_policies = match (r.uint()?, items) {
            (FORMAT, 5) => false,
            (FORMAT_WITH_POLICIES, 6) => true,
            _ => return Err(unknown),
        };
        Ok(Self {
            epoch: Epoch::decode(r)?,
            validators: ValidatorSet::decode(r)?,
            rule: RuleConfig::decode(r)?,
            limits: ChannelLimits::decode(r)?,
            policies: if has_policies { Some(Policies::decode(r)?) } else { None },
        })
    }
}

/// An epoch and where it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochRun {
    /// What it runs with.
    pub config: Arc<EpochConfig>,
    /// Its root: genesis, or the sealing block of the epoch before.
    pub root: BlockId,
    /// Height of the root.
    pub root_height: Height,
}

impl EpochRun {
    /// What statements begin with.
    #[must_use]
    pub fn statement_prefix(&self, genesis: GenesisHash) -> StatementPrefix {
        self.config.statement_prefix(genesis, self.root)
    }
}

/// All epochs of a channel so far, the first one first. There is one record for each change that the
/// validators agreed on: as many as people decide, none by a stranger's doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epochs {
    first: EpochRun,
    later: Vec<EpochRun>,
}

impl Epochs {
    /// Of a channel that never changed.
    #[must_use]
    pub fn of_genesis(genesis: &ChannelGenesis) -> Self {
        let first = EpochRun {
            config: Arc::new(EpochConfig::of_genesis(genesis)),
            root: genesis.header().id(),
            root_height: Height::ZERO,
        };
        Self { first, later: Vec::new() }
    }

    /// The next epoch begins on this root; `None` when its number is not the next one.
    #[must_use]
    pub fn with(mut self, run: EpochRun) -> Option<Self> {
        let fits = run.config.epoch == self.current().config.epoch.next()
            && run.root_height > self.current().root_height;
        self.later.push(run);
        fits.then_some(self)
    }

    /// The last one.
    #[must_use]
    pub fn current(&self) -> &EpochRun {
        self.later.last().unwrap_or(&self.first)
    }

    /// Every epoch.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &EpochRun> {
        std::iter::once(&self.first).chain(&self.later)
    }

    /// One by its number.
    #[must_use]
    pub fn get(&self, epoch: Epoch) -> Option<&EpochRun> {
        self.all().find(|run| run.config.epoch == epoch)
    }
}

/// Whether nothing with transactions may follow this block in its epoch.
#[must_use]
pub const fn ends_transactions(header: &Header) -> bool {
    header.next_validators.is_some() || matches!(header.kind, crate::block::ProposalKind::Closing)
}

/// Whether this block closes that one, as far as kind, height and epoch tell.
#[must_use]
pub fn closes(header: &Header, parent: &Header) -> bool {
    matches!(header.kind, crate::block::ProposalKind::Closing)
        && ends_transactions(parent)
        && header.epoch == parent.epoch
        && header.height == parent.height
        && header.tx_count == 0
        && header.next_validators.is_none()
}

#[cfg(test)]
#[path = "epoch_tests.rs"]
mod tests;
