//! The engine that runs the `.so` in the sandboxed worker of a node, through `score-native-link`.
//!
//! In: calls. Out: receipts. With dice it also does what a node on a bad day does: it starts the
//! worker again, cuts a block into several batches, lets blocks wait for finality, executes one
//! twice. None of that may be seen in a receipt.

use crate::{
    dice::Dice,
    engine::{CHANNEL, Engine, Entries, Moment, apply},
    library::{self, LibraryError},
};
use score_native_link::{
    Batch, BlockId, CallKind, CallLimits, CallReceipt, CallSpec, Outcome, Query, QueryWorker,
    StateReader, Worker, WorkerConfig,
};
use std::{
    ops::Bound,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// Time a batch gets; far more than its steps take.
const DEADLINE: Duration = Duration::from_secs(30);

/// Blocks that wait for finality at most; a node is not further behind for long.
const UNFINISHED_MAX: usize = 8;

/// Times a worker is started anew for no reason: each costs some milliseconds of a test.
const RESTARTS_MAX: u32 = 8;

/// A worker and its twin for questions.
pub(crate) struct Jailed {
    runtime: Runtime,
    config: WorkerConfig,
    worker: Worker,
    questions: QueryWorker,
    manifest: String,
    name: String,
    /// The last block that was executed.
    parent: BlockId,
    /// How many blocks there were: their ids.
    blocks: u64,
    /// Executed and not yet final.
    unfinished: Vec<BlockId>,
    dice: Option<Dice>,
    restarts: u32,
}

impl Jailed {
    pub(crate) fn start(so: &[u8], config: WorkerConfig) -> Result<Self, LibraryError> {
        let manifest = library::checked(so)?.manifest;
        let manifest = serde_json::to_string(&manifest).map_err(std::io::Error::from)?;
        Self::with(config, manifest, "the worker".into(), None)
    }

    /// The same SCORE in a worker that is started otherwise and treated badly.
    pub(crate) fn under(
        &self,
        config: WorkerConfig,
        name: String,
        dice: Dice,
    ) -> Result<Self, LibraryError> {
        Self::with(config, self.manifest.clone(), name, Some(dice))
    }

    fn with(
        config: WorkerConfig,
        manifest: String,
        name: String,
        dice: Option<Dice>,
    ) -> Result<Self, LibraryError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let questions = QueryWorker::new(config.clone());
        let worker = runtime
            .block_on(Worker::start(config.clone()))
            .map_err(|reason| LibraryError::Worker(reason.to_string()))?;
        let (parent, unfinished) = ([0; 32], Vec::new());
        Ok(Self {
            runtime,
            config,
            worker,
            questions,
            manifest,
            name,
            parent,
            blocks: 0,
            unfinished,
            dice,
            restarts: 0,
        })
    }

    /// A process that remembers nothing.
    #[expect(clippy::panic, reason = "a test without a worker fails by a panic")]
    fn restart(&mut self) {
        match self.runtime.block_on(Worker::start(self.config.clone())) {
            Ok(worker) => self.worker = worker,
            Err(reason) => panic!("{}: it does not start again: {reason}", self.name),
        }
        self.unfinished.clear();
        self.restarts += 1;
    }

    fn batch(&self, moment: &Moment, calls: &[CallSpec], part: u32) -> Batch {
        Batch {
            block: id(self.blocks),
            parent: self.parent,
            part,
            height: moment.height,
            time_us: moment.time_us,
            block_seed: moment.block_seed,
            channel: CHANNEL.to_owned(),
            calls: calls.to_vec(),
            fresh: false,
            steps: u64::MAX,
            limits: CallLimits::MOST,
        }
    }

    #[expect(clippy::panic, reason = "a test without a result fails by a panic")]
    fn execute(&mut self, batch: Batch, state: &Entries) -> Vec<CallReceipt> {
        let (worker, mut reader) = (&mut self.worker, Reader(state));
        let deadline = Instant::now() + DEADLINE;
        match self.runtime.block_on(worker.execute(batch, &mut reader, deadline)) {
            Outcome::Receipts(receipts) => receipts,
            Outcome::NoResult(reason) => panic!("{}: no result: {reason}", self.name),
        }
    }

    /// One block, in as many batches as the dice say.
    fn block(&mut self, moment: &Moment, calls: &[CallSpec], state: &Entries) -> Vec<CallReceipt> {
        let mut state = state.clone();
        let (mut receipts, mut part, mut rest) = (Vec::new(), 0, calls);
        while !rest.is_empty() {
            let most = rest.len() as u64;
            let now = self.dice.as_mut().map_or(most, |dice| 1 + dice.below(most));
            let (calls, later) = rest.split_at(now as usize);
            let is_restarted = self.dice.as_mut().is_some_and(|dice| dice.once_in(8));
            if is_restarted && self.restarts < RESTARTS_MAX {
                self.restart();
            }
            let done = self.execute(self.batch(moment, calls, part), &state);
            done.iter().for_each(|receipt| apply(&mut state, &receipt.writes));
            receipts.extend(done);
            (rest, part) = (later, part + 1);
        }
        receipts
    }

    /// Makes blocks final: all of them, or as many as the dice say.
    fn finalize(&mut self) {
        self.unfinished.push(id(self.blocks));
        let waits = self.dice.as_mut().is_some_and(|dice| !dice.once_in(3));
        if waits && self.unfinished.len() < UNFINISHED_MAX {
            return;
        }
        for block in std::mem::take(&mut self.unfinished) {
            self.runtime.block_on(self.worker.finalize(block));
        }
    }

    fn ask(&mut self, moment: &Moment, call: CallSpec, state: &Entries) -> Outcome {
        let query = Query {
            snapshot: self.parent,
            height: moment.height,
            time_us: moment.time_us,
            block_seed: moment.block_seed,
            channel: CHANNEL.to_owned(),
            call,
            limits: CallLimits::MOST,
        };
        let (questions, mut reader) = (&mut self.questions, Reader(state));
        let asked = questions.query(query, &mut reader, Instant::now() + DEADLINE);
        self.runtime.block_on(asked)
    }
}

