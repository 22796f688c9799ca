//! LFT2 as published (white paper, package LFT 0.1.1), from its description: four honest nodes fork
//! by delays alone. "Rule 4" to "Rule 6" are the numbers of the white paper.
//!
//! ```text
//!  round starts:      the leader proposes a child of its candidate, with the candidate's votes
//!  on a proposal:     take its votes first; first of the round, valid, on my candidate? vote : NONE
//!  2 s, no vote yet:  vote NONE
//!  a quorum on B:     B is my candidate, its parent is committed; next round
//!  a quorum on NONE, or a quorum of voters and 2 s more without either:  next round
//! ```
//!
//! In: proposals, votes, two timers. Out: the same, and final blocks. Deliberately not here:
//! repetition, sync, epochs, anything on disk, evidence: the published rule had none.

use crate::{
    said::Said,
    set::{self, Set},
};
use plugin_api::{
    ConsensusRule, FinalClaim, Hash, HeaderView, InitCfg, Input, Inspect, LogRecord, Output, Pair,
    ProofError, ProposalKind, RuleError, Statement, Then, Validator, Verify, input::Verdict,
    output::FinalBlock,
};
use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

/// Both timers, ms, whatever the network does.
pub const PATIENCE: u64 = 2_000;
/// Timers: the kind of a round is `round * 2 + kind`, so that an old one is known as such.
const PROPOSE: u64 = 0;
const VOTE: u64 = 1;

/// One instance.
#[derive(Clone, Debug)]
pub struct Lft2 {
    set: Set,
    epoch: u64,
    /// The last committed block.
    head: HeaderView,
    head_pair: Pair,
    /// The newest block known to have a quorum, and those votes.
    candidate: HeaderView,
    candidate_votes: Vec<Statement>,
    round: u64,
    has_voted: bool,
    /// A quorum of voters was heard and agreed on nothing: the vote timer runs.
    is_ending: bool,
    /// First proposal of each round.
    proposals: BTreeMap<u64, HeaderView>,
    blocks: BTreeMap<Hash, (HeaderView, Option<Pair>)>,
    votes: BTreeMap<u64, BTreeMap<Said, BTreeMap<u16, Statement>>>,
    /// A block to commit whose result, or whose ancestor's, is not here yet.
    due: Option<(Hash, Vec<Statement>)>,
}

impl Lft2 {
    fn leader(&self, round: u64) -> u16 {
        self.set.turn(round)
    }

    fn pair_of(&self, block: Hash) -> Option<Pair> {
        if block == self.head.id {
            return Some(self.head_pair);
        }
        self.blocks.get(&block).and_then(|known| known.1)
    }

    fn start_round(&mut self, round: u64, out: &mut Vec<Output>) {
        self.round = round;
        self.has_voted = false;
        self.is_ending = false;
        out.push(Output::Entered { view: round, leader: self.leader(round) });
        out.push(Output::SetTimer { token: round * 2 + PROPOSE, after_ms: PATIENCE });
        if self.set.me == Some(self.leader(round)) {
            self.build(out);
        }
        if let Some(header) = self.proposals.get(&round).cloned() {
            self.judge(&header, out);
        }
        self.count(round, out);
    }

    fn build(&self, out: &mut Vec<Output>) {
        let Some(parent) = self.pair_of(self.candidate.id) else { return };
        out.push(Output::Build {
            request: self.round,
            view: self.round,
            kind: ProposalKind::Norm,
            parent,
            parent_view: self.candidate.view,
            allow_empty: true,
            carried: Hash::ZERO,
        });
    }

    fn on_built(&mut self, request: u64, header: Option<HeaderView>, out: &mut Vec<Output>) {
        let Some(header) = header.filter(|_| request == self.round) else { return };
        let block = header.id;
        let justification = set::encode(&self.candidate_votes);
        let said = Said::Announce { round: header.view, block };
        self.set.sign(said, Then::Propose { block, justification }, out);
        self.keep(header, out);
    }

    fn on_proposal(
        &mut self,
        header: HeaderView,
        statement: &Statement,
        justification: &[u8],
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        let said = Said::Announce { round: header.view, block: header.id };
        if Said::read(statement)? != said || statement.signer != self.leader(header.view) {
            return Err("header, statement and leader disagree".to_owned());
        }
        for vote in set::decode(justification)? {
            self.take(vote, out)?;
        }
        self.keep(header, out);
        Ok(())
    }

