//! What weight q of statements proves: candidate and null certificates, and Final proofs.
//!
//! In: tallied statements, or bytes from another node. Out: the same as bytes, and whether they
//! hold. Each carries the signatures themselves, so that each can be checked alone and evidence
//! comes for free. Not here: when to make or use one (`machine`).

use crate::{
    statement::{Ballot, Body, Mode},
    validators::{Claim, Matter, Validators},
};
use minicbor::{Decode, Encode};
use plugin_api::{Pair, Verify, canonical};

/// One signature of a certificate.
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

/// One vote of a candidate certificate.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SignedVote {
    /// Index of the signer.
    #[n(0)]
    pub signer: u16,
    /// Whether this vote also commits the parent.
    #[n(1)]
    pub commit_parent: bool,
    /// Its signature.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub signature: Vec<u8>,
}

/// Cand: weight q voted for one pair; with fast commit, voted for it or supports it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Candidate {
    /// For what.
    #[n(0)]
    pub ballot: Ballot,
    /// Who, ascending.
    #[n(1)]
    pub votes: Vec<SignedVote>,
    /// Who supports it without having voted for it, ascending. Fast commit only.
    #[cbor(n(2), skip_if = "Vec::is_empty")]
    pub supports: Vec<Signed>,
}

/// Null: weight q skipped a view.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Null {
    /// The view.
    #[n(0)]
    pub view: u64,
    /// Who, ascending.
    #[n(1)]
    pub skips: Vec<Signed>,
    /// Who fell back without having skipped, ascending. Fast commit only.
    #[cbor(n(2), skip_if = "Vec::is_empty")]
    pub fallbacks: Vec<Signed>,
}

/// Votes of one child that commit its parent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ChildVotes {
    /// View of the child.
    #[n(0)]
    pub view: u64,
    /// The child and its result.
    #[n(1)]
    pub pair: Pair,
    /// Who, ascending.
    #[n(2)]
    pub votes: Vec<Signed>,
}

/// First votes that make their block final (`lft.md` 2.6).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct FastVotes {
    /// Parent and its result.
    #[n(0)]
    pub parent: Pair,
    /// View of the parent.
    #[n(1)]
    pub parent_view: u64,
    /// Who, ascending.
    #[n(2)]
    pub votes: Vec<SignedVote>,
}

/// Final: weight q committed a pair, by Commit or by a flagged vote for any child. Or, with fast
/// commit, weight N - p said a vote for it first.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct FinalProof {
    /// View of the block.
    #[n(0)]
    pub view: u64,
    /// The block and its result.
    #[n(1)]
    pub pair: Pair,
    /// Commits, ascending.
    #[n(2)]
    pub commits: Vec<Signed>,
    /// Flagged votes, by child.
    #[n(3)]
    pub children: Vec<ChildVotes>,
    /// Set in a fast proof, which has no commits and no children.
    #[n(4)]
    pub fast: Option<FastVotes>,
}

/// Any of the three.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Certificate {
    /// A candidate certificate.
    #[n(0)]
    Candidate(#[n(0)] Candidate),
    /// A null certificate.
    #[n(1)]
    Null(#[n(0)] Null),
    /// A Final proof; it also ends its view.
    #[n(2)]
    Final(#[n(0)] FinalProof),
}

/// Signatures under one body.
fn claims_of<'a>(list: &'a [Signed], body: Body) -> impl Iterator<Item = Claim<'a>> {
    list.iter().map(move |one| Claim { signer: one.signer, body, signature: &one.signature })
}

/// Signatures under votes for one ballot.
fn vote_claims(ballot: Ballot, votes: &[SignedVote]) -> impl Iterator<Item = Claim<'_>> {
    votes.iter().map(move |vote| Claim {
        signer: vote.signer,
        body: Body::Vote { ballot, commit_parent: vote.commit_parent },
        signature: &vote.signature,
    })
}

/// Signers of two lists, each of which must be ascending.
fn merged(first: Vec<u16>, second: &[Signed]) -> Result<Vec<u16>, String> {
    let second: Vec<u16> = second.iter().map(|signed| signed.signer).collect();
    if !first.is_sorted() || !second.is_sorted() {
        return Err("signers are out of order".to_owned());
    }
    let mut all = [first, second].concat();
    all.sort_unstable();
    Ok(all)
}

impl Candidate {
    fn claims(&self) -> impl Iterator<Item = Claim<'_>> {
        let support = Body::Support { ballot: self.ballot };
        vote_claims(self.ballot, &self.votes).chain(claims_of(&self.supports, support))
    }

    fn check(&self, validators: &Validators, verify: Verify) -> Result<(), String> {
        check_ballot(&self.ballot, &self.votes)?;
        let votes = self.votes.iter().map(|vote| vote.signer).collect();
        let signers = merged(votes, &self.supports)?;
        fast_only(validators, &self.supports)?;
        validators.check_signers(Matter::Vote(self.ballot.view), signers.into_iter())?;
        validators.check_claims(self.claims(), verify)
    }
}

impl Null {
    fn claims(&self) -> impl Iterator<Item = Claim<'_>> {
        let skips = claims_of(&self.skips, Body::Skip { view: self.view });
        skips.chain(claims_of(&self.fallbacks, Body::Fallback { view: self.view }))
    }

    fn check(&self, validators: &Validators, verify: Verify) -> Result<(), String> {
        if self.view == 0 {
            return Err("view 0 cannot be skipped".to_owned());
        }
        let skips = self.skips.iter().map(|skip| skip.signer).collect();
        let signers = merged(skips, &self.fallbacks)?;
        fast_only(validators, &self.fallbacks)?;
        validators.check_signers(Matter::End(self.view), signers.into_iter())?;
        validators.check_claims(self.claims(), verify)
    }
}

