//! Issuing certificates: the authority of an organisation, or the one of a dev network.
//!
//! In: names, roles, public keys, a period. Out: certificates as [`crate::certificate`] reads
//! them. Root keys are ECDSA P-256. Not here: keys that others made ([`crate::issue`]), what was
//! issued (`host/cli`), renewal in a running node (`host/node`).

use crate::certificate::{
    Certificate, CertificateError, PROFILE_ARCS, SIGNING_USAGE_ARCS, profile_value, uri,
};
use crate::keyfile::{self, KeyFileError};
use crate::role::Role;
use crate::root::{DEV_ORGANISATION, Root};
use crate::verify::is_weak_key;
use host_types::{BlockTime, ChannelName, NodeName};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use rustls_pki_types::CertificateDer;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

/// Days a member's certificate is valid by default: a lost key ages out in a quarter.
pub const LEAF_DAYS: u32 = 90;
/// Days a root is valid by default, ten years: members outlive it only by choice.
pub const ROOT_DAYS: u32 = 3_650;
/// How far before "now" a period begins, so that machines whose clocks differ accept it at once.
const BACKDATED: Duration = Duration::from_secs(3_600);
const DAY_S: u64 = 86_400;

const ROOT_FILE: &str = "root.crt";
const KEY_FILE: &str = "root.key";

/// Why a certificate was not issued.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The encoder or the signer refused.
    #[error("the certificate cannot be made: {0}")]
    Encode(#[from] rcgen::Error),
    /// What was made or loaded is not as it should be.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Its files.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The public key is weak or no key.
    #[error("the public key of {0} is weak: make a new one")]
    WeakKey(NodeName),
    /// A name of another organisation.
    #[error("the authority of {authority} does not certify {name}")]
    WrongOrganisation {
        /// Whose authority.
        authority: String,
        /// Who was to be certified.
        name: NodeName,
    },
    /// No random bytes.
    #[error("no random bytes from the system: {0}")]
    Random(getrandom::Error),
}

/// The period of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First moment; whole seconds count.
    pub not_before: BlockTime,
    /// Last moment; whole seconds count.
    pub not_after: BlockTime,
}

impl Validity {
    /// From an hour before now (clocks differ) for so many days.
    #[must_use]
    pub fn days_from_now(days: u32) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let start = now.saturating_sub(BACKDATED);
        let end = now + Duration::from_secs(u64::from(days) * DAY_S);
        Self { not_before: micros(start), not_after: micros(end) }
    }
}

impl Default for Validity {
    fn default() -> Self {
        Self::days_from_now(LEAF_DAYS)
    }
}

fn micros(since_1970: Duration) -> BlockTime {
    BlockTime::new(u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX))
}

/// A TLS certificate and its private key.
#[derive(Clone)]
pub struct TlsIdentity {
    /// The certificate.
    pub certificate: Certificate,
    /// PKCS#8 DER of its P-256 key.
    pub key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsIdentity({})", self.certificate.name)
    }
}

impl TlsIdentity {
    /// Writes `tls.crt` and `tls.key` (0600) into a folder, in place of older ones.
    ///
    /// # Errors
    /// The disk.
    pub fn save(&self, folder: &Path) -> Result<(), KeyFileError> {
        keyfile::replace_pkcs8(&folder.join("tls.key"), &self.key, None)?;
        keyfile::save_certificate(&folder.join("tls.crt"), &self.certificate.der)
    }

    /// Reads what [`TlsIdentity::save`] wrote.
    ///
    /// # Errors
    /// The disk, a key that others may read, or a certificate of another form.
    pub fn load(folder: &Path) -> Result<Self, AuthorityError> {
        let key = keyfile::load_pkcs8(&folder.join("tls.key"), None)?;
        let der = keyfile::load_certificate(&folder.join("tls.crt"))?;
        Ok(Self { certificate: Certificate::parse(&der)?, key })
    }
}

/// Makes certificates.
pub struct Authority {
    root: Root,
    pub(crate) issuer: Issuer<'static, KeyPair>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({}, {})", self.root.organisation(), self.root.fingerprint())
    }
}

