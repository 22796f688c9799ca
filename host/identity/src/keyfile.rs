//! Key and certificate files: PKCS#8 and certificates as PEM, as `openssl` reads and writes them.
//!
//! In: paths. Out: keys and DER. A key file is created with mode 0600 in one step (temporary file,
//! fsync, rename) and refused when group or world may read it. With a password it is encrypted
//! with scrypt and AES-256. Not here: which file belongs to whom (`host/node`, `host/cli`).

use crate::keypair::{KeyError, SigningKey};
use host_types::Code;
use pkcs8::der::pem;
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef, pkcs5};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const PLAIN: &str = "PRIVATE KEY";
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const CERTIFICATE: &str = "CERTIFICATE";

/// A key or certificate file, bytes. Larger is no such file and is not read.
pub const FILE_BYTES_MAX: u64 = 64 * 1024;

/// scrypt's cost: 2^14 rounds, 16 MiB. The next step, 32 MiB, is over the memory limit of
/// `openssl`, which must be able to read these files.
const SCRYPT_LOG_N: u8 = 14;

/// Why a key or certificate file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The disk.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Others may read it.
    #[error("{path} may be read by others (mode {mode:o}): run `chmod 600 {path}`")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not PEM, or of another kind, or damaged.
    #[error("{path} is no {kind} in PEM: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What should be there.
        kind: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// It is encrypted and no password was given.
    #[error("{path} is encrypted: give its password")]
    PasswordMissing {
        /// The file.
        path: PathBuf,
    },
    /// The password does not open it.
    #[error("{path}: the password is wrong, or the file is damaged")]
    PasswordWrong {
        /// The file.
        path: PathBuf,
    },
    /// The key itself.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl KeyFileError {
    /// Its number.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Exposed { .. } => Code::KeyFileExposed,
            Self::Key(KeyError::Random(_)) => Code::Internal,
            Self::PasswordMissing { .. } | Self::PasswordWrong { .. } => Code::PasswordWrong,
            Self::Io { .. } | Self::Format { .. } | Self::Key(KeyError::Format(_)) => {
                Code::ConfigUnreadable
            }
        }
    }
}

/// Writes a signing key, unencrypted (dev networks only). A file that exists is not overwritten.
///
/// # Errors
/// The disk, or the file exists.
pub fn save(path: &Path, key: &SigningKey) -> Result<(), KeyFileError> {
    save_pkcs8(path, &key.to_pkcs8()?, None)
}

/// Reads an unencrypted signing key.
///
/// # Errors
/// The disk, a file that others may read, or no such key in it.
pub fn load(path: &Path) -> Result<SigningKey, KeyFileError> {
    Ok(SigningKey::from_pkcs8(&load_pkcs8(path, None)?)?)
}

/// Reads a signing key, encrypted or not.
///
/// # Errors
/// As [`load_encrypted`]; also when it is encrypted and there is no password.
pub fn load_either(path: &Path, password: Option<&str>) -> Result<SigningKey, KeyFileError> {
    Ok(SigningKey::from_pkcs8(&load_pkcs8(path, password)?)?)
}

/// Writes a signing key, encrypted. A file that exists is not overwritten.
///
/// # Errors
/// The disk, no random bytes, or the file exists.
pub fn save_encrypted(path: &Path, key: &SigningKey, password: &str) -> Result<(), KeyFileError> {
    save_pkcs8(path, &key.to_pkcs8()?, Some(password))
}

/// Reads an encrypted signing key.
///
/// # Errors
/// The disk, a file that others may read, no such key in it, or another password.
pub fn load_encrypted(path: &Path, password: &str) -> Result<SigningKey, KeyFileError> {
    Ok(SigningKey::from_pkcs8(&load_pkcs8(path, Some(password))?)?)
}

/// Writes any PKCS#8 key; encrypted when there is a password. A file that exists is not
/// overwritten: a key that is lost cannot be made again.
///
/// # Errors
/// As [`save`].
pub fn save_pkcs8(path: &Path, der: &[u8], password: Option<&str>) -> Result<(), KeyFileError> {
    if path.exists() {
        return Err(io_error(path, io::ErrorKind::AlreadyExists.into()));
    }
    replace_pkcs8(path, der, password)
}

/// As [`save_pkcs8`], but puts the key in the place of one that is there (renewed TLS keys).
///
/// # Errors
/// As [`save`], except that a file may exist.
pub fn replace_pkcs8(path: &Path, der: &[u8], password: Option<&str>) -> Result<(), KeyFileError> {
    let text = match password {
        None => encode(path, PLAIN, der)?,
        Some(password) => encode(path, ENCRYPTED, &encrypt(path, der, password)?)?,
    };
    write_whole(path, text.as_bytes(), 0o600)
}

/// Reads any PKCS#8 key as DER; the password is needed when the file is encrypted and ignored
/// when it is not.
///
/// # Errors
/// As [`load_encrypted`].
pub fn load_pkcs8(path: &Path, password: Option<&str>) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let text = read_whole(path, true)?;
    let (label, der) = decode(path, "private key", &text)?;
    match (label.as_str(), password) {
        (PLAIN, _) => Ok(der),
        (ENCRYPTED, Some(password)) => decrypt(path, &der, password),
        (ENCRYPTED, None) => Err(KeyFileError::PasswordMissing { path: path.into() }),
        _ => Err(format_error(path, "private key", format!("it holds a {label}"))),
    }
}

