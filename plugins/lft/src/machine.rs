//! The rule as a pure state machine: one input in, outputs out. Rule numbers are those of
//! `SPEC.md`.
//!
//! This file holds the instance, how it starts, the one `match` over inputs, and the fixed order
//! in which the rules are tried after each. The rules themselves: `learn` (R4), `voting` (R1, R2,
//! R3), `fast` (F1, F2), `proposing`, `finality` (R5), `repair` (R6). Not here: keys, clocks,
//! payloads, disks.

mod epoch;
mod fast;
mod finality;
mod learn;
mod proposing;
mod rejoin;
mod repair;
mod results;
mod start;
pub(crate) mod state;
mod voting;

#[cfg(feature = "planted-bugs")]
use crate::planted::Bug;
use crate::{
    certificate::{Certificate, FinalProof},
    leader::Schedule,
    pacemaker::{Arm, Deadlines, Due, Heard, Timeouts, timeouts},
    parameters::Parameters,
    statement::Mode,
    validators::{Matter, Validators},
};
use plugin_api::{
    ConsensusRule, FinalClaim, Hash, HeaderView, InitCfg, Input, Inspect, LogRecord, Output, Pair,
    Parameter, ProofError, RuleError, Validator, Verify,
};
use proposing::Building;
use state::{Block, Head, Signing, View};
use std::collections::BTreeMap;

/// Statements further ahead than this many views are not stored; certificates are pulled instead.
/// Bounds memory: a validator can fill at most this many tallies with its statements.
pub(crate) const VIEWS_AHEAD_MAX: u64 = 64;
/// Tallies this many views behind the current one keep only certificates and commits.
pub(crate) const VIEWS_FULL: u64 = 64;
/// The one host timer of an instance.
const TIMER: u64 = 1;

/// A Final proof whose blocks are not all here and checked yet.
#[derive(Clone, Debug)]
pub(crate) struct PendingFinal {
    pub(crate) proof: FinalProof,
}

/// A node with a higher head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ahead {
    pub(crate) node: u64,
    pub(crate) height: u64,
}

/// One instance of the rule.
#[derive(Clone)]
pub struct Lft {
    pub(crate) validators: Validators,
    pub(crate) parameters: Parameters,
    pub(crate) schedule: Schedule,
    pub(crate) me: Option<u16>,
    pub(crate) verify: Verify,
    pub(crate) epoch: u64,
    pub(crate) root: Hash,
    pub(crate) now: u64,
    pub(crate) started: bool,
    pub(crate) halted: Option<String>,
    /// S4: a sealing block of this epoch is final; only answers are left.
    pub(crate) over: bool,

    pub(crate) head: Head,
    /// The end registers of views up to this one are not known: no vote flags them.
    pub(crate) floor: u64,
    pub(crate) view: u64,
    /// The view to be in by certificates learned.
    pub(crate) target: u64,
    pub(crate) views: BTreeMap<u64, View>,
    pub(crate) blocks: BTreeMap<Hash, Block>,
    /// Blocks asked for with `FetchBlock`.
    pub(crate) fetching: BTreeMap<Hash, u64>,
    pub(crate) pending: Option<PendingFinal>,
    pub(crate) ahead: Option<Ahead>,
    pub(crate) behind_said: Option<u64>,
    /// A validator that spoke in a higher view, and that view.
    pub(crate) leading: Option<(u16, u64)>,
    /// Q1 to Q3: this node comes back without a trusted log.
    pub(crate) quarantine: Option<rejoin::Quarantine>,
    /// Q2: who came back, and what it was told.
    pub(crate) told: BTreeMap<u16, rejoin::Told>,
    /// Q4: views up to this one go on also without transactions.
    pub(crate) rejoin_until: u64,
    /// Certificates to send to everyone at the end of the step.
    pub(crate) relay: Vec<Certificate>,
    /// Something about blocks or certificates changed.
    pub(crate) dirty: bool,

    pub(crate) sequence: u64,
    pub(crate) signing: BTreeMap<u64, Signing>,
    pub(crate) building: Building,