impl Authority {
    /// The root of a dev network: certifies any organisation and is trusted on loopback only.
    ///
    /// # Errors
    /// No random bytes.
    pub fn new_dev(name: &str) -> Result<Self, AuthorityError> {
        Self::new_root(DEV_ORGANISATION, name, Validity::days_from_now(ROOT_DAYS))
    }

    /// The root of an organisation.
    ///
    /// # Errors
    /// No random bytes.
    pub fn new(organisation: &str, validity: Validity) -> Result<Self, AuthorityError> {
        Self::new_root(organisation, &format!("{organisation} root"), validity)
    }

    fn new_root(
        organisation: &str,
        common_name: &str,
        validity: Validity,
    ) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut params = new_params(vec![], validity)?;
        params.distinguished_name.push(DnType::OrganizationName, organisation);
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        Self::from_parts(certificate.der(), key)
    }

    fn from_parts(der: &CertificateDer<'_>, key: KeyPair) -> Result<Self, AuthorityError> {
        let root = Root::from_der(der)?;
        if !root.has_key(key.public_key_raw()) {
            return Err(CertificateError::KeyUnsupported.into());
        }
        Ok(Self { root, issuer: Issuer::from_ca_cert_der(der, key)? })
    }

    /// Its root certificate.
    #[must_use]
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// Writes `root.crt` and `root.key` (0600) into a folder; a key that is there stays.
    ///
    /// # Errors
    /// The disk, or a key is there.
    pub fn save(&self, folder: &Path, password: Option<&str>) -> Result<(), AuthorityError> {
        let key = Zeroizing::new(self.issuer.key().serialize_der());
        keyfile::save_pkcs8(&folder.join(KEY_FILE), &key, password)?;
        Ok(keyfile::save_certificate(&folder.join(ROOT_FILE), self.root.der())?)
    }

    /// Reads what [`Authority::save`] wrote.
    ///
    /// # Errors
    /// The disk, a key that others may read, or files of another form.
    pub fn load(folder: &Path, password: Option<&str>) -> Result<Self, AuthorityError> {
        let key = keyfile::load_pkcs8(&folder.join(KEY_FILE), password)?;
        Self::import(&keyfile::load_certificate(&folder.join(ROOT_FILE))?, &key)
    }

    /// An authority that exists, as DER: its root certificate and the PKCS#8 of its key.
    ///
    /// # Errors
    /// When it is no root of ours, or the key is another one.
    pub fn import(root: &[u8], key: &[u8]) -> Result<Self, AuthorityError> {
        let key =
            KeyPair::from_pkcs8_der_and_sign_algo(&key.into(), &rcgen::PKCS_ECDSA_P256_SHA256)
                .map_err(|_| CertificateError::KeyUnsupported)?;
        Self::from_parts(&CertificateDer::from(root), key)
    }

    /// A certificate whose Ed25519 key signs transactions or statements; `scope` limits it to some
    /// channels.
    ///
    /// # Errors
    /// A weak key, a name of another organisation, or the encoder.
    pub fn issue_signing(
        &self,
        name: &NodeName,
        role: Role,
        scope: Option<&BTreeSet<ChannelName>>,
        public_key: &[u8; 32],
        validity: Validity,
    ) -> Result<Certificate, AuthorityError> {
        if is_weak_key(public_key) {
            return Err(AuthorityError::WeakKey(name.clone()));
        }
        let mut params = self.leaf_params(name, role, scope, validity, vec![])?;
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::Other(SIGNING_USAGE_ARCS.to_vec())];
        let certificate = params.signed_by(&Ed25519Key(public_key), &self.issuer)?;
        Ok(Certificate::parse(certificate.der())?)
    }

    /// A TLS certificate with a new P-256 key, for both ends of a session. `hosts` are DNS names
    /// and IP addresses for browsers and other clients that look at them; peers look at the name.
    ///
    /// # Errors
    /// A name of another organisation, a host that is no name or address, or the encoder.
    pub fn issue_tls(
        &self,
        name: &NodeName,
        role: Role,
        hosts: &[String],
        validity: Validity,
    ) -> Result<TlsIdentity, AuthorityError> {
        let mut params = self.leaf_params(name, role, None, validity, hosts.to_vec())?;
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = Zeroizing::new(key.serialize_der());
        Ok(TlsIdentity { certificate: Certificate::parse(certificate.der())?, key })
    }

    pub(crate) fn leaf_params(
        &self,
        name: &NodeName,
        role: Role,
        scope: Option<&BTreeSet<ChannelName>>,
        validity: Validity,
        hosts: Vec<String>,
    ) -> Result<CertificateParams, AuthorityError> {
        if !self.root.is_dev() && self.root.organisation() != name.organisation() {
            let authority = self.root.organisation().to_owned();
            return Err(AuthorityError::WrongOrganisation { authority, name: name.clone() });
        }
        let mut params = new_params(hosts, validity)?;
        params.subject_alt_names.push(SanType::URI(uri(name, role).try_into()?));
        params.distinguished_name.push(DnType::OrganizationName, name.organisation());
        params.distinguished_name.push(DnType::CommonName, name.short());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params.custom_extensions =
            vec![CustomExtension::from_oid_content(PROFILE_ARCS, profile_value(role, scope))];
        Ok(params)
    }
}

