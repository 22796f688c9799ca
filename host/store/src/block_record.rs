//! The bytes of a block, of its result and of its Final proof in a segment.
//!
//! In: a [`Block`], a [`BlockResult`], a [`FinalProof`]. Out: payloads of segment records, and
//! views back from them. Transactions stand in it as they came; a table of offsets gives any one
//! of them without the others. Checksums and placing are the segments' work.
//!
//! ```text
//! every payload begins  kind u8 | block id 32 | height u64
//! block  = 1 | ..       | header length u32 | header | table | transactions
//! result = 2 | ..       | state root 32 | receipts root 32 | table | [receipt, events].. | writes
//! final  = 3 | ..       | proof, or null when a later block's proof covers it
//! table  = count u32 | offset u32 of each | offset u32 of what follows the last
//! ```
//! Integers are big-endian, offsets count from the end of the table.

use bytes::Bytes;
use host_types::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use host_types::limits::{BLOCK_TXS_MAX, EVENTS_MAX};
use host_types::proof::FinalProof;
use host_types::receipt::Write;
use host_types::{
    Block, BlockId, Hash32, Header, Height, RawTx, Receipt, RootPair, ScoreEvent, SignedTransaction,
};
use std::ops::Range;
use std::sync::Arc;

/// Bytes of kind, block id and height.
pub(crate) const PREFIX_BYTES: usize = 41;
const BLOCK: u8 = 1;
const RESULT: u8 = 2;
const FINAL: u8 = 3;
/// Writes of one block: every transaction may write many keys, so only the input bounds it.
const WRITES_MAX: usize = 1 << 24;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Block,
    Result,
    Final,
}

/// What a block did: its roots, the receipt and events of each transaction, and its writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockResult {
    /// The block.
    pub block: BlockId,
    /// Its height.
    pub height: Height,
    /// The roots.
    pub roots: RootPair,
    /// One receipt per transaction, in order.
    pub receipts: Vec<Receipt>,
    /// The events of each transaction, in order; as many lists as receipts.
    pub events: Vec<Vec<ScoreEvent>>,
    /// What the block wrote: sorted by (score, key), each key once, with its last value.
    pub writes: Vec<Write>,
}

/// A block as it is stored: nothing of it is decoded.
#[derive(Clone, Debug)]
pub struct RawBlock {
    /// Its id.
    pub id: BlockId,
    /// Its height.
    pub height: Height,
    /// Canonical bytes of the header.
    pub header: Bytes,
    /// The transactions as they came, in order.
    pub transactions: Vec<RawTx>,
}

impl RawBlock {
    /// Decodes and puts it together again.
    ///
    /// # Errors
    /// When the bytes are not those of a block.
    pub fn decode(&self) -> Result<Block, CodecError> {
        let header = Header::from_bytes(&self.header)?;
        let transactions: Result<Vec<_>, _> = self
            .transactions
            .iter()
            .map(|raw| SignedTransaction::decode(raw).map(Arc::new))
            .collect();
        Block::assemble(header, transactions?.into())
            .filter(|block| block.id() == self.id)
            .ok_or(CodecError { offset: 0, kind: CodecErrorKind::OutOfRange })
    }
}

