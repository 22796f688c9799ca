//! The `repr(C)` table between a SCORE (an untrusted `.so`) and the worker that runs it.
//!
//! In: nothing. Out: the five structs `Bytes`, `Host`, `Call`, `Ret`, `Score`, the codes a call can
//! end with and the limits both sides keep. It deliberately does nothing: no allocation, no
//! dependency, no Rust type and no unwinding crosses this border.
//!
//! **Version rule.** The table only grows at its end. A new host function or a new field of `Call`
//! raises [`MINOR`]; `size` says how much of a struct is there. A SCORE writes the oldest minor that
//! has everything it uses, so an old SCORE runs in every newer host; a SCORE that needs more than
//! the host has is refused at load. [`MAJOR`] changes only together with [`SYMBOL`].
//! `abi.txt` is the golden picture of the layout; a difference in it is a version decision.
#![no_std]

use core::ffi::c_void;

mod layout;

/// First bytes of every [`Score`].
pub const MAGIC: [u8; 8] = *b"LOOPSCOR";
/// Breaking version; a host keeps serving the majors it knows.
pub const MAJOR: u16 = 1;
/// Growing version; see the version rule above.
pub const MINOR: u16 = 0;
/// Name of the exported static, with the NUL that `dlsym` wants.
pub const SYMBOL: &[u8] = b"LOOPCHAIN_SCORE\0";
/// ELF section that holds the JSON manifest, so that it is read without running anything.
pub const MANIFEST_SECTION: &str = ".loopscore";

/// Borrowed bytes.
///
/// Host to SCORE: valid until the next host call of the same call. SCORE to host: valid until the
/// host function returns, or, in [`Ret`], until the arena is used again.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    /// First byte; never null, dangling when `len` is 0.
    pub ptr: *const u8,
    /// Number of bytes.
    pub len: usize,
}

impl Bytes {
    /// No bytes at all.
    pub const EMPTY: Self = Self::new(&[]);

    /// Borrows a slice; the caller keeps it alive as the type demands.
    #[must_use]
    pub const fn new(slice: &[u8]) -> Self {
        Self { ptr: slice.as_ptr(), len: slice.len() }
    }

    /// The bytes as a slice.
    ///
    /// # Safety
    /// `ptr` points to `len` readable bytes (or is dangling with `len` 0) that stay unchanged for
    /// all of `'a`: see the rule on the type.
    #[must_use]
    #[expect(unsafe_code, reason = "the ABI's one read of a foreign pointer")]
    pub const unsafe fn get<'a>(self) -> &'a [u8] {
        // SAFETY: promised by the caller.
        unsafe { core::slice::from_raw_parts(self.ptr, self.len) }
    }
}

// SAFETY: a pointer and a length without interior mutability; reading through it is `get`'s promise.
#[expect(unsafe_code, reason = "a static Score holds the manifest as Bytes")]
unsafe impl Sync for Bytes {}

