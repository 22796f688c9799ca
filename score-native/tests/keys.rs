//! Keys: the order of the bytes is the order of the keys, and no two keys share bytes.

use proptest::prelude::*;
use score_native::{Address, Key, KeyPrefix};

fn bytes<K: Key>(key: &K) -> Vec<u8> {
    let mut out = Vec::new();
    key.write(&mut out);
    out
}

fn keeps_order<K: Key + Ord + std::fmt::Debug>(a: &K, b: &K) {
    assert_eq!(bytes(a).cmp(&bytes(b)), a.cmp(b), "{a:?} {b:?}");
    assert_eq!(K::read(&bytes(a)).as_ref(), Some(a));
}

/// Few different bytes, and the special ones among them, so that near misses are found.
fn tricky() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop::sample::select(vec![0u8, 1, 2, b'a', 0xfe, 0xff]), 0..4)
}

fn text() -> impl Strategy<Value = String> {
    "[\u{0}\u{1}ab\u{ff}]{0,4}"
}

proptest! {
    #[test]
    fn numbers_keep_their_order(a in any::<(u64, i64)>(), b in any::<(u64, i64)>()) {
        keeps_order(&a.0, &b.0);
        keeps_order(&a.1, &b.1);
        keeps_order(&a, &b);
        keeps_order(&i128::from(a.1), &i128::from(b.1));
    }

    #[test]
    fn narrow_numbers_and_claims_keep_their_order(
        a in any::<(bool, i8, i16, i32, u8, u16, u32)>(),
        b in any::<(bool, i8, i16, i32, u8, u16, u32)>(),
    ) {
        keeps_order(&(a.0, a.1, a.2, a.3), &(b.0, b.1, b.2, b.3));
        keeps_order(&(a.4, a.5, a.6), &(b.4, b.5, b.6));
        keeps_order(&[a.3, i32::from(a.2)], &[b.3, i32::from(b.2)]);
    }

    #[test]
    fn wide_numbers_and_addresses_keep_their_order(
        a in any::<(u128, i128, [u8; 20])>(),
        b in any::<(u128, i128, [u8; 20])>(),
    ) {
        keeps_order(&a.0, &b.0);
        keeps_order(&a.1, &b.1);
        keeps_order(&(Address(a.2), a.0), &(Address(b.2), b.0));
        keeps_order(&a.2, &b.2);
    }

    #[test]
    fn fixed_arrays_of_texts_keep_their_order(a in [text(), text()], b in [text(), text()]) {
        keeps_order(&a, &b);
        keeps_order(&(a, 1u8), &(b, 1u8));
    }

    #[test]
    fn a_tuple_begins_with_its_first_parts(a in (text(), tricky()), b in (text(), tricky())) {
        let mut begin = Vec::new();
        KeyPrefix::<(String, Vec<u8>)>::write_begin(&a.0, &mut begin);
        prop_assert!(bytes(&a).starts_with(&begin));
        prop_assert_eq!(bytes(&b).starts_with(&begin), a.0 == b.0);
    }

    #[test]
    fn pairs_of_bytes_keep_their_order(a in (tricky(), tricky()), b in (tricky(), tricky())) {
        keeps_order(&a, &b);
    }

    #[test]
    fn a_text_before_a_number_keeps_the_order(
        a in (text(), any::<u64>()),
        b in (text(), any::<u64>()),
    ) {
        keeps_order(&a, &b);
    }

    #[test]
    fn nested_tuples_keep_their_order(
        a in ((tricky(), text()), tricky()),
        b in ((tricky(), text()), tricky()),
    ) {
        keeps_order(&a, &b);
        let flat = (a.0.0.clone(), a.0.1.clone(), a.1.clone());
        prop_assert_eq!(bytes(&flat), bytes(&a));
    }
}

#[test]
fn bytes_that_are_no_key_are_told() {
    assert_eq!(u64::read(&[1, 2, 3]), None);
    assert_eq!(Address::read(&[0; 21]), None);
    assert_eq!(bool::read(&[2]), None);
    assert_eq!(<[u16; 2]>::read(&[0; 5]), None);
    assert_eq!(<(String, u64)>::read(b"no end"), None);
    assert_eq!(<(Vec<u8>, Vec<u8>)>::read(&[0, 7]), None);
}

/// The state of every channel is under such keys: docs/spec/score-sdk.md.
#[test]
fn the_bytes_of_keys_are_the_ones_of_the_specification() {
    assert_eq!(bytes(&0x0102u16), [1, 2]);
    assert_eq!(bytes(&-1i8), [0x7f]);
    assert_eq!(bytes(&1i64), [0x80, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(bytes(&true), [1]);
    assert_eq!(bytes(&Address([7; 20])), [7; 20]);
    assert_eq!(bytes(&[7u8; 32]), [7; 32]);
    assert_eq!(bytes(&String::from("a\0")), [b'a', 0]);
    let parts = (String::from("a\0"), vec![0u8, 9], 1u8);
    assert_eq!(bytes(&parts), [b'a', 0, 0xff, 0, 1, 0, 0xff, 9, 0, 1, 1]);
    assert_eq!(bytes(&[String::from("a"), String::new()]), [b'a', 0, 1, 0, 1]);
}
