//! Whom a node talks to: the roots of its network and the names it must reach even when their
//! certificates ran out.
//!
//! In: a certificate from a handshake and the clock. Out: a [`PeerIdentity`], or what is wrong.
//! The identity of a session is (root, name): certificates come and go. Not here: sockets
//! ([`crate::session`]), who may do what on a channel (`host/identity/membership.rs`).

use host_identity::{Certificate, CertificateError, CertificateKey, Role, Root, Serial};
use host_types::{BlockTime, CertificateId, Code, Hash32, NetworkId, NodeName};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{PoisonError, RwLock};
use tokio::sync::watch;

/// Who is at the other end, proven by TLS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerIdentity {
    /// Fingerprint of the root that certified it.
    pub root: Hash32,
    /// Its name.
    pub name: NodeName,
    /// Its role.
    pub role: Role,
    /// Its TLS certificate.
    pub certificate: CertificateId,
    /// The number of that certificate at its root.
    pub serial: Serial,
}

/// Whom a client wants to meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Exactly this name.
    Name(NodeName),
    /// Anybody in this role: a radiostation whose name is not known yet.
    Role(Role),
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Role(role) => write!(f, "a {role}"),
        }
    }
}

/// Why somebody is not talked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The certificate itself.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A signing certificate, which opens no sessions.
    #[error("the certificate of {0} is for signing, not for TLS")]
    NotForTls(NodeName),
    /// A TLS certificate where a signing one is needed.
    #[error("the certificate of {0} is for TLS, not for signing")]
    NotForSigning(NodeName),
    /// Its root belongs to another organisation.
    #[error("the root that certified {0} is not its organisation's")]
    WrongOrganisation(NodeName),
    /// It was revoked.
    #[error("the certificate of {0} was revoked")]
    Revoked(NodeName),
    /// Somebody else than expected.
    #[error("{found} ({role}) answered where {expected} was expected")]
    WrongName {
        /// Who should have answered.
        expected: Expected,
        /// Who did.
        found: NodeName,
        /// In which role.
        role: Role,
    },
}

impl TrustError {
    /// Its number.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Certificate(error) => error.code(),
            Self::NotForTls(_) | Self::NotForSigning(_) => Code::CertificateUsageWrong,
            Self::WrongOrganisation(_) => Code::CertificateUntrusted,
            Self::Revoked(_) => Code::CertificateRevoked,
            Self::WrongName { .. } => Code::CertificateNameWrong,
        }
    }
}

#[derive(Debug, Default)]
struct Lists {
    roots: Vec<Root>,
    organisations: BTreeSet<(String, Hash32)>,
    pinned: BTreeSet<NodeName>,
    revoked: BTreeSet<(Hash32, Serial)>,
}

impl Lists {
    /// When a certificate is judged: for a pinned name, not after its end.
    fn moment(&self, certificate: &Certificate, now: BlockTime) -> BlockTime {
        if self.pinned.contains(&certificate.name) { now.min(certificate.not_after) } else { now }
    }

    /// Fingerprint of the root that certified it, when that root is its organisation's.
    fn check_path(&self, certificate: &Certificate, at: BlockTime) -> Result<Hash32, TrustError> {
        let root = certificate.verify_path(&self.roots, at)?.fingerprint();
        let organisation = certificate.organisation().to_owned();
        if self.organisations.contains(&(organisation, root)) {
            Ok(root)
        } else {
            Err(TrustError::WrongOrganisation(certificate.name.clone()))
        }
    }
}

/// The roots of a network. Shared by all sessions of a node; its lists may change while they run.
#[derive(Debug)]
pub struct Trust {
    network: NetworkId,
    lists: RwLock<Lists>,
    revocations: watch::Sender<()>,
}

impl Trust {
    /// Trust in the organisations of a network: each with the fingerprint of its root, and the
    /// root certificates themselves.
    #[must_use]
    pub fn new(network: NetworkId, organisations: &[(String, Hash32)], roots: Vec<Root>) -> Self {
        let organisations = organisations.iter().cloned().collect();
        let lists = Lists { roots, organisations, ..Lists::default() };
        Self { network, lists: RwLock::new(lists), revocations: watch::channel(()).0 }
    }

    /// The network.
    #[must_use]
    pub const fn network(&self) -> NetworkId {
        self.network
    }

    /// Names whose certificates may have run out: validators of a channel we share. An expired
    /// certificate must not stop consensus; the key of their statements is pinned on chain.
    pub fn set_pinned(&self, names: BTreeSet<NodeName>) {
        self.lists.write().unwrap_or_else(PoisonError::into_inner).pinned = names;
    }

    /// Certificates that were taken back, by root and serial number: they open no session any more,
    /// and sessions that are open under them end.
    pub fn set_revoked(&self, revoked: BTreeSet<(Hash32, Serial)>) {
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        if lists.revoked != revoked {
            lists.revoked = revoked;
            drop(lists);
            self.revocations.send_replace(());
        }
    }

    /// Whether the certificate of this number was taken back.
    #[must_use]
    pub fn is_revoked(&self, root: &Hash32, serial: &Serial) -> bool {
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        lists.revoked.contains(&(*root, serial.clone()))
    }

    /// Waits until the certificate of a session is taken back.
    pub async fn revoked(&self, peer: &PeerIdentity) {
        let mut news = self.revocations.subscribe();
        while !self.is_revoked(&peer.root, &peer.serial) {
            // The sender lives as long as we do.
            news.changed().await.ok();
        }
    }

