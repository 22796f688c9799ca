//! LFT1 as last shipped (loopchain 2.8.1), from its description: the rule that forks without any
//! faulty node. `U1` to `U7` are the numbers of its defects in `docs/LFT.md`.
//!
//! ```text
//!  leader, each 2 s:    a quorum voted for H?  H is committed; announce H+1 with those votes
//!  others, on H+1:      its votes for H are a quorum of this round?  H is committed; vote for H+1
//!  60 s without a block: complain; a quorum complained: forget H+1, next leader, next round
//! ```
//!
//! In: announcements, votes, complaints, two timers. Out: the same, and final blocks. Deliberately
//! not here: repetition, sync, the rollback of committed blocks (U5), anything on disk: the old node
//! wrote nothing down before it voted.

use crate::{
    said::Said,
    set::{self, Set},
};
use plugin_api::{
    ConsensusRule, FinalClaim, Hash, HeaderView, InitCfg, Input, Inspect, LogRecord, Output, Pair,
    ProofError, ProposalKind, RuleError, Statement, Then, Validator, Verify, input::Verdict,
    output::FinalBlock,
};
use std::collections::{BTreeMap, BTreeSet};

/// Time between two blocks of a leader, ms.
pub const INTERVAL: u64 = 2_000;
/// Patience in round 0, ms; it doubles with each round.
pub const PATIENCE: u64 = 60_000;
/// Longest patience, ms.
const PATIENCE_MAX: u64 = 300_000;
/// Blocks in a row of one leader.
const TENURE: u64 = 10;
/// Rounds that one height may take; height and round share one number.
const ROUNDS: u64 = 256;
/// Timers.
const NEXT_BLOCK: u64 = 1;
const COMPLAIN: u64 = 2;

/// One instance.
#[derive(Clone, Debug)]
pub struct Lft1 {
    set: Set,
    epoch: u64,
    /// The last committed block, with the votes that committed it.
    head: HeaderView,
    head_pair: Pair,
    head_votes: Vec<Statement>,
    /// The block that is being voted for.
    unconfirmed: Option<Hash>,
    round: u64,
    /// Number of the leader's turn.
    turn: u64,
    /// Blocks announced in this turn.
    led: u64,
    /// The leader waits for the next block's time.
    is_paused: bool,
    is_building: bool,
    blocks: BTreeMap<Hash, (HeaderView, Option<Pair>)>,
    /// By round and block.
    votes: BTreeMap<(u64, Hash), BTreeMap<u16, Statement>>,
    complaints: BTreeMap<u64, BTreeSet<u16>>,
}

impl Lft1 {
    /// Height and round of the block to be voted for.
    fn place(&self) -> u64 {
        (self.head.height + 1) * ROUNDS + self.round
    }

    fn leader(&self) -> u16 {
        self.set.turn(self.turn)
    }

    fn leads(&self) -> bool {
        self.set.me == Some(self.leader())
    }

    fn wait(&self, out: &mut Vec<Output>) {
        let after_ms = PATIENCE.saturating_mul(1 << self.round.min(8)).min(PATIENCE_MAX);
        out.push(Output::SetTimer { token: COMPLAIN, after_ms });
    }

    /// A quorum of votes for a block in this round.
    fn quorum_for(&self, block: Hash) -> Option<Vec<Statement>> {
        let votes = self.votes.get(&(self.place(), block))?;
        (votes.len() >= self.set.quorum()).then(|| votes.values().cloned().collect())
    }

    /// U1: one quorum of votes is a commit, and there is no second phase. Whoever sees it first may
    /// be the only one who ever does.
    fn commit(&mut self, block: Hash, votes: Vec<Statement>, out: &mut Vec<Output>) -> bool {
        let Some((header, Some(pair))) = self.blocks.get(&block).cloned() else { return false };
        let proof = set::encode(&votes);
        out.push(Output::Final { blocks: vec![FinalBlock { pair, view: header.view }], proof });
        (self.head, self.head_pair, self.head_votes) = (header, pair, votes);
        self.round = 0;
        self.unconfirmed = None;
        let place = self.place();
        self.votes.retain(|(known, _), _| *known >= place);
        self.complaints.retain(|known, _| *known >= place);
        true
    }

    /// The leader: commits what a quorum voted for, and builds on it.
    fn lead(&mut self, out: &mut Vec<Output>) {
        if !self.leads() || self.is_paused || self.is_building {
            return;
        }
        if let Some(block) = self.unconfirmed {
            let Some(votes) = self.quorum_for(block) else { return };
            if !self.commit(block, votes, out) {
                return;
            }
        }
        self.is_building = true;
        out.push(Output::Build {
            request: self.place(),
            view: self.place(),
            kind: ProposalKind::Norm,
            parent: self.head_pair,
            parent_view: self.head.view,
            allow_empty: true,
            carried: Hash::ZERO,
        });
    }

    fn on_built(&mut self, request: u64, header: Option<HeaderView>, out: &mut Vec<Output>) {
        self.is_building = false;
        let Some(header) = header.filter(|_| request == self.place()) else { return };
        let block = header.id;
        let justification = set::encode(&self.head_votes);
        let said = Said::Announce { round: header.view, block };
        self.set.sign(said, Then::Propose { block, justification }, out);
        self.install(header, out);
    }

    /// A block to vote for takes the place of the one before.
    ///
    /// U3: nothing remembers what was voted for in this round. A second block of the same leader is
    /// validated and voted for like the first.
    fn install(&mut self, header: HeaderView, out: &mut Vec<Output>) {
        let block = header.id;
        self.unconfirmed = Some(block);
        self.blocks.insert(block, (header, None));
        self.led += 1;
        if self.led >= TENURE {
            self.turn += 1;
            self.led = 0;
        }
        self.is_paused = self.leads();
        if self.is_paused {
            out.push(Output::SetTimer { token: NEXT_BLOCK, after_ms: INTERVAL });
        }
        self.wait(out);
        out.push(Output::Validate { block });
    }

