//! A member's certificate: who it names, in which role, for which channels, with which key.
//!
//! In: DER. Out: a [`Certificate`], or what is wrong with it. The name stands in one URI,
//! `loopchain://ORG/ROLE/NAME`; role and channels stand in one private extension besides and must
//! agree with it. Whether it chains to a root is judged at a time that the caller gives, by
//! rustls-webpki and ring at pinned versions, because the verdict is part of what peers agree on.
//! Not here: which certificates a channel knows ([`crate::membership`]).

use crate::revocation::Serial;
use crate::role::Role;
use crate::root::Root;
use crate::verify::is_weak_key;
use host_types::limits::CERTIFICATE_BYTES_MAX;
use host_types::{BlockTime, CertificateId, ChannelName, Code, Hash32, NodeName};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::collections::BTreeSet;
use std::time::Duration;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Object identifier of the extension with role and channels, as arcs. Its value is a DER
/// `UTF8String`, `ROLE *` or `ROLE channel,channel`, so that any CA tool can write it.
pub const PROFILE_ARCS: &[u64] = &[2, 25, 8_315_168_225_106_289_007, 1];
/// Object identifier of the key usage of certificates that sign transactions and statements.
pub const SIGNING_USAGE_ARCS: &[u64] = &[2, 25, 8_315_168_225_106_289_007, 2];

/// [`PROFILE_ARCS`] without its last arc, in DER.
const OID_STEM: [u8; 10] = [0x69, 0xf3, 0xb2, 0xda, 0xae, 0x9f, 0x88, 0xcd, 0xc2, 0x6f];
const PROFILE_OID: [u8; 11] = with_arc(1);
const SIGNING_USAGE_OID: [u8; 11] = with_arc(2);

const fn with_arc(arc: u8) -> [u8; 11] {
    let mut oid = [arc; 11];
    let (stem, _) = oid.split_at_mut(10);
    stem.copy_from_slice(&OID_STEM);
    oid
}

/// Channels one certificate may be limited to.
const SCOPE_CHANNELS_MAX: usize = 64;

/// Kind of a key in a certificate.
pub(crate) type KeyKind = &'static str;
/// Ed25519 (RFC 8410).
pub(crate) const ED25519: KeyKind = "1.3.101.112";
/// ECDSA on P-256.
pub(crate) const P256: KeyKind = "1.2.840.10045.3.1.7";

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not a certificate of the form we use.
    #[error("not a certificate of this product: {0}")]
    Malformed(String),
    /// Its name.
    #[error("its name is wrong: {0}")]
    Name(String),
    /// Another kind of key than Ed25519 or P-256.
    #[error("its key is neither Ed25519 nor ECDSA P-256")]
    KeyUnsupported,
    /// A key for which anybody can sign.
    #[error("its key is weak: make a new one")]
    KeyWeak,
    /// A certificate that should be an authority's and is not.
    #[error("it is no certificate authority's root")]
    NoAuthority,
    /// It does not chain to a root of the network.
    #[error("{name} is certified by no root known here: {reason}")]
    Untrusted {
        /// Whose certificate.
        name: NodeName,
        /// What the path check said.
        reason: String,
    },
    /// A root is named as its issuer and did not sign it, or is not valid itself.
    #[error("certificate of {name} does not hold under its root: {reason}")]
    ChainBroken {
        /// Whose certificate.
        name: NodeName,
        /// What is wrong.
        reason: String,
    },
    /// Its extended key usage is not that of its key.
    #[error("certificate of {0} may not be used with its kind of key")]
    Usage(NodeName),
    /// The time lies outside its period.
    #[error(
        "certificate of {name} is valid from {from} to {to} (microseconds since 1970), not at {at}",
        from = not_before.get(), to = not_after.get(), at = at.get()
    )]
    OutOfPeriod {
        /// Whose certificate.
        name: NodeName,
        /// First moment.
        not_before: BlockTime,
        /// Last moment.
        not_after: BlockTime,
        /// The time of the check.
        at: BlockTime,
    },
}