    /// Who a certificate is of, when this network trusts it at that time.
    ///
    /// # Errors
    /// When it chains to no root of its organisation, is no TLS certificate, was revoked, or ran
    /// out and its name is not pinned.
    pub fn identify(&self, der: &[u8], now: BlockTime) -> Result<PeerIdentity, TrustError> {
        let certificate = Certificate::parse(der)?;
        let name = certificate.name.clone();
        if certificate.key != CertificateKey::P256 {
            return Err(TrustError::NotForTls(name));
        }
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        let root = lists.check_path(&certificate, lists.moment(&certificate, now))?;
        let Certificate { role, id, serial, .. } = certificate;
        if lists.revoked.contains(&(root, serial.clone())) {
            return Err(TrustError::Revoked(name));
        }
        Ok(PeerIdentity { root, name, role, certificate: id, serial })
    }

    /// The key of a signing certificate, when this network trusts it at that time. As with sessions,
    /// that of a pinned name may have run out: where validators are must be told for ever.
    ///
    /// # Errors
    /// When it chains to no root of its organisation, is no signing certificate, was revoked, or
    /// ran out and its name is not pinned.
    pub fn check_signing(
        &self,
        certificate: &Certificate,
        at: BlockTime,
    ) -> Result<[u8; 32], TrustError> {
        let name = || certificate.name.clone();
        let key = certificate.signing_key().ok_or_else(|| TrustError::NotForSigning(name()))?;
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        let root = lists.check_path(certificate, lists.moment(certificate, at))?;
        if lists.revoked.contains(&(root, certificate.serial.clone())) {
            return Err(TrustError::Revoked(name()));
        }
        Ok(*key)
    }
}

impl Expected {
    /// Whether this is who was expected.
    ///
    /// # Errors
    /// [`TrustError::WrongName`].
    pub fn check(&self, found: &PeerIdentity) -> Result<(), TrustError> {
        let is_right = match self {
            Self::Name(name) => *name == found.name,
            Self::Role(role) => *role == found.role,
        };
        if is_right {
            return Ok(());
        }
        let (expected, role) = (self.clone(), found.role);
        Err(TrustError::WrongName { expected, found: found.name.clone(), role })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_identity::{Authority, SigningKey, Validity};

    const DAY_US: u64 = 86_400_000_000;

    fn day(number: u64) -> BlockTime {
        BlockTime::new(number * DAY_US)
    }

    fn name(text: &str) -> NodeName {
        NodeName::new(text).unwrap()
    }

    fn setting() -> (Authority, Trust, Certificate) {
        let long = Validity { not_before: day(1), not_after: day(1_000) };
        let short = Validity { not_before: day(10), not_after: day(20) };
        let authority = Authority::new("bank-a", long).unwrap();
        let root = authority.root().clone();
        let organisations = [("bank-a".to_owned(), root.fingerprint())];
        let trust = Trust::new(NetworkId::default(), &organisations, vec![root]);
        let tls = authority.issue_tls(&name("bank-a/peer0"), Role::Validator, &[], short).unwrap();
        (authority, trust, tls.certificate)
    }

    #[test]
    fn an_expired_certificate_opens_sessions_only_for_a_pinned_name() {
        let (_, trust, certificate) = setting();
        assert_eq!(trust.identify(&certificate.der, day(15)).unwrap().name, name("bank-a/peer0"));
        assert!(trust.identify(&certificate.der, day(30)).is_err());
        trust.set_pinned([name("bank-a/peer0")].into());
        assert!(trust.identify(&certificate.der, day(30)).is_ok());
        assert!(trust.identify(&certificate.der, day(5)).is_err());
    }

    #[test]
    fn an_entry_signed_under_an_expired_certificate_counts_only_for_a_pinned_name() {
        let (authority, trust, _) = setting();
        let key = SigningKey::from_seed([1; 32]).public();
        let short = Validity { not_before: day(10), not_after: day(20) };
        let signing = authority
            .issue_signing(&name("bank-a/peer0"), Role::Validator, None, &key, short)
            .unwrap();
        assert_eq!(trust.check_signing(&signing, day(15)), Ok(key));
        assert!(trust.check_signing(&signing, day(30)).is_err());
        trust.set_pinned([name("bank-a/peer0")].into());
        assert_eq!(trust.check_signing(&signing, day(30)), Ok(key));
    }

    #[test]
    fn revoked_foreign_and_signing_certificates_open_none() {
        let (authority, trust, certificate) = setting();
        let key = SigningKey::from_seed([1; 32]).public();
        let validity = Validity { not_before: day(10), not_after: day(20) };
        let signing = authority
            .issue_signing(&name("bank-a/peer0"), Role::Validator, None, &key, validity)
            .unwrap();
        assert!(matches!(trust.identify(&signing.der, day(15)), Err(TrustError::NotForTls(_))));
        let taken = (authority.root().fingerprint(), certificate.serial.clone());
        trust.set_revoked([taken].into());
        assert!(matches!(trust.identify(&certificate.der, day(15)), Err(TrustError::Revoked(_))));
        let root = authority.root().clone();
        let other = [("bank-b".to_owned(), root.fingerprint())];
        let elsewhere = Trust::new(NetworkId::default(), &other, vec![root]);
        assert!(matches!(
            elsewhere.identify(&certificate.der, day(15)),
            Err(TrustError::WrongOrganisation(_))
        ));
    }
}
