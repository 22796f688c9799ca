//! Who said what in one view, and how much that weighs.
//!
//! In: statements whose signature and registers are checked. Out: whether a weight was reached,
//! certificates, and pairs of statements that prove an offence. One vote, one skip, one fallback and
//! one commit count per signer; a second, different one is evidence and counts for nothing.
//! Not here: what to do about it; how much a set of signers weighs (`validators.rs`).

use crate::{
    certificate::{Candidate, ChildVotes, FastVotes, FinalProof, Null, Signed, SignedVote},
    evidence,
    statement::{Ballot, Body},
    validators::{Matter, Validators, Weight},
};
use plugin_api::{Hash, Pair, Statement, output::ResultVote};
use std::collections::BTreeSet;

/// A statement with its decoded body.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) body: Body,
    pub(crate) statement: Statement,
}

/// Supports of one signer in one view that count: an honest validator has no reason for more, since
/// no more blocks can have f + p + 1 first votes each, or hardly so.
const SUPPORTS_MAX: usize = 2;

/// What one signer said about one view.
#[derive(Clone, Debug, Default)]
struct Entry {
    vote: Option<Said>,
    skip: Option<Said>,
    fallback: Option<Said>,
    supports: Vec<Said>,
    commit: Option<Said>,
    proposals: Vec<Said>,
    /// Offences already shown.
    shown: Vec<evidence::Offence>,
}

/// Weights behind one ballot.
#[derive(Clone, Debug)]
struct Backing {
    ballot: Ballot,
    /// Votes: with fast commit these are first statements.
    votes: Weight,
    /// Votes and supports, each signer once.
    all: Weight,
}

/// The tally of one view.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    entries: Vec<Entry>,
    ballots: Vec<Backing>,
    /// Weight of commits of each pair of this view.
    commits: Vec<(Pair, Weight)>,
    /// Weight of skips and fallbacks, each signer once.
    skips: Weight,
    /// Weight of first statements: votes and skips, each signer once.
    firsts: Weight,
}

/// What adding a statement changed.
#[derive(Debug, Default)]
pub(crate) struct Added {
    /// It was counted.
    pub(crate) counted: bool,
    /// It conflicts with this earlier one of the same signer.
    pub(crate) against: Option<Statement>,
}

/// As what a statement is counted: a flagged vote counts in two views.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum As {
    Proposal,
    Vote,
    Support,
    Skip,
    Fallback,
    Commit(Pair),
}

impl Tally {
    /// Adds a statement of `signer` about `view`.
    pub(crate) fn add(
        &mut self,
        view: u64,
        role: As,
        said: &Said,
        validators: &Validators,
    ) -> Added {
        let index = usize::from(said.statement.signer);
        if index >= validators.count() {
            return Added::default();
        }
        if self.entries.len() <= index {
            self.entries.resize(validators.count(), Entry::default());
        }
        let Some(entry) = self.entries.get_mut(index) else { return Added::default() };
        let against = entry.conflict(said, validators);
        let before = entry.roles_said();
        let counted = entry.keep(role, said);
        #[cfg(feature = "planted-bugs")]
        let counted = counted || validators.has_bug(crate::planted::Bug::CountTwice);
        if counted {
            self.weigh(view, role, said, before, validators);
        }
        Added { counted, against }
    }

    fn weigh(&mut self, view: u64, role: As, said: &Said, before: Roles, validators: &Validators) {
        let signer = said.statement.signer;
        let end = Matter::End(view);
        if matches!(role, As::Vote | As::Skip) && !before.vote && !before.skip {
            validators.raise(&mut self.firsts, end, signer);
        }
        match (role, &said.body) {
            (As::Vote, Body::Vote { ballot, .. }) => {
                let supported = self
                    .entries
                    .get(usize::from(signer))
                    .is_some_and(|entry| entry.support(ballot).is_some());
                self.back(ballot, |backing| {
                    validators.raise(&mut backing.votes, Matter::Vote(view), signer);
                    if !supported {
                        validators.raise(&mut backing.all, Matter::Vote(view), signer);
                    }
                });
            }
            (As::Support, Body::Support { ballot }) if self.vote_of(signer) != Some(*ballot) => {
                self.back(ballot, |backing| {
                    validators.raise(&mut backing.all, Matter::Vote(view), signer);
                });
            }
            (As::Skip | As::Fallback, _) if !before.skip && !before.fallback => {
                validators.raise(&mut self.skips, end, signer);
            }
            (As::Commit(pair), _) => {
                let place = self.commits.iter().position(|(known, _)| *known == pair);
                let place = place.unwrap_or_else(|| {
                    self.commits.push((pair, Weight::default()));
                    self.commits.len() - 1
                });
                if let Some((_, weight)) = self.commits.get_mut(place) {
                    validators.raise(weight, end, signer);
                }
            }
            _ => {}
        }
    }

