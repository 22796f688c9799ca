//! The rule as a pure state machine: one input in, wishes out.
//!
//! This file holds the instance, the one `match` over inputs, and the order in which the rules are
//! tried after each. The rules: `learn` (what comes in), `act` (vote, commit, skip), `lead`
//! (propose), `finality` (blocks become final), `repair` (say again, ask, answer), `start` (from a
//! log). Not here: keys, clocks, payloads, disks.

mod act;
mod finality;
mod lead;
mod learn;
mod repair;
mod start;
mod state;

use crate::{
    certificate::Certificate,
    committee::Committee,
    parameters::Parameters,
    statement::Body,
    timer::{Timer, Timers, Waits, waits},
};
use plugin_api::{
    ConsensusRule, FinalClaim, Hash, HeaderView, InitCfg, Input, Inspect, LogRecord, Output, Pair,
    Parameter, ProofError, RuleError, Validator, Verify,
};
use state::{Ahead, Block, Building, Head, View};
use std::collections::BTreeMap;

/// Statements further ahead than so many views are not kept (their certificates are pulled): a
/// validator can fill no more memory than this.
const VIEWS_AHEAD_MAX: u64 = 64;
/// Of views further back than this, only certificates, Skips and Commits are kept.
const VIEWS_FULL: u64 = 64;

/// One instance of the rule.
pub struct Simplex {
    committee: Committee,
    parameters: Parameters,
    me: Option<u16>,
    verify: Verify,
    epoch: u64,
    root: Hash,
    /// The host's clock, ms.
    now: u64,
    is_started: bool,
    /// Why it signs nothing more, when the impossible happened.
    halted: Option<String>,
    /// A sealing block of this epoch is final: it only answers.
    is_over: bool,

    head: Head,
    /// A Final proof whose blocks are not all here and checked yet.
    proof: Option<Certificate>,
    view: u64,
    views: BTreeMap<u64, View>,
    /// Blocks above the head.
    blocks: BTreeMap<Hash, Block>,
    /// Blocks asked for, and when.
    fetching: BTreeMap<Hash, u64>,

    /// Number of the last wish to sign or to build.
    number: u64,
    signing: BTreeMap<u64, Body>,
    building: Building,

    has_work: bool,
    timers: Timers,
    /// The waits of this view run.
    is_timing: bool,
    lead_is_over: bool,
    end_is_over: bool,
    entered_at: u64,
    repairs: u64,
    /// Repetitions without work since the head or the view moved.
    tidied: u64,
    /// What is left of earlier fails: a commit halves them, so that patience is not lost at once.
    fails_kept: u64,

    /// Certificates to pass on at the end of the step.
    relay: Vec<Certificate>,
    /// A node with a higher head.
    ahead: Option<Ahead>,
    /// A validator that spoke in a higher view, and that view.
    leading: Option<(u16, u64)>,
}

impl core::fmt::Debug for Simplex {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Simplex")
            .field("me", &self.me)
            .field("view", &self.view)
            .field("head", &self.head.header.height)
            .finish_non_exhaustive()
    }
}

impl Simplex {
    fn at(&mut self, view: u64) -> &mut View {
        self.views.entry(view).or_default()
    }

    fn leads(&self, view: u64) -> bool {
        self.me == Some(self.committee.leader(view))
    }

    /// The pair certified in a view; the head counts as certified in its own.
    fn certified(&self, view: u64) -> Option<Pair> {
        if view == self.head.view {
            return Some(self.head.pair);
        }
        match self.views.get(&view)?.certified.as_ref()?.body {
            Body::Vote { pair, .. } if view > self.head.view => Some(pair),
            _ => None,
        }
    }

    fn is_null(&self, view: u64) -> bool {
        self.views.get(&view).is_some_and(|at| at.null.is_some())
    }

    fn header(&self, block: &Hash) -> Option<&HeaderView> {
        if *block == self.head.header.id {
            return Some(&self.head.header);
        }
        self.blocks.get(block).map(|known| &known.header)
    }

    /// Views without a commit.
    fn fails(&self) -> u64 {
        self.view.saturating_sub(self.head.view.saturating_add(2)).max(self.fails_kept)
    }

    fn waits(&self) -> Waits {
        waits(&self.parameters, self.fails())
    }

    /// Without work nothing is said and no timer runs, but for a few repetitions (`tidies`).
    fn is_working(&self) -> bool {
        self.has_work || self.proof.is_some() || self.has_unfinal()
    }

    /// Tries the rules in their order until nothing changes.
    fn settle(&mut self, out: &mut Vec<Output>) {
        loop {
            let before = (self.view, self.head.view);
            self.want_certified(out);
            self.validate_ready(out);
            self.deliver(out);
            if self.is_over {
                return self.stop_clocks(out);
            }
            self.advance(out);
            if before == (self.view, self.head.view) || self.halted.is_some() {
                break;
            }
        }
        if self.halted.is_some() {
            return;
        }
        self.run_clocks(out);
        if self.me.is_some() {
            self.vote(out);
            self.commit(out);
            self.skip(out);
            self.propose(out);
            self.pass_on(out);
        }
    }