fn check_ballot(ballot: &Ballot, votes: &[SignedVote]) -> Result<(), String> {
    if ballot.view == 0 || ballot.parent_view >= ballot.view {
        return Err("the views of the candidate make no sense".to_owned());
    }
    let flagged = votes.iter().any(|vote| vote.commit_parent);
    if flagged && ballot.parent_view == 0 {
        return Err("a vote commits the root of the epoch".to_owned());
    }
    Ok(())
}

fn fast_only(validators: &Validators, list: &[Signed]) -> Result<(), String> {
    if list.is_empty() || validators.mode() == Mode::Fast {
        Ok(())
    } else {
        Err("fast commit is off in this channel".to_owned())
    }
}

impl FinalProof {
    /// Indices of the signers, ascending.
    #[must_use]
    pub fn signers(&self) -> Vec<u16> {
        let children = self.children.iter().flat_map(|child| &child.votes);
        let fast = self.fast.iter().flat_map(|fast| &fast.votes).map(|vote| vote.signer);
        let slow = self.commits.iter().chain(children).map(|s| s.signer);
        let mut all: Vec<u16> = slow.chain(fast).collect();
        all.sort_unstable();
        all
    }

    fn claims(&self) -> impl Iterator<Item = Claim<'_>> {
        let commits = claims_of(&self.commits, Body::Commit { view: self.view, pair: self.pair });
        let children = self.children.iter().flat_map(move |child| {
            let ballot = Ballot {
                view: child.view,
                pair: child.pair,
                parent: self.pair,
                parent_view: self.view,
            };
            claims_of(&child.votes, Body::Vote { ballot, commit_parent: true })
        });
        commits.chain(children)
    }

    /// Encodes it alone, as the ledger keeps it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        canonical::encode(self)
    }

    /// Decodes what [`FinalProof::encode`] made.
    ///
    /// # Errors
    /// One line, when the bytes are anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        canonical::decode(bytes)
    }

    /// Checks form, weights and signatures.
    ///
    /// # Errors
    /// One line: what does not hold.
    pub fn check(&self, validators: &Validators, verify: Verify) -> Result<(), String> {
        if self.view == 0 {
            return Err("the root of an epoch has no Final proof in it".to_owned());
        }
        if let Some(fast) = &self.fast {
            return self.check_fast(fast, validators, verify);
        }
        if self.children.iter().any(|child| child.view <= self.view || child.votes.is_empty()) {
            return Err("a child stands in no later view or has no votes".to_owned());
        }
        if self.children.windows(2).any(|w| key(w.first()) >= key(w.last())) {
            return Err("the children are out of order".to_owned());
        }
        let ascending = |list: &[Signed]| {
            list.windows(2).all(|w| w.first().map(|s| s.signer) < w.last().map(|s| s.signer))
        };
        if !ascending(&self.commits) || !self.children.iter().all(|c| ascending(&c.votes)) {
            return Err("signers are out of order".to_owned());
        }
        validators.check_signers(Matter::End(self.view), self.signers().into_iter())?;
        validators.check_claims(self.claims(), verify)
    }

    /// First votes of weight N - p and nothing else.
    fn check_fast(
        &self,
        fast: &FastVotes,
        validators: &Validators,
        verify: Verify,
    ) -> Result<(), String> {
        if !self.commits.is_empty() || !self.children.is_empty() {
            return Err("a fast proof has first votes only".to_owned());
        }
        let (parent, parent_view) = (fast.parent, fast.parent_view);
        let ballot = Ballot { view: self.view, pair: self.pair, parent, parent_view };
        check_ballot(&ballot, &fast.votes)?;
        let signers = fast.votes.iter().map(|vote| vote.signer);
        let weight = validators.weigh_checked(Matter::Vote(self.view), signers)?;
        if !validators.quorum().reached_fast(weight) {
            return Err(format!("weight {weight} of first votes makes nothing final"));
        }
        validators.check_claims(vote_claims(ballot, &fast.votes), verify)
    }
}

fn key(child: Option<&ChildVotes>) -> Option<(u64, Pair)> {
    child.map(|child| (child.view, child.pair))
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

    /// The view it ends.
    #[must_use]
    pub fn view(&self) -> u64 {
        match self {
            Self::Candidate(candidate) => candidate.ballot.view,
            Self::Null(null) => null.view,
            Self::Final(proof) => proof.view,
        }
    }

    /// Checks form, weight and every signature.
    ///
    /// # Errors
    /// One line: what does not hold.
    pub fn check(&self, validators: &Validators, verify: Verify) -> Result<(), String> {
        match self {
            Self::Candidate(candidate) => candidate.check(validators, verify),
            Self::Null(null) => null.check(validators, verify),
            Self::Final(proof) => proof.check(validators, verify),
        }
    }
}

/// A justification: certificates, the parent's first.
#[must_use]
pub fn encode_all(certificates: &Vec<Certificate>) -> Vec<u8> {
    canonical::encode(certificates)
}

/// Reads a justification.
///
/// # Errors
/// One line, when the bytes are not exactly a list of certificates.
pub fn decode_all(bytes: &[u8]) -> Result<Vec<Certificate>, String> {
    canonical::decode(bytes)
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
