//! The words a rule and its host share: small mirror types of the host's own, so that the host's
//! may change every day while this interface does not.
//!
//! Everything here is encoded as a CBOR array with fixed field order. Not here: transactions,
//! full headers, receipts.

use minicbor::{Decode, Decoder, Encode, Encoder, data::Type, decode, encode};

/// 32 bytes: a block id, a root, a digest. Encoded as a CBOR byte string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// All zero: "none" where a field is optional by meaning (the genesis has no parent).
    pub const ZERO: Self = Self([0; 32]);
}

impl core::fmt::Debug for Hash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for byte in self.0.iter().take(4) {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl<C> Encode<C> for Hash {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Hash {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        if d.datatype()? != Type::Bytes {
            return Err(decode::Error::message("a hash is a byte string of definite length"));
        }
        let bytes = d.bytes()?;
        bytes.try_into().map(Self).map_err(|_| decode::Error::message("a hash has 32 bytes"))
    }
}

/// The unit of agreement: a block and the result of executing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(array)]
pub struct Pair {
    /// Id of the block.
    #[n(0)]
    pub block: Hash,
    /// Root of the state after the block.
    #[n(1)]
    pub state_root: Hash,
    /// Root of the block's receipts.
    #[n(2)]
    pub receipts_root: Hash,
}

/// How a block came to be proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum ProposalKind {
    /// On a certified parent, with a justification.
    #[n(0)]
    Norm,
    /// On the proposal of the view before, not yet certified.
    #[n(1)]
    Opt,
    /// After a sealing block; never enters the ledger.
    #[n(2)]
    Closing,
}

/// What a rule sees of a header. The host has decoded and hashed the header itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct HeaderView {
    /// Id of the block (hash of its header).
    #[n(0)]
    pub id: Hash,
    /// Epoch the block belongs to.
    #[n(1)]
    pub epoch: u64,
    /// View the block was proposed in; 0 only for the root of an epoch.
    #[n(2)]
    pub view: u64,
    /// How it was proposed.
    #[n(3)]
    pub kind: ProposalKind,
    /// Position in the chain; genesis is 0.
    #[n(4)]
    pub height: u64,
    /// Parent and its result, as the header names them.
    #[n(5)]
    pub parent: Pair,
    /// View of the parent.
    #[n(6)]
    pub parent_view: u64,
    /// Index of the proposer in the validator set of the epoch.
    #[n(7)]
    pub proposer: u16,
    /// Hash of the newest Final proof the proposer knew.
    #[n(8)]
    pub carried: Hash,
    /// True when the block has no transactions.
    #[n(9)]
    pub is_empty: bool,
    /// True for a sealing block: the last one of its epoch in the ledger. Once it is final the epoch
    /// is over. Since 1.2.
    #[cbor(n(10), default, skip_if = "is_false")]
    pub is_sealing: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the derive passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl HeaderView {
    /// Whether only closing blocks may follow it inside its epoch.
    #[must_use]
    pub const fn ends_transactions(&self) -> bool {
        self.is_sealing || matches!(self.kind, ProposalKind::Closing)
    }

    /// Whether this block may stand on `parent` as far as kind, height and payload tell; a parent of
    /// another epoch is the root of this one.
    #[must_use]
    pub const fn may_follow(&self, parent: &Self) -> bool {
        if parent.epoch == self.epoch && parent.ends_transactions() {
            return matches!(self.kind, ProposalKind::Closing)
                && self.height == parent.height
                && self.is_empty
                && !self.is_sealing;
        }
        !matches!(self.kind, ProposalKind::Closing)
            && matches!(parent.height.checked_add(1), Some(next) if next == self.height)
    }

    /// Whether it has to become final even when nothing follows: it carries transactions, or seals.
    #[must_use]
    pub const fn is_work(&self) -> bool {
        !self.is_empty || self.is_sealing
    }
}

/// How a group that counts as one speaks (`lft.md` 3.2). A `flat` group is a label only: its
/// members count each for itself, and the host has split its weight over them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum GroupMode {
    /// The group says what members of enough inner weight signed.
    #[n(0)]
    Quorum,
    /// As `Quorum`, but the vote of the view's delegate alone is the group's vote.
    #[n(1)]
    Delegate,
}

/// A group that counts as one. Every member carries the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct Unit {
    /// How it speaks.
    #[n(0)]
    pub mode: GroupMode,
    /// What the whole group counts.
    #[n(1)]
    pub weight: u64,
    /// Inner weight that speaks for the group: more than half of its members' together.
    #[n(2)]
    pub threshold: u64,
}

