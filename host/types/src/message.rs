//! What peers tell and ask each other, inside an authenticated session of one channel.
//!
//! [`PeerMessage`] is one-way; [`FetchRequest`] has an answer. Both are canonical arrays whose
//! first value is the kind. The network layer carries them as bytes and never looks inside.

use crate::block::{Header, RootPair};
use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use crate::hash::Hash32;
use crate::height::{Epoch, Height};
use crate::ids::{BlockId, TxId};
use crate::limits;
use crate::proof::FinalProof;
use crate::statement::Statement;
use crate::transaction::RawTx;

/// A block put to the vote, in compact form: ids only, bodies are fetched when missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The header.
    pub header: Header,
    /// Ids of its transactions, in order.
    pub tx_ids: Vec<TxId>,
    /// The proposer's signed statement.
    pub statement: Statement,
    /// The rule's own bytes.
    pub justification: Vec<u8>,
}

/// Something one peer tells another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerMessage {
    /// A statement of a validator.
    Statement(Statement),
    /// A proposal.
    Proposal(Box<Proposal>),
    /// A helper message of the rule, unsigned.
    Rule(Vec<u8>),
    /// Transactions for the pool.
    Transactions(Vec<RawTx>),
    /// A statement of the sender, for a member of its flat group to send on.
    Handed(Statement),
    /// Statements of members of a flat group.
    Bundle(Vec<Statement>),
}

impl Encode for Proposal {
    fn encode(&self, w: &mut Writer) {
        w.array(4);
        self.header.encode(w);
        w.list(&self.tx_ids);
        self.statement.encode(w);
        w.bytes(&self.justification);
    }
}

impl Decode<'_> for Proposal {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(4)?;
        Ok(Self {
            header: Header::decode(r)?,
            tx_ids: r.list(limits::BLOCK_TXS_MAX)?,
            statement: Statement::decode(r)?,
            justification: r.bytes(limits::RULE_BYTES_MAX)?.to_vec(),
        })
    }
}

impl Encode for PeerMessage {
    fn encode(&self, w: &mut Writer) {
        w.array(2);
        match self {
            Self::Statement(statement) => {
                w.uint(0);
                statement.encode(w);
            }
            Self::Proposal(proposal) => {
                w.uint(1);
                proposal.encode(w);
            }
            Self::Rule(bytes) => {
                w.uint(2);
                w.bytes(bytes);
            }
            Self::Transactions(raw) => {
                w.uint(3);
                w.list(raw);
            }
            Self::Handed(statement) => {
                w.uint(4);
                statement.encode(w);
            }
            Self::Bundle(statements) => {
                w.uint(5);
                w.list(statements);
            }
        }
    }
}

impl Decode<'_> for PeerMessage {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(2)?;
        let error = r.error(CodecErrorKind::UnknownFormat);
        match r.uint()? {
            0 => Statement::decode(r).map(Self::Statement),
            1 => Proposal::decode(r).map(|p| Self::Proposal(Box::new(p))),
            2 => r.bytes(limits::RULE_BYTES_MAX).map(|b| Self::Rule(b.to_vec())),
            3 => r.list(limits::INGEST_MEMPOOL_TXS).map(Self::Transactions),
            4 => Statement::decode(r).map(Self::Handed),
            5 => r.list(limits::BUNDLE_STATEMENTS_MAX).map(Self::Bundle),
            _ => Err(error),
        }
    }
}

/// Something one peer asks another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchRequest {
    /// Envelopes of transactions by id.
    Bodies(Vec<TxId>),
    /// Header and transaction ids of a block that may not be final.
    Proposal(BlockId),
    /// Final blocks from a height on.
    Blocks {
        /// First height wanted.
        from: Height,
        /// At most so many.
        max: u32,
    },
    /// A part of an artefact.
    Artefact {
        /// Its SHA-256.
        sha256: Hash32,
        /// Byte offset of the part.
        offset: u64,
    },
    /// The last final height.
    Head,
    /// Hashes of the receipts of a block, as this peer executed it.
    Digests(BlockId),
    /// A part of the outcome of a block that has this result.
    Outcome {
        /// The block.
        block: BlockId,
        /// Its result.
        roots: RootPair,
        /// Byte offset of the part.
        offset: u64,
    },
    /// The newest statement of a validator that this peer has heard in an epoch. A validator asks for its
    /// own, to see whether its log is whole and its key its own.
    Newest {
        /// The epoch.
        epoch: Epoch,
        /// Its index.
        signer: u16,
    },
}

impl Encode for FetchRequest {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Bodies(ids) => {
                w.array(2);
                w.uint(0);
                w.list(ids);
            }
            Self::Proposal(block) => {
                w.array(2);
                w.uint(1);
                block.encode(w);
            }
            Self::Blocks { from, max } => {
                w.array(3);
                w.uint(2);
                from.encode(w);
                w.uint(u64::from(*max));
            }
            Self::Artefact { sha256, offset } => {
                w.array(3);
                w.uint(3);
                sha256.encode(w);
                w.uint(*offset);
            }
            Self::Head => {
                w.array(1);
                w.uint(4);
            }
            Self::Digests(block) => {
                w.array(2);
                w.uint(5);
                block.encode(w);
            }
            Self::Outcome { block, roots, offset } => {
                w.array(4);
                w.uint(6);
                block.encode(w);
                roots.encode(w);
                w.uint(*offset);
            }
            Self::Newest { epoch, signer } => {
                w.array(3);
                w.uint(7);
                w.uint(epoch.get());
                w.uint(u64::from(*signer));
            }
        }
    }
}

