//! The validator set of one epoch as the rule needs it: prefix, keys, weights, quorum.
//!
//! In: the mirror types of the host. Out: weights by index, signature checks. Not here: groups.

use crate::quorum::{Quorum, QuorumError};
use crate::statement::Body;
use plugin_api::{Validator, Verify, VerifyItem};

/// One validator set.
#[derive(Clone, Debug)]
pub struct Validators {
    prefix: Vec<u8>,
    members: Vec<([u8; 32], u64)>,
    quorum: Quorum,
}

/// A signature of one validator under a body.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) signer: u16,
    pub(crate) body: Body,
    pub(crate) signature: &'a [u8],
}

impl Validators {
    /// Takes the set of an epoch and the prefix of its statements.
    ///
    /// # Errors
    /// As [`Quorum::new`].
    pub fn new(prefix: &[u8], validators: &[Validator]) -> Result<Self, QuorumError> {
        Ok(Self {
            prefix: prefix.to_vec(),
            members: validators.iter().map(|v| (v.public_key, v.weight)).collect(),
            quorum: Quorum::of(validators)?,
        })
    }

    /// The three numbers.
    #[must_use]
    pub fn quorum(&self) -> Quorum {
        self.quorum
    }

    #[cfg(feature = "planted-bugs")]
    pub(crate) fn quorum_mut(&mut self) -> &mut Quorum {
        &mut self.quorum
    }

    /// How many validators there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// Weight of a validator, 0 for an index nobody has.
    #[must_use]
    pub fn weight(&self, signer: u16) -> u64 {
        self.members.get(usize::from(signer)).map_or(0, |(_, weight)| *weight)
    }

    /// Checks that the signers are known, strictly ascending, and together weigh a quorum.
    pub(crate) fn check_signers(&self, signers: impl Iterator<Item = u16>) -> Result<(), String> {
        let mut last = None;
        let mut weight = 0u64;
        for signer in signers {
            if last.is_some_and(|last| last >= signer) {
                return Err(format!("signer {signer} is out of order or counted twice"));
            }
            last = Some(signer);
            match self.weight(signer) {
                0 => return Err(format!("there is no validator {signer}")),
                more => weight = weight.saturating_add(more),
            }
        }
        if self.quorum.reached(weight) {
            Ok(())
        } else {
            Err(format!("weight {weight} is below the quorum {}", self.quorum.needed))
        }
    }

    /// Checks signatures in one call of the host's verifier.
    pub(crate) fn check_claims<'a>(
        &self,
        claims: impl Iterator<Item = Claim<'a>>,
        verify: Verify,
    ) -> Result<(), String> {
        let mut items: Vec<VerifyItem> = Vec::new();
        for claim in claims {
            let Some((key, _)) = self.members.get(usize::from(claim.signer)) else {
                return Err(format!("there is no validator {}", claim.signer));
            };
            items.push(claim.body.verify_item(&self.prefix, *key, claim.signature));
        }
        if items.is_empty() || verify(&items) {
            Ok(())
        } else {
            Err("a signature is wrong".to_owned())
        }
    }
}
