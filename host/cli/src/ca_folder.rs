//! The folder of an organisation's authority: its root, what it issued, what it took back.
//!
//! ```text
//! DIR/root.crt  root certificate        DIR/index.json        what was issued, number of the list
//! DIR/root.key  its key, 0600           DIR/invitations.json  open invitations, 0600
//! DIR/crl.pem   newest revocation list  DIR/network.toml      the network, when it is known
//! ```
//! In: a folder. Out: typed records, written whole and to the disk before anything they tell of
//! leaves the machine. One command at a time works on a folder. Deliberately not here: what the
//! commands print (`cmd/ca.rs`), keys of others.

use crate::failure::Failure;
use crate::network_facts::{NetworkDescription, load_root};
use crate::time::now_us;
use host_identity::bundle::{self, Block};
use host_identity::keyfile::{self, KeyFileError};
use host_identity::{Authority, Certificate, CertificateKey, Crl, Invitation, Revoked, Role};
use host_identity::{Root, Serial};
use host_types::fault::Code;
use host_types::height::BlockTime;
use host_types::ids::NodeName;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Certificates in one index. A larger organisation makes a second root.
pub(crate) const ISSUED_MAX: usize = 100_000;
/// Open invitations of one authority: more are forgotten ones.
pub(crate) const INVITATIONS_MAX: usize = 1_000;

/// One certificate that was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Issued {
    /// `ORG/NAME`.
    pub name: String,
    /// Its role.
    pub role: String,
    /// `signing` or `tls`.
    pub key_use: String,
    /// Its serial number, hex.
    pub serial: String,
    /// Last moment of validity, microseconds since 1970.
    pub not_after_us: u64,
    /// When it was taken back, microseconds since 1970.
    pub revoked_us: Option<u64>,
}

/// `index.json`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index {
    schema: String,
    /// Number of the newest revocation list; 0 before the first.
    pub crl_number: u64,
    /// Every certificate, oldest first.
    pub issued: Vec<Issued>,
}

impl Default for Index {
    fn default() -> Self {
        Self { schema: "loopchain.ca.v1".to_owned(), crl_number: 0, issued: Vec::new() }
    }
}

/// One open invitation: the line itself, which nobody else may read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct OpenInvitation {
    line: String,
    channels: Vec<String>,
}

/// The folder, held by this process.
#[derive(Debug)]
pub(crate) struct CaFolder {
    path: PathBuf,
    /// What was issued.
    pub index: Index,
    _lock: File,
}

impl CaFolder {
    /// Puts a new authority into a folder that has none.
    pub(crate) fn create(
        path: &Path,
        authority: &Authority,
        password: Option<&str>,
    ) -> Result<Self, Failure> {
        crate::network::make_folder(path)?;
        for name in ["root.key", "root.crt", "index.json"] {
            if path.join(name).exists() {
                let message = format!("there is an authority in {} already", path.display());
                return Err(Failure::new(Code::ConfigBadValue, message).with_help(
                    "name another folder with `--dir`; a root key is never overwritten",
                ));
            }
        }
        authority.save(path, password)?;
        let this = Self { path: path.into(), index: Index::default(), _lock: lock(path)? };
        this.save()?;
        Ok(this)
    }

