//! What host calls cost, in steps.
//!
//! In and out: constants. A step of a SCORE is one basic block, 3 to 5 ns; a host call is charged
//! for the slowest way it can go, since a peer that has to look up a value on its disk must not
//! fall behind one that remembers it. Part of the agreement between peers: a change here changes
//! receipts.

/// Reading a key: a message to the peer and back, when the worker does not remember it (7 µs).
pub const GET: u64 = 1_000;
/// Writing or removing a key.
pub const PUT: u64 = 500;
/// The next entry of a listing.
pub const NEXT: u64 = 1_000;
/// An event.
pub const EMIT: u64 = 200;
/// A line for the operator.
pub const LOG: u64 = 100;
/// A hash.
pub const HASH: u64 = 200;
/// A signature (50 µs).
pub const VERIFY: u64 = 15_000;
/// A call to another SCORE: a message each way between peer and both workers (25 µs). What the other
/// one takes comes on top, and a step for each byte that the transaction has written to it before.
pub const CALL: u64 = 5_000;
/// Each byte of keys, values, events, lines, hashed and signed messages, on top.
pub const BYTE: u64 = 1;
