//! The radiostation's protocol: requests and answers that travel in the `status` call, and the
//! signed entries it hands out.
//!
//! In: entries of peers. Out: the same entries, each verifiable without trust in the radiostation:
//! it carries the peer's signing certificate and is signed with that key, for one network. A
//! radiostation can hide or delay entries; it cannot make, change or mix them.
//! Not here: the registry itself (`host/node/radiostation`), validator sets (they are on chain).

use crate::trust::{Trust, TrustError};
use host_identity::{Certificate, SigningKey, verify};
use host_types::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use host_types::limits::{CERTIFICATE_BYTES_MAX, CRL_BYTES_MAX, TEXT_BYTES_MAX};
use host_types::{BlockTime, ChannelName, Code, Domain, GenesisHash, Hash32, NetworkId, NodeName};

/// Peers in one answer: what fits a frame at the largest certificate is less, at usual ones more.
pub const LISTED_MAX: usize = 1_024;
/// Channels one peer may announce.
pub const CHANNELS_MAX: usize = 256;
/// Roots of one network.
pub const ROOTS_MAX: usize = 64;
const FORMAT: u64 = 2;

/// What stands for a channel in the entry of a peer. Who knows the channel's genesis can tell; who does
/// not learns neither its name, nor that two peers share a channel.
#[must_use]
pub fn channel_tag(genesis: GenesisHash, peer: &NodeName) -> Hash32 {
    Domain::Directory.hash(&[genesis.as_bytes(), peer.as_str().as_bytes()])
}

/// What a peer says of itself. Its name stands in its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its signing certificate, DER.
    pub certificate: Vec<u8>,
    /// `host:port` that peers dial.
    pub rpc_target: String,
    /// `host:port` of its REST interface; empty when it has none.
    pub rest_target: String,
    /// Tags of the channels it serves ([`channel_tag`]), sorted.
    pub channels: Vec<Hash32>,
    /// When it was signed, by the peer's clock. Of two entries the later one counts.
    pub issued: BlockTime,
}

impl Entry {
    /// The entry with a signature of the key in its certificate.
    #[must_use]
    pub fn sign(self, network: NetworkId, key: &SigningKey) -> SignedEntry {
        let signature = key.sign(&self.message(network));
        SignedEntry { entry: self, signature }
    }

    fn message(&self, network: NetworkId) -> Vec<u8> {
        Domain::Directory.message(&[network.as_bytes(), &self.to_bytes()])
    }
}

impl Encode for Entry {
    fn encode(&self, w: &mut Writer) {
        w.array(6);
        w.uint(FORMAT);
        w.bytes(&self.certificate);
        w.text(&self.rpc_target);
        w.text(&self.rest_target);
        w.list(&self.channels);
        self.issued.encode(w);
    }
}

impl Decode<'_> for Entry {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(6)?;
        let error = r.error(CodecErrorKind::UnknownFormat);
        if r.uint()? != FORMAT {
            return Err(error);
        }
        Ok(Self {
            certificate: r.bytes(CERTIFICATE_BYTES_MAX)?.to_vec(),
            rpc_target: r.text(TEXT_BYTES_MAX)?.to_owned(),
            rest_target: r.text(TEXT_BYTES_MAX)?.to_owned(),
            channels: r.list(CHANNELS_MAX)?,
            issued: BlockTime::decode(r)?,
        })
    }
}

/// An entry and its signature, not checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedEntry {
    entry: Entry,
    signature: [u8; 64],
}

/// Why an entry is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Its certificate.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Its signature.
    #[error("the directory entry of {0} is not signed with the key of its certificate")]
    Signature(NodeName),
}

impl EntryError {
    /// Its number.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Trust(error) => error.code(),
            Self::Signature(_) => Code::CertificateKeyWrong,
        }
    }
}

/// An entry whose certificate and signature were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedEntry {
    /// The entry.
    pub entry: Entry,
    /// Who made it.
    pub name: NodeName,
    /// The key in its certificate.
    pub public_key: [u8; 32],
}