impl CertificateError {
    /// Its number.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::OutOfPeriod { not_before, at, .. } if at.get() < not_before.get() => {
                Code::CertificateTooEarly
            }
            Self::OutOfPeriod { .. } => Code::CertificateExpired,
            Self::Malformed(_) | Self::NoAuthority => Code::CertificateMalformed,
            Self::Name(_) => Code::CertificateNameWrong,
            Self::KeyUnsupported | Self::KeyWeak => Code::CertificateKeyWrong,
            Self::Usage(_) => Code::CertificateUsageWrong,
            Self::ChainBroken { .. } => Code::CertificateChainBroken,
            Self::Untrusted { .. } => Code::CertificateUntrusted,
        }
    }
}

/// The public key in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateKey {
    /// Signs transactions and statements.
    Ed25519([u8; 32]),
    /// Opens TLS sessions.
    P256,
}

/// A certificate whose form is right. Whether somebody trusted issued it says
/// [`Certificate::verify_path`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the DER.
    pub id: CertificateId,
    /// Its number at the root that issued it.
    pub serial: Serial,
    /// `ORG/NAME`.
    pub name: NodeName,
    /// Its role.
    pub role: Role,
    /// Channels it is limited to; none for all.
    pub scope: Option<BTreeSet<ChannelName>>,
    /// First moment of validity.
    pub not_before: BlockTime,
    /// Last moment of validity.
    pub not_after: BlockTime,
    /// Its key.
    pub key: CertificateKey,
    /// As it came.
    pub der: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// When it is too large, not of the form that this module's first lines describe, or its key
    /// is weak.
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(malformed(format!("{} bytes, at most {CERTIFICATE_BYTES_MAX}", der.len())));
        }
        let (rest, parsed) = X509Certificate::from_der(der).map_err(malformed)?;
        if !rest.is_empty() {
            return Err(malformed("bytes follow the certificate"));
        }
        let (name, role) = parse_uri(&parsed)?;
        let (profile_role, scope) = parse_profile(&parsed)?;
        if role != profile_role {
            let reason = format!("it says {role}, the profile {profile_role}");
            return Err(CertificateError::Name(reason));
        }
        let serial = Serial::new(parsed.raw_serial())
            .ok_or_else(|| malformed("its serial number is empty or longer than 20 bytes"))?;
        let (not_before, not_after) = period(&parsed)?;
        let id = CertificateId::new(Hash32::sha256(der));
        let key = parse_key(&parsed)?;
        Ok(Self { id, serial, name, role, scope, not_before, not_after, key, der: der.to_vec() })
    }

    /// The organisation of its name.
    #[must_use]
    pub fn organisation(&self) -> &str {
        self.name.organisation()
    }

    /// The Ed25519 key, when it is a signing certificate.
    #[must_use]
    pub const fn signing_key(&self) -> Option<&[u8; 32]> {
        match &self.key {
            CertificateKey::Ed25519(key) => Some(key),
            CertificateKey::P256 => None,
        }
    }

    /// The raw bytes of its public key, of either kind.
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        X509Certificate::from_der(&self.der).map_or_else(
            |_| Vec::new(),
            |(_, parsed)| parsed.public_key().subject_public_key.data.to_vec(),
        )
    }

    /// Whether it may be used on a channel at all.
    #[must_use]
    pub fn covers(&self, channel: &ChannelName) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.contains(channel))
    }

    /// Whether the time lies inside its period, which both ends belong to.
    ///
    /// # Errors
    /// [`CertificateError::OutOfPeriod`].
    pub fn check_period(&self, at: BlockTime) -> Result<(), CertificateError> {
        if (self.not_before..=self.not_after).contains(&at) {
            return Ok(());
        }
        Err(CertificateError::OutOfPeriod {
            name: self.name.clone(),
            not_before: self.not_before,
            not_after: self.not_after,
            at,
        })
    }

    /// The root that issued it, at a given time. Paths have no intermediates, signatures are ECDSA
    /// P-256 with SHA-256; a signing certificate never passes as a TLS certificate.
    ///
    /// # Errors
    /// When the time is outside its or the root's period, or none of the roots issued it.
    pub fn verify_path<'r>(
        &self,
        roots: &'r [Root],
        at: BlockTime,
    ) -> Result<&'r Root, CertificateError> {
        self.check_period(at)?;
        let reason = "there are no roots".to_owned();
        let mut why = CertificateError::Untrusted { name: self.name.clone(), reason };
        for root in roots {
            match self.verify_issued_by(root, at) {
                Ok(()) => return Ok(root),
                // What is wrong under the right root says more than that another one is not it.
                Err(CertificateError::Untrusted { .. })
                    if !matches!(why, CertificateError::Untrusted { .. }) => {}
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn verify_issued_by(&self, root: &Root, at: BlockTime) -> Result<(), CertificateError> {
        let usage = match self.key {
            CertificateKey::Ed25519(_) => webpki::KeyUsage::required(&SIGNING_USAGE_OID),
            CertificateKey::P256 => webpki::KeyUsage::client_auth(),
        };
        let root_der = CertificateDer::from(root.der());
        let leaf_der = CertificateDer::from(self.der.as_slice());
        let path = webpki::anchor_from_trusted_cert(&root_der).and_then(|anchor| {
            webpki::EndEntityCert::try_from(&leaf_der)?
                .verify_for_usage(
                    &[webpki::ring::ECDSA_P256_SHA256],
                    &[anchor],
                    &[],
                    UnixTime::since_unix_epoch(Duration::from_micros(at.get())),
                    usage,
                    None,
                    None,
                )
                .map(drop)
        });
        path.map_err(|error| self.path_error(root, &error))?;
        if (root.not_before()..=root.not_after()).contains(&at) {
            return Ok(());
        }
        let reason = format!("root {} is not valid at that time", root.fingerprint());
        Err(CertificateError::ChainBroken { name: self.name.clone(), reason })
    }

    /// What a failed path says about the certificate.
    fn path_error(&self, root: &Root, error: &webpki::Error) -> CertificateError {
        let name = self.name.clone();
        match error {
            webpki::Error::RequiredEkuNotFoundContext(_) => CertificateError::Usage(name),
            webpki::Error::UnknownIssuer => {
                CertificateError::Untrusted { name, reason: error.to_string() }
            }
            // A root of the same name with another key is another root.
            webpki::Error::InvalidSignatureForPublicKey if !self.names_key_of(root) => {
                let reason = format!("root {} has another key", root.fingerprint());
                CertificateError::Untrusted { name, reason }
            }
            _ => CertificateError::ChainBroken { name, reason: error.to_string() },
        }
    }

    /// Whether the certificate says that its issuer has this root's key.
    fn names_key_of(&self, root: &Root) -> bool {
        let Ok((_, parsed)) = X509Certificate::from_der(&self.der) else { return false };
        let named = parsed.iter_extensions().find_map(|one| match one.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => Some(id.key_identifier.as_ref()?.0),
            _ => None,
        });
        named.is_some() && named == root.key_identifier()
    }
}

