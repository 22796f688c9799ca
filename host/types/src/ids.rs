//! Names and ids. Each is a type of its own, so the compiler refuses to mix them up.

use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use crate::hash::{Domain, Hash32, from_hex, to_hex};
use std::fmt;
use std::sync::Arc;

macro_rules! hash_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(Hash32);

        impl $name {
            /// Takes a hash as it is.
            #[must_use]
            pub const fn new(hash: Hash32) -> Self {
                Self(hash)
            }

            /// The hash.
            #[must_use]
            pub const fn hash(&self) -> Hash32 {
                self.0
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                self.0.as_bytes()
            }

            /// Reads 64 hex digits.
            #[must_use]
            pub fn from_hex(text: &str) -> Option<Self> {
                Hash32::from_hex(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl Encode for $name {
            fn encode(&self, w: &mut Writer) {
                self.0.encode(w);
            }
        }

        impl Decode<'_> for $name {
            fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
                Hash32::decode(r).map(Self)
            }
        }
    };
}

hash_id!(
    /// Id of a transaction: the hash of its canonical bytes without the signature.
    TxId
);
hash_id!(
    /// Id of a block: the hash of its header.
    BlockId
);
hash_id!(
    /// Hash of a channel's genesis; covers the network id. A transaction signs it.
    GenesisHash
);
hash_id!(
    /// Hash of a network's genesis.
    NetworkId
);
hash_id!(
    /// SHA-256 of a certificate's DER.
    CertificateId
);

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $max:literal, $extra:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Longest name in bytes.
            pub const BYTES_MAX: usize = $max;

            /// `None` when the text is not such a name.
            #[must_use]
            pub fn new(text: &str) -> Option<Self> {
                let mut chars = text.chars();
                let first = chars.next().is_some_and(|c| c.is_ascii_lowercase());
                let rest = chars
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || $extra.contains(c));
                (first && rest && text.len() <= $max).then(|| Self(text.into()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Encode for $name {
            fn encode(&self, w: &mut Writer) {
                w.text(&self.0);
            }
        }

        impl Decode<'_> for $name {
            fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
                let error = r.error(CodecErrorKind::OutOfRange);
                Self::new(r.text($max)?).ok_or(error)
            }
        }
    };
}

name!(
    /// Name of a channel: `[a-z][a-z0-9_-]{0,63}`.
    ChannelName, 64, "_-"
);
name!(
    /// Name of a SCORE: `[a-z][a-z0-9-]{0,63}`.
    ScoreName, 64, "-"
);

impl ScoreName {
    /// The reserved name of system transactions, which are host code.
    pub const SYSTEM: &'static str = "system";

    /// True for the reserved name.
    #[must_use]
    pub fn is_system(&self) -> bool {
        &*self.0 == Self::SYSTEM
    }
}

/// A node or person inside its organisation: `ORG/NAME`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Arc<str>);

impl NodeName {
    /// Longest name in bytes.
    pub const BYTES_MAX: usize = 129;

    /// `None` when the text is not `ORG/NAME` with both parts of `[a-z][a-z0-9_-]{0,63}`.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let (org, name) = text.split_once('/')?;
        ChannelName::new(org)?;
        ChannelName::new(name)?;
        Some(Self(text.into()))
    }

    /// The organisation.
    #[must_use]
    pub fn organisation(&self) -> &str {
        self.0.split_once('/').map_or("", |(org, _)| org)
    }

    /// The name inside the organisation.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Encode for NodeName {
    fn encode(&self, w: &mut Writer) {
        w.text(&self.0);
    }
}

impl Decode<'_> for NodeName {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let error = r.error(CodecErrorKind::OutOfRange);
        Self::new(r.text(Self::BYTES_MAX)?).ok_or(error)
    }
}

/// Who calls a SCORE: the first 20 bytes of the hash of a public key. It follows the key, so a
/// renewed certificate keeps it. Written `hx` and 40 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Address([u8; 20]);

impl Address {
    /// Takes 20 bytes as they are.
    #[must_use]
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The address of an Ed25519 public key.
    #[must_use]
    pub fn of_key(public_key: &[u8; 32]) -> Self {
        Self::front(&Domain::Address.hash(&[public_key]))
    }

    /// The address of the SCORE with this name, on every channel: what a SCORE that it calls sees as
    /// its caller, and where others send what it shall have.
    #[must_use]
    pub fn of_score(name: &ScoreName) -> Self {
        Self::front(&Domain::ScoreAddress.hash(&[name.as_str().as_bytes()]))
    }

    fn front(hash: &Hash32) -> Self {
        let mut bytes = [0; 20];
        for (to, from) in bytes.iter_mut().zip(hash.as_bytes()) {
            *to = *from;
        }
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Reads `hx` and 40 hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        from_hex(text.strip_prefix("hx")?)?.try_into().ok().map(Self)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hx{}", to_hex(&self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Encode for Address {
    fn encode(&self, w: &mut Writer) {
        w.bytes(&self.0);
    }
}

impl Decode<'_> for Address {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.bytes_exact::<20>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_alphabet() {
        assert!(ChannelName::new("loopchain_default").is_some());
        assert!(ScoreName::new("hello-score").is_some());
        for bad in ["", "A", "1a", "a b", "../x", "a/b", "é", &"a".repeat(65)] {
            assert!(ChannelName::new(bad).is_none(), "{bad}");
            assert!(ScoreName::new(bad).is_none(), "{bad}");
        }
        assert!(ScoreName::new("a_b").is_none());
        assert!(NodeName::new("bank-a/peer0").is_some());
        for bad in ["peer0", "/peer0", "bank-a/", "a/b/c"] {
            assert!(NodeName::new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_address_is_written_hx_and_read_back() {
        let address = Address::of_key(&[7; 32]);
        assert_eq!(Address::parse(&address.to_string()), Some(address));
        assert_eq!(Address::parse("cx00"), None);
    }
}