impl SignedEntry {
    /// The entry, unchecked: for showing, never for dialling.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Checks certificate and signature.
    ///
    /// # Errors
    /// When the network does not trust the certificate at that time, or the signature is wrong.
    pub fn verify(&self, trust: &Trust, at: BlockTime) -> Result<VerifiedEntry, EntryError> {
        let certificate = Certificate::parse(&self.entry.certificate).map_err(TrustError::from)?;
        let public_key = trust.check_signing(&certificate, at)?;
        let name = certificate.name;
        if !verify(&public_key, &self.entry.message(trust.network()), &self.signature) {
            return Err(EntryError::Signature(name));
        }
        Ok(VerifiedEntry { entry: self.entry.clone(), name, public_key })
    }
}

impl Encode for SignedEntry {
    fn encode(&self, w: &mut Writer) {
        w.array(2);
        self.entry.encode(w);
        w.bytes(&self.signature);
    }
}

impl Decode<'_> for SignedEntry {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(2)?;
        Ok(Self { entry: Entry::decode(r)?, signature: r.bytes_exact::<64>()? })
    }
}

/// What a peer asks the radiostation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryRequest {
    /// Here I am; also said again as a sign of life.
    Announce(SignedEntry),
    /// Who is there, on one channel or on any?
    List {
        /// The channel.
        channel: Option<ChannelName>,
    },
    /// Which revocation lists are known; and one that the radiostation may not have, DER.
    Revoked {
        /// The list. Who brings it is not believed: a root has signed it.
        list: Option<Vec<u8>>,
    },
}

impl Encode for DirectoryRequest {
    fn encode(&self, w: &mut Writer) {
        w.array(2);
        match self {
            Self::Announce(entry) => {
                w.uint(0);
                entry.encode(w);
            }
            Self::List { channel } => {
                w.uint(1);
                w.option(channel.as_ref());
            }
            Self::Revoked { list } => {
                w.uint(2);
                match list {
                    Some(list) => w.bytes(list),
                    None => w.null(),
                }
            }
        }
    }
}

impl Decode<'_> for DirectoryRequest {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(2)?;
        let error = r.error(CodecErrorKind::UnknownFormat);
        match r.uint()? {
            0 => SignedEntry::decode(r).map(Self::Announce),
            1 => Ok(Self::List { channel: r.option()? }),
            2 if r.is_null() => Ok(Self::Revoked { list: None }),
            2 => Ok(Self::Revoked { list: Some(r.bytes(CRL_BYTES_MAX)?.to_vec()) }),
            _ => Err(error),
        }
    }
}

/// One peer in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Join order, from 1; never reused.
    pub order: u32,
    /// Whether it announced itself lately.
    pub is_connected: bool,
    /// When that last changed, microseconds since 1970, by the radiostation's clock.
    pub status_since: BlockTime,
    /// What it said of itself.
    pub entry: SignedEntry,
}

impl Encode for Listed {
    fn encode(&self, w: &mut Writer) {
        w.array(4);
        w.uint(u64::from(self.order));
        w.bool(self.is_connected);
        self.status_since.encode(w);
        self.entry.encode(w);
    }
}

impl Decode<'_> for Listed {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(4)?;
        Ok(Self {
            order: r.uint_as()?,
            is_connected: r.bool()?,
            status_since: BlockTime::decode(r)?,
            entry: SignedEntry::decode(r)?,
        })
    }
}

/// What the radiostation answers; refusals travel as `RpcError`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryReply {
    /// Taken.
    Announced {
        /// Join order of the peer.
        order: u32,
    },
    /// Peers in join order.
    Peers(Vec<Listed>),
    /// Numbers of the newest revocation lists, by fingerprint of the root.
    Revoked(Vec<(Hash32, u64)>),
}

impl Encode for DirectoryReply {
    fn encode(&self, w: &mut Writer) {
        w.array(2);
        match self {
            Self::Announced { order } => {
                w.uint(0);
                w.uint(u64::from(*order));
            }
            Self::Peers(peers) => {
                w.uint(1);
                w.list(peers);
            }
            Self::Revoked(numbers) => {
                w.uint(2);
                w.array(numbers.len());
                for (root, number) in numbers {
                    w.array(2);
                    w.bytes(root.as_bytes());
                    w.uint(*number);
                }
            }
        }
    }
}