/// `loopchain://ORG/ROLE/NAME`.
#[must_use]
pub fn uri(name: &NodeName, role: Role) -> String {
    format!("loopchain://{}/{role}/{}", name.organisation(), name.short())
}

/// Value of the profile extension: a DER `UTF8String`.
pub(crate) fn profile_value(role: Role, scope: Option<&BTreeSet<ChannelName>>) -> Vec<u8> {
    let channels = scope.map_or_else(
        || "*".to_owned(),
        |scope| scope.iter().map(ChannelName::as_str).collect::<Vec<_>>().join(","),
    );
    let text = format!("{role} {channels}");
    let mut der = vec![0x0c];
    match u8::try_from(text.len()) {
        Ok(short @ 0..=0x7f) => der.push(short),
        Ok(byte) => der.extend([0x81, byte]),
        Err(_) => {
            let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
            der.push(0x82);
            der.extend(length.to_be_bytes());
        }
    }
    der.extend(text.into_bytes());
    der
}

fn malformed(reason: impl ToString) -> CertificateError {
    CertificateError::Malformed(reason.to_string())
}

fn parse_uri(parsed: &X509Certificate<'_>) -> Result<(NodeName, Role), CertificateError> {
    let wrong = |reason: &str| CertificateError::Name(reason.to_owned());
    let names = parsed
        .subject_alternative_name()
        .map_err(malformed)?
        .ok_or_else(|| wrong("it has no subject alternative name"))?;
    let uris = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    single_name(uris)
}

