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
    ConsensusRule, Hash, HeaderView, InitCfg, Input, Inspect, LogRecord, Output, Pair, Parameter,
    ProofError, ProposalKind, RuleError, Statement, Then, To, Validator, Verify,
    input::Verdict,
    output::FinalBlock,
};
use std::collections::BTreeMap;

/// Blocks above the head that are remembered; a node that is further behind syncs.
pub const PENDING_BLOCKS_MAX: usize = 64;
/// Pause before an execution that gave no result is asked for again, ms.
pub const RETRY_MS: u64 = 1_000;

/// Timer: the block interval is over.
const TIMER_INTERVAL: u64 = 1;
/// Timer: ask again.
const TIMER_RETRY: u64 = 2;
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

    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
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

    fn pending_block(&mut self, id: Hash) -> Option<&mut PendingBlock> {
        let has_room = self.pending.len() < PENDING_BLOCKS_MAX || self.pending.contains_key(&id);
        has_room.then(|| self.pending.entry(id).or_default())
    }

    fn learn_header(&mut self, header: HeaderView) {
        if header.height > self.head.height
            && let Some(block) = self.pending_block(header.id)
        {
            block.header = Some(header);
        }
    }

    fn learn_commit(&mut self, commit: Commit, statement: Statement) {
        if let Some(block) = self.pending_block(commit.pair.block) {
            block.commit = Some((commit, statement));
        }
    }

    /// A commit of the signer arrived.
    fn on_commit(&mut self, statement: Statement, out: &mut Vec<Output>) -> Result<(), RuleError> {
        let commit = Commit::of(&statement)?;
        if commit.view < self.head.view {
            return Ok(());
        }
        let rival = self.rival_of(&commit);
        if let Some(first) = rival {
            out.push(Output::Evidence { signer: SIGNER, first, second: statement });
            self.halt("the signer committed two results in one view".to_owned(), out);
        } else if commit.view > self.head.view {
            self.learn_commit(commit, statement);
        }
        Ok(())
    }

    /// A statement for something else in the same view.
    fn rival_of(&self, commit: &Commit) -> Option<Statement> {
        let head = statement::read_proof(&self.head.proof).ok();
        let known = self.pending.values().filter_map(|block| block.commit.as_ref());
        let known = known.map(|(commit, statement)| (statement, commit));
        head.iter()
            .map(|(statement, commit)| (statement, commit))
            .chain(known)
            .find(|(_, other)| other.view == commit.view && other.pair != commit.pair)
            .map(|(statement, _)| statement.clone())
    }

    fn halt(&mut self, reason: String, out: &mut Vec<Output>) {
        out.push(Output::Trace { level: ERROR, line: format!("solo halts: {reason}") });
        self.stage = Stage::Halted { reason };
    }

    fn is_halted(&self) -> bool {
        matches!(self.stage, Stage::Halted { .. })
    }

    fn on_proposal(
        &mut self,
        header: HeaderView,
        statement: Statement,
        out: &mut Vec<Output>,
    ) -> Result<(), RuleError> {
        let commit = Commit::of(&statement)?;
        self.check_header(&header)?;
        if commit.pair.block != header.id || commit.view != header.view {
            return Err(RuleError { message: "the commit is not of the proposed block".to_owned() });
        }
        self.learn_header(header);
        self.on_commit(statement, out)
    }

    fn check_header(&self, header: &HeaderView) -> Result<(), RuleError> {
        let refused = |message: &str| Err(RuleError { message: message.to_owned() });
        if header.epoch != self.epoch {
            return refused("the block is of another epoch");
        }
        if header.proposer != SIGNER || header.kind != ProposalKind::Norm {
            return refused("the block is not an ordinary proposal of the signer");
        }
        let extends_head = header.parent.block == self.head.id;
        let fits_head = header.height == self.head.height + 1
            && header.view > self.head.view
            && header.parent_view == self.head.view;
        if extends_head && !fits_head {
            return refused("the block's height or view does not follow its parent's");
        }
        Ok(())
    }

    fn on_verdict(&mut self, now_ms: u64, block: Hash, verdict: Verdict, out: &mut Vec<Output>) {
        if let Stage::Executing { header } = &self.stage
            && header.id == block
        {
            let header = header.clone();
            return self.on_own_verdict(now_ms, header, verdict, out);
        }
        let Some(known) = self.pending.get_mut(&block) else { return };
        match verdict {
            Verdict::Valid { pair } => known.result = Some(pair),
            Verdict::NoResult => {
                out.push(Output::SetTimer { token: TIMER_RETRY, after_ms: RETRY_MS });
            }
            Verdict::Invalid { reason } => {
                self.halt(format!("the signer committed an invalid block: {reason}"), out);
            }
        }
    }

    /// The signer's own block was executed: sign it, or drop it and try again later.
    fn on_own_verdict(
        &mut self,
        now_ms: u64,
        header: HeaderView,
        verdict: Verdict,
        out: &mut Vec<Output>,
    ) {
        let Verdict::Valid { pair } = verdict else {
            let line = format!("own block {:?} was not executed: {verdict:?}", header.id);
            out.push(Output::Trace { level: WARN, line });
            self.proposed_ms = Some(now_ms);
            self.stage = Stage::Waiting;
            out.push(Output::SetTimer { token: TIMER_INTERVAL, after_ms: RETRY_MS });
            return;
        };
        let commit = Commit { view: header.view, pair };
        let record = minicbor::to_vec(&header).unwrap_or_default();
        out.push(Output::Persist { view: header.view, record });
        let block = header.id;
        self.learn_header(header);
        if let Some(known) = self.pending.get_mut(&block) {
            known.result = Some(pair);
            known.is_validated = true;
        }
        let sequence = self.next_number();
        out.push(Output::Sign {
            sequence,
            slots: commit.slots(),
            body: commit.body(),
            then: Then::Propose { block, justification: Vec::new() },
            needs: vec![block],
        });
        self.stage = Stage::Signing { sequence, block };
    }

    fn on_built(&mut self, request: u64, header: Option<HeaderView>, out: &mut Vec<Output>) {
        if self.stage != (Stage::Building { request }) {
            return;
        }
        match header {
            Some(header) => {
                out.push(Output::Validate { block: header.id });
                self.stage = Stage::Executing { header };
            }
            None => {
                self.has_work = false;
                self.stage = Stage::Idle;
            }
        }
    }

    fn on_signed(&mut self, sequence: u64, statement: Statement) -> Result<(), RuleError> {
        if let Stage::Signing { sequence: asked, .. } = self.stage
            && asked == sequence
        {
            let commit = Commit::of(&statement)?;
            self.learn_commit(commit, statement);
            self.stage = Stage::Idle;
        }
        Ok(())
    }

    fn on_refused(&mut self, sequence: u64, out: &mut Vec<Output>) {
        if let Stage::Signing { sequence: asked, block } = self.stage
            && asked == sequence
        {
            self.pending.remove(&block);
            let reason = "the signing guard refused: another block was signed in this view and is \
                          not in the log; restore the data folder or let the node sync";
            self.halt(reason.to_owned(), out);
        }
    }

    fn on_synced(&mut self, header: &HeaderView, pair: Pair, proof: Vec<u8>) {
        if header.height <= self.head.height {
            return;
        }
        self.head = Self::head_of(self.root, header, pair, proof);
        self.forget_passed();
        if self.is_signer && !self.is_halted() {
            self.stage = Stage::Idle;
        }
    }

    /// Drops blocks that the head has reached.
    fn forget_passed(&mut self) {
        let (height, view) = (self.head.height, self.head.view);
        self.pending.retain(|_, block| {
            block.header.as_ref().is_none_or(|header| header.height > height)
                && block.commit.as_ref().is_none_or(|(commit, _)| commit.view > view)
        });
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

    /// Makes the child of the head final when all of it is here.
    fn finalize_next(&mut self, out: &mut Vec<Output>) -> bool {
        let child = self.pending.iter().find_map(|(id, block)| {
            let header = block.header.as_ref().filter(|header| header.parent == self.head.pair)?;
            let (commit, statement) = block.commit.as_ref()?;
            Some((*id, header.clone(), *commit, statement.clone(), block.result?))
        });
        let Some((id, header, commit, statement, result)) = child else { return false };
        if let Err(error) = self.check_header(&header) {
            self.halt(format!("the signer committed block {id:?}: {}", error.message), out);
            return false;
        }
        if result != commit.pair {
            self.halt(format!("this node's result of block {id:?} is not the signer's"), out);
            return false;
        }
        let proof = statement::proof_of(&statement);
        let block = FinalBlock { pair: commit.pair, view: commit.view };
        out.push(Output::Final { blocks: vec![block], proof: proof.clone() });
        self.head = Self::head_of(self.root, &header, commit.pair, proof);
        self.forget_passed();
        out.push(Output::Entered { view: self.head.view + 1, leader: SIGNER });
        true
    }

    /// Fetches headers of commits, and has the child of the head executed.
    fn ask_for_missing(&mut self, out: &mut Vec<Output>) {
        let parent = self.head.pair;
        for (id, block) in self.pending.iter_mut().filter(|(_, block)| block.commit.is_some()) {
            match &block.header {
                None if !block.is_fetched => {
                    block.is_fetched = true;
                    out.push(Output::FetchBlock { block: *id });
                }
                Some(header) if header.parent == parent && !block.is_validated => {
                    block.is_validated = true;
                    out.push(Output::Validate { block: *id });
                }
                _ => {}
            }
        }
    }

    /// Executions without a result are asked for again.
    fn retry(&mut self) {
        for block in self.pending.values_mut().filter(|block| block.result.is_none()) {
            block.is_validated = false;
        }
    }

    /// The signer's turn: only with work, nothing of its own unfinished, and the interval over.
    fn propose(&mut self, now_ms: u64, out: &mut Vec<Output>) {
        let has_turn = self.is_signer && self.stage == Stage::Idle && self.pending.is_empty();
        if !has_turn || !self.has_work {
            return;
        }
        let due_ms = self.proposed_ms.map_or(0, |ms| ms + self.settings.block_interval_ms);
        if now_ms < due_ms {
            out.push(Output::SetTimer { token: TIMER_INTERVAL, after_ms: due_ms - now_ms });
            self.stage = Stage::Waiting;
            return;
        }
        self.proposed_ms = Some(now_ms);
        let request = self.next_number();
        out.push(Output::Build {
            request,
            view: self.head.view + 1,
            kind: ProposalKind::Norm,
            parent: self.head.pair,
            parent_view: self.head.view,
            allow_empty: false,
            carried: statement::name_of_proof(&self.head.proof),
        });
        self.stage = Stage::Building { request };
    }

    /// After a start: what was signed before may never have left.
    fn resend(&self, out: &mut Vec<Output>) {
        out.push(Output::Entered { view: self.head.view + 1, leader: SIGNER });
        if !self.is_signer {
            return;
        }
        let signed = self.pending.iter().filter_map(|(id, block)| Some((id, block.commit.as_ref()?)));
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
            Input::Start => self.resend(out),
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
            Input::Peer { .. } => {
                return Err(RuleError { message: "solo has no helper messages".to_owned() });
            }
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

    fn verify_final(
        statement_prefix: &[u8],
        validators: &[Validator],
        header: &HeaderView,
        pair: &Pair,
        proof: &[u8],
        verify: Verify,
    ) -> Result<(), ProofError> {
        statement::verify_final(statement_prefix, validators, (header, pair), proof, verify)
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
#[path = "tests.rs"]
mod tests;