    pub(crate) has_work: bool,
    /// A block above the head that carries transactions is not final.
    pub(crate) unfinal: bool,
    /// Timers of the current view run.
    pub(crate) timing: bool,
    pub(crate) lead_expired: bool,
    pub(crate) certificate_expired: bool,
    pub(crate) entered_at: u64,
    pub(crate) resends: u64,
    /// Repetitions without work since the head or the view moved.
    pub(crate) tidied: u64,
    pub(crate) fails_floor: u64,
    /// Views above the head that ended because a result was split: they say nothing of timeouts.
    pub(crate) split_views: u64,
    pub(crate) deadlines: Deadlines,
    pub(crate) heard: Heard,
}

impl core::fmt::Debug for Lft {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Lft")
            .field("me", &self.me)
            .field("view", &self.view)
            .field("head", &self.head.header.height)
            .finish_non_exhaustive()
    }
}

impl Lft {
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn has_bug(&self, bug: Bug) -> bool {
        self.parameters.bug == Some(bug)
    }

    /// The record of a view, made on first use.
    pub(crate) fn at(&mut self, view: u64) -> &mut View {
        self.views.entry(view).or_default()
    }

    pub(crate) fn leader(&self, view: u64) -> u16 {
        self.schedule.leader(view)
    }

    pub(crate) fn leads(&self, view: u64) -> bool {
        self.me == Some(self.leader(view))
    }

    /// The pairs certified in a view: at most one in the core rule. Of the head's view only the
    /// head counts, of earlier views nothing.
    pub(crate) fn certified(&self, view: u64) -> Vec<Pair> {
        if view == self.head.view {
            return vec![self.head.pair];
        }
        if view < self.head.view {
            return Vec::new();
        }
        let candidates = self.views.get(&view).map(|at| at.candidates.as_slice());
        candidates.unwrap_or_default().iter().map(|candidate| candidate.ballot.pair).collect()
    }

    pub(crate) fn is_certified(&self, view: u64, pair: &Pair) -> bool {
        match view.cmp(&self.head.view) {
            core::cmp::Ordering::Less => false,
            core::cmp::Ordering::Equal => *pair == self.head.pair,
            core::cmp::Ordering::Greater => {
                self.views.get(&view).is_some_and(|at| at.candidate(pair).is_some())
            }
        }
    }

    pub(crate) fn is_fast(&self) -> bool {
        self.validators.mode() == Mode::Fast
    }

    pub(crate) fn holds_null(&self, view: u64) -> bool {
        self.views.get(&view).is_some_and(|at| at.null.is_some())
    }

    /// Header of the head or of a block above it.
    pub(crate) fn header(&self, block: &Hash) -> Option<&HeaderView> {
        if *block == self.head.header.id {
            return Some(&self.head.header);
        }
        self.blocks.get(block).map(|known| &known.header)
    }

    /// Views without a commit since the head (R5).
    pub(crate) fn fails(&self) -> u64 {
        let ended = self.view.saturating_sub(self.head.view.saturating_add(2));
        ended.saturating_sub(self.split_views).max(self.fails_floor)
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        timeouts(&self.parameters, self.fails())
    }

    pub(crate) fn is_working(&self) -> bool {
        self.has_work || self.unfinal || self.pending.is_some() || self.somebody_rejoins()
    }

    /// Tries the rules in their fixed order until nothing changes any more.
    fn settle(&mut self, out: &mut Vec<Output>) {
        loop {
            self.refresh(out);
            let before = (self.view, self.head.view);
            self.deliver(out);
            if self.over {
                break;
            }
            if self.target > self.view {
                self.enter(self.target, out);
            }
            if before == (self.view, self.head.view) && !self.dirty {
                break;
            }
        }
        if self.over {
            self.stop_clocks(out);
            return;
        }
        self.run_clocks();
        if self.me.is_some() && self.may_sign_in(self.view) {
            self.vote(out);
            self.commit(out);
            self.note_splits(out);
            self.skip(out);
            self.support(out);
            self.fall_back(out);
            self.propose(out);
        }
        self.flush(out);
        match self.deadlines.rearm(self.now) {
            Some(Arm::In(after_ms)) => out.push(Output::SetTimer { token: TIMER, after_ms }),
            Some(Arm::Never) => out.push(Output::CancelTimer { token: TIMER }),
            None => {}
        }
    }

