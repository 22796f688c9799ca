//! Who said what in one view, and how much that weighs.
//!
//! In: statements whose signature and registers are checked. Out: whether a weight was reached,
//! certificates, and pairs of statements that prove an offence. One vote, one skip and one commit
//! count per signer; a second, different one is evidence and counts for nothing.
//! Not here: what to do about it.

use crate::{
    certificate::{Candidate, ChildVotes, FinalProof, Null, Signed, SignedVote},
    evidence,
    statement::{Ballot, Body},
    validators::Validators,
};
use plugin_api::{Pair, Statement};

/// A statement with its decoded body.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) body: Body,
    pub(crate) statement: Statement,
}

/// What one signer said about one view.
#[derive(Clone, Debug, Default)]
struct Entry {
    vote: Option<Said>,
    skip: Option<Said>,
    commit: Option<Said>,
    proposals: Vec<Said>,
    /// Offences already shown.
    shown: Vec<evidence::Offence>,
}

/// The tally of one view.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    entries: Vec<Entry>,
    /// Weight of votes for each ballot.
    votes: Vec<(Ballot, u64)>,
    /// Weight of commits of each pair of this view.
    commits: Vec<(Pair, u64)>,
    /// Weight of skips.
    skips: u64,
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
    Skip,
    Commit(Pair),
}

impl Tally {
    /// Adds a statement of `signer`.
    pub(crate) fn add(&mut self, role: As, said: &Said, validators: &Validators) -> Added {
        let signer = said.statement.signer;
        let index = usize::from(signer);
        if index >= validators.count() {
            return Added::default();
        }
        if self.entries.len() <= index {
            self.entries.resize(validators.count(), Entry::default());
        }
        let Some(entry) = self.entries.get_mut(index) else { return Added::default() };
        let against = entry.conflict(said);
        let counted = entry.keep(role, said);
        if counted {
            self.weigh(role, &said.body, validators.weight(signer));
        }
        Added { counted, against }
    }

    fn weigh(&mut self, role: As, body: &Body, weight: u64) {
        match (role, body) {
            (As::Vote, Body::Vote { ballot, .. }) => raise(&mut self.votes, *ballot, weight),
            (As::Skip, _) => self.skips = self.skips.saturating_add(weight),
            (As::Commit(pair), _) => raise(&mut self.commits, pair, weight),
            _ => {}
        }
    }

    /// Weight of all skips.
    pub(crate) fn skip_weight(&self) -> u64 {
        self.skips
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

    /// The candidate certificate, once the votes for one ballot weigh enough.
    pub(crate) fn candidate(&self, validators: &Validators) -> Option<Candidate> {
        let quorum = validators.quorum();
        let (ballot, _) = self.votes.iter().find(|(_, weight)| quorum.reached(*weight))?;
        let votes = self.entries.iter().filter_map(|entry| {
            let said = entry.vote.as_ref()?;
            let Body::Vote { ballot: own, commit_parent } = said.body else { return None };
            (own == *ballot).then(|| SignedVote {
                signer: said.statement.signer,
                commit_parent,
                signature: said.statement.signature.clone(),
            })
        });
        Some(Candidate { ballot: *ballot, votes: votes.collect() })
    }

    /// The null certificate, once the skips weigh enough.
    pub(crate) fn null(&self, view: u64, validators: &Validators) -> Option<Null> {
        if !validators.quorum().reached(self.skips) {
            return None;
        }
        let skips = self.entries.iter().filter_map(|entry| entry.skip.as_ref());
        Some(Null { view, skips: skips.map(|said| signed(&said.statement)).collect() })
    }

    /// The Final proof, once the commits of one pair weigh enough.
    pub(crate) fn final_proof(&self, view: u64, validators: &Validators) -> Option<FinalProof> {
        let quorum = validators.quorum();
        let (pair, _) = self.commits.iter().find(|(_, weight)| quorum.reached(*weight))?;
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
        Some(FinalProof { view, pair: *pair, commits, children })
    }

    /// Forgets votes, skips and proposals; a certificate of the view is held, commits still count.
    pub(crate) fn slim(&mut self) {
        self.votes.clear();
        for entry in &mut self.entries {
            entry.vote = None;
            entry.skip = None;
            entry.proposals.clear();
        }
    }
}

impl Entry {
    /// An earlier statement that this one conflicts with, once per offence.
    fn conflict(&mut self, said: &Said) -> Option<Statement> {
        let earlier = [&self.vote, &self.skip, &self.commit].into_iter().flatten();
        for old in earlier.chain(&self.proposals) {
            if let Some(offence) = evidence::conflict(&old.body, &said.body)
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

fn signed(statement: &Statement) -> Signed {
    Signed { signer: statement.signer, signature: statement.signature.clone() }
}

fn raise<K: PartialEq>(list: &mut Vec<(K, u64)>, key: K, weight: u64) {
    match list.iter_mut().find(|(known, _)| *known == key) {
        Some((_, sum)) => *sum = sum.saturating_add(weight),
        None => list.push((key, weight)),
    }
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
