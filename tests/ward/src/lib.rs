//! A SCORE for tests of its life: it passes the check of its file, and crashes or refuses to migrate
//! when it is asked to.
//!
//! In: calls of the tests in `tests/suite`. Out: receipts `crash`, a `migrate` that traps, one that
//! keeps the version before. Deliberately not here: attacks that the check finds (`tests/evil`).
#![no_std]
#![expect(unsafe_code, reason = "a crash needs some")]

use core::{arch::asm, hint::black_box};
use score_native::prelude::*;

/// A counter, and what the next `migrate` does.
#[derive(Debug, State)]
pub struct Ward {
    count: Item<u64>,
    refuses: Item<bool>,
    before: Item<String>,
}

#[score(name = "ward")]
impl Ward {
    /// The first version begins with a number.
    pub fn deploy(&mut self, start: u64) {
        self.count.set(start);
    }

    /// Keeps the version before, or traps when it was told to.
    pub fn migrate(&mut self, from: String) {
        self.before.set(from);
        assert!(!self.refuses.get(), "told to refuse");
    }

    /// An honest call.
    pub fn count_up(&mut self) -> u64 {
        let count = self.count.get() + 1;
        self.count.set(count);
        count
    }

    /// What the next `migrate` does.
    pub fn refuse(&mut self, refuses: bool) {
        self.refuses.set(refuses);
    }

    /// Ends its process.
    pub fn crash(&mut self) {
        // SAFETY: it is not; that is what it is for.
        unsafe { core::ptr::write_volatile(black_box(0x10) as *mut u8, 1) }
    }

    /// Never ends by itself.
    pub fn spin(&mut self) {
        loop {
            black_box(());
        }
    }

    /// Never ends, and counts no step of it.
    pub fn spin_uncounted(&mut self) {
        // SAFETY: touches nothing.
        unsafe { asm!("2: jmp 2b", options(nomem, nostack)) }
    }

    /// Honest questions.
    pub fn count(&self) -> u64 {
        self.count.get()
    }

    /// The version before this one.
    pub fn before(&self) -> String {
        self.before.get()
    }
}
