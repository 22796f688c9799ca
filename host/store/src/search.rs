//! Finding transactions by who signed them and what they called.
//!
//! In: the transactions of a block that is being committed; later what somebody looks for. Out: rows
//! of the `search` keyspace in the block's own batch; a page of places, newest first.
//!
//! A row is one block's transactions of one signer, one SCORE, or one method of a SCORE: the rows of
//! a block are as many as it has different ones, not as it has transactions. What is looked for by
//! several of them is where their rows have a transaction in common, so no block is read. Blocks
//! that a node stored before it had this index are read instead ([ADR 0027]).
//! Deliberately not here: the transactions themselves, who may look.
//!
//! [ADR 0027]: ../../../docs/adr/0027-transactions-are-found-by-rows-of-blocks.md

#[cfg(test)]
mod tests;

use crate::error::StoreError;
use crate::reader::{Keyspaces, Reader, TxPlace};
use crate::schema;
use fjall::OwnedWriteBatch;
use host_types::{Block, CertificateId, Hash32, Height, ScoreName, SignedTransaction, Transaction};
use std::collections::BTreeMap;

/// Rows, or blocks where there are no rows, that one page looks at: who asks for what is rare asks
/// again, from there on.
pub const LOOKED_AT_MAX: usize = 1_000;
/// Transactions of a block that are decoded in the time that a row takes: a page of full blocks without
/// rows ends after two.
const DECODED_AS_A_ROW: usize = 20;
/// Bytes of a row's key: what it is about, then the height.
const TOPIC_BYTES: usize = 17;
/// Bits of a number that one byte of a list holds.
const GROUP_BITS: u32 = 7;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxSearch {
    /// Signed with this certificate.
    pub signer: Option<CertificateId>,
    /// A call of this SCORE.
    pub score: Option<ScoreName>,
    /// A call of this method; counts only with a SCORE.
    pub method: Option<String>,
    /// In this block or a later one.
    pub from: Height,
    /// In this block or an earlier one.
    pub to: Height,
    /// Only what stands before this place.
    pub before: Option<TxPlace>,
    /// So many at most.
    pub limit: usize,
}

/// Places of transactions, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundTxs {
    /// The places.
    pub places: Vec<TxPlace>,
    /// What to look before next; none once everything was looked at.
    pub next: Option<TxPlace>,
}

/// What a row is about.
type Topic = [u8; TOPIC_BYTES];

fn topic(kind: u8, parts: &[&[u8]]) -> Topic {
    let mut bytes = Vec::with_capacity(128);
    for part in parts {
        // Lengths keep two names apart from one.
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    let mut topic = [kind; TOPIC_BYTES];
    // Half a hash tells names apart, as it does ids of transactions.
    for (to, from) in topic.iter_mut().skip(1).zip(Hash32::sha256(&bytes).as_bytes()) {
        *to = *from;
    }
    topic
}

fn of_signer(signer: &CertificateId) -> Topic {
    topic(b's', &[signer.as_bytes()])
}

fn of_score(score: &ScoreName) -> Topic {
    topic(b'c', &[score.as_str().as_bytes()])
}

fn of_method(score: &ScoreName, method: &str) -> Topic {
    topic(b'm', &[score.as_str().as_bytes(), method.as_bytes()])
}

fn row_key(topic: &Topic, height: Height) -> [u8; TOPIC_BYTES + 8] {
    let mut key = [0; TOPIC_BYTES + 8];
    for (to, from) in key.iter_mut().zip(topic.iter().chain(&schema::height_key(height))) {
        *to = *from;
    }
    key
}

/// The rows of blocks; a key stands once because no height does twice.
pub(crate) fn index<'a>(
    batch: &mut OwnedWriteBatch,
    keyspaces: &Keyspaces,
    blocks: impl Iterator<Item = &'a Block>,
) {
    let mut rows: BTreeMap<(Topic, Height), Row> = BTreeMap::new();
    for block in blocks {
        // Few signers and methods make most blocks: each is hashed once.
        let mut signers: BTreeMap<&CertificateId, Row> = BTreeMap::new();
        let mut methods: BTreeMap<(&ScoreName, &str), Row> = BTreeMap::new();
        let mut scores: BTreeMap<&ScoreName, Row> = BTreeMap::new();
        for (place, tx) in (0u32..).zip(block.transactions().iter()) {
            let Transaction { score, method, signer, .. } = tx.transaction();
            signers.entry(signer).or_default().push(place);
            methods.entry((score, method)).or_default().push(place);
            scores.entry(score).or_default().push(place);
        }
        let height = block.header().height;
        let signers = signers.into_iter().map(|(signer, row)| (of_signer(signer), row));
        let methods =
            methods.into_iter().map(|((score, method), row)| (of_method(score, method), row));
        let scores = scores.into_iter().map(|(score, row)| (of_score(score), row));
        let of_block = signers.chain(methods).chain(scores);
        rows.extend(of_block.map(|(topic, row)| ((topic, height), row)));
    }
    for ((topic, height), row) in rows {
        batch.insert(&keyspaces.search, row_key(&topic, height), row.bytes);
    }
}