/// Name and role of exactly one `loopchain://ORG/ROLE/NAME`.
pub(crate) fn single_name<'a>(
    mut uris: impl Iterator<Item = &'a str>,
) -> Result<(NodeName, Role), CertificateError> {
    let (Some(text), None) = (uris.next(), uris.next()) else {
        return Err(CertificateError::Name("there must be exactly one URI".to_owned()));
    };
    let wrong =
        || CertificateError::Name(format!("the URI is not loopchain://ORG/ROLE/NAME: {text:?}"));
    let mut parts = text.strip_prefix("loopchain://").ok_or_else(wrong)?.split('/');
    let (Some(organisation), Some(role), Some(short), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(wrong());
    };
    let name = NodeName::new(&format!("{organisation}/{short}")).ok_or_else(wrong)?;
    Ok((name, Role::parse(role).ok_or_else(wrong)?))
}

type Profile = (Role, Option<BTreeSet<ChannelName>>);

fn parse_profile(parsed: &X509Certificate<'_>) -> Result<Profile, CertificateError> {
    let mut found = parsed.iter_extensions().filter(|e| e.oid.as_bytes() == PROFILE_OID);
    let (Some(extension), None) = (found.next(), found.next()) else {
        return Err(malformed("it must have exactly one profile extension"));
    };
    let wrong = || malformed("its profile is not `ROLE *` or `ROLE channel,channel`");
    let text = read_utf8_string(extension.value).ok_or_else(wrong)?;
    let (role, channels) = text.split_once(' ').ok_or_else(wrong)?;
    let role = Role::parse(role).ok_or_else(wrong)?;
    if channels == "*" {
        return Ok((role, None));
    }
    let scope = channels
        .split(',')
        .map(ChannelName::new)
        .collect::<Option<BTreeSet<_>>>()
        .filter(|scope| scope.len() <= SCOPE_CHANNELS_MAX)
        .ok_or_else(wrong)?;
    Ok((role, Some(scope)))
}

fn read_utf8_string(der: &[u8]) -> Option<&str> {
    let (length, text) = match der {
        [0x0c, 0x82, high, low, text @ ..] => (u16::from_be_bytes([*high, *low]).into(), text),
        [0x0c, 0x81, length, text @ ..] => (usize::from(*length), text),
        [0x0c, length @ 0..=0x7f, text @ ..] => (usize::from(*length), text),
        _ => return None,
    };
    (text.len() == length).then(|| std::str::from_utf8(text).ok()).flatten()
}

fn parse_key(parsed: &X509Certificate<'_>) -> Result<CertificateKey, CertificateError> {
    if single_key(parsed)? == P256 {
        return Ok(CertificateKey::P256);
    }
    let bytes = parsed.public_key().subject_public_key.data.as_ref();
    let key: [u8; 32] = bytes.try_into().map_err(|_| CertificateError::KeyUnsupported)?;
    if is_weak_key(&key) {
        Err(CertificateError::KeyWeak)
    } else {
        Ok(CertificateKey::Ed25519(key))
    }
}

/// The kind of the key of a certificate.
pub(crate) fn single_key(parsed: &X509Certificate<'_>) -> Result<KeyKind, CertificateError> {
    let algorithm = &parsed.public_key().algorithm;
    let curve = algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
    match (algorithm.algorithm.to_id_string().as_str(), curve) {
        (ED25519, None) => Ok(ED25519),
        ("1.2.840.10045.2.1", Some(curve)) if curve.to_id_string() == P256 => Ok(P256),
        _ => Err(CertificateError::KeyUnsupported),
    }
}

/// First and last moment of a certificate's period, microseconds. X.509 counts whole seconds, so
/// its last second belongs to it as a whole.
pub(crate) fn period(
    parsed: &X509Certificate<'_>,
) -> Result<(BlockTime, BlockTime), CertificateError> {
    const SECOND_US: u64 = 1_000_000;
    let micros = |seconds: i64, more: u64| {
        u64::try_from(seconds)
            .ok()
            .and_then(|s| s.checked_mul(SECOND_US)?.checked_add(more))
            .map(BlockTime::new)
            .ok_or_else(|| malformed("its period begins before 1970"))
    };
    let validity = parsed.validity();
    Ok((
        micros(validity.not_before.timestamp(), 0)?,
        micros(validity.not_after.timestamp(), SECOND_US - 1)?,
    ))
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