    fn on_announce(
        &mut self,
        header: HeaderView,
        statement: &Statement,
        justification: &[u8],
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        if Said::read(statement)? != (Said::Announce { round: header.view, block: header.id }) {
            return Err("header and statement disagree".to_owned());
        }
        if header.parent.block != self.head.id {
            self.confirm(&header, justification, out)?;
        }
        if header.view != self.place() || statement.signer != self.leader() {
            return Err("another round, or not its leader".to_owned());
        }
        // U3: the same block twice is refused, another one is not.
        if self.unconfirmed == Some(header.id) {
            return Err("announced already".to_owned());
        }
        self.install(header, out);
        Ok(())
    }

    /// The next block carries the votes for its parent: that is how others commit.
    fn confirm(
        &mut self,
        header: &HeaderView,
        justification: &[u8],
        out: &mut Vec<Output>,
    ) -> Result<(), String> {
        let votes = set::decode(justification)?;
        let said = self.set.check(&votes)?;
        // U4: who has moved on to the next round takes no proof of the round before.
        if said.round() != self.place() {
            return Err("round mismatch".to_owned());
        }
        let parent = header.parent.block;
        if self.unconfirmed != Some(parent)
            || !matches!(said, Said::Vote { block, .. } if block == parent)
        {
            return Err("previous block mismatch".to_owned());
        }
        if self.commit(parent, votes, out) { Ok(()) } else { Err("not validated".to_owned()) }
    }

    fn on_verdict(&mut self, block: Hash, verdict: &Verdict, out: &mut Vec<Output>) {
        let (Verdict::Valid { pair }, true) = (verdict, self.unconfirmed == Some(block)) else {
            return;
        };
        if let Some(known) = self.blocks.get_mut(&block) {
            known.1 = Some(*pair);
        }
        // U2, U3: no lock of an earlier round and no register of this one is asked.
        let said = Said::Vote { round: self.place(), block, candidate: Hash::ZERO };
        self.set.sign(said, Then::Broadcast, out);
    }

    fn take(&mut self, statement: Statement, out: &mut Vec<Output>) -> Result<(), String> {
        match Said::read(&statement)? {
            Said::Announce { .. } => {}
            Said::Vote { round, block, .. } => {
                let votes = self.votes.entry((round, block)).or_default();
                votes.insert(statement.signer, statement);
            }
            Said::Complain { round } => {
                self.complaints.entry(round).or_default().insert(statement.signer);
                self.change_leader(out);
            }
        }
        Ok(())
    }

    /// U2: a quorum of complaints throws the block of this round away although it may be committed
    /// somewhere, and the same voters vote for another one.
    fn change_leader(&mut self, out: &mut Vec<Output>) {
        let complained = self.complaints.get(&self.place()).map_or(0, BTreeSet::len);
        if complained < self.set.quorum() {
            return;
        }
        self.round += 1;
        self.turn += 1;
        self.led = 0;
        self.unconfirmed = None;
        self.is_paused = false;
        self.is_building = false;
        self.wait(out);
    }

    fn on_timer(&mut self, token: u64, out: &mut Vec<Output>) {
        match token {
            NEXT_BLOCK => self.is_paused = false,
            COMPLAIN => {
                self.set.sign(Said::Complain { round: self.place() }, Then::Broadcast, out);
                self.wait(out);
            }
            _ => {}
        }
    }

    fn take_input(&mut self, input: Input, out: &mut Vec<Output>) -> Result<(), String> {
        match input {
            Input::Start => self.wait(out),
            Input::Proposal { header, statement, justification } => {
                self.on_announce(header, &statement, &justification, out)?;
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
        self.lead(out);
        Ok(())
    }
}

impl ConsensusRule for Lft1 {
    const ID: &'static str = "museum-lft1";
    const VERSION: u32 = 1;

    fn init(
        cfg: InitCfg,
        _log: &[LogRecord],
        verify: Verify,
    ) -> Result<(Self, Vec<Output>), RuleError> {
        let rule = Self {
            set: Set::new(&cfg, verify)?,
            epoch: cfg.epoch,
            head: cfg.head,
            head_pair: cfg.head_pair,
            head_votes: Vec::new(),
            unconfirmed: None,
            round: 0,
            turn: 1,
            led: 0,
            is_paused: false,
            is_building: false,
            blocks: BTreeMap::new(),
            votes: BTreeMap::new(),
            complaints: BTreeMap::new(),
        };
        Ok((rule, Vec::new()))
    }

    fn step(&mut self, _now_ms: u64, input: Input, out: &mut Vec<Output>) -> Result<(), RuleError> {
        self.take_input(input, out).map_err(|message| RuleError { message })
    }

    fn inspect(&self) -> Inspect {
        Inspect {
            epoch: self.epoch,
            view: self.place(),
            leader: self.leader(),
            quorum: self.set.quorum() as u64,
            total: self.set.count(),
            ..Inspect::default()
        }
    }

    fn verify_final(claim: &FinalClaim, verify: Verify) -> Result<(), ProofError> {
        let said = set::proved(claim, verify)?;
        if matches!(said, Said::Vote { block, .. } if block == claim.header.id) {
            return Ok(());
        }
        Err(ProofError { message: "votes for another block".to_owned() })
    }

    fn describe_proof(
        _validators: &[Validator],
        proof: &[u8],
    ) -> Result<Vec<(u16, u64)>, ProofError> {
        set::signers(proof)
    }
}