    /// Opens a folder. That of a local network's dev CA has no index yet.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        if !path.join("root.crt").exists() {
            let message = format!("there is no authority in {}", path.display());
            return Err(Failure::new(Code::ConfigUnreadable, message)
                .with_help("`loopchain ca init ORG --dir DIR` makes one"));
        }
        let lock = lock(path)?;
        let index: Option<Index> = read(&path.join("index.json"))?;
        Ok(Self { path: path.into(), index: index.unwrap_or_default(), _lock: lock })
    }

    /// A file in it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Its root certificate.
    pub(crate) fn root(&self) -> Result<Root, Failure> {
        load_root(&self.join("root.crt"))
    }

    /// Its root with the key; asks for the password on a terminal when none is given.
    pub(crate) fn authority(&self, password: Option<&str>) -> Result<Authority, Failure> {
        match Authority::load(&self.path, password) {
            Err(host_identity::AuthorityError::File(
                error @ KeyFileError::PasswordMissing { .. },
            )) => {
                let Some(asked) = crate::password::ask("password of the root key") else {
                    return Err(Failure::from(error)
                        .with_help("give `--password-file FILE`, or set LOOPCHAIN_CA_PASSWORD"));
                };
                Ok(Authority::load(&self.path, Some(&asked?))?)
            }
            other => Ok(other?),
        }
    }

    /// Writes the index.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        write(&self.join("index.json"), &self.index)
    }

    /// Notes certificates before they are handed out.
    pub(crate) fn record(&mut self, certificates: &[Certificate]) -> Result<(), Failure> {
        if self.index.issued.len() + certificates.len() > ISSUED_MAX {
            let message = format!("the authority has issued {ISSUED_MAX} certificates");
            return Err(Failure::new(Code::SystemRefused, message)
                .with_help("make a second root for the organisation"));
        }
        self.index.issued.extend(certificates.iter().map(|certificate| Issued {
            name: certificate.name.as_str().to_owned(),
            role: certificate.role.word().to_owned(),
            key_use: match certificate.key {
                CertificateKey::Ed25519(_) => "signing".to_owned(),
                CertificateKey::P256 => "tls".to_owned(),
            },
            serial: certificate.serial.to_string(),
            not_after_us: certificate.not_after.get(),
            revoked_us: None,
        }));
        self.save()
    }

    /// Marks certificates as taken back: those of a name, or one by its serial number. How many
    /// were not so before.
    pub(crate) fn revoke(&mut self, what: &str) -> Result<usize, Failure> {
        let serial = Serial::from_hex(what).map(|serial| serial.to_string());
        let is_meant = |one: &Issued| {
            let short = one.name.rsplit_once('/').map_or(one.name.as_str(), |(_, short)| short);
            one.name == what || short == what || serial.as_ref() == Some(&one.serial)
        };
        if !self.index.issued.iter().any(is_meant) {
            let message = format!("no certificate of `{what}` was issued here");
            return Err(Failure::new(Code::NotFound, message)
                .with_help("`loopchain ca list` shows what was issued"));
        }
        let now = now_us();
        let meant = self.index.issued.iter_mut().filter(|one| is_meant(one));
        let fresh: Vec<_> = meant.filter(|one| one.revoked_us.is_none()).collect();
        let count = fresh.len();
        fresh.into_iter().for_each(|one| one.revoked_us = Some(now));
        Ok(count)
    }

    /// Signs the next revocation list and keeps it: certificates that ran out leave it.
    ///
    /// # Errors
    /// `LC4121` when the list that is there is newer than the index knows.
    pub(crate) fn next_crl(&mut self, authority: &Authority) -> Result<Crl, Failure> {
        let roots = [authority.root().clone()];
        let path = self.join("crl.pem");
        if path.exists() {
            let known = load_crl(&path, &roots)?;
            if known.number > self.index.crl_number {
                let message = format!(
                    "crl.pem is list {}, and the index knows only {}: the index is an old copy",
                    known.number, self.index.crl_number
                );
                return Err(Failure::new(Code::CrlRefused, message)
                    .with_help("restore the newest index.json: revocations would be lost"));
            }
        }
        let now = BlockTime::new(now_us());
        let live = self.index.issued.iter().filter(|one| one.not_after_us >= now.get());
        let revoked: Option<Vec<Revoked>> = live
            .filter_map(|one| Some((one, one.revoked_us?)))
            .map(|(one, at)| {
                Some(Revoked { serial: Serial::from_hex(&one.serial)?, at: BlockTime::new(at) })
            })
            .collect();
        let revoked = revoked.ok_or_else(|| {
            Failure::new(Code::StoreDamaged, "index.json has a serial number that is none")
        })?;
        let number = self.index.crl_number + 1;
        let crl = Crl::parse(&authority.issue_crl(number, now, &revoked)?, &roots)?;
        // The number first: one that is skipped does no harm, one that is given twice does.
        self.index.crl_number = number;
        self.save()?;
        save_crl(&path, &crl)?;
        Ok(crl)
    }

    /// The network, when it is known.
    pub(crate) fn network(&self) -> Result<Option<NetworkDescription>, Failure> {
        let path = self.join("network.toml");
        path.exists().then(|| NetworkDescription::load(&path)).transpose()
    }

    fn open_invitations(&self) -> Result<Vec<OpenInvitation>, Failure> {
        Ok(read(&self.join("invitations.json"))?.unwrap_or_default())
    }

    /// Keeps an invitation until it is used; those that ran out are forgotten.
    pub(crate) fn invite(
        &self,
        invitation: &Invitation,
        channels: &[String],
    ) -> Result<(), Failure> {
        let now = BlockTime::new(now_us());
        let mut open = self.open_invitations()?;
        open.retain(|one| Invitation::parse(&one.line).is_ok_and(|kept| kept.expires >= now));
        if open.len() >= INVITATIONS_MAX {
            let message = format!("{INVITATIONS_MAX} invitations are open");
            return Err(Failure::new(Code::InvitationWrong, message)
                .with_help("wait until some have run out"));
        }
        let line = invitation.to_line().to_string();
        open.push(OpenInvitation { line, channels: channels.to_vec() });
        write(&self.join("invitations.json"), &open)
    }

    /// Role and channels of the open invitation that these requests were made with.
    pub(crate) fn invited(
        &self,
        name: &NodeName,
        requests: &[host_types::Hash32],
        proof: &[u8],
    ) -> Result<(Role, Vec<String>), Failure> {
        let mut refused = None;
        for open in self.open_invitations()? {
            let invitation = Invitation::parse(&open.line)?;
            if invitation.name != *name {
                continue;
            }
            match invitation.check(requests, proof, BlockTime::new(now_us())) {
                Ok(()) => return Ok((invitation.role, open.channels)),
                Err(error) => refused = Some(error),
            }
        }
        Err(refused.map_or_else(
            || Failure::new(Code::InvitationWrong, format!("no invitation of {name} is open")),
            Failure::from,
        ))
    }

    /// Closes the invitations of a name: each is good once.
    pub(crate) fn close_invitations(&self, name: &NodeName) -> Result<(), Failure> {
        let mut open = self.open_invitations()?;
        let before = open.len();
        open.retain(|one| Invitation::parse(&one.line).is_ok_and(|kept| kept.name != *name));
        if open.len() == before {
            return Ok(());
        }
        write(&self.join("invitations.json"), &open)
    }
}

