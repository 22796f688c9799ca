//! The root certificate of an organisation: what certificates of its members chain to.
//!
//! In: DER. Out: a trust anchor known by its fingerprint. Not here: which roots a channel trusts
//! ([`crate::membership`]), issuing ([`crate::authority`]).

use crate::certificate::{CertificateError, P256, period, single_key};
use host_types::{BlockTime, Hash32};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Organisation name of a dev root: never trusted beyond one machine.
pub const DEV_ORGANISATION: &str = "loopchain dev";

/// A root certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    der: Vec<u8>,
    fingerprint: Hash32,
    organisation: String,
    not_before: BlockTime,
    not_after: BlockTime,
    public_key: Vec<u8>,
    key_identifier: Option<Vec<u8>>,
}

impl Root {
    /// Reads a root: an ECDSA P-256 certificate authority.
    ///
    /// # Errors
    /// When it is no certificate, no authority, or has another kind of key.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let (rest, parsed) = X509Certificate::from_der(der)
            .map_err(|error| CertificateError::Malformed(error.to_string()))?;
        if !rest.is_empty() {
            return Err(CertificateError::Malformed("bytes follow the certificate".into()));
        }
        if !parsed.is_ca() || parsed.issuer().as_raw() != parsed.subject().as_raw() {
            return Err(CertificateError::NoAuthority);
        }
        if single_key(&parsed)? != P256 {
            return Err(CertificateError::KeyUnsupported);
        }
        let (not_before, not_after) = period(&parsed)?;
        let organisation = parsed
            .subject()
            .iter_organization()
            .find_map(|attribute| attribute.as_str().ok())
            .unwrap_or_default()
            .to_owned();
        let key_identifier =
            parsed.iter_extensions().find_map(|one| match one.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
                _ => None,
            });
        Ok(Self {
            der: der.to_vec(),
            fingerprint: Hash32::sha256(der),
            organisation,
            not_before,
            not_after,
            public_key: parsed.public_key().subject_public_key.data.to_vec(),
            key_identifier,
        })
    }

    /// SHA-256 of the DER: how a channel names it.
    #[must_use]
    pub const fn fingerprint(&self) -> Hash32 {
        self.fingerprint
    }

    /// The certificate.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The organisation in its subject.
    #[must_use]
    pub fn organisation(&self) -> &str {
        &self.organisation
    }

    /// Whether it is the root of a dev network, which no address beyond loopback may use.
    #[must_use]
    pub fn is_dev(&self) -> bool {
        self.organisation == DEV_ORGANISATION
    }

    /// Whether its key signed a message (ECDSA P-256 with SHA-256), as for certificates.
    #[must_use]
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        webpki::ring::ECDSA_P256_SHA256
            .verify_signature(&self.public_key, message, signature)
            .is_ok()
    }

    /// Whether this is its key, as raw bytes.
    pub(crate) fn has_key(&self, public_key: &[u8]) -> bool {
        self.public_key == public_key
    }

    /// How certificates it issues name its key.
    pub(crate) fn key_identifier(&self) -> Option<&[u8]> {
        self.key_identifier.as_deref()
    }

    /// First moment of validity.
    #[must_use]
    pub const fn not_before(&self) -> BlockTime {
        self.not_before
    }

    /// Last moment of validity.
    #[must_use]
    pub const fn not_after(&self) -> BlockTime {
        self.not_after
    }
}