/// Host functions, given to each call. Every one takes `ctx` first. Errors that end the call never
/// return: the host leaves the SCORE's stack (`trap`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// `size_of::<Host>()` of the host.
    pub size: u32,
    /// ABI major of the host.
    pub major: u16,
    /// ABI minor of the host.
    pub minor: u16,
    /// The host's own; handed back in every function.
    pub ctx: *mut c_void,
    /// `get(ctx, key, value) -> 1` and the value when the key exists, else 0.
    pub get: unsafe extern "C" fn(*mut c_void, Bytes, *mut Bytes) -> u32,
    /// `put(ctx, key, value)`; traps with [`trap::WRITE_IN_QUERY`] in a query.
    pub put: unsafe extern "C" fn(*mut c_void, Bytes, Bytes),
    /// `del(ctx, key)`; traps like `put`. A key that does not exist is no error.
    pub del: unsafe extern "C" fn(*mut c_void, Bytes),
    /// `next(ctx, prefix, after, key, value) -> 1` and the first entry whose key starts with
    /// `prefix` and is greater than `after` (in byte order; `after` is a whole key, or empty to
    /// begin), else 0.
    pub next: unsafe extern "C" fn(*mut c_void, Bytes, Bytes, *mut Bytes, *mut Bytes) -> u32,
    /// `emit(ctx, name, data)`: an event; `data` is the CBOR array of its fields.
    pub emit: unsafe extern "C" fn(*mut c_void, Bytes, Bytes),
    /// `log(ctx, level, text)`: a line for the operator (see [`level`]), not part of the receipt.
    pub log: unsafe extern "C" fn(*mut c_void, u32, Bytes),
    /// `call(ctx, score, method, args, output) -> code`: calls another SCORE of the channel and
    /// answers as [`Ret`] does, the bytes in `output`. What a callee did that did not answer 0 is
    /// undone; the caller goes on. Refused with [`refusal::NO_SCORE`], [`refusal::REENTRANT`],
    /// [`refusal::DEPTH`], [`refusal::FROZEN`], or [`refusal::NO_CALLS`] where there are none.
    pub call: unsafe extern "C" fn(*mut c_void, Bytes, Bytes, Bytes, *mut Bytes) -> u32,
    /// `hash(ctx, data, out)`: SHA-256.
    pub hash: unsafe extern "C" fn(*mut c_void, Bytes, *mut [u8; 32]),
    /// `verify(ctx, key, message, signature) -> 1` when the ed25519 signature (64 bytes) of the key
    /// (32 bytes) is good under ZIP 215, else 0; wrong lengths are 0.
    pub verify: unsafe extern "C" fn(*mut c_void, Bytes, Bytes, Bytes) -> u32,
    /// `trap(ctx, code, text)`: ends the call with a code of [`trap`]; never returns.
    pub trap: unsafe extern "C" fn(*mut c_void, u32, Bytes) -> !,
}

/// One call into a SCORE. Everything in it is agreed by the block (or, in a query, by the answering
/// peer), so every peer passes the same.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// `size_of::<Call>()` of the host.
    pub size: u32,
    /// What is called: a value of [`kind`].
    pub kind: u32,
    /// Height of the block that is executed; in a query the height of the state that is read.
    pub height: u64,
    /// Agreed time of that block, in microseconds since 1970-01-01 UTC.
    pub time_us: u64,
    /// Seed of the block: public and predictable.
    pub block_seed: [u8; 32],
    /// Id of the transaction; zero in a query.
    pub tx_hash: [u8; 32],
    /// Position of the transaction in its block; 0 in a query.
    pub tx_index: u32,
    /// Who signed the transaction.
    pub origin: [u8; 20],
    /// Who calls: the signer, or a SCORE.
    pub caller: [u8; 20],
    /// Role in the signer's certificate; 0 when there is none.
    pub role: u32,
    /// Organisation in the signer's certificate, UTF-8; empty when there is none.
    pub organisation: Bytes,
    /// Name of the channel, UTF-8.
    pub channel: Bytes,
    /// Name of the method, UTF-8. Not read when `kind` is deploy or migrate.
    pub method: Bytes,
    /// CBOR array of the arguments; for a method that only the catch-all takes: the bytes as sent.
    pub args: Bytes,
    /// Memory of the SCORE's allocator, zeroed by the host.
    pub arena: *mut u8,
    /// Bytes of the arena.
    pub arena_len: usize,
    /// Steps (basic blocks) the call may take.
    pub steps: i64,
}

/// What a call answers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Ret {
    /// 0 is success; 1 to 0xffff a fault of the author; else a code of [`refusal`] or [`trap`].
    pub code: u32,
    /// Success: the CBOR of the returned value (no bytes for `()`). Else: the message, UTF-8.
    pub data: Bytes,
    /// Steps that are left; may be below 0 by the last block.
    pub steps_left: i64,
    /// Bytes of the arena that were used: the host zeroes them before the next call.
    pub arena_used: usize,
}

impl Ret {
    /// What the host passes in.
    pub const EMPTY: Self = Self { code: 0, data: Bytes::EMPTY, steps_left: 0, arena_used: 0 };
}

/// The exported static of a SCORE.
#[repr(C)]
#[derive(Debug)]
pub struct Score {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// `size_of::<Score>()` of the SCORE.
    pub size: u32,
    /// ABI major the SCORE speaks.
    pub major: u16,
    /// Oldest ABI minor that has everything the SCORE uses.
    pub minor: u16,
    /// The JSON manifest; the same bytes as the section [`MANIFEST_SECTION`].
    pub manifest: Bytes,
    /// Runs one call; one thread, one call at a time.
    pub run: unsafe extern "C" fn(*const Host, *const Call, *mut Ret),
    /// The step counter that the compiler's hooks count down; null in a build without metering.
    pub steps: *mut i64,
}

