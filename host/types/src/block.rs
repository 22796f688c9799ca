//! Headers, blocks and the pair (block, result) that validators agree on.
//!
//! A header commits to its channel, epoch, view, height, proposer, time, transactions and to the
//! parent *with its result*. The result of a block itself stands in its votes, its certificates
//! and its child's header, because a proposer need not have executed its own block.

use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use crate::hash::{Domain, Hash32};
use crate::height::{BlockTime, Epoch, Height, View};
use crate::ids::{BlockId, GenesisHash, TxId};
use crate::merkle;
use crate::transaction::SignedTransaction;
use std::sync::Arc;

const FORMAT: u64 = 1;

/// State and receipts root of a block: its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RootPair {
    /// Root of the state after the block.
    pub state: Hash32,
    /// Root of the block's receipts.
    pub receipts: Hash32,
}

impl Encode for RootPair {
    fn encode(&self, w: &mut Writer) {
        w.array(2);
        self.state.encode(w);
        self.receipts.encode(w);
    }
}

impl Decode<'_> for RootPair {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(2)?;
        Ok(Self { state: Hash32::decode(r)?, receipts: Hash32::decode(r)? })
    }
}

/// A block and its result: the unit of agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pair {
    /// The block.
    pub block: BlockId,
    /// Its result.
    pub roots: RootPair,
}

/// How a block came to be proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProposalKind {
    /// On a certified parent, with a justification.
    Norm,
    /// On the proposal of the view before, not yet certified.
    Opt,
    /// After a sealing block; never enters the ledger.
    Closing,
}

impl Encode for ProposalKind {
    fn encode(&self, w: &mut Writer) {
        w.uint(match self {
            Self::Norm => 0,
            Self::Opt => 1,
            Self::Closing => 2,
        });
    }
}

impl Decode<'_> for ProposalKind {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let error = r.error(CodecErrorKind::OutOfRange);
        match r.uint()? {
            0 => Ok(Self::Norm),
            1 => Ok(Self::Opt),
            2 => Ok(Self::Closing),
            _ => Err(error),
        }
    }
}

/// The summary of a block; its hash is the block's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The channel; covers the network.
    pub genesis: GenesisHash,
    /// Epoch it belongs to.
    pub epoch: Epoch,
    /// View it was proposed in; 0 for genesis.
    pub view: View,
    /// How it was proposed.
    pub kind: ProposalKind,
    /// Its position.
    pub height: Height,
    /// Parent and the parent's result.
    pub parent: Pair,
    /// View of the parent.
    pub parent_view: View,
    /// Index of the proposer in the validator set.
    pub proposer: u16,
    /// Agreed time: greater than the parent's.
    pub time: BlockTime,
    /// Number of transactions.
    pub tx_count: u32,
    /// Merkle root of the transaction ids.
    pub tx_root: Hash32,
    /// Hash of the validator set of the epoch.
    pub validators: Hash32,
    /// Hash of what the next epoch runs with (`crate::epoch::EpochConfig`), in a sealing block only.
    pub next_validators: Option<Hash32>,
    /// Hash of the newest Final proof the proposer knew.
    pub carried: Hash32,
}

impl Header {
    /// Its hash.
    #[must_use]
    pub fn id(&self) -> BlockId {
        BlockId::new(Domain::Header.hash(&[&self.to_bytes()]))
    }

    /// The header of height 0: no parent, no transactions, the channel's own creation time.
    #[must_use]
    pub fn genesis(genesis: GenesisHash, validators: Hash32, time: BlockTime) -> Self {
        Self {
            genesis,
            epoch: Epoch::ZERO,
            view: View::ZERO,
            kind: ProposalKind::Norm,
            height: Height::ZERO,
            parent: Pair::default(),
            parent_view: View::ZERO,
            proposer: 0,
            time,
            tx_count: 0,
            tx_root: tx_root(&[]),
            validators,
            next_validators: None,
            carried: Hash32::ZERO,
        }
    }
}

/// Ids of a block's transactions, in order, with their root, which takes a hash or two for each of them
/// and is computed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxIds {
    ids: Arc<[TxId]>,
    root: Hash32,
}

