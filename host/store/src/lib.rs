//! Where a node keeps things: one database a channel, block segments, tip marker, sign log.
//!
//! In: final blocks with their results, unfinished proposals, what the node is about to sign.
//! Out: the same, later and after any crash; roots of the state; or a [`StoreError`] whose
//! [`StoreError::class`] says how to react.
//! Deliberately not here: what is final, what may be signed, execution, threads. Everything is
//! synchronous; the node calls it on threads of its own.
//!
//! ```text
//! DATA/sign/NNNNNN.log                     SignLog, one per node
//! DATA/channels/NAME/blocks/NNNNNN.seg     Segments: bodies, results, Final proofs, append-only
//! DATA/channels/NAME/tip                   TipMarker
//! DATA/channels/NAME/db/                   the database, rebuildable from the segments
//! ```
//!
//! The order of one block's life, on two threads of the node:
//! 1. vote path: [`Segments::append_block`], [`Segments::append_result`], [`Segments::sync`]; then
//!    [`Guard::check`], [`SignLog::append_batch`]; then the statement may leave.
//! 2. commit path, once it is final: [`ChannelStore::commit`]; then clients may be told.
//!
//! Where to look next: [`schema`] (the table of the database), [`database`], [`sign_log`],
//! [`commitment`].

pub mod block_record;
pub mod commitment;
pub mod database;
pub mod disk;
pub mod error;
#[cfg(any(test, feature = "test-utils"))]
pub mod faulty;
pub mod former;
pub mod guard;
pub mod reader;
pub mod repair;
pub mod rewind;
pub mod schema;
pub mod search;
pub mod segments;
pub mod sign_log;
mod state_cache;
pub mod tip_marker;

pub use block_record::{BlockResult, RawBlock};
pub use commitment::{FormerValues, StateCommitment, StateProof, StateTree, TreeVersion};
pub use database::{CHANNELS_THREADED_MAX, ChannelStore, CommitBlock, Lease, StoreOptions};
pub use disk::{Disk, DiskFile, Durability, RealDisk};
pub use error::{Part, StoreError};
pub use former::{ProveError, ProvedKey};
pub use guard::{Guard, Verdict};
pub use reader::{Reader, StateView, StoredBlock, Tip, TxPlace};
pub use repair::{RepairReport, open_repaired};
pub use rewind::{AtTip, CopyReport, Kept, RewindError, Rewound, Told, rewind};
pub use search::{FoundTxs, TxSearch};
pub use segments::{Location, Segments, Unfinished};
pub use sign_log::{ChannelReplay, Entry, Record, Replay, SignLog};
pub use tip_marker::{MarkedTip, TipMarker};
