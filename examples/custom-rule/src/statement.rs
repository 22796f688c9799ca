//! What is signed and what proves a block final. In: bytes. Out: checked values.
//!
//! Not here: who may say what (`rule`).

use minicbor::{Decode, Encode};
use plugin_api::{
    Hash, Pair, RuleError, Slot, Statement, Validator, Verify, VerifyItem,
    mirror::{class, statement_message},
};
use sha2::{Digest, Sha256};

/// What a validator says about the block of a view; there is one view for each height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Body {
    /// The leader proposes this block.
    #[n(0)]
    Propose {
        /// The view.
        #[n(0)]
        view: u64,
        /// The block.
        #[n(1)]
        block: Hash,
    },
    /// I executed this block with this result, and acknowledge nothing else in this view.
    #[n(1)]
    Ack {
        /// The view.
        #[n(0)]
        view: u64,
        /// Block and result.
        #[n(1)]
        pair: Pair,
    },
}

/// Acknowledgements that make a block final.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Proof {
    /// Of what.
    #[n(0)]
    pub body: Body,
    /// Signer and signature, ascending.
    #[n(1)]
    pub acks: Vec<Ack>,
}

/// One signature of a proof.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Ack {
    /// Index of the signer.
    #[n(0)]
    pub signer: u16,
    /// Its signature.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub signature: Vec<u8>,
}

/// A refusal in one line.
pub(crate) fn refused(message: impl Into<String>) -> RuleError {
    RuleError { message: message.into() }
}

/// Encodes.
pub(crate) fn encode<T: Encode<()>>(thing: &T) -> Vec<u8> {
    // Writing into a vector cannot fail; empty bytes are refused by every reader.
    minicbor::to_vec(thing).unwrap_or_default()
}

/// Decodes bytes that are exactly one encoded thing.
pub(crate) fn decode<T>(bytes: &[u8]) -> Result<T, RuleError>
where
    T: Encode<()> + for<'b> Decode<'b, ()>,
{
    let thing: T = minicbor::decode(bytes).map_err(|error| refused(error.to_string()))?;
    if encode(&thing) == bytes { Ok(thing) } else { Err(refused("not the one encoding")) }
}

impl Body {
    /// Its view.
    #[must_use]
    pub fn view(&self) -> u64 {
        match self {
            Self::Propose { view, .. } | Self::Ack { view, .. } => *view,
        }
    }

    /// The register it fills.
    #[must_use]
    pub fn slot(&self) -> Slot {
        match self {
            Self::Propose { view, block } => {
                Slot { view: *view, class: class::PROPOSE_NORM, digest: *block }
            }
            Self::Ack { view, .. } => {
                let digest = Hash(Sha256::digest(encode(self)).into());
                Slot { view: *view, class: class::VOTE, digest }
            }
        }
    }

    /// Reads a statement; its registers must be those of its body.
    ///
    /// # Errors
    /// When they are not, or the bytes are no body.
    pub fn read(statement: &Statement) -> Result<Self, RuleError> {
        let body: Self = decode(&statement.body)?;
        if statement.slots == [body.slot()] { Ok(body) } else { Err(refused("wrong registers")) }
    }
}

/// N - f of the weights, f = (N - 1) div 3.
#[must_use]
pub fn quorum(validators: &[Validator]) -> u64 {
    let total: u64 = validators.iter().map(|validator| validator.weight).sum();
    total - total.saturating_sub(1) / 3
}

impl Proof {
    /// Checks weight and signatures.
    ///
    /// # Errors
    /// One line: what does not hold.
    pub fn check(
        &self,
        prefix: &[u8],
        validators: &[Validator],
        verify: Verify,
    ) -> Result<(), RuleError> {
        let message = statement_message(prefix, &[self.body.slot()], &encode(&self.body));
        let (mut weight, mut last, mut items) = (0u64, None, Vec::new());
        for Ack { signer, signature } in &self.acks {
            if last.is_some_and(|last| last >= *signer) {
                return Err(refused("a signer is out of order or counted twice"));
            }
            last = Some(*signer);
            let Some(validator) = validators.get(usize::from(*signer)) else {
                return Err(refused(format!("there is no validator {signer}")));
            };
            weight = weight.saturating_add(validator.weight);
            items.push(VerifyItem {
                public_key: validator.public_key,
                message: message.clone(),
                signature: signature.clone(),
            });
        }
        if weight < quorum(validators) {
            return Err(refused(format!("weight {weight} is not enough")));
        }
        if verify(&items) { Ok(()) } else { Err(refused("a signature is wrong")) }
    }
}