    /// R4: the next view begins.
    fn enter(&mut self, view: u64, out: &mut Vec<Output>) {
        let ended = view.saturating_sub(1);
        let leader = self.leader(ended);
        if self
            .views
            .get(&ended)
            .is_some_and(|at| at.null.is_some() && at.proposals.iter().all(Option::is_none))
        {
            self.heard.missed_turn(leader);
        }
        self.doubt_own(ended, out);
        self.view = view;
        self.entered_at = self.now;
        self.lead_expired = false;
        self.certificate_expired = false;
        self.timing = false;
        self.resends = 0;
        self.tidied = 0;
        self.dirty = true;
        for due in [Due::Lead, Due::Certificate, Due::Resend, Due::Build] {
            self.deadlines.clear(due);
        }
        if let Some(old) = view.checked_sub(VIEWS_FULL) {
            self.slim(old);
        }
        if self.leading.is_some_and(|(_, reached)| reached <= view) {
            self.leading = None;
            self.deadlines.clear(Due::Pull);
        }
        self.forget_stale_build();
        out.push(Output::Entered { view, leader: self.leader(view) });
    }

    /// Bounds what is kept of views long ended but without a commit.
    fn slim(&mut self, view: u64) {
        if let Some(at) = self.views.get_mut(&view) {
            at.tally.slim();
            at.proposals = [None, None];
        }
        self.blocks.retain(|_, block| block.wanted || block.header.view > view);
    }

    /// Timers run only with work.
    fn run_clocks(&mut self) {
        let working = self.is_working();
        if working && !self.timing {
            self.timing = true;
            let timeouts = self.timeouts();
            self.deadlines.set(Due::Lead, self.now + timeouts.lead);
            self.deadlines.set(Due::Certificate, self.now + timeouts.certificate);
            self.deadlines.set(Due::Resend, self.now + self.resend_wait(&timeouts));
            self.lead_expired = self.leader_is_inactive(timeouts.delta);
            self.certificate_expired = false;
        } else if !working && self.timing {
            self.timing = false;
            self.lead_expired = false;
            self.certificate_expired = false;
            for due in [Due::Lead, Due::Certificate, Due::Resend, Due::Build] {
                self.deadlines.clear(due);
            }
        }
        if !working && self.tidies() && !self.deadlines.is_set(Due::Resend) {
            let wait = self.resend_wait(&self.timeouts());
            self.deadlines.set(Due::Resend, self.now + wait);
        }
    }

    /// Waiting is pointless when a quorum is at work and the leader has been silent.
    fn leader_is_inactive(&self, delta: u64) -> bool {
        let leader = self.leader(self.view);
        if Some(leader) == self.me || !self.heard.is_inactive(leader, self.view, self.now, delta) {
            return false;
        }
        let active = self.heard.active(self.view);
        let weight = self.validators.weigh(Matter::End(self.view), active);
        self.validators.quorum().reached(weight)
    }

    fn timer(&mut self, out: &mut Vec<Output>) {
        self.deadlines.fired();
        for due in self.deadlines.take_due(self.now) {
            match due {
                Due::Lead => self.lead_expired = true,
                Due::Certificate => self.certificate_expired = true,
                Due::Resend => self.repeat(out),
                Due::Pull => self.pull(out),
                // Their rules are tried after every input.
                Due::Build | Due::Hold(_) => {}
            }
        }
    }
}

impl ConsensusRule for Lft {
    const ID: &'static str = "lft";
    const VERSION: u32 = 3;

    fn parameters() -> Vec<Parameter> {
        Parameters::describe()
    }

    fn init(
        cfg: InitCfg,
        log: &[LogRecord],
        verify: Verify,
    ) -> Result<(Self, Vec<Output>), RuleError> {
        let rule = Self::create(cfg, log, verify).map_err(|message| RuleError { message })?;
        Ok((rule, Vec::new()))
    }

