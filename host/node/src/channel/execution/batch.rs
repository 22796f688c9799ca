//! One block's transactions, in order: consecutive ones of a SCORE go to its worker together,
//! system transactions run here.

mod offline;

pub(super) use offline::Called;

use super::Knowledge;
use super::callees::{BlockNeighbours, as_it_takes};
use super::layer::{LayerView, ScoreReader};
use crate::scores::{Artefact, Scores, call_limits, tell, to_receipt};
use host_core::ingest::registration::{may_send_system, registering};
use host_core::system::freeze::{all_frozen, is_of_frozen};
use host_core::system::revoke::is_of_revoked;
use host_core::system::state::{ActiveScore, active_scores, is_of_epochs};
use host_core::system::{self, Context};
use host_identity::{Action, Certificate};
use host_store::BlockResult;
use host_types::block::{Block, Header};
use host_types::genesis::ChannelGenesis;
use host_types::limits::EXECUTE_TIMEOUT_MS;
use host_types::receipt::{Receipt, ScoreEvent, Status, Write};
use host_types::{Address, Code, Domain, Rejection, ScoreName, SignedTransaction};
use score_native_link::{
    Batch, CRASH, CallKind, CallSpec, LogLine, Neighbours, Nest, NoResult, Outcome, Place,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What executing a block gave.
pub(super) struct Done {
    pub(super) receipts: Vec<Receipt>,
    pub(super) events: Vec<Vec<ScoreEvent>>,
    /// Sorted by (score, key), each key once.
    pub(super) writes: Vec<Write>,
    pub(super) knowledge: Knowledge,
}

impl Done {
    /// What a stored result did, without executing anything.
    pub(super) fn from_stored(
        result: &BlockResult,
        mut view: LayerView,
        mut knowledge: Knowledge,
        block: &Block,
    ) -> Self {
        for write in &result.writes {
            view.write(&write.score, write.key.clone(), write.value.clone());
        }
        let system = |write: &&Write| write.score.is_system();
        for write in result.writes.iter().filter(system).filter(|w| w.key.starts_with(b"cert/")) {
            let der = write.value.as_deref().unwrap_or_default();
            if let Ok(certificate) = Certificate::parse(der) {
                let mut membership = (*knowledge.membership).clone();
                // It was added when the block was executed.
                membership.add(certificate, block.header().time).ok();
                knowledge.membership = Arc::new(membership);
            }
        }
        if result.writes.iter().filter(system).any(|w| w.key.starts_with(b"score/")) {
            knowledge.active = Arc::new(active_scores(&view).into_iter().collect());
        }
        if result.writes.iter().filter(system).any(|w| is_of_frozen(&w.key)) {
            knowledge.frozen = Arc::new(all_frozen(&view));
        }
        if result.writes.iter().filter(system).any(|w| is_of_epochs(&w.key)) {
            knowledge.look_at_epochs(&view, block);
        }
        if result.writes.iter().filter(system).any(|w| is_of_revoked(&w.key)) {
            knowledge.look_at_revoked(&view);
        }
        // The workers have not seen this block: whoever runs next asks for state anew.
        knowledge.ran.clear();
        Self {
            receipts: result.receipts.clone(),
            events: result.events.clone(),
            writes: view.into_writes(),
            knowledge,
        }
    }
}

/// One block being executed.
pub(super) struct Run<'a> {
    pub(super) genesis: &'a ChannelGenesis,
    pub(super) scores: &'a Scores,
    pub(super) block: &'a Block,
    pub(super) knowledge: Knowledge,
    pub(super) view: LayerView,
    pub(super) receipts: Vec<Receipt>,
    events: Vec<Vec<ScoreEvent>>,
    pub(super) parts: BTreeMap<ScoreName, u32>,
    /// SCOREs whose workers remember what was undone.
    distrusted: BTreeSet<ScoreName>,
    deadline: Instant,
    /// What the calls to come may take together.
    steps_left: u64,
    /// Lines of SCOREs that the log still takes.
    log_lines_left: usize,
    /// The SCORE that took all the time there was.
    pub(super) struck: Option<ScoreName>,
    /// Receipts that say `crash`, by the SCORE whose code it was.
    pub(super) crashes: BTreeMap<ScoreName, u64>,
    /// Calls that go to a worker together, at most.
    group_max: usize,
    /// How long each transaction took; those of one group share its time.
    took: Vec<Duration>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        genesis: &'a ChannelGenesis,
        scores: &'a Scores,
        block: &'a Block,
        knowledge: Knowledge,
        view: LayerView,
    ) -> Self {
        let count = block.transactions().len();
        let steps_left = knowledge.epoch().limits.steps_per_block;
        Self {
            genesis,
            scores,
            block,
            knowledge,
            view,
            receipts: Vec::with_capacity(count),
            events: Vec::with_capacity(count),
            parts: BTreeMap::new(),
            distrusted: BTreeSet::new(),
            deadline: Instant::now() + Duration::from_millis(EXECUTE_TIMEOUT_MS),
            log_lines_left: LOG_LINES_MAX,
            group_max: usize::MAX,
            took: Vec::new(),
            steps_left,
            struck: None,
            crashes: BTreeMap::new(),
        }
    }

    pub(super) fn finish(self) -> Done {
        let Self { receipts, events, view, knowledge, .. } = self;
        Done { receipts, events, writes: view.into_writes(), knowledge }
    }

    /// Runs everything.
    ///
    /// # Errors
    /// Why there is no result here.
    pub(super) async fn execute(&mut self) -> Result<(), String> {
        self.begin_height().await?;
        self.run_transactions(usize::MAX).await?;
        self.note_crashes();
        self.end_epoch();
        Ok(())
    }

    /// Runs the first `most` transactions.
    async fn run_transactions(&mut self, most: usize) -> Result<(), String> {
        let transactions = Arc::clone(self.block.transactions());
        let mut rest = transactions.get(..most).unwrap_or(&transactions);
        let mut at = 0;
        while let Some(first) = rest.first() {
            let (score, started) = (&first.transaction().score, Instant::now());
            let same = |tx: &&Arc<SignedTransaction>| tx.transaction().score == *score;
            let count = if score.is_system() {
                self.run_system(first).await?;
                1
            } else {
                let count = rest.iter().take(self.group_max).take_while(same).count();
                self.run_group(score, at, rest.get(..count).unwrap_or_default()).await?;
                count
            };
            let took = started.elapsed() / u32::try_from(count).unwrap_or(u32::MAX);
            self.took.extend(std::iter::repeat_n(took, count));
            rest = rest.get(count..).unwrap_or_default();
            at += count;
        }
        Ok(())
    }

    /// The end of a sealing block; and what transactions for `system` did to the next epoch.
    fn end_epoch(&mut self) {
        if self.is_sealing() {
            let (header, epochs) = (self.block.header(), Arc::clone(&self.knowledge.epochs));
            let proposer = |height| match height == header.height {
                true => Some(header.proposer),
                false => self.view.proposer(height),
            };
            let writes = system::sealed(epochs.current(), header.height, &proposer, &self.view);
            self.apply(writes);
        }
        let is_system = |tx: &Arc<SignedTransaction>| tx.transaction().score.is_system();
        if self.is_sealing() || self.block.transactions().iter().any(is_system) {
            self.knowledge.look_at_epochs(&self.view, self.block);
            self.knowledge.look_at_revoked(&self.view);
        }
    }

    fn is_sealing(&self) -> bool {
        self.block.header().next_validators.is_some()
    }

    pub(super) fn apply(&mut self, writes: Vec<Write>) {
        for write in writes {
            self.view.write(&write.score, write.key, write.value);
        }
    }

    fn refuse(&mut self, rejection: &Rejection) {
        let status = (Status::Refused, u32::from(rejection.code.number()));
        let output = rejection.message.clone().into_bytes();
        self.receipts.push(Receipt::new(status, output, &[], &[], 0));
        self.events.push(Vec::new());
    }

    async fn run_system(&mut self, tx: &SignedTransaction) -> Result<(), String> {
        match self.system_outcome(tx) {
            Err(rejection) => self.refuse(&rejection),
            Ok(outcome) => {
                let mut events = outcome.events;
                let mut writes: BTreeMap<_, _> =
                    outcome.writes.into_iter().map(|w| ((w.score, w.key), w.value)).collect();
                for ((score, key), value) in &writes {
                    self.view.write(score, key.clone(), value.clone());
                }
                if writes.keys().any(|(_, key)| is_of_frozen(key)) {
                    self.look_at_frozen();
                }
                if let Some(certificate) = outcome.registered {
                    let mut membership = (*self.knowledge.membership).clone();
                    // `system` has checked that it may be added.
                    membership.add(certificate, self.block.header().time).ok();
                    self.knowledge.membership = Arc::new(membership);
                }
                for deploy in outcome.activate {
                    let (more, also) = self.activate(&deploy).await?;
                    events.extend(more);
                    writes.extend(also);
                }
                let sorted: Vec<_> = writes
                    .into_iter()
                    .map(|((score, key), value)| Write { score, key, value })
                    .collect();
                let receipt = Receipt::new((Status::Ok, 0), outcome.output, &events, &sorted, 0);
                self.receipts.push(receipt);
                self.events.push(events);
            }
        }
        Ok(())
    }

    fn system_outcome(&self, tx: &SignedTransaction) -> Result<system::Outcome, Rejection> {
        let (body, header) = (tx.transaction(), self.block.header());
        if registering(tx).is_none() {
            may_send_system(&self.knowledge.membership, &body.signer, header.time)?;
        }
        let context = Context {
            genesis: self.genesis,
            membership: &self.knowledge.membership,
            signer: body.signer,
            height: header.height,
            time: header.time,
            epochs: &self.knowledge.epochs,
            is_sealing: self.is_sealing(),
        };
        system::execute(&body.method, &body.args, context, &self.view)
    }

    pub(super) fn call(
        &self,
        (kind, method): (CallKind, &str),
        args: Vec<u8>,
        caller: Address,
        (seed, index): (Option<host_types::Hash32>, u32),
    ) -> CallSpec {
        CallSpec {
            tx_hash: *seed.unwrap_or_default().as_bytes(),
            tx_index: index,
            kind,
            origin: *caller.as_bytes(),
            caller: *caller.as_bytes(),
            role: 0,
            organisation: String::new(),
            method: method.to_owned(),
            args,
            steps: self.genesis.limits.steps_per_tx,
        }
    }

    /// Consecutive transactions of one SCORE.
    async fn run_group(
        &mut self,
        score: &ScoreName,
        first: usize,
        group: &[Arc<SignedTransaction>],
    ) -> Result<(), String> {
        let active: Option<ActiveScore> = self.knowledge.active.get(score).cloned();
        let artefact = active.as_ref().and_then(|active| self.scores.artefact(&active.sha256));
        let (mut calls, mut verdicts) = (Vec::with_capacity(group.len()), Vec::new());
        for (i, tx) in group.iter().enumerate() {
            let ready = self.ready(active.is_some(), artefact.as_deref(), first + i, tx);
            verdicts.push(ready.map(|call| calls.push(call)));
        }
        let mut answers = match active {
            Some(active) if !calls.is_empty() => {
                let artefact = artefact
                    .ok_or_else(|| format!("artefact {} of {score} is not here", active.sha256))?;
                let steps = self.steps_left;
                self.call_worker(score, &artefact, (calls, steps)).await?.into_iter()
            }
            _ => Vec::new().into_iter(),
        };
        for verdict in verdicts {
            match verdict {
                Err(rejection) => self.refuse(&rejection),
                Ok(()) => {
                    let (receipt, events, writes) =
                        answers.next().ok_or("the worker answered for fewer calls")?;
                    self.apply(writes);
                    self.receipts.push(receipt);
                    self.events.push(events);
                }
            }
        }
        Ok(())
    }

    /// What the worker is told of a transaction that may run.
    fn ready(
        &self,
        is_active: bool,
        artefact: Option<&Artefact>,
        index: usize,
        tx: &SignedTransaction,
    ) -> Result<CallSpec, Rejection> {
        let (body, time) = (tx.transaction(), self.block.header().time);
        let policies = self.knowledge.epoch().policies(self.genesis);
        let member = self.knowledge.membership.may(&body.signer, Action::Submit, policies, time)?;
        if !is_active {
            let message = format!("{} has no SCORE `{}`", self.genesis.channel, body.score);
            return Err(Rejection::new(Code::ScoreUnknown, message));
        }
        self.knowledge.is_not_frozen(&body.score)?;
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let args = as_it_takes(artefact, CallKind::Invoke, &body.method, &body.args);
        let mut call = self.call(
            (CallKind::Invoke, &body.method),
            args,
            member.address,
            (Some(tx.id().hash()), index),
        );
        call.role = member.role().number();
        call.organisation = member.name().organisation().to_owned();
        Ok(call)
    }

    /// Lines for the operator; the block may yet fail to become final.
    fn tell(&mut self, score: &ScoreName, place: Option<u32>, logs: &[LogLine]) {
        let tx = place.and_then(|at| self.block.transactions().get(at as usize)).map(|tx| tx.id());
        let fit = logs.get(..self.log_lines_left.min(logs.len())).unwrap_or_default();
        self.log_lines_left -= fit.len();
        tell(self.genesis.channel.as_str(), score, tx, fit);
    }

    pub(super) async fn call_worker(
        &mut self,
        score: &ScoreName,
        artefact: &Artefact,
        (calls, steps): (Vec<CallSpec>, u64),
    ) -> Result<Vec<(Receipt, Vec<ScoreEvent>, Vec<Write>)>, String> {
        let header = self.block.header();
        let channel = self.genesis.channel.as_str();
        let seat = self.scores.seat(self.genesis, score, artefact).await?;
        let mut neighbours = BlockNeighbours {
            genesis: self.genesis,
            scores: self.scores,
            active: &self.knowledge.active,
            frozen: &self.knowledge.frozen,
            view: &self.view,
            block: self.block,
            parts: &mut self.parts,
            ran: &mut self.knowledge.ran,
            distrusted: &mut self.distrusted,
        };
        let Place { parent, part, fresh } = neighbours.place(score.as_str());
        let batch = Batch {
            block: *self.block.id().as_bytes(),
            parent,
            part,
            height: header.height.get(),
            time_us: header.time.get(),
            block_seed: block_seed(header),
            channel: channel.to_owned(),
            calls,
            fresh,
            steps,
            limits: call_limits(&self.genesis.call),
        };
        // A call of an activation belongs to no transaction.
        let is_invoked = |call: &CallSpec| call.kind == CallKind::Invoke;
        let places: Vec<u32> =
            batch.calls.iter().filter(|call| is_invoked(call)).map(|call| call.tx_index).collect();
        let address = *Address::of_score(score).as_bytes();
        let mut nest = Nest::new(&mut neighbours, score.as_str(), address);
        let mut reader = ScoreReader { view: &self.view, score };
        let mut worker = seat.worker.lock().await;
        let outcome = worker.execute_among(batch, &mut reader, &mut nest, self.deadline).await;
        drop(worker);
        match outcome {
            Outcome::NoResult(why) => {
                if matches!(why, NoResult::Deadline) {
                    self.struck = Some(score.clone());
                }
                Err(format!("{score}: {why}"))
            }
            Outcome::Receipts(receipts) => {
                for (i, raw) in receipts.iter().enumerate() {
                    self.steps_left = self.steps_left.saturating_sub(raw.steps);
                    let place = places.get(i).copied();
                    if raw.code == CRASH && place.is_some() {
                        let crashed = raw.others.crashed.as_deref().and_then(ScoreName::new);
                        *self
                            .crashes
                            .entry(crashed.unwrap_or_else(|| score.clone()))
                            .or_default() += 1;
                    }
                    self.tell(score, place, &raw.logs);
                    for (other, line) in &raw.others.logs {
                        if let Some(other) = ScoreName::new(other) {
                            self.tell(&other, place, std::slice::from_ref(line));
                        }
                    }
                }
                Ok(receipts.into_iter().map(|raw| to_receipt(score, raw)).collect())
            }
        }
    }
}

/// Public and the same for everybody.
fn block_seed(header: &Header) -> [u8; 32] {
    *Domain::Seed.hash(&[header.parent.block.as_bytes()]).as_bytes()
}

/// Lines of SCOREs that one block brings into the log of this node: whoever pays for steps must not
/// fill its disk. More are dropped.
const LOG_LINES_MAX: usize = 256;
