//! What was said and what it certifies: blocks, proposals, keys, and the arithmetic of certificates
//! that the properties use, written without the rule's own.
//!
//! Not here: who hears it (`model`), and the rule (`node`).

use crate::{
    node::{Said, name_of},
    shape::{Shape, Words},
};
use lft::{
    Lft,
    certificate::{Candidate, Certificate, FastVotes, FinalProof, Null, Signed, SignedVote},
    peer::PeerMessage,
    statement::{Ballot, Body},
};
use plugin_api::{
    ConsensusRule, FinalClaim, Hash, HeaderView, Pair, ProposalKind, Slot, Statement, Validator,
    VerifyItem, mirror::statement_message,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A proposal.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The block.
    pub header: HeaderView,
    /// Its proposer's statement.
    pub statement: Statement,
    /// Its certificates.
    pub justification: Vec<u8>,
}

/// What a node that comes back was told, or may yet be.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Who asked.
    pub asker: u16,
    /// The message.
    pub bytes: Vec<u8>,
}

/// What was said.
#[derive(Clone, Debug)]
pub struct World {
    shape: Shape,
    seals_at: Option<u64>,
    byzantine: u16,
    headers: BTreeMap<Hash, Arc<HeaderView>>,
    /// Proposals, by block.
    pub offers: BTreeMap<Hash, Arc<Offer>>,
    /// Answers to nodes that come back, by name.
    pub answers: BTreeMap<u64, Answer>,
}

