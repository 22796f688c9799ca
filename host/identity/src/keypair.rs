//! The Ed25519 key of a signer: made, read, signs.
//!
//! In: 32 random bytes or PKCS#8. Out: signatures. Wiped from memory when dropped and never
//! printed. Not here: verification ([`mod@crate::verify`]), files ([`crate::keyfile`]).

use ed25519_dalek::Signer;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use std::fmt;
use zeroize::Zeroizing;

/// Why a key cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system gave no random bytes.
    #[error("no random bytes from the system: {0}")]
    Random(getrandom::Error),
    /// Not an Ed25519 key in PKCS#8.
    #[error("not an Ed25519 key in PKCS#8: {0}")]
    Format(String),
}

/// An Ed25519 signing key.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A new random key.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(KeyError::Random)?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// The key of a seed: for tests and for the keys of a dev network.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        Self(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// Reads PKCS#8 DER.
    ///
    /// # Errors
    /// When it is not an Ed25519 key.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        ed25519_dalek::SigningKey::from_pkcs8_der(der)
            .map(Self)
            .map_err(|error| KeyError::Format(error.to_string()))
    }

    /// The key as PKCS#8 DER.
    ///
    /// # Errors
    /// When the encoder refuses, which a valid key does not make it do.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        // PKCS#8 version 1: the private key alone, which `openssl pkey` reads.
        let bytes =
            ed25519_dalek::pkcs8::KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        let document = bytes.to_pkcs8_der().map_err(|error| KeyError::Format(error.to_string()))?;
        Ok(Zeroizing::new(document.as_bytes().to_vec()))
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs a message, which begins with its [`host_types::Domain`].
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl Clone for SigningKey {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(public {})", host_types::hash::to_hex(&self.public()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_pkcs8_and_signs_the_same() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(key.public(), again.public());
        assert_eq!(key.sign(b"m"), again.sign(b"m"));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let key = SigningKey::from_seed([0x5a; 32]);
        assert!(!format!("{key:?}").contains("5a5a5a"));
    }

    #[test]
    fn other_bytes_are_no_key() {
        assert!(SigningKey::from_pkcs8(b"nonsense").is_err());
    }
}