/// The id of the nth block.
fn id(number: u64) -> BlockId {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&number.to_be_bytes());
    id
}

impl Engine for Jailed {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn manifest(&self) -> String {
        self.manifest.clone()
    }

    #[expect(clippy::panic, reason = "a test without a result fails by a panic")]
    fn run(&mut self, moment: &Moment, call: &CallSpec, state: &Entries) -> CallReceipt {
        let receipt = if call.kind == CallKind::Query {
            match self.ask(moment, call.clone(), state) {
                Outcome::Receipts(mut receipts) => receipts.pop(),
                Outcome::NoResult(reason) => panic!("{}: no result: {reason}", self.name),
            }
        } else {
            self.run_block(moment, std::slice::from_ref(call), state).pop()
        };
        let Some(receipt) = receipt else { panic!("{}: no receipt", self.name) };
        receipt
    }

    fn run_block(
        &mut self,
        moment: &Moment,
        calls: &[CallSpec],
        state: &Entries,
    ) -> Vec<CallReceipt> {
        self.blocks += 1;
        let mut receipts = self.block(moment, calls, state);
        if self.dice.as_mut().is_some_and(|dice| dice.once_in(5)) {
            // A rival took its place and lost.
            receipts = self.block(moment, calls, state);
        }
        self.finalize();
        self.parent = id(self.blocks);
        receipts
    }

    #[expect(clippy::panic, reason = "a test without a worker fails by a panic")]
    fn fork(&self) -> Box<dyn Engine> {
        let (config, manifest) = (self.config.clone(), self.manifest.clone());
        match Self::with(config, manifest, self.name.clone(), self.dice.clone()) {
            Ok(other) => Box::new(other),
            Err(reason) => panic!("{}: no other one: {reason}", self.name),
        }
    }

    fn forget(&mut self) {
        // A block that nobody executed: the worker asks for the whole state.
        self.blocks += 1;
        self.parent = id(self.blocks);
        self.unfinished.clear();
    }
}

/// The state as it is now.
struct Reader<'a>(&'a Entries);

impl StateReader for Reader<'_> {
    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }

    fn scan(&mut self, prefix: &[u8], after: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let from = if after < prefix { Bound::Included(prefix) } else { Bound::Excluded(after) };
        let entries = self.0.range::<[u8], _>((from, Bound::Unbounded));
        let under = entries.take_while(|(key, _)| key.starts_with(prefix));
        under.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}
