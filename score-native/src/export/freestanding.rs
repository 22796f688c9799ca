//! The machine of the `.so`: bump allocator over the host's arena, panic handler, the stubs that the
//! precompiled `core` refers to, and the step hook that the compiler calls in each basic block.
//!
//! One thread and one call at a time: that is what makes the statics sound. The host puts them back
//! after each call.

use crate::{
    Outcome,
    abi::{Bytes, Call, Host, Ret, trap},
};
use alloc::format;
use core::{
    alloc::{GlobalAlloc, Layout},
    panic::PanicInfo,
};

static mut HOST: *const Host = core::ptr::null();
/// First byte, next free byte and end of the arena.
static mut BASE: *mut u8 = core::ptr::null_mut();
static mut FREE: *mut u8 = core::ptr::null_mut();
static mut LEFT: usize = 0;

/// Begins a call.
///
/// # Safety
/// `host` and the arena of `call` are valid until the next call.
pub(super) unsafe fn enter(host: *const Host, call: &Call) {
    // SAFETY: one thread, and no other call runs.
    unsafe {
        HOST = host;
        BASE = call.arena;
        FREE = call.arena;
        LEFT = call.arena_len;
    }
    set_steps(call.steps);
}

/// The host of the running call.
pub(super) fn host() -> Host {
    // SAFETY: code of a SCORE runs only after `enter`.
    unsafe { *HOST }
}

/// Runs the call; a panic does not come back.
pub(super) fn guarded(call: impl FnOnce() -> Outcome) -> Outcome {
    call()
}

/// Ends the call: its answer stays in the arena.
pub(super) fn leave(outcome: Outcome, ret: &mut Ret) {
    ret.code = outcome.code;
    ret.data = Bytes::new(&outcome.data);
    core::mem::forget(outcome);
    ret.steps_left = steps_left();
    set_steps(i64::MAX);
    // SAFETY: one thread; both point into the arena of this call.
    ret.arena_used = unsafe { FREE.offset_from_unsigned(BASE) };
}

fn end(code: u32, text: &[u8]) -> ! {
    let host = host();
    // SAFETY: a host function with its own `ctx`; it does not return.
    unsafe { (host.trap)(host.ctx, code, Bytes::new(text)) }
}

/// Hands out the arena from front to back; only the newest piece can grow or be given back.
struct Bump;

// SAFETY: pieces are aligned, inside the arena, and never overlap: `FREE` only moves over bytes that
// are handed out, and back over the newest piece. One thread.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread; the arithmetic stays inside the arena by the comparison.
        unsafe {
            let gap = FREE.align_offset(layout.align());
            let Some(size) = gap.checked_add(layout.size()).filter(|size| *size <= LEFT) else {
                end(trap::MEMORY, b"arena exhausted")
            };
            let piece = FREE.add(gap);
            FREE = FREE.add(size);
            LEFT -= size;
            piece
        }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        // SAFETY: one thread; `piece` has `layout.size()` bytes inside the arena.
        unsafe {
            if piece.add(layout.size()) == FREE {
                FREE = piece;
                LEFT += layout.size();
            }
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: one thread; the newest piece grows or shrinks in place by the comparison, another
        // one is copied to a fresh piece, which does not overlap.
        unsafe {
            let newest = piece.add(layout.size()) == FREE;
            if newest && size <= LEFT.saturating_add(layout.size()) {
                FREE = piece.add(size);
                LEFT = LEFT + layout.size() - size;
                return piece;
            }
            let fresh = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            core::ptr::copy_nonoverlapping(piece, fresh, layout.size().min(size));
            fresh
        }
    }
}

#[global_allocator]
static ARENA: Bump = Bump;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let text = match info.location() {
        Some(at) => format!("{}:{}: {}", at.file(), at.line(), info.message()),
        None => format!("{}", info.message()),
    };
    end(trap::PANIC, text.as_bytes())
}

/// The precompiled `core` names it in its unwind tables; nothing unwinds.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// The precompiled `core` calls it after clean-up; nothing unwinds.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    end(trap::PANIC, b"unwinding")
}

#[cfg(not(feature = "export"))]
pub(super) const STEPS_AT: *mut i64 = core::ptr::null_mut();
#[cfg(not(feature = "export"))]
fn set_steps(_steps: i64) {}
#[cfg(not(feature = "export"))]
fn steps_left() -> i64 {
    0
}

#[cfg(feature = "export")]
pub(super) use meter::STEPS_AT;
#[cfg(feature = "export")]
use meter::{set_steps, steps_left};

/// The step counter. The compiler puts a call of the hook into every basic block; link-time
/// optimisation makes it a decrement and a jump. Names that begin with `__sanitizer_` are not
/// instrumented themselves.
#[cfg(feature = "export")]
mod meter {
    use super::trap;

    static mut STEPS: i64 = i64::MAX;
    pub(in super::super) const STEPS_AT: *mut i64 = &raw mut STEPS;

    pub(super) fn set_steps(steps: i64) {
        // SAFETY: one thread.
        unsafe { STEPS = steps }
    }

    pub(super) fn steps_left() -> i64 {
        // SAFETY: one thread.
        unsafe { STEPS }
    }

    #[unsafe(no_mangle)]
    unsafe extern "C" fn __sanitizer_cov_trace_pc_guard(_guard: *mut u32) {
        // SAFETY: one thread.
        unsafe {
            STEPS = STEPS.wrapping_sub(1);
            if STEPS < 0 {
                __sanitizer_out_of_steps()
            }
        }
    }

    #[cold]
    #[inline(never)]
    #[unsafe(no_mangle)]
    extern "C" fn __sanitizer_out_of_steps() -> ! {
        // So that the way out is not metered again.
        set_steps(i64::MAX);
        super::end(trap::STEPS, b"out of steps")
    }

    #[unsafe(no_mangle)]
    extern "C" fn __sanitizer_cov_trace_pc_guard_init(_start: *mut u32, _stop: *mut u32) {}
}
