//! `revoke`: certificates that their organisation has taken back.
//!
//! In: a revocation list, as a change that is proposed or accepted. Out: the number of the list under
//! `crl/` and a record for each certificate under `revoked/`, which count from the next block on, and
//! an event. What is taken back never comes back, also when a later list leaves it out.
//! Deliberately not here: whether the list is one (`host/identity`), sessions (`host/rpc`).

use super::state::{SystemState, View};
use super::{Context, event};
use host_identity::{Crl, Serial};
use host_types::codec::CodecError;
use host_types::{Hash32, Reader, Rejection, ScoreEvent, Writer};
use std::collections::BTreeSet;

const CRL: &str = "crl/";
const REVOKED: &str = "revoked/";
const ROOT_BYTES: usize = 32;

fn crl_key(root: &Hash32) -> Vec<u8> {
    [CRL.as_bytes(), root.as_bytes()].concat()
}

fn revoked_key(root: &Hash32, serial: &Serial) -> Vec<u8> {
    [REVOKED.as_bytes(), root.as_bytes(), serial.as_bytes()].concat()
}

/// Whether a write may say something of certificates that were taken back.
#[must_use]
pub fn is_of_revoked(key: &[u8]) -> bool {
    key.starts_with(REVOKED.as_bytes())
}

/// Every certificate that was taken back: its root and its serial number.
#[must_use]
pub fn all_revoked(view: &dyn View) -> BTreeSet<(Hash32, Serial)> {
    let found = view.scan(REVOKED.as_bytes());
    found.iter().filter_map(|(key, _)| revoked_by(key)).collect()
}

/// The certificate that a record under this key takes back: its root and its serial number.
#[must_use]
pub fn revoked_by(key: &[u8]) -> Option<(Hash32, Serial)> {
    let rest = key.strip_prefix(REVOKED.as_bytes())?;
    let (root, serial) = rest.split_at_checked(ROOT_BYTES)?;
    Some((Hash32::new(root.try_into().ok()?), Serial::new(serial)?))
}

/// Number of the newest list of a root; 0 before the first.
fn known(root: &Hash32, state: &SystemState<'_>) -> u64 {
    let read = |bytes: &[u8]| -> Result<u64, CodecError> {
        let mut r = Reader::new(bytes);
        r.array(2)?;
        r.uint()
    };
    state.get(&crl_key(root)).and_then(|bytes| read(&bytes).ok()).unwrap_or_default()
}

fn record(parts: &[u64]) -> Vec<u8> {
    let mut w = Writer::default();
    w.array(parts.len());
    parts.iter().for_each(|part| w.uint(*part));
    w.into_bytes()
}

/// The list, when a root of the channel signed it and it is newer than what is known.
pub(super) fn check(
    crl: &[u8],
    context: Context<'_>,
    state: &SystemState<'_>,
) -> Result<Crl, Rejection> {
    let refused = |error: host_identity::CrlError| Rejection::new(error.code(), error.to_string());
    let crl = Crl::parse(crl, context.membership.roots()).map_err(refused)?;
    crl.follows(known(&crl.root, state)).map_err(refused)?;
    Ok(crl)
}

/// Writes down what the list takes back.
pub(super) fn take_back(
    crl: &[u8],
    context: Context<'_>,
    state: &mut SystemState<'_>,
) -> Result<ScoreEvent, Rejection> {
    // Another list may have been accepted since it was proposed.
    let crl = check(crl, context, state)?;
    let height = context.height.get();
    state.put(crl_key(&crl.root), record(&[crl.number, height]));
    let mut fresh = 0_u64;
    for serial in &crl.serials {
        let key = revoked_key(&crl.root, serial);
        if state.get(&key).is_none() {
            state.put(key, record(&[height]));
            fresh += 1;
        }
    }
    Ok(event("certificates-revoked", |w| {
        w.array(3);
        w.bytes(crl.root.as_bytes());
        w.uint(crl.number);
        w.uint(fresh);
    }))
}

#[cfg(test)]
#[path = "revoke_tests.rs"]
mod tests;
