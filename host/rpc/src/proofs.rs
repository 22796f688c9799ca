//! Why a block is final and how a transaction ended, what a channel runs with, and who broke a rule: with all that
//! somebody needs to check it.
//!
//! In and out: the answers of [`crate::gateway::Gateway`]. Not here: checking them (`host/client`).

use host_types::block::{Header, RootPair};
use host_types::change::Change;
use host_types::epoch::{EpochConfig, Epochs};
use host_types::genesis::{ChannelGenesis, Policy, RuleConfig};
use host_types::merkle::Inclusion;
use host_types::proof::FinalProof;
use host_types::validators::ValidatorSet;
use host_types::{ChannelName, Epoch, Hash32, Height, NodeName, Receipt, SignedTransaction};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a block is final, with all that somebody needs who holds only the channel's genesis and the
/// file of its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofView {
    /// The channel.
    pub channel: ChannelName,
    /// The block's header.
    pub header: Header,
    /// Its own result.
    pub roots: RootPair,
    /// Its Final proof: of itself, or of a descendant with the headers down to it.
    pub proof: FinalProof,
    /// The rule of its epoch.
    pub rule: RuleConfig,
    /// The validators of its epoch.
    pub validators: ValidatorSet,
    /// Who signed the proof, and with what weight.
    pub signers: Vec<(NodeName, u64)>,
    /// How the epochs before it ended, the first one first: they lead from the genesis to the rule and
    /// validators above.
    pub epochs: Vec<EpochEnd>,
}

/// The end of an epoch, and what the next one runs with: all that somebody needs who knows the epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The sealing block.
    pub header: Header,
    /// Its result.
    pub roots: RootPair,
    /// Its Final proof.
    pub proof: FinalProof,
    /// What the next epoch runs with.
    pub next: EpochConfig,
}

/// What shows, without the network, that a transaction is final and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptView {
    /// The transaction.
    pub transaction: SignedTransaction,
    /// The certificate of its signer, DER.
    pub certificate: Vec<u8>,
    /// Its receipt.
    pub receipt: Receipt,
    /// From its id to the transaction root of the header.
    pub included: Inclusion,
    /// From its receipt to the receipts root of the block.
    pub resulted: Inclusion,
    /// What the channel was made of.
    pub genesis: Arc<ChannelGenesis>,
    /// Why the block is final.
    pub proof: ProofView,
}

/// What a channel runs with, and what is to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochsView {
    /// What the channel was made of.
    pub genesis: Arc<ChannelGenesis>,
    /// All epochs so far.
    pub epochs: Arc<Epochs>,
    /// What the next one runs with, once that is accepted.
    pub next: Option<Arc<EpochConfig>>,
    /// Changes that are open or accepted.
    pub changes: Vec<ChangeView>,
    /// Validators that lead nothing, by epoch, because they were absent in the one before.
    pub excluded: BTreeMap<Epoch, Vec<NodeName>>,
}

/// A change that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeView {
    /// Its id.
    pub id: Hash32,
    /// What it says.
    pub change: Change,
    /// Whether it is accepted, and waits to be in force.
    pub is_accepted: bool,
    /// Height of the block it was proposed in.
    pub proposed: Height,
    /// What accepts it.
    pub policy: Policy,
    /// Validators that approved it, or members of organisations where those are counted.
    pub approvals: Vec<NodeName>,
    /// Organisations that agreed so far, where they are counted.
    pub organisations: Vec<String>,
    /// What validators count that approved it.
    pub weight: u64,
}

/// Two statements of one validator that cannot both be honest: one register, two values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceView {
    /// Who signed both.
    pub signer: NodeName,
    /// The key that it signed with.
    pub public_key: [u8; 32],
    /// Epoch of the register.
    pub epoch: u64,
    /// View of the register.
    pub view: u64,
    /// Class of the register; the rule's numbering.
    pub class: u8,
    /// What each statement writes into it.
    pub digests: [Hash32; 2],
    /// The statements, in their canonical encoding.
    pub statements: [Vec<u8>; 2],
    /// The block in which it was recorded on the chain; none while it stands on this node only.
    pub recorded: Option<Height>,
}
