//! Keys as v1 shows them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_types::{Hash32, hash};

/// What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

/// `peer_id`: a UUID (version 8) of the first 16 bytes of SHA-256 of the public key.
pub(super) fn peer_id(public_key: &[u8; 32]) -> String {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(Hash32::sha256(public_key).as_bytes()) {
        *to = *from;
    }
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hash::to_hex(&bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts.map(|part| hex.get(part).unwrap_or_default().to_owned()).join("-")
}

/// The key as base64 of its DER.
pub(super) fn spki(public_key: &[u8; 32]) -> String {
    base64(&[&SPKI_PREFIX[..], public_key].concat())
}

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_id_is_a_uuid_of_version_8() {
        let id = peer_id(&[7; 32]);
        let lengths: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(id.as_bytes()[14], b'8');
        assert!(b"89ab".contains(&id.as_bytes()[19]));
        assert_ne!(id, peer_id(&[8; 32]));
    }

    #[test]
    fn a_key_is_44_bytes_of_der() {
        assert!(spki(&[0; 32]).starts_with("MCowBQYDK2VwAyEA"));
        assert_eq!(spki(&[0; 32]).len(), 60);
    }
}
