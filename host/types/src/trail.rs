//! The trail of a peer: one record for each answer that it gave to an auditor.
//!
//! ```text
//! kept   = [ record, signature: bytes 64 ]
//! record = [ 1, number: uint, previous: bytes 32, signed request, reader: text, grant: text,
//!            height: uint, time: uint, status: uint, answer: bytes 32 ]
//! ```
//! In and out: records and their bytes. Each names the hash of the one before; the serving peer signs it,
//! and the auditor's own signature is inside, so neither can deny it. Deliberately not here: files
//! (`host/node/src/trail`), the root on the chain (`host/core/src/system/trail.rs`).

use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use crate::hash::{Domain, Hash32};
use crate::height::{BlockTime, Height};
use crate::ids::NodeName;
use crate::limits::TEXT_BYTES_MAX;
use crate::read_request::SignedRead;

const FORMAT: u64 = 1;

/// What was answered to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailRecord {
    /// Its number, from 1.
    pub number: u64,
    /// Hash of the record before; zero before the first.
    pub previous: Hash32,
    /// What was asked, as the auditor signed it.
    pub request: SignedRead,
    /// The auditor.
    pub reader: NodeName,
    /// Name of the grant that was used; empty when none covered it.
    pub grant: String,
    /// Last block of the peer when it answered.
    pub height: Height,
    /// Clock of the peer when it answered.
    pub time: BlockTime,
    /// HTTP status.
    pub status: u16,
    /// SHA-256 of the answer's body.
    pub answer: Hash32,
}

impl TrailRecord {
    /// Its hash: what the next record names, and what the chain holds of the last one.
    #[must_use]
    pub fn hash(&self) -> Hash32 {
        Domain::Trail.hash(&[&self.to_bytes()])
    }

    /// The bytes that the peer's signature covers.
    #[must_use]
    pub fn signing_message(&self) -> Vec<u8> {
        Domain::Trail.message(&[&self.to_bytes()])
    }
}

impl Encode for TrailRecord {
    fn encode(&self, w: &mut Writer) {
        w.array(10);
        w.uint(FORMAT);
        w.uint(self.number);
        self.previous.encode(w);
        self.request.encode(w);
        self.reader.encode(w);
        w.text(&self.grant);
        self.height.encode(w);
        self.time.encode(w);
        w.uint(u64::from(self.status));
        self.answer.encode(w);
    }
}

impl Decode<'_> for TrailRecord {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(10)?;
        if r.uint()? != FORMAT {
            return Err(r.error(CodecErrorKind::UnknownFormat));
        }
        Ok(Self {
            number: r.uint()?,
            previous: Hash32::decode(r)?,
            request: SignedRead::decode(r)?,
            reader: NodeName::decode(r)?,
            grant: r.text(TEXT_BYTES_MAX)?.to_owned(),
            height: Height::decode(r)?,
            time: BlockTime::decode(r)?,
            status: r.uint_as()?,
            answer: Hash32::decode(r)?,
        })
    }
}

/// A record with the signature of the peer that answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRecord {
    /// The record.
    pub record: TrailRecord,
    /// Ed25519, over [`TrailRecord::signing_message`].
    pub signature: [u8; 64],
}

impl Encode for SignedRecord {
    fn encode(&self, w: &mut Writer) {
        w.array(2);
        self.record.encode(w);
        w.bytes(&self.signature);
    }
}

impl Decode<'_> for SignedRecord {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(2)?;
        Ok(Self { record: TrailRecord::decode(r)?, signature: r.bytes_exact::<64>()? })
    }
}
