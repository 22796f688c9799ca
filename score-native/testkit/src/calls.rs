//! The host functions for a SCORE that runs in this process.
//!
//! In: host calls. Out: a journal of writes, events and lines over the unchanged state. The limits
//! are those of the worker, and so are the steps that the `.so` is charged for host calls. A call that must end leaves the SCORE's stack when it has its own (the
//! `.so`); the native source runs on to its end and gets the same outcome.
#![expect(unsafe_code, reason = "the host's side of the SCORE ABI")]

use crate::engine::Entries;
use corosensei::Yielder;
use ed25519_zebra::{Signature, VerificationKey};
use score_native_abi::{Bytes, Host, MAJOR, MINOR, limit, refusal, trap};
use score_native_link::{
    Event, LogLine,
    limits::{CALL_EVENT_BYTES_MAX, CALL_WRITE_BYTES_MAX},
};
use score_native_runner::charges;
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, ffi::c_void, ops::Bound};

/// Why a call was ended, with the message.
pub(crate) type Ended = (u32, Vec<u8>);

/// The way off the stack of the `.so`.
pub(crate) type Exit = Yielder<(), Ended>;

/// A running call.
pub(crate) struct Journal<'a> {
    state: &'a Entries,
    is_query: bool,
    /// The counter of the `.so`; null when nothing is metered.
    steps: *mut i64,
    pub(crate) writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    write_bytes: usize,
    pub(crate) events: Vec<Event>,
    event_bytes: usize,
    pub(crate) logs: Vec<LogLine>,
    /// The first reason to end the call.
    pub(crate) ended: Option<Ended>,
    /// Set by the `.so`'s stack when it starts.
    pub(crate) exit: Option<*const Exit>,
}

impl<'a> Journal<'a> {
    pub(crate) const fn new(state: &'a Entries, is_query: bool, steps: *mut i64) -> Self {
        Self {
            state,
            is_query,
            steps,
            writes: BTreeMap::new(),
            write_bytes: 0,
            events: Vec::new(),
            event_bytes: 0,
            logs: Vec::new(),
            ended: None,
            exit: None,
        }
    }

    /// The table of host functions over this journal, which must stay where it is.
    pub(crate) fn host(&mut self) -> Host {
        Host {
            size: size_of::<Host>() as u32,
            major: MAJOR,
            minor: MINOR,
            ctx: std::ptr::from_mut(self).cast(),
            get,
            put,
            del,
            next,
            emit,
            log,
            call,
            hash,
            verify,
            trap: end,
        }
    }

    fn read(&self, key: &[u8]) -> Option<&[u8]> {
        let written = self.writes.get(key).map(Option::as_deref);
        written.unwrap_or_else(|| self.state.get(key).map(Vec::as_slice))
    }

    /// The first entry with the prefix that lies after `after`.
    fn following(&self, prefix: &[u8], after: &[u8]) -> Option<(&[u8], &[u8])> {
        let mut from =
            if after < prefix { Bound::Included(prefix) } else { Bound::Excluded(after) };
        loop {
            let range = (from, Bound::Unbounded);
            let written = self.writes.range::<[u8], _>(range).next().map(|(key, _)| key);
            let stored = self.state.range::<[u8], _>(range).next().map(|(key, _)| key);
            let key = written.into_iter().chain(stored).min()?.as_slice();
            if !key.starts_with(prefix) {
                return None;
            }
            if let Some(value) = self.read(key) {
                return Some((key, value));
            }
            from = Bound::Excluded(key);
        }
    }

    /// Takes steps for a host call, as the worker does.
    fn charge(&mut self, base: u64, bytes: usize) {
        // SAFETY: null, or the counter of the `.so`, which does not run while we do.
        let Some(steps) = (unsafe { self.steps.as_mut() }) else { return };
        *steps = steps.saturating_sub_unsigned(base + bytes as u64 * charges::BYTE);
        if *steps < 0 {
            self.end(trap::STEPS, "out of steps");
        }
    }

    /// No key or value of a call is longer.
    fn check(&mut self, key: &[u8], least: usize, value: &[u8]) {
        let fits = (least..=limit::KEY_BYTES).contains(&key.len());
        if !fits || value.len() > limit::VALUE_BYTES {
            self.end(trap::LIMIT, "a key or value beyond its limit");
        }
    }

    fn write(&mut self, key: &[u8], value: Option<&[u8]>) {
        let bytes = value.unwrap_or_default();
        self.check(key, 0, bytes);
        self.charge(charges::PUT, key.len() + bytes.len());
        if self.is_query {
            return self.end(trap::WRITE_IN_QUERY, "a query may not write");
        }
        self.check(key, 1, bytes);
        let length = bytes.len();
        let before = self.writes.insert(key.into(), value.map(Into::into));
        let replaced = before.map_or(0, |value| key.len() + value.map_or(0, |value| value.len()));
        self.write_bytes = self.write_bytes - replaced + key.len() + length;
        if self.write_bytes > CALL_WRITE_BYTES_MAX {
            self.end(trap::LIMIT, "the writes of a call beyond their limit");
        }
    }

    fn emit(&mut self, name: &[u8], data: &[u8]) {
        if name.len() > limit::EVENT_NAME_BYTES || data.len() > CALL_EVENT_BYTES_MAX {
            return self.end(trap::LIMIT, "an event beyond its limit");
        }
        self.charge(charges::EMIT, name.len() + data.len());
        if self.is_query {
            return self.end(trap::WRITE_IN_QUERY, "a query may not emit events");
        }
        self.event_bytes += name.len() + data.len();
        let too_long = self.event_bytes > CALL_EVENT_BYTES_MAX;
        if too_long || name.is_empty() || self.events.len() == limit::EVENTS {
            return self.end(trap::LIMIT, "an event beyond its limit");
        }
        self.events.push(Event { name: name.into(), data: data.into() });
    }

