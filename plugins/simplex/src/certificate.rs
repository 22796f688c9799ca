//! A certificate: one thing, said by weight q. Of a Vote it makes a block certified, of a Skip a
//! view null, of a Commit a block final (then it is the block's Final proof).
//!
//! It carries the signatures themselves, so that anyone can check it alone. Not here: when one is
//! made (`tally`) or needed (`machine`).

use crate::{committee::Committee, statement::Body};
use minicbor::{Decode, Encode};
use plugin_api::{Verify, canonical};

/// Certificates in one justification or helper message, at most; more are pulled by asking again.
pub const CERTIFICATES_MAX: usize = 64;

/// One signature.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Signed {
    /// Index of the signer.
    #[n(0)]
    pub signer: u16,
    /// Its signature.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub signature: Vec<u8>,
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Certificate {
    /// What was said: a Vote, Skip or Commit.
    #[n(0)]
    pub body: Body,
    /// By whom, ascending.
    #[n(1)]
    pub signed: Vec<Signed>,
}

impl Certificate {
    /// Encodes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        canonical::encode(self)
    }

    /// Decodes.
    ///
    /// # Errors
    /// One line, when the bytes are not exactly one certificate.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        canonical::decode(bytes)
    }

    /// Checks form, weight and every signature.
    ///
    /// # Errors
    /// One line: what does not hold.
    pub fn check(&self, committee: &Committee, verify: Verify) -> Result<(), String> {
        if self.body.view() == 0 || matches!(self.body, Body::Propose { .. }) {
            return Err("nothing is certified by that".to_owned());
        }
        committee.check(&self.body, &self.signed, verify)
    }
}

/// Encodes a justification.
#[must_use]
pub fn encode_all(certificates: &Vec<Certificate>) -> Vec<u8> {
    canonical::encode(certificates)
}

/// Decodes a justification.
///
/// # Errors
/// One line, when the bytes are not exactly a list of certificates, or it is too long.
pub fn decode_all(bytes: &[u8]) -> Result<Vec<Certificate>, String> {
    let list: Vec<Certificate> = canonical::decode(bytes)?;
    if list.len() > CERTIFICATES_MAX {
        return Err(format!("{} certificates at once", list.len()));
    }
    Ok(list)
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