/// Ascending numbers as differences, seven bits a byte: neighbours take one.
#[derive(Default)]
struct Row {
    bytes: Vec<u8>,
    next: u32,
}

impl Row {
    fn push(&mut self, number: u32) {
        let mut rest = number.saturating_sub(self.next);
        self.next = number.saturating_add(1);
        while rest >> GROUP_BITS > 0 {
            self.bytes.push(u8::try_from(rest & 0x7f).unwrap_or_default() | 0x80);
            rest >>= GROUP_BITS;
        }
        self.bytes.push(u8::try_from(rest).unwrap_or_default());
    }
}

/// Reads a row; none when it is damaged.
fn numbers(bytes: &[u8]) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    let (mut next, mut value, mut shift) = (0u32, 0u32, 0u32);
    for byte in bytes {
        value = u32::from(byte & 0x7f).checked_shl(shift)?.checked_add(value)?;
        if byte & 0x80 == 0 {
            let number = next.checked_add(value)?;
            numbers.push(number);
            (next, value, shift) = (number.checked_add(1)?, 0, 0);
        } else {
            shift += GROUP_BITS;
        }
    }
    (shift == 0).then_some(numbers)
}

impl TxSearch {
    /// Topics that a transaction must be in, the one with the fewest rows first, most likely.
    fn topics(&self) -> Vec<Topic> {
        let called = self.score.as_ref().map(|score| match &self.method {
            Some(method) => of_method(score, method),
            None => of_score(score),
        });
        self.signer.as_ref().map(of_signer).into_iter().chain(called).collect()
    }

    fn is_met_by(&self, tx: &Transaction) -> bool {
        self.signer.is_none_or(|signer| signer == tx.signer)
            && self.score.as_ref().is_none_or(|score| *score == tx.score)
            && self.method.as_ref().is_none_or(|method| *method == tx.method)
    }
}

/// A page while it grows.
struct Page<'a> {
    wanted: &'a TxSearch,
    found: Vec<TxPlace>,
    looked_at: usize,
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Step {
    On,
    Enough,
}

impl Page<'_> {
    /// Takes the transactions of a block; the numbers ascend.
    fn take(&mut self, height: Height, numbers: &[u32], cost: usize) -> Step {
        self.looked_at += cost;
        let places = numbers.iter().rev().map(|index| TxPlace { height, index: *index });
        let before = self.wanted.before;
        let places = places.filter(|place| before.is_none_or(|end| is_before(*place, end)));
        // One more than wanted tells that there is another page.
        let room = self.wanted.limit.saturating_add(1).saturating_sub(self.found.len());
        self.found.extend(places.take(room));
        if self.found.len() > self.wanted.limit { Step::Enough } else { Step::On }
    }

    fn is_tired(&self) -> bool {
        self.looked_at >= LOOKED_AT_MAX
    }

    /// Looked at everything from `reached` on.
    fn end(mut self, reached: Option<Height>) -> FoundTxs {
        let is_more = self.found.len() > self.wanted.limit;
        self.found.truncate(self.wanted.limit);
        let next = match reached {
            _ if is_more => self.found.last().copied(),
            // Before the first transaction of the last block that was looked at.
            reached => reached.map(|height| TxPlace { height, index: 0 }),
        };
        FoundTxs { places: self.found, next }
    }
}

