//! A request over REST that says who asks.
//!
//! ```text
//! signed  = [ request, signature: bytes 64 ]
//! request = [ 1, genesis: bytes 32, method: text, target: text, body: bytes 32,
//!             signer: bytes 32, nonce: uint, expiry: uint ]
//! ```
//! In and out: its bytes, which a header carries in base64. It covers the channel (its genesis covers the
//! network), the method, path and query as they were sent, and the SHA-256 of the body. Deliberately not
//! here: whether the signer may read, and that nobody sends it twice (`host/node/src/peer/caller.rs`).

use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use crate::hash::{Domain, Hash32};
use crate::height::BlockTime;
use crate::ids::{CertificateId, GenesisHash};
use crate::limits::{METHOD_BYTES_MAX, READ_TARGET_BYTES_MAX};

const FORMAT: u64 = 1;

/// What somebody asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// The channel.
    pub genesis: GenesisHash,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// SHA-256 of the body; of nothing when there is none.
    pub body: Hash32,
    /// The signer's certificate, a member of the channel.
    pub signer: CertificateId,
    /// Random; makes requests for the same thing differ.
    pub nonce: u64,
    /// Clock time after which nobody answers it.
    pub expiry: BlockTime,
}

impl ReadRequest {
    /// The bytes that its signature covers.
    #[must_use]
    pub fn signing_message(&self) -> Vec<u8> {
        Domain::ReadRequest.message(&[&self.to_bytes()])
    }
}

impl Encode for ReadRequest {
    fn encode(&self, w: &mut Writer) {
        w.array(8);
        w.uint(FORMAT);
        self.genesis.encode(w);
        w.text(&self.method);
        w.text(&self.target);
        self.body.encode(w);
        self.signer.encode(w);
        w.uint(self.nonce);
        self.expiry.encode(w);
    }
}

impl Decode<'_> for ReadRequest {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(8)?;
        if r.uint()? != FORMAT {
            return Err(r.error(CodecErrorKind::UnknownFormat));
        }
        Ok(Self {
            genesis: GenesisHash::decode(r)?,
            method: r.text(METHOD_BYTES_MAX)?.to_owned(),
            target: r.text(READ_TARGET_BYTES_MAX)?.to_owned(),
            body: Hash32::decode(r)?,
            signer: CertificateId::decode(r)?,
            nonce: r.uint()?,
            expiry: BlockTime::decode(r)?,
        })
    }
}

/// The request with its signature, which nobody has checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRead {
    /// What is asked.
    pub request: ReadRequest,
    /// Ed25519, over [`ReadRequest::signing_message`].
    pub signature: [u8; 64],
}

impl Encode for SignedRead {
    fn encode(&self, w: &mut Writer) {
        w.array(2);
        self.request.encode(w);
        w.bytes(&self.signature);
    }
}

impl Decode<'_> for SignedRead {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(2)?;
        Ok(Self { request: ReadRequest::decode(r)?, signature: r.bytes_exact::<64>()? })
    }
}
