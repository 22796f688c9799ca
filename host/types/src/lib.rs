//! The vocabulary of a node: ids, hashes, heights, weights, transactions, blocks, statements and
//! every limit, with one canonical encoding.
//!
//! In: bytes from outside. Out: total types, or a [`codec::CodecError`] that says where.
//! Deliberately not here: keys and signatures (`host/identity`), storage, the network, the formats
//! of a consensus rule (`plugins/lft`).
//!
//! Where to look next: [`codec`], [`transaction`], [`block`], [`limits`].

#![warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]

pub mod block;
pub mod call_bounds;
pub mod change;
pub mod codec;
pub mod epoch;
pub mod event;
pub mod evidence;
pub mod exit_code;
pub mod fault;
pub mod fault_page;
pub mod genesis;
pub mod grant;
pub mod hash;
pub mod height;
pub mod ids;
pub mod limits;
pub mod manifest;
pub mod merkle;
pub mod message;
pub mod outcome;
mod policy;
pub mod proof;
pub mod read_request;
pub mod receipt;
pub mod state_proof;
pub mod statement;
pub mod tolerance;
pub mod trail;
pub mod transaction;
pub mod validators;
pub mod value;
pub mod weight;

pub use block::{Block, Header, Pair, ProposalKind, RootPair};
pub use codec::{CodecError, Decode, Encode, Reader, Writer};
pub use fault::{Code, FaultClass, Rejection};
pub use hash::{Domain, Hash32};
pub use height::{BlockTime, Epoch, Height, View};
pub use ids::{
    Address, BlockId, CertificateId, ChannelName, GenesisHash, NetworkId, NodeName, ScoreName, TxId,
};
pub use receipt::{Receipt, ScoreEvent, Status};
pub use transaction::{RawTx, SignedTransaction, Transaction};
pub use weight::Weight;
