//! Whether a trail is what its peer signed, and what the chain holds of it.
//!
//! In: records in order, the peer's key, the keys of readers, the roots that blocks hold. Out: the first
//! thing that is wrong, with its code and the block it concerns. Deliberately not here: where records and
//! roots come from (`host_node::audit`).

use host_core::system::trail::TrailRoot;
use host_identity::verify;
use host_types::trail::{SignedRecord, TrailRecord};
use host_types::{CertificateId, Code, GenesisHash, Hash32, Height, Rejection};
use std::collections::BTreeMap;

/// What is known of a trail beside its records.
pub struct Known<'a> {
    /// The channel.
    pub genesis: GenesisHash,
    /// Signing keys that the peer has or had.
    pub peer: Vec<[u8; 32]>,
    /// Signing key of a member.
    pub key_of: &'a dyn Fn(&CertificateId) -> Option<[u8; 32]>,
    /// Roots of this peer that blocks hold, in order.
    pub roots: &'a [TrailRoot],
}

impl std::fmt::Debug for Known<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Known({} roots)", self.roots.len())
    }
}

/// Every finding is told with the block at whose height the peer answered, or the root stands.
pub type Found = (Height, Rejection);

/// Compares records with the roots; one finding of each kind at most, the first.
#[must_use]
pub fn judge(records: &[SignedRecord], known: &Known<'_>) -> Vec<Found> {
    let mut found: Vec<Found> = broken(records, known).into_iter().collect();
    found.extend(missing(records, known.roots));
    found
}

fn broken(records: &[SignedRecord], known: &Known<'_>) -> Option<Found> {
    let mut previous = Hash32::ZERO;
    for (number, SignedRecord { record, signature }) in (1u64..).zip(records) {
        let request = &record.request;
        let is_asked = || {
            let key = (known.key_of)(&request.request.signer);
            key.is_some_and(|key| {
                verify(&key, &request.request.signing_message(), &request.signature)
            })
        };
        let wrong = if record.number != number {
            "does not have the next number"
        } else if record.previous != previous {
            "does not name the record before it"
        } else if request.request.genesis != known.genesis {
            "is of another channel"
        } else if !is_signed(known, record, signature) {
            "was not signed by this peer"
        } else if !is_asked() {
            "was not asked by the reader that it names"
        } else {
            previous = record.hash();
            continue;
        };
        let message = format!("record {number} of the trail {wrong}");
        return Some((record.height, Rejection::new(Code::TrailBroken, message)));
    }
    None
}

fn is_signed(known: &Known<'_>, record: &TrailRecord, signature: &[u8; 64]) -> bool {
    let message = record.signing_message();
    known.peer.iter().any(|key| verify(key, &message, signature))
}

fn missing(records: &[SignedRecord], roots: &[TrailRoot]) -> Option<Found> {
    let hashes: BTreeMap<u64, Hash32> =
        records.iter().map(|one| (one.record.number, one.record.hash())).collect();
    roots.iter().find_map(|root| {
        let TrailRoot { height, count, .. } = *root;
        let message = match hashes.get(&count) {
            Some(hash) if *hash == root.root => return None,
            Some(_) => {
                format!("record {count} of the trail is another one than block {height} holds")
            }
            None => format!(
                "block {height} holds the root of {count} records, and record {count} is not there"
            ),
        };
        Some((height, Rejection::new(Code::TrailMissing, message)))
    })
}