/// What reading a block costs, in rows.
const fn cost_of_block(transactions: usize) -> usize {
    1 + transactions / DECODED_AS_A_ROW
}

const fn is_before(place: TxPlace, end: TxPlace) -> bool {
    place.height.get() < end.height.get()
        || (place.height.get() == end.height.get() && place.index < end.index)
}

impl Reader {
    /// A page of the transactions that are looked for, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn search(&self, wanted: &TxSearch) -> Result<FoundTxs, StoreError> {
        let before = wanted.before.map_or(Height::new(u64::MAX), |place| place.height);
        let top = wanted.to.min(before).min(self.tip().height);
        let mut page = Page { wanted, found: Vec::new(), looked_at: 0 };
        let topics = wanted.topics();
        let is_indexed = top >= self.0.indexed_from;
        if let (Some((first, others)), true) = (topics.split_first(), is_indexed) {
            let bottom = wanted.from.max(self.0.indexed_from);
            if let Some(reached) = self.by_rows(&mut page, (first, others), bottom, top)? {
                return Ok(page.end(Some(reached)));
            }
            if page.found.len() > wanted.limit || bottom == wanted.from {
                return Ok(page.end(None));
            }
        }
        let has_rows = is_indexed && !topics.is_empty();
        let below = self.0.indexed_from.get().checked_sub(1).map(Height::new);
        let Some(top) = (if has_rows { below } else { Some(top) }) else {
            return Ok(page.end(None));
        };
        let reached = self.by_blocks(&mut page, wanted.from, top)?;
        Ok(page.end(reached))
    }

    /// Goes down the rows of the first topic; gives where it grew tired.
    fn by_rows(
        &self,
        page: &mut Page<'_>,
        (first, others): (&Topic, &[Topic]),
        bottom: Height,
        top: Height,
    ) -> Result<Option<Height>, StoreError> {
        if bottom > top {
            return Ok(None);
        }
        let search = &self.0.keyspaces.search;
        let rows = search.range(row_key(first, bottom)..=row_key(first, top)).rev();
        for guard in rows {
            let (key, value) = guard.into_inner().map_err(self.0.failed())?;
            let damaged = || self.0.damaged("a row of search");
            let height = key.get(TOPIC_BYTES..).and_then(|bytes| bytes.try_into().ok());
            let height = Height::new(u64::from_be_bytes(height.ok_or_else(damaged)?));
            let mut here = numbers(&value).ok_or_else(damaged)?;
            for other in others {
                let row = search.get(row_key(other, height)).map_err(self.0.failed())?;
                let there = row.map_or(Some(Vec::new()), |row| numbers(&row));
                let there = there.ok_or_else(damaged)?;
                here.retain(|number| there.binary_search(number).is_ok());
            }
            if page.take(height, &here, 1) == Step::Enough {
                return Ok(None);
            }
            if page.is_tired() {
                return Ok(Some(height));
            }
        }
        Ok(None)
    }

    /// Reads blocks downwards; gives where it grew tired.
    fn by_blocks(
        &self,
        page: &mut Page<'_>,
        bottom: Height,
        top: Height,
    ) -> Result<Option<Height>, StoreError> {
        for height in (bottom.get()..=top.get()).rev().map(Height::new) {
            let raw = self.raw_block(height)?.map(|block| block.transactions).unwrap_or_default();
            let (mut here, cost) = (Vec::new(), cost_of_block(raw.len()));
            for (number, raw) in (0u32..).zip(raw) {
                let tx = SignedTransaction::decode(&raw)
                    .map_err(|e| self.0.damaged(format!("block {height}: {e}")))?;
                if page.wanted.is_met_by(tx.transaction()) {
                    here.push(number);
                }
            }
            if page.take(height, &here, cost) == Step::Enough {
                return Ok(None);
            }
            if page.is_tired() && height > bottom {
                return Ok(Some(height));
            }
        }
        Ok(None)
    }
}
