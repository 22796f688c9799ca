//! What shows anyone, later, that a block is final: the rule's own proof of the block or of a
//! descendant, and the headers that lead from the block to that descendant.

use crate::block::{Header, ProposalKind, RootPair};
use crate::codec::{CodecError, Decode, Encode, Reader, Writer};
use crate::epoch::{closes, ends_transactions};
use crate::hash::{Domain, Hash32};
use crate::ids::BlockId;
use crate::limits::{BLOCKS_AHEAD_MAX, RULE_BYTES_MAX};

/// A Final proof. Only a rule's `verify_final` can say whether `rule_proof` proves anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalProof {
    /// Headers after the block, oldest first, up to the block that `rule_proof` is about; empty
    /// when it is about the block itself. Behind a sealing block they are those of closing blocks,
    /// which stand in no ledger.
    pub descendants: Vec<Header>,
    /// Result of the block that `rule_proof` is about.
    pub roots: RootPair,
    /// The rule's own bytes.
    pub rule_proof: Vec<u8>,
}

impl FinalProof {
    /// Follows the headers from `header` (whose result is claimed to be `roots`) to the block that
    /// the rule's proof is about; gives its header. `None` when a link is broken.
    #[must_use]
    pub fn target<'a>(&'a self, header: &'a Header, roots: RootPair) -> Option<&'a Header> {
        let mut at = (header, header.id(), Some(roots));
        for next in &self.descendants {
            let follows = if ends_transactions(at.0) {
                closes(next, at.0)
            } else {
                next.kind != ProposalKind::Closing && next.height == at.0.height.next()
            };
            let parent_fits = next.parent.block == at.1
                && at.2.is_none_or(|roots| roots == next.parent.roots)
                && next.epoch == at.0.epoch
                && follows;
            if !parent_fits {
                return None;
            }
            // A closing block has the result of the sealing block.
            let roots = ends_transactions(at.0).then_some(next.parent.roots);
            at = (next, next.id(), roots);
        }
        at.2.is_none_or(|roots| roots == self.roots).then_some(at.0)
    }

    /// Its hash, as later headers carry it.
    #[must_use]
    pub fn hash(&self) -> Hash32 {
        Domain::Proof.hash(&[&self.rule_proof])
    }

    /// The block the rule's proof is about, when `block` is the block this proof belongs to.
    #[must_use]
    pub fn proved_block(&self, block: BlockId) -> BlockId {
        self.descendants.last().map_or(block, Header::id)
    }
}

impl Encode for FinalProof {
    fn encode(&self, w: &mut Writer) {
        w.array(3);
        w.list(&self.descendants);
        self.roots.encode(w);
        w.bytes(&self.rule_proof);
    }
}

impl Decode<'_> for FinalProof {
    fn decode(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(3)?;
        Ok(Self {
            descendants: r.list(BLOCKS_AHEAD_MAX)?,
            roots: RootPair::decode(r)?,
            rule_proof: r.bytes(RULE_BYTES_MAX)?.to_vec(),
        })
    }
}
