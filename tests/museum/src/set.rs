//! Who votes in an old rule, and what a list of their votes proves.
//!
//! In: the configuration of an instance, statements. Out: whether a list of votes is a quorum. Every
//! voter counts one. Not here: when a quorum means anything (`lft1`, `lft2`).

use crate::{quorum, said::Said};
use plugin_api::{
    FinalClaim, Hash, InitCfg, Output, ProofError, RuleError, Statement, Then, Validator, Verify,
    VerifyItem, canonical, mirror::statement_message,
};
use std::collections::BTreeSet;

/// The voters.
#[derive(Clone, Debug)]
pub struct Set {
    prefix: Vec<u8>,
    keys: Vec<[u8; 32]>,
    verify: Verify,
    /// This node's index; none for a node that only follows.
    pub me: Option<u16>,
    sequence: u64,
}

impl Set {
    /// The set of an instance.
    ///
    /// # Errors
    /// When nobody votes.
    pub fn new(cfg: &InitCfg, verify: Verify) -> Result<Self, RuleError> {
        let set = Self::of(&cfg.statement_prefix, &cfg.validators, cfg.me, verify);
        if set.keys.is_empty() {
            return Err(RuleError { message: "nobody votes".to_owned() });
        }
        Ok(set)
    }

    fn of(prefix: &[u8], validators: &[Validator], me: Option<u16>, verify: Verify) -> Self {
        let keys = validators.iter().map(|validator| validator.public_key).collect();
        Self { prefix: prefix.to_vec(), keys, verify, me, sequence: 0 }
    }

    /// How many vote.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.keys.len() as u64
    }

    /// How many votes decide.
    #[must_use]
    pub fn quorum(&self) -> usize {
        usize::try_from(quorum::of_2_8_1(self.count())).unwrap_or(usize::MAX)
    }

    /// Leader number so many, around and around.
    #[must_use]
    pub fn turn(&self, number: u64) -> u16 {
        u16::try_from(number % self.count()).unwrap_or(0)
    }

    /// A wish to sign and send to all.
    pub fn sign(&mut self, said: Said, then: Then, out: &mut Vec<Output>) {
        if self.me.is_none() {
            return;
        }
        self.sequence += 1;
        let needs = match said {
            Said::Announce { block, .. } => vec![block],
            Said::Vote { .. } | Said::Complain { .. } => Vec::new(),
        };
        out.push(Output::Sign {
            sequence: self.sequence,
            slots: vec![said.slot()],
            body: said.encode(),
            then,
            needs,
        });
    }

    /// Checks that a quorum signed one and the same vote for a block, and returns it.
    ///
    /// # Errors
    /// One line: what is missing.
    pub fn check(&self, votes: &[Statement]) -> Result<Said, String> {
        let first = votes.first().ok_or("no votes")?;
        let said = Said::read(first)?;
        let Said::Vote { block, .. } = said else { return Err("not votes".to_owned()) };
        if block == Hash::ZERO {
            return Err("votes for none".to_owned());
        }
        let mut signers = BTreeSet::new();
        let mut items = Vec::new();
        for vote in votes {
            let key = self.keys.get(usize::from(vote.signer)).ok_or("an unknown voter")?;
            if vote.body != first.body || Said::read(vote)? != said || !signers.insert(vote.signer)
            {
                return Err("votes for different things, or one twice".to_owned());
            }
            items.push(VerifyItem {
                public_key: *key,
                message: statement_message(&self.prefix, &vote.slots, &vote.body),
                signature: vote.signature.clone(),
            });
        }
        if signers.len() < self.quorum() {
            return Err(format!("{} votes are no quorum", signers.len()));
        }
        if (self.verify)(&items) { Ok(said) } else { Err("a signature is wrong".to_owned()) }
    }
}

/// What the votes of a proof say.
///
/// # Errors
/// When they are no quorum of the set of the claim.
pub fn proved(claim: &FinalClaim, verify: Verify) -> Result<Said, ProofError> {
    let set = Set::of(&claim.statement_prefix, &claim.validators, None, verify);
    let votes = decode(&claim.proof);
    votes.and_then(|votes| set.check(&votes)).map_err(|message| ProofError { message })
}

/// Who signed a proof; each counts one.
///
/// # Errors
/// When the bytes are no list of votes.
pub fn signers(proof: &[u8]) -> Result<Vec<(u16, u64)>, ProofError> {
    let votes = decode(proof).map_err(|message| ProofError { message })?;
    Ok(votes.iter().map(|vote| (vote.signer, 1)).collect())
}

/// A list of votes as bytes.
#[must_use]
pub fn encode(votes: &Vec<Statement>) -> Vec<u8> {
    canonical::encode(votes)
}

/// And back; no bytes are no votes.
///
/// # Errors
/// When the bytes are no list of votes.
pub fn decode(bytes: &[u8]) -> Result<Vec<Statement>, String> {
    if bytes.is_empty() { Ok(Vec::new()) } else { canonical::decode(bytes) }
}
