//! A signed request is answered once, and only at its time.

use super::*;
use host_types::{CertificateId, GenesisHash};

fn request(nonce: u64, expiry: u64) -> ReadRequest {
    ReadRequest {
        genesis: GenesisHash::default(),
        method: "GET".into(),
        target: "/".into(),
        body: Hash32::ZERO,
        signer: CertificateId::default(),
        nonce,
        expiry: BlockTime::new(expiry),
    }
}

#[test]
fn a_request_is_of_now_between_its_expiry_and_a_minute_before() {
    let code = |expiry, now| {
        check_time(&request(1, expiry), BlockTime::new(now)).map_err(|refused| refused.code)
    };
    let now = 1_800_000_000_000_000;
    assert_eq!(code(now, now), Ok(()));
    assert_eq!(code(now + READ_WINDOW_US, now), Ok(()));
    assert_eq!(code(now + READ_WINDOW_US + 1, now), Err(Code::ReadStale));
    assert_eq!(code(now - 1, now), Err(Code::ReadStale));
    assert_eq!(code(u64::MAX, 0), Err(Code::ReadStale));
}

#[test]
fn the_same_request_is_answered_once_and_what_ran_out_makes_room() {
    let mut seen = Remembered::default();
    let mut take = |nonce, expiry, now| {
        seen.take(&request(nonce, expiry), BlockTime::new(now)).map_err(|refused| refused.code)
    };
    assert_eq!(take(1, 10, 5), Ok(()));
    assert_eq!(take(1, 10, 5), Err(Code::ReadRepeated));
    assert_eq!(take(1, 10, 10), Err(Code::ReadRepeated), "it is still answered at its last moment");
    for nonce in 2..=READS_REMEMBERED_MAX as u64 {
        assert_eq!(take(nonce, 10 + nonce % 7, 5), Ok(()));
    }
    assert_eq!(take(0, 10, 5), Err(Code::TooManyRequests));
    assert_eq!(take(0, 30, 11), Ok(()), "those of 10 ran out");
}

#[test]
fn a_clock_that_is_set_back_brings_no_request_back() {
    let mut seen = Remembered::default();
    let mut take = |nonce, expiry, now| {
        seen.take(&request(nonce, expiry), BlockTime::new(now)).map_err(|refused| refused.code)
    };
    assert_eq!(take(1, 10, 5), Ok(()));
    assert_eq!(take(2, 30, 20), Ok(()));
    assert_eq!(take(1, 10, 5), Err(Code::ReadStale), "it was forgotten at 20");
    assert_eq!(take(4, 9, 5), Err(Code::ReadStale), "nor is it known whether this one came");
    assert_eq!(take(2, 30, 5), Err(Code::ReadRepeated));
    assert_eq!(take(3, 25, 5), Ok(()));
}
