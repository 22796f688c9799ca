//! Every bound of the protocol: its unit, why this number, and what happens at it.
//!
//! Bounds an operator may change live in the node's configuration; these are their ceilings.

/// One encoded transaction with its signature, bytes. Larger: refused with `LC2102`.
pub const TX_BYTES_MAX: usize = 64 * 1024;
/// Arguments of one call, bytes: a transaction less room for its other fields.
pub const ARGS_BYTES_MAX: usize = TX_BYTES_MAX - 1024;
/// Name of a method, bytes.
pub const METHOD_BYTES_MAX: usize = 64;
/// All transactions of a block, bytes. The proposer stops adding before it.
pub const BLOCK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Transactions of a block. The proposer stops adding before it.
pub const BLOCK_TXS_MAX: usize = 10_000;
/// Transactions waiting in a channel's pool. More: refused with `LC3202`, retry later.
pub const POOL_TXS_MAX: usize = 10_000;
/// Bytes waiting in a channel's pool. More: refused with `LC3202`, retry later.
pub const POOL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Share of the pool that one signer may hold, percent. More: refused with `LC3203`.
pub const SIGNER_SHARE_PERCENT: usize = 10;
/// How far ahead of block time an expiry may lie, microseconds (15 minutes): the window in which
/// ids are remembered for certain. Beyond: refused with `LC2110`.
pub const EXPIRY_US_MAX: u64 = 15 * 60 * 1_000_000;
/// How far a block's time may be ahead of a voter's clock, microseconds. Beyond: no vote.
pub const DRIFT_US_MAX: u64 = 500_000;
/// One frame between peers, bytes. Larger: the connection is closed.
pub const FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;
/// One frame before a peer is known, bytes.
pub const HELLO_FRAME_BYTES_MAX: usize = 64 * 1024;
/// One part of something larger than a frame, bytes.
pub const PART_BYTES_MAX: usize = 1024 * 1024;
/// Answers to one fetch, bytes: what fits a frame with room for its envelope.
pub const FETCH_BYTES_MAX: usize = FRAME_BYTES_MAX - 64 * 1024;
/// Blocks in one answer of block sync.
pub const FETCH_BLOCKS_MAX: usize = 256;
/// Messages in one delivery between peers.
pub const DELIVERY_MESSAGES_MAX: usize = 4_096;
/// Transactions handed from ingest to the pool at once.
pub const INGEST_MEMPOOL_TXS: usize = 4_096;
/// Proposals kept per channel above the head; the oldest is dropped.
pub const PROPOSALS_KEPT_MAX: usize = 64;
/// Blocks kept for sync and speculation above the head.
pub const BLOCKS_AHEAD_MAX: usize = 256;
/// One statement with its signature, bytes.
pub const STATEMENT_BYTES_MAX: usize = 4 * 1024;
/// Statements that a relay of a flat group sends on together: one of each validator. A bundle of the
/// largest ones fits a frame.
pub const BUNDLE_STATEMENTS_MAX: usize = 128;
/// Slots of one statement.
pub const STATEMENT_SLOTS_MAX: usize = 4;
/// A justification, a helper message or a Final proof of a rule, bytes (128 validators' signatures
/// and bodies fit several times).
pub const RULE_BYTES_MAX: usize = 256 * 1024;
/// One encoded header, bytes.
pub const HEADER_BYTES_MAX: usize = 1024;
/// Validators of a channel: all-to-all statements stay affordable.
pub const VALIDATORS_MAX: usize = 128;
/// Certificates a channel's genesis may carry.
pub const GENESIS_CERTIFICATES_MAX: usize = 4_096;
/// One certificate, DER bytes.
pub const CERTIFICATE_BYTES_MAX: usize = 8 * 1024;
/// One revocation list, DER bytes: it fits a transaction with what stands around it.
pub const CRL_BYTES_MAX: usize = 48 * 1024;
/// Certificates in one revocation list, about 45 bytes each; expired ones leave it.
pub const CRL_ENTRIES_MAX: usize = 1_000;
/// A key of a SCORE's state, bytes.
pub const STATE_KEY_BYTES_MAX: usize = 256;
/// A value of a SCORE's state, bytes.
pub const STATE_VALUE_BYTES_MAX: usize = 64 * 1024;
/// Writes of one block in an outcome that a peer hands over: 64 for each of its transactions.
pub const BLOCK_WRITES_MAX: usize = 64 * BLOCK_TXS_MAX;
/// The outcome of a block that is fetched in parts, bytes; a node whose own result differs and whose
/// block did more waits for an operator.
pub const OUTCOME_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What one call may return, bytes.
pub const OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// Events of one call; the same number as in the SCORE ABI.
pub const EVENTS_MAX: usize = 1_024;
/// Events of one call, bytes together.
pub const EVENTS_BYTES_MAX: usize = 64 * 1024;
/// A SCORE's `.so`, bytes.
pub const SCORE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// A consensus rule's `.so`, bytes (unstripped release builds with line tables are about 7 MiB).
pub const RULE_SO_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Differences of the validator set in one change: every old one goes and every new one comes.
pub const CONFIGURE_VALIDATORS_MAX: usize = 2 * VALIDATORS_MAX;
/// Basic blocks one transaction may run.
pub const STEPS_PER_TX: u64 = 20_000_000;
/// Basic blocks one block may run, about 0.25 s of one core. Calls beyond: refused with `LC2115`.
pub const STEPS_PER_BLOCK: u64 = 50_000_000;
/// Bytes of memory of a SCORE in one call: far above what a ledger's call needs, and a peer holds one
/// for each worker.
pub const CALL_ARENA_BYTES_MAX: u32 = 16 << 20;
/// Bytes of stack of a SCORE in one call: as a thread of a server has; recursion ends there.
pub const CALL_STACK_BYTES_MAX: u32 = 1 << 20;
/// Bytes of arena and of stack that a channel leaves at least: less and no method runs.
pub const CALL_MEMORY_BYTES_MIN: u32 = 64 << 10;
/// Bytes of a call's output: it is stored in the receipt on every peer.
pub const CALL_OUTPUT_BYTES_MAX: u32 = 64 << 10;
/// Events of a transaction: readers page through them.
pub const CALL_EVENTS_MAX: u32 = 1_024;
/// Bytes of all events of a transaction, names included.
pub const CALL_EVENT_BYTES_MAX: u32 = 64 << 10;
/// Bytes of a value that a SCORE writes; as much as the state takes.
pub const CALL_VALUE_BYTES_MAX: u32 = 64 << 10;
/// Bytes of all keys and values a transaction leaves written: one receipt fits well into one frame.
pub const CALL_WRITE_BYTES_MAX: u32 = 1 << 20;
/// Bytes that a channel leaves at least for output, events, a value and writes: any transfer fits.
pub const CALL_BYTES_MIN: u32 = 1 << 10;
/// Blocks whose undo records are kept.
pub const HISTORY_BLOCKS: u64 = 10_000;
/// Writes that a proof of a former state goes back over, each block counted as one more: a second or
/// two of one core. More: refused with `LC5303`.
pub const FORMER_WRITES_MAX: usize = 1 << 20;
/// Undo records that it goes back over, bytes: what they hold is hashed. More: refused with `LC5303`.
pub const FORMER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Parameters of a rule in a genesis.
pub const PARAMETERS_MAX: usize = 64;
/// A short text in a genesis (names, parameter values), bytes.
pub const TEXT_BYTES_MAX: usize = 256;
/// Grants of a channel: regulators are few, and every admission of a node looks through them.
pub const GRANTS_MAX: usize = 32;
/// SCOREs that one grant names.
pub const GRANT_SCORES_MAX: usize = 16;
/// Beginnings of keys that one grant names.
pub const GRANT_KEYS_MAX: usize = 16;
/// Path and query of a signed request, bytes: longer than any that this product makes.
pub const READ_TARGET_BYTES_MAX: usize = 2 * 1024;
/// How far the expiry of a signed request may lie from the clock of the node that reads it, microseconds:
/// enough for clocks that differ, and as long as one has to be remembered. Beyond: refused with `LC4303`.
pub const READ_WINDOW_US: u64 = 60 * 1_000_000;
/// Signed requests that a node remembers, so that none is answered twice. Full: refused with `LC7129`;
/// those that ran out make room. At 200 requests a second of one address, five addresses fill it.
pub const READS_REMEMBERED_MAX: usize = 64 * 1024;
/// One record of a trail, bytes: a signed request with what was answered.
pub const TRAIL_RECORD_BYTES_MAX: usize = 8 * 1024;
/// Wall time for executing one block, milliseconds; without a result by then this node skips.
pub const EXECUTE_TIMEOUT_MS: u64 = 2_000;
/// Why a change came to nothing, bytes: a line that people read, with the names that fit.
pub const REASON_BYTES_MAX: usize = 1024;
/// Receipts `crash` of a SCORE within [`CRASH_WINDOW_BLOCKS`] that suspend it: more than chance, few
/// enough that its crashes do not become everybody's load.
pub const CRASHES_MAX: u64 = 8;
/// Blocks in which the crashes of a SCORE are counted together.
pub const CRASH_WINDOW_BLOCKS: u64 = 16;
/// Times a SCORE gives a node no result before that node's own proposals leave it out: one may be a
/// slow moment of the machine.
pub const STRIKES_MAX: u32 = 3;
/// Views for which they do, and after which a strike is forgotten.
pub const STRIKES_OUT_VIEWS: u64 = 64;
/// Changes of a channel that may wait for approval at once.
pub const CHANGES_OPEN_MAX: usize = 64;

