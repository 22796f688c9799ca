//! Who pays for one request: its address, until a signature shows whose it is.
//!
//! In: the token that the gate took of an address. Out: the same token, of the certificate that
//! signed what was sent. Not everything signed moves it: what the node knew already may have been sent
//! by anybody who read it, and what is refused proves nothing. Such requests stay with the address.

use crate::problem::Problem;
use crate::rate::{Allowance, Buckets, Caller};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use host_types::{CertificateId, Code};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A request that is counted; the gate puts one into its extensions.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    buckets: Arc<Buckets>,
    held: Arc<Mutex<(Caller, Allowance)>>,
}

impl Ticket {
    /// Takes a token of `caller`; whether there was one is in [`Ticket::allowance`].
    pub(crate) fn take(buckets: &Arc<Buckets>, caller: Caller) -> Self {
        let held = (caller, buckets.take(caller, Instant::now()));
        Self { buckets: Arc::clone(buckets), held: Arc::new(Mutex::new(held)) }
    }

    /// What whoever pays has left.
    pub(crate) fn allowance(&self) -> Allowance {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Refuses what a certificate signed when it has sent too much, before its signature is checked.
    pub(crate) fn admit(&self, signer: CertificateId) -> Result<(), Problem> {
        let signer = Caller::Certificate(signer);
        let allowance = self.buckets.look(signer, Instant::now());
        if allowance.is_allowed {
            return Ok(());
        }
        self.held.lock().unwrap_or_else(PoisonError::into_inner).1 = allowance;
        Err(Problem::new(Code::TooManyRequests, "too many requests of this certificate"))
    }

    /// The signature was good, and what it signed is new: its signer pays.
    pub(crate) fn charge(&self, signer: CertificateId) {
        let signer = Caller::Certificate(signer);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 != signer {
            *held = (signer, self.buckets.charge(held.0, signer, Instant::now()));
        }
    }
}

/// Who pays for the transactions of one request that has many: each new one with a good signature is
/// its signer's, all others are the address's. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct OfMany {
    /// None where nobody is counted.
    ticket: Option<Ticket>,
    /// Whether the address owes all that it may.
    is_spent: Arc<AtomicBool>,
}

impl OfMany {
    pub(crate) fn new(ticket: Option<Ticket>) -> Self {
        Self { ticket, is_spent: Arc::default() }
    }

    /// Whether the next one may be looked at, before its signature is checked.
    pub(crate) fn admit(&self, signer: CertificateId) -> Result<(), Problem> {
        if self.is_spent.load(Ordering::Relaxed) {
            let detail = "too many transactions of this request were refused, or known";
            return Err(Problem::new(Code::TooManyRequests, detail));
        }
        self.ticket.as_ref().map_or(Ok(()), |ticket| ticket.admit(signer))
    }

    /// One was looked at; with its signer, when it is new and the signature was good.
    pub(crate) fn pay(&self, signer: Option<CertificateId>) {
        let Some(ticket) = &self.ticket else { return };
        let address = ticket.held.lock().unwrap_or_else(PoisonError::into_inner).0;
        let caller = signer.map_or(address, Caller::Certificate);
        if !ticket.buckets.spend(caller, Instant::now()) && signer.is_none() {
            self.is_spent.store(true, Ordering::Relaxed);
        }
    }
}

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Tells the client what it has left, and when to come back.
pub(crate) fn put_headers(allowance: Allowance, status: StatusCode, headers: &mut HeaderMap) {
    headers.insert(LIMIT, allowance.limit.into());
    headers.insert(REMAINING, allowance.remaining.into());
    headers.insert(RESET, HeaderValue::from(whole_seconds(allowance.reset)));
    if status == StatusCode::TOO_MANY_REQUESTS && !allowance.retry_after.is_zero() {
        headers.insert(header::RETRY_AFTER, whole_seconds(allowance.retry_after).into());
    }
}

/// Rounded up: whoever waits so long is not too early.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}
