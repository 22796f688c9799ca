//! The folder with the keys and certificates of a node or a person.
//!
//! ```text
//! DIR/sign.key  Ed25519, 0600    DIR/sign.crt    DIR/request.pem   both requests, for the authority
//! DIR/tls.key   ECDSA P-256      DIR/tls.crt     DIR/ca/ORG.crt    roots
//! ```
//! Keys are made here and never leave. In: names, passwords, what an authority sent back. Out: the
//! files, or everything that is wrong with them. Deliberately not here: deciding who gets a
//! certificate (`cmd/ca_sign.rs`).

use crate::failure::Failure;
use crate::network::make_folder;
use crate::network_facts::load_root;
use crate::time::now_us;
use host_identity::bundle::{self, Block};
use host_identity::check::{self, Finding, Wanted};
use host_identity::request::{self, KeyUse};
use host_identity::{Certificate, Invitation, Request, Role, Root, keyfile};
use host_types::fault::Code;
use host_types::height::BlockTime;
use host_types::ids::NodeName;
use std::path::{Path, PathBuf};

/// Both kinds of key and the names of their files.
pub(crate) const KINDS: [(KeyUse, &str); 2] = [(KeyUse::Signing, "sign"), (KeyUse::Tls, "tls")];

/// Who asks for certificates.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    /// `ORG/NAME`.
    pub name: NodeName,
    /// In which role.
    pub role: Role,
    /// Hosts of the TLS certificate.
    pub hosts: Vec<String>,
    /// The invitation it follows.
    pub invitation: Option<Invitation>,
}

/// Makes keys that are not there yet, and the file of requests.
pub(crate) fn request(
    dir: &Path,
    asker: &Asker,
    password: Option<&str>,
) -> Result<PathBuf, Failure> {
    make_folder(dir)?;
    let mut blocks = Vec::new();
    for (key_use, file) in KINDS {
        let path = dir.join(format!("{file}.key"));
        if !path.exists() {
            keyfile::save_pkcs8(&path, &request::new_key(key_use)?, password)?;
        }
        let key = keyfile::load_pkcs8(&path, password)?;
        let der = Request::make(&asker.name, asker.role, key_use, &asker.hosts, &key)?;
        blocks.push(Block::new(bundle::REQUEST, der));
    }
    if let Some(invitation) = &asker.invitation {
        let digests: Vec<_> =
            blocks.iter().map(|block| host_types::Hash32::sha256(&block.der)).collect();
        let proof = invitation.proof(&digests);
        blocks.push(Block::new(bundle::INVITATION, proof.as_bytes().to_vec()));
    }
    let path = dir.join("request.pem");
    keyfile::write_whole(&path, bundle::write(&blocks)?.as_bytes(), 0o644)?;
    Ok(path)
}

/// What an authority sent back.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Both certificates, signing first.
    pub certificates: Vec<Certificate>,
    /// Roots that came with them.
    pub roots: Vec<Root>,
}

/// Reads a bundle: exactly one certificate of each kind, of one name and role.
pub(crate) fn received(path: &Path) -> Result<Received, Failure> {
    let (mut certificates, mut roots) = (Vec::new(), Vec::new());
    for block in bundle::load(path)?.into_iter().filter(|b| b.label == bundle::CERTIFICATE) {
        match Root::from_der(&block.der) {
            Ok(root) => roots.push(root),
            Err(_) => certificates.push(Certificate::parse(&block.der)?),
        }
    }
    certificates.sort_by_key(|certificate| certificate.signing_key().is_none());
    let wrong = |message: String| Failure::new(Code::CertificateMalformed, message);
    let [signing, tls] = certificates.as_slice() else {
        let message = format!("{} holds not exactly two certificates", path.display());
        return Err(wrong(message));
    };
    if signing.signing_key().is_none() || tls.signing_key().is_some() {
        return Err(wrong(format!("{} holds not one of each kind", path.display())));
    }
    if (&signing.name, signing.role) != (&tls.name, tls.role) {
        let message = format!("the certificates in {} differ in name or role", path.display());
        return Err(Failure::new(Code::CertificateNameWrong, message));
    }
    Ok(Received { certificates, roots })
}

/// Puts certificates beside their keys, when they belong to them and hold under one of the roots.
pub(crate) fn install(
    dir: &Path,
    received: &Received,
    trusted: &[Root],
    password: Option<&str>,
) -> Result<(), Failure> {
    for (certificate, (key_use, file)) in received.certificates.iter().zip(KINDS) {
        let found = check_one(dir, file, key_use, &certificate.der, trusted, password)?;
        if let Some(first) = found.into_iter().next() {
            return Err(Failure::new(first.code, first.message));
        }
    }
    make_folder(&dir.join("ca"))?;
    for root in trusted {
        let path = dir.join("ca").join(format!("{}.crt", file_name(root)));
        keyfile::save_certificate(&path, root.der())?;
    }
    for (certificate, (_, file)) in received.certificates.iter().zip(KINDS) {
        keyfile::save_certificate(&dir.join(format!("{file}.crt")), &certificate.der)?;
    }
    Ok(())
}

fn file_name(root: &Root) -> String {
    if root.is_dev() { "root".to_owned() } else { root.organisation().to_owned() }
}

/// Roots of a folder.
pub(crate) fn roots(dir: &Path) -> Result<Vec<Root>, Failure> {
    let entries = std::fs::read_dir(dir.join("ca")).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "crt"));
    files.sort();
    files.iter().map(|file| load_root(file)).collect()
}

fn check_one(
    dir: &Path,
    file: &str,
    key_use: KeyUse,
    der: &[u8],
    roots: &[Root],
    password: Option<&str>,
) -> Result<Vec<Finding>, Failure> {
    let path = dir.join(format!("{file}.key"));
    let key = match keyfile::load_pkcs8(&path, password) {
        Err(keyfile::KeyFileError::PasswordMissing { .. }) => {
            keyfile::load_pkcs8(&path, Some(&crate::password::of_key(&path)?))?
        }
        other => other?,
    };
    let public = request::public_of(key_use, &key)?;
    let wanted =
        Wanted { roots, key_use: Some(key_use), public_key: Some(&public), ..Wanted::default() };
    Ok(check::check(der, &wanted, BlockTime::new(now_us())))
}

/// Everything that is wrong in a folder, by file.
pub(crate) fn verify(
    dir: &Path,
    password: Option<&str>,
) -> Result<Vec<(String, Finding)>, Failure> {
    let roots = roots(dir)?;
    let mut found = Vec::new();
    if roots.is_empty() {
        let message = format!("{} holds no root", dir.join("ca").display());
        found.push(("ca".to_owned(), Finding { code: Code::CertificateUntrusted, message }));
    }
    let mut who = None;
    for (key_use, file) in KINDS {
        let der = keyfile::load_certificate(&dir.join(format!("{file}.crt")))?;
        let findings = check_one(dir, file, key_use, &der, &roots, password)?;
        found.extend(findings.into_iter().map(|one| (format!("{file}.crt"), one)));
        let Ok(certificate) = Certificate::parse(&der) else { continue };
        let this = (certificate.name, certificate.role);
        match &who {
            None => who = Some(this),
            Some(first) if *first == this => {}
            Some((name, role)) => {
                let message =
                    format!("sign.crt is of {name} ({role}), tls.crt of {} ({})", this.0, this.1);
                let code = Code::CertificateNameWrong;
                found.push((format!("{file}.crt"), Finding { code, message }));
            }
        }
    }
    Ok(found)
}
