//! The host functions of the SCORE ABI.
//!
//! In: raw arguments of an untrusted SCORE, on its own stack. Out: answers, or the end of the call.
//! Each function leaves the SCORE's stack for the worker's own before it touches anything, so that
//! a SCORE that has used up its stack cannot stop the worker in the middle of a change. Lengths
//! are checked before a pointer is followed; a wild pointer ends the process like any wild access.
#![expect(unsafe_code, reason = "extern \"C\" functions with raw pointers")]

use crate::charges;
use crate::traps::HostMark;
use crate::view::{CallView, Stop};
use corosensei::Yielder;
use score_native_abi::{Bytes, Host, MAJOR, MINOR, limit, refusal, trap};
use score_native_link::limits::{CALL_EVENT_BYTES_MAX, OUTPUT_BYTES_MAX};
use sha2::{Digest, Sha256};
use std::ffi::c_void;

/// Bytes that `hash` and `verify` take at once: a SCORE has no more than its arena and statics.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// What the host functions need; `Host::ctx` points to it.
pub(crate) struct HostContext<'a, 'v> {
    pub(crate) view: &'a mut CallView<'v>,
    /// The way off the SCORE's stack; set when the call begins.
    pub(crate) yielder: *const Yielder<(), Stop>,
    /// The counter of steps: the SCORE's own, or ours for a SCORE without one.
    pub(crate) steps: *mut i64,
    pub(crate) mark: HostMark,
}