fn new_params(hosts: Vec<String>, validity: Validity) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + whole(validity.not_before);
    params.not_after = epoch + whole(validity.not_after);
    let mut serial = [0; 16];
    getrandom::fill(&mut serial).map_err(AuthorityError::Random)?;
    serial[0] = serial[0] & 0x7f | 0x40; // positive, and of the same length for all
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

/// Whole seconds of a time since 1970, as certificates and lists write it.
pub(crate) const fn whole(time: BlockTime) -> Duration {
    Duration::from_secs(time.get() / 1_000_000)
}

/// The raw bytes of an Ed25519 public key, as the encoder wants them.
struct Ed25519Key<'a>(&'a [u8; 32]);

impl PublicKeyData for Ed25519Key<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keypair::SigningKey;

    fn name(text: &str) -> NodeName {
        NodeName::new(text).unwrap()
    }

    #[test]
    fn an_authority_survives_its_folder_and_what_it_issues_chains_to_it() {
        let folder = tempfile::tempdir().unwrap();
        Authority::new_dev("test").unwrap().save(folder.path(), None).unwrap();
        let authority = Authority::load(folder.path(), None).unwrap();
        assert!(authority.root().is_dev());
        let key = SigningKey::from_seed([1; 32]);
        let alice = authority
            .issue_signing(
                &name("bank-a/alice"),
                Role::Client,
                None,
                &key.public(),
                Validity::default(),
            )
            .unwrap();
        let now = Validity::days_from_now(0).not_after;
        let roots = [authority.root().clone()];
        assert_eq!(alice.verify_path(&roots, now).unwrap().fingerprint(), roots[0].fingerprint());
        assert_eq!(alice.signing_key(), Some(&key.public()));
    }

    #[test]
    fn a_weak_key_gets_no_certificate() {
        let authority = Authority::new_dev("test").unwrap();
        let mut identity = [0; 32];
        identity[0] = 1;
        let refused = authority.issue_signing(
            &name("bank-a/mallory"),
            Role::Client,
            None,
            &identity,
            Validity::default(),
        );
        assert!(matches!(refused, Err(AuthorityError::WeakKey(_))));
    }

    #[test]
    fn an_organisation_certifies_only_its_own() {
        let authority = Authority::new("bank-a", Validity::days_from_now(1)).unwrap();
        assert!(
            authority
                .issue_tls(&name("bank-a/peer0"), Role::Peer, &[], Validity::default())
                .is_ok()
        );
        let refused =
            authority.issue_tls(&name("bank-b/peer0"), Role::Peer, &[], Validity::default());
        assert!(matches!(refused, Err(AuthorityError::WrongOrganisation { .. })));
    }

    #[test]
    fn a_tls_identity_reads_back_from_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new_dev("test").unwrap();
        let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let tls = authority
            .issue_tls(&name("bank-a/peer0"), Role::Validator, &hosts, Validity::default())
            .unwrap();
        tls.save(folder.path()).unwrap();
        let again = TlsIdentity::load(folder.path()).unwrap();
        assert_eq!((again.certificate, again.key), (tls.certificate, tls.key));
    }
}
