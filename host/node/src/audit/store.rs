//! The copy of a peer's store that an audit reads, and receipts of what stands in it.
//!
//! In: the folder of a channel. Out: its blocks one by one for a [`Walk`]; receipts of transactions.
//! The copy is removed with the [`AuditStore`]; the peer's own files are only read. Deliberately not
//! here: what is right (`walk`).

use super::Walk;
use crate::peer::readiness::Stored as State;
use crate::plugins::PluggedRule;
use crate::receipt::{Stored, assemble};
use crate::replay::Place;
use crate::replay::scratch::Scratch;
use host_core::system::state::epoch_records;
use host_rpc::gateway::{EpochEnd, ProofView, ReceiptView};
use host_rules::Rules;
use host_store::{AtTip, CopyReport, Kept, RewindError, Rewound, StoreError, Told, rewind};
use host_types::epoch::Epochs;
use host_types::genesis::ChannelGenesis;
use host_types::limits::BLOCKS_AHEAD_MAX;
use host_types::proof::FinalProof;
use host_types::{Code, Height, Rejection};
use std::path::PathBuf;
use std::sync::Arc;

/// A copy at the peer's last block.
#[derive(Debug)]
pub struct AuditStore {
    rewound: Rewound,
    genesis: Arc<ChannelGenesis>,
    copied: CopyReport,
    /// The folder that was copied.
    pub(super) channel: PathBuf,
    /// Removed at the end.
    _scratch: Scratch,
}

/// Files that cannot be read as what they are count as damaged here: nobody is asked to restart.
fn code_of(error: &RewindError) -> Code {
    match error {
        RewindError::Store(error) if error.is_damage() => Code::StoreDamaged,
        error => error.code(),
    }
}

fn failed(error: &StoreError) -> Rejection {
    Rejection::new(error.code(), error.to_string())
}

impl AuditStore {
    /// Copies the store. `told` hears of the copy.
    ///
    /// # Errors
    /// `LC1101` when there is no store there; `LC5302`, `LC5205` and `LC5206` when it cannot be copied
    /// or read; `LC2412` when it has no block but the genesis.
    pub fn open(place: &Place, told: Told<'_>) -> Result<Self, Rejection> {
        place.check()?;
        let scratch = Scratch::new()?;
        let last = |at: &AtTip<'_>| Ok(at.tip);
        let taken = rewind(&place.channel, &scratch.path().join("store"), &last, told);
        let (rewound, copied) =
            taken.map_err(|error| Rejection::new(code_of(&error), error.to_string()))?;
        let genesis = Arc::new(rewound.genesis().clone());
        Ok(Self { rewound, genesis, copied, channel: place.channel.clone(), _scratch: scratch })
    }

    /// The channel's genesis, as the store has it: whoever audits compares its hash.
    #[must_use]
    pub fn genesis(&self) -> &Arc<ChannelGenesis> {
        &self.genesis
    }

    /// The last block.
    #[must_use]
    pub const fn last(&self) -> Height {
        self.rewound.last()
    }

    /// What the copy cost.
    #[must_use]
    pub const fn copied(&self) -> CopyReport {
        self.copied
    }

    /// A walk at the genesis.
    ///
    /// # Errors
    /// As [`Walk::new`], or when the store cannot be read.
    pub fn walk<'a>(&self, rules: Rules<'a>) -> Result<Walk<'a>, Rejection> {
        let reader = self.rewound.store().reader();
        let first = reader.pair(Height::ZERO).map_err(|error| failed(&error))?;
        let first = first.ok_or_else(|| Rejection::new(Code::StoreDamaged, "no block 0"))?;
        let records = epoch_records(&State(reader)).into_iter().map(|(_, config)| config);
        Walk::new(Arc::clone(&self.genesis), first.roots, records.collect(), rules)
    }

    /// A block.
    ///
    /// # Errors
    /// `LC5206` when it is not there or cannot be read.
    pub fn block(&self, height: Height) -> Result<Kept, Rejection> {
        let kept = self.rewound.kept(height).map_err(|error| failed(&error))?;
        kept.ok_or_else(|| {
            Rejection::new(Code::StoreDamaged, format!("block {height} is not there"))
        })
    }

    /// The proof of a block, with the headers that lead to the block that it is about.
    fn proof(&self, kept: &Kept) -> Result<FinalProof, Rejection> {
        let (mut at, mut descendants) = (kept.clone(), Vec::new());
        loop {
            if let Some(proof) = at.proof {
                descendants.extend(proof.descendants);
                return Ok(FinalProof { descendants, ..proof });
            }
            if descendants.len() >= BLOCKS_AHEAD_MAX {
                let height = kept.block.header().height;
                let message = format!("block {height} has no Final proof");
                return Err(Rejection::new(Code::ProofWrong, message));
            }
            at = self.block(at.block.header().height.next())?;
            descendants.push(at.block.header().clone());
        }
    }

    /// The receipt of a transaction of a block, after a walk to the end.
    ///
    /// # Errors
    /// When there is no such transaction, its signer is not known, or its block has no proof yet.
    pub fn receipt(
        &self,
        kept: &Kept,
        index: usize,
        walk: &Walk<'_>,
        rules: Rules<'_>,
    ) -> Result<ReceiptView, Rejection> {
        let height = kept.block.header().height;
        let missing = || {
            let message = format!("transaction {index} of block {height} has no receipt");
            Rejection::new(Code::NotFound, message)
        };
        let tx = kept.block.transactions().get(index).ok_or_else(missing)?;
        let certificate = walk.certificate(tx).ok_or_else(missing)?.der;
        let stored =
            Stored { block: &kept.block, receipts: &kept.result.receipts, index, certificate };
        let proof = self.proof_view(kept, walk.epochs(), rules)?;
        assemble(stored, Arc::clone(&self.genesis), proof).ok_or_else(missing)
    }

    fn proof_view(
        &self,
        kept: &Kept,
        (epochs, ends): (&Epochs, &[EpochEnd]),
        rules: Rules<'_>,
    ) -> Result<ProofView, Rejection> {
        let header = kept.block.header().clone();
        let run = epochs.get(header.epoch).ok_or_else(|| {
            Rejection::new(Code::ChainBroken, format!("epoch {} is not known", header.epoch))
        })?;
        let (set, proof) = (&run.config.validators, self.proof(kept)?);
        let signers = PluggedRule::describe(&rules(&run.config.rule)?, set, &proof.rule_proof);
        let named = signers
            .into_iter()
            .filter_map(|(index, weight)| Some((set.get(index)?.name.clone(), weight)));
        let before = usize::try_from(header.epoch.get()).unwrap_or(usize::MAX);
        Ok(ProofView {
            channel: self.genesis.channel.clone(),
            roots: kept.result.roots,
            signers: named.collect(),
            proof,
            rule: run.config.rule.clone(),
            validators: set.clone(),
            epochs: ends.iter().take(before).cloned().collect(),
            header,
        })
    }
}
