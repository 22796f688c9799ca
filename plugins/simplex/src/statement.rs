//! What a validator can say, and the register each saying fills.
//!
//! A register is named by (view, class) and holds one digest for ever; the host's guard keeps it.
//! Vote has a register of its own; Skip and Commit of a view share one, so that nobody can sign
//! both. That is all the memory that agreement rests on. Not here: signatures (the host checks
//! them), counting (`tally`).

use minicbor::{Decode, Encode};
use plugin_api::canonical;
use plugin_api::{
    Hash, Pair, Slot, Statement, VerifyItem,
    mirror::{class, statement_message},
};
use sha2::{Digest, Sha256};

/// What a validator can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Body {
    /// I propose this block.
    #[n(0)]
    Propose {
        /// The view.
        #[n(0)]
        view: u64,
        /// The block.
        #[n(1)]
        block: Hash,
    },
    /// I checked this block and got this result, and I vote for nothing else in this view.
    #[n(1)]
    Vote {
        /// The view.
        #[n(0)]
        view: u64,
        /// Block and result.
        #[n(1)]
        pair: Pair,
    },
    /// I give up on this view and shall never commit in it.
    #[n(2)]
    Skip {
        /// The view.
        #[n(0)]
        view: u64,
    },
    /// I hold the certificate of this pair and shall never skip its view.
    #[n(3)]
    Commit {
        /// The view.
        #[n(0)]
        view: u64,
        /// Block and result.
        #[n(1)]
        pair: Pair,
    },
}

impl Body {
    /// Encodes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        canonical::encode(self)
    }

    /// Decodes.
    ///
    /// # Errors
    /// One line, when the bytes are not exactly one body, or it is of view 0: the root of an epoch
    /// is agreed already.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let body: Self = canonical::decode(bytes)?;
        if body.view() == 0 { Err("nothing is signed in view 0".to_owned()) } else { Ok(body) }
    }

    /// Its view.
    #[must_use]
    pub fn view(&self) -> u64 {
        match self {
            Self::Propose { view, .. }
            | Self::Vote { view, .. }
            | Self::Skip { view }
            | Self::Commit { view, .. } => *view,
        }
    }

    /// The register it fills.
    #[must_use]
    pub fn slot(&self) -> Slot {
        let (class, digest) = match self {
            Self::Propose { block, .. } => (class::PROPOSE_NORM, *block),
            Self::Vote { pair, .. } => (class::VOTE, digest("vote", Some(pair))),
            Self::Skip { .. } => (class::END, digest("skip", None)),
            Self::Commit { pair, .. } => (class::END, digest("commit", Some(pair))),
        };
        Slot { view: self.view(), class, digest }
    }

    /// The bytes whose signature a certificate carries.
    #[must_use]
    pub fn verify_item(&self, prefix: &[u8], public_key: [u8; 32], signature: &[u8]) -> VerifyItem {
        let message = statement_message(prefix, &[self.slot()], &self.encode());
        VerifyItem { public_key, message, signature: signature.to_vec() }
    }
}

/// Reads a statement that the host received.
///
/// # Errors
/// When it is malformed, or names other registers than its body fills: what the signer's guard
/// kept must be what counts.
pub fn read(statement: &Statement) -> Result<Body, String> {
    let body = Body::decode(&statement.body)?;
    if statement.slots == [body.slot()] {
        Ok(body)
    } else {
        Err("the registers are not those of the body".to_owned())
    }
}

/// No tag is the beginning of another, and a pair has one length.
fn digest(tag: &str, pair: Option<&Pair>) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(tag.as_bytes());
    if let Some(pair) = pair {
        for part in [&pair.block, &pair.state_root, &pair.receipts_root] {
            hasher.update(part.0);
        }
    }
    Hash(hasher.finalize().into())
}

#[cfg(test)]
#[path = "statement_tests.rs"]
mod tests;