/// The table that a call gets.
pub(crate) fn table(context: *mut HostContext<'_, '_>) -> Host {
    Host {
        size: size_of::<Host>() as u32,
        major: MAJOR,
        minor: MINOR,
        ctx: context.cast(),
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

impl HostContext<'_, '_> {
    fn charge(&mut self, base: u64, bytes: usize) -> Result<(), Stop> {
        let cost = base.saturating_add((bytes as u64).saturating_mul(charges::BYTE));
        // SAFETY: the counter was checked to lie in the SCORE's writable memory, or is ours; the
        // SCORE does not run while we do.
        let left = unsafe {
            *self.steps = (*self.steps).saturating_sub_unsigned(cost);
            *self.steps
        };
        if left >= 0 { Ok(()) } else { Err(out_of_steps()) }
    }

    fn steps_left(&self) -> u64 {
        // SAFETY: as in `charge`.
        u64::try_from(unsafe { *self.steps }).unwrap_or_default()
    }
}

fn out_of_steps() -> Stop {
    Stop { code: trap::STEPS, text: "out of steps".into() }
}

/// A pointer that may go to the worker's stack; it is the same thread.
struct Carried<T>(T);
// SAFETY: `on_parent_stack` runs its closure on the same thread; it asks for `Send` only to keep
// the yielder itself out of it.
unsafe impl<T> Send for Carried<T> {}

impl<T> Carried<T> {
    /// Takes the whole wrapper into a closure, not its field.
    fn open(self) -> T {
        self.0
    }
}

/// Runs `deed` on the worker's own stack; when it says so, the call ends and this does not return.
///
/// # Safety
/// `ctx` is the context of the running call, and we are on the SCORE's stack.
unsafe fn on_our_stack<T>(
    ctx: *mut c_void,
    deed: impl FnOnce(&mut HostContext<'_, '_>) -> Result<T, Stop>,
) -> T {
    let context = ctx.cast::<HostContext<'_, '_>>();
    // SAFETY: promised by the caller; nothing else borrows the context while the SCORE runs.
    let yielder = unsafe {
        (*context).mark.enter_host();
        &*(*context).yielder
    };
    let carried = Carried((context, deed));
    let done = yielder.on_parent_stack(move || {
        let (context, deed) = carried.open();
        // SAFETY: as above.
        deed(unsafe { &mut *context })
    });
    match done {
        Ok(value) => {
            // SAFETY: as above.
            unsafe { (*context).mark.enter_score() };
            value
        }
        Err(stop) => {
            yielder.suspend(stop);
            // The call is never resumed.
            std::process::abort()
        }
    }
}

/// The bytes of an argument when there are at most `most`, with what to say otherwise.
///
/// # Safety
/// As [`Bytes::get`], for as long as the host function runs; a wild pointer faults here.
unsafe fn read<'a>(bytes: Bytes, most: usize, what: &str) -> Result<&'a [u8], Stop> {
    let length = bytes.len;
    if length > most {
        let text = format!("{what} of {length} bytes, at most {most} are allowed");
        return Err(Stop { code: trap::LIMIT, text });
    }
    if length == 0 {
        return Ok(&[]);
    }
    if bytes.ptr.is_null() {
        return Err(Stop { code: trap::LIMIT, text: format!("{what} at no address") });
    }
    // SAFETY: promised by the caller, and not null.
    Ok(unsafe { bytes.get() })
}

unsafe fn read_key<'a>(bytes: Bytes) -> Result<&'a [u8], Stop> {
    // SAFETY: promised by the caller.
    unsafe { read(bytes, limit::KEY_BYTES, "a key") }
}

unsafe extern "C" fn get(ctx: *mut c_void, key: Bytes, value: *mut Bytes) -> u32 {
    // SAFETY: called by the SCORE as the ABI says; its pointers are followed only after the checks
    // of `read`, and a wild one faults.
    unsafe {
        on_our_stack(ctx, |context| {
            let key = read_key(key)?;
            context.charge(charges::GET, key.len())?;
            let found = context.view.get(key)?.map(Bytes::new);
            let Some(found) = found else { return Ok(0) };
            context.charge(0, found.len)?;
            value.write_unaligned(found);
            Ok(1)
        })
    }
}

unsafe extern "C" fn put(ctx: *mut c_void, key: Bytes, value: Bytes) {
    // SAFETY: as in `get`.
    unsafe {
        on_our_stack(ctx, |context| {
            let (key, value) = (read_key(key)?, read(value, limit::VALUE_BYTES, "a value")?);
            context.charge(charges::PUT, key.len() + value.len())?;
            context.view.put(key, Some(value))
        });
    }
}

unsafe extern "C" fn del(ctx: *mut c_void, key: Bytes) {
    // SAFETY: as in `get`.
    unsafe {
        on_our_stack(ctx, |context| {
            let key = read_key(key)?;
            context.charge(charges::PUT, key.len())?;
            context.view.put(key, None)
        });
    }
}

unsafe extern "C" fn next(
    ctx: *mut c_void,
    prefix: Bytes,
    after: Bytes,
    key: *mut Bytes,
    value: *mut Bytes,
) -> u32 {
    // SAFETY: as in `get`.
    unsafe {
        on_our_stack(ctx, |context| {
            let (prefix, after) = (read_key(prefix)?, read_key(after)?);
            context.charge(charges::NEXT, prefix.len() + after.len())?;
            let found = context.view.next(prefix, after)?;
            let Some((found_key, found_value)) = found else { return Ok(0) };
            let (found_key, found_value) = (Bytes::new(found_key), Bytes::new(found_value));
            context.charge(0, found_key.len + found_value.len)?;
            key.write_unaligned(found_key);
            value.write_unaligned(found_value);
            Ok(1)
        })
    }
}

unsafe extern "C" fn emit(ctx: *mut c_void, name: Bytes, data: Bytes) {
    // SAFETY: as in `get`.
    unsafe {
        on_our_stack(ctx, |context| {
            let name = read(name, limit::EVENT_NAME_BYTES, "the name of an event")?;
            let most = limit::EVENT_BYTES.min(CALL_EVENT_BYTES_MAX);
            let data = read(data, most, "an event")?;
            context.charge(charges::EMIT, name.len() + data.len())?;
            context.view.emit(name, data)
        });
    }
}

unsafe extern "C" fn log(ctx: *mut c_void, level: u32, text: Bytes) {
    // SAFETY: as in `get`.
    unsafe {
        on_our_stack(ctx, |context| {
            let cut = Bytes { ptr: text.ptr, len: text.len.min(limit::LOG_BYTES) };
            let text = read(cut, limit::LOG_BYTES, "a line")?;
            context.charge(charges::LOG, text.len())?;
            context.view.log(level, text);
            Ok(())
        });
    }
}

unsafe extern "C" fn call(
    ctx: *mut c_void,
    score: Bytes,
    method: Bytes,
    args: Bytes,
    output: *mut Bytes,
) -> u32 {
    // SAFETY: as in `get`.
    unsafe {
        on_our_stack(ctx, |context| {
            let score = read(score, limit::CALL_NAME_BYTES, "the name of a SCORE")?;
            let method = read(method, limit::CALL_NAME_BYTES, "the name of a method")?;
            let args = read(args, limit::CALL_ARGS_BYTES, "arguments")?;
            context.charge(charges::CALL, score.len() + method.len() + args.len())?;
            let (Ok(score), Ok(method)) = (str::from_utf8(score), str::from_utf8(method)) else {
                output.write_unaligned(Bytes::new(b"the names of a call are UTF-8"));
                return Ok(refusal::BAD_UTF8);
            };
            let steps = context.steps_left();
            let (code, taken, answer) = context.view.call((score, method, args), steps)?;
            let answer = Bytes::new(answer);
            output.write_unaligned(answer);
            context.charge(taken, answer.len)?;
            if context.steps_left() == 0 {
                // The callee took all: a SCORE that does not count must not go on.
                return Err(out_of_steps());
            }
            Ok(code)
        })
    }
}

unsafe extern "C" fn hash(ctx: *mut c_void, data: Bytes, out: *mut [u8; 32]) {
    // SAFETY: as in `get`.
    unsafe {
        on_our_stack(ctx, |context| {
            context.charge(charges::HASH, data.len)?;
            let data = read(data, MESSAGE_BYTES_MAX, "a message")?;
            out.write_unaligned(Sha256::digest(data).into());
            Ok(())
        });
    }
}

unsafe extern "C" fn verify(ctx: *mut c_void, key: Bytes, message: Bytes, signature: Bytes) -> u32 {
    // SAFETY: as in `get`.
    unsafe {
        on_our_stack(ctx, |context| {
            context.charge(charges::VERIFY, message.len)?;
            if key.len != 32 || signature.len != 64 {
                return Ok(0);
            }
            let (key, signature) = (read(key, 32, "a key")?, read(signature, 64, "a signature")?);
            let message = read(message, MESSAGE_BYTES_MAX, "a message")?;
            Ok(u32::from(is_good_signature(key, message, signature)))
        })
    }
}

/// ZIP 215, as for transactions: every peer says the same about every signature.
fn is_good_signature(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = ed25519_zebra::VerificationKey::try_from(key);
    let signature = ed25519_zebra::Signature::try_from(signature);
    match (key, signature) {
        (Ok(key), Ok(signature)) => key.verify(&signature, message).is_ok(),
        _ => false,
    }
}

unsafe extern "C" fn end(ctx: *mut c_void, code: u32, text: Bytes) -> ! {
    // SAFETY: as in `get`.
    unsafe {
        on_our_stack(ctx, |_| -> Result<(), Stop> {
            let cut = Bytes { ptr: text.ptr, len: text.len.min(OUTPUT_BYTES_MAX) };
            let text = String::from_utf8_lossy(read(cut, OUTPUT_BYTES_MAX, "a text")?).into_owned();
            // A SCORE may say these of itself; the rest is for the host to say.
            let own = [trap::PANIC, trap::STEPS, trap::MEMORY];
            Err(Stop { code: if own.contains(&code) { code } else { trap::PANIC }, text })
        });
    }
    // The call has ended and is never resumed.
    std::process::abort()
}