// SAFETY: the host runs one call at a time (see `run`); the pointers are never written through.
#[expect(unsafe_code, reason = "a SCORE's table is a static")]
unsafe impl Sync for Score {}

/// Values of [`Call::kind`].
pub mod kind {
    /// First call of a SCORE on its channel.
    pub const DEPLOY: u32 = 0;
    /// A transaction.
    pub const INVOKE: u32 = 1;
    /// A question; writes trap.
    pub const QUERY: u32 = 2;
    /// First call of a new version on the state of the old one.
    pub const MIGRATE: u32 = 3;
}

/// Codes of calls that were ended; all of them are deterministic and may stand in a receipt.
pub mod trap {
    /// The SCORE panicked; the message says where.
    pub const PANIC: u32 = 0xfffe_0001;
    /// Out of steps.
    pub const STEPS: u32 = 0xfffe_0002;
    /// Out of arena.
    pub const MEMORY: u32 = 0xfffe_0003;
    /// Out of stack.
    pub const STACK: u32 = 0xfffe_0005;
    /// `put`, `del` or `emit` in a query.
    pub const WRITE_IN_QUERY: u32 = 0xfffe_0006;
    /// A key, value or event beyond [`limit`](super::limit).
    pub const LIMIT: u32 = 0xfffe_0007;
}

/// Codes of calls that did not reach the author's code.
pub mod refusal {
    /// Method, channel or organisation is not UTF-8.
    pub const BAD_UTF8: u32 = 0xffff_0001;
    /// The arguments are not the ones the method takes.
    pub const BAD_ARGS: u32 = 0xffff_0002;
    /// No method of that name and kind.
    pub const NO_METHOD: u32 = 0xffff_0003;
    /// There are no calls between SCOREs here (a test of one SCORE alone).
    pub const NO_CALLS: u32 = 0xffff_0004;
    /// The called SCORE has no active version.
    pub const NO_SCORE: u32 = 0xffff_0005;
    /// The called SCORE waits for this call itself.
    pub const REENTRANT: u32 = 0xffff_0006;
    /// The call would be nested deeper than [`limit::CALL_DEPTH`](super::limit::CALL_DEPTH).
    pub const DEPTH: u32 = 0xffff_0007;
    /// The called SCORE is frozen.
    pub const FROZEN: u32 = 0xffff_0008;
}

/// Levels of `log`.
pub mod level {
    /// Something went wrong.
    pub const ERROR: u32 = 0;
    /// Something is odd.
    pub const WARN: u32 = 1;
    /// Worth knowing.
    pub const INFO: u32 = 2;
    /// For the author.
    pub const DEBUG: u32 = 3;
}

/// What one call may use; a breach is [`trap::LIMIT`] (log lines beyond the limit are dropped).
pub mod limit {
    /// Bytes of a key, prefix included: keys are names, content belongs in values.
    pub const KEY_BYTES: usize = 256;
    /// Bytes of a value: one value fits in one frame and one page of a listing.
    pub const VALUE_BYTES: usize = 64 << 10;
    /// Bytes of an event's name.
    pub const EVENT_NAME_BYTES: usize = 64;
    /// Bytes of an event's data.
    pub const EVENT_BYTES: usize = 64 << 10;
    /// Events of a call.
    pub const EVENTS: usize = 1024;
    /// SCOREs that may wait for each other in one transaction, the called one included: deep enough
    /// for a router over an exchange over tokens, few enough that a block never holds many workers.
    pub const CALL_DEPTH: usize = 8;
    /// Bytes of the name of a called SCORE or method.
    pub const CALL_NAME_BYTES: usize = 64;
    /// Bytes of the arguments of a call to another SCORE.
    pub const CALL_ARGS_BYTES: usize = 64 << 10;
    /// Log lines of a call.
    pub const LOG_LINES: usize = 64;
    /// Bytes of a log line; the rest is cut.
    pub const LOG_BYTES: usize = 1024;
}
