//! Limits of a SCORE's artefact and of the talk between peer and worker: name, unit, reason.
//!
//! In and out: constants. What a single call may do inside the SCORE stands in
//! `score_native_abi::limit`; the steps a call may take come with the call. The limits of a call are
//! the most a channel may allow, and what it allows when it says nothing.

/// Bytes of a SCORE file: far above any real one (a token is under 100 KiB), small enough to hash,
/// scan and copy into a memfd within one block time.
pub const SCORE_BYTES_MAX: usize = 32 << 20;

/// Bytes of one frame from the worker: the worker is not trusted, so this bounds what it can make
/// the peer hold.
pub const FRAME_BYTES_MAX: usize = 8 << 20;

/// Bytes of one frame to the worker: a whole block with its longest arguments fits.
pub const ORDER_BYTES_MAX: usize = 64 << 20;

/// Bytes of all frames that answer one batch: what `steps_per_block` lets a block write fits.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Bytes of receipts after which the worker sends what it has and goes on.
pub const PART_BYTES: usize = 1 << 20;

/// Bytes of a call's output: it is stored in the receipt on every peer.
pub const OUTPUT_BYTES_MAX: usize = 64 << 10;

/// Bytes of all keys and values one call leaves written: one receipt fits well into one frame.
pub const CALL_WRITE_BYTES_MAX: usize = 1 << 20;

/// Bytes of all events of one call, names included.
pub const CALL_EVENT_BYTES_MAX: usize = 64 << 10;

/// Entries of one page of an ordered scan.
pub const SCAN_PAGE_ENTRIES: u32 = 64;

/// Bytes of one page of an ordered scan; a page holds at least one entry.
pub const SCAN_PAGE_BYTES: usize = 1 << 20;

/// Bytes of a SCORE's memory in one call: far above what a call of a ledger needs, and a peer holds
/// at most one arena for each worker.
pub const ARENA_BYTES: usize = 16 << 20;

/// Bytes of a SCORE's stack in one call: as a thread of a server has.
pub const STACK_BYTES: usize = 1 << 20;
