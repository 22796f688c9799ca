//! The Final proof of a block as people get it: with the header, the validators and the rule that it
//! is about, so that one document and the channel's genesis are enough to check it.
//!
//! In: which block. Out: a [`ProofView`], or why there is none. Deliberately not here: checking it
//! (`crate::block_proof`), its JSON form (`host-web`).

use super::ChannelHandle;
use host_rpc::gateway::{BlockRef, EpochEnd, ProofView};
use host_types::epoch::Epochs;
use host_types::{Code, Epoch, Height, Rejection};

impl ChannelHandle {
    /// The Final proof of a block; none when there is no such block.
    ///
    /// # Errors
    /// When the store cannot be read; for genesis, which needs no proof; while the block whose
    /// proof covers this one is being stored.
    pub fn proof_view(&self, block: BlockRef) -> Result<Option<ProofView>, Rejection> {
        let Some(stored) = self.stored(block)? else { return Ok(None) };
        let (header, genesis) = (stored.block.header().clone(), self.genesis());
        if header.height == Height::ZERO {
            let message = "block 0 is made of the channel's genesis and has no Final proof: compare \
                           its hash with that of the genesis";
            return Err(Rejection::new(Code::NotFound, message));
        }
        let proof = self.proof_of(header.height).ok_or_else(|| {
            let message = format!("the Final proof of block {} is being stored", header.height);
            Rejection::new(Code::Syncing, message)
        })?;
        let epochs = self.epochs();
        let run = epochs.get(header.epoch).ok_or_else(|| {
            let message =
                format!("epoch {} of block {} is being stored", header.epoch, header.height);
            Rejection::new(Code::Syncing, message)
        })?;
        Ok(Some(ProofView {
            channel: genesis.channel.clone(),
            signers: self.signers(header.epoch, &proof),
            epochs: self.epoch_ends(&epochs, header.epoch)?,
            header,
            roots: stored.roots,
            proof,
            rule: run.config.rule.clone(),
            validators: run.config.validators.clone(),
        }))
    }

    /// How the epochs up to this one ended.
    fn epoch_ends(&self, epochs: &Epochs, last: Epoch) -> Result<Vec<EpochEnd>, Rejection> {
        let begun = epochs.all().skip(1).take_while(|run| run.config.epoch <= last);
        begun
            .map(|run| {
                let lost = || Rejection::new(Code::StoreDamaged, "the end of an epoch is missing");
                let sealing = self.stored(BlockRef::Height(run.root_height))?.ok_or_else(lost)?;
                Ok(EpochEnd {
                    header: sealing.block.header().clone(),
                    roots: sealing.roots,
                    proof: sealing.proof.ok_or_else(lost)?,
                    next: (*run.config).clone(),
                })
            })
            .collect()
    }
}
