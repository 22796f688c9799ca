//! A token bucket per address.
//!
//! In: an address and the time. Out: whether the request may go on. Memory is bounded: buckets that
//! are full again say nothing and are dropped.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Addresses remembered before full buckets are dropped; 64 bytes each.
const ADDRESSES_MAX: usize = 16_384;

/// How many requests one address may make.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Requests per second in the long run.
    pub per_second: f64,
    /// Requests at once.
    pub burst: f64,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { per_second: 200.0, burst: 400.0 }
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// The buckets of all addresses.
#[derive(Debug)]
pub struct Buckets {
    limit: RateLimit,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

impl Buckets {
    /// No address has asked yet.
    #[must_use]
    pub fn new(limit: RateLimit) -> Self {
        Self { limit, buckets: Mutex::default() }
    }

    /// Takes a token of `address`; false when there is none. When too many addresses are known to
    /// remember one more, a new one is refused.
    #[must_use]
    pub fn take(&self, address: IpAddr, now: Instant) -> bool {
        let full = Bucket { tokens: self.limit.burst, at: now };
        // A panic elsewhere leaves at worst one bucket with a token too many.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= ADDRESSES_MAX && !buckets.contains_key(&address) {
            buckets.retain(|_, bucket| self.refilled(*bucket, now) < self.limit.burst);
            if buckets.len() >= ADDRESSES_MAX {
                return false;
            }
        }
        let bucket = buckets.entry(address).or_insert(full);
        let tokens = self.refilled(*bucket, now);
        let is_allowed = tokens >= 1.0;
        *bucket = Bucket { tokens: if is_allowed { tokens - 1.0 } else { tokens }, at: now };
        is_allowed
    }

    /// What `address` has left: whole requests, and seconds until it has all of them again.
    #[must_use]
    pub fn left(&self, address: IpAddr, now: Instant) -> (u64, u64) {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full = Bucket { tokens: self.limit.burst, at: now };
        let tokens = self.refilled(buckets.get(&address).copied().unwrap_or(full), now);
        drop(buckets);
        let missing = (self.limit.burst - tokens).max(0.0);
        let seconds = missing / self.limit.per_second.max(f64::MIN_POSITIVE);
        (whole(tokens.floor()), whole(seconds.ceil()))
    }

    fn refilled(&self, bucket: Bucket, now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(bucket.at).as_secs_f64();
        seconds.mul_add(self.limit.per_second, bucket.tokens).min(self.limit.burst)
    }
}

/// A bucket has at most millions of tokens, and an hour is long enough to tell of.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
fn whole(value: f64) -> u64 {
    value.clamp(0.0, 1e9) as u64
}

/// `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds) of an address.
pub(crate) fn put_headers(
    buckets: &Buckets,
    address: IpAddr,
    now: Instant,
    headers: &mut HeaderMap,
) {
    let (remaining, reset) = buckets.left(address, now);
    for (name, value) in [
        ("ratelimit-limit", whole(buckets.limit.burst)),
        ("ratelimit-remaining", remaining),
        ("ratelimit-reset", reset),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let buckets = Buckets::new(RateLimit { per_second: 10.0, burst: 3.0 });
        let address = IpAddr::from([192, 0, 2, 1]);
        let start = Instant::now();
        let burst: Vec<_> = (0..4).map(|_| buckets.take(address, start)).collect();
        assert_eq!(burst, [true, true, true, false]);
        assert!(buckets.take(address, start + Duration::from_millis(100)));
        assert!(!buckets.take(address, start + Duration::from_millis(100)));
        assert!(buckets.take(IpAddr::from([192, 0, 2, 2]), start));
    }

    #[test]
    fn memory_is_bounded_and_full_buckets_make_room() {
        let buckets = Buckets::new(RateLimit { per_second: 1.0, burst: 2.0 });
        let start = Instant::now();
        let address = |i: usize| IpAddr::from(u32::try_from(i).unwrap().to_be_bytes());
        for i in 0..ADDRESSES_MAX {
            assert!(buckets.take(address(i), start));
        }
        assert!(!buckets.take(address(ADDRESSES_MAX), start));
        assert!(buckets.take(address(ADDRESSES_MAX), start + Duration::from_secs(2)));
    }
}