fn spread(number: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    let words = [number, number.rotate_left(17), !number, number.wrapping_mul(0x9E37_79B9)];
    for (place, word) in bytes.chunks_mut(8).zip(words) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

fn signature(public_key: &[u8; 32], message: &[u8]) -> Vec<u8> {
    spread(name_of(&(public_key, message))).repeat(2)
}

/// The signature rule of the model: a keyed hash.
#[must_use]
pub fn verify(items: &[VerifyItem]) -> bool {
    items.iter().all(|item| signature(&item.public_key, &item.message) == item.signature)
}

impl World {
    /// Nothing was said.
    #[must_use]
    pub fn new(shape: Shape, byzantine: u16, seals_at: Option<u64>) -> Self {
        Self {
            shape,
            byzantine,
            seals_at,
            headers: BTreeMap::new(),
            offers: BTreeMap::new(),
            answers: BTreeMap::new(),
        }
    }

    /// Who lies.
    #[must_use]
    pub fn byzantine(&self) -> u16 {
        self.byzantine
    }

    /// Who the validators are.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// What a vote of somebody whose result is the usual one is for.
    #[must_use]
    pub fn ballot(&self, header: &HeaderView) -> Ballot {
        let pair = self.execute(&header.id, false);
        let HeaderView { view, parent, parent_view, .. } = *header;
        Ballot { view, pair, parent, parent_view }
    }

    /// Whether there is a proposal of this view and kind on this parent.
    #[must_use]
    pub fn has_offer(&self, (view, kind): (u64, ProposalKind), (parent, at): (Pair, u64)) -> bool {
        self.offers.values().any(|offer| {
            let own = &offer.header;
            (own.view, own.kind, own.parent, own.parent_view) == (view, kind, parent, at)
        })
    }

    pub(crate) fn prefix(&self) -> Vec<u8> {
        b"model".to_vec()
    }

    pub(crate) fn validators(&self) -> Vec<Validator> {
        let one = |index: u16| self.shape.validator(index, spread(u64::from(index)));
        (0..self.shape.validators()).map(one).collect()
    }

    pub(crate) fn root(&self) -> HeaderView {
        HeaderView {
            id: Hash([0xFF; 32]),
            epoch: 0,
            view: 0,
            kind: ProposalKind::Norm,
            height: 0,
            parent: Pair::default(),
            parent_view: 0,
            proposer: 0,
            carried: Hash::ZERO,
            is_empty: true,
            is_sealing: false,
        }
    }

    pub(crate) fn root_pair(&self) -> Pair {
        Pair { block: Hash([0xFF; 32]), ..Pair::default() }
    }

    /// Signs for a validator.
    #[must_use]
    pub fn sign(&self, signer: u16, slots: Vec<Slot>, body: Vec<u8>) -> Statement {
        let message = statement_message(&self.prefix(), &slots, &body);
        let signature = signature(&spread(u64::from(signer)), &message);
        Statement { signer, slots, body, signature }
    }

    /// A validator says something.
    #[must_use]
    pub fn say(&self, signer: u16, body: &Body) -> Statement {
        self.sign(signer, body.slots(self.shape.mode()), body.encode())
    }

    /// The Byzantine validator says something.
    #[must_use]
    pub fn lie(&self, body: &Body) -> Statement {
        self.say(self.byzantine, body)
    }

    /// Whether a block may stand where it says that it does.
    #[must_use]
    pub fn is_placed(&self, header: &HeaderView) -> bool {
        let root = self.root();
        let parent = self.header(&header.parent.block).unwrap_or(&root);
        let is_near = header.kind != ProposalKind::Opt || header.parent_view + 1 == header.view;
        is_near && header.parent_view == parent.view && header.may_follow(parent)
    }

    /// A header that is known.
    #[must_use]
    pub fn header(&self, block: &Hash) -> Option<&HeaderView> {
        self.headers.get(block).map(Arc::as_ref)
    }

    /// A block of a proposer; blocks that differ in anything differ in their id.
    pub fn build(
        &mut self,
        proposer: u16,
        (view, kind): (u64, ProposalKind),
        (parent, parent_view): (Pair, u64),
        variant: u8,
    ) -> Option<HeaderView> {
        let below = match self.headers.get(&parent.block) {
            Some(header) => header.height,
            None if parent == self.root_pair() => 0,
            None => return None,
        };
        let is_opt = kind == ProposalKind::Opt;
        let closes = kind == ProposalKind::Closing;
        let height = below + u64::from(!closes);
        let name = (view, is_opt, closes, parent, parent_view, variant);
        let id = Hash(spread(name_of(&name)));
        let header = HeaderView {
            id,
            view,
            kind,
            height,
            parent,
            parent_view,
            proposer,
            is_empty: closes,
            is_sealing: !closes && self.seals_at == Some(height),
            ..self.root()
        };
        self.headers.insert(id, Arc::new(header.clone()));
        Some(header)
    }

    /// A block's result. Blocks of odd id have another one on odd nodes.
    #[must_use]
    pub fn execute(&self, block: &Hash, is_odd: bool) -> Pair {
        let salt = u64::from(is_odd && self.headers.get(block).is_some_and(|h| h.view % 2 == 1));
        let header = self.headers.get(block);
        let parent = header.map(|header| header.parent).unwrap_or_default();
        if header.is_some_and(|header| header.kind == ProposalKind::Closing) {
            return Pair { block: *block, ..parent };
        }
        let root = Hash(spread(name_of(&(block, parent.state_root, salt))));
        Pair { block: *block, state_root: root, receipts_root: root }
    }

    /// A proposal is there for everybody.
    pub fn offer(&mut self, block: Hash, statement: Statement, justification: Vec<u8>) {
        if let Some(header) = self.headers.get(&block) {
            let header = header.as_ref().clone();
            let offer = || Arc::new(Offer { header, statement, justification });
            self.offers.entry(block).or_insert_with(offer);
        }
    }

    /// Whether a Final proof holds, by the rule's stateless check and by counting.
    #[must_use]
    pub fn proves(&self, header: &HeaderView, pair: &Pair, proof: &[u8]) -> bool {
        let set = self.validators();
        let claim = FinalClaim {
            statement_prefix: self.prefix(),
            validators: set.clone(),
            header: header.clone(),
            pair: *pair,
            proof: proof.to_vec(),
            parameters: self.shape.parameters(),
        };
        let checked = Lft::verify_final(&claim, verify);
        let is_fast = FinalProof::decode(proof).is_ok_and(|proof| proof.fast.is_some());
        let signers = Lft::describe_proof(&set, proof).unwrap_or_default();
        let signers = signers.into_iter().map(|(signer, _)| signer).collect();
        let slow = self.shape.quorum();
        let needed = if is_fast { self.shape.fast_quorum().unwrap_or(usize::MAX) } else { slow };
        checked.is_ok() && self.shape.weigh(Words::Ends, &signers) >= needed
    }

    /// Whether only closing blocks may stand on this one.
    #[must_use]
    pub fn ends_transactions(&self, block: &Hash) -> bool {
        self.headers.get(block).is_some_and(|header| header.ends_transactions())
    }

    /// The pair with which the epoch ends when this one is final; none when it goes on. `Err` when
    /// something else than a closing block stands above a sealing one.
    ///
    /// # Errors
    /// One line.
    pub fn end_of(&self, pair: &Pair) -> Result<Option<Pair>, String> {
        let (mut at, mut above): (Pair, Option<&HeaderView>) = (*pair, None);
        let mut end = None;
        while let Some(header) = self.headers.get(&at.block) {
            if header.is_sealing {
                end = Some(at);
            }
            if let Some(child) = above
                && !child.may_follow(header)
            {
                return Err(format!("{child:?} stands on {header:?}"));
            }
            (at, above) = (header.parent, Some(header.as_ref()));
        }
        Ok(end)
    }

    /// Whether `low` is `high` or below it.
    #[must_use]
    pub fn is_on_chain(&self, low: &Pair, high: &Pair) -> bool {
        let mut at = *high;
        loop {
            if at == *low {
                return true;
            }
            match self.headers.get(&at.block) {
                Some(header) => at = header.parent,
                None => return false,
            }
        }
    }
}

/// Everything said about one view, by honest nodes.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Votes by what they are for.
    pub votes: BTreeMap<Ballot, Vec<Statement>>,
    /// Supports by what they are for, with fast commit.
    pub supports: BTreeMap<Ballot, Vec<Statement>>,
    /// Skips.
    pub skips: Vec<Statement>,
    /// Fallbacks, with fast commit.
    pub fallbacks: Vec<Statement>,
    /// Commits, flagged votes of children included, by pair.
    pub commits: BTreeMap<Pair, Vec<Statement>>,
}

