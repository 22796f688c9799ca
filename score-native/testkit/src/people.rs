//! The accounts of a chain in memory: names, organisations, roles.
//!
//! In: names. Out: addresses, the same ones in each run, and names for messages.

use score_native::Address;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Who [`Testnet::accounts`](crate::Testnet::accounts) gives, in this order.
const FIRST: [&str; 12] = [
    "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "mallory",
    "trent",
];

/// What the certificate of an account says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    pub(crate) organisation: String,
    pub(crate) role: u32,
}

/// Everybody.
#[derive(Clone, Debug)]
pub(crate) struct People {
    names: BTreeMap<Address, String>,
    members: BTreeMap<Address, Member>,
}

impl People {
    pub(crate) fn new() -> Self {
        let names = FIRST.iter().map(|name| (address(name), (*name).to_owned())).collect();
        Self { names, members: BTreeMap::new() }
    }

    /// The SCOREs of a chain are shown by their names as well.
    pub(crate) fn add_score(&mut self, name: &str) {
        self.names.insert(Address(crate::address::of_score(name)), name.to_owned());
    }

    pub(crate) fn account(&mut self, name: &str) -> Address {
        let account = address(name);
        self.names.insert(account, name.to_owned());
        account
    }

    pub(crate) fn enroll(&mut self, account: Address, organisation: &str, role: u32) {
        self.members.insert(account, Member { organisation: organisation.to_owned(), role });
    }

    pub(crate) fn member(&self, account: Address) -> Member {
        self.members.get(&account).cloned().unwrap_or_default()
    }

    pub(crate) fn name(&self, bytes: &[u8]) -> Option<&str> {
        let account = Address(bytes.try_into().ok()?);
        self.names.get(&account).map(String::as_str)
    }

    /// The text with the names of accounts for their bytes.
    pub(crate) fn named(&self, mut text: String) -> String {
        for (account, name) in &self.names {
            let hex: String = account.0.iter().map(|byte| format!("{byte:02x}")).collect();
            if text.contains(&hex) {
                text = text.replace(&format!("h'{hex}'"), name);
            }
        }
        text
    }
}

/// The account at this place.
pub(crate) fn first(at: usize) -> Address {
    FIRST.get(at).map_or_else(|| address(&format!("account {at}")), |name| address(name))
}

fn address(name: &str) -> Address {
    let digest = Sha256::digest(name);
    Address(std::array::from_fn(|byte| digest[byte]))
}
