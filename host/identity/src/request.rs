//! A request for a certificate: what leaves the machine in the place of a private key.
//!
//! In: a name, a role, a key in PKCS#8. Out: PKCS#10 that any CA tool reads, and what an authority
//! reads in it. The name stands in one URI, as in the certificate; the role is what the asker
//! would like, and the authority says what it gets. Not here: deciding ([`crate::authority`]).

use crate::certificate::{CertificateError, single_name, uri};
use crate::keypair::{KeyError, SigningKey};
use crate::role::Role;
use crate::verify::is_weak_key;
use host_types::limits::CERTIFICATE_BYTES_MAX;
use host_types::{Hash32, NodeName};
use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DnType, KeyPair, PublicKey, PublicKeyData,
    SanType,
};
use zeroize::Zeroizing;

/// DNS names and addresses in one request. More belong into several certificates.
pub const HOSTS_MAX: usize = 16;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyUse {
    /// Ed25519: transactions and statements.
    Signing,
    /// ECDSA P-256: sessions.
    Tls,
}

impl KeyUse {
    const fn algorithm(self) -> &'static rcgen::SignatureAlgorithm {
        match self {
            Self::Signing => &rcgen::PKCS_ED25519,
            Self::Tls => &rcgen::PKCS_ECDSA_P256_SHA256,
        }
    }
}

/// A new private key in PKCS#8.
///
/// # Errors
/// No random bytes.
pub fn new_key(key_use: KeyUse) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    match key_use {
        KeyUse::Signing => SigningKey::generate()?.to_pkcs8(),
        KeyUse::Tls => KeyPair::generate_for(key_use.algorithm())
            .map(|key| Zeroizing::new(key.serialize_der()))
            .map_err(|error| KeyError::Format(error.to_string())),
    }
}

/// The raw public key of a private one in PKCS#8.
///
/// # Errors
/// A key of another kind.
pub fn public_of(key_use: KeyUse, key: &[u8]) -> Result<Vec<u8>, CertificateError> {
    KeyPair::from_pkcs8_der_and_sign_algo(&key.into(), key_use.algorithm())
        .map(|key| key.public_key_raw().to_vec())
        .map_err(|_| CertificateError::KeyUnsupported)
}

/// A request whose signature holds: whoever made it has the private key.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks.
    pub name: NodeName,
    /// In which role.
    pub role: Role,
    /// What the key is for, which its kind says.
    pub key_use: KeyUse,
    /// DNS names and IP addresses besides, for clients that look at them.
    pub hosts: Vec<String>,
    /// SHA-256 of the DER.
    pub digest: Hash32,
    public_key: PublicKey,
}

fn encode(error: rcgen::Error) -> CertificateError {
    CertificateError::Malformed(error.to_string())
}

impl Request {
    /// Makes one, signed by the key it is about.
    ///
    /// # Errors
    /// A key of another kind, or a host that is no name or address.
    pub fn make(
        name: &NodeName,
        role: Role,
        key_use: KeyUse,
        hosts: &[String],
        key: &[u8],
    ) -> Result<Vec<u8>, CertificateError> {
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key.into(), key_use.algorithm())
            .map_err(|_| CertificateError::KeyUnsupported)?;
        let mut params = CertificateParams::new(hosts.to_vec()).map_err(encode)?;
        let text = uri(name, role).try_into().map_err(encode)?;
        params.subject_alt_names.push(SanType::URI(text));
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, name.organisation());
        params.distinguished_name.push(DnType::CommonName, name.short());
        Ok(params.serialize_request(&key).map_err(encode)?.der().to_vec())
    }

    /// Reads one and checks that its key signed it.
    ///
    /// # Errors
    /// When it is too large, malformed, of another kind of key, or names nobody.
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            let reason = format!("{} bytes, at most {CERTIFICATE_BYTES_MAX}", der.len());
            return Err(CertificateError::Malformed(reason));
        }
        let parsed = CertificateSigningRequestParams::from_der(&der.into()).map_err(encode)?;
        let names = &parsed.params.subject_alt_names;
        let (name, role) = single_name(names.iter().filter_map(|one| match one {
            SanType::URI(text) => Some(text.as_str()),
            _ => None,
        }))?;
        let hosts: Vec<String> = names.iter().filter_map(host).collect();
        if hosts.len() > HOSTS_MAX {
            let reason = format!("{} hosts, at most {HOSTS_MAX}", hosts.len());
            return Err(CertificateError::Name(reason));
        }
        let key_use = key_use(&parsed.public_key)?;
        let digest = Hash32::sha256(der);
        Ok(Self { name, role, key_use, hosts, digest, public_key: parsed.public_key })
    }

    /// The key it is about.
    pub(crate) const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }
}

fn host(name: &SanType) -> Option<String> {
    match name {
        SanType::DnsName(host) => Some(host.as_str().to_owned()),
        SanType::IpAddress(address) => Some(address.to_string()),
        _ => None,
    }
}

fn key_use(key: &PublicKey) -> Result<KeyUse, CertificateError> {
    if key.algorithm() == &rcgen::PKCS_ECDSA_P256_SHA256 {
        return Ok(KeyUse::Tls);
    }
    if key.algorithm() != &rcgen::PKCS_ED25519 {
        return Err(CertificateError::KeyUnsupported);
    }
    let bytes = key.der_bytes().try_into().map_err(|_| CertificateError::KeyUnsupported)?;
    if is_weak_key(&bytes) { Err(CertificateError::KeyWeak) } else { Ok(KeyUse::Signing) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> NodeName {
        NodeName::new("bank-a/peer0").unwrap()
    }

    fn tls_key() -> Vec<u8> {
        KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_der()
    }

    #[test]
    fn both_kinds_read_back() {
        let hosts = ["peer0.bank-a.example".to_owned(), "10.0.1.5".to_owned()];
        let signing = SigningKey::generate().unwrap().to_pkcs8().unwrap();
        for (key_use, key) in [(KeyUse::Signing, signing.to_vec()), (KeyUse::Tls, tls_key())] {
            let der = Request::make(&name(), Role::Validator, key_use, &hosts, &key).unwrap();
            let request = Request::parse(&der).unwrap();
            assert_eq!((request.name, request.role), (name(), Role::Validator));
            assert_eq!((request.key_use, request.hosts), (key_use, hosts.to_vec()));
        }
    }

    #[test]
    fn a_key_of_the_other_kind_makes_no_request() {
        let refused = Request::make(&name(), Role::Peer, KeyUse::Signing, &[], &tls_key());
        assert_eq!(refused.unwrap_err(), CertificateError::KeyUnsupported);
    }

    #[test]
    fn no_changed_byte_changes_who_asks_or_for_which_key() {
        let der = Request::make(&name(), Role::Peer, KeyUse::Tls, &[], &tls_key()).unwrap();
        let facts = |request: Request| (request.name, request.role, request.public_key);
        let asked = facts(Request::parse(&der).unwrap());
        for index in 0..der.len() {
            let mut changed = der.clone();
            changed[index] ^= 1;
            // The tag of what names the algorithm is not looked at, and changes nothing.
            if let Ok(request) = Request::parse(&changed) {
                assert_eq!(facts(request), asked, "byte {index}");
            }
        }
    }

    #[test]
    fn a_request_of_another_tool_without_our_name_is_refused_by_its_name() {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let params = CertificateParams::new(vec!["example.org".to_owned()]).unwrap();
        let der = params.serialize_request(&key).unwrap().der().to_vec();
        assert!(matches!(Request::parse(&der).unwrap_err(), CertificateError::Name(_)));
    }
}
