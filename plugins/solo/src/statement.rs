//! The one thing the signer of `solo` ever signs, a [`Commit`], the Final proof made of it, and the
//! unsigned [`Status`].
//! Bytes in, checked values out; a form other than the one this file writes is refused, so that a
//! proof has one encoding and its hash means something.

use minicbor::{Decode, Encode};
use plugin_api::{
    FinalClaim, Hash, Pair, ProofError, RuleError, Slot, Statement, Verify, VerifyItem,
    mirror::{class, statement_message},
};
use sha2::{Digest, Sha256};

/// Index of the only validator.
pub const SIGNER: u16 = 0;

/// "This block with this result is final": the body of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Commit {
    /// View of the block.
    #[n(0)]
    pub view: u64,
    /// Block and result.
    #[n(1)]
    pub pair: Pair,
}

fn encoded<T: Encode<()>>(value: &T) -> Vec<u8> {
    // A `Vec` takes every byte, and the types of this file have no encoder that fails.
    minicbor::to_vec(value).unwrap_or_default()
}

/// Reads a value that was written by [`encoded`] and nothing else.
fn decoded<T: Encode<()> + for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Option<T> {
    let value = minicbor::decode(bytes).ok()?;
    (encoded(&value) == bytes).then_some(value)
}

impl Commit {
    /// The body of its statement.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        encoded(self)
    }

    /// The registers its statement writes: one proposal and one end in each view, for ever.
    #[must_use]
    pub fn slots(&self) -> Vec<Slot> {
        let result = Hash(Sha256::digest(encoded(&self.pair)).into());
        vec![
            Slot { view: self.view, class: class::PROPOSE_NORM, digest: self.pair.block },
            Slot { view: self.view, class: class::END, digest: result },
        ]
    }

    /// Reads a statement. Its signature is not looked at.
    ///
    /// # Errors
    /// When it is not of the signer, not a commit, or its registers are not those of its body.
    pub fn of(statement: &Statement) -> Result<Self, RuleError> {
        let refused = |message: &str| Err(RuleError { message: message.to_owned() });
        if statement.signer != SIGNER {
            return refused("the statement is not of the signer of this channel");
        }
        let Some(commit) = decoded::<Self>(&statement.body) else {
            return refused("the statement's body is not a commit of solo");
        };
        if statement.slots != commit.slots() {
            return refused("the statement's registers are not those of its body");
        }
        Ok(commit)
    }
}

/// "My last final block has this height": the one unsigned helper message. It proves nothing; who
/// says more than it has is found out when its blocks do not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Status {
    /// Height of the sender's last final block.
    #[n(0)]
    pub height: u64,
    /// Whoever is further says so.
    #[n(1)]
    pub wants_answer: bool,
}

impl Status {
    /// The message.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        encoded(self)
    }

    /// Reads the message.
    ///
    /// # Errors
    /// When it is not one.
    pub fn read(bytes: &[u8]) -> Result<Self, RuleError> {
        decoded(bytes)
            .ok_or_else(|| RuleError { message: "not a helper message of solo".to_owned() })
    }
}

/// The Final proof: the signed statement.
#[must_use]
pub fn proof_of(statement: &Statement) -> Vec<u8> {
    encoded(statement)
}

/// The statement in a Final proof, and what it commits. The signature is not looked at.
///
/// # Errors
/// When the bytes are not a proof of this rule.
pub fn read_proof(proof: &[u8]) -> Result<(Statement, Commit), ProofError> {
    let statement = decoded::<Statement>(proof)
        .ok_or_else(|| ProofError { message: "not a Final proof of solo".to_owned() })?;
    let commit = Commit::of(&statement).map_err(|error| ProofError { message: error.message })?;
    Ok((statement, commit))
}

/// Name of a Final proof in the header of the next block; zero when there is none.
#[must_use]
pub fn name_of_proof(proof: &[u8]) -> Hash {
    if proof.is_empty() { Hash::ZERO } else { Hash(Sha256::digest(proof).into()) }
}

/// Checks that the proof of a claim makes its header with its result final.
///
/// # Errors
/// When it does not.
pub fn verify_final(claim: &FinalClaim, verify: Verify) -> Result<(), ProofError> {
    let FinalClaim { statement_prefix, validators, header, pair, proof, .. } = claim;
    let refused = |message: &str| Err(ProofError { message: message.to_owned() });
    let [validator] = validators.as_slice() else {
        return refused("solo has one validator, this epoch has another number of them");
    };
    let (statement, commit) = read_proof(proof)?;
    if commit.pair != *pair || pair.block != header.id {
        return refused("the Final proof is of another block or of another result");
    }
    if commit.view != header.view || header.proposer != SIGNER {
        return refused("the Final proof is of another view than the header");
    }
    let item = VerifyItem {
        public_key: validator.public_key,
        message: statement_message(statement_prefix, &statement.slots, &statement.body),
        signature: statement.signature,
    };
    if verify(&[item]) { Ok(()) } else { refused("the signature of the Final proof is wrong") }
}
