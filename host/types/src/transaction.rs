//! A signed request to change a channel's state.
//!
//! ```text
//! envelope    = [ transaction, signature: bytes 64 ]
//! transaction = [ 1, genesis: bytes 32, score: text, method: text, args: bytes,
//!                 signer: bytes 32, nonce: uint, expiry: uint ]
//! ```
//! The id is the hash of the transaction without the signature, so nobody but the signer can make
//! two ids of one request. `args` is itself the canonical encoding of an array. The raw envelope
//! travels and is stored as it came. Not here: whether the signer may do it (`host/core` ingest).

use crate::codec::{CodecError, CodecErrorKind, Decode, Encode, Reader, Writer};
use crate::hash::Domain;
use crate::height::BlockTime;
use crate::ids::{CertificateId, GenesisHash, ScoreName, TxId};
use crate::limits::{ARGS_BYTES_MAX, METHOD_BYTES_MAX, TX_BYTES_MAX};
use bytes::Bytes;

const FORMAT: u64 = 1;

/// How deep arrays of an argument list may be nested: bounds the recursion of every reader.
pub const ARGS_DEPTH_MAX: usize = 16;

/// What a signer asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The channel it is for; covers the network. Replay elsewhere is impossible.
    pub genesis: GenesisHash,
    /// The SCORE, or the reserved `system`.
    pub score: ScoreName,
    /// Its method.
    pub method: String,
    /// Canonical encoding of the array of arguments.
    pub args: Bytes,
    /// Id of the signer's certificate, which the channel's membership holds.
    pub signer: CertificateId,
    /// Random; only makes ids differ, orders nothing.
    pub nonce: u64,
    /// Block time after which it can no longer enter a block.
    pub expiry: BlockTime,
}

impl Transaction {
    /// The bytes that its signature covers.
    #[must_use]
    pub fn signing_message(&self) -> Vec<u8> {
        Domain::Transaction.message(&[&self.to_bytes()])
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> TxId {
        TxId::new(Domain::Transaction.hash(&[&self.to_bytes()]))
    }

    /// The envelope with a signature over [`Transaction::signing_message`].
    #[must_use]
    pub fn into_envelope(&self, signature: &[u8; 64]) -> RawTx {
        let mut w = Writer::with_capacity(256 + self.args.len());
        w.array(2);
        self.encode(&mut w);
        w.bytes(signature);
        RawTx(w.into_bytes().into())
    }
}

impl Encode for Transaction {
    fn encode(&self, w: &mut Writer) {
        w.array(8);
        w.uint(FORMAT);
        self.genesis.encode(w);
        self.score.encode(w);
        w.text(&self.method);
        w.bytes(&self.args);
        self.signer.encode(w);
        w.uint(self.nonce);
        self.expiry.encode(w);
    }
}

impl Transaction {
    fn decode_sharing(r: &mut Reader<'_>, raw: &Bytes) -> Result<Self, CodecError> {
        r.array(8)?;
        if r.uint()? != FORMAT {
            return Err(r.error(CodecErrorKind::UnknownFormat));
        }
        let genesis = GenesisHash::decode(r)?;
        let score = ScoreName::decode(r)?;
        let method = r.text(METHOD_BYTES_MAX)?.to_owned();
        let args = r.bytes(ARGS_BYTES_MAX)?;
        check_args(args)?;
        Ok(Self {
            genesis,
            score,
            method,
            args: raw.slice_ref(args),
            signer: CertificateId::decode(r)?,
            nonce: r.uint()?,
            expiry: BlockTime::decode(r)?,
        })
    }
}

/// Arguments are one canonical array and nothing after it.
fn check_args(args: &[u8]) -> Result<(), CodecError> {
    let mut r = Reader::new(args);
    r.clone().array_up_to(usize::MAX)?;
    r.value(ARGS_DEPTH_MAX)?;
    r.finish()
}

/// An envelope as it came; nothing about it is checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct RawTx(pub Bytes);

impl std::fmt::Debug for RawTx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RawTx({} bytes)", self.0.len())
    }
}

