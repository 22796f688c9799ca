//! The machine of a native build: the host of the thread, and panics caught.
//!
//! Tests run on many threads, so everything here belongs to one thread. A panic of the SCORE is told as
//! the outcome of its call and says its place there, as in the `.so`; it is not printed.

use crate::{
    Outcome,
    abi::{Bytes, Call, Host, Ret, trap},
};
use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{
    cell::{Cell, RefCell},
    panic::AssertUnwindSafe,
};
use std::sync::Once;

/// A native build is not metered.
pub(super) const STEPS_AT: *mut i64 = core::ptr::null_mut();

std::thread_local! {
    static HOST: Cell<*const Host> = const { Cell::new(core::ptr::null()) };
    /// The hosts of calls that wait for one that they made themselves.
    static WAITING: RefCell<Vec<*const Host>> = const { RefCell::new(Vec::new()) };
    /// Where the running call has panicked.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
    /// The last answer, which the host reads after the call.
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Begins a call.
///
/// # Safety
/// `host` is valid until `leave`.
pub(super) unsafe fn enter(host: *const Host, _call: &Call) {
    let before = HOST.replace(host);
    WAITING.with_borrow_mut(|waiting| waiting.push(before));
}

/// The host of the running call.
#[expect(clippy::panic, reason = "a test that reads the state outside of a call is wrong")]
pub(super) fn host() -> Host {
    let host = HOST.get();
    if host.is_null() {
        panic!("the state of a SCORE is only there during a call");
    }
    // SAFETY: not null, so between `enter` and `leave`, where it is valid.
    unsafe { *host }
}

/// Runs the call; a panic becomes the outcome that the trap in the `.so` has.
pub(super) fn guarded(call: impl FnOnce() -> Outcome) -> Outcome {
    static HUSHED: Once = Once::new();
    HUSHED.call_once(hush);
    PLACE.with_borrow_mut(String::clear);
    std::panic::catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|payload| {
        let text = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("panic");
        let text = PLACE.with_borrow(|place| [place, text].concat());
        Outcome { code: trap::PANIC, data: text.into_bytes() }
    })
}

/// From now on a panic inside a call is noted instead of printed.
fn hush() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if HOST.get().is_null() {
            return print(panic);
        }
        if let Some(at) = panic.location() {
            PLACE.with_borrow_mut(|place| *place = format!("{}:{}: ", at.file(), at.line()));
        }
    }));
}

/// Ends the call.
pub(super) fn leave(outcome: Outcome, ret: &mut Ret) {
    let before = WAITING.with_borrow_mut(Vec::pop);
    HOST.set(before.unwrap_or(core::ptr::null()));
    ret.code = outcome.code;
    ret.data = ANSWER.with_borrow_mut(|answer| {
        *answer = outcome.data;
        Bytes::new(answer)
    });
}
