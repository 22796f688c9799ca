//! The host functions for a SCORE that runs in this process.
//!
//! In: host calls. Out: a journal of writes, events and lines over the unchanged state. The limits
//! are those of the worker, and so are the steps that the `.so` is charged for host calls. A call that
//! must end leaves the SCORE's stack when it has its own (the `.so`); the native source runs on to its
//! end and gets the same outcome. What happens to a call of another SCORE stands in `company.rs`.
#![expect(unsafe_code, reason = "the host's side of the SCORE ABI")]

use crate::{company::Company, engine::Entries};
use corosensei::Yielder;
use ed25519_zebra::{Signature, VerificationKey};
use score_native_abi::{Bytes, Host, MAJOR, MINOR, limit, refusal, trap};
use score_native_link::{
    CallAsk, CallLimits, Event, LogLine, limits::CALL_EVENT_BYTES_MAX, protocol::Spent,
};
use score_native_runner::charges;
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, ffi::c_void, ops::Bound};

/// Why a call was ended, with the message.
pub(crate) type Ended = (u32, Vec<u8>);

/// The way off the stack of the `.so`.
pub(crate) type Exit = Yielder<(), Ended>;

/// Keys and what they became.
pub(crate) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What a call begins with.
pub(crate) struct Beginning<'a> {
    pub(crate) state: &'a Entries,
    /// What the transaction has written here before, through other SCOREs.
    pub(crate) over: &'a Changes,
    pub(crate) limits: CallLimits,
    pub(crate) is_query: bool,
    /// Steps it may take.
    pub(crate) granted: u64,
    /// The counter of the `.so`; null when nothing is metered.
    pub(crate) steps: *mut i64,
}

/// A running call.
pub(crate) struct Journal<'a, 'c> {
    begun: Beginning<'a>,
    company: &'a mut Company<'c>,
    /// What called SCOREs have used of the limits.
    elsewhere: Spent,
    answered: Vec<u8>,
    pub(crate) writes: Changes,
    write_bytes: usize,
    pub(crate) events: Vec<Event>,
    event_bytes: usize,
    pub(crate) logs: Vec<LogLine>,
    /// The first reason to end the call.
    pub(crate) ended: Option<Ended>,
    /// Set by the `.so`'s stack when it starts.
    pub(crate) exit: Option<*const Exit>,
}

