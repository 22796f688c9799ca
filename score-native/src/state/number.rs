//! `Number`: values that can be added to and subtracted from where they lie.
//!
//! In and out: integers. It deliberately never wraps around: a sum that does not fit is a panic or a
//! refusal, in the `.so` as in a test.

use crate::Value;

/// An integer in the state.
pub trait Number: Value + Copy + Default {
    /// The sum, if it fits.
    fn plus(self, other: Self) -> Option<Self>;
    /// The difference, if it fits.
    fn minus(self, other: Self) -> Option<Self>;
}

macro_rules! numbers {
    ($($type:ty)*) => { $(
        impl Number for $type {
            fn plus(self, other: Self) -> Option<Self> {
                self.checked_add(other)
            }
            fn minus(self, other: Self) -> Option<Self> {
                self.checked_sub(other)
            }
        }
    )* };
}
numbers!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128);

/// The sum, or the end of the call.
#[track_caller]
#[expect(clippy::panic, reason = "a panic is the trap by which a SCORE ends")]
pub(super) fn sum<N: Number>(name: &str, value: N, more: N) -> N {
    let Some(sum) = value.plus(more) else { panic!("overflow in `{name}`") };
    sum
}

/// The difference, or the end of the call.
#[track_caller]
#[expect(clippy::panic, reason = "a panic is the trap by which a SCORE ends")]
pub(super) fn difference<N: Number>(name: &str, value: N, less: N) -> N {
    let Some(difference) = value.minus(less) else { panic!("overflow below in `{name}`") };
    difference
}