/// Reads `u32` and hashes from a payload; every miss is `Truncated`.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let error = CodecError { offset: self.at, kind: CodecErrorKind::Truncated };
        let end = self.at.checked_add(len).ok_or(error)?;
        let taken = self.bytes.get(self.at..end).ok_or(error)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let error = CodecError { offset: self.at, kind: CodecErrorKind::Truncated };
        self.take(N)?.try_into().map_err(|_| error)
    }

    fn length(&mut self) -> Result<usize, CodecError> {
        Ok(u32::from_be_bytes(self.array()?) as usize)
    }

    fn hash(&mut self) -> Result<Hash32, CodecError> {
        self.array().map(Hash32::new)
    }

    /// Reads a table; gives the range of each part and where the parts end.
    fn table(&mut self) -> Result<(Vec<Range<usize>>, usize), CodecError> {
        let error = CodecError { offset: self.at, kind: CodecErrorKind::OutOfRange };
        let count = self.length()?;
        if count > BLOCK_TXS_MAX {
            return Err(error);
        }
        let offsets = (0..=count).map(|_| self.length()).collect::<Result<Vec<_>, _>>()?;
        let (start, size) = (self.at, self.bytes.len() - self.at);
        if !offsets.is_sorted() || offsets.last().is_none_or(|end| *end > size) {
            return Err(error);
        }
        let ranges = offsets
            .windows(2)
            .filter_map(|pair| match pair {
                [from, to] => Some(start + from..start + to),
                _ => None,
            })
            .collect();
        Ok((ranges, start + offsets.last().copied().unwrap_or_default()))
    }
}

fn length_of(len: usize) -> [u8; 4] {
    // Everything in a record is bounded by the segment's size, far below 4 GiB.
    u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes()
}

fn prefix(kind: u8, block: BlockId, height: Height, room: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(PREFIX_BYTES + room);
    out.push(kind);
    out.extend_from_slice(block.as_bytes());
    out.extend_from_slice(&height.get().to_be_bytes());
    out
}

/// Kind, block and height of any payload.
pub(crate) fn read_prefix(payload: &[u8]) -> Option<(Kind, BlockId, Height)> {
    let mut cursor = Cursor { bytes: payload, at: 0 };
    let kind = match cursor.array().ok()? {
        [BLOCK] => Kind::Block,
        [RESULT] => Kind::Result,
        [FINAL] => Kind::Final,
        _ => return None,
    };
    let block = BlockId::new(cursor.hash().ok()?);
    Some((kind, block, Height::new(u64::from_be_bytes(cursor.array().ok()?))))
}

fn body(payload: &[u8], kind: Kind) -> Result<(Cursor<'_>, BlockId, Height), CodecError> {
    match read_prefix(payload) {
        Some((found, block, height)) if found == kind => {
            Ok((Cursor { bytes: payload, at: PREFIX_BYTES }, block, height))
        }
        _ => Err(CodecError { offset: 0, kind: CodecErrorKind::WrongType }),
    }
}

/// The payload of a block.
pub(crate) fn encode_block(block: &Block) -> Vec<u8> {
    let transactions = block.transactions();
    let size: usize = transactions.iter().map(|tx| tx.size()).sum();
    let header = block.header().to_bytes();
    let room = size + header.len() + transactions.len() * 4 + 16;
    let mut out = prefix(BLOCK, block.id(), block.header().height, room);
    out.extend_from_slice(&length_of(header.len()));
    out.extend_from_slice(&header);
    out.extend_from_slice(&length_of(transactions.len()));
    let mut offset = 0;
    for transaction in transactions.iter() {
        out.extend_from_slice(&length_of(offset));
        offset += transaction.size();
    }
    out.extend_from_slice(&length_of(offset));
    for transaction in transactions.iter() {
        out.extend_from_slice(&transaction.raw().0);
    }
    out
}

/// The block in a payload; its parts share the payload's memory.
pub(crate) fn decode_block(payload: &Bytes) -> Result<RawBlock, CodecError> {
    let (mut cursor, id, height) = body(payload, Kind::Block)?;
    let len = cursor.length()?;
    let header = payload.slice_ref(cursor.take(len)?);
    let (ranges, _) = cursor.table()?;
    let transactions = ranges.into_iter().map(|range| RawTx(payload.slice(range))).collect();
    Ok(RawBlock { id, height, header, transactions })
}

/// The header in the payload of a block.
pub(crate) fn decode_header(payload: &[u8]) -> Result<Header, CodecError> {
    let (mut cursor, ..) = body(payload, Kind::Block)?;
    let len = cursor.length()?;
    Header::from_bytes(cursor.take(len)?)
}