    fn keep(&mut self, header: HeaderView, out: &mut Vec<Output>) {
        let round = header.view;
        self.blocks.entry(header.id).or_insert((header.clone(), None));
        if let Entry::Vacant(first) = self.proposals.entry(round) {
            first.insert(header.clone());
            if round == self.round {
                self.judge(&header, out);
            }
        }
        // Its votes may have been here before it.
        self.count(round, out);
    }

    /// Rule 4: the first proposal of the round, when it stands on my candidate; else NONE.
    fn judge(&mut self, header: &HeaderView, out: &mut Vec<Output>) {
        if header.parent.block == self.candidate.id {
            out.push(Output::Validate { block: header.id });
        } else {
            self.vote(Hash::ZERO, out);
        }
    }

    fn vote(&mut self, block: Hash, out: &mut Vec<Output>) {
        if self.has_voted {
            return;
        }
        self.has_voted = true;
        // All NONE of a round are one thing, whatever the candidates are.
        let candidate = if block == Hash::ZERO { Hash::ZERO } else { self.candidate.id };
        let said = Said::Vote { round: self.round, block, candidate };
        self.set.sign(said, Then::Broadcast, out);
    }

    fn on_verdict(&mut self, block: Hash, verdict: &Verdict, out: &mut Vec<Output>) {
        if let (Verdict::Valid { pair }, Some(known)) = (verdict, self.blocks.get_mut(&block)) {
            known.1 = Some(*pair);
        }
        let Some((header, result)) = self.blocks.get(&block) else { return };
        let (round, parent, is_valid) = (header.view, header.parent.block, result.is_some());
        if round == self.round {
            let is_mine = is_valid && parent == self.candidate.id;
            self.vote(if is_mine { block } else { Hash::ZERO }, out);
        }
        self.commit(out);
    }

    fn take(&mut self, statement: Statement, out: &mut Vec<Output>) -> Result<(), String> {
        let said = Said::read(&statement)?;
        if let Said::Vote { round, .. } = said {
            let votes = self.votes.entry(round).or_default().entry(said).or_default();
            votes.insert(statement.signer, statement);
            self.count(round, out);
        }
        Ok(())
    }

    /// What the votes of a round amount to: a block, NONE, or too little of either.
    fn count(&mut self, round: u64, out: &mut Vec<Output>) {
        let Some(votes) = self.votes.get(&round) else { return };
        let full = votes.iter().find(|(_, votes)| votes.len() >= self.set.quorum());
        let full = full.map(|(said, votes)| (*said, votes.values().cloned().collect::<Vec<_>>()));
        let voters: BTreeSet<u16> = votes.values().flat_map(BTreeMap::keys).copied().collect();
        match full {
            Some((Said::Vote { block: Hash::ZERO, .. }, _)) => self.end(round, out),
            Some((Said::Vote { block, .. }, votes)) => self.adopt(block, votes, out),
            _ if round == self.round && !self.is_ending && voters.len() >= self.set.quorum() => {
                self.is_ending = true;
                // The round may end although a quorum for its block exists that nobody has seen.
                out.push(Output::SetTimer { token: round * 2 + VOTE, after_ms: PATIENCE });
            }
            _ => {}
        }
    }

    fn end(&mut self, round: u64, out: &mut Vec<Output>) {
        if round >= self.round {
            self.start_round(round + 1, out);
        }
    }

    /// Rule 5: a block with a quorum replaces the candidate when its round or height is higher, also
    /// a brother of the candidate. This is the gap in the proof: a node that helped to commit one
    /// branch by its candidate helps the other one a round later.
    fn adopt(&mut self, block: Hash, votes: Vec<Statement>, out: &mut Vec<Output>) {
        let Some((header, _)) = self.blocks.get(&block).cloned() else { return };
        let round = header.view;
        if header.view > self.candidate.view || header.height > self.candidate.height {
            let parent = header.parent.block;
            self.candidate = header;
            self.candidate_votes.clone_from(&votes);
            // Rule 6: its parent is committed, however many rounds lie between the two.
            self.due = Some((parent, votes));
            self.commit(out);
        }
        self.end(round, out);
    }

