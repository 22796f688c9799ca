//! The state machine. The signer: work, wait for the block interval, build, execute, sign, final.
//! Everyone, the signer included: a commit whose header and whose own result are here, and whose
//! parent is the head, makes the next head.
//!
//! Inputs in, wishes out, nothing else. Not here: what is signed (`statement.rs`).

use crate::{
    parameters::Settings,
    statement::{self, Commit, SIGNER},
};
use plugin_api::{
    ConsensusRule, FinalClaim, Hash, HeaderView, InitCfg, Input, Inspect, LogRecord, Output, Pair,
    Parameter, ProofError, RuleError, Statement, To, Validator, Verify,
};
use std::collections::BTreeMap;

mod follow;
mod propose;
mod status;

/// Blocks above the head that are remembered; a node that is further behind syncs.
pub const PENDING_BLOCKS_MAX: usize = 64;
/// Pause before an execution that gave no result is asked for again, ms.
pub const RETRY_MS: u64 = 1_000;
/// Quiet after the last block, after which the signer says once where it stands, ms.
pub const QUIET_MS: u64 = 1_000;

/// Timer: the block interval is over.
const TIMER_INTERVAL: u64 = 1;
/// Timer: ask again.
const TIMER_RETRY: u64 = 2;
/// Timer: it has been quiet.
const TIMER_QUIET: u64 = 3;
const ERROR: u8 = 1;
const WARN: u8 = 2;

/// The last final block.
#[derive(Clone, Debug)]
struct Head {
    id: Hash,
    height: u64,
    /// 0 for the root of the epoch.
    view: u64,
    pair: Pair,
    proof: Vec<u8>,
}

/// What is known of a block above the head. Its header, the signer's commit and this node's own
/// result come in any order.
#[derive(Debug, Default)]
struct PendingBlock {
    header: Option<HeaderView>,
    commit: Option<(Commit, Statement)>,
    result: Option<Pair>,
    is_fetched: bool,
    is_validated: bool,
}

/// What the signer is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// Waits for work.
    Idle,
    /// Waits for a timer.
    Waiting,
    /// Asked for a block.
    Building { request: u64 },
    /// Asked for the result of its block.
    Executing { header: HeaderView },
    /// Asked for its signature.
    Signing { sequence: u64, block: Hash },
    /// Something happened that must not; it signs nothing any more.
    Halted { reason: String },
}

/// The rule.
#[derive(Debug)]
pub struct Solo {
    epoch: u64,
    root: Hash,
    total: u64,
    is_signer: bool,
    settings: Settings,
    head: Head,
    pending: BTreeMap<Hash, PendingBlock>,
    stage: Stage,
    has_work: bool,
    proposed_ms: Option<u64>,
    /// Number of the last request or signature.
    number: u64,
}

impl Solo {
    fn head_of(root: Hash, header: &HeaderView, pair: Pair, proof: Vec<u8>) -> Head {
        let view = if header.id == root { 0 } else { header.view };
        Head { id: header.id, height: header.height, view, pair, proof }
    }

    /// Takes the log: what was signed above the head is as good as final.
    fn restore(&mut self, log: &[LogRecord]) -> Result<(), RuleError> {
        for record in log {
            match record {
                LogRecord::Rule { record, .. } => {
                    let header: HeaderView = minicbor::decode(record).map_err(|error| {
                        RuleError { message: format!("a record of the log is damaged: {error}") }
                    })?;
                    self.learn_header(header);
                }
                LogRecord::Own { statement } => {
                    let commit = Commit::of(statement)?;
                    if commit.view > self.head.view {
                        self.learn_commit(commit, statement.clone());
                    }
                }
            }
        }
        self.pending.retain(|_, block| block.commit.is_some());
        Ok(())
    }

    fn halt(&mut self, reason: String, out: &mut Vec<Output>) {
        out.push(Output::Trace { level: ERROR, line: format!("solo halts: {reason}") });
        self.stage = Stage::Halted { reason };
    }

    fn is_halted(&self) -> bool {
        matches!(self.stage, Stage::Halted { .. })
    }

    /// Makes final what can be, asks for what is missing, then lets the signer go on.
    fn proceed(&mut self, now_ms: u64, out: &mut Vec<Output>) {
        while !self.is_halted() && self.finalize_next(out) {}
        if self.is_halted() {
            return;
        }
        self.ask_for_missing(out);
        self.propose(now_ms, out);
    }

    /// After a start: ask who is further; and what was signed before may never have left.
    fn start(&self, out: &mut Vec<Output>) {
        out.push(Output::Entered { view: self.head.view + 1, leader: SIGNER });
        out.push(self.status(To::All, true));
        if !self.is_signer {
            return;
        }
        let signed =
            self.pending.iter().filter_map(|(id, block)| Some((id, block.commit.as_ref()?)));
        out.extend(signed.map(|(id, (_, statement))| Output::SendProposal {
            to: To::All,
            block: *id,
            statement: statement.clone(),
            justification: Vec::new(),
        }));
    }
}