    fn log(&mut self, level: u32, line: &[u8]) {
        let line = &line[..line.len().min(limit::LOG_BYTES)];
        self.charge(charges::LOG, line.len());
        if self.logs.len() < limit::LOG_LINES {
            let text = String::from_utf8_lossy(line).into_owned();
            self.logs.push(LogLine { level, text });
        }
    }

    fn end(&mut self, code: u32, message: &str) {
        self.leave((code, message.into()));
    }

    fn leave(&mut self, ended: Ended) {
        let first = self.ended.get_or_insert(ended).clone();
        if let Some(exit) = self.exit {
            // SAFETY: the yielder lives on the stack of the `.so`, which is the running one.
            unsafe { (*exit).suspend(first) }
        }
    }
}

/// # Safety
/// `ctx` is the journal that made the table; its call runs, on this thread, and nothing else uses it.
unsafe fn journal<'a>(ctx: *mut c_void) -> &'a mut Journal<'a> {
    // SAFETY: promised by the caller.
    unsafe { &mut *ctx.cast() }
}

unsafe extern "C" fn get(ctx: *mut c_void, key: Bytes, value: *mut Bytes) -> u32 {
    // SAFETY: a SCORE hands back its own `ctx`, readable bytes and a writable place.
    unsafe {
        let (journal, key) = (journal(ctx), key.get());
        journal.check(key, 0, &[]);
        journal.charge(charges::GET, key.len());
        journal.check(key, 1, &[]);
        let Some(found) = journal.read(key).map(Bytes::new) else { return 0 };
        journal.charge(0, found.len);
        *value = found;
    }
    1
}

unsafe extern "C" fn put(ctx: *mut c_void, key: Bytes, value: Bytes) {
    // SAFETY: a SCORE hands back its own `ctx` and readable bytes.
    unsafe { journal(ctx).write(key.get(), Some(value.get())) }
}

unsafe extern "C" fn del(ctx: *mut c_void, key: Bytes) {
    // SAFETY: a SCORE hands back its own `ctx` and readable bytes.
    unsafe { journal(ctx).write(key.get(), None) }
}

unsafe extern "C" fn next(
    ctx: *mut c_void,
    prefix: Bytes,
    after: Bytes,
    key: *mut Bytes,
    value: *mut Bytes,
) -> u32 {
    // SAFETY: a SCORE hands back its own `ctx`, readable bytes and two writable places.
    unsafe {
        let (journal, prefix, after) = (journal(ctx), prefix.get(), after.get());
        journal.check(prefix, 0, &[]);
        journal.check(after, 0, &[]);
        journal.charge(charges::NEXT, prefix.len() + after.len());
        let found = journal.following(prefix, after);
        let found = found.map(|(key, value)| (Bytes::new(key), Bytes::new(value)));
        let Some((found_key, found_value)) = found else { return 0 };
        journal.charge(0, found_key.len + found_value.len);
        *key = found_key;
        *value = found_value;
    }
    1
}

unsafe extern "C" fn emit(ctx: *mut c_void, name: Bytes, data: Bytes) {
    // SAFETY: a SCORE hands back its own `ctx` and readable bytes.
    unsafe { journal(ctx).emit(name.get(), data.get()) }
}

unsafe extern "C" fn log(ctx: *mut c_void, level: u32, line: Bytes) {
    // SAFETY: a SCORE hands back its own `ctx` and readable bytes.
    unsafe { journal(ctx).log(level, line.get()) }
}

unsafe extern "C" fn call(
    ctx: *mut c_void,
    _score: Bytes,
    _method: Bytes,
    _args: Bytes,
    output: *mut Bytes,
) -> u32 {
    // SAFETY: a SCORE hands back its own `ctx` and a writable place.
    unsafe { journal(ctx).charge(charges::CALL, 0) };
    // SAFETY: as above.
    unsafe { *output = Bytes::new(b"calls between SCOREs are not available yet") }
    refusal::NO_CALLS
}

unsafe extern "C" fn hash(ctx: *mut c_void, data: Bytes, out: *mut [u8; 32]) {
    // SAFETY: a SCORE hands back its own `ctx`, readable bytes and a writable place.
    unsafe {
        journal(ctx).charge(charges::HASH, data.len);
        *out = Sha256::digest(data.get()).into();
    }
}

unsafe extern "C" fn verify(ctx: *mut c_void, key: Bytes, message: Bytes, signature: Bytes) -> u32 {
    // SAFETY: a SCORE hands back its own `ctx`.
    unsafe { journal(ctx).charge(charges::VERIFY, message.len) };
    // SAFETY: a SCORE hands in readable bytes.
    let (key, message, signature) = unsafe { (key.get(), message.get(), signature.get()) };
    let (Ok(key), Ok(signature)) = (VerificationKey::try_from(key), Signature::try_from(signature))
    else {
        return 0;
    };
    u32::from(key.verify(&signature, message).is_ok())
}

unsafe extern "C" fn end(ctx: *mut c_void, code: u32, message: Bytes) -> ! {
    // SAFETY: a SCORE hands back its own `ctx` and readable bytes.
    unsafe { journal(ctx).leave((code, message.get().into())) }
    // Only the `.so` traps, on a stack of its own, and that one is never resumed.
    std::process::abort()
}