    /// A certificate of a view ends it: on to the view after the highest of them.
    fn advance(&mut self, out: &mut Vec<Output>) {
        let ended = self.views.iter().rev().find(|(_, at)| at.has_ended()).map_or(0, |(v, _)| *v);
        let proved = self.proof.as_ref().map_or(0, |proof| proof.body.view());
        let view = ended.max(proved).max(self.head.view) + 1;
        if view <= self.view {
            return;
        }
        self.view = view;
        self.entered_at = self.now;
        self.repairs = 0;
        self.tidied = 0;
        self.building.request = None;
        self.building.not_before = 0;
        self.stop_clocks(out);
        if self.leading.is_some_and(|(_, reached)| reached <= view) {
            self.leading = None;
            self.timers.stop(Timer::Pull, out);
        }
        if let Some(old) = view.checked_sub(VIEWS_FULL) {
            if let Some(at) = self.views.get_mut(&old) {
                at.tally.slim();
                at.proposal = None;
            }
            self.blocks.retain(|_, block| block.is_wanted || block.header.view > old);
        }
        out.push(Output::Entered { view, leader: self.committee.leader(view) });
    }

    fn run_clocks(&mut self, out: &mut Vec<Output>) {
        let is_working = self.is_working();
        if is_working && !self.is_timing {
            self.is_timing = true;
            let waits = self.waits();
            self.timers.set(Timer::Lead, self.now, waits.lead, out);
            self.timers.set(Timer::End, self.now, waits.end, out);
            self.timers.set(Timer::Repair, self.now, self.repair_wait(), out);
        } else if !is_working && self.is_timing {
            self.stop_clocks(out);
        }
        if !is_working && self.tidies() && self.timers.due(Timer::Repair).is_none() {
            self.timers.set(Timer::Repair, self.now, self.repair_wait(), out);
        }
    }

    fn stop_clocks(&mut self, out: &mut Vec<Output>) {
        self.is_timing = false;
        self.lead_is_over = false;
        self.end_is_over = false;
        for timer in [Timer::Lead, Timer::End, Timer::Repair, Timer::Build] {
            self.timers.stop(timer, out);
        }
    }

    fn on_timer(&mut self, token: u64, out: &mut Vec<Output>) {
        let Some(timer) = Timer::of(token) else { return };
        if !self.timers.fired(timer, self.now) {
            return;
        }
        match timer {
            Timer::Lead => self.lead_is_over = true,
            Timer::End => self.end_is_over = true,
            Timer::Repair => self.repair(out),
            Timer::Pull => self.pull(out),
            // A leader looks again after every input.
            Timer::Build => {}
        }
    }

    fn take_input(&mut self, input: Input, out: &mut Vec<Output>) -> Result<(), String> {
        match input {
            Input::Start => self.start(out),
            Input::Statement { statement } => self.on_statement(statement, out)?,
            Input::Proposal { header, statement, justification } => {
                self.on_proposal(header, statement, justification, out)?;
            }
            Input::Header { header } => self.on_header(header, out),
            Input::Validity { block, verdict } => self.on_verdict(&block, verdict, out),
            Input::Built { request, header } => self.on_built(request, header, out)?,
            Input::Timer { token } => self.on_timer(token, out),
            Input::OwnSigned { sequence, statement } => self.on_signed(sequence, statement, out)?,
            Input::SignRefused { sequence } => self.on_refused(sequence, out),
            Input::Pending { has_work } => {
                self.has_work = has_work;
                self.building.not_before = 0;
            }
            Input::Peer { from: _, node, bytes } => self.on_peer(node, &bytes, out)?,
            Input::SyncedTo { header, pair, proof } => self.on_synced(header, pair, proof, out),
        }
        Ok(())
    }
}

impl ConsensusRule for Simplex {
    const ID: &'static str = "simplex";
    const VERSION: u32 = 1;

    fn parameters() -> Vec<Parameter> {
        Parameters::described()
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
        if self.is_over {
            return self.answer_only(input, out).map_err(|message| RuleError { message });
        }
        let taken = self.take_input(input, out);
        if self.is_over {
            self.stop_clocks(out);
        } else if self.is_started {
            self.settle(out);
        }
        taken.map_err(|message| RuleError { message })
    }

    fn inspect(&self) -> Inspect {
        let details = [
            ("head_height", self.head.header.height),
            ("head_view", self.head.view),
            ("views_held", self.views.len() as u64),
            ("blocks_held", self.blocks.len() as u64),
            ("working", u64::from(self.is_working())),
        ];
        Inspect {
            epoch: self.epoch,
            view: self.view,
            leader: self.committee.leader(self.view),
            quorum: self.committee.quorum(),
            total: self.committee.total(),
            faulty_max: self.committee.faulty(),
            fails: self.fails(),
            details: details.iter().map(|(n, v)| ((*n).to_owned(), v.to_string())).collect(),
        }
    }

    fn verify_final(claim: &FinalClaim, verify: Verify) -> Result<(), ProofError> {
        let FinalClaim { statement_prefix, validators, header, pair, proof, .. } = claim;
        let check = || -> Result<(), String> {
            let committee = Committee::new(statement_prefix, validators, header.epoch)?;
            let proof = Certificate::decode(proof)?;
            if pair.block != header.id
                || proof.body != (Body::Commit { view: header.view, pair: *pair })
            {
                return Err("the proof is of another block, result or view".to_owned());
            }
            proof.check(&committee, verify)
        };
        check().map_err(|message| ProofError { message })
    }

    fn describe_proof(
        validators: &[Validator],
        proof: &[u8],
    ) -> Result<Vec<(u16, u64)>, ProofError> {
        let proof = Certificate::decode(proof).map_err(|message| ProofError { message })?;
        let weigh = |signer: u16| validators.get(usize::from(signer)).map(|v| (signer, v.weight));
        proof.signed.iter().map(|signed| weigh(signed.signer)).collect::<Option<_>>().ok_or_else(
            || ProofError { message: "a signer is not in the validator set".to_owned() },
        )
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
