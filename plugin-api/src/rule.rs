//! The typed side of the contract: the trait an author implements and a simulator steps.

use crate::{
    input::Input,
    mirror::{InitCfg, Validator},
    output::Output,
    wire::FinalClaim,
};
use minicbor::{Decode, Encode};

/// One signature to check: `statement_message` bytes under a public key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct VerifyItem {
    /// Ed25519 public key.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub public_key: [u8; 32],
    /// What was signed.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub message: Vec<u8>,
    /// 64 bytes.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub signature: Vec<u8>,
}

/// The host's one signature rule (ZIP 215), or a simulator's test signer. Pure: the same items
/// always get the same answer. True only when every item is right.
pub type Verify = fn(&[VerifyItem]) -> bool;

/// Why a rule could not be created or stepped.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RuleError {
    /// One line: what is wrong and what to do.
    #[n(0)]
    pub message: String,
}

/// Why a Final proof was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ProofError {
    /// One line.
    #[n(0)]
    pub message: String,
}

/// What an operator sees of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(array)]
pub struct Inspect {
    /// Current epoch.
    #[n(0)]
    pub epoch: u64,
    /// Current view.
    #[n(1)]
    pub view: u64,
    /// Index of the leader of the view.
    #[n(2)]
    pub leader: u16,
    /// Weight that a certificate needs.
    #[n(3)]
    pub quorum: u64,
    /// Weight of all validators.
    #[n(4)]
    pub total: u64,
    /// Weight that may be faulty without harm.
    #[n(5)]
    pub faulty_max: u64,
    /// Views without a commit since the head.
    #[n(6)]
    pub fails: u64,
    /// More, one `name = value` each.
    #[n(7)]
    pub details: Vec<(String, String)>,
}

/// One parameter of a rule, for `channel check`, for the manual and for error messages.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Parameter {
    /// Name in the channel's table of the rule.
    #[n(0)]
    pub name: String,
    /// Unit of the whole number (`ms`), or the values that are possible (`core | group`).
    #[n(1)]
    pub unit: String,
    /// Value when it is not given; empty when it must be given.
    #[n(2)]
    pub default: String,
    /// One sentence.
    #[n(3)]
    pub meaning: String,
}

/// A consensus rule. No clock, no I/O, no randomness, no threads, no keys: the same inputs give
/// the same outputs, byte for byte.
pub trait ConsensusRule: Send + Sized + 'static {
    /// Short name used in `channels.toml` (`lft`).
    const ID: &'static str;
    /// Version of the rule's behaviour and formats.
    const VERSION: u32;

    /// The parameters the rule takes, sorted by name.
    #[must_use]
    fn parameters() -> Vec<Parameter> {
        Vec::new()
    }

    /// Makes an instance from the channel's configuration and its own log: every record it
    /// persisted and every statement it signed since the head, in the order they were written.
    ///
    /// # Errors
    /// When the parameters or the log make no sense.
    fn init(
        cfg: InitCfg,
        log: &[LogRecord],
        verify: Verify,
    ) -> Result<(Self, Vec<Output>), RuleError>;

    /// Takes one input. `now_ms` is monotonic.
    ///
    /// # Errors
    /// When the input is malformed (the host may penalise its sender). What the rule has wished
    /// by then is carried out all the same, and the refusal becomes a line of the log.
    fn step(&mut self, now_ms: u64, input: Input, out: &mut Vec<Output>) -> Result<(), RuleError>;

    /// For status pages and metrics.
    fn inspect(&self) -> Inspect;

    /// Checks that the proof of a claim makes its header final with its result, by the validators
    /// and parameters of that epoch.
    ///
    /// # Errors
    /// When the proof does not prove it.
    fn verify_final(claim: &FinalClaim, verify: Verify) -> Result<(), ProofError>;

    /// Who signed a Final proof, with weights.
    ///
    /// # Errors
    /// When the bytes are not a proof of this rule.
    fn describe_proof(
        validators: &[Validator],
        proof: &[u8],
    ) -> Result<Vec<(u16, u64)>, ProofError>;
}

/// One entry of a rule's log as given back to [`ConsensusRule::init`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum LogRecord {
    /// A record of [`Output::Persist`].
    #[n(0)]
    Rule {
        /// Its view.
        #[n(0)]
        view: u64,
        /// The rule's own bytes.
        #[cbor(n(1), with = "minicbor::bytes")]
        record: Vec<u8>,
    },
    /// A statement this node signed.
    #[n(1)]
    Own {
        /// The statement.
        #[n(0)]
        statement: crate::mirror::Statement,
    },
}