/// Writes a certificate; anybody may read it.
///
/// # Errors
/// The disk.
pub fn save_certificate(path: &Path, der: &[u8]) -> Result<(), KeyFileError> {
    write_whole(path, encode(path, CERTIFICATE, der)?.as_bytes(), 0o644)
}

/// Reads a certificate as DER.
///
/// # Errors
/// The disk, or no certificate in it.
pub fn load_certificate(path: &Path) -> Result<Vec<u8>, KeyFileError> {
    let (label, der) = decode(path, "certificate", &read_whole(path, false)?)?;
    if label == CERTIFICATE {
        Ok(der.to_vec())
    } else {
        Err(format_error(path, "certificate", format!("it holds a {label}")))
    }
}

fn io_error(path: &Path, error: io::Error) -> KeyFileError {
    KeyFileError::Io { path: path.into(), error }
}

fn format_error(path: &Path, kind: &'static str, reason: impl ToString) -> KeyFileError {
    KeyFileError::Format { path: path.into(), kind, reason: reason.to_string() }
}

fn encode(path: &Path, label: &str, der: &[u8]) -> Result<Zeroizing<String>, KeyFileError> {
    pem::encode_string(label, LineEnding::LF, der)
        .map(Zeroizing::new)
        .map_err(|error| format_error(path, "PEM text", error))
}

fn decode(
    path: &Path,
    kind: &'static str,
    text: &[u8],
) -> Result<(String, Zeroizing<Vec<u8>>), KeyFileError> {
    pem::decode_vec(text)
        .map(|(label, der)| (label.to_owned(), Zeroizing::new(der)))
        .map_err(|error| format_error(path, kind, error))
}

fn encrypt(path: &Path, der: &[u8], password: &str) -> Result<Vec<u8>, KeyFileError> {
    let wrong = |error: &dyn std::fmt::Display| format_error(path, "private key", error);
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    getrandom::fill(&mut salt).map_err(KeyError::Random)?;
    getrandom::fill(&mut iv).map_err(KeyError::Random)?;
    let cost = pkcs5::scrypt::Params::new(SCRYPT_LOG_N, 8, 1).map_err(|e| wrong(&e))?;
    let parameters = pkcs5::pbes2::Parameters::generate_scrypt_aes256cbc(cost, &salt, iv)
        .map_err(|e| wrong(&e))?;
    let document = PrivateKeyInfoRef::try_from(der)
        .map_err(|e| wrong(&e))?
        .encrypt_with_params(parameters, password)
        .map_err(|e| wrong(&e))?;
    Ok(document.as_bytes().to_vec())
}

fn decrypt(path: &Path, der: &[u8], password: &str) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let document = EncryptedPrivateKeyInfoRef::try_from(der)
        .map_err(|error| format_error(path, "private key", error))?
        .decrypt(password)
        .map_err(|_| KeyFileError::PasswordWrong { path: path.into() })?;
    Ok(Zeroizing::new(document.as_bytes().to_vec()))
}

/// Writes a file in one step: readers see the old one or the new one, also after a power cut.
///
/// # Errors
/// The disk.
pub fn write_whole(path: &Path, text: &[u8], mode: u32) -> Result<(), KeyFileError> {
    let fail = |error| io_error(path, error);
    let name = path.file_name().ok_or_else(|| fail(io::ErrorKind::InvalidInput.into()))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".new");
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temporary = parent.join(hidden);
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(error)),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = options.open(&temporary).map_err(fail)?;
    file.write_all(text).and_then(|()| file.sync_all()).map_err(fail)?;
    fs::rename(&temporary, path).map_err(fail)?;
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(fail)
}

fn read_whole(path: &Path, is_secret: bool) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let fail = |error| io_error(path, error);
    let file = File::open(path).map_err(fail)?;
    let about = file.metadata().map_err(fail)?;
    let mode = about.mode() & 0o777;
    if is_secret && mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed { path: path.into(), mode });
    }
    let mut text = Zeroizing::new(Vec::new());
    file.take(FILE_BYTES_MAX).read_to_end(&mut text).map_err(fail)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_plain_key_file_reads_back_and_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.key");
        let key = SigningKey::generate().unwrap();
        save(&path, &key).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(load(&path).unwrap().public(), key.public());
        assert!(fs::read_to_string(&path).unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
    }

    #[test]
    fn a_key_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.key");
        save(&path, &SigningKey::from_seed([1; 32])).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(load(&path).unwrap_err().code(), Code::KeyFileExposed);
        }
    }

    #[test]
    fn an_encrypted_key_file_opens_with_its_password_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.key");
        let key = SigningKey::from_seed([2; 32]);
        save_encrypted(&path, &key, "correct horse").unwrap();
        assert_eq!(load_encrypted(&path, "correct horse").unwrap().public(), key.public());
        let wrong = load_encrypted(&path, "battery").unwrap_err();
        assert!(matches!(wrong, KeyFileError::PasswordWrong { .. }), "{wrong}");
        assert!(matches!(load(&path).unwrap_err(), KeyFileError::PasswordMissing { .. }));
    }

    #[test]
    fn a_key_is_never_overwritten_by_accident() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.key");
        save(&path, &SigningKey::from_seed([3; 32])).unwrap();
        assert!(save(&path, &SigningKey::from_seed([4; 32])).is_err());
        assert_eq!(load(&path).unwrap().public(), SigningKey::from_seed([3; 32]).public());
    }

    #[test]
    fn a_damaged_file_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.key");
        for text in
            ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(load(&path).unwrap_err().to_string().contains("signing.key"));
        }
    }
}
