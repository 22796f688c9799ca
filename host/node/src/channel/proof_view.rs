//! The Final proof of a block as people get it: with the header, the validators and the rule that it
//! is about, so that one document and the channel's genesis are enough to check it.
//!
//! In: which block. Out: a [`ProofView`], or why there is none. Deliberately not here: checking it
//! (`crate::block_proof`), its JSON form (`host-web`).

use super::ChannelHandle;
use host_rpc::gateway::{BlockRef, ProofView};
use host_types::{Code, Height, Rejection};

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
        Ok(Some(ProofView {
            channel: genesis.channel.clone(),
            signers: self.signers(&proof),
            header,
            roots: stored.roots,
            proof,
            // There is one epoch as yet: its rule and validators are those of the genesis.
            rule: genesis.rule.clone(),
            validators: genesis.validators.clone(),
        }))
    }
}