    fn back(&mut self, ballot: &Ballot, raise: impl FnOnce(&mut Backing)) {
        if let Some(known) = self.ballots.iter_mut().find(|known| known.ballot == *ballot) {
            return raise(known);
        }
        let (votes, all) = (Weight::default(), Weight::default());
        let mut backing = Backing { ballot: *ballot, votes, all };
        raise(&mut backing);
        self.ballots.push(backing);
    }

    /// Nobody said anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Weight of all skips.
    pub(crate) fn skip_weight(&self) -> u64 {
        self.skips.said()
    }

    /// Weight of all first statements, and of the first votes of the ballot with most of them.
    pub(crate) fn first_weights(&self) -> (u64, u64) {
        let most = self.ballots.iter().map(|backing| backing.votes.said()).max();
        (self.firsts.said(), most.unwrap_or(0))
    }

    /// Ballots with the weight of their first votes.
    pub(crate) fn first_votes(&self) -> impl Iterator<Item = (&Ballot, u64)> {
        self.ballots.iter().map(|backing| (&backing.ballot, backing.votes.said()))
    }

    /// Whether this signer skipped.
    pub(crate) fn skipped(&self, signer: u16) -> bool {
        self.entries.get(usize::from(signer)).is_some_and(|entry| entry.skip.is_some())
    }

    /// What this signer voted for.
    pub(crate) fn vote_of(&self, signer: u16) -> Option<Ballot> {
        let vote = self.entries.get(usize::from(signer))?.vote.as_ref()?;
        match vote.body {
            Body::Vote { ballot, .. } => Some(ballot),
            _ => None,
        }
    }

    /// What everyone voted for, whose result was for this block.
    pub(crate) fn results_of(&self, block: &Hash) -> Vec<ResultVote> {
        let votes = (0..).zip(&self.entries).filter_map(|(signer, entry)| {
            match entry.vote.as_ref()?.body {
                Body::Vote { ballot, .. } => Some(ResultVote { signer, pair: ballot.pair }),
                _ => None,
            }
        });
        votes.filter(|vote| vote.pair.block == *block).collect()
    }

    /// Blocks that were voted for with several results, each with the weight of all its votes less
    /// that of the result with most: what no certificate of the block can do without.
    pub(crate) fn parted(&self) -> Vec<(Hash, u64)> {
        let mut parted = Vec::new();
        if self.ballots.len() < 2 {
            return parted;
        }
        let blocks: BTreeSet<Hash> = self.ballots.iter().map(|b| b.ballot.pair.block).collect();
        for block in blocks {
            let of_it = self.ballots.iter().filter(|b| b.ballot.pair.block == block);
            let weights: Vec<u64> = of_it.map(|backing| backing.votes.said()).collect();
            let all = weights.iter().fold(0, |sum: u64, weight| sum.saturating_add(*weight));
            let rest = all.saturating_sub(weights.iter().copied().max().unwrap_or(0));
            if rest > 0 {
                parted.push((block, rest));
            }
        }
        parted
    }

    /// Ballots whose votes and supports make a candidate certificate.
    pub(crate) fn certified(&self, validators: &Validators) -> impl Iterator<Item = Ballot> {
        let quorum = validators.quorum();
        let enough = move |backing: &&Backing| quorum.reached(backing.all.said());
        self.ballots.iter().filter(enough).map(|backing| backing.ballot)
    }

    /// The candidate certificate of a ballot that [`Tally::certified`] named.
    pub(crate) fn candidate(&self, ballot: &Ballot) -> Candidate {
        let votes = self.entries.iter().filter_map(|entry| entry.vote_for(ballot));
        let supports = self.entries.iter().filter_map(|entry| {
            let support = entry.support(ballot)?;
            entry.vote_for(ballot).is_none().then(|| signed(&support.statement))
        });
        Candidate { ballot: *ballot, votes: votes.collect(), supports: supports.collect() }
    }

    /// The null certificate, once the skips weigh enough.
    pub(crate) fn null(&self, view: u64, validators: &Validators) -> Option<Null> {
        if !validators.quorum().reached(self.skips.said()) {
            return None;
        }
        let skips = self.entries.iter().filter_map(|entry| entry.skip.as_ref());
        let without = self.entries.iter().filter(|entry| entry.skip.is_none());
        let fallbacks = without.filter_map(|entry| entry.fallback.as_ref());
        Some(Null {
            view,
            skips: skips.map(|said| signed(&said.statement)).collect(),
            fallbacks: fallbacks.map(|said| signed(&said.statement)).collect(),
        })
    }

    /// The Final proof, once the commits of one pair, or its first votes, weigh enough.
    pub(crate) fn final_proof(&self, view: u64, validators: &Validators) -> Option<FinalProof> {
        if let Some(proof) = self.fast_proof(validators) {
            return Some(proof);
        }
        let quorum = validators.quorum();
        let (pair, _) = self.commits.iter().find(|(_, weight)| quorum.reached(weight.said()))?;
        let mut commits = Vec::new();
        let mut children: Vec<ChildVotes> = Vec::new();
        for said in self.entries.iter().filter_map(|entry| entry.commit.as_ref()) {
            match said.body {
                Body::Commit { pair: own, .. } if own == *pair => {
                    commits.push(signed(&said.statement));
                }
                Body::Vote { ballot, .. } if ballot.parent == *pair => {
                    add_child(&mut children, &ballot, signed(&said.statement));
                }
                _ => {}
            }
        }
        children.sort_by_key(|child| (child.view, child.pair));
        Some(FinalProof { view, pair: *pair, commits, children, fast: None })
    }

