//! Test signers behind the rule's `Verify`: a keyed hash for speed, real Ed25519 for the rest.
//!
//! In: a validator's index and bytes. Out: public keys, signatures, verdicts. The keyed hash is
//! no signature at all: anyone could make one. Simulated villains sign only with their own keys.

use ed25519_dalek::{Signer as _, SigningKey};
use plugin_api::{Verify, VerifyItem};
use sha2::{Digest, Sha256};

/// Which signatures a run uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signatures {
    /// A keyed hash: hundreds of times faster.
    #[default]
    Hash,
    /// Ed25519 by the ZIP 215 rule.
    Ed25519,
}

impl Signatures {
    /// Public key of a validator.
    #[must_use]
    pub fn public_key(self, index: u16) -> [u8; 32] {
        match self {
            Self::Hash => Sha256::digest([b"key".as_slice(), &index.to_be_bytes()].concat()).into(),
            Self::Ed25519 => secret(index).verifying_key().to_bytes(),
        }
    }

    /// Signs for a validator.
    #[must_use]
    pub fn sign(self, index: u16, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Hash => keyed(&self.public_key(index), message),
            Self::Ed25519 => secret(index).sign(message).to_bytes().to_vec(),
        }
    }

    /// The function that rules check with.
    #[must_use]
    pub fn verifier(self) -> Verify {
        match self {
            Self::Hash => verify_hash,
            Self::Ed25519 => verify_ed25519,
        }
    }
}

fn secret(index: u16) -> SigningKey {
    let seed = Sha256::digest([b"secret".as_slice(), &index.to_be_bytes()].concat());
    SigningKey::from_bytes(&seed.into())
}

fn keyed(public_key: &[u8; 32], message: &[u8]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    hasher.update(public_key);
    hasher.update(message);
    let half: [u8; 32] = hasher.finalize().into();
    [half, half].concat()
}

fn verify_hash(items: &[VerifyItem]) -> bool {
    items.iter().all(|item| keyed(&item.public_key, &item.message) == item.signature)
}

fn verify_ed25519(items: &[VerifyItem]) -> bool {
    items.iter().all(|item| {
        let key = ed25519_zebra::VerificationKey::try_from(item.public_key);
        let signature = ed25519_zebra::Signature::try_from(item.signature.as_slice());
        match (key, signature) {
            (Ok(key), Ok(signature)) => key.verify(&signature, &item.message).is_ok(),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::Signatures;
    use plugin_api::VerifyItem;

    #[test]
    fn a_signature_holds_for_its_key_and_message_only() {
        for signatures in [Signatures::Hash, Signatures::Ed25519] {
            let verify = signatures.verifier();
            let good = VerifyItem {
                public_key: signatures.public_key(3),
                message: b"hello".to_vec(),
                signature: signatures.sign(3, b"hello"),
            };
            let other_key = VerifyItem { public_key: signatures.public_key(4), ..good.clone() };
            let other_text = VerifyItem { message: b"hallo".to_vec(), ..good.clone() };
            assert!(verify(std::slice::from_ref(&good)));
            assert!(!verify(&[good.clone(), other_key]));
            assert!(!verify(&[other_text]));
        }
    }
}
