//! The portable receipt of a final transaction, made of what is stored.
//!
//! In: the id of a transaction. Out: a [`ReceiptView`], or why there is none. Deliberately not here:
//! checking it (`crate::receipt`), its JSON form (`host-web`).

use super::ChannelHandle;
use crate::receipt::{Stored, assemble};
use host_core::ingest::registration::registering;
use host_rpc::gateway::{BlockRef, ReceiptView};
use host_types::{Code, Rejection, SignedTransaction, TxId};
use std::sync::Arc;

impl ChannelHandle {
    /// The receipt of a final transaction; none when there is no such final one.
    ///
    /// # Errors
    /// When the store cannot be read, while the proof of the block is being stored, or when the
    /// signer's certificate is not known (a registration that was refused).
    pub fn receipt_view(&self, id: TxId) -> Result<Option<ReceiptView>, Rejection> {
        let failed =
            |error: host_store::StoreError| Rejection::new(error.code(), error.to_string());
        let reader = self.reader();
        let Some(place) = reader.tx(&id).map_err(failed)? else { return Ok(None) };
        let lost = || Rejection::new(Code::StoreDamaged, format!("block {} is lost", place.height));
        let wanted = BlockRef::Height(place.height);
        let block = self.stored(wanted)?.ok_or_else(lost)?.block;
        let result = reader.result(place.height).map_err(failed)?.ok_or_else(lost)?;
        let proof = self.proof_view(wanted)?.ok_or_else(lost)?;
        let tx = block.transactions().get(place.index as usize).ok_or_else(lost)?;
        let stored = Stored {
            block: &block,
            receipts: &result.receipts,
            index: place.index as usize,
            certificate: self.certificate_of(tx)?,
        };
        assemble(stored, Arc::clone(&self.parts().genesis), proof).ok_or_else(lost).map(Some)
    }

    /// The certificate that a transaction names: a member's, or the one that it registers itself.
    fn certificate_of(&self, tx: &SignedTransaction) -> Result<Vec<u8>, Rejection> {
        let signer = &tx.transaction().signer;
        let membership = Arc::clone(&self.parts().knowledge.borrow().membership);
        if let Some(member) = membership.get(signer) {
            return Ok(member.certificate.der.clone());
        }
        registering(tx).ok_or_else(|| {
            let message = format!("the certificate {signer} that signed it is not known here");
            Rejection::new(Code::SignerUnknown, message)
        })
    }
}
