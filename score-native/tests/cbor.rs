//! The small CBOR reader against `ciborium`: what it accepts is CBOR, and one value has one form.

use proptest::prelude::*;
use score_native::{
    Address, Value,
    args::{Arguments, Malformed, decode, encode},
};

#[derive(Debug, Clone, PartialEq, Value)]
struct Record {
    hash: [u8; 32],
    amounts: Vec<u128>,
    note: Option<String>,
}

/// What is accepted must be what `ciborium` reads and writes, and what the writer writes.
fn accepts_only_canonical<V: Value + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Ok(value) = decode::<V>(bytes) else { return };
    assert_eq!(encode(&value), bytes, "{value:?} has two forms");
    let foreign: Result<ciborium::Value, _> = ciborium::from_reader(bytes);
    let mut again = Vec::new();
    assert!(foreign.is_ok_and(|value| ciborium::into_writer(&value, &mut again).is_ok()));
    assert_eq!(again, bytes, "accepted, but not canonical");
}

fn accepts_only_canonical_of_each_type(bytes: &[u8]) {
    accepts_only_canonical::<u8>(bytes);
    accepts_only_canonical::<u64>(bytes);
    accepts_only_canonical::<u128>(bytes);
    accepts_only_canonical::<i64>(bytes);
    accepts_only_canonical::<i128>(bytes);
    accepts_only_canonical::<bool>(bytes);
    accepts_only_canonical::<String>(bytes);
    accepts_only_canonical::<Vec<u8>>(bytes);
    accepts_only_canonical::<Vec<Option<String>>>(bytes);
    accepts_only_canonical::<(u32, Vec<i128>)>(bytes);
    accepts_only_canonical::<Address>(bytes);
    accepts_only_canonical::<Record>(bytes);
}

fn record() -> impl Strategy<Value = Record> {
    let note = proptest::option::of(".{0,40}");
    (any::<[u8; 32]>(), proptest::collection::vec(any::<u128>(), 0..30), note)
        .prop_map(|(hash, amounts, note)| Record { hash, amounts, note })
}

proptest! {
    #[test]
    fn a_record_comes_back_as_it_went(record in record()) {
        prop_assert_eq!(decode::<Record>(&encode(&record)).unwrap(), record);
    }

    #[test]
    fn integers_come_back_as_they_went(a in any::<i128>(), shift in 0u32..127) {
        let (signed, unsigned) = (a >> shift, a.unsigned_abs() >> shift);
        prop_assert_eq!(decode::<i128>(&encode(&signed)), Ok(signed));
        prop_assert_eq!(decode::<u128>(&encode(&unsigned)), Ok(unsigned));
        accepts_only_canonical::<i128>(&encode(&signed));
        accepts_only_canonical::<u128>(&encode(&unsigned));
    }

    #[test]
    fn whatever_is_accepted_is_canonical(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        accepts_only_canonical_of_each_type(&bytes);
    }

    #[test]
    fn a_changed_byte_is_refused_or_canonical(
        record in record(),
        at in any::<prop::sample::Index>(),
        to in any::<u8>(),
    ) {
        let mut bytes = encode(&record);
        *at.get_mut(&mut bytes) = to;
        accepts_only_canonical_of_each_type(&bytes);
    }

    #[test]
    fn a_cut_record_is_refused(record in record(), at in any::<prop::sample::Index>()) {
        let bytes = encode(&record);
        prop_assert!(decode::<Record>(&bytes[..at.index(bytes.len())]).is_err());
    }
}

#[test]
fn the_forms_of_integers_are_these() {
    assert_eq!(encode(&23u64), [0x17]);
    assert_eq!(encode(&24u64), [0x18, 24]);
    assert_eq!(encode(&u64::MAX).len(), 9);
    assert_eq!(encode(&u128::from(u64::MAX)), encode(&u64::MAX));
    let wide = u128::from(u64::MAX) + 1;
    assert_eq!(encode(&wide), [&[0x50][..], &wide.to_be_bytes()].concat());
    assert_eq!(encode(&-1i64), [0x20]);
    assert_eq!(encode(&i64::MIN), [0x3b, 0x7f, 255, 255, 255, 255, 255, 255, 255]);
    assert_eq!(encode(&i128::MIN), [&[0x50][..], &i128::MIN.to_be_bytes()].concat());
}

#[test]
fn longer_forms_of_integers_are_refused() {
    for bytes in [&[0x18, 23][..], &[0x19, 0, 255], &[0x1a, 0, 0, 255, 255]] {
        assert_eq!(decode::<u64>(bytes), Err(Malformed::NotCanonical), "{bytes:?}");
    }
    let narrow = [&[0x50][..], &u128::from(u64::MAX).to_be_bytes()].concat();
    assert_eq!(decode::<u128>(&narrow), Err(Malformed::NotCanonical));
    assert_eq!(decode::<i128>(&narrow), Err(Malformed::NotCanonical));
}

#[test]
fn indefinite_lengths_tags_maps_and_floats_are_refused() {
    assert_eq!(decode::<Vec<u8>>(&[0x5f, 0xff]), Err(Malformed::NotCanonical));
    assert_eq!(decode::<Vec<u64>>(&[0x9f, 0xff]), Err(Malformed::NotCanonical));
    assert_eq!(decode::<u64>(&[0xc1, 0x01]), Err(Malformed::WrongType));
    assert_eq!(decode::<Vec<u64>>(&[0xa0]), Err(Malformed::WrongType));
    assert_eq!(decode::<u64>(&[0xf9, 0, 0]), Err(Malformed::WrongType));
}

#[test]
fn a_number_of_another_range_is_refused() {
    assert_eq!(decode::<u8>(&encode(&256u64)), Err(Malformed::OutOfRange));
    assert_eq!(decode::<u64>(&encode(&-1i64)), Err(Malformed::OutOfRange));
    assert_eq!(decode::<i64>(&encode(&u64::MAX)), Err(Malformed::OutOfRange));
}

#[test]
fn a_claimed_length_beyond_the_bytes_is_refused_before_memory_is_taken() {
    let huge = [0x9b, 0x7f, 255, 255, 255, 255, 255, 255, 255];
    assert_eq!(decode::<Vec<u64>>(&huge), Err(Malformed::Ended));
}

#[test]
fn bytes_after_the_value_are_refused() {
    assert_eq!(decode::<u64>(&[1, 1]), Err(Malformed::Trailing));
}

#[test]
fn a_bad_argument_is_named_with_its_type() {
    let bytes = encode(&(7u64, String::from("x")));
    let mut arguments = Arguments::open(&bytes, 2).unwrap();
    assert_eq!(arguments.take::<u64>("to").unwrap(), 7);
    let refused = arguments.take::<Vec<Address>>("amount").unwrap_err();
    assert_eq!(refused.code, 0xffff_0002);
    assert_eq!(refused.text, "argument `amount` ([address]): another type stands there");
    let refused = Arguments::open(&bytes, 3).unwrap_err();
    assert_eq!(refused.text, "wrong number of arguments");
}

#[test]
fn no_bytes_stand_for_no_arguments() {
    Arguments::open(&[], 0).unwrap().close().unwrap();
    assert!(Arguments::open(&[], 1).is_err());
    assert!(Arguments::open(&[0x80, 0x01], 0).unwrap().close().is_err());
}
