//! The one signature rule: ZIP 215, for every signature of the product, single or batched.
//!
//! A batch and a single check reach the same verdict by construction, so batching can never make
//! two honest peers disagree. Not here: batches ([`crate::batch`]), signing ([`crate::keypair`]).

use ed25519_zebra::{Signature, VerificationKey};

/// Whether `signature` is one of `public_key` over `message`.
#[must_use]
pub fn verify(public_key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerificationKey::try_from(*public_key)
        .and_then(|key| key.verify(&Signature::from_bytes(signature), message))
        .is_ok()
}

/// Whether a public key is no point of the curve, or one of its eight points of small order (for
/// which anybody can make signatures). Such keys are refused when a certificate is issued or read.
#[must_use]
pub fn is_weak_key(public_key: &[u8; 32]) -> bool {
    ed25519_dalek::VerifyingKey::from_bytes(public_key).map_or(true, |key| key.is_weak())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keypair::SigningKey;

    #[test]
    fn a_signature_covers_exactly_its_message_and_key() {
        let key = SigningKey::from_seed([1; 32]);
        let signature = key.sign(b"message");
        assert!(verify(&key.public(), b"message", &signature));
        assert!(!verify(&key.public(), b"massage", &signature));
        assert!(!verify(&SigningKey::from_seed([2; 32]).public(), b"message", &signature));
        for bit in 0..512 {
            let mut wrong = signature;
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(!verify(&key.public(), b"message", &wrong), "{bit}");
        }
    }

    #[test]
    fn keys_of_small_order_are_weak() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert!(is_weak_key(&identity));
        assert!(is_weak_key(&[0; 32]));
        assert!(!is_weak_key(&SigningKey::from_seed([3; 32]).public()));
    }
}
