//! A page of a channel's stream, from the store.
//!
//! In: what is wanted, the place to begin, about how many bytes. Out: items in the order of their places
//! and where to go on. Deliberately not here: waiting for the next block, how items look (`host/web`).

use super::ChannelHandle;
use host_core::system::said;
use host_rpc::gateway::{BlockView, EventPlace};
use host_rpc::stream::{ITSELF, StreamFilter, StreamItem, StreamPage, Told, TxTold};
use host_store::{BlockResult, Reader, StoreError};
use host_types::block::Header;
use host_types::{
    Code, Height, NodeName, Pair, RawTx, Rejection, ScoreEvent, ScoreName, SignedTransaction,
};

/// Blocks that one page looks through; a stream asks again from there on.
const BLOCKS_MAX: u64 = 256;

impl ChannelHandle {
    /// A page of a stream.
    ///
    /// # Errors
    /// When the store cannot be read, or what is wanted is not kept.
    pub fn told(
        &self,
        filter: &StreamFilter,
        from: EventPlace,
        bytes: usize,
    ) -> Result<StreamPage, Rejection> {
        let epochs = self.epochs();
        let proposer = |header: &Header| {
            let run = epochs.get(header.epoch)?;
            Some(run.config.validators.get(header.proposer)?.name.clone())
        };
        Telling { reader: self.reader(), filter, proposer: &proposer }.page(from, bytes)
    }
}

/// Who proposed a block.
type Proposer<'a> = &'a dyn Fn(&Header) -> Option<NodeName>;

struct Telling<'a> {
    reader: &'a Reader,
    filter: &'a StreamFilter,
    proposer: Proposer<'a>,
}

fn failed(error: &StoreError) -> Rejection {
    Rejection::new(error.code(), error.to_string())
}

impl Telling<'_> {
    fn page(&self, from: EventPlace, bytes: usize) -> Result<StreamPage, Rejection> {
        let end = self.reader.tip().height.get().saturating_add(1);
        let first = from.height.get();
        let stop = end.min(first.saturating_add(BLOCKS_MAX));
        let mut items: Vec<StreamItem> = Vec::new();
        let mut room = bytes;
        for height in first..stop {
            let found = self.block(Height::new(height))?;
            for item in found.into_iter().filter(|item| item.place >= from) {
                let size = item.told.size();
                if size > room && !items.is_empty() {
                    return Ok(StreamPage { items, next: item.place, is_caught_up: false });
                }
                room = room.saturating_sub(size);
                items.push(item);
            }
        }
        let next = if first < stop { EventPlace::start_of(Height::new(stop)) } else { from };
        Ok(StreamPage { items, next, is_caught_up: stop >= end })
    }

    /// All that a block tells, in order.
    fn block(&self, height: Height) -> Result<Vec<StreamItem>, Rejection> {
        let gone = || {
            let message = format!("this peer does not keep what block {} told", height.get());
            Rejection::new(Code::HistoryGone, message)
        };
        let mut items = Vec::new();
        if self.filter.txs || self.filter.scores {
            match self.reader.result(height).map_err(|e| failed(&e))? {
                Some(result) => self.parts(result, &mut items)?,
                // A genesis runs nothing.
                None if height == Height::ZERO => {}
                None => return Err(gone()),
            }
        }
        if self.filter.blocks {
            let told = self.summary(height)?.ok_or_else(gone)?;
            items.push(StreamItem { place: EventPlace::end_of(height), told });
        }
        Ok(items)
    }

    fn summary(&self, height: Height) -> Result<Option<Told>, Rejection> {
        let header = self.reader.header(height).map_err(|e| failed(&e))?;
        let pair = self.reader.pair(height).map_err(|e| failed(&e))?;
        let (Some(header), Some(Pair { block, roots })) = (header, pair) else { return Ok(None) };
        let proposer = (self.proposer)(&header).filter(|_| height > Height::ZERO);
        Ok(Some(Told::Block(Box::new(BlockView {
            id: block,
            pair: Pair { block, roots },
            header,
            transactions: Vec::new(),
            proof: None,
            signers: Vec::new(),
            proposer,
        }))))
    }

    /// Events of each transaction, then the transaction; behind them what the block itself said.
    fn parts(&self, result: BlockResult, items: &mut Vec<StreamItem>) -> Result<(), Rejection> {
        let (filter, height) = (self.filter, result.height);
        let said: Vec<_> = (0..).zip(said::of_writes(&result.writes)).collect();
        let is_any_wanted = filter.txs && !result.receipts.is_empty()
            || result.events.iter().flatten().any(|event| is_wanted(filter, event));
        if is_any_wanted {
            let raw = self.reader.raw_block(height).map_err(|e| failed(&e))?;
            let raw = raw.map(|block| block.transactions).unwrap_or_default();
            let results = result.receipts.into_iter().zip(result.events);
            for ((index, raw), (receipt, events)) in (0..).zip(raw).zip(results) {
                let is_told = events.iter().any(|event| is_wanted(filter, event));
                if !(is_told || filter.txs && may_be_of(filter.score.as_ref(), &raw)) {
                    continue;
                }
                // What is stored was decoded before it was.
                let Ok(tx) = SignedTransaction::decode(&raw) else { continue };
                let (id, count) = (tx.id(), u32::try_from(events.len()).unwrap_or(u32::MAX));
                for (event, told) in (0..).zip(events) {
                    if is_wanted(filter, &told) {
                        let place = EventPlace { height, tx: index, event };
                        items.push(StreamItem { place, told: Told::Score(Some(id), told) });
                    }
                }
                let what = tx.transaction();
                if filter.txs && filter.score.as_ref().is_none_or(|score| *score == what.score) {
                    let place = EventPlace { height, tx: index, event: ITSELF };
                    let (score, method) = (what.score.clone(), what.method.clone());
                    let signer = what.signer;
                    let told = TxTold { id, score, method, signer, receipt, events: count };
                    items.push(StreamItem { place, told: Told::Tx(Box::new(told)) });
                }
            }
        }
        for (event, told) in said.into_iter().filter(|(_, event)| is_wanted(filter, event)) {
            let place = EventPlace { height, tx: EventPlace::OF_BLOCK, event };
            items.push(StreamItem { place, told: Told::Score(None, told) });
        }
        Ok(())
    }
}

fn is_wanted(filter: &StreamFilter, event: &ScoreEvent) -> bool {
    filter.scores
        && filter.score.as_ref().is_none_or(|score| *score == event.score)
        && filter.topic.as_ref().is_none_or(|topic| *topic == event.name)
}

/// Whether it is worth decoding: the name of the SCORE that a transaction calls stands in its bytes.
fn may_be_of(score: Option<&ScoreName>, raw: &RawTx) -> bool {
    score.is_none_or(|score| {
        let name = score.as_str().as_bytes();
        raw.0.windows(name.len()).any(|window| window == name)
    })
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
