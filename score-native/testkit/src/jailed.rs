//! The engine that runs the `.so` in the sandboxed worker of a node, through `score-native-link`.

use crate::{
    engine::{CHANNEL, Engine, Entries, Moment},
    library::{self, LibraryError},
};
use score_native_link::{
    Batch, BlockId, CallKind, CallLimits, CallReceipt, CallSpec, Outcome, Query, QueryWorker,
    Sandbox, StateReader, Worker, WorkerConfig,
};
use std::{
    ops::Bound,
    path::Path,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// Time a call gets; far more than its steps take.
const DEADLINE: Duration = Duration::from_secs(30);

/// A worker and its twin for questions.
pub(crate) struct Jailed {
    runtime: Runtime,
    worker: Worker,
    questions: QueryWorker,
    manifest: String,
    /// The last block that was executed.
    parent: BlockId,
}

impl Jailed {
    pub(crate) fn start(so: &Path, program: &Path, args: &[&str]) -> Result<Self, LibraryError> {
        let bytes = std::fs::read(so)?;
        let manifest = library::checked(&bytes)?.manifest;
        let manifest = serde_json::to_string(&manifest).map_err(std::io::Error::from)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let args = args.iter().map(Into::into).collect();
        let config = WorkerConfig::new(program, args, Sandbox::Strict, &bytes)?;
        let questions = QueryWorker::new(config.clone());
        let worker = runtime
            .block_on(Worker::start(config))
            .map_err(|reason| LibraryError::Worker(reason.to_string()))?;
        Ok(Self { runtime, worker, questions, manifest, parent: [0; 32] })
    }

    fn execute(&mut self, moment: &Moment, call: CallSpec, state: &Entries) -> Outcome {
        let batch = Batch {
            block: moment.block_seed,
            parent: self.parent,
            part: 0,
            height: moment.height,
            time_us: moment.time_us,
            block_seed: moment.block_seed,
            channel: CHANNEL.to_owned(),
            calls: vec![call],
            fresh: false,
            steps: u64::MAX,
            limits: CallLimits::MOST,
        };
        self.parent = batch.block;
        let mut reader = Reader(state.clone());
        let worker = &mut self.worker;
        self.runtime.block_on(async {
            let block = batch.block;
            let outcome = worker.execute(batch, &mut reader, Instant::now() + DEADLINE).await;
            worker.finalize(block).await;
            outcome
        })
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
        let mut reader = Reader(state.clone());
        let asked = self.questions.query(query, &mut reader, Instant::now() + DEADLINE);
        self.runtime.block_on(asked)
    }
}

impl Engine for Jailed {
    fn name(&self) -> String {
        "the worker".into()
    }

    fn manifest(&self) -> String {
        self.manifest.clone()
    }

    #[expect(clippy::panic, reason = "a test without a result fails by a panic")]
    fn run(&mut self, moment: &Moment, call: &CallSpec, state: &Entries) -> CallReceipt {
        let outcome = if call.kind == CallKind::Query {
            self.ask(moment, call.clone(), state)
        } else {
            self.execute(moment, call.clone(), state)
        };
        match outcome {
            Outcome::Receipts(receipts) => match receipts.into_iter().next() {
                Some(receipt) => receipt,
                None => panic!("`{}`: the worker gave no receipt", call.method),
            },
            Outcome::NoResult(reason) => panic!("`{}`: no result: {reason}", call.method),
        }
    }
}

/// The state as it is now.
struct Reader(Entries);

impl StateReader for Reader {
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
