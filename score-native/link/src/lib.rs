//! The host side of SCOREs: check a SCORE file, keep it, start its worker and talk to it.
//!
//! In: SCORE files (untrusted), batches of calls, a reader of state. Out: findings or a
//! [`CheckedScore`], and receipts. It runs nothing of a SCORE in its own process; the worker's side
//! is the package `score-native-runner`. It keeps no chain state and knows no blocks but by id.

pub mod build;
mod echo;
pub mod elf;
pub mod limits;
mod nest;
mod outcome;
mod pace;
mod pool;
mod process;
pub mod protocol;
mod socket;
mod spawn;
mod store;
mod worker;

/// ABI of SCOREs that this host speaks: major and minor.
pub const ABI: (u16, u16) = (score_native_abi::MAJOR, score_native_abi::MINOR);

pub use echo::{ECHO, ECHO_BYTES, Echo};
pub use elf::{CheckedScore, Finding, check};
pub use nest::{Boxed, Callee, Neighbours, Nest, Place, Refusal};
pub use outcome::{
    BLOCK_STEPS, CRASH, CRASH_TEXT, CallReceipt, NoResult, OtherEvent, Others, Outcome,
};
pub use pool::{Pool, Seat, SeatKey};
pub use process::FAULT_EXIT_BASE;
pub use protocol::{
    Batch, BlockId, CallAsk, CallKind, CallLimits, CallSpec, Event, LogLine, Query, SandboxReport,
    Write,
};
/// Levels of [`LogLine`].
pub use score_native_abi::level;
/// Codes of calls that did not reach the author's code.
pub use score_native_abi::refusal;
pub use spawn::{PROGRESS_BYTES, PROGRESS_FD, SCORE_FD, SOCKET_FD};
pub use store::{ArtefactId, ArtefactStore, StoreError, hex};
pub use worker::{
    Addresses, FOR_DEBUGGER, OUTSIDE_SANDBOX, QueryWorker, Sandbox, StateReader, Worker,
    WorkerConfig, try_sandbox,
};
