//! Who signs: a key with its certificate, from two files or from somewhere safer.
//!
//! In: paths, a password. Out: signatures in the name of a certificate. An application whose key lies in
//! a security module implements [`Signer`] and never shows the key. Deliberately not here: key folders
//! and prompts (the command line), what a key file looks like (`host-identity`).

use crate::error::ClientError;
use host_identity::{Certificate, SigningKey, keyfile};
use host_types::Address;
use host_types::ids::CertificateId;
use std::path::Path;

/// Signs transactions.
pub trait Signer {
    /// Id of the certificate in whose name it signs: SHA-256 of its DER.
    fn certificate_id(&self) -> CertificateId;

    /// The Ed25519 signature of a message.
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

/// A key with its certificate.
#[derive(Debug)]
pub struct Identity {
    /// Signs.
    pub key: SigningKey,
    /// Says who it is.
    pub certificate: Certificate,
}

impl Identity {
    /// Reads `NAME.key` and, beside it, `NAME.crt`.
    ///
    /// ```no_run
    /// # use std::path::Path;
    /// let alice = host_client::Identity::load(Path::new("keys/alice.key"), None)?;
    /// let ops = host_client::Identity::load(Path::new("keys/ops.key"), Some("its password"))?;
    /// # Ok::<_, host_client::ClientError>(())
    /// ```
    ///
    /// # Errors
    /// A file that cannot be read or that others may read, a missing or wrong password, no certificate.
    pub fn load(key: &Path, password: Option<&str>) -> Result<Self, ClientError> {
        let path = key.with_extension("crt");
        let certificate = keyfile::load_certificate(&path)?;
        let certificate = Certificate::parse(&certificate).map_err(|error| {
            ClientError::new(error.code(), format!("{}: {error}", path.display()))
        })?;
        Ok(Self { key: keyfile::load_either(key, password)?, certificate })
    }

    /// Its address.
    ///
    /// ```no_run
    /// # use std::path::Path;
    /// let alice = host_client::Identity::load(Path::new("keys/alice.key"), None)?;
    /// println!("{}", alice.address());
    /// # Ok::<_, host_client::ClientError>(())
    /// ```
    #[must_use]
    pub fn address(&self) -> Address {
        Address::of_key(&self.key.public())
    }
}

impl Signer for Identity {
    fn certificate_id(&self) -> CertificateId {
        self.certificate.id
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{CLIENT, fixture};
    use host_types::Code;

    #[test]
    fn a_key_is_read_with_the_certificate_beside_it_and_its_password() {
        let folder = tempfile::tempdir().unwrap();
        let (key, crt) = (folder.path().join("alice.key"), folder.path().join("alice.crt"));
        let fixture = fixture();
        keyfile::save_certificate(&crt, &fixture.client.der).unwrap();
        keyfile::save_encrypted(&key, &SigningKey::from_seed([CLIENT; 32]), "open").unwrap();
        let alice = Identity::load(&key, Some("open")).unwrap();
        assert_eq!(alice.certificate_id(), fixture.client.id);
        assert_eq!(alice.address(), Address::of_key(&SigningKey::from_seed([CLIENT; 32]).public()));
        for password in [None, Some("shut")] {
            let refused = Identity::load(&key, password).unwrap_err();
            assert_eq!(refused.code(), Code::PasswordWrong, "{password:?}");
        }
        assert!(Identity::load(&folder.path().join("bob.key"), None).is_err());
    }
}