impl Encode for RawTx {
    fn encode(&self, w: &mut Writer) {
        w.bytes(&self.0);
    }
}

impl Decode<'_> for RawTx {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.bytes(TX_BYTES_MAX).map(|bytes| Self(Bytes::copy_from_slice(bytes)))
    }
}

/// A decoded envelope: its form is right, its signature is not checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTransaction {
    raw: Bytes,
    /// The part of `raw` that is signed.
    body: Bytes,
    id: TxId,
    transaction: Transaction,
    signature: [u8; 64],
}

impl SignedTransaction {
    /// Decodes an envelope.
    ///
    /// # Errors
    /// When it is too large or not canonical.
    pub fn decode(raw: &RawTx) -> Result<Self, CodecError> {
        let raw = raw.0.clone();
        let mut r = Reader::new(&raw);
        if raw.len() > TX_BYTES_MAX {
            return Err(r.error(CodecErrorKind::TooLong));
        }
        r.array(2)?;
        let start = r.offset();
        let transaction = Transaction::decode_sharing(&mut r, &raw)?;
        let body = raw.slice(start..r.offset());
        let id = TxId::new(Domain::Transaction.hash(&[&body]));
        let signature = r.bytes_exact::<64>()?;
        r.finish()?;
        Ok(Self { raw, body, id, transaction, signature })
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> TxId {
        self.id
    }

    /// What is asked for.
    #[must_use]
    pub const fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// The signature, unchecked.
    #[must_use]
    pub const fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// The envelope as it came.
    #[must_use]
    pub fn raw(&self) -> RawTx {
        RawTx(self.raw.clone())
    }

    /// Size of the envelope, bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.raw.len()
    }

    /// The bytes its signature covers: there is one encoding only, so what came is what was signed.
    #[must_use]
    pub fn signing_message(&self) -> Vec<u8> {
        Domain::Transaction.message(&[&self.body])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Hash32;

    fn sample() -> Transaction {
        Transaction {
            genesis: GenesisHash::new(Hash32::new([1; 32])),
            score: ScoreName::new("token").unwrap(),
            method: "transfer".into(),
            args: Bytes::from_static(&[0x82, 0x41, 7, 0x18, 100]),
            signer: CertificateId::new(Hash32::new([2; 32])),
            nonce: 3,
            expiry: BlockTime::new(1_700_000_000_000_000),
        }
    }

    #[test]
    fn an_envelope_round_trips_and_its_id_excludes_the_signature() {
        let a = SignedTransaction::decode(&sample().into_envelope(&[9; 64])).unwrap();
        let b = SignedTransaction::decode(&sample().into_envelope(&[8; 64])).unwrap();
        assert_eq!(a.transaction(), &sample());
        assert_eq!(a.id(), b.id());
        assert_eq!(a.id(), sample().id());
        assert_ne!(a.raw(), b.raw());
    }

    #[test]
    fn every_cut_and_every_extra_byte_is_refused() {
        let raw = sample().into_envelope(&[9; 64]);
        for end in 0..raw.0.len() {
            assert!(SignedTransaction::decode(&RawTx(raw.0.slice(..end))).is_err(), "{end}");
        }
        let mut longer = raw.0.to_vec();
        longer.push(0);
        assert!(SignedTransaction::decode(&RawTx(longer.into())).is_err());
    }

    #[test]
    fn arguments_that_are_no_canonical_array_are_refused() {
        for args in [&[][..], &[0x00], &[0x81], &[0x80, 0], &[0x81, 0x18, 1], &[0x9f, 0xff]] {
            let tx = Transaction { args: Bytes::copy_from_slice(args), ..sample() };
            assert!(SignedTransaction::decode(&tx.into_envelope(&[0; 64])).is_err(), "{args:?}");
        }
    }
}
