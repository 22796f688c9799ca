//! What a certificate makes of its holder.
//!
//! In and out: the word of a role as certificates, policies and people write it. Not here: what a
//! role may do ([`crate::membership`]).

use std::fmt;

/// The role in a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A node whose statements count.
    Validator,
    /// A node that keeps the chain and does not vote.
    Peer,
    /// Sends transactions and queries.
    Client,
    /// Runs nodes and proposes changes.
    Admin,
    /// Reads all, submits nothing.
    Auditor,
    /// The directory through which peers find each other.
    RadioStation,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] =
        [Self::Validator, Self::Peer, Self::Client, Self::Admin, Self::Auditor, Self::RadioStation];

    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Validator => "validator",
            Self::Peer => "peer",
            Self::Client => "client",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
            Self::RadioStation => "radiostation",
        }
    }

    /// Its number in what a SCORE is told of its caller; its place in [`Role::ALL`], from 1.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Validator => 1,
            Self::Peer => 2,
            Self::Client => 3,
            Self::Admin => 4,
            Self::Auditor => 5,
            Self::RadioStation => 6,
        }
    }

    /// Whether it is a node that keeps a chain and talks to others of its channels.
    #[must_use]
    pub const fn is_node(self) -> bool {
        matches!(self, Self::Validator | Self::Peer | Self::Auditor)
    }

    /// The role of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.word()), Some(role));
        }
        assert_eq!(Role::parse("Validator"), None);
    }
}
