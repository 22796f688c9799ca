//! A token bucket per caller: the certificate that signed what was sent, else the client's address.
//!
//! In: who asks, and the time. Out: whether the request may go on, and what is left ([`Allowance`]).
//! Memory is bounded: buckets that are full again say nothing and are dropped. Deliberately not
//! here: who the caller is (`ticket`, `gate`).

use host_types::CertificateId;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Callers remembered before full buckets are dropped; 96 bytes each.
const CALLERS_MAX: usize = 16_384;

/// How many requests one caller may make.
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

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Whoever asks from there.
    Address(IpAddr),
    /// Whoever signs with it.
    Certificate(CertificateId),
}

/// What a caller has left, as `RateLimit-*` headers tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Whether this request may go on.
    pub is_allowed: bool,
    /// Requests at once.
    pub limit: u64,
    /// Requests that may follow at once.
    pub remaining: u64,
    /// Until `remaining` is `limit` again.
    pub reset: Duration,
    /// Until the next request may go on; zero when that is now.
    pub retry_after: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// The buckets of all callers.
#[derive(Debug)]
pub struct Buckets {
    limit: RateLimit,
    buckets: Mutex<HashMap<Caller, Bucket>>,
}

impl Buckets {
    /// Nobody has asked yet.
    #[must_use]
    pub fn new(limit: RateLimit) -> Self {
        Self { limit, buckets: Mutex::default() }
    }

    /// Takes a token of a caller, when there is one. When too many callers are known to remember one
    /// more, a new one is refused.
    #[must_use]
    pub fn take(&self, caller: Caller, now: Instant) -> Allowance {
        self.with(caller, now, |tokens| {
            let is_allowed = *tokens >= 1.0;
            *tokens -= if is_allowed { 1.0 } else { 0.0 };
            is_allowed
        })
    }

    /// What a caller has, without taking anything.
    #[must_use]
    pub fn look(&self, caller: Caller, now: Instant) -> Allowance {
        self.with(caller, now, |tokens| *tokens >= 1.0)
    }

    /// Gives the token of one caller back and takes it from another one, who may owe some then: what
    /// was sent at the same time is found out to be of one certificate only afterwards.
    pub fn charge(&self, from: Caller, to: Caller, now: Instant) -> Allowance {
        let burst = self.limit.burst;
        self.with(from, now, |tokens| {
            *tokens = (*tokens + 1.0).min(burst);
            true
        });
        self.with(to, now, |tokens| {
            *tokens = (*tokens - 1.0).max(-burst);
            true
        })
    }

    /// Takes a token of a caller, who may owe a burst; false when it owes that much already.
    #[must_use]
    pub fn spend(&self, caller: Caller, now: Instant) -> bool {
        let debt = -self.limit.burst;
        let spent = self.with(caller, now, |tokens| {
            let is_allowed = *tokens - 1.0 >= debt;
            *tokens -= if is_allowed { 1.0 } else { 0.0 };
            is_allowed
        });
        spent.is_allowed
    }

    fn with(
        &self,
        caller: Caller,
        now: Instant,
        change: impl FnOnce(&mut f64) -> bool,
    ) -> Allowance {
        let full = Bucket { tokens: self.limit.burst, at: now };
        // A panic elsewhere leaves at worst one bucket with a token too many.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= CALLERS_MAX && !buckets.contains_key(&caller) {
            buckets.retain(|_, bucket| self.refilled(*bucket, now) < self.limit.burst);
            if buckets.len() >= CALLERS_MAX {
                return self.allowance(false, 0.0);
            }
        }
        let bucket = buckets.entry(caller).or_insert(full);
        let mut tokens = self.refilled(*bucket, now);
        let is_allowed = change(&mut tokens);
        *bucket = Bucket { tokens, at: now };
        self.allowance(is_allowed, tokens)
    }

    fn allowance(&self, is_allowed: bool, tokens: f64) -> Allowance {
        let until = |wanted: f64| {
            let seconds = ((wanted - tokens) / self.limit.per_second).max(0.0);
            Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
        };
        Allowance {
            is_allowed,
            limit: whole(self.limit.burst),
            remaining: whole(tokens),
            reset: until(self.limit.burst),
            retry_after: until(1.0),
        }
    }

    fn refilled(&self, bucket: Bucket, now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(bucket.at).as_secs_f64();
        seconds.mul_add(self.limit.per_second, bucket.tokens).min(self.limit.burst)
    }
}

/// Tokens that can be spent.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is floored and not negative, and far below 2^53"
)]
fn whole(tokens: f64) -> u64 {
    tokens.max(0.0).floor() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Caller {
        Caller::Address(IpAddr::from([192, 0, 2, last]))
    }

    fn certificate(byte: u8) -> Caller {
        Caller::Certificate(CertificateId::new(host_types::Hash32::new([byte; 32])))
    }

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let buckets = Buckets::new(RateLimit { per_second: 10.0, burst: 3.0 });
        let start = Instant::now();
        let burst: Vec<_> = (0..4).map(|_| buckets.take(address(1), start).is_allowed).collect();
        assert_eq!(burst, [true, true, true, false]);
        assert!(buckets.take(address(1), start + Duration::from_millis(100)).is_allowed);
        assert!(!buckets.take(address(1), start + Duration::from_millis(100)).is_allowed);
        assert!(buckets.take(address(2), start).is_allowed);
    }

    #[test]
    fn what_is_left_is_told() {
        let buckets = Buckets::new(RateLimit { per_second: 0.5, burst: 2.0 });
        let start = Instant::now();
        let first = buckets.take(address(1), start);
        assert_eq!((first.limit, first.remaining), (2, 1));
        assert_eq!((first.reset, first.retry_after), (Duration::from_secs(2), Duration::ZERO));
        assert!(buckets.take(address(1), start).is_allowed);
        let refused = buckets.take(address(1), start + Duration::from_secs(1));
        assert_eq!((refused.is_allowed, refused.remaining), (false, 0));
        assert_eq!(refused.retry_after, Duration::from_secs(1));
        assert_eq!(refused.reset, Duration::from_secs(3));
    }

    #[test]
    fn a_token_moves_from_the_address_to_the_certificate() {
        let buckets = Buckets::new(RateLimit { per_second: 0.001, burst: 1.0 });
        let start = Instant::now();
        for byte in 0..5 {
            assert!(buckets.take(address(1), start).is_allowed, "the address gets it back");
            assert!(buckets.look(certificate(byte), start).is_allowed);
            assert_eq!(buckets.charge(address(1), certificate(byte), start).remaining, 0);
            assert!(!buckets.look(certificate(byte), start).is_allowed);
        }
        // Sent at the same time: it owes, and waits for longer.
        assert!(buckets.charge(address(1), certificate(0), start).retry_after.as_secs() >= 1_999);
    }

    #[test]
    fn memory_is_bounded_and_full_buckets_make_room() {
        let buckets = Buckets::new(RateLimit { per_second: 1.0, burst: 2.0 });
        let start = Instant::now();
        let address =
            |i: usize| Caller::Address(IpAddr::from(u32::try_from(i).unwrap().to_be_bytes()));
        for i in 0..CALLERS_MAX {
            assert!(buckets.take(address(i), start).is_allowed);
        }
        assert!(!buckets.take(address(CALLERS_MAX), start).is_allowed);
        assert!(buckets.take(address(CALLERS_MAX), start + Duration::from_secs(2)).is_allowed);
    }
}
