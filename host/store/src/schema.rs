//! *The* table of a channel's database: every keyspace, its key bytes, its value, who writes it.
//!
//! | keyspace | key | value | written |
//! |---|---|---|---|
//! | `meta` | `format` | u64 | once |
//! | `meta` | `genesis` | the channel's genesis, canonical | once |
//! | `meta` | `tip` | [`TipRow`] | by every commit |
//! | `meta` | `indexed` | heights u64, u64: `search` has the blocks from the first to the second | by every commit |
//! | `meta` | `made`, proposer u16 | u64: its blocks that hold transactions | by commits of such |
//! | `heights` | height u64 | [`HeightRow`] | per block |
//! | `ids` | block id 32 | height u64 | per block |
//! | `txs` | first 16 bytes of the transaction's id | height u64, index u32 | per transaction |
//! | `state` | SCORE name, 0x00, key | value | per key written |
//! | `search` | a topic 17, height u64 | numbers of its transactions in the block | per block and topic |
//! | `undo` | height u64 | [`UndoRow`] | per block; removed after `history_blocks` |
//!
//! Integers are big-endian, so keys sort by number. A commit writes one atomic batch over all of
//! them. Bodies, receipts and events are in the segments; rows hold where. Half an id is enough to
//! find a transaction: the caller compares the whole id with the block's.

use crate::segments::Location;
use host_types::codec::{CodecError, Decode, Encode, Reader, Writer};
use host_types::limits::{STATE_KEY_BYTES_MAX, STATE_VALUE_BYTES_MAX};
use host_types::proof::FinalProof;
use host_types::{BlockId, Height, RootPair, ScoreName, TxId};

/// Format of the database.
pub const FORMAT: u64 = 1;
/// `meta`: format.
pub const META_FORMAT: &[u8] = b"format";
/// `meta`: genesis.
pub const META_GENESIS: &[u8] = b"genesis";
/// `meta`: tip.
pub const META_TIP: &[u8] = b"tip";

/// `meta`: which blocks `search` has.
pub const META_INDEXED: &[u8] = b"indexed";

/// Value of [`META_INDEXED`]: the first and the last block.
#[must_use]
pub fn indexed_value(first: Height, last: Height) -> [u8; 16] {
    (u128::from(first.get()) << 64 | u128::from(last.get())).to_be_bytes()
}

/// Reads [`indexed_value`].
#[must_use]
pub fn decode_indexed(value: &[u8]) -> Option<(Height, Height)> {
    let first = u64::from_be_bytes(value.get(..8)?.try_into().ok()?);
    let last = u64::from_be_bytes(value.get(8..16)?.try_into().ok()?);
    Some((Height::new(first), Height::new(last)))
}

/// `meta`: how many blocks with transactions a validator has proposed.
#[must_use]
pub fn made_key(proposer: u16) -> [u8; 6] {
    let [a, b] = proposer.to_be_bytes();
    [b'm', b'a', b'd', b'e', a, b]
}

/// Names of the keyspaces.
pub const META: &str = "meta";
/// See the table.
pub const HEIGHTS: &str = "heights";
/// See the table.
pub const IDS: &str = "ids";
/// See the table.
pub const TXS: &str = "txs";
/// See the table.
pub const STATE: &str = "state";
/// See the table, and [`crate::search`].
pub const SEARCH: &str = "search";
/// See the table.
pub const UNDO: &str = "undo";

/// Bytes of a transaction's id that the index keeps.
pub const TX_KEY_BYTES: usize = 16;
/// Keys of one undo row: only the row's own size bounds it.
const UNDO_KEYS_MAX: usize = 1 << 24;

/// Key of a height.
#[must_use]
pub fn height_key(height: Height) -> [u8; 8] {
    height.get().to_be_bytes()
}

/// Key of a transaction.
#[must_use]
pub fn tx_key(id: &TxId) -> [u8; TX_KEY_BYTES] {
    let mut key = [0; TX_KEY_BYTES];
    for (to, from) in key.iter_mut().zip(id.as_bytes()) {
        *to = *from;
    }
    key
}

/// Value of a transaction's key.
#[must_use]
pub fn tx_value(height: Height, index: u32) -> [u8; 12] {
    let mut value = [0; 12];
    let bytes = height.get().to_be_bytes().into_iter().chain(index.to_be_bytes());
    for (to, from) in value.iter_mut().zip(bytes) {
        *to = from;
    }
    value
}

/// Reads [`tx_value`].
#[must_use]
pub fn decode_tx_value(value: &[u8]) -> Option<(Height, u32)> {
    let height = u64::from_be_bytes(value.get(..8)?.try_into().ok()?);
    Some((Height::new(height), u32::from_be_bytes(value.get(8..12)?.try_into().ok()?)))
}