impl<'a, 'c> Journal<'a, 'c> {
    pub(crate) const fn new(begun: Beginning<'a>, company: &'a mut Company<'c>) -> Self {
        Self {
            begun,
            company,
            elsewhere: Spent { events: 0, event_bytes: 0, write_bytes: 0 },
            answered: Vec::new(),
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
        let written = self.writes.get(key).or_else(|| self.begun.over.get(key));
        match written {
            Some(value) => value.as_deref(),
            None => self.begun.state.get(key).map(Vec::as_slice),
        }
    }

    /// The first entry with the prefix that lies after `after`.
    fn following(&self, prefix: &[u8], after: &[u8]) -> Option<(&[u8], &[u8])> {
        let mut from =
            if after < prefix { Bound::Included(prefix) } else { Bound::Excluded(after) };
        loop {
            let range = (from, Bound::Unbounded);
            let written = self.writes.range::<[u8], _>(range).next().map(|(key, _)| key);
            let before = self.begun.over.range::<[u8], _>(range).next().map(|(key, _)| key);
            let stored = self.begun.state.range::<[u8], _>(range).next().map(|(key, _)| key);
            let key = written.into_iter().chain(before).chain(stored).min()?.as_slice();
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
        let Some(steps) = (unsafe { self.begun.steps.as_mut() }) else { return };
        let cost = base.saturating_add(bytes as u64 * charges::BYTE);
        *steps = steps.saturating_sub_unsigned(cost);
        if *steps < 0 {
            self.end(trap::STEPS, "out of steps");
        }
    }

    /// Nothing longer is looked at.
    fn check(&mut self, bytes: &[u8], most: usize, what: &str) {
        let length = bytes.len();
        if length > most {
            let text = format!("{what} of {length} bytes, at most {most} are allowed");
            self.end(trap::LIMIT, &text);
        }
    }

    fn check_key(&mut self, key: &[u8]) {
        self.check(key, limit::KEY_BYTES, "a key");
    }

    fn check_not_empty(&mut self, key: &[u8]) {
        if key.is_empty() {
            let text = format!("a key of 0 bytes, 1 to {} are allowed", limit::KEY_BYTES);
            self.end(trap::LIMIT, &text);
        }
    }

    fn write(&mut self, key: &[u8], value: Option<&[u8]>) {
        let bytes = value.unwrap_or_default();
        self.check_key(key);
        self.check(bytes, limit::VALUE_BYTES, "a value");
        self.charge(charges::PUT, key.len() + bytes.len());
        if self.begun.is_query {
            return self.end(trap::WRITE_IN_QUERY, "a query may not write to the state");
        }
        self.check_not_empty(key);
        let length = bytes.len();
        let before = self.writes.get(key);
        let replaced = before.map_or(0, |v| key.len() + v.as_ref().map_or(0, Vec::len));
        let (bytes, most) = (self.write_bytes - replaced + key.len() + length, self.begun.limits);
        if bytes + self.elsewhere.write_bytes as usize > most.write_bytes as usize {
            let text = format!("a call writes at most {} bytes", most.write_bytes);
            return self.end(trap::LIMIT, &text);
        }
        self.write_bytes = bytes;
        self.writes.insert(key.into(), value.map(Into::into));
    }

    fn emit(&mut self, name: &[u8], data: &[u8]) {
        self.check(name, limit::EVENT_NAME_BYTES, "the name of an event");
        self.check(data, limit::EVENT_BYTES.min(CALL_EVENT_BYTES_MAX), "an event");
        self.charge(charges::EMIT, name.len() + data.len());
        if self.begun.is_query {
            return self.end(trap::WRITE_IN_QUERY, "a query may not emit events");
        }
        if let Some(text) = self.event_breach(name, data) {
            return self.end(trap::LIMIT, &text);
        }
        self.event_bytes += name.len() + data.len();
        self.events.push(Event { name: name.into(), data: data.into() });
    }

    /// The limit that a further event breaks.
    fn event_breach(&self, name: &[u8], data: &[u8]) -> Option<String> {
        let (limits, elsewhere) = (self.begun.limits, self.elsewhere);
        if name.is_empty() {
            let most = limit::EVENT_NAME_BYTES;
            return Some(format!("the name of an event has 1 to {most} bytes"));
        }
        if self.events.len() + elsewhere.events as usize >= limits.events as usize {
            return Some(format!("a call emits at most {} events", limits.events));
        }
        let bytes = self.event_bytes + elsewhere.event_bytes as usize + name.len() + data.len();
        let most = limits.event_bytes;
        (bytes > most as usize).then(|| format!("the events of a call have at most {most} bytes"))
    }

    fn log(&mut self, level: u32, line: &[u8]) {
        let line = &line[..line.len().min(limit::LOG_BYTES)];
        self.charge(charges::LOG, line.len());
        if self.logs.len() < limit::LOG_LINES {
            let text = String::from_utf8_lossy(line).into_owned();
            self.logs.push(LogLine { level, text });
        }
    }

    /// Calls another SCORE: its code and its output, which stays until the next call.
    fn call(&mut self, [score, method, args]: [&[u8]; 3]) -> (u32, Bytes) {
        self.check(score, limit::CALL_NAME_BYTES, "the name of a SCORE");
        self.check(method, limit::CALL_NAME_BYTES, "the name of a method");
        self.check(args, limit::CALL_ARGS_BYTES, "arguments");
        self.charge(charges::CALL, score.len() + method.len() + args.len());
        if self.ended.is_some() {
            // The source runs on; nothing that it does counts any more.
            return (refusal::NO_CALLS, Bytes::EMPTY);
        }
        let (Ok(score), Ok(method)) = (str::from_utf8(score), str::from_utf8(method)) else {
            return (refusal::BAD_UTF8, Bytes::new(b"the names of a call are UTF-8"));
        };
        let ask = CallAsk {
            score: score.to_owned(),
            method: method.to_owned(),
            args: args.to_vec(),
            steps: self.steps_left(),
            spent: self.spent(),
        };
        let answer = self.company.call(&ask, self.begun.limits);
        self.elsewhere = self.elsewhere.and(answer.spent);
        self.answered = answer.output;
        self.charge(answer.steps, self.answered.len());
        if self.steps_left() == 0 {
            self.end(trap::STEPS, "out of steps");
        }
        (answer.code, Bytes::new(&self.answered))
    }

    fn steps_left(&self) -> u64 {
        // SAFETY: as in `charge`.
        let counter = unsafe { self.begun.steps.as_ref() };
        counter.map_or(self.begun.granted, |left| u64::try_from(*left).unwrap_or_default())
    }

    fn spent(&self) -> Spent {
        let number = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let own = Spent {
            events: number(self.events.len()),
            event_bytes: number(self.event_bytes),
            write_bytes: number(self.write_bytes),
        };
        own.and(self.elsewhere)
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
unsafe fn journal<'j, 'a, 'c>(ctx: *mut c_void) -> &'j mut Journal<'a, 'c> {
    // SAFETY: promised by the caller.
    unsafe { &mut *ctx.cast() }
}

unsafe extern "C" fn get(ctx: *mut c_void, key: Bytes, value: *mut Bytes) -> u32 {
    // SAFETY: a SCORE hands back its own `ctx`, readable bytes and a writable place.
    unsafe {
        let (journal, key) = (journal(ctx), key.get());
        journal.check_key(key);
        journal.charge(charges::GET, key.len());
        journal.check_not_empty(key);
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
        journal.check_key(prefix);
        journal.check_key(after);
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
    score: Bytes,
    method: Bytes,
    args: Bytes,
    output: *mut Bytes,
) -> u32 {
    // SAFETY: a SCORE hands back its own `ctx`, readable bytes and a writable place.
    unsafe {
        let (code, answer) = journal(ctx).call([score.get(), method.get(), args.get()]);
        *output = answer;
        code
    }
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
