//! What the tests of the worker share: SCORE files, a state in memory, batches of calls.
//!
//! In: names of packages and methods. Out: workers and outcomes. The sandbox is always `strict`.

use score_native_link::build::{build_score, source_tree};
use score_native_link::{
    Batch, BlockId, CallKind, CallLimits, CallReceipt, CallSpec, Outcome, Query, Sandbox,
    StateReader, Worker, WorkerConfig,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The channel's default for a transaction.
pub(crate) const STEPS: u64 = 20_000_000;

/// Long enough for any machine; only the tests of the deadline take another one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The attack SCORE.
pub(crate) fn evil() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| built("tests-evil"))
}

/// The SCORE that calls others.
pub(crate) fn caller() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| built("tests-caller"))
}

/// The token SCORE.
pub(crate) fn token() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| built("plugins-token"))
}

fn built(package: &str) -> Vec<u8> {
    let root = source_tree().expect("the tests run in the source tree");
    let mut said = Vec::new();
    let path: PathBuf = build_score(&root, package, &mut |line| said.push(line.to_owned()))
        .unwrap_or_else(|error| panic!("{error}\n{}", said.join("\n")));
    std::fs::read(path).unwrap()
}

/// How the worker of this package is started on a SCORE file.
pub(crate) fn config(bytes: &[u8]) -> WorkerConfig {
    let program = env!("CARGO_BIN_EXE_score-worker-under-test");
    WorkerConfig::new(program, Vec::new(), Sandbox::Strict, bytes).unwrap()
}

/// A worker on a SCORE file.
pub(crate) async fn worker(bytes: &[u8]) -> Worker {
    Worker::start(config(bytes)).await.unwrap()
}

/// State in memory.
#[derive(Default, Clone, PartialEq, Eq, Debug)]
pub(crate) struct State(pub(crate) BTreeMap<Vec<u8>, Vec<u8>>);

impl StateReader for State {
    fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }

    fn scan(&mut self, prefix: &[u8], after: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let fits = |(k, _): &(&Vec<u8>, &Vec<u8>)| k.starts_with(prefix) && k.as_slice() > after;
        self.0.iter().filter(fits).take(limit).map(|(k, v)| (k.clone(), v.clone())).collect()
    }
}

impl State {
    /// Takes over what successful calls wrote.
    pub(crate) fn apply(&mut self, receipts: &[CallReceipt]) {
        for write in receipts.iter().flat_map(|receipt| &receipt.writes) {
            match &write.value {
                Some(value) => drop(self.0.insert(write.key.clone(), value.clone())),
                None => drop(self.0.remove(&write.key)),
            }
        }
    }
}

/// An address.
pub(crate) fn address(number: u8) -> [u8; 20] {
    [number; 20]
}

/// A call by address 1.
pub(crate) fn call(method: &str, args: &[u8]) -> CallSpec {
    CallSpec {
        tx_hash: [9; 32],
        tx_index: 0,
        kind: CallKind::Invoke,
        origin: address(1),
        caller: address(1),
        role: 0,
        organisation: "org".into(),
        method: method.into(),
        args: args.to_vec(),
        steps: STEPS,
    }
}

/// The id of a block with this number.
pub(crate) fn block(number: u8) -> BlockId {
    [number; 32]
}

/// The first batch of a block.
pub(crate) fn batch(number: u8, parent: u8, calls: Vec<CallSpec>) -> Batch {
    Batch {
        block: block(number),
        parent: block(parent),
        part: 0,
        height: u64::from(number),
        time_us: 1_700_000_000_000_000,
        block_seed: block(parent),
        channel: "main".into(),
        calls,
        fresh: false,
        steps: u64::MAX,
        limits: CallLimits::MOST,
    }
}

/// A question about the state after a block.
pub(crate) fn query(snapshot: u8, method: &str) -> Query {
    Query {
        snapshot: block(snapshot),
        height: 1,
        time_us: 0,
        block_seed: [0; 32],
        channel: "main".into(),
        call: CallSpec { kind: CallKind::Query, ..call(method, &[0x80]) },
        limits: CallLimits::MOST,
    }
}

/// Runs the methods of a SCORE without arguments as one batch.
pub(crate) fn plain(methods: &[&str]) -> Vec<CallSpec> {
    methods.iter().map(|method| call(method, &[0x80])).collect()
}

/// Executes with patience and expects receipts.
pub(crate) async fn receipts(
    worker: &mut Worker,
    batch: Batch,
    state: &mut State,
) -> Vec<CallReceipt> {
    match worker.execute(batch, state, Instant::now() + PATIENCE).await {
        Outcome::Receipts(receipts) => receipts,
        Outcome::NoResult(reason) => panic!("no result: {reason}"),
    }
}

/// A small unsigned number as the SDK answers it.
pub(crate) fn number(receipt: &CallReceipt) -> u8 {
    assert_eq!(receipt.code, 0, "{}", String::from_utf8_lossy(&receipt.output));
    assert_eq!(receipt.output.len(), 1, "{:?}", receipt.output);
    receipt.output[0]
}
