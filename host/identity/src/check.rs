//! Everything that is wrong with a certificate, each with its own code.
//!
//! In: DER, what it should be, a time. Out: findings, none when it is right. For people and start-up
//! checks: what a channel decides by is [`crate::membership`]. Not here: files and the clock.

use crate::certificate::{Certificate, CertificateKey};
use crate::request::KeyUse;
use crate::revocation::Crl;
use crate::role::Role;
use crate::root::Root;
use host_types::{BlockTime, ChannelName, Code, NodeName};

/// What a certificate should be; what is none is not asked.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// Roots that may have issued it; not judged when there are none.
    pub roots: &'a [Root],
    /// The organisation's revocation list.
    pub crl: Option<&'a Crl>,
    /// Its role.
    pub role: Option<Role>,
    /// Its name.
    pub name: Option<&'a NodeName>,
    /// A channel it must be good for.
    pub channel: Option<&'a ChannelName>,
    /// What its key must be for.
    pub key_use: Option<KeyUse>,
    /// The public key it must carry, raw bytes.
    pub public_key: Option<&'a [u8]>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its number.
    pub code: Code,
    /// What, in one line.
    pub message: String,
}

fn finding(code: Code, message: String) -> Finding {
    Finding { code, message }
}

/// Checks a certificate at a time.
#[must_use]
pub fn check(der: &[u8], wanted: &Wanted<'_>, at: BlockTime) -> Vec<Finding> {
    let certificate = match Certificate::parse(der) {
        Ok(certificate) => certificate,
        Err(error) => return vec![finding(error.code(), error.to_string())],
    };
    let mut found = Vec::new();
    if let Err(error) = certificate.check_period(at) {
        found.push(finding(error.code(), error.to_string()));
    }
    found.extend(path(&certificate, wanted, at));
    found.extend(revoked(&certificate, wanted));
    found.extend(identity(&certificate, wanted));
    found.extend(key(&certificate, wanted));
    found
}

/// What is wrong besides the period: judged at the moment inside it that is nearest.
fn path(certificate: &Certificate, wanted: &Wanted<'_>, at: BlockTime) -> Option<Finding> {
    if wanted.roots.is_empty() {
        return None;
    }
    let inside = at.max(certificate.not_before).min(certificate.not_after);
    match certificate.verify_path(wanted.roots, inside) {
        Err(error) => Some(finding(error.code(), error.to_string())),
        Ok(root) if root.is_dev() || root.organisation() == certificate.organisation() => None,
        Ok(root) => Some(finding(
            Code::CertificateUntrusted,
            format!("the root of {} does not certify {}", root.organisation(), certificate.name),
        )),
    }
}

fn revoked(certificate: &Certificate, wanted: &Wanted<'_>) -> Option<Finding> {
    let crl = wanted.crl.filter(|crl| crl.serials.contains(&certificate.serial))?;
    let (serial, name) = (&certificate.serial, &certificate.name);
    let message = format!("{name} (serial {serial}) was revoked, says list {}", crl.number);
    Some(finding(Code::CertificateRevoked, message))
}

fn identity(certificate: &Certificate, wanted: &Wanted<'_>) -> Vec<Finding> {
    let (name, role) = (&certificate.name, certificate.role);
    let mut found = Vec::new();
    if let Some(other) = wanted.name.filter(|other| *other != name) {
        let message = format!("it is of {name}, not of {other}");
        found.push(finding(Code::CertificateNameWrong, message));
    }
    if let Some(other) = wanted.role.filter(|other| *other != role) {
        let message = format!("{name} is a {role}, not a {other}");
        found.push(finding(Code::CertificateRoleWrong, message));
    }
    if let Some(channel) = wanted.channel.filter(|channel| !certificate.covers(channel)) {
        let message = format!("the certificate of {name} is not for channel {channel}");
        found.push(finding(Code::CertificateScopeWrong, message));
    }
    found
}

fn key(certificate: &Certificate, wanted: &Wanted<'_>) -> Vec<Finding> {
    let name = &certificate.name;
    let mut found = Vec::new();
    let (key_use, word) = match certificate.key {
        CertificateKey::Ed25519(_) => (KeyUse::Signing, "for signing, not for TLS"),
        CertificateKey::P256 => (KeyUse::Tls, "for TLS, not for signing"),
    };
    if wanted.key_use.is_some_and(|wanted| wanted != key_use) {
        let message = format!("the certificate of {name} is {word}");
        found.push(finding(Code::CertificateUsageWrong, message));
    }
    if wanted.public_key.is_some_and(|wanted| certificate.public_key() != wanted) {
        let message = format!("the certificate of {name} carries another key");
        found.push(finding(Code::CertificateKeyWrong, message));
    }
    found
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