impl ConsensusRule for Solo {
    const ID: &'static str = "solo";
    const VERSION: u32 = 1;

    fn parameters() -> Vec<Parameter> {
        Settings::described()
    }

    fn init(
        cfg: InitCfg,
        log: &[LogRecord],
        _verify: Verify,
    ) -> Result<(Self, Vec<Output>), RuleError> {
        let [validator] = cfg.validators.as_slice() else {
            let message = format!(
                "rule `solo` takes exactly one validator, the channel has {}; leave one in it, or \
                 choose rule = \"lft\"",
                cfg.validators.len()
            );
            return Err(RuleError { message });
        };
        if validator.unit.is_some() {
            let group = &validator.group;
            let message = format!(
                "group {group} counts as one, which rule `solo` does not know; use mode = \"flat\""
            );
            return Err(RuleError { message });
        }
        if cfg.me.is_some_and(|me| me != SIGNER) {
            let message = format!("this node is validator {:?} of one", cfg.me);
            return Err(RuleError { message });
        }
        let mut solo = Self {
            epoch: cfg.epoch,
            root: cfg.root.id,
            total: validator.weight,
            is_signer: cfg.me.is_some(),
            settings: Settings::read(&cfg.parameters)?,
            head: Self::head_of(cfg.root.id, &cfg.head, cfg.head_pair, cfg.head_proof),
            pending: BTreeMap::new(),
            stage: Stage::Idle,
            has_work: false,
            proposed_ms: None,
            number: 0,
        };
        solo.restore(log)?;
        Ok((solo, Vec::new()))
    }

    fn step(&mut self, now_ms: u64, input: Input, out: &mut Vec<Output>) -> Result<(), RuleError> {
        if self.is_halted() {
            return Ok(());
        }
        match input {
            Input::Start => self.start(out),
            Input::Statement { statement } => self.on_commit(statement, out)?,
            Input::Proposal { header, statement, .. } => {
                self.on_proposal(header, statement, out)?;
            }
            Input::Header { header } if self.pending.contains_key(&header.id) => {
                self.check_header(&header)?;
                self.learn_header(header);
            }
            Input::Validity { block, verdict } => self.on_verdict(now_ms, block, verdict, out),
            Input::Built { request, header } => self.on_built(request, header, out),
            Input::Timer { token: TIMER_INTERVAL } if self.stage == Stage::Waiting => {
                self.stage = Stage::Idle;
            }
            Input::OwnSigned { sequence, statement } => self.on_signed(sequence, statement)?,
            Input::SignRefused { sequence } => self.on_refused(sequence, out),
            Input::Pending { has_work } => self.has_work = has_work,
            Input::SyncedTo { header, pair, proof } => self.on_synced(&header, pair, proof),
            Input::Peer { node, bytes, .. } => self.on_status(node, &bytes, out)?,
            Input::Timer { token: TIMER_QUIET } => out.push(self.status(To::All, false)),
            Input::Timer { token: TIMER_RETRY } => self.retry(),
            Input::Header { .. } | Input::Timer { .. } => {}
        }
        self.proceed(now_ms, out);
        Ok(())
    }

    fn inspect(&self) -> Inspect {
        let stage = match &self.stage {
            Stage::Idle => "idle".to_owned(),
            Stage::Waiting => "waiting".to_owned(),
            Stage::Building { .. } => "building".to_owned(),
            Stage::Executing { .. } => "executing".to_owned(),
            Stage::Signing { .. } => "signing".to_owned(),
            Stage::Halted { reason } => format!("halted: {reason}"),
        };
        Inspect {
            epoch: self.epoch,
            view: self.head.view + 1,
            leader: SIGNER,
            quorum: self.total,
            total: self.total,
            faulty_max: 0,
            fails: 0,
            details: vec![
                ("height".to_owned(), self.head.height.to_string()),
                ("stage".to_owned(), stage),
            ],
        }
    }

    fn verify_final(claim: &FinalClaim, verify: Verify) -> Result<(), ProofError> {
        statement::verify_final(claim, verify)
    }

    fn describe_proof(
        validators: &[Validator],
        proof: &[u8],
    ) -> Result<Vec<(u16, u64)>, ProofError> {
        let (statement, _) = statement::read_proof(proof)?;
        let validator = validators.get(usize::from(statement.signer));
        let weight = validator.map(|validator| validator.weight).ok_or_else(|| ProofError {
            message: "the Final proof is of a validator that the epoch does not have".to_owned(),
        })?;
        Ok(vec![(statement.signer, weight)])
    }
}

#[cfg(test)]
mod tests;