    /// Commits what is due and all its ancestors above the head, once their results are here.
    fn commit(&mut self, out: &mut Vec<Output>) {
        let Some((top, votes)) = self.due.clone() else { return };
        let mut chain = Vec::new();
        let mut id = top;
        while id != self.head.id {
            let Some((header, pair)) = self.blocks.get(&id).cloned() else { return };
            if header.height <= self.head.height {
                // Behind the head already, or on another branch than what was committed here.
                self.due = None;
                return;
            }
            id = header.parent.block;
            chain.push((header, pair));
        }
        self.due = None;
        chain.reverse();
        if let Some((header, _)) = chain.iter().find(|(_, pair)| pair.is_none()) {
            out.push(Output::Validate { block: header.id });
            self.due = Some((top, votes));
            return;
        }
        let is_final = |(header, pair): &(HeaderView, Option<Pair>)| {
            pair.map(|pair| FinalBlock { pair, view: header.view })
        };
        let blocks: Vec<FinalBlock> = chain.iter().filter_map(is_final).collect();
        if let Some((header, Some(pair))) = chain.pop() {
            out.push(Output::Final { blocks, proof: set::encode(&votes) });
            (self.head, self.head_pair) = (header, pair);
        }
    }

    fn on_timer(&mut self, token: u64, out: &mut Vec<Output>) {
        if token / 2 != self.round {
            return;
        }
        match token % 2 {
            PROPOSE => self.vote(Hash::ZERO, out),
            // Local "lazy" votes of everybody fill the round up; it ends without a result.
            _ => self.end(self.round, out),
        }
    }

    fn take_input(&mut self, input: Input, out: &mut Vec<Output>) -> Result<(), String> {
        match input {
            Input::Start => self.start_round(1, out),
            Input::Proposal { header, statement, justification } => {
                self.on_proposal(header, &statement, &justification, out)?;
            }
            Input::Statement { statement } | Input::OwnSigned { statement, .. } => {
                self.take(statement, out)?;
            }
            Input::Validity { block, verdict } => self.on_verdict(block, &verdict, out),
            Input::Built { request, header } => self.on_built(request, header, out),
            Input::Timer { token } => self.on_timer(token, out),
            Input::Header { .. }
            | Input::SignRefused { .. }
            | Input::Pending { .. }
            | Input::Peer { .. }
            | Input::SyncedTo { .. } => {}
        }
        Ok(())
    }
}

impl ConsensusRule for Lft2 {
    const ID: &'static str = "museum-lft2";
    const VERSION: u32 = 1;

    fn init(
        cfg: InitCfg,
        _log: &[LogRecord],
        verify: Verify,
    ) -> Result<(Self, Vec<Output>), RuleError> {
        let rule = Self {
            set: Set::new(&cfg, verify)?,
            epoch: cfg.epoch,
            candidate: cfg.head.clone(),
            head: cfg.head,
            head_pair: cfg.head_pair,
            candidate_votes: Vec::new(),
            round: 0,
            has_voted: false,
            is_ending: false,
            proposals: BTreeMap::new(),
            blocks: BTreeMap::new(),
            votes: BTreeMap::new(),
            due: None,
        };
        Ok((rule, Vec::new()))
    }

    fn step(&mut self, _now_ms: u64, input: Input, out: &mut Vec<Output>) -> Result<(), RuleError> {
        self.take_input(input, out).map_err(|message| RuleError { message })
    }

    fn inspect(&self) -> Inspect {
        Inspect {
            epoch: self.epoch,
            view: self.round,
            leader: self.leader(self.round),
            quorum: self.set.quorum() as u64,
            total: self.set.count(),
            ..Inspect::default()
        }
    }

    fn verify_final(claim: &FinalClaim, verify: Verify) -> Result<(), ProofError> {
        // Who votes for a child names its parent as the candidate: those votes commit the parent.
        let said = set::proved(claim, verify)?;
        if matches!(said, Said::Vote { candidate, .. } if candidate == claim.header.id) {
            return Ok(());
        }
        Err(ProofError { message: "votes on another candidate".to_owned() })
    }

    fn describe_proof(
        _validators: &[Validator],
        proof: &[u8],
    ) -> Result<Vec<(u16, u64)>, ProofError> {
        set::signers(proof)
    }
}
