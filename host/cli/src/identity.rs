//! Who signs, and whom a name means.
//!
//! In: a name of the key folder (`alice`, `alice@bank-a`) or the path of a key file. Out: an
//! [`Identity`] that signs. Names of others become addresses here first and by asking a peer second.

use crate::failure::Failure;
use crate::network::DataFolder;
use host_identity::keyfile::{self, KeyFileError};
use host_identity::{Certificate, SigningKey};
use host_types::Address;
use host_types::fault::Code;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A key with its certificate.
#[derive(Debug)]
pub(crate) struct Identity {
    /// Signs.
    pub key: SigningKey,
    /// Says who it is.
    pub certificate: Certificate,
}

impl Identity {
    /// Reads `NAME.key` and `NAME.crt` (or any two files that differ in that ending).
    pub(crate) fn load(key: &Path) -> Result<Self, Failure> {
        let certificate = keyfile::load_certificate(&key.with_extension("crt"))?;
        let certificate = Certificate::parse(&certificate).map_err(|error| {
            Failure::new(error.code(), format!("{}: {error}", key.with_extension("crt").display()))
        })?;
        let key = match keyfile::load(key) {
            Err(KeyFileError::PasswordMissing { .. }) => {
                let password = crate::password::of_key(key)?;
                keyfile::load_encrypted(key, &password)?
            }
            other => other?,
        };
        Ok(Self { key, certificate })
    }

    /// The identity of a name or path.
    pub(crate) fn find(data: &DataFolder, name: &str) -> Result<Self, Failure> {
        if name.contains('/') || name.ends_with(".key") {
            return Self::load(Path::new(name));
        }
        let path = data.join("keys").join(format!("{}.key", short(name)));
        if path.exists() {
            return Self::load(&path);
        }
        let known: Vec<_> = certificates(data).iter().map(|c| c.name.short().to_owned()).collect();
        let message = format!("there is no key of `{name}` in {}", data.join("keys").display());
        let failure = Failure::new(Code::IdentityUnknown, message);
        let meant = host_node::config::nearest(short(name), known.iter().map(String::as_str));
        Err(match meant {
            Some(meant) => failure.with_help(format!("did you mean `{meant}`?")),
            None if known.is_empty() => failure,
            None => failure.with_help(format!("the keys there are {}", known.join(", "))),
        })
    }
}

/// `alice` of `alice@bank-a` and `bank-a/alice`.
fn short(name: &str) -> &str {
    let name = name.split_once('@').map_or(name, |(short, _)| short);
    name.rsplit_once('/').map_or(name, |(_, short)| short)
}

/// Certificates of the key folder, sorted by name; files that are none are passed over.
pub(crate) fn certificates(data: &DataFolder) -> Vec<Certificate> {
    let files = std::fs::read_dir(data.join("keys")).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = files.map(|file| file.path()).collect();
    files.sort();
    files
        .iter()
        .filter(|file| file.extension().is_some_and(|ending| ending == "crt"))
        .filter_map(|file| Certificate::parse(&keyfile::load_certificate(file).ok()?).ok())
        .collect()
}

/// Addresses of the key folder by name, and names by address.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressBook {
    by_name: BTreeMap<String, Address>,
}

impl AddressBook {
    /// That of a key folder.
    pub(crate) fn of(data: &DataFolder) -> Self {
        let certificates = certificates(data);
        let addresses = certificates.iter().filter_map(|certificate| {
            let key = certificate.signing_key()?;
            Some((certificate.name.short().to_owned(), Address::of_key(key)))
        });
        Self { by_name: addresses.collect() }
    }

    /// The address of a name.
    pub(crate) fn address(&self, name: &str) -> Option<Address> {
        self.by_name.get(short(name)).copied()
    }

    /// Adds a name.
    #[cfg(test)]
    pub(crate) fn insert(&mut self, name: &str, address: Address) {
        self.by_name.insert(short(name).to_owned(), address);
    }

    /// The name of an address written `hx…`, else the text as it is.
    pub(crate) fn name_of<'a>(&'a self, text: &'a str) -> &'a str {
        let Some(address) = Address::parse(text) else { return text };
        let found = self.by_name.iter().find(|(_, known)| **known == address);
        found.map_or(text, |(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_with_and_without_their_organisation() {
        for name in ["alice", "alice@bank-a", "bank-a/alice"] {
            assert_eq!(short(name), "alice");
        }
    }

    #[test]
    fn an_address_is_shown_by_name_where_it_is_known() {
        let mut book = AddressBook::default();
        let address = Address::of_key(&[1; 32]);
        book.insert("bank-a/alice", address);
        assert_eq!(book.address("alice@bank-a"), Some(address));
        assert_eq!(book.name_of(&address.to_string()), "alice");
        assert_eq!(book.name_of("hxff"), "hxff");
    }
}
