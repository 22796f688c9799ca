//! The border of a SCORE: the exported table, the calls into the host, and, in the `.so`, the
//! allocator, the panic handler and the step hook. All `unsafe` of the SDK is in this file and in
//! `export/freestanding.rs`.
//!
//! In: one call at a time from the worker, through [`table`]. Out: host calls and the outcome. In the
//! `.so` a panic ends in the host's `trap`; in a native build (tests) it is caught and told as the
//! same outcome. It deliberately never unwinds across the table.
#![expect(unsafe_code, reason = "the border of the SCORE ABI")]

#[cfg(panic = "abort")]
mod freestanding;
#[cfg(panic = "abort")]
use freestanding as machine;
#[cfg(not(panic = "abort"))]
mod native;
#[cfg(not(panic = "abort"))]
use native as machine;

use crate::{
    Contract, Cx, Outcome, Refused,
    abi::{self, Bytes, Call, Host, Ret, Score, refusal},
};
use alloc::{borrow::ToOwned, vec::Vec};

/// The table of a SCORE; `json` is its manifest.
#[must_use]
pub const fn table<C: Contract>(json: &'static [u8]) -> Score {
    Score {
        magic: abi::MAGIC,
        size: size_of::<Score>() as u32,
        major: abi::MAJOR,
        // Everything the SDK uses is in 1.0; a later function raises it for those who call it.
        minor: 0,
        manifest: Bytes::new(json),
        run: run::<C>,
        steps: machine::STEPS_AT,
    }
}

/// Runs one call.
///
/// # Safety
/// Called by a host as `score-native-abi` says: the three pointers are valid for the whole call, the
/// host's functions are its own, the arena is free, and no other call runs on this thread (`.so`: in
/// this process).
unsafe extern "C" fn run<C: Contract>(host: *const Host, call: *const Call, ret: *mut Ret) {
    // SAFETY: valid for the whole call, see above.
    let (call, ret) = unsafe { (*call, &mut *ret) };
    // SAFETY: `host` outlives the call; the machine forgets it when the call ends.
    unsafe { machine::enter(host, &call) };
    let outcome = machine::guarded(|| outcome_of::<C>(call));
    machine::leave(outcome, ret);
}

fn outcome_of<C: Contract>(call: Call) -> Outcome {
    // SAFETY: the host's bytes are valid for the whole call.
    let (method, args) = unsafe { (call.method.get(), call.args.get()) };
    let answer = match (core::str::from_utf8(method), has_valid_texts(&call)) {
        (Ok(method), true) => C::dispatch(call.kind, method, args, &Cx::new(call)),
        _ => {
            let text = "the names of a call are UTF-8".to_owned();
            Err(Refused { code: refusal::BAD_UTF8, text })
        }
    };
    answer.unwrap_or_else(|refused| Outcome { code: refused.code, data: refused.text.into_bytes() })
}

fn has_valid_texts(call: &Call) -> bool {
    // SAFETY: the host's bytes are valid for the whole call.
    let texts = unsafe { [call.organisation.get(), call.channel.get()] };
    texts.into_iter().all(|text| core::str::from_utf8(text).is_ok())
}

/// A text of the call; `has_valid_texts` has looked at it, and a `Cx` lives no longer than its call.
pub(crate) fn text_of(_life: &Cx, text: Bytes) -> &str {
    // SAFETY: the host's bytes are valid for the whole call, and so for `_life`.
    core::str::from_utf8(unsafe { text.get() }).unwrap_or_default()
}

/// Reads the value under the key; the bytes are only there inside `read`.
pub(crate) fn get<T>(key: &[u8], read: impl FnOnce(&[u8]) -> T) -> Option<T> {
    let host = machine::host();
    let mut value = Bytes::EMPTY;
    // SAFETY: a host function with its own `ctx` and bytes that live through the call.
    let found = unsafe { (host.get)(host.ctx, Bytes::new(key), &raw mut value) };
    // SAFETY: the host has set `value`; it stays valid until the next host call, and `read` ends
    // before: it decodes, which calls no host function.
    (found == 1).then(|| read(unsafe { value.get() }))
}

/// Reads the first entry under the prefix that lies after `after`.
pub(crate) fn next<T>(
    prefix: &[u8],
    after: &[u8],
    read: impl FnOnce(&[u8], &[u8]) -> T,
) -> Option<T> {
    let host = machine::host();
    let (mut key, mut value) = (Bytes::EMPTY, Bytes::EMPTY);
    let (prefix, after) = (Bytes::new(prefix), Bytes::new(after));
    // SAFETY: a host function with its own `ctx` and bytes that live through the call.
    let found = unsafe { (host.next)(host.ctx, prefix, after, &raw mut key, &raw mut value) };
    // SAFETY: as in `get`.
    (found == 1).then(|| unsafe { read(key.get(), value.get()) })
}

pub(crate) fn put(key: &[u8], value: &[u8]) {
    let host = machine::host();
    // SAFETY: a host function with its own `ctx` and bytes that live through the call.
    unsafe { (host.put)(host.ctx, Bytes::new(key), Bytes::new(value)) }
}

pub(crate) fn del(key: &[u8]) {
    let host = machine::host();
    // SAFETY: a host function with its own `ctx` and bytes that live through the call.
    unsafe { (host.del)(host.ctx, Bytes::new(key)) }
}

pub(crate) fn emit(name: &str, data: &[u8]) {
    let host = machine::host();
    // SAFETY: a host function with its own `ctx` and bytes that live through the call.
    unsafe { (host.emit)(host.ctx, Bytes::new(name.as_bytes()), Bytes::new(data)) }
}

pub(crate) fn log(level: u32, line: &str) {
    let host = machine::host();
    // SAFETY: a host function with its own `ctx` and bytes that live through the call.
    unsafe { (host.log)(host.ctx, level, Bytes::new(line.as_bytes())) }
}

pub(crate) fn call(score: &str, method: &str, args: &[u8]) -> (u32, Vec<u8>) {
    let host = machine::host();
    let mut output = Bytes::EMPTY;
    let (score, method) = (Bytes::new(score.as_bytes()), Bytes::new(method.as_bytes()));
    // SAFETY: a host function with its own `ctx`, bytes and a place that live through the call.
    let code = unsafe { (host.call)(host.ctx, score, method, Bytes::new(args), &raw mut output) };
    // SAFETY: the host has set `output`; it stays valid until the next host call.
    (code, unsafe { output.get() }.to_vec())
}

pub(crate) fn hash(data: &[u8]) -> [u8; 32] {
    let host = machine::host();
    let mut out = [0; 32];
    // SAFETY: a host function with its own `ctx` and memory that lives through the call.
    unsafe { (host.hash)(host.ctx, Bytes::new(data), &raw mut out) };
    out
}

pub(crate) fn verify(key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    let host = machine::host();
    let (key, message, signature) = (Bytes::new(key), Bytes::new(message), Bytes::new(signature));
    // SAFETY: a host function with its own `ctx` and bytes that live through the call.
    unsafe { (host.verify)(host.ctx, key, message, signature) == 1 }
}
