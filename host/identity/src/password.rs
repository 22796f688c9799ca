//! Where the password of an encrypted key comes from when nobody can be asked.
//!
//! In: a file that was named, the environment, a systemd credential. Out: the password, or none.
//! One line end at the end of a file is not part of it. Not here: asking a person (`host/cli`).

use crate::keyfile::{FILE_BYTES_MAX, KeyFileError};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Variable with the password of a node's or a person's keys.
pub const KEY_VARIABLE: &str = "LOOPCHAIN_KEY_PASSWORD";
/// Variable with the path of a file that holds it.
pub const KEY_FILE_VARIABLE: &str = "LOOPCHAIN_KEY_PASSWORD_FILE";
/// Variable with the password of an authority's root key.
pub const CA_VARIABLE: &str = "LOOPCHAIN_CA_PASSWORD";
/// Name of the systemd credential of a node.
const CREDENTIAL: &str = "signing-password";

/// A password; wiped when dropped.
pub type Password = Zeroizing<String>;

/// Reads the password in a file that its owner alone may read; what is no file, such as a pipe, nobody else
/// has a name for.
///
/// # Errors
/// The disk, a file that others may read, or one that is no text.
pub fn read(path: &Path) -> Result<Password, KeyFileError> {
    let fail = |error| KeyFileError::Io { path: path.into(), error };
    let file = std::fs::File::open(path).map_err(fail)?;
    let about = file.metadata().map_err(fail)?;
    let mode = about.mode() & 0o777;
    if about.is_file() && mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed { path: path.into(), mode });
    }
    text_of(path, file)
}

fn text_of(path: &Path, file: std::fs::File) -> Result<Password, KeyFileError> {
    let fail = |error| KeyFileError::Io { path: path.into(), error };
    let mut text = Zeroizing::new(String::new());
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(fail)?;
    Ok(Zeroizing::new(text.strip_suffix('\n').unwrap_or(&text).to_owned()))
}

/// The password of a node's keys: of its variable, of the file a variable names, of a credential
/// that systemd passes. None when nothing says one.
///
/// # Errors
/// When a file is named and cannot be read.
pub fn of_node() -> Result<Option<Password>, KeyFileError> {
    let text = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    if let Some(password) = text(KEY_VARIABLE) {
        return Ok(Some(Zeroizing::new(password)));
    }
    if let Some(path) = text(KEY_FILE_VARIABLE) {
        return read(Path::new(&path)).map(Some);
    }
    let credential = text("CREDENTIALS_DIRECTORY").map(|dir| PathBuf::from(dir).join(CREDENTIAL));
    // Who may read it is systemd's matter.
    let open = |path: PathBuf| match std::fs::File::open(&path) {
        Ok(file) => text_of(&path, file),
        Err(error) => Err(KeyFileError::Io { path, error }),
    };
    credential.filter(|path| path.exists()).map(open).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_types::Code;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_that_others_may_read_or_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "secret").unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644, 0o602] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(&path).unwrap_err().code(), Code::KeyFileExposed, "{mode:o}");
        }
        std::fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert_eq!(read(&path).unwrap().as_str(), "secret");
    }

    #[test]
    fn one_line_end_is_not_part_of_the_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        for (text, wanted) in [("a b\n", "a b"), ("a b", "a b"), ("a\n\n", "a\n"), ("", "")] {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            assert_eq!(read(&path).unwrap().as_str(), wanted);
        }
        assert!(read(&folder.path().join("none")).is_err());
    }
}
