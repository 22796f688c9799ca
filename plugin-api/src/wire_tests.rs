//! Every message there and back; and what is not a message is refused.

use super::{FORMAT, decode, encode, samples};
use crate::{InitCfg, Input, LogRecord, Output, VerifyItem};
use proptest::prelude::{any, proptest};

fn there_and_back<T>(message: &T)
where
    T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + PartialEq + std::fmt::Debug,
{
    let bytes = encode(message);
    assert_eq!(&bytes[..2], &[0x82, FORMAT]);
    assert_eq!(decode::<T>(&bytes).as_ref(), Ok(message));
    for length in 0..bytes.len() {
        assert!(decode::<T>(&bytes[..length]).is_err(), "{length} bytes of {message:?}");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    let error = decode::<T>(&longer).unwrap_err();
    assert_eq!(error.message, "1 bytes after the end of the message");
}

#[test]
fn every_message_goes_there_and_back() {
    samples::inputs().iter().for_each(|(_, input)| there_and_back(input));
    let outputs: Vec<Output> = samples::outputs().into_iter().map(|(_, output)| output).collect();
    there_and_back(&outputs);
    there_and_back(&samples::init_cfg());
    there_and_back(&samples::init_cfg_with_groups());
    there_and_back(&samples::sealing_header());
    there_and_back(&samples::log());
    there_and_back(&vec![samples::verify_item()]);
    there_and_back(&samples::final_claim());
    there_and_back(&samples::final_claim_with_parameters());
    there_and_back(&samples::proof_of());
    there_and_back(&samples::inspect());
    there_and_back(&samples::parameters());
}

/// A plugin built for 1.0 reads what a 1.1 host says of a channel without groups: the same bytes.
#[test]
fn what_came_with_1_1_costs_nothing_where_it_is_not_used() {
    let plain = encode(&samples::init_cfg());
    assert_eq!(plain[2], 0x8a, "ten fields, as in 1.0");
    assert_eq!(encode(&samples::init_cfg_with_groups())[2], 0x8b);
    assert_eq!(encode(&samples::final_claim())[2], 0x85, "five fields, as in 1.0");
    assert_eq!(encode(&samples::final_claim_with_parameters())[2], 0x86);
}

#[test]
fn a_slice_is_written_like_a_vector() {
    let log = samples::log();
    assert_eq!(encode(log.as_slice()), encode(&log));
}

#[test]
fn another_format_is_named() {
    let mut bytes = encode(&Input::Start);
    bytes[1] = 2;
    assert_eq!(decode::<Input>(&bytes).unwrap_err().message, "format 2, this side speaks 1");
}

#[test]
fn a_message_of_another_kind_is_refused() {
    let bytes = encode(&samples::init_cfg());
    assert!(decode::<Input>(&bytes).is_err());
    assert!(decode::<Vec<LogRecord>>(&bytes).is_err());
    assert_eq!(
        decode::<InitCfg>(&[0x83, 1, 0, 0]).unwrap_err().message,
        "not a message: an array of two is expected"
    );
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>, is_framed in any::<bool>()) {
        let framed = if is_framed { [&[0x82, FORMAT], bytes.as_slice()].concat() } else { bytes };
        drop(decode::<Input>(&framed));
        drop(decode::<Vec<Output>>(&framed));
        drop(decode::<InitCfg>(&framed));
        drop(decode::<Vec<VerifyItem>>(&framed));
    }
}