impl Decode<'_> for FetchRequest {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let len = r.array_up_to(4)?;
        let error = r.error(CodecErrorKind::UnknownFormat);
        match (r.uint()?, len) {
            (0, 2) => r.list(limits::BLOCK_TXS_MAX).map(Self::Bodies),
            (1, 2) => BlockId::decode(r).map(Self::Proposal),
            (2, 3) => Ok(Self::Blocks { from: Height::decode(r)?, max: r.uint_as()? }),
            (3, 3) => Ok(Self::Artefact { sha256: Hash32::decode(r)?, offset: r.uint()? }),
            (4, 1) => Ok(Self::Head),
            (5, 2) => BlockId::decode(r).map(Self::Digests),
            (6, 4) => Ok(Self::Outcome {
                block: BlockId::decode(r)?,
                roots: RootPair::decode(r)?,
                offset: r.uint()?,
            }),
            (7, 3) => Ok(Self::Newest { epoch: Epoch::new(r.uint()?), signer: r.uint_as()? }),
            _ => Err(error),
        }
    }
}

/// Consecutive final blocks and one proof for the last of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRange {
    /// Header and envelopes of each, oldest first.
    pub blocks: Vec<(Header, Vec<RawTx>)>,
    /// Result of the last.
    pub roots: RootPair,
    /// Final proof of the last.
    pub proof: FinalProof,
}

impl Encode for BlockRange {
    fn encode(&self, w: &mut Writer) {
        w.array(3);
        w.array(self.blocks.len());
        for (header, raw) in &self.blocks {
            w.array(2);
            header.encode(w);
            w.list(raw);
        }
        self.roots.encode(w);
        self.proof.encode(w);
    }
}

impl Decode<'_> for BlockRange {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(3)?;
        let len = r.array_up_to(limits::FETCH_BLOCKS_MAX)?;
        let blocks = (0..len)
            .map(|_| {
                r.array(2)?;
                Ok((Header::decode(r)?, r.list(limits::BLOCK_TXS_MAX)?))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { blocks, roots: RootPair::decode(r)?, proof: FinalProof::decode(r)? })
    }
}

/// Answers to [`FetchRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchReply {
    /// The envelopes that were found (each names itself by its hash).
    Bodies(Vec<RawTx>),
    /// Header and ids, when known.
    Proposal(Option<(Box<Header>, Vec<TxId>)>),
    /// Blocks, when there are any from that height on.
    Blocks(Option<Box<BlockRange>>),
    /// A part of an artefact and its whole size, when it is held.
    Artefact(Option<(u64, Vec<u8>)>),
    /// The last final height.
    Head(Height),
    /// This peer's result of the block, and the hashes of its receipts.
    Digests(Option<(RootPair, Vec<Hash32>)>),
    /// A part of an outcome and its whole size, when it is held.
    Outcome(Option<(u64, Vec<u8>)>),
    /// The statement, when any was heard.
    Newest(Option<Box<Statement>>),
}

impl Encode for FetchReply {
    fn encode(&self, w: &mut Writer) {
        w.array(2);
        match self {
            Self::Bodies(raw) => {
                w.uint(0);
                w.list(raw);
            }
            Self::Proposal(found) => {
                w.uint(1);
                match found {
                    None => w.null(),
                    Some((header, ids)) => {
                        w.array(2);
                        header.encode(w);
                        w.list(ids);
                    }
                }
            }
            Self::Blocks(range) => {
                w.uint(2);
                w.option(range.as_deref());
            }
            Self::Artefact(part) => {
                w.uint(3);
                encode_part(part.as_ref(), w);
            }
            Self::Head(height) => {
                w.uint(4);
                height.encode(w);
            }
            Self::Digests(found) => {
                w.uint(5);
                match found {
                    None => w.null(),
                    Some((roots, digests)) => {
                        w.array(2);
                        roots.encode(w);
                        w.list(digests);
                    }
                }
            }
            Self::Outcome(part) => {
                w.uint(6);
                encode_part(part.as_ref(), w);
            }
            Self::Newest(statement) => {
                w.uint(7);
                w.option(statement.as_deref());
            }
        }
    }
}

/// Size of the whole and some of its bytes.
fn encode_part(part: Option<&(u64, Vec<u8>)>, w: &mut Writer) {
    match part {
        None => w.null(),
        Some((size, bytes)) => {
            w.array(2);
            w.uint(*size);
            w.bytes(bytes);
        }
    }
}

fn decode_part(r: &mut Reader<'_>) -> Result<Option<(u64, Vec<u8>)>, CodecError> {
    if r.is_null() {
        return Ok(None);
    }
    r.array(2)?;
    Ok(Some((r.uint()?, r.bytes(limits::PART_BYTES_MAX)?.to_vec())))
}

impl Decode<'_> for FetchReply {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(2)?;
        let error = r.error(CodecErrorKind::UnknownFormat);
        match r.uint()? {
            0 => r.list(limits::BLOCK_TXS_MAX).map(Self::Bodies),
            1 if r.is_null() => Ok(Self::Proposal(None)),
            1 => {
                r.array(2)?;
                let header = Box::new(Header::decode(r)?);
                Ok(Self::Proposal(Some((header, r.list(limits::BLOCK_TXS_MAX)?))))
            }
            2 => Ok(Self::Blocks(r.option::<BlockRange>()?.map(Box::new))),
            3 => decode_part(r).map(Self::Artefact),
            4 => Height::decode(r).map(Self::Head),
            5 if r.is_null() => Ok(Self::Digests(None)),
            5 => {
                r.array(2)?;
                Ok(Self::Digests(Some((RootPair::decode(r)?, r.list(limits::BLOCK_TXS_MAX)?))))
            }
            6 => decode_part(r).map(Self::Outcome),
            7 => Ok(Self::Newest(r.option::<Statement>()?.map(Box::new))),
            _ => Err(error),
        }
    }
}
