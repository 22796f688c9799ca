//! The rule-neutral envelope of what a validator signs. The rule owns the body; the host owns the
//! slots' registers, the key and the signature.

use crate::codec::{CodecError, Decode, Encode, Reader, Writer};
use crate::hash::{Domain, Hash32};
use crate::height::{Epoch, View};
use crate::ids::{BlockId, GenesisHash};
use crate::limits::{STATEMENT_BYTES_MAX, STATEMENT_SLOTS_MAX};

/// One write-once register of the signing guard and what a statement writes into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// View of the register.
    pub view: View,
    /// Class of the register; the rule's numbering.
    pub class: u8,
    /// What it holds for ever once it is written.
    pub digest: Hash32,
}

impl Encode for Slot {
    fn encode(&self, w: &mut Writer) {
        w.array(3);
        self.view.encode(w);
        w.uint(u64::from(self.class));
        self.digest.encode(w);
    }
}

impl Decode<'_> for Slot {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(3)?;
        Ok(Self { view: View::decode(r)?, class: r.uint_as()?, digest: Hash32::decode(r)? })
    }
}

/// A signed statement as it travels; its signature is not checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Epoch whose validator set `signer` points into.
    pub epoch: Epoch,
    /// Index of the signer.
    pub signer: u16,
    /// Registers it writes.
    pub slots: Vec<Slot>,
    /// The rule's own encoding.
    pub body: Vec<u8>,
    /// Ed25519 over [`StatementPrefix::message`].
    pub signature: [u8; 64],
}

impl Encode for Statement {
    fn encode(&self, w: &mut Writer) {
        w.array(5);
        self.epoch.encode(w);
        w.uint(u64::from(self.signer));
        w.list(&self.slots);
        w.bytes(&self.body);
        w.bytes(&self.signature);
    }
}

impl Decode<'_> for Statement {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(5)?;
        Ok(Self {
            epoch: Epoch::decode(r)?,
            signer: r.uint_as()?,
            slots: r.list(STATEMENT_SLOTS_MAX)?,
            body: r.bytes(STATEMENT_BYTES_MAX)?.to_vec(),
            signature: r.bytes_exact::<64>()?,
        })
    }
}

/// What every statement of one channel and epoch begins with when it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementPrefix(Vec<u8>);

impl StatementPrefix {
    /// Binds domain, channel, rule, epoch and the epoch's root.
    #[must_use]
    pub fn new(genesis: GenesisHash, rule: &str, epoch: Epoch, root: BlockId) -> Self {
        Self(Domain::Statement.message(&[
            genesis.as_bytes(),
            rule.as_bytes(),
            &epoch.get().to_be_bytes(),
            root.as_bytes(),
        ]))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What a signature covers: prefix, number of slots, each slot, length of the body, body.
    /// (`plugin-api` has the same function in its own words; a test compares the two.)
    #[must_use]
    pub fn message(&self, slots: &[Slot], body: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() + slots.len() * 41 + body.len() + 16);
        out.extend_from_slice(&self.0);
        out.extend_from_slice(&(slots.len() as u64).to_be_bytes());
        for slot in slots {
            out.extend_from_slice(&slot.view.get().to_be_bytes());
            out.push(slot.class);
            out.extend_from_slice(slot.digest.as_bytes());
        }
        out.extend_from_slice(&(body.len() as u64).to_be_bytes());
        out.extend_from_slice(body);
        out
    }
}
