//! Holds the table to its layout at compile time: a moved field is a build error on every peer.
//!
//! In: the structs of `lib.rs`. Out: nothing at run time. `tests/layout.rs` prints the same facts
//! against `abi.txt`, for people.

use crate::{Bytes, Call, Host, Ret, Score};
use core::mem::{align_of, offset_of, size_of};

const _: () = {
    assert!(size_of::<usize>() == 8, "the SCORE ABI is for 64-bit machines");
    assert!(size_of::<Bytes>() == 16 && align_of::<Bytes>() == 8);
    assert!(size_of::<Host>() == 96 && align_of::<Host>() == 8);
    assert!(size_of::<Call>() == 224 && align_of::<Call>() == 8);
    assert!(size_of::<Ret>() == 40 && align_of::<Ret>() == 8);
    assert!(size_of::<Score>() == 48 && align_of::<Score>() == 8);
};

const _: () = {
    assert!(offset_of!(Host, ctx) == 8 && offset_of!(Host, get) == 16);
    assert!(offset_of!(Host, put) == 24 && offset_of!(Host, del) == 32);
    assert!(offset_of!(Host, next) == 40 && offset_of!(Host, emit) == 48);
    assert!(offset_of!(Host, log) == 56 && offset_of!(Host, call) == 64);
    assert!(offset_of!(Host, hash) == 72 && offset_of!(Host, verify) == 80);
    assert!(offset_of!(Host, trap) == 88);
};

const _: () = {
    assert!(offset_of!(Call, kind) == 4 && offset_of!(Call, height) == 8);
    assert!(offset_of!(Call, time_us) == 16 && offset_of!(Call, block_seed) == 24);
    assert!(offset_of!(Call, tx_hash) == 56 && offset_of!(Call, tx_index) == 88);
    assert!(offset_of!(Call, origin) == 92 && offset_of!(Call, caller) == 112);
    assert!(offset_of!(Call, role) == 132 && offset_of!(Call, organisation) == 136);
    assert!(offset_of!(Call, channel) == 152 && offset_of!(Call, method) == 168);
    assert!(offset_of!(Call, args) == 184 && offset_of!(Call, arena) == 200);
    assert!(offset_of!(Call, arena_len) == 208 && offset_of!(Call, steps) == 216);
};

const _: () = {
    assert!(offset_of!(Ret, data) == 8 && offset_of!(Ret, steps_left) == 24);
    assert!(offset_of!(Ret, arena_used) == 32);
    assert!(offset_of!(Score, size) == 8 && offset_of!(Score, major) == 12);
    assert!(offset_of!(Score, minor) == 14 && offset_of!(Score, manifest) == 16);
    assert!(offset_of!(Score, run) == 32 && offset_of!(Score, steps) == 40);
};