impl TxIds {
    /// Computes the root.
    #[must_use]
    pub fn new(ids: impl Into<Arc<[TxId]>>) -> Self {
        let ids = ids.into();
        Self { root: tx_root(&ids), ids }
    }

    /// Merkle root of the ids.
    #[must_use]
    pub const fn root(&self) -> Hash32 {
        self.root
    }

    /// Whether a header is of a block of these transactions.
    #[must_use]
    pub fn fit(&self, header: &Header) -> bool {
        u64::from(header.tx_count) == self.ids.len() as u64 && header.tx_root == self.root
    }
}

impl std::ops::Deref for TxIds {
    type Target = [TxId];

    fn deref(&self) -> &[TxId] {
        &self.ids
    }
}

/// Merkle root of transaction ids, in block order.
#[must_use]
pub fn tx_root(ids: &[TxId]) -> Hash32 {
    merkle::root(Domain::TxRoot, ids.iter().map(TxId::as_bytes))
}

impl Encode for Header {
    fn encode(&self, w: &mut Writer) {
        w.array(17);
        w.uint(FORMAT);
        self.genesis.encode(w);
        self.epoch.encode(w);
        self.view.encode(w);
        self.kind.encode(w);
        self.height.encode(w);
        self.parent.block.encode(w);
        self.parent.roots.state.encode(w);
        self.parent.roots.receipts.encode(w);
        self.parent_view.encode(w);
        w.uint(u64::from(self.proposer));
        self.time.encode(w);
        w.uint(u64::from(self.tx_count));
        self.tx_root.encode(w);
        self.validators.encode(w);
        w.option(self.next_validators.as_ref());
        self.carried.encode(w);
    }
}

impl Decode<'_> for Header {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(17)?;
        if r.uint()? != FORMAT {
            return Err(r.error(CodecErrorKind::UnknownFormat));
        }
        Ok(Self {
            genesis: GenesisHash::decode(r)?,
            epoch: Epoch::decode(r)?,
            view: View::decode(r)?,
            kind: ProposalKind::decode(r)?,
            height: Height::decode(r)?,
            parent: Pair {
                block: BlockId::decode(r)?,
                roots: RootPair { state: Hash32::decode(r)?, receipts: Hash32::decode(r)? },
            },
            parent_view: View::decode(r)?,
            proposer: r.uint_as()?,
            time: BlockTime::decode(r)?,
            tx_count: r.uint_as()?,
            tx_root: Hash32::decode(r)?,
            validators: Hash32::decode(r)?,
            next_validators: r.option()?,
            carried: Hash32::decode(r)?,
        })
    }
}

/// A header with its transactions. That they belong together is checked by [`Block::assemble`].
#[derive(Clone, Debug)]
pub struct Block {
    id: BlockId,
    header: Header,
    tx_ids: TxIds,
    transactions: Arc<[Arc<SignedTransaction>]>,
}

impl Block {
    /// Puts a header and its transactions together; `None` when count or root differ.
    #[must_use]
    pub fn assemble(header: Header, transactions: Arc<[Arc<SignedTransaction>]>) -> Option<Self> {
        let ids: Vec<_> = transactions.iter().map(|tx| tx.id()).collect();
        Self::with_ids(header, TxIds::new(ids), transactions)
    }

    /// As [`Block::assemble`], of ids whose root is known; `None` too when they are other transactions'.
    #[must_use]
    pub fn with_ids(
        header: Header,
        tx_ids: TxIds,
        transactions: Arc<[Arc<SignedTransaction>]>,
    ) -> Option<Self> {
        let fits =
            tx_ids.fit(&header) && transactions.iter().map(|tx| tx.id()).eq(tx_ids.iter().copied());
        fits.then(|| Self { id: header.id(), header, tx_ids, transactions })
    }

    /// Ids of its transactions.
    #[must_use]
    pub const fn tx_ids(&self) -> &TxIds {
        &self.tx_ids
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> BlockId {
        self.id
    }

    /// Its header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Its transactions in order.
    #[must_use]
    pub const fn transactions(&self) -> &Arc<[Arc<SignedTransaction>]> {
        &self.transactions
    }
}