/// Registers of one signer in one epoch that are held against it, by a node and on the chain. One is
/// enough to accuse it; the first ones are kept, because they show when it began, and because a cheat
/// that makes more of them must not drive out those of others. More: refused with `LC2118`.
pub const EVIDENCE_PER_SIGNER_MAX: usize = 16;

// The state before a block that did as much as one may is always proved.
const _: () = assert!(BLOCK_WRITES_MAX < FORMER_WRITES_MAX && OUTCOME_BYTES_MAX < FORMER_BYTES_MAX);
const _: () = assert!(PART_BYTES_MAX < FRAME_BYTES_MAX);
const _: () = assert!(TX_BYTES_MAX < PART_BYTES_MAX);
const _: () = assert!(ARGS_BYTES_MAX < TX_BYTES_MAX);
// Two statements are arguments of one call, and a value in the state.
const _: () = assert!(2 * (STATEMENT_BYTES_MAX + 1024) < ARGS_BYTES_MAX);
const _: () = assert!(RULE_BYTES_MAX < PART_BYTES_MAX);
const _: () = assert!(BUNDLE_STATEMENTS_MAX * (STATEMENT_BYTES_MAX + 1024) < PART_BYTES_MAX);
const _: () = assert!(HELLO_FRAME_BYTES_MAX < FRAME_BYTES_MAX);
const _: () = assert!(FETCH_BYTES_MAX < FRAME_BYTES_MAX);
// Every id of a full block fits one proposal frame.
const _: () = assert!(BLOCK_TXS_MAX * 34 + RULE_BYTES_MAX + HEADER_BYTES_MAX < FRAME_BYTES_MAX);

const _: () = assert!(
    CALL_OUTPUT_BYTES_MAX as usize == OUTPUT_BYTES_MAX
        && CALL_EVENTS_MAX as usize == EVENTS_MAX
        && CALL_VALUE_BYTES_MAX as usize == STATE_VALUE_BYTES_MAX,
    "what a call may leave is what a block may hold"
);