/// One validator of an epoch, in the order of the set (its position is its index).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Validator {
    /// `ORG/NAME`.
    #[n(0)]
    pub name: String,
    /// Ed25519 public key that its statements are verified with.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub public_key: [u8; 32],
    /// What its statements count; inside its group only, when the group counts as one.
    #[n(2)]
    pub weight: u64,
    /// Name of its group; a validator alone is a group of one.
    #[n(3)]
    pub group: String,
    /// Set when the group counts as one; none in a flat group. Since 1.1.
    #[n(4)]
    pub unit: Option<Unit>,
}

/// What a rule is created with. All of it is the same on every node but `me`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct InitCfg {
    /// Everything a statement's signature covers before slots and body: domain, channel genesis
    /// hash, rule id, epoch and epoch root. See [`statement_message`].
    #[cbor(n(0), with = "minicbor::bytes")]
    pub statement_prefix: Vec<u8>,
    /// Current epoch.
    #[n(1)]
    pub epoch: u64,
    /// Root of the epoch: genesis, or the last block of the epoch before.
    #[n(2)]
    pub root: HeaderView,
    /// Result of the root.
    #[n(3)]
    pub root_pair: Pair,
    /// The last final block of this node (equal to the root in a new epoch).
    #[n(4)]
    pub head: HeaderView,
    /// Result of the head.
    #[n(5)]
    pub head_pair: Pair,
    /// Final proof of the head; empty when the head is the root.
    #[cbor(n(6), with = "minicbor::bytes")]
    pub head_proof: Vec<u8>,
    /// Validators of the epoch.
    #[n(7)]
    pub validators: Vec<Validator>,
    /// Index of this node in `validators`; none for a node that only follows.
    #[n(8)]
    pub me: Option<u16>,
    /// Parameters of the rule, `name = value`, sorted by name; durations in whole milliseconds.
    #[n(9)]
    pub parameters: Vec<(String, String)>,
    /// Indices, ascending, of validators that lead no view of this epoch because their views were
    /// nulled again and again in the one before: computed by the host from the epoch's root, the
    /// same on every node. They vote and count as ever. Since 1.1.
    #[cbor(n(10), skip_if = "Vec::is_empty")]
    pub excluded: Vec<u16>,
    /// Set when this node has no trusted log of what it signed in this epoch: the rule asks the others
    /// how far they are, with this fresh nonce, says [`crate::Output::Closed`], and wants nothing signed
    /// in views up to that one. The host's guard refuses everything until then. A rule that knows nothing
    /// of this never signs again in this epoch. Since 1.2.
    #[n(11)]
    pub rejoin: Option<Hash>,
}

/// One register of the signing guard and what a statement writes into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(array)]
pub struct Slot {
    /// View of the register.
    #[n(0)]
    pub view: u64,
    /// Class of the register, see [`class`].
    #[n(1)]
    pub class: u8,
    /// What the register holds for ever once it is written.
    #[n(2)]
    pub digest: Hash,
}

/// Classes of the write-once registers (`lft.md` 4.2).
pub mod class {
    /// An optimistic proposal.
    pub const PROPOSE_OPT: u8 = 1;
    /// A proposal with a justification.
    pub const PROPOSE_NORM: u8 = 2;
    /// A vote.
    pub const VOTE: u8 = 3;
    /// Skip, or Commit of a pair. With fast commit: Commit of a pair, or any fallback.
    pub const END: u8 = 4;
    /// With fast commit, in place of [`VOTE`]: the first statement of a view, a vote or a Skip.
    pub const FIRST: u8 = 5;
}

/// A signed statement as it travels. The host has checked signer, channel, size and signature
/// before a rule sees one; the rule recomputes the slots from the body and refuses a mismatch.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Statement {
    /// Index of the signer in the validator set.
    #[n(0)]
    pub signer: u16,
    /// Registers the statement writes.
    #[n(1)]
    pub slots: Vec<Slot>,
    /// The rule's own encoding.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// Ed25519 over [`statement_message`].
    #[cbor(n(3), with = "minicbor::bytes")]
    pub signature: Vec<u8>,
}

/// The bytes a statement's signature covers: the prefix of the channel and epoch, the number of
/// slots, each slot (view, class, digest), then the body; every part framed by its length.
#[must_use]
pub fn statement_message(prefix: &[u8], slots: &[Slot], body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(prefix.len() + slots.len() * 41 + body.len() + 16);
    out.extend_from_slice(prefix);
    out.extend_from_slice(&(slots.len() as u64).to_be_bytes());
    for slot in slots {
        out.extend_from_slice(&slot.view.to_be_bytes());
        out.push(slot.class);
        out.extend_from_slice(&slot.digest.0);
    }
    out.extend_from_slice(&(body.len() as u64).to_be_bytes());
    out.extend_from_slice(body);
    out
}