impl Decode<'_> for DirectoryReply {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(2)?;
        let error = r.error(CodecErrorKind::UnknownFormat);
        match r.uint()? {
            0 => Ok(Self::Announced { order: r.uint_as()? }),
            1 => r.list(LISTED_MAX).map(Self::Peers),
            2 => {
                let count = r.array_up_to(ROOTS_MAX)?;
                let numbers = (0..count).map(|_| {
                    r.array(2)?;
                    Ok((Hash32::new(r.bytes_exact::<32>()?), r.uint()?))
                });
                numbers.collect::<Result<_, CodecError>>().map(Self::Revoked)
            }
            _ => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_identity::{Authority, Role, Validity};

    fn setting() -> (Trust, SignedEntry, BlockTime) {
        let authority = Authority::new_dev("test").unwrap();
        let root = authority.root().clone();
        let network = NetworkId::new(Hash32::new([1; 32]));
        let organisations = [("bank-a".to_owned(), root.fingerprint())];
        let trust = Trust::new(network, &organisations, vec![root]);
        let key = SigningKey::from_seed([1; 32]);
        let name = NodeName::new("bank-a/peer0").unwrap();
        let certificate = authority
            .issue_signing(&name, Role::Validator, None, &key.public(), Validity::default())
            .unwrap();
        let now = Validity::days_from_now(0).not_after;
        let entry = Entry {
            certificate: certificate.der,
            rpc_target: "127.0.0.1:7100".into(),
            rest_target: String::new(),
            channels: vec![channel_tag(GenesisHash::new(Hash32::new([7; 32])), &name)],
            issued: now,
        };
        (trust, entry.sign(network, &key), now)
    }

    #[test]
    fn an_entry_is_believed_only_as_its_peer_signed_it() {
        let (trust, signed, now) = setting();
        assert_eq!(signed.verify(&trust, now).unwrap().name.as_str(), "bank-a/peer0");
        let mut moved = signed.clone();
        moved.entry.rpc_target = "192.0.2.1:7100".into();
        assert!(matches!(moved.verify(&trust, now), Err(EntryError::Signature(_))));
        let root = Authority::new_dev("test").unwrap().root().clone();
        let organisations = [("bank-a".to_owned(), root.fingerprint())];
        let stranger = Trust::new(trust.network(), &organisations, vec![root]);
        assert!(matches!(signed.verify(&stranger, now), Err(EntryError::Trust(_))));
    }

    #[test]
    fn an_entry_of_another_network_is_not_believed() {
        let (trust, signed, now) = setting();
        let entry = signed.entry().clone();
        let other = NetworkId::new(Hash32::new([2; 32]));
        let elsewhere = entry.sign(other, &SigningKey::from_seed([1; 32]));
        assert!(matches!(elsewhere.verify(&trust, now), Err(EntryError::Signature(_))));
    }

    #[test]
    fn a_tag_tells_neither_the_channel_nor_who_shares_it() {
        let [one, other] =
            ["bank-a/peer0", "bank-b/peer0"].map(|name| NodeName::new(name).unwrap());
        let [a, b] = [1, 2].map(|n| GenesisHash::new(Hash32::new([n; 32])));
        let tags = [channel_tag(a, &one), channel_tag(a, &other), channel_tag(b, &one)];
        assert!(tags[0] != tags[1] && tags[0] != tags[2]);
        assert_eq!(channel_tag(a, &one), tags[0]);
        assert!(!tags.contains(&a.hash()));
    }

    #[test]
    fn requests_and_replies_read_back() {
        let (_, entry, now) = setting();
        let requests = [
            DirectoryRequest::Announce(entry.clone()),
            DirectoryRequest::List { channel: None },
            DirectoryRequest::List { channel: ChannelName::new("trade") },
            DirectoryRequest::Revoked { list: None },
            DirectoryRequest::Revoked { list: Some(vec![1, 2, 3]) },
        ];
        for request in requests {
            assert_eq!(DirectoryRequest::from_bytes(&request.to_bytes()), Ok(request));
        }
        let listed = Listed { order: 1, is_connected: true, status_since: now, entry };
        let replies = [
            DirectoryReply::Announced { order: 7 },
            DirectoryReply::Peers(vec![listed; 3]),
            DirectoryReply::Revoked(vec![(Hash32::new([1; 32]), 9), (Hash32::new([2; 32]), 0)]),
        ];
        for reply in replies {
            assert_eq!(DirectoryReply::from_bytes(&reply.to_bytes()), Ok(reply));
        }
    }
}