/// Key of a SCORE's key. Names have no zero byte, so no SCORE's keys run into another's.
#[must_use]
pub fn state_key(score: &ScoreName, key: &[u8]) -> Vec<u8> {
    let name = score.as_str().as_bytes();
    let mut out = Vec::with_capacity(name.len() + 1 + key.len());
    out.extend_from_slice(name);
    out.push(0);
    out.extend_from_slice(key);
    out
}

/// Reads [`state_key`].
#[must_use]
pub fn decode_state_key(bytes: &[u8]) -> Option<(ScoreName, &[u8])> {
    let at = bytes.iter().position(|byte| *byte == 0)?;
    let name = std::str::from_utf8(bytes.get(..at)?).ok()?;
    Some((ScoreName::new(name)?, bytes.get(at + 1..)?))
}

impl Encode for Location {
    fn encode(&self, w: &mut Writer) {
        w.array(3);
        w.uint(u64::from(self.segment));
        w.uint(u64::from(self.offset));
        w.uint(u64::from(self.len));
    }
}

impl Decode<'_> for Location {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(3)?;
        Ok(Self { segment: r.uint_as()?, offset: r.uint_as()?, len: r.uint_as()? })
    }
}

/// The last committed block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TipRow {
    /// Its height.
    pub height: Height,
    /// The tip before the commit that wrote this row; a commit may take several blocks.
    pub previous: Height,
    /// Where opening begins to read the segments.
    pub read_from: Location,
}

impl Encode for TipRow {
    fn encode(&self, w: &mut Writer) {
        w.array(3);
        self.height.encode(w);
        self.previous.encode(w);
        self.read_from.encode(w);
    }
}

impl Decode<'_> for TipRow {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(3)?;
        Ok(Self {
            height: Height::decode(r)?,
            previous: Height::decode(r)?,
            read_from: Location::decode(r)?,
        })
    }
}

/// A block by its height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeightRow {
    /// The block.
    pub block: BlockId,
    /// Its result.
    pub roots: RootPair,
    /// Where its body is.
    pub body: Location,
    /// Where its receipts, events and writes are.
    pub result: Location,
    /// Transactions of the channel up to and with it.
    pub tx_total: u64,
    /// Why it is final; genesis needs none.
    pub proof: Option<FinalProof>,
}

impl Encode for HeightRow {
    fn encode(&self, w: &mut Writer) {
        w.array(6);
        self.block.encode(w);
        self.roots.encode(w);
        self.body.encode(w);
        self.result.encode(w);
        w.uint(self.tx_total);
        w.option(self.proof.as_ref());
    }
}

impl Decode<'_> for HeightRow {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(6)?;
        Ok(Self {
            block: BlockId::decode(r)?,
            roots: RootPair::decode(r)?,
            body: Location::decode(r)?,
            result: Location::decode(r)?,
            tx_total: r.uint()?,
            proof: r.option()?,
        })
    }
}

/// What the keys that a block wrote held before it, sorted by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UndoRow(pub Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl UndoRow {
    /// The former value of a state key; `None` when the block did not write it.
    #[must_use]
    pub fn former(&self, state_key: &[u8]) -> Option<Option<&[u8]>> {
        let at = self.0.binary_search_by(|(key, _)| key.as_slice().cmp(state_key)).ok()?;
        self.0.get(at).map(|(_, value)| value.as_deref())
    }
}

impl Encode for UndoRow {
    fn encode(&self, w: &mut Writer) {
        w.array(self.0.len());
        for (key, value) in &self.0 {
            w.array(2);
            w.bytes(key);
            match value {
                Some(value) => w.bytes(value),
                None => w.null(),
            }
        }
    }
}

impl Decode<'_> for UndoRow {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let len = r.array_up_to(UNDO_KEYS_MAX)?;
        let row = (0..len).map(|_| {
            let (key, former) = undo_entry(r)?;
            Ok((key.to_vec(), former.map(<[u8]>::to_vec)))
        });
        row.collect::<Result<_, _>>().map(Self)
    }
}

/// A key that a block wrote, and what it held before.
pub type UndoEntry<'a> = (&'a [u8], Option<&'a [u8]>);

fn undo_entry<'a>(r: &mut Reader<'a>) -> Result<UndoEntry<'a>, CodecError> {
    r.array(2)?;
    let key = r.bytes(ScoreName::BYTES_MAX + 1 + STATE_KEY_BYTES_MAX)?;
    let is_absent = r.is_null();
    let former = if is_absent { None } else { Some(r.bytes(STATE_VALUE_BYTES_MAX)?) };
    Ok((key, former))
}

/// The entries of an encoded [`UndoRow`] by key, without a copy of each.
///
/// # Errors
/// When it is none.
pub fn undo_entries(row: &[u8]) -> Result<Vec<UndoEntry<'_>>, CodecError> {
    let mut r = Reader::new(row);
    let len = r.array_up_to(UNDO_KEYS_MAX)?;
    let entries = (0..len).map(|_| undo_entry(&mut r)).collect::<Result<_, _>>()?;
    r.finish()?;
    Ok(entries)
}
