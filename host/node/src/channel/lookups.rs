//! Looking things up in a stored channel: transactions by signer and call, keys of the state.
//!
//! In: a question. Out: a page, or a value with its proof. Deliberately not here: the index itself
//! (`host/store/search`), how answers look (`host/web`).

use super::ChannelHandle;
use host_rpc::lookups::{FoundTx, StateAnswer, StateQuestion, TxFilter, TxPosition, TxsPage};
use host_store::{ProvedKey, Reader, StoreError, TxPlace, TxSearch};
use host_types::{Code, Height, Pair, Rejection, SignedTransaction};

fn failed(error: &StoreError) -> Rejection {
    Rejection::new(error.code(), error.to_string())
}

const fn place(position: TxPosition) -> TxPlace {
    TxPlace { height: position.height, index: position.index }
}

const fn position(place: TxPlace) -> TxPosition {
    TxPosition { height: place.height, index: place.index }
}

impl ChannelHandle {
    /// A page of final transactions, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn search(&self, filter: &TxFilter) -> Result<TxsPage, Rejection> {
        page(self.reader(), filter).map_err(|error| failed(&error))
    }

    /// A key of the state.
    ///
    /// # Errors
    /// When the block is not there, or what leads back to it is not kept, or the store cannot be
    /// read.
    pub fn state_of(&self, wanted: &StateQuestion) -> Result<StateAnswer, Rejection> {
        let tip = self.reader().tip().height;
        let at = wanted.at.unwrap_or(tip);
        if at > tip {
            let message = format!("there is no block {at} yet, the last one is block {tip}");
            return Err(Rejection::new(Code::NotFound, message));
        }
        if wanted.is_proof_wanted {
            return self.proved(at, wanted);
        }
        let reader = self.reader();
        let value = reader.state_at(at, &wanted.score, &wanted.key).map_err(|e| failed(&e))?;
        let value = value.ok_or_else(|| {
            let message = format!("this peer does not keep what block {at} left any more");
            Rejection::new(Code::HistoryGone, message)
        })?;
        let pair = reader.pair(at).map_err(|e| failed(&e))?;
        let Pair { block, roots } = pair.ok_or_else(|| {
            Rejection::new(Code::StoreDamaged, format!("block {at} has no record"))
        })?;
        Ok(StateAnswer { value, height: at, block, state_root: roots.state, proof: None })
    }

    fn proved(&self, at: Height, wanted: &StateQuestion) -> Result<StateAnswer, Rejection> {
        let proved = self.reader().prove_at(&self.parts().tree, at, &wanted.score, &wanted.key);
        let proved = proved.map_err(|error| Rejection::new(error.code(), error.to_string()))?;
        let ProvedKey { value, block, state_root, proof } = proved;
        Ok(StateAnswer { value, height: at, block, state_root, proof: Some(proof) })
    }
}

fn page(reader: &Reader, filter: &TxFilter) -> Result<TxsPage, StoreError> {
    let found = reader.search(&TxSearch {
        signer: filter.signer,
        score: filter.score.clone(),
        method: filter.method.clone(),
        from: filter.from,
        to: filter.to,
        before: filter.before.map(place),
        limit: filter.limit as usize,
    })?;
    let mut page = TxsPage { found: Vec::new(), next: found.next.map(position) };
    let mut last: Option<(Height, OfBlock)> = None;
    for place in found.places {
        if last.as_ref().is_none_or(|(height, _)| *height != place.height) {
            last = of_block(reader, place.height)?.map(|block| (place.height, block));
        }
        let Some((_, block)) = &last else { continue };
        // What is stored was decoded before it was, and every transaction has a receipt.
        let raw = block.raw.get(place.index as usize);
        let Some(Ok(transaction)) = raw.map(SignedTransaction::decode) else { continue };
        let Some((receipt, _)) = reader.receipt(place)? else { continue };
        let (id, time) = (block.id, block.time);
        page.found.push(FoundTx {
            position: position(place),
            block: id,
            time,
            transaction,
            receipt,
        });
    }
    Ok(page)
}

struct OfBlock {
    id: host_types::BlockId,
    time: host_types::BlockTime,
    raw: Vec<host_types::RawTx>,
}

fn of_block(reader: &Reader, height: Height) -> Result<Option<OfBlock>, StoreError> {
    let (Some(raw), Some(header)) = (reader.raw_block(height)?, reader.header(height)?) else {
        return Ok(None);
    };
    Ok(Some(OfBlock { id: header.id(), time: header.time, raw: raw.transactions }))
}