/// Reads a revocation list.
pub(crate) fn load_crl(path: &Path, roots: &[Root]) -> Result<Crl, Failure> {
    let blocks = bundle::load(path)?;
    let list = blocks.iter().find(|block| block.label == bundle::CRL).ok_or_else(|| {
        Failure::new(Code::CrlRefused, format!("{} holds no revocation list", path.display()))
    })?;
    Crl::parse(&list.der, roots)
        .map_err(|error| Failure::new(error.code(), format!("{}: {error}", path.display())))
}

/// Writes a revocation list.
pub(crate) fn save_crl(path: &Path, crl: &Crl) -> Result<(), Failure> {
    let text = bundle::write(&[Block::new(bundle::CRL, crl.der.as_slice())])?;
    Ok(keyfile::write_whole(path, text.as_bytes(), 0o644)?)
}

fn lock(path: &Path) -> Result<File, Failure> {
    let path = path.join("lock");
    let open = File::options().create(true).truncate(false).write(true).open(&path);
    let file = open.map_err(|error| Failure::file(&path, &error))?;
    file.lock().map_err(|error| Failure::file(&path, &error))?;
    Ok(file)
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, Failure> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file(path, &error)),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        Failure::new(Code::StoreDamaged, format!("{} is damaged: {error}", path.display()))
    })
}

fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
    Ok(keyfile::write_whole(path, text.as_bytes(), 0o600)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_identity::Validity;

    fn folder(path: &Path) -> (CaFolder, Authority) {
        let authority = Authority::new("bank-a", Validity::days_from_now(30)).unwrap();
        (CaFolder::create(path, &authority, None).unwrap(), authority)
    }

    fn issue(ca: &mut CaFolder, authority: &Authority, who: &str, days: u32) -> Certificate {
        let key = host_identity::SigningKey::generate().unwrap().public();
        let name = NodeName::new(who).unwrap();
        let validity = Validity::days_from_now(days);
        let issued = authority.issue_signing(&name, Role::Client, None, &key, validity).unwrap();
        ca.record(std::slice::from_ref(&issued)).unwrap();
        issued
    }

    #[test]
    fn what_is_taken_back_stands_in_every_later_list_until_it_runs_out() {
        let place = tempfile::tempdir().unwrap();
        let (mut ca, authority) = folder(place.path());
        let alice = issue(&mut ca, &authority, "bank-a/alice", 9);
        let bob = issue(&mut ca, &authority, "bank-a/bob", 9);
        assert_eq!(ca.revoke("alice").unwrap(), 1);
        assert_eq!(ca.next_crl(&authority).unwrap().serials, [alice.serial].into());
        assert_eq!(ca.revoke(&bob.serial.to_string()).unwrap(), 1);
        assert_eq!(ca.revoke("bank-a/bob").unwrap(), 0);
        let crl = ca.next_crl(&authority).unwrap();
        assert_eq!((crl.number, crl.serials.len()), (2, 2));
        ca.index.issued[0].not_after_us = 1;
        assert_eq!(ca.next_crl(&authority).unwrap().serials, [bob.serial].into());
        assert_eq!(ca.revoke("carol").unwrap_err().code(), Code::NotFound);
    }

    #[test]
    fn an_old_copy_of_the_index_signs_no_list() {
        let place = tempfile::tempdir().unwrap();
        let (mut ca, authority) = folder(place.path());
        let old = std::fs::read(place.path().join("index.json")).unwrap();
        ca.next_crl(&authority).unwrap();
        drop(ca);
        std::fs::write(place.path().join("index.json"), old).unwrap();
        let mut ca = CaFolder::open(place.path()).unwrap();
        assert_eq!(ca.next_crl(&authority).unwrap_err().code(), Code::CrlRefused);
    }

    #[test]
    fn a_root_is_never_overwritten() {
        let place = tempfile::tempdir().unwrap();
        let (_, authority) = folder(place.path());
        let refused = CaFolder::create(place.path(), &authority, None).unwrap_err();
        assert_eq!(refused.code(), Code::ConfigBadValue);
    }
}