    fn step(&mut self, now_ms: u64, input: Input, out: &mut Vec<Output>) -> Result<(), RuleError> {
        if let Some(why) = &self.halted {
            return Err(RuleError { message: why.clone() });
        }
        self.now = self.now.max(now_ms);
        if self.over {
            return self.answer(input, out).map_err(|message| RuleError { message }); // S4
        }
        let result = match input {
            Input::Start => {
                self.start(out); // R6
                Ok(())
            }
            Input::Statement { statement } => self.on_statement(statement, out), // R1..R5, F1, F2
            Input::Proposal { header, statement, justification } => {
                self.on_proposal(header, statement, justification, out) // R1
            }
            Input::Header { header } => {
                self.on_header(header, out); // R5, F1
                Ok(())
            }
            Input::Validity { block, verdict } => {
                self.on_validity(&block, verdict, out); // R1, R3, R5, F1
                Ok(())
            }
            Input::Built { request, header } => self.on_built(request, header, out), // Leaders
            Input::Timer { .. } => {
                self.timer(out); // R2, R3, R6; F2 needs no timer
                Ok(())
            }
            // R1 to R3, F1, F2: counted once durable.
            Input::OwnSigned { sequence, statement } => self.on_own(sequence, statement, out),
            Input::SignRefused { sequence } => {
                self.on_refused(sequence, out); // A register is closed for ever
                Ok(())
            }
            Input::Pending { has_work } => {
                self.on_pending(has_work); // Leaders, Pacemaker: work
                Ok(())
            }
            Input::Peer { from, node, bytes } => self.on_peer(from, node, &bytes, out), // R6
            Input::SyncedTo { header, pair, proof } => {
                self.on_synced(header, pair, proof); // R5
                Ok(())
            }
        };
        if self.started && self.halted.is_none() && !self.over {
            self.settle(out);
        }
        result.map_err(|message| RuleError { message })
    }

    fn inspect(&self) -> Inspect {
        let quorum = self.validators.quorum();
        let details = [
            ("head_height", self.head.header.height),
            ("head_view", self.head.view),
            ("views_held", self.views.len() as u64),
            ("blocks_held", self.blocks.len() as u64),
            ("delta_ms", self.timeouts().delta),
            ("working", u64::from(self.is_working())),
            ("optimistic", u64::from(self.parameters.optimistic)),
        ];
        Inspect {
            epoch: self.epoch,
            view: self.view,
            leader: self.leader(self.view),
            quorum: quorum.needed,
            total: quorum.total,
            faulty_max: quorum.faulty,
            fails: self.fails(),
            details: details.iter().map(|(n, v)| ((*n).to_owned(), v.to_string())).collect(),
        }
    }

    fn verify_final(claim: &FinalClaim, verify: Verify) -> Result<(), ProofError> {
        let FinalClaim { statement_prefix, validators, header, pair, proof, parameters } = claim;
        let check = || -> Result<(), String> {
            let parameters = Parameters::read(parameters)?;
            let set = Validators::new(statement_prefix, validators, &parameters)
                .map_err(|error| error.to_string())?;
            let proof = FinalProof::decode(proof)?;
            if proof.pair != *pair || pair.block != header.id {
                return Err("the proof is of another block or result".to_owned());
            }
            if proof.view != header.view {
                return Err(format!("the proof is of view {}, not {}", proof.view, header.view));
            }
            proof.check(&set, verify)
        };
        check().map_err(|message| ProofError { message })
    }

    fn describe_proof(
        validators: &[Validator],
        proof: &[u8],
    ) -> Result<Vec<(u16, u64)>, ProofError> {
        let proof = FinalProof::decode(proof).map_err(|message| ProofError { message })?;
        let weigh = |signer: u16| validators.get(usize::from(signer)).map(|v| (signer, v.weight));
        proof.signers().into_iter().map(weigh).collect::<Option<Vec<_>>>().ok_or_else(|| {
            ProofError { message: "a signer is not in the validator set".to_owned() }
        })
    }
}