/// The payload of a result.
pub(crate) fn encode_result(result: &BlockResult) -> Vec<u8> {
    let mut parts = Writer::with_capacity(result.receipts.len() * 160);
    let mut offsets = Vec::with_capacity(result.receipts.len() + 1);
    for (i, receipt) in result.receipts.iter().enumerate() {
        offsets.push(parts.size());
        parts.array(2);
        receipt.encode(&mut parts);
        parts.list(result.events.get(i).map_or(&[][..], Vec::as_slice));
    }
    offsets.push(parts.size());
    parts.list(&result.writes);
    let parts = parts.into_bytes();
    let room = 64 + 4 + offsets.len() * 4 + parts.len();
    let mut out = prefix(RESULT, result.block, result.height, room);
    out.extend_from_slice(result.roots.state.as_bytes());
    out.extend_from_slice(result.roots.receipts.as_bytes());
    out.extend_from_slice(&length_of(result.receipts.len()));
    for offset in offsets {
        out.extend_from_slice(&length_of(offset));
    }
    out.extend_from_slice(&parts);
    out
}

/// The receipt and events of one transaction.
type ReceiptWithEvents = (Receipt, Vec<ScoreEvent>);

fn decode_part(bytes: &[u8]) -> Result<ReceiptWithEvents, CodecError> {
    let mut r = Reader::new(bytes);
    r.array(2)?;
    let part = (Receipt::decode(&mut r)?, r.list(EVENTS_MAX)?);
    r.finish()?;
    Ok(part)
}

/// The result in a payload.
pub(crate) fn decode_result(payload: &[u8]) -> Result<BlockResult, CodecError> {
    let (mut cursor, block, height) = body(payload, Kind::Result)?;
    let roots = RootPair { state: cursor.hash()?, receipts: cursor.hash()? };
    let (ranges, end) = cursor.table()?;
    let (mut receipts, mut events) = (Vec::new(), Vec::new());
    for range in ranges {
        let (receipt, of_it) = decode_part(payload.get(range).unwrap_or_default())?;
        receipts.push(receipt);
        events.push(of_it);
    }
    let mut r = Reader::new(payload.get(end..).unwrap_or_default());
    let writes = r.list(WRITES_MAX)?;
    r.finish()?;
    Ok(BlockResult { block, height, roots, receipts, events, writes })
}

/// The roots in the payload of a result.
pub(crate) fn decode_roots(payload: &[u8]) -> Result<RootPair, CodecError> {
    let (mut cursor, ..) = body(payload, Kind::Result)?;
    Ok(RootPair { state: cursor.hash()?, receipts: cursor.hash()? })
}

/// Receipt and events of the transaction with this index; `None` when there is none.
pub(crate) fn decode_receipt(
    payload: &[u8],
    index: usize,
) -> Result<Option<ReceiptWithEvents>, CodecError> {
    let (mut cursor, ..) = body(payload, Kind::Result)?;
    cursor.take(64)?;
    let (ranges, _) = cursor.table()?;
    let part = ranges.get(index).and_then(|range| payload.get(range.clone()));
    part.map(decode_part).transpose()
}

/// The payload that says that a block is final.
pub(crate) fn encode_final(block: BlockId, height: Height, proof: Option<&FinalProof>) -> Vec<u8> {
    let mut w = Writer::default();
    w.option(proof);
    let proof = w.into_bytes();
    let mut out = prefix(FINAL, block, height, proof.len());
    out.extend_from_slice(&proof);
    out
}

/// The Final proof in a payload.
pub(crate) fn decode_final(payload: &[u8]) -> Result<Option<FinalProof>, CodecError> {
    let (cursor, ..) = body(payload, Kind::Final)?;
    let mut r = Reader::new(cursor.bytes.get(cursor.at..).unwrap_or_default());
    let proof = r.option()?;
    r.finish()?;
    Ok(proof)
}