/// Sorts statements by the view they count in.
#[must_use]
pub fn sort<'a>(said: impl Iterator<Item = &'a Said>) -> BTreeMap<u64, Heard> {
    let mut sorted: BTreeMap<u64, Heard> = BTreeMap::new();
    for Said { body, statement, .. } in said {
        let own = statement.clone();
        let at = sorted.entry(body.view()).or_default();
        match *body {
            Body::Vote { ballot, commit_parent } => {
                at.votes.entry(ballot).or_default().push(own.clone());
                if commit_parent {
                    let below = sorted.entry(ballot.parent_view).or_default();
                    below.commits.entry(ballot.parent).or_default().push(own);
                }
            }
            Body::Skip { .. } => at.skips.push(own),
            Body::Commit { pair, .. } => at.commits.entry(pair).or_default().push(own),
            Body::Support { ballot } => at.supports.entry(ballot).or_default().push(own),
            Body::Fallback { .. } => at.fallbacks.push(own),
            Body::Propose { .. } | Body::Rejoined { .. } => {}
        }
    }
    sorted
}

impl Heard {
    /// Votes and supports of a ballot.
    #[must_use]
    pub fn backers(&self, ballot: &Ballot) -> Vec<Statement> {
        let lists = [self.votes.get(ballot), self.supports.get(ballot)];
        lists.into_iter().flatten().flatten().cloned().collect()
    }

    /// Everything that somebody voted for or supports.
    pub fn ballots(&self) -> impl Iterator<Item = &Ballot> {
        let supported = self.supports.keys().filter(|ballot| !self.votes.contains_key(ballot));
        self.votes.keys().chain(supported)
    }

    /// Skips and fallbacks.
    #[must_use]
    pub fn giving_up(&self) -> Vec<Statement> {
        self.skips.iter().chain(&self.fallbacks).cloned().collect()
    }
}

