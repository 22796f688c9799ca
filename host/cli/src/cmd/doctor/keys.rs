//! Keys and certificates: who can read a key, and when a certificate ends.
//!
//! In: folders with `*.key` and `*.crt`. Out: findings. Nothing of a key is read, only its mode.
//! Deliberately not here: whether a certificate is a member of a channel (`cert check`).

use super::{Finding, Place};
use crate::time::{now_us, rfc3339};
use host_identity::{Certificate, keyfile};
use host_types::fault::Code;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const CHECK: &str = "keys";
/// A certificate that ends within so long is told.
const SOON_US: u64 = 14 * 24 * 60 * 60 * 1_000_000;

/// Looks.
pub(super) fn check(place: &Place<'_>) -> Vec<Finding> {
    in_folders(&place.key_folders(), now_us())
}

fn in_folders(folders: &[PathBuf], now_us: u64) -> Vec<Finding> {
    let (mut findings, mut count) = (Vec::new(), 0);
    for path in folders.iter().flat_map(|folder| files(folder)) {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let found = match ending {
            "key" => exposed(&path),
            "crt" => ends(&path, now_us),
            _ => continue,
        };
        count += 1;
        findings.extend(found);
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            CHECK,
            match count {
                0 => "there are no keys and certificates here yet".to_owned(),
                count => format!("{count} keys and certificates are in order"),
            },
        ));
    }
    findings
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn exposed(path: &Path) -> Option<Finding> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        let message = format!("{} can be read by others (mode {mode:03o})", path.display());
        Finding::problem(CHECK, Code::KeyFileExposed, message)
            .with_step(format!("chmod 600 {}", path.display()))
    })
}

fn ends(path: &Path, now_us: u64) -> Option<Finding> {
    let certificate = keyfile::load_certificate(path).ok();
    let certificate = certificate.and_then(|der| Certificate::parse(&der).ok())?;
    let end = certificate.not_after.get();
    let shown = format!("{} of {}", path.display(), certificate.name);
    let step = "loopchain cert renew";
    if end <= now_us {
        let message = format!("{shown} ended {}", rfc3339(end));
        return Some(Finding::problem(CHECK, Code::CertificateExpired, message).with_step(step));
    }
    (end - now_us < SOON_US).then(|| {
        let message = format!("{shown} ends {}", rfc3339(end));
        Finding::warning(CHECK, Code::CertificateExpired, message).with_step(step)
    })
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;
    use host_identity::{Authority, Role, SigningKey, Validity};
    use host_types::height::BlockTime;
    use host_types::ids::NodeName;

    const DAY_US: u64 = 24 * 60 * 60 * 1_000_000;

    #[test]
    fn an_open_key_and_a_certificate_that_ends_are_told_with_a_command() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("a.key");
        std::fs::write(&key, "").unwrap();
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o640)).unwrap();
        let days = |days: u64| Validity {
            not_before: BlockTime::new(DAY_US),
            not_after: BlockTime::new(days * DAY_US),
        };
        let authority = Authority::new("bank-a", days(100)).unwrap();
        let name = NodeName::new("bank-a/a").unwrap();
        let signer = SigningKey::from_seed([7; 32]).public();
        let issued = authority.issue_signing(&name, Role::Peer, None, &signer, days(31)).unwrap();
        keyfile::save_certificate(&folder.path().join("a.crt"), &issued.der).unwrap();
        let folders = [folder.path().to_owned()];
        let states =
            |now| in_folders(&folders, now).into_iter().map(|one| one.state).collect::<Vec<_>>();
        assert_eq!(states(2 * DAY_US), [State::Problem], "the key");
        assert_eq!(states(20 * DAY_US), [State::Warning, State::Problem]);
        assert_eq!(states(40 * DAY_US), [State::Problem, State::Problem]);
        let step = &in_folders(&folders, 2 * DAY_US)[0].steps[0];
        assert_eq!(*step, format!("chmod 600 {}", key.display()));
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
        assert_eq!(states(2 * DAY_US), [State::Ok]);
    }
}
