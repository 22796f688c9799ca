//! SHA-256 over length-framed fields under a domain, and the 32-byte value it gives.
//!
//! Every hash of the product starts with its [`Domain`], and every field carries its length, so no
//! two different inputs share a pre-image. Not here: Merkle trees ([`crate::merkle`]).

use crate::codec::{CodecError, Decode, Encode, Reader, Writer};
use sha2::{Digest, Sha256};

/// 32 bytes of SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Hash32([u8; 32]);

impl Hash32 {
    /// All zero: "none" where a field is optional by meaning.
    pub const ZERO: Self = Self([0; 32]);

    /// Takes 32 bytes as they are.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lower-case hex digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        to_hex(&self.0)
    }

    /// Reads 64 hex digits (either case); `None` for anything else.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        from_hex(text).and_then(|bytes| bytes.try_into().ok()).map(Self)
    }

    /// Plain SHA-256 of the bytes, without domain: for names of files and artefacts.
    #[must_use]
    pub fn sha256(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// Lower-case hex.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// Bytes of a hex text with an even number of digits of either case; `None` otherwise.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |c: u8| (c as char).to_digit(16).and_then(|d| u8::try_from(d).ok());
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

impl Ord for Hash32 {
    /// The order of the bytes. Hashes differ in their first bytes, which are compared as one number:
    /// maps keyed by ids spend most of their time here.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let head = |hash: &Self| hash.0.first_chunk().copied().map_or(0, u64::from_be_bytes);
        head(self).cmp(&head(other)).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Hash32 {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl std::fmt::Display for Hash32 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl std::fmt::Debug for Hash32 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_hex()[..8])
    }
}

impl Encode for Hash32 {
    fn encode(&self, w: &mut Writer) {
        w.bytes(&self.0);
    }
}

impl Decode<'_> for Hash32 {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.bytes_exact::<32>().map(Self)
    }
}

/// What a hash or signature is about. A value of one domain can never pass as one of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// A transaction; its id and what its signer signs.
    Transaction,
    /// A header; the id of a block.
    Header,
    /// A statement of a validator.
    Statement,
    /// The address of a public key.
    Address,
    /// The address of a SCORE.
    ScoreAddress,
    /// A network's genesis.
    Network,
    /// A channel's genesis.
    Channel,
    /// A validator set.
    Validators,
    /// Leaf and node of a Merkle tree of transactions.
    TxRoot,
    /// Leaf and node of a Merkle tree of receipts.
    ReceiptRoot,
    /// Leaf and node of a Merkle tree of events.
    EventRoot,
    /// The sorted writes of a transaction.
    Writes,
    /// The state commitment.
    State,
    /// The seed of one transaction.
    Seed,
    /// A Final proof, as named in a header.
    Proof,
    /// The greeting that opens a connection.
    Hello,
    /// A directory entry of the radiostation.
    Directory,
    /// A proposed change of a channel; its id.
    Change,
    /// What an epoch runs with, as the sealing block before it names it.
    Epoch,
    /// An invitation, and the proof that a request was made with it.
    Invitation,
    /// The list of files of an auditor's report.
    AuditReport,
    /// A request over REST that says who asks.
    ReadRequest,
    /// A record of a peer's trail.
    Trail,
}

impl Domain {
    /// `loopchain/<kind>/v1`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Transaction => "loopchain/transaction/v1",
            Self::Header => "loopchain/header/v1",
            Self::Statement => "loopchain/statement/v1",
            Self::Address => "loopchain/address/v1",
            Self::ScoreAddress => "loopchain/score-address/v1",
            Self::Network => "loopchain/network/v1",
            Self::Channel => "loopchain/channel/v1",
            Self::Validators => "loopchain/validators/v1",
            Self::TxRoot => "loopchain/tx-root/v1",
            Self::ReceiptRoot => "loopchain/receipt-root/v1",
            Self::EventRoot => "loopchain/event-root/v1",
            Self::Writes => "loopchain/writes/v1",
            Self::State => "loopchain/state/v1",
            Self::Seed => "loopchain/seed/v1",
            Self::Proof => "loopchain/proof/v1",
            Self::Hello => "loopchain/hello/v1",
            Self::Directory => "loopchain/directory/v1",
            Self::Change => "loopchain/change/v1",
            Self::Epoch => "loopchain/epoch/v1",
            Self::Invitation => "loopchain/invitation/v1",
            Self::AuditReport => "loopchain/audit-report/v1",
            Self::ReadRequest => "loopchain/read-request/v1",
            Self::Trail => "loopchain/trail/v1",
        }
    }

    /// SHA-256 of the framed tag and fields.
    #[must_use]
    pub fn hash(self, fields: &[&[u8]]) -> Hash32 {
        let mut hasher = Sha256::new();
        let mut frame = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        frame(self.tag().as_bytes());
        for field in fields {
            frame(field);
        }
        Hash32(hasher.finalize().into())
    }

    /// The pre-image of [`Domain::hash`]: what is signed.
    #[must_use]
    pub fn message(self, fields: &[&[u8]]) -> Vec<u8> {
        let tag = self.tag().as_bytes();
        let size = fields.iter().map(|f| f.len() + 8).sum::<usize>() + tag.len() + 8;
        let mut out = Vec::with_capacity(size);
        for bytes in std::iter::once(&tag).chain(fields) {
            out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
            out.extend_from_slice(bytes);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn hashes_are_ordered_as_their_bytes_are() {
        let hash = |place: usize, byte: u8| {
            let mut bytes = [7; 32];
            bytes[place] = byte;
            super::Hash32::new(bytes)
        };
        let all: Vec<_> =
            (0..32).flat_map(|place| [hash(place, 0), hash(place, 7), hash(place, 255)]).collect();
        for a in &all {
            for b in &all {
                assert_eq!(a.cmp(b), a.as_bytes().cmp(b.as_bytes()));
            }
        }
    }

    use super::*;

    #[test]
    fn the_hash_is_the_sha256_of_the_message() {
        let fields: &[&[u8]] = &[b"ab", b"c"];
        assert_eq!(Domain::Header.hash(fields), Hash32::sha256(&Domain::Header.message(fields)));
    }

    #[test]
    fn moving_a_boundary_changes_the_hash() {
        assert_ne!(Domain::Header.hash(&[b"ab", b"c"]), Domain::Header.hash(&[b"a", b"bc"]));
        assert_ne!(Domain::Header.hash(&[b"ab"]), Domain::Seed.hash(&[b"ab"]));
    }

    #[test]
    fn hex_round_trips_and_refuses_the_rest() {
        let hash = Domain::Seed.hash(&[]);
        assert_eq!(Hash32::from_hex(&hash.to_hex()), Some(hash));
        assert_eq!(Hash32::from_hex("zz"), None);
        assert_eq!(Hash32::from_hex("00"), None);
        assert_eq!(from_hex("abc"), None);
    }
}
