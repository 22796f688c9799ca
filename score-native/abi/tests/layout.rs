//! The layout of the table against the golden `abi.txt`: a difference is a version decision.

use score_native_abi::{Bytes, Call, Host, MAJOR, MINOR, Ret, Score, kind, refusal, trap};
use std::fmt::Write as _;

macro_rules! picture {
    ($out:ident, $type:ident: $($field:ident)*) => {
        writeln!($out, "{} size {} align {}", stringify!($type), size_of::<$type>(), align_of::<$type>())
            .unwrap();
        $(writeln!($out, "  {:>3} {}", std::mem::offset_of!($type, $field), stringify!($field)).unwrap();)*
    };
}

macro_rules! codes {
    ($out:ident, $module:ident: $($name:ident)*) => {
        $(writeln!($out, "{}::{} {:#x}", stringify!($module), stringify!($name), $module::$name).unwrap();)*
    };
}

fn abi_text() -> String {
    let mut out = format!("SCORE ABI {MAJOR}.{MINOR}\n");
    picture!(out, Bytes: ptr len);
    picture!(out, Host: size major minor ctx get put del next emit log call hash verify trap);
    picture!(out, Call: size kind height time_us block_seed tx_hash tx_index origin caller role
        organisation channel method args arena arena_len steps);
    picture!(out, Ret: code data steps_left arena_used);
    picture!(out, Score: magic size major minor manifest run steps);
    codes!(out, kind: DEPLOY INVOKE QUERY MIGRATE);
    codes!(out, trap: PANIC STEPS MEMORY STACK WRITE_IN_QUERY LIMIT);
    codes!(out, refusal: BAD_UTF8 BAD_ARGS NO_METHOD NO_CALLS NO_SCORE REENTRANT DEPTH FROZEN);
    out
}

#[test]
fn the_layout_is_the_one_in_abi_txt() {
    assert_eq!(abi_text(), include_str!("../abi.txt"), "the ABI changed: see the version rule");
}

#[test]
fn empty_bytes_have_a_pointer_that_may_be_read() {
    assert!(!Bytes::EMPTY.ptr.is_null());
    assert_eq!(Bytes::EMPTY.len, 0);
}