    /// Fast final: first votes alone; a support never counts.
    fn fast_proof(&self, validators: &Validators) -> Option<FinalProof> {
        let quorum = validators.quorum();
        let enough =
            |backing: &&Backing| quorum.reached_fast(self.fast_weight(backing, validators));
        let Backing { ballot, .. } = self.ballots.iter().find(enough)?;
        let votes = self.entries.iter().filter_map(|entry| entry.vote_for(ballot)).collect();
        Some(FinalProof {
            view: ballot.view,
            pair: ballot.pair,
            commits: Vec::new(),
            children: Vec::new(),
            fast: Some(FastVotes { parent: ballot.parent, parent_view: ballot.parent_view, votes }),
        })
    }

    #[cfg(not(feature = "planted-bugs"))]
    fn fast_weight(&self, backing: &Backing, _: &Validators) -> u64 {
        backing.votes.said()
    }

    #[cfg(feature = "planted-bugs")]
    fn fast_weight(&self, backing: &Backing, validators: &Validators) -> u64 {
        if validators.has_bug(crate::planted::Bug::FastCountsSupport) {
            backing.all.said()
        } else {
            backing.votes.said()
        }
    }

    /// Forgets votes, skips and proposals; a certificate of the view is held, commits still count.
    /// Weights go with the statements they were made of: what is repeated later counts once.
    pub(crate) fn slim(&mut self) {
        self.ballots.clear();
        self.skips = Weight::default();
        self.firsts = Weight::default();
        for entry in &mut self.entries {
            entry.vote = None;
            entry.skip = None;
            entry.fallback = None;
            entry.supports.clear();
            entry.proposals.clear();
        }
    }
}

/// What a signer had said before.
#[derive(Clone, Copy, Debug)]
struct Roles {
    vote: bool,
    skip: bool,
    fallback: bool,
}

impl Entry {
    /// An earlier statement that this one conflicts with, once per offence.
    fn conflict(&mut self, said: &Said, validators: &Validators) -> Option<Statement> {
        let mode = validators.mode();
        let earlier = [&self.vote, &self.skip, &self.fallback, &self.commit].into_iter().flatten();
        for old in earlier.chain(&self.supports).chain(&self.proposals) {
            if let Some(offence) = evidence::conflict(mode, &old.body, &said.body)
                && !self.shown.contains(&offence)
            {
                let against = old.statement.clone();
                self.shown.push(offence);
                return Some(against);
            }
        }
        None
    }

    /// Keeps the first statement of each role; true when this was the first.
    fn keep(&mut self, role: As, said: &Said) -> bool {
        let place = match role {
            As::Vote => &mut self.vote,
            As::Skip => &mut self.skip,
            As::Fallback => &mut self.fallback,
            As::Support => {
                let known = self.supports.iter().any(|old| old.body == said.body);
                let room = self.supports.len() < SUPPORTS_MAX;
                if !known && room {
                    self.supports.push(said.clone());
                }
                return !known && room;
            }
            As::Commit(_) => &mut self.commit,
            As::Proposal => {
                let known = self.proposals.iter().any(|old| old.body == said.body);
                if !known && self.proposals.len() < 2 {
                    self.proposals.push(said.clone());
                }
                return !known;
            }
        };
        let first = place.is_none();
        if first {
            *place = Some(said.clone());
        }
        first
    }
}

impl Entry {
    fn roles_said(&self) -> Roles {
        Roles {
            vote: self.vote.is_some(),
            skip: self.skip.is_some(),
            fallback: self.fallback.is_some(),
        }
    }

    fn support(&self, ballot: &Ballot) -> Option<&Said> {
        self.supports.iter().find(|said| said.body == Body::Support { ballot: *ballot })
    }

    fn vote_for(&self, ballot: &Ballot) -> Option<SignedVote> {
        let said = self.vote.as_ref()?;
        let Body::Vote { ballot: own, commit_parent } = said.body else { return None };
        (own == *ballot).then(|| SignedVote {
            signer: said.statement.signer,
            commit_parent,
            signature: said.statement.signature.clone(),
        })
    }
}

fn signed(statement: &Statement) -> Signed {
    Signed { signer: statement.signer, signature: statement.signature.clone() }
}

fn add_child(children: &mut Vec<ChildVotes>, ballot: &Ballot, vote: Signed) {
    match children.iter_mut().find(|c| c.view == ballot.view && c.pair == ballot.pair) {
        Some(child) => child.votes.push(vote),
        None => {
            children.push(ChildVotes { view: ballot.view, pair: ballot.pair, votes: vec![vote] });
        }
    }
}

#[cfg(test)]
#[path = "tally_tests.rs"]
mod tests;