/// Who signed these.
#[must_use]
pub fn signers_of(list: &[Statement]) -> BTreeSet<u16> {
    list.iter().map(|statement| statement.signer).collect()
}

fn by_signer(mut list: Vec<Signed>) -> Vec<Signed> {
    list.sort_by_key(|signed| signed.signer);
    list.dedup_by_key(|signed| signed.signer);
    list
}

fn signed<'a>(statements: impl Iterator<Item = &'a Statement>) -> Vec<Signed> {
    let one = |s: &Statement| Signed { signer: s.signer, signature: s.signature.clone() };
    by_signer(statements.map(one).collect())
}

fn is_of(statement: &Statement, is_kind: impl Fn(&Body) -> bool) -> bool {
    Body::decode(&statement.body).is_ok_and(|body| is_kind(&body))
}

/// Whether it is a vote.
fn is_vote(statement: &Statement) -> bool {
    is_of(statement, |body| matches!(body, Body::Vote { .. }))
}

fn signed_votes(backers: &[Statement]) -> Vec<SignedVote> {
    let flag =
        |s: &Statement| is_of(s, |body| matches!(body, Body::Vote { commit_parent: true, .. }));
    let one = |vote: &Statement| SignedVote {
        signer: vote.signer,
        commit_parent: flag(vote),
        signature: vote.signature.clone(),
    };
    let mut list: Vec<SignedVote> =
        backers.iter().filter(|statement| is_vote(statement)).map(one).collect();
    list.sort_by_key(|vote| vote.signer);
    list.dedup_by_key(|vote| vote.signer);
    list
}

/// A candidate certificate as another node would send it.
#[must_use]
pub fn candidate(ballot: Ballot, backers: &[Statement]) -> Vec<u8> {
    message(candidate_of(ballot, backers))
}

/// A candidate certificate.
#[must_use]
pub fn candidate_of(ballot: Ballot, backers: &[Statement]) -> Certificate {
    let votes = signed_votes(backers);
    let has_voted = |s: &Statement| votes.iter().any(|vote| vote.signer == s.signer);
    let supports = signed(backers.iter().filter(|s| !is_vote(s) && !has_voted(s)));
    Certificate::Candidate(Candidate { ballot, votes, supports })
}

/// A Final proof by commits as another node would send it.
#[must_use]
pub fn slow_final(view: u64, pair: Pair, commits: &[Statement]) -> Vec<u8> {
    let commits = signed(commits.iter());
    message(Certificate::Final(FinalProof {
        view,
        pair,
        commits,
        children: Vec::new(),
        fast: None,
    }))
}

/// A Final proof by first votes as another node would send it.
#[must_use]
pub fn fast_final(ballot: Ballot, backers: &[Statement]) -> Vec<u8> {
    let Ballot { view, pair, parent, parent_view } = ballot;
    let fast = Some(FastVotes { parent, parent_view, votes: signed_votes(backers) });
    let proof = FinalProof { view, pair, commits: Vec::new(), children: Vec::new(), fast };
    message(Certificate::Final(proof))
}

/// A null certificate as another node would send it.
#[must_use]
pub fn null(view: u64, giving_up: &[Statement]) -> Vec<u8> {
    message(null_of(view, giving_up))
}

/// A null certificate.
#[must_use]
pub fn null_of(view: u64, giving_up: &[Statement]) -> Certificate {
    let is_skip = |s: &&Statement| is_of(s, |body| matches!(body, Body::Skip { .. }));
    let skips = signed(giving_up.iter().filter(is_skip));
    let has_skipped = |s: &&Statement| skips.iter().any(|skip| skip.signer == s.signer);
    let fallbacks = signed(giving_up.iter().filter(|s| !is_skip(s) && !has_skipped(s)));
    Certificate::Null(Null { view, skips, fallbacks })
}

/// As another node would send it.
#[must_use]
pub fn message(certificate: Certificate) -> Vec<u8> {
    PeerMessage::Certs { certificates: vec![certificate] }.encode()
}
